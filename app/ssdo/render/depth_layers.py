"""Depth layers behind the visible surfaces, by depth peeling (as Ritschel, Grosch, Seidel 2009 propose).

One depth image does not show the back of an occluder, so its thickness must be guessed. With two depth layers, the
first two occluders at each pixel are intervals of depth:

    front_1 (the G-buffer), back_1, front_2, back_2

Only watertight meshes have a back face behind every front face. An open mesh, and a room seen from inside, get the
technique's `thickness`. One layer is the default: its over-occlusion often compensates for off-screen occluders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Bools, Longs
from ssdo.gpu.context import Gpu
from ssdo.gpu.geometry import DrawRange, Geometry
from ssdo.gpu.target import Texture
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.gbuffer import BACKGROUND_DEPTH, GBuffer, SurfaceCamera, draw_inverse_depth, draw_surface_layer
from ssdo.render.mesh_buffers import is_in_frustum, upload_scene
from ssdo.render.technique import TechniqueInputs
from ssdo.render.topology import connected_components, find_edges
from ssdo.scene.model import Scene


@dataclass(frozen=True)
class ThicknessFallback:
    """Passed to shaders/passes/depth_layers.frag as `thickness_fallback`: for occluders without a back face."""

    thickness: float  # metres along the view axis


class DepthLayers(NamedTuple):
    """Passed to shaders as `depth_layers`: metres along the view axis, BACKGROUND_DEPTH where there is no surface."""

    back_1: Texture  # nearest back face of a watertight mesh behind the G-buffer
    front_2: Texture  # nearest front face behind the G-buffer; of an open mesh either face
    back_2: Texture  # nearest back face of a watertight mesh behind front_2


class HiddenSurfaces(NamedTuple):
    """The surfaces at `DepthLayers`. The normals of back faces point out of their mesh, away from the camera."""

    back_1: GBuffer
    front_2: GBuffer
    back_2: GBuffer

    @property
    def depths(self) -> DepthLayers:
        return DepthLayers(self.back_1.depth, self.front_2.depth, self.back_2.depth)


class WatertightSplit(NamedTuple):
    """A scene's draw ranges, each split into its watertight triangles and its open ones."""

    geometry: Geometry  # the scene's, with its indices in another order
    watertight_ranges: list[DrawRange]  # single-sided, so that front and back faces can be drawn apart
    open_ranges: list[DrawRange]
    watertight_mask_ranges: list[DrawRange]  # for passes that read only the alpha mask
    open_mask_ranges: list[DrawRange]


class FaceRanges(NamedTuple):
    """The visible draw ranges that have front faces, and those that have back faces."""

    front: list[DrawRange]
    back: list[DrawRange]


def draw_inverse_depth_layers(
    gpu: Gpu, inputs: TechniqueInputs, layers: str, thickness: float | None, with_surfaces: bool = False
) -> Texture:
    """Draw 1 / depth of "1" depth layer or "2", in 1 / metres: what screen-space techniques search for occluders.

    `with_surfaces`: the bounce will need the hidden surfaces too, so draw these instead of their depths.
    """
    if layers == "1":
        return draw_inverse_depth(gpu, inputs.frame, inputs.gbuffer)
    assert thickness is not None, "lengths are not resolved"
    if with_surfaces:
        depths = draw_hidden_surfaces(gpu, inputs.scene, inputs.frame, inputs.gbuffer).depths
    else:
        depths = peel_depth_layers(gpu, inputs.scene, inputs.frame, inputs.gbuffer)
    return _invert_depth_layers(gpu, inputs.frame, inputs.gbuffer, depths, thickness)


def _invert_depth_layers(
    gpu: Gpu, frame: FrameUniforms, gbuffer: GBuffer, depths: DepthLayers, thickness: float
) -> Texture:
    """1 / depth of front_1, back_1, front_2 and back_2, in 1 / metres, with a border as in `draw_inverse_depth`."""
    width, height = gbuffer.depth.size
    target = gpu.target("depth_layers", (width + 2, height + 2), "rgba32f")
    (inverse_depths,) = gpu.draw(
        "passes/depth_layers.frag",
        target,
        cache=True,
        frame=frame.for_cached_passes,
        gbuffer=gbuffer,
        depth_layers=depths,
        thickness_fallback=ThicknessFallback(thickness),
    )
    return inverse_depths


def peel_depth_layers(gpu: Gpu, scene: Scene, frame: FrameUniforms, gbuffer: GBuffer) -> DepthLayers:
    """Draw the depths of the hidden layers."""
    meshes = split_watertight(gpu, scene)
    ranges = _cull_ranges(gpu, scene, frame, meshes.watertight_mask_ranges, meshes.open_mask_ranges)
    camera = SurfaceCamera(frame.clip_from_world, frame.view_from_world)

    def peel(name: str, front_layer_depth: Texture) -> Texture:
        is_back = name.startswith("back")
        target = gpu.target(f"depth_peel.{name}", gbuffer.depth.size, "r32f", depth=True)
        gpu.raster(
            "passes/depth_peel",
            target,
            meshes.geometry,
            ranges.back if is_back else ranges.front,
            clear_values=[BACKGROUND_DEPTH],
            cache=True,
            cull_front=is_back,
            camera=camera,
            front_layer_depth=front_layer_depth,
        )
        return target.textures[0]

    back_1, front_2 = peel("back_1", gbuffer.depth), peel("front_2", gbuffer.depth)
    return DepthLayers(back_1, front_2, peel("back_2", front_2))


