"""Materials of a glTF document. What extensions add that are not supported is named in a warning.

Section numbers are those of the specification.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ssdo.arrays import Bytes
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.gltf_document import Document
from ssdo.scene.files.gltf_extensions import HARMLESS_EXTENSIONS, SUPPORTED_EXTENSIONS
from ssdo.scene.files.gltf_images import F0Image, ImageVariant, TextureImage, TransmissionImage
from ssdo.scene.files.gltf_layers import COAT_PREFIX, have_same_layout, read_coat, read_sheen, read_transmission
from ssdo.scene.files.gltf_textures import MaterialValues, TextureUse, TextureUses, add_texture, assign_uv_slots
from ssdo.scene.files.json_tree import (
    MAX_NUMBER,
    Json,
    get_bool,
    get_entry,
    get_extension,
    get_number,
    get_numbers,
    get_object,
    get_string,
)
from ssdo.scene.model import DIELECTRIC_F0, MIN_OPAQUE_ALPHA, ImageTexture, Material
from ssdo.settings import Vec3

SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"


class MaterialBinding(NamedTuple):
    """A material whose textures are not bound yet: which of them are depends on the UVs of each mesh."""

    material: Material
    textures: TextureUses
    uv_slots: dict[int, int]  # by n of TEXCOORD_n: 0 for a mesh's uvs, 1 for its uvs2
    where: str
    is_unlit: bool = False

    def bind(self, present_slots: Container[int], pixels: Mapping[TextureImage, Bytes]) -> Material:
        """The material with the textures whose UV slots a mesh has, and whose pixels could be read.

        A surface whose emission texture has no pixels is not emissive: its factor is rarely meant for all of it.
        Without pixels of F0 it is a dielectric; without those of a transmission it transmits by its factor.
        """
        values: dict[str, Any] = {
            name: ImageTexture(pixels[use.image], self.uv_slots[use.uv_set], use.transform, use.clamp)
            for name, use in self.textures.items()
            if self.uv_slots.get(use.uv_set, -1) in present_slots and use.image in pixels
        }
        if self._lacks_pixels("f0_texture", pixels):
            values["f0"] = _limit_f0(self.material.f0)
        if not self.is_unlit and self._lacks_pixels("emission_texture", pixels):
            values["emission"] = (0.0, 0.0, 0.0)
        image = self.textures["albedo_texture"].image if "albedo_texture" in self.textures else None
        if isinstance(image, TransmissionImage) and image not in pixels:
            values["opacity"] = 1 - image.factor
        coat = {name: values.pop(name) for name in list(values) if name.startswith(COAT_PREFIX)}
        if self.material.coat and coat:
            textures = {name.removeprefix(COAT_PREFIX): texture for name, texture in coat.items()}
            values["coat"] = replace(self.material.coat, **textures)
        return replace(self.material, **values) if values else self.material

    @property
    def normal_map(self) -> TextureUse | None:
        """The normal map that tangents are for: the surface's, else that of its coat."""
        return self.textures.get("normal_texture") or self.textures.get(f"{COAT_PREFIX}normal_texture")

    def _lacks_pixels(self, name: str, pixels: Mapping[TextureImage, Bytes]) -> bool:
        return name in self.textures and self.textures[name].image not in pixels


def read_material(doc: Document, i: int | None) -> MaterialBinding:
    """A material of the file; None: the default of section 3.9.6, a rough white metal."""
    if i is None:
        default = Material((1, 1, 1), metallic=1, f0=DIELECTRIC_F0, double_sided=False)
        return MaterialBinding(default, {}, {}, "")
    entry, where = get_entry(doc.tree, "materials", i), f"materials[{i}]"
    for name in get_object(entry, "extensions", where):
        if name not in SUPPORTED_EXTENSIONS | HARMLESS_EXTENSIONS:
            doc.warn(where, f"the extension {quote_value(name)} is not read; what it changes is not shown")
    specular_glossiness = get_extension(entry, SPECULAR_GLOSSINESS, where)
    if specular_glossiness is None:
        values, textures = _read_metallic_roughness(doc, entry, where)
    else:  # what is beside it is a fallback for viewers that do not know the extension
        extension_name = f"{where}.extensions.{SPECULAR_GLOSSINESS}"
        values, textures = _read_specular_glossiness(doc, specular_glossiness, extension_name)
    _read_emission(doc, entry, values, textures, where)
    _read_normal_and_occlusion(doc, entry, values, textures, where)
    _read_alpha(doc, entry, values, where)
    read_transmission(doc, entry, values, textures, where)
    read_coat(doc, entry, values, textures, where)
    values["name"] = get_string(entry, "name", where).encode("utf-8", "replace").decode()
    is_unlit = get_extension(entry, "KHR_materials_unlit", where) is not None
    if is_unlit:
        _convert_unlit(values, textures)
    else:
        read_sheen(doc, entry, values, textures, where)
    uv_slots = assign_uv_slots(doc, textures, where)
    return MaterialBinding(Material(**values), textures, uv_slots, where, is_unlit)


