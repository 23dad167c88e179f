"""A scene's meshes and material textures on the GPU: one vertex buffer, and one draw range for each mesh."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from ssdo.arrays import Array, Bools, Doubles, Floats, Ints
from ssdo.gpu.context import Gpu
from ssdo.gpu.geometry import DrawRange, Geometry
from ssdo.gpu.shaders import Bindings
from ssdo.gpu.target import Box, Texture
from ssdo.render.frame_uniforms import FrameUniforms, box_corners
from ssdo.scene.model import ImageTexture, Material, Mesh, Scene
from ssdo.settings import Vec3, param

VertexLayout = dict[str, str]  # vertex attributes by name, their types in the notation of numpy and moderngl

BASIC_LAYOUT: VertexLayout = {"position_ws": "3f4", "normal_ws": "3f4", "uv": "2f4"}
FULL_LAYOUT: VertexLayout = {**BASIC_LAYOUT, "uv2": "2f4", "color": "4f2", "tangent_ws": "4f4"}

FULL_TEXTURES = ("albedo", "emission", "metallic_roughness", "f0", "normal", "occlusion")
BASIC_TEXTURES = ("albedo", "emission")
SRGB_TEXTURES = ("albedo", "emission", "f0")

WHITE_TEXTURE = ImageTexture(np.full((1, 1, 4), 255, "u1"))


@dataclass(frozen=True)
class MaterialUniforms:
    """Passed to shaders/passes/gbuffer.frag as `material`.

    Each texture has a UV transform: texture coordinates are (dot(u, (uv, 1)), dot(v, (uv, 1))) of the set of UVs.
    """

    albedo: Vec3
    emission: Vec3
    opacity: float
    alpha_cutoff: float
    metallic: float
    roughness: float
    f0: Vec3
    is_transmissive: bool  # what its opacity does not reflect takes the base colour: see `model.Blending`
    normal_scale: float  # 0: no normal map
    occlusion_strength: float  # 0: no occlusion map
    albedo_u: Vec3
    albedo_v: Vec3
    albedo_uv_set: int
    emission_u: Vec3
    emission_v: Vec3
    emission_uv_set: int
    metallic_roughness_u: Vec3
    metallic_roughness_v: Vec3
    metallic_roughness_uv_set: int
    f0_u: Vec3
    f0_v: Vec3
    f0_uv_set: int
    normal_u: Vec3
    normal_v: Vec3
    normal_uv_set: int
    occlusion_u: Vec3
    occlusion_v: Vec3
    occlusion_uv_set: int


@dataclass(frozen=True)
class HasMaterialInputs:
    """Passed to shaders/passes/gbuffer.frag as `has`: what a material reads.

    Sampling a white texel in place of a missing texture would cost as much as sampling the texture.
    """

    albedo_texture: bool = param(False, compile_time=True)
    emission_texture: bool = param(False, compile_time=True)
    metallic_roughness_texture: bool = param(False, compile_time=True)
    f0_texture: bool = param(False, compile_time=True)
    normal_texture: bool = param(False, compile_time=True)
    occlusion_texture: bool = param(False, compile_time=True)
    tinted_emission: bool = param(False, compile_time=True)


@dataclass(frozen=True)
class AlphaMask:
    """Passed to shaders as `alpha_mask`; read through shaders/common/alpha_mask.glsl."""

    albedo: Vec3
    opacity: float
    cutoff: float
    is_blended: bool
    is_transmissive: bool
    first_triangle: int  # of the range, in the scene
    albedo_u: Vec3
    albedo_v: Vec3
    albedo_uv_set: int


class SceneBuffers(NamedTuple):
    """A scene on the GPU. The lists have one entry for each mesh that has triangles."""

    geometry: Geometry
    material_ranges: list[DrawRange]
    mask_ranges: list[DrawRange]  # for passes that read only the alpha mask: shadow maps and depth peeling
    blended_ranges: list[tuple[int, DrawRange]]  # of blended surfaces and clear coats, with the number of the mesh
    bounds_corners: Doubles  # (meshes, 8, 4) corners of each mesh's bounds, homogeneous


def upload_scene(gpu: Gpu, scene: Scene) -> SceneBuffers:
    """Upload a scene, once. Raises UserError when memory runs out."""
    return gpu.cached("geometry", scene, lambda: _upload(gpu, scene))


def visible_ranges(buffers: SceneBuffers, frame: FrameUniforms) -> list[DrawRange]:
    """The material ranges that pass frustum culling."""
    is_visible = is_in_frustum(buffers, frame)
    return list(compress(buffers.material_ranges, is_visible))


def blended_ranges(buffers: SceneBuffers, frame: FrameUniforms) -> list[DrawRange]:
    """The ranges of blended surfaces and clear coats that pass frustum culling."""
    if not buffers.blended_ranges:
        return []
    is_visible = is_in_frustum(buffers, frame)
    return [draw_range for number, draw_range in buffers.blended_ranges if is_visible[number]]


def is_in_frustum(buffers: SceneBuffers, frame: FrameUniforms) -> Bools:
    """(meshes,) whether the bounds of each mesh intersect the frustum. Conservative near the frustum's edges."""
    clip = buffers.bounds_corners @ np.array(frame.clip_from_world).reshape(4, 4)
    w = clip[..., 3:]
    outside_plane = np.all(np.concatenate([clip[..., :3] > w, clip[..., :3] < -w], -1), axis=1)
    is_inside: Bools = ~outside_plane.any(1)
    return is_inside


