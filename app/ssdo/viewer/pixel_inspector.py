"""Inspects one pixel: the directions, or sectors of slices, that its technique samples, and the light each one brings.

The sum over the samples is the pixel's lighting before denoising.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Bindings
from ssdo.gpu.target import Texture
from ssdo.render import guard_band, half_resolution, probes
from ssdo.render.bounce_sources import HIDDEN_LAYER_NAMES, BounceSources, HiddenBounceSources
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult
from ssdo.render.technique import LIGHTING_FORMAT, InspectPass
from ssdo.settings import UserError

VISIBLE, OCCLUDED, LEAVES_SCREEN = 0, 1, 2  # state of a sample; one that leaves the screen counts as visible


@dataclass(frozen=True)
class InspectedPixel:
    """Passed to shaders as `inspected`; read through shaders/common/inspect.glsl."""

    centre_px: tuple[float, float]  # from the lower left
    is_directional: bool  # each direction has its own light; False: an equal part of the irradiance, as in SSAO
    has_bounce: bool  # occluders send light


class PixelInspection(NamedTuple):
    """The n samples of a pixel: directions, or sectors of slices."""

    sample_text: str  # their number and kind
    directions: Floats  # (n, 3) world space, unit length
    visibility: Floats  # (n,) of a direction 0 or 1, of a sector its visible fraction
    states: Floats  # (n,) VISIBLE, OCCLUDED or LEAVES_SCREEN
    disc: Floats  # (n, 2) direction in the tangent plane; cosine-weighted directions fill the unit disc evenly
    direct: Floats  # (n, 3) irradiance that each brings from the environment
    indirect: Floats  # (n, 3) irradiance that each brings from its occluder
    occluders_uv: Floats  # (n, 2) place of the occluder in the image; the pixel itself if probes found it
    radius: float  # metres, length of the rays

    @property
    def sums(self) -> tuple[Floats, Floats, float]:
        """Direct and indirect irradiance, and the ambient visibility, of all samples."""
        return self.direct.sum(0), self.indirect.sum(0), float(self.visibility.mean(dtype="f8"))


def inspect_pixel(gpu: Gpu, result: FrameResult, x: int, y: int) -> PixelInspection | None:
    """Inspect a pixel of a result, row 0 on top. At half resolution, that is the nearest pixel that was lit.

    None on the background. Raises UserError if the technique cannot be inspected.
    """
    technique, inputs, size = result.shot.technique, result.padded_shading_inputs, result.display.size
    if result.shot.lighting.is_half:
        x, y = half_resolution.half_resolution_pixel(size, x, y)
    if gpu.read_pixel(result.shading_inputs.gbuffer.depth, x, y)[0] >= BACKGROUND_DEPTH:
        return None
    with gpu.scope("inspector"):
        inspect_pass = technique.inspect_pass(gpu, inputs)
        if inspect_pass is None:
            raise UserError(f"{technique.label} cannot be inspected")
        samples, direct, indirect, positions = _draw_samples(gpu, result, inspect_pass, x, y)
    occluders_uv = guard_band.picture_uv(inputs, positions[:, :2])
    if result.shot.lighting.is_half:
        occluders_uv = half_resolution.full_resolution_uv(size, occluders_uv)
    sectors = f" of {inspect_pass.columns_per_sample} sectors" if inspect_pass.columns_per_sample > 1 else ""
    has_direct = np.float32(getattr(technique, "direct", True))
    return PixelInspection(
        sample_text=technique.sample_count_text + sectors,
        directions=samples[:, :3],
        visibility=direct[:, 3],
        states=np.rint(samples[:, 3]),
        disc=positions[:, 2:],
        direct=direct[:, :3] * has_direct,
        indirect=indirect[:, :3],
        occluders_uv=occluders_uv,
        radius=getattr(technique, "radius", None) or inputs.scene.bounding_radius,
    )


def _draw_samples(gpu: Gpu, result: FrameResult, inspect_pass: InspectPass, x: int, y: int) -> list[Floats]:
    """The four textures of an InspectPass for a pixel of `result.shading_inputs`: (n, 4) each."""
    technique, inputs = result.shot.technique, result.padded_shading_inputs
    left, bottom = guard_band.picture_origin(inputs)
    inspected = InspectedPixel(
        centre_px=(left + x + 0.5, bottom + result.shading_inputs.size[1] - y - 0.5),
        is_directional=inspect_pass.is_directional,
        has_bounce=getattr(technique, "bounce", False),
    )
    bindings: Bindings = {
        "inspected": inspected,
        "frame": inputs.frame,
        "gbuffer": inputs.gbuffer,
        "environment": inputs.environment_maps,
        **_bind_bounce_sources(gpu, result),
        **probes.bind_probes(gpu, inputs),
        **inspect_pass.bindings,
    }
    columns = technique.sample_count * inspect_pass.columns_per_sample
    target = gpu.target("inspector", (columns, 1), *[LIGHTING_FORMAT] * 4)
    return [gpu.read(texture)[0] for texture in gpu.draw(inspect_pass.shader, target, bindings)]


def _bind_bounce_sources(gpu: Gpu, result: FrameResult) -> Bindings:
    """The bounce sources that the technique has drawn. Without a bounce any texture will do, since it has no weight."""
    hidden_textures = [
        texture for name in HIDDEN_LAYER_NAMES for texture in _find_target(gpu, result, f"bounce_sources.{name}")
    ]
    return {
        "sender": BounceSources(*_find_target(gpu, result, "bounce_sources")),
        "hidden": HiddenBounceSources(*hidden_textures),
    }


def _find_target(gpu: Gpu, result: FrameResult, name: str) -> tuple[Texture, ...]:
    """The two textures of a target in the result's scope."""
    scopes = (path.partition("/")[0] for path, target in gpu.targets.items() if result.radiance in target.textures)
    target = gpu.targets.get(f"{next(scopes, '')}/{name}")
    return target.textures if target else (result.radiance, result.radiance)
