"""What there is to see, as plain arrays: triangles, materials, light and a camera. No OpenGL here.

Metres, y up, right-handed, linear colour (Rec. 709 primaries).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ssdo.settings import Vec3

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels and how they lie on a surface: at (u, v) stands the pixel at `transform` @ (u, v, 1); (0, 0) is the top
    left.
    """

    pixels: Bytes  # (h, w, 4) 8 bit, row 0 on top; sRGB where they are colours, else linear
    uv_set: int = 0  # 0: Mesh.uvs, 1: Mesh.uvs2
    transform: tuple[Vec3, Vec3] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    # beyond its edges, in u and v: the edge goes on; else the image begins again
    clamp: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, eq=False)
class Material:
    """Lambert below GGX, as glTF 2.0 mixes them (appendix B). Every image multiplies the factor of its name.

    With `reflectance` and `metallic` 0, as they are unless given, a surface is diffuse and nothing else.
    """

    albedo: Vec3 = (0.8, 0.8, 0.8)  # linear: diffuse reflectance; of a metal the reflectance at normal incidence
    emission: Vec3 = (0.0, 0.0, 0.0)  # radiance, linear
    albedo_image: Image | None = None  # a: opacity
    emission_image: Image | None = None
    metallic: float = 0.0
    roughness: float = 1.0  # as artists mean it: GGX's alpha is its square
    reflectance: float = 0.0  # at normal incidence, of what is no metal; 0.04 suits most things; 0: no gloss
    surface_image: Image | None = None  # g: roughness, b: metallic
    normal_image: Image | None = None  # tangent space, y up
    normal_scale: float = 1.0  # of its x and y
    # r: share of the light from everywhere that an artist lets through; used only when asked for
    occlusion_image: Image | None = None
    occlusion_strength: float = 1.0
    opacity: float = 1.0
    cutoff: float = 0.0  # what is less opaque is a hole; 0: there are none
    two_sided: bool = True  # else the camera looks through from behind
    name: str = ""

    @property
    def glossy(self) -> bool:
        """Whether it reflects otherwise than diffusely, anywhere."""
        return self.reflectance > 0 or self.metallic > 0

    @property
    def plain(self) -> bool:
        """Whether albedo, emission and their images, laid out by the first UVs as they are, say all there is to say."""
        images = [image for image in (self.albedo_image, self.emission_image) if image]
        lies_flat = all(
            image.uv_set == 0 and image.transform == Image.transform and image.clamp == (False, False)
            for image in images
        )
        return lies_flat and not (self.glossy or self.normal_image or self.occlusion_image or self.cutoff)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles of one material. All arrays are float32 but `triangles`."""

    positions: Floats  # (n, 3)
    triangles: Ints  # (m, 3) indices of corners, counter-clockwise seen from outside
    material: Material = Material()
    normals: Floats | None = None  # (n, 3) unit length; None: every triangle is flat
    uvs: Floats | None = None  # (n, 2)
    uvs2: Floats | None = None  # (n, 2) the second set
    colors: Floats | None = None  # (n, 4) linear, multiplies albedo and opacity
    # (n, 4) where normal_image's x points, unit length; w: which side its y is on, 1 or -1
    tangents: Floats | None = None


@dataclass(frozen=True)
class Sunlight:
    """A distant disc. Angles in degrees: azimuth from north (-z) towards east (+x), elevation above the horizon."""

    azimuth: float = 0.0
    elevation: float = 45.0
    irradiance: float = 0.0  # on a surface that faces the sun; 0: there is no sun
    color: Vec3 = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Lamp:
    """A point that shines, everywhere or within a cone."""

    position: Vec3
    intensity: Vec3  # linear colour; irradiance on a surface that faces it, a metre away
    direction: Vec3 = (0.0, -1.0, 0.0)  # of the cone's axis, unit length
    inner: float = 180.0  # half angles of the cone, degrees: full light within the inner,
    outer: float = 180.0  # none outside of the outer; 180: everywhere
    reach: float = math.inf  # metres, beyond which it fades to nothing


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything there is to see, and from where, and in which light when the shot does not say otherwise."""

    meshes: tuple[Mesh, ...]
    eye: Vec3 | None = None  # None: outside, looking at all of it
    target: Vec3 | None = None
    fov: float = 50.0  # vertical, degrees
    sun: Sunlight = field(default_factory=Sunlight)
    environment: str = "white"  # a name or path, as the flag --environment takes it
    name: str = ""
    lamps: tuple[Lamp, ...] = ()
    notes: tuple[str, ...] = ()  # what in its file was odd, a line each

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """The lowest and the highest corner, (3,) each."""
        ends = [_ends(m) for m in self.meshes if m.triangles.size]
        if not ends:
            return np.zeros(3, "f4"), np.ones(3, "f4")
        return np.min([low for low, _ in ends], 0), np.max([high for _, high in ends], 0)

    @cached_property
    def size(self) -> float:
        """Half the diagonal of the bounds, metres: what an unset radius is a share of."""
        low, high = self.bounds
        return float(np.linalg.norm(high.astype("f8") - low)) / 2 or 1.0

    @cached_property
    def glossy(self) -> bool:
        """Whether anything in it reflects otherwise than diffusely."""
        return any(m.material.glossy for m in self.meshes)

    @cached_property
    def shining(self) -> bool:
        """Whether anything in it emits light."""
        return any(any(m.material.emission) for m in self.meshes)

    @cached_property
    def layered(self) -> bool:
        """Whether anything in it is more than triangles with albedo and emission."""
        return any(not m.material.plain or m.colors is not None for m in self.meshes)

    @cached_property
    def bytes(self) -> int:
        """Memory that its arrays take, each counted once."""
        arrays = {}
        for mesh in self.meshes:
            m = mesh.material
            images = [
                image.pixels
                for image in (m.albedo_image, m.emission_image, m.surface_image, m.normal_image, m.occlusion_image)
                if image
            ]
            for values in (
                mesh.positions,
                mesh.triangles,
                mesh.normals,
                mesh.uvs,
                mesh.uvs2,
                mesh.colors,
                mesh.tangents,
                *images,
            ):
                if values is not None:
                    arrays[id(values)] = values.nbytes
        return sum(arrays.values())

    @property
    def triangle_count(self) -> int:
        return sum(len(m.triangles) for m in self.meshes)


