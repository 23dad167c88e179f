"""The guard band: what lies just outside of the picture is drawn too, so that it closes directions and sends light
(Ritschel et al. 2009).

A technique is given a larger view and lights the picture in its middle; what it answers is picked out, bit for bit, and
nothing after it knows of a band. Blur and memory stay within the picture, as there is no light outside. What leaves the
band is unknown as before, as is all behind the camera.

RMSE with none, 0.125 and 0.25; mean of scenes/cameras.py (160 x 90, a radius of 15 % of the scene's size, 4 frames of
64 directions of 32 points), against rays as long: SSDO's direct light (over pi) 0.0543, 0.0492, 0.0491, in the outer
tenth of the height 0.0564, 0.0403, 0.0400; its bounce 0.0398, 0.0361, 0.0358; radiance 0.0314, 0.0303, 0.0303; the
bitmask's the same within 0.0015. Radiance against rays without end: 0.1233, 0.1216, 0.1214. SSAO's direct light 0.0725,
0.0700, 0.0702, but its radiance 0.0600, 0.0624, 0.0625: what closes more should send more, and it has no bounce.

Processor time of SSDO in the courtyard at 1280 x 720 on llvmpipe, of 1600 ms: 200 and 260 more with 0.125 and 0.25
(G-buffer 36 and 40, sun 42 and 84, senders 43 and 71, the rest for picking), of which 80 and 100 while nothing moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.render import subsample
from ssdo.render.frame_uniforms import FrameUniforms, widened
from ssdo.render.subsample import Pick
from ssdo.render.technique import Lighting, TechniqueInputs
from ssdo.scene.model import Floats
from ssdo.settings import Settings, param

# pixels: the sampling tile at half the resolution, so that each pixel takes the samples that it takes without a band
TILES = 8


@dataclass(frozen=True)
class GuardBand(Settings):
    """What is drawn around the picture for techniques to find there."""

    group: ClassVar[str] = "guard_band"

    size: float = param(
        0.0,
        0.0,
        0.5,
        "how much farther than the picture techniques look on each side, as a share of its height; drawn in whole tiles of 8 px",
    )

    def pixels(self, height: int) -> int:
        """How wide it is."""
        return TILES * math.ceil(self.size * height / TILES)


def around(frame: FrameUniforms, band: int) -> FrameUniforms:
    """The frame of a picture and its band of so many pixels."""
    return widened(frame, band) if band else frame


def inner(gpu: Gpu, wide: TechniqueInputs, frame: FrameUniforms, band: int) -> TechniqueInputs:
    """What is seen in the picture itself, of what is seen with its band."""
    if not band:
        return wide
    lit = (band, band, int(frame.size[0]), int(frame.size[1]))
    return subsample.view(gpu, wide, Pick((band, band), 1), frame, "inner")._replace(padded=wide._replace(scissor=lit))


def first(view: TechniqueInputs) -> tuple[int, int]:
    """The pixel, from the lower left, at which the picture itself begins in what a technique is given."""
    return view.scissor[:2] if view.scissor else (0, 0)


def inside(view: TechniqueInputs, uv: Floats) -> Floats:
    """Places in what a technique is given, (n, 2) shares of it, as shares of the picture itself: below 0 and above 1 in
    its band.
    """
    if view.scissor is None:
        return uv
    found: Floats = (uv * np.array(view.size, "f4") - np.array(view.scissor[:2], "f4")) / np.array(
        view.scissor[2:], "f4"
    )
    return found


def answer(gpu: Gpu, view: TechniqueInputs, light: Lighting) -> Lighting:
    """The light of the picture itself, where a technique was given its surroundings too."""
    if view.padded is None or view.padded.scissor is None:
        return light
    x, y, width, height = view.padded.scissor
    return subsample.light(gpu, light, Pick((x, y), 1), (width, height), "inner light")
