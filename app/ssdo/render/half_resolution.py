"""Lighting at half the resolution: the view of every second pixel, and from there to all of them (Kopf et al. 2007).

A quarter of the pixels is lit, which is what lighting costs. They are pixels of the whole picture, not means of it, so
that techniques find surfaces where they are; `Frame.shift` says where such a picture lies, and no technique needs to
know.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ssdo.gpu.context import Gpu, Size
from ssdo.render import frame_uniforms, subsample
from ssdo.render.denoise import Denoiser
from ssdo.render.subsample import Pick
from ssdo.render.technique import Lighting, TechniqueInputs
from ssdo.scene.model import Floats
from ssdo.settings import Settings, param

EVERY_SECOND = Pick((0, 0), 2)


@dataclass(frozen=True)
class LightingResolution(Settings):
    """At how many pixels lighting is found."""

    group: ClassVar[str] = "lighting"

    resolution: str = param(
        "full",
        help="light is found at every pixel, or at every second across and down and brought to all; never for the ground truth",
        choices=("full", "half"),
    )

    @property
    def half(self) -> bool:
        return self.resolution == "half"


def view(gpu: Gpu, whole: TechniqueInputs, name: str = "half") -> TechniqueInputs:
    """What is seen at every second pixel of a row and of a column, the lower left first: exactly that. Of its
    surroundings too.
    """
    sparse = subsample.view(gpu, whole, EVERY_SECOND, frame_uniforms.every_second(whole.frame), name)
    if whole.padded is not None:
        sparse = sparse._replace(padded=view(gpu, whole.padded, f"{name} wide"))
    if whole.scissor is not None:
        x, y, width, height = whole.scissor  # even, as it begins where a sampling tile does
        sparse = sparse._replace(scissor=(x // 2, y // 2, (width + 1) // 2, (height + 1) // 2))
    return sparse


def blur(whole: Denoiser) -> Denoiser:
    """As wide in the picture, in steps of the sampling tile and no less than it. RMSE against screen truth in the
    courtyard (320 x 180) is 0.027 so and 0.030 with as many of the larger pixels for SSDO, 0.024 and 0.028 for SSAO;
    against world truth they differ by 0.3 %.
    """
    return replace(whole, radius=2 * -(-whole.radius // 4))


def upsampled(gpu: Gpu, whole: TechniqueInputs, light: Lighting, agreeing: Denoiser) -> Lighting:
    """Lighting of every pixel, from that of every second; those count that a blur would."""
    into = gpu.target("upsampled", whole.size, *light.formats)
    entry = "matte" if light.gloss is None else "glossy"
    given: dict[str, Any] = {
        "denoise": agreeing,
        "frame": whole.frame,
        "gbuffer": whole.gbuffer,
        "environment": whole.environment,
    }
    return light.of(gpu.draw(f"passes/upsample.frag:{entry}", into, **given, **light.given))


def whole(size: Size, uv: Floats) -> Floats:
    """Centres of these pixels, (n, 2) shares of their picture, as shares of the whole picture of that size; both from
    the lower left.
    """
    w = np.array(size, "f4")
    found: Floats = (2 * uv * np.ceil(w / 2) - np.float32(0.5)) / w
    return found


def place(size: Size, x: int, y: int) -> tuple[int, int]:
    """Where a pixel of a picture of that size has its light from, or near it, in the picture of every second; row 0 on
    top.
    """
    return x // 2, (size[1] + 1) // 2 - 1 - (size[1] - 1 - y) // 2
