"""The experiments that the panel offers: rotation of the environment, samples, radius."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ssdo.measure.metrics import LUMINANCE
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.screen_space import MAX_LENGTH, MIN_LENGTH
from ssdo.render.technique import DEFAULT_STEPS
from ssdo.viewer import outcomes
from ssdo.viewer.experiments import Experiment
from ssdo.viewer.plot_axes import Axis
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session

ROTATIONS = tuple(range(0, 361, 15))  # degrees
SAMPLE_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
RADIUS_FACTORS = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
FIXED_COST_IN_SAMPLES = 16  # samples that take as long as the passes of a frame without samples, roughly
UNFILTERED = {"denoise.radius": 0, "lighting.resolution": "full"}
ERROR_AXIS = Axis("RMSE against the reference (radiance)", "log10")


def rotate_environment(session: Session) -> Experiment:
    """Rotate the environment by 360 degrees. The light of SSAO stays constant, that of SSDO changes."""

    def apply(session: Session, degrees: float) -> None:
        for slot in PAIR:
            session.change({"sky.rotation": degrees}, slot)

    return Experiment(
        "environment rotation",
        "Rotates the environment by 360 degrees. Measures the fraction of its light that reaches surfaces. "
        "Ambient occlusion dims all directions alike; directional occlusion does not.",
        Axis("rotation (degrees)", tick_steps=(15, 30, 45, 90, 180, 360)),
        Axis("visible fraction of the environment's light", tick_steps=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)),
        ROTATIONS,
        apply,
        measure_visible_light,
        lambda experiment: outcomes.describe_rotation(experiment.labels, experiment.curves),
    )


def sweep_samples(session: Session) -> Experiment:
    """1 to 128 samples without the denoiser. Slice techniques skip counts below the fetches of one slice."""

    def apply(session: Session, count: float) -> None:
        for slot, technique in session.slots.techniques.items():
            session.slots.techniques[slot] = technique.with_budget(int(count))

    def prepare(session: Session) -> None:
        for slot in PAIR:
            session.change(UNFILTERED, slot)

    techniques = [technique for technique in session.slots.techniques.values() if technique.sample_param]
    counts = [n for n in SAMPLE_COUNTS if all(t.with_budget(n) != t.with_budget(2 * n) for t in techniques)]
    has_one_kind = len({technique.sample_param for technique in techniques}) < 2
    x_label = "samples per pixel" if has_one_kind else f"samples per pixel, or slices of {DEFAULT_STEPS} fetches each"
    hint = _suggest_probes(session)
    return Experiment(
        "sample sweep",
        "Varies the samples, without the denoiser. Solid: error against the reference. "
        "Dashed: noise, the distance to the technique's own converged result. "
        "Noise falls with samples; the error stops at the technique's bias.",
        Axis(x_label, "log2"),
        ERROR_AXIS,
        counts,
        apply,
        measure_rmse,
        lambda experiment: outcomes.describe_samples(experiment.labels, experiment.curves, experiment.noise, hint),
        prepare=prepare,
        cost=lambda count: FIXED_COST_IN_SAMPLES + count,
        uses_reference=True,
        measures_noise=True,
    )


def _suggest_probes(session: Session) -> str:
    """What would reduce the bias of a technique that can use probes, and does not."""
    slots = [slot for slot in PAIR if session.slots.techniques[slot].uses_probes]
    if not any(not session.shot(slot).probes.enabled for slot in slots):
        return ""
    names = dict.fromkeys(session.slots.mode_label(slot) for slot in slots)
    return f"Probes light what the screen does not show: enable them for {' and '.join(names)}, and run this again."


def sweep_radius(session: Session) -> Experiment:
    """1/16 to 4 times the radius of B, or of A if B has none."""

    def apply(session: Session, metres: float) -> None:
        for slot, technique in session.slots.techniques.items():
            if technique.sample_param:
                session.slots.techniques[slot] = technique.with_values({"radius": metres})

    length_scale = session.scene.length_scale
    resolved = [session.slots.techniques[slot].resolve_lengths(length_scale).values() for slot in ("B", "A")]
    radius = next((values["radius"] for values in resolved if "radius" in values), length_scale)
    steps = [round(radius * f, 6) for f in RADIUS_FACTORS if MIN_LENGTH <= radius * f <= MAX_LENGTH]
    return Experiment(
        "radius sweep",
        "Varies how far away an occluder may be. Measures the error against the reference, which has no such limit. "
        "A small radius misses occluders; a large one has few steps per metre.",
        Axis("radius (m)", "log10"),
        ERROR_AXIS,
        steps,
        apply,
        measure_rmse,
        lambda experiment: outcomes.describe_radius(experiment.labels, experiment.curves),
        uses_reference=True,
    )


EXPERIMENTS: Mapping[str, Callable[[Session], Experiment]] = {  # by the label of the button
    "rotate environment": rotate_environment,
    "samples": sweep_samples,
    "radius": sweep_radius,
}


def measure_visible_light(session: Session, slot: Slot) -> float:
    """Fraction of the environment's light that reaches the surfaces, by luminance, mean over surfaces."""
    result = session.renders[slot].result
    assert result
    unoccluded_texture = session.view_renderer.buffers(slot)["unoccluded light"]().texture
    is_surface = session.gpu.read(result.inputs.gbuffer.depth)[..., 0] < BACKGROUND_DEPTH
    direct, unoccluded = (
        session.gpu.read(texture)[is_surface][:, :3] @ LUMINANCE
        for texture in (result.lighting.direct, unoccluded_texture)
    )
    has_light = unoccluded > 0
    return float((direct[has_light] / unoccluded[has_light]).mean()) if has_light.any() else float("nan")


def measure_rmse(session: Session, slot: Slot) -> float:
    """RMSE against the reference, corrected for the reference's noise; NaN before there is one."""
    error = session.metrics.rmse(slot)
    return float("nan") if error is None else error
