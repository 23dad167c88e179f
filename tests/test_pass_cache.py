"""The pass cache: unchanged passes are skipped, changed ones are drawn. Frames equal uncached ones bit for bit."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import sys
import weakref
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from field_changes import FieldChange, list_changes
from parameter_values import Parameter, list_parameters
from render_small import SMALL, register_scene
from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Target, Texture
from ssdo.gpu.timer import PassTimer
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import FrameResult, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.scene.model import DirectionalLight, ImageTexture, Material, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.viewer.render_scheduler import PAIR, RenderScheduler
from tiny_scene import SCENE, TINY, make_pixels, make_tiny_scene, register_tiny_assets

CACHED_PASSES = ("gbuffer", "sun:diffuse", "punctual_lights:diffuse")


def build_lit_box(albedo: float = 0.5, height: float = 1.0) -> Scene:
    """A box on a floor, lit by the sun and two point lights."""
    material = Material((albedo, 0.5, 0.5))
    floor = make_quad((-4, 0, 4), (4, 0, 4), (4, 0, -4), (-4, 0, -4), material)
    box = make_box((-1, 0, -1), (0, height, 0), material)
    lights = (PunctualLight((1.5, 2.0, 1.0), (3.0, 3.0, 2.0)), PunctualLight((-2.0, 2.0, 1.0), (1.0, 2.0, 3.0)))
    sun = DirectionalLight(120.0, 40.0, 4.0)
    return Scene((floor, box), (2.0, 2.5, 5.0), (0.0, 0.4, 0.0), 45.0, sun, "sky", lights=lights)


register_scene("lit", build_lit_box)
register_scene("lit, red", lambda: build_lit_box(0.9))
register_scene("lit, low", lambda: build_lit_box(height=0.3))

BASE = SMALL | {"scene": "lit", "technique": "off", "lights.resolution": 64, "sun.resolution": 256}


class PassRecorder(PassTimer):
    """Records the names of drawn passes."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__(gpu.ctx)
        self.drawn_passes: list[str] = []

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        self.drawn_passes.append(name)
        yield


