"""The scene as plain arrays: meshes, materials, lights and a camera. No OpenGL here.

Units are metres; y is up; coordinates are right-handed; colours are linear with Rec. 709 primaries. Cameras are in the
coordinates of the scene's file, all else in those of the world: see `coordinates`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np

from ssdo.arrays import Array, Bytes, Floats, Ints
from ssdo.scene.coordinates import IDENTITY, FileCoordinates
from ssdo.scene.subject import Subject, find_subject
from ssdo.settings import Vec3

OBJECT_LENGTH_RATIO = 10 / 3  # of default lengths for an object to those for a scene of its size

# How a surface that is not opaque is blended with what lies behind it. "alpha": opacity is the fraction of the area
# that it covers. "transmission": it is the fraction of light that is not transmitted; the rest takes the base colour.
Blending = Literal["none", "alpha", "transmission"]
MIN_OPAQUE_ALPHA = 254.5 / 255  # `alpha_cutoff` of blended materials: their opaque texels are drawn as opaque surfaces

DIELECTRIC_F0: Vec3 = (0.04, 0.04, 0.04)  # of an index of refraction of 1.5
MIN_METAL_F0 = 0.2  # no dielectric reflects so much
CLAY_ALBEDO, WHITE_ALBEDO = (0.5, 0.38, 0.3), (0.8, 0.8, 0.8)


@dataclass(frozen=True, eq=False)
class ImageTexture:
    """An image and how it lies on a surface. (u, v) = (0, 0) is its top left corner."""

    pixels: Bytes  # (h, w, 4) 8 bit, row 0 on top; colours are sRGB, other values linear
    uv_set: int = 0  # 0: Mesh.uvs, 1: Mesh.uvs2
    transform: tuple[Vec3, Vec3] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))  # two rows, applied to (u, v, 1)
    clamp: tuple[bool, bool] = (False, False)  # clamp to the edge in u and v; else repeat

    @property
    def layout(self) -> tuple[object, ...]:
        """How it lies on a surface: texels of images with the same layout lie on one another."""
        return self.uv_set, self.transform, self.clamp


@dataclass(frozen=True, eq=False)
class Material:
    """A Lambert layer below a GGX layer, as in glTF 2.0 (appendix B). Each texture multiplies the factor of its name.

    With f0 and metallic 0, the defaults, the surface is purely diffuse.
    """

    albedo: Vec3 = (0.8, 0.8, 0.8)  # linear: diffuse reflectance, or F0 of a metal
    emission: Vec3 = (0.0, 0.0, 0.0)  # radiance, linear
    has_tinted_emission: bool = False  # vertex colours multiply emission, too, as on unlit surfaces
    albedo_texture: ImageTexture | None = None  # alpha: opacity
    emission_texture: ImageTexture | None = None
    metallic: float = 0.0
    roughness: float = 1.0  # perceptual: its square is GGX's alpha
    f0: Vec3 = (
        0.0,
        0.0,
        0.0,
    )  # linear: reflectance at normal incidence unless metallic; black: no specular layer
    f0_texture: ImageTexture | None = None  # rgb
    metallic_roughness_texture: ImageTexture | None = None  # green: roughness, blue: metallic
    normal_texture: ImageTexture | None = None  # tangent space, y up
    normal_scale: float = 1.0  # of the normal map's x and y
    occlusion_texture: ImageTexture | None = None  # red: ambient visibility; used with --occlusion-maps
    occlusion_strength: float = 1.0
    opacity: float = 1.0
    alpha_cutoff: float = 0.0  # lower opacity is masked out; 0: opaque
    blending: Blending = "none"  # if not "none", opacity below `alpha_cutoff` is blended, not masked out
    double_sided: bool = True  # else back faces are culled: see render/culling.py
    coat: Material | None = None  # a transmissive layer on the surface, such as clear varnish. Rays do not meet it
    name: str = ""

    @property
    def has_specular(self) -> bool:
        """Whether it has a specular layer."""
        return any(self.f0) or self.metallic > 0 or self.coat is not None

    @property
    def is_basic(self) -> bool:
        """Whether albedo and emission are all there is, with textures laid out plainly by the first UVs."""
        is_plain = all(
            texture.uv_set == 0 and texture.transform == ImageTexture.transform and texture.clamp == (False, False)
            for texture in (self.albedo_texture, self.emission_texture)
            if texture
        )
        has_more = self.has_specular or self.normal_texture or self.occlusion_texture or self.alpha_cutoff
        return is_plain and not has_more

    @property
    def textures(self) -> list[ImageTexture]:
        """All textures that it has."""
        textures = (
            self.albedo_texture,
            self.emission_texture,
            self.metallic_roughness_texture,
            self.f0_texture,
            self.normal_texture,
            self.occlusion_texture,
        )
        return [texture for texture in textures if texture] + (self.coat.textures if self.coat else [])


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles of one material. Arrays are float32, `triangles` int32."""

    positions: Floats  # (n, 3)
    triangles: Ints  # (m, 3) vertex indices, counter-clockwise seen from outside
    material: Material = Material()
    normals: Floats | None = None  # (n, 3) unit length; None: flat shading
    uvs: Floats | None = None  # (n, 2)
    uvs2: Floats | None = None  # (n, 2) the second set
    colors: Floats | None = None  # (n, 4) linear, multiplies albedo and opacity; `Material.has_tinted_emission`
    tangents: Floats | None = None  # (n, 4) xyz: the normal map's x, unit length; w: 1 or -1, the side of its y

    def compute_bounds(self) -> tuple[Floats, Floats]:
        """The lowest and the highest corner of its triangles, (3,) each. Unused vertices do not count."""
        is_used = np.zeros(len(self.positions), bool)
        is_used[self.triangles] = True
        # Contiguous columns: numpy reduces rows of three much more slowly.
        coordinates = np.ascontiguousarray(self.positions[is_used].T)
        return coordinates.min(1), coordinates.max(1)


