"""The surfaces the camera sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ssdo.gpu.context import Geometry, Gpu, Part, Texture
from ssdo.render.frame_uniforms import FrameUniforms, Matrix
from ssdo.render.mesh_buffers import seen, upload
from ssdo.scene.model import Scene
from ssdo.settings import param

BACKGROUND = 1e30  # the depth where there is no surface: farther than any, so that it never hides one


class GBuffer(NamedTuple):
    """Passed to shaders as `gbuffer`."""

    normal: Texture  # rgb: unit normal, world space, towards the camera's side; a: 1 on a surface, 0 on the background
    # rgb: diffuse reflectance, linear; a: share of the environment's light that the artist lets through
    albedo: Texture
    emission: Texture  # rgb: radiance; a black texel where nothing in the scene shines
    depth: Texture  # metres along the view axis, 32 bit
    flat: Texture  # the normal without the bumps of a normal image: what the surface's own plane is
    gloss: Texture | None = None  # rgb: reflectance at normal incidence; a: roughness; None: everything is diffuse


@dataclass(frozen=True)
class Camera:
    """Passed to shaders/passes/gbuffer.vert as `camera`: all of a frame that decides what is seen, so that other light
    draws no surfaces again.
    """

    clip_from_world: Matrix
    view_from_world: Matrix
    layer: str = param("seen", choices=("seen", "fronts", "backs"))  # what is nearest, or of what lies behind a depth


def parts(scene: Scene) -> tuple[str, ...]:
    """What a layer's textures hold, in their order."""
    return ("normal", "albedo", "depth", *("flat", "gloss") * scene.layered, *("emission",) * scene.shining)


def draw(gpu: Gpu, scene: Scene, frame: FrameUniforms) -> GBuffer:
    """Depth is written in metres beside the depth test's own: as precise at a kilometre as at a metre, and cheap to
    use.
    """
    uploaded = upload(gpu, scene)
    return layer(gpu, scene, frame, "gbuffer", uploaded.geometry, seen(uploaded, frame), "seen")


def layer(
    gpu: Gpu,
    scene: Scene,
    frame: FrameUniforms,
    name: str,
    geometry: Geometry,
    parts: Sequence[Part],
    which: str,
    **bound: Any,
) -> GBuffer:
    """What is nearest of these parts; of another layer than what is seen, behind the depth `before`."""
    formats = ["rgba16f", "rgba16f", "r32f", *["rgba16f"] * (2 * scene.layered + scene.shining)]
    into = gpu.target(name, (int(frame.size[0]), int(frame.size[1])), *formats, depth=True)
    clear, camera = (
        [BACKGROUND if f == "r32f" else 0.0 for f in formats],
        Camera(frame.clip_from_world, frame.view_from_world, which),
    )
    gpu.raster(
        "passes/gbuffer", into, geometry, parts, clear, camera=camera, keep=True, backs=which == "backs", **bound
    )
    normal, albedo, depth, *more = into.textures
    emission = more.pop() if scene.shining else gpu.black
    return GBuffer(normal, albedo, emission, depth, more[0] if more else normal, more[1] if scene.glossy else None)


def inverse_depth(gpu: Gpu, frame: FrameUniforms, surfaces: GBuffer) -> Texture:
    """1 / depth (1 / metres) with a border of one pixel that is 0, as nothing is there: what screen-space techniques
    look for occluders in.
    """
    width, height = surfaces.depth.size
    into = gpu.target("inverse depth", (width + 2, height + 2), "r32f")
    return gpu.draw("passes/inverse_depth.frag", into, keep=True, frame=frame.still, gbuffer=surfaces)[0]
