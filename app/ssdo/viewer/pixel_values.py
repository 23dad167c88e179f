"""Values of the pixel under the mouse, in each slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ssdo.arrays import to_vec3
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Size
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult
from ssdo.settings import Vec3
from ssdo.viewer.render_scheduler import Slot

Values = tuple[float, ...]


class PixelValues(NamedTuple):
    """A pixel of the window: its surface, and each slot's linear values."""

    pixel: tuple[int, int]  # of the window, row 0 on top
    position: Vec3 | None  # world space, metres; None on the background
    normal: Vec3 | None
    by_slot: Mapping[Slot, Mapping[str, Values]]  # radiance, direct, indirect (rgb), visibility


def find_texel(pixel: tuple[int, int], window_size: Size, image_size: Size) -> tuple[int, int]:
    """The texel of an image that a pixel of the window shows; row 0 on top in both."""
    x, y = (
        min(int((coordinate + 0.5) / window * image), image - 1)
        for coordinate, window, image in zip(pixel, window_size, image_size, strict=True)
    )
    return x, y


def read_pixel_values(
    gpu: Gpu, results: Mapping[Slot, FrameResult | None], window_size: Size, pixel: tuple[int, int]
) -> PixelValues:
    """Read a pixel (row 0 on top) of each slot's result, without interpolation."""
    by_slot: dict[Slot, dict[str, Values]] = {}
    position = normal = None
    for slot, result in results.items():
        if result is None:
            continue
        x, y = find_texel(pixel, window_size, result.display.size)
        by_slot[slot] = _read_lighting(gpu, result, x, y)
        depth = gpu.read_pixel(result.inputs.gbuffer.depth, x, y)[0]
        if depth < BACKGROUND_DEPTH and position is None:
            position = _reconstruct_position(result, x, y, depth)
            normal = to_vec3(gpu.read_pixel(result.inputs.gbuffer.normal, x, y))
    return PixelValues(pixel, position, normal, by_slot)


def _read_lighting(gpu: Gpu, result: FrameResult, x: int, y: int) -> dict[str, Values]:
    lighting = result.lighting
    direct = gpu.read_pixel(lighting.direct, x, y)
    return {
        "radiance": gpu.read_pixel(result.radiance, x, y)[:3],
        "direct": direct[:3],
        "indirect": gpu.read_pixel(lighting.indirect, x, y)[:3] if lighting.has_indirect else (0.0, 0.0, 0.0),
        "visibility": direct[3:],
    }


def _reconstruct_position(result: FrameResult, x: int, y: int, depth: float) -> Vec3:
    """World position, metres, of the surface at a texel (row 0 on top)."""
    frame, (width, height) = result.inputs.frame, result.display.size
    ndc_x, ndc_y = 2 * (x + 0.5) / width - 1, 1 - 2 * (y + 0.5) / height
    tan_x, tan_y = frame.tan_half_fov
    scale = 1.0 if frame.orthographic else depth
    position_vs = np.array((ndc_x * tan_x * scale, ndc_y * tan_y * scale, -depth, 1.0))
    return to_vec3(position_vs @ np.array(frame.world_from_view).reshape(4, 4))
