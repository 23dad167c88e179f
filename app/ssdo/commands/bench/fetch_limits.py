"""Lower bounds of a technique's cost: shaders that only make its texture fetches.

The fetch limit reads depth, and with a bounce also normal and albedo, as often as the technique may, at constant
offsets spread over the radius. The compare limit also compares each depth with a plane from both sides, which is the
least that a screen-space technique computes.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Bindings
from ssdo.measure.timings import percentiles
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import FrameResult
from ssdo.render.technique import LIGHTING_FORMAT

UNROLLED_FETCHES = 64  # more are a loop around these
BUFFERS = ("depth", "normal", "albedo")  # of the G-buffer: the first alone, or with a bounce all three
PLASTIC_RATIO_SQUARED_INVERSE = 0.7548776662  # spreads directions evenly over the circle

Percentiles = dict[str, float]


class FetchLimits(NamedTuple):
    """Milliseconds of one pass."""

    fetch: Percentiles
    compare: Percentiles


def measure_fetch_limits(gpu: Gpu, result: FrameResult, runs: int, shader_folder: Path) -> FetchLimits | None:
    """The limits of the frame's technique; None for techniques without screen-space fetches.

    The shaders are written to `shader_folder`, one of the folders in which `gpu` looks for them.
    """
    technique = result.shot.technique
    radius = technique.values().get("radius")
    if not technique.fetches or radius is None:
        return None
    buffers = BUFFERS if technique.values().get("bounce") else BUFFERS[:1]
    extent = _radius_in_uv(gpu, result, radius)
    target = gpu.target("fetch limit", result.shading_inputs.size, LIGHTING_FORMAT)
    bindings: Bindings = {"frame": result.shading_inputs.frame, "gbuffer": result.shading_inputs.gbuffer}
    limits = []
    for kind in FetchLimits._fields:
        source = generate_limit_shader(technique.fetches, buffers, extent, compares=kind == "compare")
        # Programs are cached by name, and the offsets are those of one scene.
        name = f"{kind}-{len(buffers)}-{technique.fetches}-{zlib.crc32(source.encode()):08x}.frag"
        (shader_folder / name).write_text(source, "utf-8")
        (times,) = measure_passes(gpu, partial(gpu.draw, name, target, bindings), runs).values()
        limits.append(percentiles(times))
    return FetchLimits(*limits)


def _radius_in_uv(gpu: Gpu, result: FrameResult, radius: float) -> tuple[float, float]:
    """The radius (metres) as a fraction of the image's width and height, at the median depth of its surfaces."""
    depth = gpu.read(result.inputs.gbuffer.depth)
    surface_depth = depth[depth < BACKGROUND_DEPTH]
    median_depth = float(np.median(surface_depth)) if surface_depth.size else 1.0
    x, y = result.inputs.frame.tan_half_fov
    return min(0.5 * radius / (x * median_depth), 0.5), min(0.5 * radius / (y * median_depth), 0.5)


def generate_limit_shader(
    fetches: int, buffers: Sequence[str], extent: tuple[float, float], compares: bool = False
) -> str:
    """GLSL that adds up `fetches` reads of each buffer around the pixel.

    `extent`: the radius as a fraction of width and height. `compares`: counts the depths that are not just above the
    plane of the pixel's surface, instead of adding them.
    """
    count = min(fetches, UNROLLED_FETCHES)
    rounds = -(-fetches // UNROLLED_FETCHES)
    body = []
    for i in range(count):
        r, phi = math.sqrt((i + 0.5) / count), 2 * math.pi * i * PLASTIC_RATIO_SQUARED_INVERSE
        offset = f"vec2({extent[0] * r * math.cos(phi):.8f}, {extent[1] * r * math.sin(phi):.8f})"
        texture_reads = [f"textureLod(gbuffer_{name}, uv + {offset}, 0.0).r" for name in buffers]
        if compares:
            body += [f"sample_depth = {texture_reads.pop(0)};", f"plane_depth = depth + dot(slope, {offset});"]
            body += ["sum += sample_depth < plane_depth && sample_depth > plane_depth - depth ? 0.0 : 1.0;"]
        body += [f"sum += {fetch};" for fetch in texture_reads]
    if rounds > 1:
        body = [f"for (int k = 0; k < {rounds}; k++) {{", *body, "uv += 0.001;", "}"]
    setup = ["vec2 uv = pixel_uv();", "float sum = 0.0;"]
    if compares:
        setup += ["float depth = depth_at(uv);", "float sample_depth;", "float plane_depth;"]
        setup += ["vec2 slope = depth * normal_ws_at(uv).xy;"]
    samplers = [f"uniform sampler2D gbuffer_{name};" for name in buffers if name not in ("depth", "normal")]
    return "\n".join(
        [
            "// How long do these fetches take?",
            '#include "common/screen.glsl"',
            *samplers,
            "out vec4 result;",
            "",
            "void main() {",
            *(f"    {line}" for line in (*setup, *body, "result = vec4(sum);")),
            "}",
            "",
        ]
    )