@pytest.fixture
def recorder(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> PassRecorder:
    """Records the passes of `gpu`, whose cache is empty."""
    recorder = PassRecorder(gpu)
    gpu.pass_cache.invalidate()
    monkeypatch.setattr(gpu, "timer", recorder)
    return recorder


def render_and_record(gpu: Gpu, shot: Shot, index: int = 0) -> tuple[list[str], dict[str, Floats]]:
    """Which of CACHED_PASSES a frame drew, and its arrays."""
    assert isinstance(gpu.timer, PassRecorder)
    gpu.timer.drawn_passes.clear()
    result = render_frame(gpu, shot, index)
    return [name for name in gpu.timer.drawn_passes if name in CACHED_PASSES], read_arrays(gpu, result)


def read_arrays(gpu: Gpu, result: FrameResult) -> dict[str, Floats]:
    textures = result.inputs.gbuffer._asdict()
    textures |= {"direct lighting": result.inputs.direct_lighting.irradiance, "display": result.display}
    return {name: gpu.read(texture) for name, texture in textures.items() if texture is not None}


def are_equal(a: dict[str, Floats], b: dict[str, Floats]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


SUN = {"sun:diffuse", "punctual_lights:diffuse"}  # punctual lights are added to the sun's light
# by what changes: values, and the passes to draw again
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "camera": ({"camera.eye": (1.0, 2.5, 5.0)}, set(CACHED_PASSES)),
    "field of view": ({"camera.fov": 30.0}, set(CACHED_PASSES)),
    "scene": ({"scene": "lit, low"}, set(CACHED_PASSES)),
    "another scene's material": ({"scene": "lit, red"}, set(CACHED_PASSES)),
    "material": ({"material_override": "clay"}, set(CACHED_PASSES)),
    "size": ({"width": 80}, set(CACHED_PASSES)),
    "sun's direction": ({"sun.azimuth": 200.0}, SUN),
    "sun's size": ({"sun.angular_diameter": 5.0}, SUN),
    "sun's irradiance": ({"sun.irradiance": 2.0}, SUN),
    "sun's shadow map": ({"sun.resolution": 512}, SUN),
    "lights": ({"lights.intensity": 2.0}, {"punctual_lights:diffuse"}),
    "shadows of lights": ({"lights.shadows": 1}, {"punctual_lights:diffuse"}),
    "shadow maps of lights": ({"lights.resolution": 128}, {"punctual_lights:diffuse"}),
    "technique": ({"technique": "ssao"}, set()),
    "sky": ({"sky.rotation": 90.0, "sky.intensity": 2.0}, set()),
    "seed": ({"seed": 7}, set()),
    "exposure": ({"display.exposure": 1.0}, set()),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.usefixtures("recorder")
def test_44_a_change_draws_only_the_passes_it_affects(gpu: Gpu, change: str) -> None:
    values, affected = CHANGES[change]
    shot = Shot().with_values(BASE)
    changed_shot = shot.with_values(values)
    gpu.pass_cache.invalidate()
    _, uncached = render_and_record(gpu, changed_shot)
    _, original = render_and_record(gpu, shot)
    passes, changed = render_and_record(gpu, changed_shot)
    passes_back, restored = render_and_record(gpu, shot)
    assert set(passes) == set(passes_back) == affected and len(passes) == len(affected)
    assert are_equal(changed, uncached) and are_equal(restored, original)
    # neither technique nor seed changes these arrays
    assert change in ("technique", "seed") or not are_equal(changed, original)


@pytest.mark.usefixtures("recorder")
def test_44_the_sun_is_switched_off_and_on(gpu: Gpu) -> None:
    shot = Shot().with_values(BASE)
    _, with_sun = render_and_record(gpu, shot)
    _, without_sun = render_and_record(gpu, shot.with_values({"sun.irradiance": 0.0}))
    assert not are_equal(with_sun, without_sun)
    assert are_equal(render_and_record(gpu, shot)[1], with_sun)


def test_44_unchanged_passes_are_drawn_once(gpu: Gpu, recorder: PassRecorder) -> None:
    """In later frames, in accumulated frames, and in another scope, to which the result is copied."""
    shot = Shot().with_values(BASE)
    passes, original = render_and_record(gpu, shot)
    assert set(passes) == set(CACHED_PASSES)
    assert render_and_record(gpu, shot)[0] == [] and render_and_record(gpu, shot, 1)[0] == []
    recorder.drawn_passes.clear()
    render_all_frames(gpu, replace(shot, accumulated_frames=8))
    assert not set(recorder.drawn_passes) & set(CACHED_PASSES) and recorder.drawn_passes.count("off") == 8
    with gpu.scope("other"):
        passes, copied = render_and_record(gpu, shot)
        assert passes == [] and are_equal(copied, original)
        passes, _ = render_and_record(gpu, shot.with_values({"camera.fov": 30.0}))
        assert set(passes) == set(CACHED_PASSES)
        gpu.free_unused()
        gpu.free_unused()
    assert render_and_record(gpu, shot)[0] == []  # the other scope has its own copy


@pytest.mark.usefixtures("recorder")
def test_44_an_overwritten_target_is_drawn_again(gpu: Gpu) -> None:
    shot = Shot().with_values(BASE)
    _, original = render_and_record(gpu, shot)
    gpu.clear(gpu.targets["sun"])
    assert set(render_and_record(gpu, shot)[0]) == SUN
    gpu.clear(gpu.targets["gbuffer"])
    passes, redrawn = render_and_record(gpu, shot)
    assert set(passes) == set(CACHED_PASSES) and are_equal(redrawn, original)


def test_44_reloaded_shaders_draw_again(gpu: Gpu, tmp_path: Path) -> None:
    text = "out vec4 c;\nvoid main() { c = vec4(0.25, 0.5, 0.75, 1.0); }\n"
    local_gpu = Gpu(gpu.ctx, folders=(tmp_path,))
    target = local_gpu.target("t", (2, 2), "rgba32f")
    for green in ("0.5", "0.125"):
        (tmp_path / "x.frag").write_text(text.replace("0.5", green))
        assert not local_gpu.reload_shaders()
        assert local_gpu.read(local_gpu.draw("x.frag", target, cache=True)[0])[0, 0, 1] == float(green)


def test_44_cached_passes_keep_their_times(gpu: Gpu) -> None:
    """A measured frame draws all passes. A later frame lists its cached passes with their last times."""
    shot = Shot().with_values(BASE)
    render_frame(gpu, shot)
    times = measure_passes(gpu, lambda: render_frame(gpu, shot), 3)
    assert set(CACHED_PASSES) < set(times) and all(len(t) == 3 for t in times.values())
    gpu.timer.enabled = True
    try:
        for _ in range(8 if not gpu.is_software_renderer else 1):
            gpu.timer.begin_frame()
            gpu.pass_cache.invalidate()
            render_frame(gpu, shot)
        uncached = gpu.timer.samples
        gpu.timer.begin_frame()
        render_frame(gpu, shot)
        cached = gpu.timer.samples
    finally:
        gpu.timer.enabled = False
    assert set(cached) == set(uncached) and all(cached[name] == uncached[name] for name in CACHED_PASSES)


def test_44_a_pass_that_another_timer_measured_is_listed_without_a_time(gpu: Gpu) -> None:
    """Both timers list the same passes, in drawing order."""
    shot = Shot().with_values(BASE)
    render_frame(gpu, shot)
    first, second = PassTimer(gpu.ctx), PassTimer(gpu.ctx)
    previous = gpu.timer
    try:
        gpu.pass_cache.invalidate()
        for gpu.timer in (first, second):
            gpu.timer.enabled = True
            gpu.timer.begin_frame()
            render_frame(gpu, shot)
    finally:
        gpu.timer = previous
    assert list(first.last_frame) == list(second.last_frame)
    assert {name for name, ms in second.last_frame.items() if ms is None} >= set(CACHED_PASSES)
    assert not first.is_software_renderer or None not in first.last_frame.values()


def test_44_both_slots_of_the_viewer_have_the_time_of_whole_frames(gpu: Gpu) -> None:
    """Also the slot whose G-buffer and direct lighting are copied."""
    scheduler, shot = RenderScheduler(gpu, lambda: 0.0), Shot().with_values(BASE)
    try:
        for fov in range(30, 40):
            for slot in PAIR:
                scheduler.draw(slot, shot.with_values({"camera.fov": float(fov)}), 1.0)
        a, b = (scheduler.renders[slot].times for slot in PAIR)
        samples_a, samples_b = ({**times.lighting.samples, **times.shared.samples} for times in (a, b))
        assert set(samples_a) == set(samples_b) >= set(CACHED_PASSES)
        if gpu.is_software_renderer:  # timer queries answer later
            assert all(samples_a.values()) and all(samples_b.values())
            assert not b.timer.samples.get("gbuffer"), "copied"
    finally:
        for slot in PAIR:
            with gpu.scope(slot):
                gpu.free_unused()
                gpu.free_unused()


LOW_MEMORY_VALUES: tuple[dict[str, Any], ...] = (
    {"technique": "off"},
    {"technique": "ssao", "lighting.resolution": "half", "guard_band.size": 0.25},
    {"technique": "ssdo", "lighting.resolution": "half"},
    {"technique": "ssdo", "ssdo.depth_layers": "2", "probes.enabled": True},
    {"technique": "gtao", "guard_band.size": 0.25},
    {"technique": "bitmask", "scene": "parlour"},
    {"technique": "reference", "denoise.radius": 0},
)


@pytest.mark.slow
@pytest.mark.parametrize("values", LOW_MEMORY_VALUES, ids=str)
@pytest.mark.usefixtures("recorder")
def test_low_memory_changes_no_pixel(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    shot = Shot().with_values(BASE | {"scene": "cornell"} | values)

    def render() -> list[Floats]:
        result = render_frame(gpu, shot)
        textures = (*result.lighting, *result.unfiltered, result.radiance, result.display)
        return [gpu.read(texture) for texture in textures if texture is not None]

    expected = render()
    monkeypatch.setattr(gpu, "low_memory", True)
    for actual, reference in zip(render(), expected, strict=True):
        np.testing.assert_array_equal(actual, reference)


@pytest.mark.usefixtures("recorder")
def test_low_memory_frees_textures_that_no_later_pass_reads(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    textures: dict[str, list[weakref.ref[Texture]]] = {}
    create = gpu.target

    def record_target(name: str, *layout: Any, **options: Any) -> Target:
        target = create(name, *layout, **options)
        textures[name] = [weakref.ref(texture) for texture in target.textures]
        return target

    gpu.free_unused()
    gpu.free_unused()
    monkeypatch.setattr(gpu, "target", record_target)
    monkeypatch.setattr(gpu, "low_memory", True)
    result = render_frame(gpu, Shot().with_values(BASE | {"technique": "ssdo", "denoise.radius": 2}))
    exists = {name: [texture() is not None for texture in references] for name, references in textures.items()}
    for name in ("bounce_sources", "inverse_depth", "denoise.horizontal"):
        assert not any(exists[name]), name
    assert exists["ssdo.direct"] == [True, False]
    for name in ("gbuffer", "punctual_lights", "ssdo.indirect", "denoise.vertical", "radiance"):
        assert all(exists[name]), name
    width, height = result.inputs.size
    assert gpu.target_bytes == width * height * (16 + 4) + 2 * 4


# ---- every parameter ----

# Small, and with everything that is kept across frames: shadow maps, probes, ray scenes, environment maps, a history.
FULL: dict[str, Any] = TINY | {"lights.shadows": 1, "sky.rotation": 40.0, "temporal.history_length": 2}
FULL["denoise.max_normal_angle"] = 60.0  # the planes of the fence and of the box differ in their distance, too
OF_TECHNIQUE: dict[str, dict[str, Any]] = {
    "ssdo": {"ssdo.samples": 4, "probes.enabled": True, "probes.grid_size": 2, "probes.octahedral_size": 4},
    "bitmask": {"probes.enabled": True, "probes.grid_size": 2, "probes.octahedral_size": 4},
    "ssao": {"ssao.depth_layers": "2"},
    "reference": {"accumulated_frames": 2},
}
OTHER_VALUES: dict[str, Any] = {
    "scene": "lit",
    "environment": "ramp-x",
    "time": 1.0,
    "width": 25,
    "height": 17,
    "camera.eye": (-2.0, 2.0, 4.0),  # nearer to another light, whose shadow map replaces the first one's
    "camera.target": (0.5, 0.4, 0.0),
    "camera.projection": "orthographic",
    "background": "blurred",
    "accumulated_frames": 3,
}
# Parameters that change no pixel.
NO_EFFECT = {
    "time": "the scene is not animated",
    "up": "the scene is built in",
    "camera.height": "the camera is perspective",
    "background_color": "the background is the environment",
}
NO_EFFECT_ON_THE_REFERENCE = {
    "guard_band": "it is for screen-space techniques",
    "probes": "it traces every path itself",
    "lighting": "it has the full resolution",
    "temporal": "it averages its frames",
    "denoise.guide": "it has no samples whose variance is known",
}


def choose_other(parameter: Parameter, current: Any) -> Any:
    """A value near the current one."""
    if parameter.name in OTHER_VALUES:
        return OTHER_VALUES[parameter.name]
    p, kind = parameter.param, parameter.kind
    if kind is bool:
        return not current
    if kind is str:
        return next(choice for choice in p.choices if choice != current)
    if kind is tuple:
        return (0.5, 0.6, 0.7)
    assert p.min is not None and p.max is not None
    if kind is int:
        return current + p.step if current < p.max else current - p.step
    if current is None:
        return min(max(0.7, p.min), p.max)
    return min(8 * current, p.max) if 0 < current < p.max else 0.25 * p.max


def list_changed_shots() -> Iterator[tuple[str, Shot, Shot]]:
    """Every parameter, a shot of a technique that has it, and the same shot with another value."""
    for parameter in list_parameters():
        groups = [parameter.technique] if parameter.technique else ["ssdo", "reference"]
        for group in groups:
            shot = Shot().with_values({"technique": group, **FULL, **OF_TECHNIQUE.get(group, {})})
            other = choose_other(parameter, shot.values().get(parameter.name))
            yield parameter.name, shot, shot.with_values({parameter.name: other})


def read_everything(gpu: Gpu, shot: Shot) -> dict[str, Floats]:
    """All textures of a shot's last frame."""
    result = render_all_frames(gpu, shot)
    textures = {"radiance": result.radiance, "display": result.display}
    for group in (result.lighting, result.unfiltered, result.inputs.gbuffer, result.inputs.direct_lighting):
        textures |= {f"{type(group).__name__}.{name}": texture for name, texture in group._asdict().items()}
    return {name: gpu.read(texture) for name, texture in textures.items() if texture is not None}


def make_fresh_gpu(gpu: Gpu) -> Gpu:
    """Without anything that is kept across frames, but with the same programs."""
    for name, module in list(sys.modules.items()):
        if name.startswith("ssdo.render."):
            for function in vars(module).values():
                if isinstance(function, functools._lru_cache_wrapper) and function.cache_parameters()["maxsize"]:
                    function.cache_clear()
    fresh_gpu = Gpu(gpu.ctx)
    fresh_gpu.shaders = gpu.shaders
    for program in gpu.shaders.programs.values():
        program.uploaded.clear()
    return fresh_gpu


@pytest.mark.slow
def test_nothing_stale_is_drawn_after_a_change_of_any_parameter(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor after it is changed back; in one scope, and in another to which results are copied, as in the viewer."""
    register_tiny_assets(monkeypatch)
    warm_gpu = make_fresh_gpu(gpu)
    expected: dict[Shot, dict[str, Floats]] = {}
    without_effect: set[tuple[str, bool]] = set()
    for name, shot, changed_shot in list_changed_shots():
        for s in (shot, changed_shot):
            if s not in expected:
                expected[s] = read_everything(make_fresh_gpu(gpu), s)
        for scope, s in (("A", shot), ("A", changed_shot), ("B", changed_shot), ("B", shot)):
            with warm_gpu.scope(scope):
                actual = read_everything(warm_gpu, s)
            wrong = [key for key in actual if not np.array_equal(actual[key], expected[s][key])]
            assert actual.keys() == expected[s].keys() and not wrong, (name, s.technique.group, scope, wrong)
        if are_equal(expected[shot], expected[changed_shot]):
            without_effect.add((name, shot.technique.progressive))
    assert {name for name, is_reference in without_effect if not is_reference} == NO_EFFECT.keys()
    for name in {name for name, is_reference in without_effect if is_reference} - NO_EFFECT.keys():
        assert {name, name.partition(".")[0]} & NO_EFFECT_ON_THE_REFERENCE.keys(), name


FIELDS_WITHOUT_EFFECT = {
    "name": "a label",
    "warnings": "about the file",
    "environment": "the shot has another",
}


# Of a coat: it is drawn where its surface is, and this one has no normal, emission or occlusion map.
UNUSED_COAT_FIELDS = {"has_tinted_emission", "normal_scale", "occlusion_strength", "alpha_cutoff", "double_sided"}


def list_visible_changes(scene: Scene) -> list[FieldChange]:
    """A change of each field: of the mesh with an alpha mask, and of the spot light, where there are several."""
    changes: dict[str, FieldChange] = {}
    for change in list_changes(scene, is_strong=True):
        field = re.sub(r"\d+", "", change.path)
        if field not in changes or change.path.startswith(("meshes[1]", "lights[2]")):
            changes[field] = change
    return list(changes.values())


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["ssao", "reference"])
def test_nothing_stale_is_drawn_after_a_change_of_any_field_of_the_scene(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, technique: str
) -> None:
    """The scene's name and the shot stay the same, as when a file changes."""
    register_tiny_assets(monkeypatch)
    shot = Shot().with_values(FULL | OF_TECHNIQUE.get(technique, {}) | {"technique": technique, "occlusion_maps": True})
    warm_gpu = make_fresh_gpu(gpu)

    def draw(each_gpu: Gpu, scene: Scene) -> dict[str, Floats]:
        register_scene(SCENE, lambda: scene)
        return read_everything(each_gpu, shot)

    scene = make_tiny_scene()
    expected = draw(make_fresh_gpu(gpu), scene)
    without_effect: set[str] = set()
    for change in list_visible_changes(scene):
        changed = draw(warm_gpu, change.value)
        assert are_equal(changed, draw(make_fresh_gpu(gpu), change.value)), change.path
        assert are_equal(draw(warm_gpu, replace(scene)), expected), change.path
        if are_equal(changed, expected) and not (".coat." in change.path and change.fields[-1] in UNUSED_COAT_FIELDS):
            without_effect.add(change.fields[-1])
    # At few pixels another penumbra is seen only in what the reference's paths meet, as are the backs of emitters.
    unseen = {"angular_diameter", "double_sided"} if technique == "ssao" else set()
    assert without_effect == FIELDS_WITHOUT_EFFECT.keys() | unseen


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["off", "reference"])
def test_sharing_an_image_changes_nothing(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, technique: str) -> None:
    """Uploaded once for each way to read it: as colour or as numbers, repeated or clamped in either direction."""
    register_tiny_assets(monkeypatch)
    pixels = make_pixels(7, alpha=(128, 256))

    def build(share: bool) -> Scene:
        clamps = itertools.cycle([(False, False), (True, False), (False, True), (True, True)])

        def texture() -> ImageTexture:
            return ImageTexture(
                pixels if share else pixels.copy(), 1, ((2.5, 0.0, -0.7), (0.0, 2.5, -0.7)), next(clamps)
            )

        meshes = []
        for mesh in make_tiny_scene().meshes:
            names = [f.name for f in fields(Material) if f.name.endswith("_texture")]
            textures: dict[str, Any] = {name: texture() for name in names}
            meshes.append(replace(mesh, material=replace(mesh.material, **textures)))
        return replace(make_tiny_scene(), meshes=tuple(meshes))

    values = {"technique": technique, "occlusion_maps": True}
    expected, actual = (
        read_everything(make_fresh_gpu(gpu), Shot().with_values(TINY | values | {"scene": name}))
        for name in (register_scene("copied", lambda: build(False)), register_scene("shared", lambda: build(True)))
    )
    assert are_equal(actual, expected)
