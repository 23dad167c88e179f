"""A scene's triangles and images on the GPU: one buffer, one range of indices for each material."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.gpu.context import Geometry, Gpu, Part, Texture
from ssdo.render.frame_uniforms import Doubles, FrameUniforms, box_corners
from ssdo.scene.model import Floats, Image, Ints, Material, Mesh, Scene
from ssdo.settings import Vec3, param

Layout = tuple[str, tuple[str, ...]]

# What a corner is, as moderngl writes it: of scenes that are diffuse and plain, and of all others.
PLAIN: Layout = ("3f 3f 2f", ("position_ws", "normal_ws", "uv"))
LAYERED: Layout = ("3f 3f 2f 2f 4f2 4f", (*PLAIN[1], "uv2", "color", "tangent_ws"))
RECORDS = {
    PLAIN: np.dtype([("position_ws", "3f4"), ("normal_ws", "3f4"), ("uv", "2f4")]),
    LAYERED: np.dtype(
        [
            ("position_ws", "3f4"),
            ("normal_ws", "3f4"),
            ("uv", "2f4"),
            ("uv2", "2f4"),
            ("color", "4f2"),
            ("tangent_ws", "4f4"),
        ]
    ),
}
IMAGES = ("albedo", "emission", "surface", "normal", "occlusion")
COLORS = ("albedo", "emission")  # of these, the images whose texels are sRGB


@dataclass(frozen=True)
class Surface:
    """What a material's shader is told besides its images. Of each image: two rows that make its coordinates of (u, v,
    1), and which UVs.
    """

    albedo: Vec3
    emission: Vec3
    opacity: float
    cutoff: float
    metallic: float
    roughness: float
    reflectance: float
    bump: float  # of the normal image's x and y; 0: there is none
    albedo_u: Vec3
    albedo_v: Vec3
    albedo_set: int
    emission_u: Vec3
    emission_v: Vec3
    emission_set: int
    surface_u: Vec3
    surface_v: Vec3
    surface_set: int
    normal_u: Vec3
    normal_v: Vec3
    normal_set: int
    occlusion_u: Vec3
    occlusion_v: Vec3
    occlusion_set: int
    occlusion: float  # strength of the occlusion image


@dataclass(frozen=True)
class Has:
    """Passed to shaders/passes/gbuffer.frag as `has`: which images a material has. Others are not fetched: a white
    texel in their place costs as much as an image, in processor time a fifth of the parlour's G-buffer.
    """

    albedo: str = param("none", choices=("none", "image"))
    emission: str = param("none", choices=("none", "image"))
    surface: str = param("none", choices=("none", "image"))
    normal: str = param("none", choices=("none", "image"))
    occlusion: str = param("none", choices=("none", "image"))


@dataclass(frozen=True)
class Hole:
    """What decides where a surface has holes, for shaders that look at nothing else."""

    opacity: float
    cutoff: float
    albedo_u: Vec3
    albedo_v: Vec3
    albedo_set: int


class Uploaded(NamedTuple):
    geometry: Geometry
    parts: list[Part]  # with materials
    shadows: list[Part]  # the same with nothing but their holes
    boxes: Doubles  # (parts, 8, 4) corners of what holds each, homogeneous


def upload(gpu: Gpu, scene: Scene) -> Uploaded:
    """The scene's geometry on the GPU; made once for each scene. Raises UserError when there is no memory."""
    return gpu.cached("geometry", scene, lambda: _make(gpu, scene))


def seen(uploaded: Uploaded, frame: FrameUniforms) -> list[Part]:
    """The parts that are in sight."""
    return [part for part, near in zip(uploaded.parts, in_sight(uploaded, frame), strict=True) if near]


def in_sight(uploaded: Uploaded, frame: FrameUniforms) -> npt.NDArray[np.bool_]:
    """Of each part, whether it is not all beyond one side of what the camera sees."""
    clip = uploaded.boxes @ np.array(frame.clip_from_world).reshape(4, 4)
    w = clip[..., 3:]
    beyond = np.all(np.concatenate([clip[..., :3] > w, clip[..., :3] < -w], -1), axis=1)
    found: npt.NDArray[np.bool_] = ~beyond.any(1)
    return found


