"""One pixel taken apart: which directions, or sectors of slices, it tries, what closes them, and the light that each
brings. Their sum is the pixel before the blur.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu, Texture
from ssdo.render import guard_band, half_resolution, probes
from ssdo.render.bounce_sources import HIDDEN, Hidden, Senders
from ssdo.render.depth_layers import depths
from ssdo.render.environment_maps import around
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.pipeline import FrameResult
from ssdo.render.technique import LIGHTING_FORMAT, HemisphereTechnique, Technique, TechniqueInputs
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene.model import Floats

OPEN, CLOSED, LEAVES = 0, 1, 2  # what became of a direction; LEAVES: open, as far as the screen goes
SECTORS = 32  # of each slice, as shaders/common/sectors.glsl


@dataclass(frozen=True)
class Pixel:
    """Passed to shaders as `probe`."""

    pixel: tuple[float, float]  # its centre, from below, in pixels
    alike: bool  # an open direction brings its share of all light, as in SSAO
    bounces: bool  # what closes a direction sends


class Probe(NamedTuple):
    """n directions of a pixel, or sectors of its slices."""

    tries: str  # how many of what, in words
    directions: Floats  # (n, 3) world, unit
    open: Floats  # (n,) share of each that is open: of a direction all or nothing
    fates: Floats  # (n,) OPEN, CLOSED or LEAVES
    disc: Floats  # (n, 2) where each is seen from above the surface: cosine-weighted directions fill a disc evenly
    direct: Floats  # (n, 3) irradiance that each brings from the environment
    indirect: Floats  # (n, 3) from the surface that closes it
    # (n, 2) of those that are CLOSED: where that is seen, shares of the picture, from the lower left; the pixel itself:
    # by probes
    senders: Floats
    radius: float  # metres that each goes

    @property
    def sums(self) -> tuple[Floats, Floats, float]:
        """Irradiance from the environment, from surfaces, and the open share."""
        return self.direct.sum(0), self.indirect.sum(0), float(self.open.mean(dtype="f8"))


def probed(gpu: Gpu, p: FrameResult, x: int, y: int) -> Probe | None:
    """Of a picture's pixel, row 0 on top, or of the one beside it that was lit, at half the resolution; None on the
    background, and where the technique does not look at the screen.
    """
    technique = p.shot.technique
    view, size = p.lit_view.padded or p.lit_view, p.display.size
    if p.shot.lighting.half:
        x, y = half_resolution.place(size, x, y)
    if not technique.sample_param or gpu.pixel(p.lit_view.gbuffer.depth, x, y)[0] >= BACKGROUND:
        return None
    values, (left, below) = technique.values(), guard_band.first(view)
    with gpu.scope("probe"):
        pixel = Pixel(
            (left + x + 0.5, below + p.lit_view.size[1] - y - 0.5),
            not isinstance(technique, Ssdo),
            values.get("bounce", False),
        )
        given: dict[str, Any] = {
            "probe": pixel,
            "frame": view.frame,
            "gbuffer": view.gbuffer,
            "environment": view.environment,
        }
        given |= {"sender": _senders(gpu, p), "hidden": _hidden(gpu, p)} | probes.given(gpu, view)
        shader, more = _taken_apart(gpu, view, technique)
        each = 1 if isinstance(technique, HemisphereTechnique) else SECTORS
        into = gpu.target("probe", (technique.sample_count * each, 1), *[LIGHTING_FORMAT] * 4)
        one, direct, indirect, place = (gpu.read(t)[0] for t in gpu.draw(shader, into, **given, **more))
    place[:, :2] = guard_band.inside(view, place[:, :2])
    if p.shot.lighting.half:
        place[:, :2] = half_resolution.whole(size, place[:, :2])
    shown = np.float32(values.get("direct", True))
    tries = technique.count_text + f" of {each} sectors" * (each > 1)
    return Probe(
        tries,
        one[:, :3],
        direct[:, 3],
        np.rint(one[:, 3]),
        place[:, 2:],
        direct[:, :3] * shown,
        indirect[:, :3],
        place[:, :2],
        values["radius"],
    )


def _taken_apart(gpu: Gpu, view: TechniqueInputs, technique: Technique) -> tuple[str, dict[str, Any]]:
    """The shader that takes a technique's pixel apart, and what it reads besides."""
    match technique:
        case Gtao():
            return "passes/inspect_horizons.frag", {"gtao": technique}
        case Bitmask():
            depth = {"inverse_depth": depths(gpu, view, technique.depth_layers, technique.thickness, technique.bounce)}
            return "passes/inspect_sectors.frag", depth | {
                "bitmask": technique,
                "environment_around": around(gpu, view.sky, technique.seen),
            }
        case Ssdo():
            ssdo = technique
        case _:  # SSAO tries the same directions
            ssdo = Ssdo(**{f.name: getattr(technique, f.name) for f in fields(HemisphereTechnique)})
    given: dict[str, Any] = {
        "ssdo": ssdo,
        "batch": ssdo.batches[0],
        "environment_around": around(gpu, view.sky, ssdo.seen),
    }
    return "passes/inspect_directions.frag", given | {
        "inverse_depth": depths(gpu, view, ssdo.depth_layers, ssdo.thickness, technique is ssdo and ssdo.bounce)
    }


def _senders(gpu: Gpu, p: FrameResult) -> Senders:
    """What light leaves what is seen, as the technique drew it; where it drew none, anything, as it has no weight."""
    return Senders(*_target(gpu, p, "senders"))


def _hidden(gpu: Gpu, p: FrameResult) -> Hidden:
    """The same of what lies behind."""
    return Hidden(*(texture for name in HIDDEN for texture in _target(gpu, p, f"senders.{name}")))


def _target(gpu: Gpu, p: FrameResult, name: str) -> tuple[Texture, ...]:
    """The two textures of that name beside which the picture was drawn."""
    slot = next((found.partition("/")[0] for found, target in gpu.targets.items() if p.radiance in target.textures), "")
    target = gpu.targets.get(f"{slot}/{name}")
    return target.textures if target else (p.radiance, p.radiance)