@dataclass(frozen=True)
class DirectionalLight:
    """The sun: a distant disc. Angles are in degrees."""

    azimuth: float = 0.0  # from north (-z) towards east (+x)
    elevation: float = 45.0  # above the horizon
    irradiance: float = 0.0  # on a surface that faces the sun; 0: no sun
    color: Vec3 = (1.0, 1.0, 1.0)
    angular_diameter: float = 0.53  # seen from the scene; the real sun's from the earth by default


@dataclass(frozen=True)
class PunctualLight:
    """A point light, or a spot light if its cone is narrower than 180 degrees. Angles are half angles in degrees."""

    position: Vec3
    intensity: Vec3  # radiant intensity, linear colour: irradiance on a facing surface a metre away
    direction: Vec3 = (0.0, -1.0, 0.0)  # of the cone's axis, unit length
    inner_cone_angle: float = 180.0  # full intensity within
    outer_cone_angle: float = 180.0  # no light outside; 180: a point light
    range: float = math.inf  # metres at which it has faded to nothing


@dataclass(frozen=True)
class Ground:
    """A horizontal disc that was added below a scene. It fades into the background."""

    center: Vec3
    fade_start: float  # metres from the centre
    fade_end: float  # metres from the centre: its radius


@dataclass(frozen=True, eq=False)
class Scene:
    """Meshes and lights, and the default camera, sun and environment of a shot."""

    meshes: tuple[Mesh, ...]
    eye: Vec3 | None = None  # in the file's coordinates. None: outside, looking at the whole scene
    target: Vec3 | None = None
    fov: float = 50.0  # vertical, degrees
    sun: DirectionalLight = field(default_factory=DirectionalLight)
    environment: str = "white"  # a name or path, as the flag --environment takes it
    name: str = ""
    lights: tuple[PunctualLight, ...] = ()
    warnings: tuple[str, ...] = ()  # of the reader, a line each
    coordinates: FileCoordinates = IDENTITY  # of the file
    roll: float = 0.0  # of the camera about its view axis, degrees
    picture_height: float = 0.0  # metres, of an orthographic camera. 0: perspective
    key_light: DirectionalLight | None = None  # the sun under the scene's own environment, but under no other
    background: str = "environment"  # as the flag --background takes it
    wants_ground: bool = False  # whether --ground auto adds one
    light_units: str = "radiometric"  # or "photometric": what --lights.units auto takes them for
    ground: Ground | None = None  # if it was added: the last mesh

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """The lowest and the highest corner, (3,) each."""
        bounds = [mesh.compute_bounds() for mesh in self.meshes if mesh.triangles.size]
        if not bounds:
            return np.zeros(3, "f4"), np.ones(3, "f4")
        return np.min([low for low, _ in bounds], 0), np.max([high for _, high in bounds], 0)

    @cached_property
    def subject(self) -> Subject:
        """Bounds without stray triangles, and without a ground or a sky much wider than what stands in it."""
        if self.ground:
            return replace(self, meshes=self.meshes[:-1], ground=None).subject
        return find_subject(self.meshes, self.bounds)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the scene, a line each: warnings of the reader, and stray triangles."""
        count = self.subject.stray_count
        if not count:
            return self.warnings
        triangles, verb = ("triangle", "does") if count == 1 else ("triangles", "do")
        return (
            *self.warnings,
            f"{count} {triangles} far from all others {verb} not count for framing and default lengths",
        )

    @cached_property
    def bounding_radius(self) -> float:
        """Half the diagonal of the subject's bounds, in metres."""
        return float(np.linalg.norm(self.subject.high - self.subject.low)) / 2 or 1.0

    @property
    def length_scale(self) -> float:
        """What default lengths are relative to, in metres: the bounding radius, or more for an object alone.

        The parts of an object are as large as itself, those of a room or a landscape are smaller.
        """
        return self.bounding_radius * (OBJECT_LENGTH_RATIO if self.wants_ground else 1.0)

    @cached_property
    def has_specular(self) -> bool:
        """Whether any material has a specular layer."""
        return any(mesh.material.has_specular for mesh in self.meshes)

    @cached_property
    def has_emission(self) -> bool:
        """Whether any material emits light."""
        return any(any(mesh.material.emission) for mesh in self.meshes)

    @cached_property
    def needs_full_material(self) -> bool:
        """Whether any mesh has a material that is not basic, or vertex colours."""
        return any(not mesh.material.is_basic or mesh.colors is not None for mesh in self.meshes)

    @cached_property
    def has_occlusion_texture(self) -> bool:
        """Whether any material has an occlusion texture."""
        return any(mesh.material.occlusion_texture for mesh in self.meshes)

    @cached_property
    def byte_size(self) -> int:
        """Memory of its arrays. Arrays that several meshes share count once."""
        arrays: dict[int, Array] = {}
        for mesh in self.meshes:
            pixels = [texture.pixels for texture in mesh.material.textures]
            attributes = (mesh.normals, mesh.uvs, mesh.uvs2, mesh.colors, mesh.tangents)
            for array in (mesh.positions, mesh.triangles, *attributes, *pixels):
                if array is not None:
                    arrays[id(array)] = array
        return sum(array.nbytes for array in arrays.values())

    @property
    def triangle_count(self) -> int:
        return sum(len(mesh.triangles) for mesh in self.meshes)