# ---- factors ---------------------------------------------------------------------------------------------------------


def _read_metallic_roughness(doc: Document, entry: Json, where: str) -> tuple[MaterialValues, TextureUses]:
    """Section 3.9.2, with the F0 of KHR_materials_ior and KHR_materials_specular."""
    pbr, inside = get_object(entry, "pbrMetallicRoughness", where), f"{where}.pbrMetallicRoughness"
    *albedo, opacity = get_numbers(pbr, "baseColorFactor", inside, (1, 1, 1, 1), 0, 1)
    values: MaterialValues = {
        "albedo": tuple(albedo),
        "opacity": opacity,
        "metallic": get_number(pbr, "metallicFactor", inside, 1, 0, 1),
        "roughness": get_number(pbr, "roughnessFactor", inside, 1, 0, 1),
    }
    textures: TextureUses = {}
    add_texture(doc, textures, "albedo_texture", pbr, "baseColorTexture", inside)
    add_texture(doc, textures, "metallic_roughness_texture", pbr, "metallicRoughnessTexture", inside)
    _read_f0(doc, entry, values, textures, where)
    return values, textures


def _read_f0(doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str) -> None:
    """F0 of KHR_materials_ior and KHR_materials_specular: min(F0 of the index * colour, 1) * strength.

    The strength should also scale the reflectance at grazing angles, which here follows from F0.
    """
    inside = f"{where}.extensions.KHR_materials_ior"
    ior = get_number(get_extension(entry, "KHR_materials_ior", where) or {}, "ior", inside, 1.5, 0)
    if 0 < ior < 1:  # 0 stands for infinity
        doc.warn(f"{inside}.ior", f"must be 0 or at least 1, not {ior:g}; 1 is used")
        ior = 1.0
    specular = get_extension(entry, "KHR_materials_specular", where) or {}
    inside = f"{where}.extensions.KHR_materials_specular"
    color = get_numbers(specular, "specularColorFactor", inside, (1, 1, 1), 0)
    strength = get_number(specular, "specularFactor", inside, 1, 0, 1)
    red, green, blue = (((ior - 1) / (ior + 1)) ** 2 * c for c in color)
    values["f0"] = tuple(strength * min(c, 1.0) for c in (red, green, blue))
    if any(values["f0"]):  # a texture times black is black
        gain = max(red, 1.0), max(green, 1.0), max(blue, 1.0)
        textures |= _read_f0_texture(doc, specular, gain, inside)


def _read_f0_texture(doc: Document, specular: Json, gain: Vec3, where: str) -> TextureUses:
    """One texture for the two images of KHR_materials_specular. `gain` multiplies the colour before it is limited."""
    uses: TextureUses = {}
    add_texture(doc, uses, "color", specular, "specularColorTexture", where)
    add_texture(doc, uses, "strength", specular, "specularTexture", where)
    variants = {name: use.image for name, use in uses.items() if isinstance(use.image, ImageVariant)}
    if len(uses) == 2 and not have_same_layout(uses["color"], uses["strength"]):
        doc.warn(f"{where}.specularTexture", "lies on the surface unlike specularColorTexture, and is left out")
        del uses["strength"], variants["strength"]
    if not uses:
        return {}
    image: TextureImage = F0Image(variants.get("color"), variants.get("strength"), gain)
    if variants.keys() == {"color"} and gain == (1.0, 1.0, 1.0):
        image = variants["color"]
    return {"f0_texture": next(iter(uses.values()))._replace(image=image)}


