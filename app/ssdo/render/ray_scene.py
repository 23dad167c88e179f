"""A scene's triangles, materials and images on the GPU, as ray tracing shaders read them.

Every array is a texel list: a texture that shaders index by number, see `Uploader.texel_list`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Bools, Bytes, Floats, Ints, Longs
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.gpu.upload import TEXELS_PER_ROW
from ssdo.render.bvh import Bvh, build_bvh
from ssdo.render.culling import NO_TRIANGLES, CulledTriangles
from ssdo.render.mesh_buffers import build_vertices
from ssdo.scene.environment import CDF_SCALE
from ssdo.scene.model import Blending, ImageTexture, Material, Mesh, Scene
from ssdo.settings import param
from ssdo.srgb import LINEAR_VALUES

MATERIAL_TEXELS = 16  # as in shaders/common/ray_scene.glsl
EMISSION_TEXEL = 7  # first texel of a material's emission texture
# In place of the alpha cutoff of blended materials, as in shaders/common/ray_scene.glsl: rays pass at random.
RAY_CUTOFFS: dict[Blending, float] = {"alpha": -1.0, "transmission": -2.0}
MAX_EMITTER_AREA = 0.1  # of the scene's: where more of it emits, emitters are not sampled


@dataclass(frozen=True)
class BvhUniform:
    """Passed to shaders as `bvh`."""

    node_count: int
    has_single_sided_emitters: bool = param(False, compile_time=True)


@dataclass(frozen=True)
class EmittersUniform:
    """Passed to shaders as `emitters`: the emissive triangles that are sampled."""

    count: int
    sampled: bool = param(False, compile_time=True)


@dataclass(frozen=True)
class RayMaterialsUniform:
    """Passed to shaders as `ray_materials`: what some material of the scene has."""

    have_f0_textures: bool = param(False, compile_time=True)
    have_tinted_emission: bool = param(False, compile_time=True)
    have_transmission: bool = param(False, compile_time=True)


class RayScene(NamedTuple):
    """Passed to shaders as `ray_scene`; read through shaders/common/ray_scene.glsl."""

    nodes: Texture  # two texels per node, see `Bvh.nodes`
    triangles: Texture  # three texels per triangle, see `_build_triangles`
    attributes: Texture  # four texels per triangle: normals, UVs, material
    extra_attributes: Texture  # five texels per triangle, if any mesh has second UVs or vertex colours
    materials: Texture  # MATERIAL_TEXELS per mesh, see `_build_material`
    images: Texture  # texels of all images, one image after the other, each from the start of a row


class RaySceneBindings(NamedTuple):
    """What shaders/common/ray_scene.glsl reads, by the names it has there."""

    ray_scene: RayScene
    bvh: BvhUniform
    ray_materials: RayMaterialsUniform
    emitters: EmittersUniform
    emitter_triangles: Texture  # a texel for each emissive triangle, see `_build_emitters`


class RaySceneArrays(NamedTuple):
    """The contents of `RayScene`: (n, texels, 4) per node, triangle or material; images (n, 4)."""

    nodes: Floats
    triangles: Floats
    attributes: Floats
    extra_attributes: Floats
    materials: Floats
    images: Bytes
    emitters: Floats  # (n, 1, 4), see `_build_emitters`


class _CullingSource(NamedTuple):
    """What it takes to cull triangles of an uploaded scene."""

    triangles: Floats
    materials: Floats
    mesh_indices: Ints  # (n,) of each triangle
    order: Longs  # see `_build`


class _UploadedScene(NamedTuple):
    bindings: RaySceneBindings
    source: _CullingSource | None  # None: no mesh is single-sided


def upload_ray_scene(gpu: Gpu, scene: Scene, culled: CulledTriangles = NO_TRIANGLES) -> RaySceneBindings:
    """Upload a scene for ray tracing, once; without its culled triangles. Raises UserError when it has too many."""

    def upload() -> _UploadedScene:
        arrays, order = _build(scene)
        *textures, emitters = (gpu.upload.texel_list(values.reshape(-1, 4)) for values in arrays)
        single_sided = [mesh.material for mesh in scene.meshes if not mesh.material.double_sided]
        bvh = BvhUniform(len(arrays.nodes), any(any(material.emission) for material in single_sided))
        has_f0_texture = any(mesh.material.f0_texture for mesh in scene.meshes)
        has_tinted_emission = any(_has_tinted_emission(mesh) for mesh in scene.meshes)
        has_transmission = any(mesh.material.blending == "transmission" for mesh in scene.meshes)
        ray_materials = RayMaterialsUniform(has_f0_texture, has_tinted_emission, has_transmission)
        emitter_count = _count_emitters(arrays.emitters)
        bindings = RaySceneBindings(RayScene(*textures), bvh, ray_materials, emitter_count, emitters)
        source = _CullingSource(arrays.triangles, arrays.materials, arrays.attributes[:, 3, 3].astype("i4"), order)
        return _UploadedScene(bindings, source if single_sided else None)

    uploaded = gpu.cached("ray scene", scene, upload, max_entries=2)
    bindings, source = uploaded
    if not (culled and source):
        return bindings
    return gpu.cached(
        "culled ray scene", (scene, culled), lambda: _upload_culled(gpu, scene, bindings, source, culled), max_entries=2
    )


def _upload_culled(
    gpu: Gpu, scene: Scene, bindings: RaySceneBindings, source: _CullingSource, culled: CulledTriangles
) -> RaySceneBindings:
    """The bindings of a scene some of whose triangles have no area: no ray hits them, and they emit no light."""
    triangles, materials, mesh_indices, order = source.triangles.copy(), source.materials.copy(), *source[2:]
    triangles[np.isin(order, np.frombuffer(culled, "i4")), 1:] = 0.0
    texels = bindings.ray_scene._replace(triangles=gpu.upload.texel_list(triangles.reshape(-1, 4)))
    if not scene.has_emission:
        return bindings._replace(ray_scene=texels)
    emitters = _build_emitters(triangles[:, 1:, :3], mesh_indices, scene.meshes, materials)
    return bindings._replace(
        ray_scene=texels._replace(materials=gpu.upload.texel_list(materials.reshape(-1, 4))),
        emitters=_count_emitters(emitters),
        emitter_triangles=gpu.upload.texel_list(emitters.reshape(-1, 4)),
    )


def _count_emitters(emitters: Floats) -> EmittersUniform:
    return EmittersUniform(len(emitters), len(emitters) > 0)


def build_arrays(scene: Scene) -> RaySceneArrays:
    """Build the BVH of a scene, and the attributes of its triangles in the order of the leaves."""
    return _build(scene)[0]


def _build(scene: Scene) -> tuple[RaySceneArrays, Longs]:
    """The arrays, and the index of each of their triangles among all of the scene."""
    meshes = scene.meshes
    images = ImageTexelPacker()
    materials = [np.zeros((0, MATERIAL_TEXELS, 4), "f4"), *(_build_material(mesh, images) for mesh in meshes)]
    vertices, mesh_indices = _collect_triangles(scene)
    has_extras = any(_has_extra_attributes(mesh) for mesh in meshes)
    extras = np.zeros((0, 5, 4), "f4")
    if has_extras:
        extras = np.concatenate([extras, *(_build_extra_attributes(mesh) for mesh in meshes)])

    # Rays hit triangles without area only by rounding.
    edges_1, edges_2 = vertices[:, 1, :3] - vertices[:, 0, :3], vertices[:, 2, :3] - vertices[:, 0, :3]
    has_area = np.cross(edges_1, edges_2).any(1)
    vertices, mesh_indices = vertices[has_area], mesh_indices[has_area]
    bvh = build_bvh(vertices[..., :3])
    vertices, mesh_indices = vertices[bvh.order], mesh_indices[bvh.order]

    materials_by_mesh = np.concatenate(materials)
    edges = vertices[:, 1:, :3] - vertices[:, :1, :3]
    emitters = _build_emitters(edges, mesh_indices.astype("i4"), meshes, materials_by_mesh)
    is_masked = np.array([mesh.material.alpha_cutoff > 0 for mesh in meshes] or [False])
    arrays = RaySceneArrays(
        nodes=bvh.nodes,
        triangles=_build_triangles(vertices, bvh, is_masked[mesh_indices.astype("i4")]),
        attributes=_build_attributes(vertices, mesh_indices),
        extra_attributes=extras[has_area][bvh.order] if has_extras else np.zeros((1, 5, 4), "f4"),
        materials=materials_by_mesh,
        images=images.texels(),
        emitters=emitters,
    )
    return arrays, np.flatnonzero(has_area)[bvh.order]


def _collect_triangles(scene: Scene) -> tuple[Floats, Floats]:
    """(n, 3, 8) position, normal and UV of the vertices of all triangles; (n,) index of the mesh of each."""
    vertices, mesh_indices = [np.zeros((0, 3, 8), "f4")], [np.zeros(0, "f4")]
    for index, mesh in enumerate(scene.meshes):
        mesh_vertices, triangles = build_vertices(mesh)
        vertices.append(mesh_vertices[triangles])
        mesh_indices.append(np.full(len(triangles), index, "f4"))
    return np.concatenate(vertices), np.concatenate(mesh_indices)


def _build_triangles(vertices: Floats, bvh: Bvh, is_masked: Bools) -> Floats:
    """(n, 3, 4) first vertex, and the two edges from it.

    The first texel's w is 1 on the last triangle of a leaf, plus 2 if the material has an alpha mask.
    """
    triangles = np.zeros((len(vertices), 3, 4), "f4")
    triangles[:, 0, :3] = vertices[:, 0, :3]
    triangles[:, 0, 3] = bvh.is_last + 2 * is_masked
    triangles[:, 1:, :3] = vertices[:, 1:, :3] - vertices[:, :1, :3]
    return triangles


def _build_attributes(vertices: Floats, mesh_indices: Floats) -> Floats:
    """(n, 4, 4) normals and u of the three vertices; their v, and the index of the mesh."""
    attributes = np.empty((len(vertices), 4, 4), "f4")
    attributes[:, :3, :3], attributes[:, :3, 3] = vertices[..., 3:6], vertices[..., 6]
    attributes[:, 3, :3], attributes[:, 3, 3] = vertices[..., 7], mesh_indices
    return attributes


def _has_extra_attributes(mesh: Mesh) -> bool:
    return mesh.uvs2 is not None or mesh.colors is not None


def _has_tinted_emission(mesh: Mesh) -> bool:
    return mesh.material.has_tinted_emission and mesh.colors is not None


def _build_extra_attributes(mesh: Mesh) -> Floats:
    """(m, 5, 4) second UVs of the three vertices, then their colours."""
    extras = np.ones((len(mesh.triangles), 5, 4), "f4")
    if mesh.uvs2 is not None:
        extras[:, :2].reshape(-1, 8)[:, :6] = mesh.uvs2[mesh.triangles].reshape(-1, 6)
    if mesh.colors is not None:
        extras[:, 2:] = mesh.colors[mesh.triangles]
    return extras


def _build_material(mesh: Mesh, images: ImageTexelPacker) -> Floats:
    """(1, MATERIAL_TEXELS, 4): four texels of factors, then three for each of the textures that rays read.

    Factors: albedo, opacity; emission, alpha cutoff or one of RAY_CUTOFFS; metallic, roughness, 1 if the mesh has extra
    attributes, 1 if vertex colours multiply emission; F0.
    Textures (albedo, emission, metallic-roughness, F0): the location of the image, and the rows of the UV transform.
    The last w of the emission texture is 1 if the mesh is single-sided: it emits from its front only.
    """
    m: Material = mesh.material
    rows: list[tuple[float, ...]] = [
        (*m.albedo, m.opacity),
        (*m.emission, RAY_CUTOFFS.get(m.blending, m.alpha_cutoff)),
        (m.metallic, m.roughness, _has_extra_attributes(mesh), _has_tinted_emission(mesh)),
        (*m.f0, 0.0),
    ]
    for texture in (m.albedo_texture, m.emission_texture, m.metallic_roughness_texture, m.f0_texture):
        row_u, row_v = texture.transform if texture else ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        rows += [images.add(texture), (*row_u, 0.0), (*row_v, 0.0)]
    texels = np.array([rows], "f4")
    texels[0, EMISSION_TEXEL + 2, 3] = not m.double_sided
    return texels


def _build_emitters(edges: Floats, mesh_indices: Ints, meshes: Sequence[Mesh], materials: Floats) -> Floats:
    """(n, 1, 4) CDF times CDF_SCALE, triangle, area over probability, 0: of the emissive triangles to sample.

    `edges`: (m, 2, 3) of all triangles. Their power is their area times the mean radiance of their material. Writes the
    density by area to the materials: w of the second texel of emission textures. Nothing is sampled if much of the
    scene emits: any ray then finds light.
    """
    radiance = np.array([_mean_emission(mesh) for mesh in meshes])
    edges = edges.astype("f8")
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=-1) / 2
    materials[:, EMISSION_TEXEL + 1, 3] = 0.0
    power = area * radiance[mesh_indices] if len(meshes) else area
    triangles = np.flatnonzero(power)
    emitters = np.zeros((len(triangles), 1, 4), "f4")
    if not 0 < len(triangles) < CDF_SCALE // 4 or area[triangles].sum() > MAX_EMITTER_AREA * area.sum():
        return emitters[:0]
    power = power[triangles]
    # Every triangle gets at least one step of the CDF, however dim it is.
    cdf = np.round(np.cumsum(power) / power.sum() * (CDF_SCALE - len(power))) + np.arange(1, len(power) + 1)
    probability = np.diff(cdf, prepend=0.0) / CDF_SCALE
    emitters[:, 0, :3] = np.stack([cdf, triangles, area[triangles] / probability], 1)
    materials[:, EMISSION_TEXEL + 1, 3] = radiance / power.sum()
    return emitters


def _mean_emission(mesh: Mesh) -> float:
    """Emitted radiance, mean over the texture and the vertices, summed over the channels."""
    material, mean = mesh.material, np.ones(3)
    if any(material.emission) and material.emission_texture:
        mean = LINEAR_VALUES.astype("f4")[material.emission_texture.pixels[..., :3]].mean((0, 1))
    if mesh.colors is not None and _has_tinted_emission(mesh):
        mean = mean * mesh.colors[mesh.triangles.ravel(), :3].mean(0, dtype="f8")
    return float(mean @ material.emission)


class ImageTexelPacker:
    """Packs the texels of images of any size into one list. An image that is added again is packed once."""

    def __init__(self) -> None:
        white = np.full((TEXELS_PER_ROW, 4), 255, "u1")  # so that the list is never empty
        self._rows: list[Bytes] = [white]
        self._row_count = 1
        self._locations: dict[int, tuple[float, float, float]] = {}

    def add(self, texture: ImageTexture | None) -> tuple[float, float, float, float]:
        """Pack a texture's image. Returns its first row, width (0: no texture), height, and flags.

        The flags add up: 1 for the second set of UVs, 2 for clamping in u, 4 for clamping in v.
        """
        if texture is None:
            return 0.0, 0.0, 0.0, 0.0
        pixels = texture.pixels
        if id(pixels) not in self._locations:
            height, width = pixels.shape[:2]
            rows = -(-height * width // TEXELS_PER_ROW)
            self._locations[id(pixels)] = float(self._row_count), float(width), float(height)
            padding = np.zeros((rows * TEXELS_PER_ROW - height * width, 4), "u1")
            self._rows.append(np.concatenate([pixels.reshape(-1, 4), padding]))
            self._row_count += rows
        flags = texture.uv_set + 2 * texture.clamp[0] + 4 * texture.clamp[1]
        return *self._locations[id(pixels)], float(flags)

    def texels(self) -> Bytes:
        """(n, 4) the texels of all images."""
        return np.concatenate(self._rows)