def corners(mesh: Mesh) -> tuple[Floats, Ints]:
    """(n, 8) position, normal, uv and the (m, 3) corners of triangles; a mesh without normals gets those of its
    triangles.
    """
    filled, triangles = _records(mesh, PLAIN)
    return filled.view("f4").reshape(-1, 8), triangles


def _records(mesh: Mesh, layout: Layout) -> tuple[npt.NDArray[Any], Ints]:
    """The corners of a mesh as records of a layout, and its triangles among them."""
    p, triangles, normals = mesh.positions, mesh.triangles, mesh.normals
    take: Any = slice(None)
    if normals is None:
        take, triangles = triangles.ravel(), np.arange(triangles.size, dtype="i4").reshape(-1, 3)
        edges = p[mesh.triangles].astype("f8")
        across = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)
        normals = np.repeat(across.astype("f4"), 3, 0)
    else:
        normals = normals[take]
    filled = np.zeros(len(normals), RECORDS[layout])
    filled["position_ws"], filled["normal_ws"] = p[take], normals
    given = {"uv": mesh.uvs, "uv2": mesh.uvs2, "color": mesh.colors, "tangent_ws": mesh.tangents}
    for name, values in given.items():
        if name in layout[1] and (values is not None or name == "color"):
            filled[name] = 1.0 if values is None else values[take]
    return filled, triangles


def surface_of(m: Material) -> Surface:
    """What the shader of a material is told."""
    given: dict[str, Any] = {}
    for name in IMAGES:
        image: Image = getattr(m, f"{name}_image") or _NONE
        given |= {f"{name}_u": image.transform[0], f"{name}_v": image.transform[1], f"{name}_set": image.uv_set}
    return Surface(
        albedo=m.albedo,
        emission=m.emission,
        opacity=m.opacity,
        cutoff=m.cutoff,
        metallic=m.metallic,
        roughness=m.roughness,
        reflectance=m.reflectance,
        bump=m.normal_scale if m.normal_image else 0.0,
        occlusion=m.occlusion_strength if m.occlusion_image else 0.0,
        **given,
    )


_NONE = Image(np.full((1, 1, 4), 255, "u1"))


def _make(gpu: Gpu, scene: Scene) -> Uploaded:
    layout, entry = (LAYERED, "layered") if scene.layered else (PLAIN, "plain")
    entry += "_shining" * scene.shining
    meshes = [mesh for mesh in scene.meshes if mesh.triangles.size]
    counts = [mesh.triangles.size if mesh.normals is None else len(mesh.positions) for mesh in meshes]
    vertices, indices = (
        np.empty(sum(counts), RECORDS[layout]),
        np.empty((sum(len(mesh.triangles) for mesh in meshes), 3), "i4"),
    )
    images: dict[Any, Texture] = {}

    def image(wanted: Image | None, linear: bool) -> Texture:  # white where there is none
        wanted = wanted or _NONE
        key = id(wanted.pixels), linear, wanted.clamp
        if key not in images:
            images[key] = gpu.image(wanted.pixels, linear=linear, clamp=wanted.clamp)
        return images[key]

    parts: list[Part] = []
    shadows: list[Part] = []
    boxes, start, first = np.ones((len(meshes), 8, 4)), 0, 0
    for mesh, count in zip(meshes, counts, strict=True):
        m, length = mesh.material, len(mesh.triangles)
        boxes[len(parts), :, :3] = box_corners(mesh.positions.min(0), mesh.positions.max(0))
        vertices[start : start + count], indices[first : first + length] = _records(mesh, layout)
        indices[first : first + length] += start
        wanted = IMAGES if scene.layered else COLORS
        bound: dict[str, Any] = {
            f"{name}_image": image(getattr(m, f"{name}_image"), name not in COLORS) for name in wanted
        }
        surface = surface_of(m)
        has = Has(**{name: "image" for name in wanted if getattr(m, f"{name}_image")})
        parts.append(Part(3 * first, 3 * length, {"material": surface, "has": has, **bound}, entry, not m.two_sided))
        hole = Hole(m.opacity, m.cutoff, surface.albedo_u, surface.albedo_v, surface.albedo_set)
        shadows.append(
            Part(
                3 * first,
                3 * length,
                {"hole": hole, "albedo_image": bound["albedo_image"]},
                "pierced" if m.cutoff else "whole",
            )
        )
        start, first = start + count, first + length
    return Uploaded(gpu.geometry(vertices, layout[0], layout[1], indices), parts, shadows, boxes)