def _read_specular_glossiness(doc: Document, extension: Json, where: str) -> tuple[MaterialValues, TextureUses]:
    """KHR_materials_pbrSpecularGlossiness: a dielectric of any F0. Roughness is 1 - glossiness.

    The extension scales the diffuse colour by 1 - max(F0). This is what the layer above transmits at normal incidence,
    which `Material` knows for all angles. So white stays white in a furnace, at any F0.
    """
    *diffuse, opacity = get_numbers(extension, "diffuseFactor", where, (1, 1, 1, 1), 0, 1)
    red, green, blue = get_numbers(extension, "specularFactor", where, (1, 1, 1), 0, 1)
    specular = red, green, blue
    glossiness = get_number(extension, "glossinessFactor", where, 1, 0, 1)
    values: MaterialValues = {
        "albedo": tuple(diffuse),
        "opacity": opacity,
        "metallic": 0.0,
        "roughness": 1 - glossiness,
        "f0": specular,
    }
    textures: TextureUses = {}
    add_texture(doc, textures, "albedo_texture", extension, "diffuseTexture", where)
    if any(specular):  # a texture times black is black
        add_texture(doc, textures, "f0_texture", extension, "specularGlossinessTexture", where)
    if "f0_texture" in textures:
        use = textures["f0_texture"]
        assert isinstance(use.image, ImageVariant)
        textures["metallic_roughness_texture"] = use._replace(image=use.image._replace(glossiness=glossiness))
        values["roughness"] = 1.0
    elif "specularGlossinessTexture" in extension:
        values |= {"roughness": 1.0, "f0": _limit_f0(specular)}  # as `bind` does without pixels
    return values, textures


def _limit_f0(f0: Vec3) -> Vec3:
    """What is left of a factor without its image: that of a dielectric, at most."""
    red, green, blue = (min(c, limit) for c, limit in zip(f0, DIELECTRIC_F0, strict=True))
    return red, green, blue


def _read_emission(doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str) -> None:
    extension = get_extension(entry, "KHR_materials_emissive_strength", where) or {}
    strength = get_number(extension, "emissiveStrength", f"{where}.extensions.KHR_materials_emissive_strength", 1, 0)
    factor = get_numbers(entry, "emissiveFactor", where, (0, 0, 0), 0)
    values["emission"] = tuple(min(strength * c, MAX_NUMBER) for c in factor)
    if any(values["emission"]):  # a texture times black is black
        add_texture(doc, textures, "emission_texture", entry, "emissiveTexture", where)
        if "emissiveTexture" in entry and "emission_texture" not in textures:
            values["emission"] = (0.0, 0.0, 0.0)  # as `bind` does without pixels


def _read_normal_and_occlusion(
    doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str
) -> None:
    normal, occlusion = get_object(entry, "normalTexture", where), get_object(entry, "occlusionTexture", where)
    values["normal_scale"] = get_number(normal, "scale", f"{where}.normalTexture", 1)
    values["occlusion_strength"] = get_number(occlusion, "strength", f"{where}.occlusionTexture", 1, 0, 1)
    add_texture(doc, textures, "normal_texture", entry, "normalTexture", where)
    add_texture(doc, textures, "occlusion_texture", entry, "occlusionTexture", where)


def _read_alpha(doc: Document, entry: Json, values: MaterialValues, where: str) -> None:
    mode = get_string(entry, "alphaMode", where, "OPAQUE")
    cutoff = get_number(entry, "alphaCutoff", where, 0.5, 0)
    if mode not in ("OPAQUE", "MASK", "BLEND"):
        rule = f"must be OPAQUE, MASK or BLEND, not {quote_value(mode)}; the default is used"
        doc.warn(f"{where}.alphaMode", rule)
        mode = "OPAQUE"
    if mode == "BLEND":
        values["blending"] = "alpha"
    if mode == "OPAQUE":
        values["opacity"] = 1.0
    values["alpha_cutoff"] = {"OPAQUE": 0.0, "MASK": cutoff, "BLEND": MIN_OPAQUE_ALPHA}[mode]
    values["double_sided"] = get_bool(entry, "doubleSided", where)


def _convert_unlit(values: MaterialValues, textures: TextureUses) -> None:
    """Make the base colour emission, without reflection. Its texture remains for an alpha mask, if there is one."""
    values |= {
        "emission": values["albedo"],
        "has_tinted_emission": True,
        "albedo": (0.0, 0.0, 0.0),
        "metallic": 0.0,
        "f0": (0.0, 0.0, 0.0),
        "coat": None,
    }
    base_color = textures.get("albedo_texture")
    textures.clear()
    if base_color is not None:
        textures["emission_texture"] = base_color
        if values["alpha_cutoff"]:
            textures["albedo_texture"] = base_color
