"""The G-buffer: geometry and material of the nearest surface at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.gpu.geometry import DrawRange, Geometry
from ssdo.gpu.target import Box, Size, Target, Texture
from ssdo.render.frame_uniforms import FrameUniforms, Matrix
from ssdo.render.mesh_buffers import upload_scene, visible_ranges
from ssdo.scene.model import Scene
from ssdo.settings import param

# Textures of the G-buffer of a blended layer
BLENDED_NAMES = ("normal", "albedo", "depth", "geometric_normal", "specular", "emission", "transmittance")
BACKGROUND_DEPTH = 1e30  # depth of pixels that show no surface, metres; as in shaders/common/constants.glsl


class GBuffer(NamedTuple):
    """Passed to shaders as `gbuffer`."""

    normal: Texture  # rgb: unit shading normal, world space, seen from the camera; a: 1 on a surface, 0 elsewhere
    albedo: Texture  # rgb: diffuse reflectance, linear; a: the material's AO map, 1 without one
    emission: Texture  # rgb: emitted radiance; a black texel if nothing in the scene emits
    depth: Texture  # along the view axis, metres, 32 bit; BACKGROUND_DEPTH on the background
    geometric_normal: Texture  # rgb: unit normal of the triangle, world space; a: 0 where light needs a smooth one
    specular: Texture | None = None  # rgb: F0; a: roughness. None: everything is diffuse


class BlendedLayer(NamedTuple):
    """A layer of blended surfaces in front of the opaque ones."""

    gbuffer: GBuffer
    transmittance: Texture  # rgb: fraction of the light from behind that passes; a: opacity of the surface itself


class BlendedSurfaces(NamedTuple):
    """Passed to shaders as `blended`: layers of blended surfaces, composited front to back. 0 where there are none."""

    radiance: Texture  # rgb: linear, towards the camera
    opacity: Texture  # rgb: fraction of the light from behind that does not pass


@dataclass(frozen=True)
class SurfaceCamera:
    """Passed to shaders/passes/gbuffer.vert as `camera`.

    The part of a frame that decides which surfaces are visible: a change of light alone does not redraw them.
    """

    clip_from_world: Matrix
    view_from_world: Matrix
    # The nearest surface; front faces or back faces behind another layer; blended surfaces behind another layer.
    layer: str = param("nearest", choices=("nearest", "front", "back", "blended"))
    orthographic: bool = param(False, compile_time=True)


def attachment_names(scene: Scene) -> tuple[str, ...]:
    """The fields of `GBuffer` in the order of the target's textures."""
    names = ["normal", "albedo", "depth", "geometric_normal"]
    if scene.needs_full_material:
        names += ["specular"]
    if scene.has_emission:
        names += ["emission"]
    return tuple(names)


def draw_gbuffer(gpu: Gpu, scene: Scene, frame: FrameUniforms) -> GBuffer:
    """Draw the nearest surfaces. Raises UserError."""
    buffers = upload_scene(gpu, scene)
    ranges = visible_ranges(buffers, frame)
    return draw_surface_layer(gpu, scene, frame, "gbuffer", buffers.geometry, ranges, "nearest")


def draw_surface_layer(
    gpu: Gpu,
    scene: Scene,
    frame: FrameUniforms,
    target_name: str,
    geometry: Geometry,
    ranges: Sequence[DrawRange],
    layer: str,
    front_layer_depth: Texture | None = None,
) -> GBuffer:
    """Draw the nearest surfaces of some ranges. For the layers "front" and "back": behind `front_layer_depth`.

    Depth is stored in metres beside the depth buffer, so that its relative precision is the same at every distance.
    """
    names = attachment_names(scene)
    target = _create_target(gpu, target_name, (int(frame.size[0]), int(frame.size[1])), names)
    gpu.raster(
        "passes/gbuffer",
        target,
        geometry,
        ranges,
        clear_values=_clear_values(names),
        cache=True,
        cull_front=layer == "back",
        camera=SurfaceCamera(frame.clip_from_world, frame.view_from_world, layer, frame.orthographic),
        front_layer_depth=front_layer_depth or gpu.black_texture,
    )
    textures = dict(zip(names, target.textures, strict=True))
    return GBuffer(
        normal=textures["normal"],
        albedo=textures["albedo"],
        emission=textures.get("emission", gpu.black_texture),
        depth=textures["depth"],
        geometric_normal=textures["geometric_normal"],
        specular=textures["specular"] if scene.has_specular else None,
    )


def draw_blended_layer(
    gpu: Gpu,
    frame: FrameUniforms,
    target_name: str,
    geometry: Geometry,
    ranges: Sequence[DrawRange],
    opaque_depth: Texture,
    front_layer_depth: Texture,
    scissor: Box,
) -> BlendedLayer | None:
    """Draw the nearest blended surfaces of some ranges in front of `opaque_depth` and behind `front_layer_depth`.

    None if there are none.
    """
    target = _create_target(gpu, target_name, opaque_depth.size, BLENDED_NAMES)
    with gpu.count_samples() as query:
        gpu.raster(
            "passes/gbuffer",
            target,
            geometry,
            ranges,
            clear_values=_clear_values(BLENDED_NAMES),
            scissor=scissor,
            camera=SurfaceCamera(frame.clip_from_world, frame.view_from_world, "blended", frame.orthographic),
            front_layer_depth=front_layer_depth,
            opaque_depth=opaque_depth,
        )
    if not query.samples:
        return None
    textures = dict(zip(BLENDED_NAMES, target.textures, strict=True))
    transmittance = textures.pop("transmittance")
    return BlendedLayer(GBuffer(**textures), transmittance)


def draw_inverse_depth(gpu: Gpu, frame: FrameUniforms, gbuffer: GBuffer) -> Texture:
    """1 / depth, in 1 / metres, with a border of one pixel of 0, which is at infinity.

    It is linear in screen space, so techniques search it for occluders.
    """
    width, height = gbuffer.depth.size
    target = gpu.target("inverse_depth", (width + 2, height + 2), "r32f")
    return gpu.draw("passes/inverse_depth.frag", target, cache=True, frame=frame.for_cached_passes, gbuffer=gbuffer)[0]


def _create_target(gpu: Gpu, name: str, size: Size, attachments: Sequence[str]) -> Target:
    formats = ["r32f" if attachment == "depth" else "rgba16f" for attachment in attachments]
    return gpu.target(name, size, *formats, depth=True)


def _clear_values(attachments: Sequence[str]) -> list[float]:
    return [BACKGROUND_DEPTH if attachment == "depth" else 0.0 for attachment in attachments]