def draw_hidden_surfaces(gpu: Gpu, scene: Scene, frame: FrameUniforms, gbuffer: GBuffer) -> HiddenSurfaces:
    """Draw the surfaces of the hidden layers, which the bounce shades."""
    meshes = split_watertight(gpu, scene)
    ranges = _cull_ranges(gpu, scene, frame, meshes.watertight_ranges, meshes.open_ranges)

    def draw(name: str, front_layer: GBuffer) -> GBuffer:
        layer = "back" if name.startswith("back") else "front"
        layer_ranges = ranges.back if layer == "back" else ranges.front
        target_name = f"hidden.{name}"
        geometry, depth = meshes.geometry, front_layer.depth
        return draw_surface_layer(gpu, scene, frame, target_name, geometry, layer_ranges, layer, depth)

    back_1, front_2 = draw("back_1", gbuffer), draw("front_2", gbuffer)
    return HiddenSurfaces(back_1, front_2, draw("back_2", front_2))


def _cull_ranges(
    gpu: Gpu,
    scene: Scene,
    frame: FrameUniforms,
    watertight_ranges: Sequence[DrawRange],
    open_ranges: Sequence[DrawRange],
) -> FaceRanges:
    is_visible = is_in_frustum(upload_scene(gpu, scene), frame)

    def cull(ranges: Sequence[DrawRange]) -> list[DrawRange]:
        return [part for part, visible in zip(ranges, is_visible, strict=True) if visible and part.index_count]

    back = cull(watertight_ranges)
    return FaceRanges(front=back + cull(open_ranges), back=back)


def split_watertight(gpu: Gpu, scene: Scene) -> WatertightSplit:
    """Split a scene's draw ranges, once."""
    return gpu.cached("watertight split", scene, lambda: _split_watertight(gpu, scene))


def _split_watertight(gpu: Gpu, scene: Scene) -> WatertightSplit:
    buffers, is_watertight = upload_scene(gpu, scene), watertight_mask(scene)
    geometry = buffers.geometry
    triangles = np.frombuffer(geometry.indices.read(), "i4")[: 3 * len(is_watertight)].reshape(-1, 3)
    range_of_triangle = np.repeat(
        np.arange(len(buffers.material_ranges)), [part.index_count // 3 for part in buffers.material_ranges]
    )
    watertight_counts = np.bincount(range_of_triangle[is_watertight], minlength=len(buffers.material_ranges))
    order = np.lexsort((~is_watertight, range_of_triangle))  # by range, watertight triangles first
    indices = gpu.ctx.buffer(triangles[order].tobytes() or bytes(64))
    return WatertightSplit(
        Geometry(geometry.vertices, geometry.layout, geometry.attributes, indices),
        *_split_ranges(buffers.material_ranges, watertight_counts),
        *_split_ranges(buffers.mask_ranges, watertight_counts),
    )


def _split_ranges(ranges: Sequence[DrawRange], watertight_counts: Longs) -> tuple[list[DrawRange], list[DrawRange]]:
    """Split each range after so many triangles: the watertight part and the open part."""
    watertight_ranges, open_ranges = [], []
    for part, triangle_count in zip(ranges, watertight_counts, strict=True):
        index_count = 3 * int(triangle_count)
        watertight_ranges.append(part._replace(index_count=index_count, single_sided=True))
        open_ranges.append(
            part._replace(first_index=part.first_index + index_count, index_count=part.index_count - index_count)
        )
    return watertight_ranges, open_ranges


def watertight_mask(scene: Scene) -> Bools:
    """(m,) whether each triangle belongs to a watertight mesh, in the order of the scene's meshes.

    A connected component is watertight if every edge has as many triangles in one direction as in the other, and no
    material of it has an alpha mask. Vertices at equal positions are one, also across meshes.
    """
    meshes = [mesh for mesh in scene.meshes if mesh.triangles.size]
    if not meshes:
        return np.zeros(0, bool)
    a, edges = find_edges(meshes)
    b = np.roll(a, -1, 1)
    balance = np.bincount(edges.ravel(), np.sign(b - a).ravel())
    has_alpha_mask = np.repeat(
        [mesh.material.alpha_cutoff > 0 for mesh in meshes], [len(mesh.triangles) for mesh in meshes]
    )
    is_open = (balance[edges] != 0).any(1) | has_alpha_mask
    components = connected_components(edges)
    return ~np.isin(components, components[is_open])
