"""One pixel taken apart: which directions it tries, what closes them, and the light that each brings. Their sum is the pixel before the blur."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from app import far_field, half
from app.gbuffer import BACKGROUND, inverse_depth
from app.gpu import Gpu
from app.light import around
from app.pipeline import Picture
from app.scene import Floats
from app.senders import Senders
from app.technique import LIGHTING_FORMAT, ScreenSpace
from app.techniques.ssdo import Ssdo

OPEN, CLOSED, LEAVES = 0, 1, 2  # what became of a direction; LEAVES: open, as far as the screen goes


@dataclass(frozen=True)
class Pixel:
    """Passed to shaders/probe.frag as `probe`."""

    pixel: tuple[float, float]  # its centre, from below, in pixels
    alike: bool  # an open direction brings its share of all light, as in SSAO


class Probe(NamedTuple):
    """n directions of a pixel."""

    directions: Floats  # (n, 3) world, unit
    fates: Floats  # (n,) OPEN, CLOSED or LEAVES
    disc: Floats  # (n, 2) where each is seen from above the surface: cosine-weighted directions fill a disc evenly
    direct: Floats  # (n, 3) irradiance that each brings from the environment
    indirect: Floats  # (n, 3) from the surface that closes it
    senders: Floats  # (n, 2) of those that are CLOSED: where that is seen, shares of the picture, from the lower left; the pixel itself: by probes
    radius: float  # metres that each goes

    @property
    def sums(self) -> tuple[Floats, Floats, float]:
        """Irradiance from the environment, from surfaces, and the open share."""
        return self.direct.sum(0), self.indirect.sum(0), float((self.fates != CLOSED).mean())


def probed(gpu: Gpu, p: Picture, x: int, y: int) -> Probe | None:
    """Of a picture's pixel, row 0 on top, or of the one beside it that was lit, at half the resolution; None on the background, and where the
    technique tries no directions in screen space."""
    technique = p.shot.technique
    view, size = p.given, p.image.size
    if p.shot.lighting.half:
        x, y = half.place(size, x, y)
    if not isinstance(technique, ScreenSpace) or technique.radius is None or gpu.pixel(view.gbuffer.depth, x, y)[0] >= BACKGROUND:
        return None
    alike = not isinstance(technique, Ssdo)
    ssdo = technique if isinstance(technique, Ssdo) else Ssdo(**{f.name: getattr(technique, f.name) for f in fields(ScreenSpace)})
    bounces = isinstance(technique, Ssdo) and technique.bounce
    with gpu.scope("probe"):
        into = gpu.target("probe", (technique.samples, 1), *[LIGHTING_FORMAT] * 4)
        pixel = Pixel((x + 0.5, view.size[1] - y - 0.5), alike)
        given: dict[str, Any] = {"probe": pixel, "ssdo": replace(ssdo, bounce_gain=ssdo.bounce_gain if bounces else 0.0), "frame": view.frame}
        given |= {"gbuffer": view.gbuffer, "environment": view.environment, "light": p.raw, "sender": _senders(gpu, p)}
        given |= {"batch": ssdo.batches[0], "environment_around": around(gpu, view.sky, ssdo.seen)}
        given |= {"inverse_depth": inverse_depth(gpu, view.frame, view.gbuffer)} | far_field.given(gpu, view)
        one, direct, indirect, place = (gpu.read(t)[0] for t in gpu.draw("probe.frag", into, **given))
    if p.shot.lighting.half:
        place[:, :2] = half.whole(size, place[:, :2])
    shown = 1.0 if not isinstance(technique, Ssdo) or technique.direct else 0.0
    return Probe(one[:, :3], np.rint(one[:, 3]), place[:, 2:], direct[:, :3] * np.float32(shown), indirect[:, :3], place[:, :2], technique.radius)


def _senders(gpu: Gpu, p: Picture) -> Senders:
    """What light leaves what is seen, as the technique drew it; where it drew none, anything, as it has no weight."""
    slot = next((name.partition("/")[0] for name, target in gpu.targets.items() if p.radiance in target.textures), "")
    target = gpu.targets.get(f"{slot}/senders")
    return Senders(*target.textures) if target else Senders(p.radiance, p.radiance)