def compute_screen_bounds(buffers: SceneBuffers, frame: FrameUniforms) -> Box:
    """The pixels that blended surfaces and clear coats may cover."""
    width, height = int(frame.size[0]), int(frame.size[1])
    corners = buffers.bounds_corners[[number for number, _ in buffers.blended_ranges]].reshape(-1, 4)
    clip = corners @ np.array(frame.clip_from_world).reshape(4, 4)
    if (clip[:, 3] <= 0).any():  # behind the camera
        return 0, 0, width, height
    px = np.clip((clip[:, :2] / clip[:, 3:] * 0.5 + 0.5) * (width, height), -1, (width + 1, height + 1))
    low = np.maximum(np.floor(px.min(0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(px.max(0)) + 1, (width, height)).astype(int)
    return int(low[0]), int(low[1]), max(int(high[0] - low[0]), 0), max(int(high[1] - low[1]), 0)


def build_vertices(mesh: Mesh) -> tuple[Floats, Ints]:
    """(n, 8) position, normal and UV of each vertex, and the (m, 3) indices of triangles.

    A mesh without normals gets those of its triangles.
    """
    vertices, triangles = _build_vertices(mesh, BASIC_LAYOUT)
    return vertices.view("f4").reshape(-1, 8), triangles


def _build_vertices(mesh: Mesh, layout: VertexLayout) -> tuple[Array, Ints]:
    """(n,) structured array of a layout's attributes, and the (m, 3) indices of triangles."""
    positions, triangles, normals = mesh.positions, mesh.triangles, mesh.normals
    indices: Any = slice(None)
    if normals is None:  # flat shading: every triangle has vertices of its own
        indices = triangles.ravel()
        triangles = np.arange(triangles.size, dtype="i4").reshape(-1, 3)
        normals = np.repeat(_triangle_normals(mesh), 3, 0)
    vertices = np.zeros(len(normals), np.dtype(list(layout.items())))
    vertices["position_ws"], vertices["normal_ws"] = positions[indices], normals
    if "color" in layout:
        vertices["color"] = 1.0
    optional = {"uv": mesh.uvs, "uv2": mesh.uvs2, "color": mesh.colors, "tangent_ws": mesh.tangents}
    for name, values in optional.items():
        if name in layout and values is not None:
            vertices[name] = values[indices]
    return vertices, triangles


def _triangle_normals(mesh: Mesh) -> Floats:
    """(m, 3) unit normals; 0 of triangles without area."""
    corners = mesh.positions[mesh.triangles].astype("f8")
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return normals.astype("f4")


def make_material_uniforms(material: Material) -> MaterialUniforms:
    """The uniforms of a material. Textures that it lacks get an identity transform."""
    transforms: dict[str, Any] = {}
    for name in FULL_TEXTURES:
        texture = _texture(material, name) or WHITE_TEXTURE
        transforms[f"{name}_u"], transforms[f"{name}_v"] = texture.transform
        transforms[f"{name}_uv_set"] = texture.uv_set
    return MaterialUniforms(
        albedo=material.albedo,
        emission=material.emission,
        opacity=material.opacity,
        alpha_cutoff=material.alpha_cutoff,
        metallic=material.metallic,
        roughness=material.roughness,
        f0=material.f0,
        is_transmissive=material.blending == "transmission",
        normal_scale=material.normal_scale if material.normal_texture else 0.0,
        occlusion_strength=material.occlusion_strength if material.occlusion_texture else 0.0,
        **transforms,
    )


def _texture(material: Material, name: str) -> ImageTexture | None:
    texture: ImageTexture | None = getattr(material, f"{name}_texture")
    return texture


def _mask_cutoff(material: Material) -> float:
    """The alpha below which a texel of an alpha mask is masked out; 0 where the mask has no edge in the texture."""
    if material.blending != "none" or not material.albedo_texture or material.opacity <= 0:
        return 0.0
    cutoff = material.alpha_cutoff / material.opacity
    return cutoff if cutoff <= 1 else 0.0


def _upload(gpu: Gpu, scene: Scene) -> SceneBuffers:
    layout = FULL_LAYOUT if scene.needs_full_material else BASIC_LAYOUT
    meshes = [mesh for mesh in scene.meshes if mesh.triangles.size]
    vertex_count = sum(mesh.triangles.size if mesh.normals is None else len(mesh.positions) for mesh in meshes)
    vertices = np.empty(vertex_count, np.dtype(list(layout.items())))
    indices = np.empty((sum(len(mesh.triangles) for mesh in meshes), 3), "i4")
    bounds_corners = np.ones((len(meshes), 8, 4))
    ranges = _RangeBuilder(gpu, scene)
    first_vertex, first_triangle = 0, 0
    for number, mesh in enumerate(meshes):
        mesh_vertices, triangles = _build_vertices(mesh, layout)
        vertices[first_vertex : first_vertex + len(mesh_vertices)] = mesh_vertices
        indices[first_triangle : first_triangle + len(triangles)] = triangles + np.int32(first_vertex)
        bounds_corners[number, :, :3] = box_corners(mesh.positions.min(0), mesh.positions.max(0))
        ranges.add(mesh.material, first_triangle, len(triangles))
        first_vertex += len(mesh_vertices)
        first_triangle += len(triangles)
    geometry = gpu.upload.mesh(vertices, " ".join(layout.values()), tuple(layout), indices)
    return SceneBuffers(geometry, ranges.material_ranges, ranges.mask_ranges, ranges.blended_ranges, bounds_corners)


class _RangeBuilder:
    """Makes the draw ranges of materials. An image that several materials use is uploaded once."""

    def __init__(self, gpu: Gpu, scene: Scene) -> None:
        self.material_ranges: list[DrawRange] = []
        self.mask_ranges: list[DrawRange] = []
        self.blended_ranges: list[tuple[int, DrawRange]] = []  # with the number of the mesh
        self._gpu = gpu
        self._texture_names = FULL_TEXTURES if scene.needs_full_material else BASIC_TEXTURES
        self._entry = ("full" if scene.needs_full_material else "basic") + "_emissive" * scene.has_emission
        self._uploaded: dict[Any, Texture] = {}

    def add(self, material: Material, first_triangle: int, triangle_count: int) -> None:
        """Add the ranges of a mesh of this material."""
        first_index, index_count = 3 * first_triangle, 3 * triangle_count
        material_range = DrawRange(
            first_index,
            index_count,
            self._make_bindings(material),
            self._entry,
            single_sided=not material.double_sided,
        )
        mesh_number = len(self.material_ranges)
        self.material_ranges.append(material_range)
        if material.blending != "none":
            self.blended_ranges.append((mesh_number, material_range._replace(entry="blended")))
        if material.coat:
            bindings = self._make_bindings(material.coat)
            self.blended_ranges.append((mesh_number, material_range._replace(entry="blended", bindings=bindings)))
        uniforms = make_material_uniforms(material)
        red, green, blue = material.albedo
        if uniforms.is_transmissive and not material.metallic_roughness_texture:  # a metal transmits nothing
            red, green, blue = (c * (1 - material.metallic) for c in material.albedo)
        mask = AlphaMask(
            albedo=(red, green, blue),
            opacity=material.opacity,
            cutoff=material.alpha_cutoff,
            is_blended=material.blending != "none",
            is_transmissive=uniforms.is_transmissive,
            first_triangle=first_triangle,
            albedo_u=uniforms.albedo_u,
            albedo_v=uniforms.albedo_v,
            albedo_uv_set=uniforms.albedo_uv_set,
        )
        self.mask_ranges.append(
            DrawRange(
                first_index,
                index_count,
                {"alpha_mask": mask, "albedo_texture": material_range.bindings["albedo_texture"]},
                "masked" if material.alpha_cutoff else "opaque",
            )
        )

    def _make_bindings(self, material: Material) -> Bindings:
        """What shaders/passes/gbuffer.frag reads of a material."""
        textures = {f"{name}_texture": self._upload(material, name) for name in self._texture_names}
        has = {f"{name}_texture": True for name in self._texture_names if _texture(material, name)}
        # Basic shaders have no vertex colours.
        has["tinted_emission"] = material.has_tinted_emission and self._texture_names is FULL_TEXTURES
        return {"material": make_material_uniforms(material), "has": HasMaterialInputs(**has), **textures}

    def _upload(self, material: Material, name: str) -> Texture:
        """The texture of this name; a white texel if the material has none."""
        texture, linear = _texture(material, name) or WHITE_TEXTURE, name not in SRGB_TEXTURES
        cutoff = _mask_cutoff(material) if name == "albedo" else 0.0
        key = id(texture.pixels), linear, texture.clamp, cutoff
        if key not in self._uploaded:
            self._uploaded[key] = self._gpu.upload.image(
                texture.pixels, linear=linear, clamp=texture.clamp, cutoff=cutoff
            )
        return self._uploaded[key]