# Weak, so that no version of a file stays in memory longer than it is used.
_overridden_scenes: WeakKeyDictionary[Scene, dict[tuple[str, bool], Scene]] = WeakKeyDictionary()


def override_materials(scene: Scene, material_override: str, occlusion_maps: bool) -> Scene:
    """A copy of the scene with simpler materials.

    "full" keeps them, "diffuse" removes the specular layer (metals keep their colour), "white" and "clay" give every
    surface one albedo, too. Emission and alpha masks stay. Without `occlusion_maps`, occlusion textures are removed.
    """
    if material_override == "full" and (occlusion_maps or not scene.has_occlusion_texture):
        return scene
    overridden_scenes = _overridden_scenes.setdefault(scene, {})
    key = material_override, occlusion_maps
    if key not in overridden_scenes:
        overridden_scenes[key] = _override_scene(scene, material_override, occlusion_maps)
    return overridden_scenes[key]


def _override_scene(scene: Scene, material_override: str, occlusion_maps: bool) -> Scene:
    materials: dict[int, Material] = {}
    meshes = []
    for mesh in scene.meshes:
        key = id(mesh.material)
        if key not in materials:
            materials[key] = _override_material(mesh.material, material_override, occlusion_maps)
        colors = _override_colors(mesh) if material_override in ("white", "clay") else mesh.colors
        meshes.append(replace(mesh, material=materials[key], colors=colors))
    overridden = replace(scene, meshes=tuple(meshes))
    overridden.__dict__.update(bounds=scene.bounds, subject=scene.subject)  # of the same triangles
    return overridden


def _override_material(material: Material, material_override: str, occlusion_maps: bool) -> Material:
    if not occlusion_maps:
        material = replace(material, occlusion_texture=None)
    if material_override == "diffuse" and max(material.f0) > MIN_METAL_F0:
        material = _add_f0_to_albedo(material)
    if material_override != "full":
        material = replace(
            material, metallic=0.0, f0=(0.0, 0.0, 0.0), f0_texture=None, metallic_roughness_texture=None, coat=None
        )
    if material_override in ("white", "clay"):
        texture = material.albedo_texture if material.alpha_cutoff else None
        material = replace(
            material,
            albedo=WHITE_ALBEDO if material_override == "white" else CLAY_ALBEDO,
            albedo_texture=texture and replace(texture, pixels=_whiten(texture.pixels, 255)),
            normal_texture=None,
            occlusion_texture=None,
        )
    return material


def _add_f0_to_albedo(material: Material) -> Material:
    """A material whose albedo is all that it reflects at normal incidence: albedo (1 - F0) + F0, in every texel."""
    from ssdo.scene.image_arithmetic import layer_images  # few scenes need Pillow

    images = (material.albedo_texture, material.f0_texture)
    layout = images[0] or images[1]
    if layout is None:
        red, green, blue = (a * (1 - f) + f for a, f in zip(material.albedo, material.f0, strict=True))
        return replace(material, albedo=(red, green, blue))
    if any(image and image.layout != layout.layout for image in images):  # no texel of one lies on one of the other
        return material
    albedo, f0 = (image.pixels if image else None for image in images)
    pixels = layer_images(albedo, f0, material.albedo, material.f0)
    return replace(material, albedo=(1.0, 1.0, 1.0), albedo_texture=replace(layout, pixels=pixels))


def _override_colors(mesh: Mesh) -> Floats | None:
    """White vertex colours with the same opacity; None where opacity has no effect. Those of emission stay."""
    if mesh.material.has_tinted_emission:
        return mesh.colors
    if mesh.colors is None or not mesh.material.alpha_cutoff:
        return None
    return _whiten(mesh.colors, 1)


def _whiten(values: Array, white: int) -> Array:
    """Colours (..., 4) in white, with the same alpha."""
    whitened = values.copy()
    whitened[..., :3] = white
    return whitened