def _ends(mesh: Mesh) -> tuple[Floats, Floats]:
    """The lowest and the highest corner of what is seen of it: a file may hold corners that no triangle has."""
    used = np.zeros(len(mesh.positions), bool)
    used[mesh.triangles] = True
    # an axis each: in rows of three numpy compares three times as long
    corners = np.ascontiguousarray(mesh.positions[used].T)
    return corners.min(1), corners.max(1)


CLAY, WHITE = (0.5, 0.38, 0.3), (0.8, 0.8, 0.8)


@lru_cache(8)
def overridden(scene: Scene, material: str, occlusion_maps: bool) -> Scene:
    """The scene made of something else: "full" as it is, "diffuse" without gloss (of a metal its colour stays), "white"
    and "clay" all the same besides. What shines goes on shining, and holes stay. Without `occlusion_maps` the occlusion
    images of materials are left out.
    """

    def made(m: Material) -> Material:
        if not occlusion_maps:
            m = replace(m, occlusion_image=None)
        if material != "full":
            m = replace(m, metallic=0.0, reflectance=0.0, surface_image=None)
        if material in ("white", "clay"):
            image = m.albedo_image if m.cutoff else None
            holes = image and replace(
                image, pixels=np.concatenate([np.full_like(image.pixels[..., :3], 255), image.pixels[..., 3:]], -1)
            )
            m = replace(
                m,
                albedo=WHITE if material == "white" else CLAY,
                albedo_image=holes,
                normal_image=None,
                occlusion_image=None,
            )
        return m

    def painted(mesh: Mesh) -> Mesh:
        if mesh.colors is None or material not in ("white", "clay"):
            return mesh
        return replace(
            mesh,
            colors=np.concatenate([np.ones_like(mesh.colors[:, :3]), mesh.colors[:, 3:]], 1)
            if mesh.material.cutoff
            else None,
        )

    if material == "full" and not any(mesh.material.occlusion_image for mesh in scene.meshes if not occlusion_maps):
        return scene
    known: dict[int, Material] = {}
    meshes = []
    for mesh in scene.meshes:
        if id(mesh.material) not in known:
            known[id(mesh.material)] = made(mesh.material)
        meshes.append(replace(painted(mesh), material=known[id(mesh.material)]))
    return replace(scene, meshes=tuple(meshes))
