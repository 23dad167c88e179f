"""Materials of a glTF document: their factors, and how textures lie on them. Pixels are decoded later, by gltf_images.

Not supported: nearest filtering, a sampler's mipmap mode, and what other
extensions add (transmission, clear coat, sheen, ...), which a warning names. Section numbers are those of the
specification.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ssdo.arrays import Bytes
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.gltf_document import Document
from ssdo.scene.files.gltf_extensions import HARMLESS_EXTENSIONS, SUPPORTED_EXTENSIONS, explain_unsupported
from ssdo.scene.files.gltf_images import F0Image, ImageVariant, TextureImage
from ssdo.scene.files.json_tree import (
    MAX_NUMBER,
    Json,
    find_reference,
    get_bool,
    get_entry,
    get_extension,
    get_number,
    get_numbers,
    get_object,
    get_reference,
    get_string,
    get_unsigned,
    join_name,
)
from ssdo.scene.model import DIELECTRIC_F0, MIN_OPAQUE_ALPHA, ImageTexture, Material
from ssdo.settings import UserError, Vec3

SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
CLAMP, MIRROR, REPEAT = 33071, 33648, 10497  # OpenGL's wrap modes

UvTransform = tuple[Vec3, Vec3]  # two rows, applied to (u, v, 1)
MaterialValues = dict[str, Any]  # arguments of Material, without its textures


class TextureUse(NamedTuple):
    """A texture of a material: which image, and how it lies on the surface."""

    image: TextureImage
    uv_set: int  # TEXCOORD_n
    transform: UvTransform  # includes the halving for a mirrored image
    clamp: tuple[bool, bool]


TextureUses = dict[str, TextureUse]  # by name in Material, such as albedo_texture


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
        """
        values: dict[str, Any] = {
            name: ImageTexture(pixels[use.image], self.uv_slots[use.uv_set], use.transform, use.clamp)
            for name, use in self.textures.items()
            if self.uv_slots.get(use.uv_set, -1) in present_slots and use.image in pixels
        }
        if not self.is_unlit and self._lacks_pixels("emission_texture", pixels):
            values["emission"] = (0.0, 0.0, 0.0)
        return replace(self.material, **values) if values else self.material

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
    values["name"] = get_string(entry, "name", where).encode("utf-8", "replace").decode()
    is_unlit = get_extension(entry, "KHR_materials_unlit", where) is not None
    if is_unlit:
        _convert_unlit(values, textures)
    uv_slots = _assign_uv_slots(doc, textures, where)
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
    _add_texture(doc, textures, "albedo_texture", pbr, "baseColorTexture", inside)
    _add_texture(doc, textures, "metallic_roughness_texture", pbr, "metallicRoughnessTexture", inside)
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
    _add_texture(doc, uses, "color", specular, "specularColorTexture", where)
    _add_texture(doc, uses, "strength", specular, "specularTexture", where)
    variants = {name: use.image for name, use in uses.items() if isinstance(use.image, ImageVariant)}
    if len(uses) == 2 and not (
        uses["color"][1:] == uses["strength"][1:] and variants["color"].mirrored == variants["strength"].mirrored
    ):
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
    specular = get_numbers(extension, "specularFactor", where, (1, 1, 1), 0, 1)
    glossiness = get_number(extension, "glossinessFactor", where, 1, 0, 1)
    values: MaterialValues = {
        "albedo": tuple(diffuse),
        "opacity": opacity,
        "metallic": 0.0,
        "roughness": 1 - glossiness,
        "f0": specular,
    }
    textures: TextureUses = {}
    _add_texture(doc, textures, "albedo_texture", extension, "diffuseTexture", where)
    if any(specular):  # a texture times black is black
        _add_texture(doc, textures, "f0_texture", extension, "specularGlossinessTexture", where)
    if "f0_texture" in textures:
        use = textures["f0_texture"]
        assert isinstance(use.image, ImageVariant)
        textures["metallic_roughness_texture"] = use._replace(image=use.image._replace(glossiness=glossiness))
        values["roughness"] = 1.0
    return values, textures


def _read_emission(doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str) -> None:
    extension = get_extension(entry, "KHR_materials_emissive_strength", where) or {}
    strength = get_number(extension, "emissiveStrength", f"{where}.extensions.KHR_materials_emissive_strength", 1, 0)
    factor = get_numbers(entry, "emissiveFactor", where, (0, 0, 0), 0)
    values["emission"] = tuple(min(strength * c, MAX_NUMBER) for c in factor)
    if any(values["emission"]):  # a texture times black is black
        _add_texture(doc, textures, "emission_texture", entry, "emissiveTexture", where)
        if "emissiveTexture" in entry and "emission_texture" not in textures:
            values["emission"] = (0.0, 0.0, 0.0)  # as `bind` does without pixels


def _read_normal_and_occlusion(
    doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str
) -> None:
    normal, occlusion = get_object(entry, "normalTexture", where), get_object(entry, "occlusionTexture", where)
    values["normal_scale"] = get_number(normal, "scale", f"{where}.normalTexture", 1)
    values["occlusion_strength"] = get_number(occlusion, "strength", f"{where}.occlusionTexture", 1, 0, 1)
    _add_texture(doc, textures, "normal_texture", entry, "normalTexture", where)
    _add_texture(doc, textures, "occlusion_texture", entry, "occlusionTexture", where)


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
    values |= {"emission": values["albedo"], "albedo": (0.0, 0.0, 0.0), "metallic": 0.0, "f0": (0.0, 0.0, 0.0)}
    base_color = textures.get("albedo_texture")
    textures.clear()
    if base_color is not None:
        textures["emission_texture"] = base_color
        if values["alpha_cutoff"]:
            textures["albedo_texture"] = base_color


# ---- textures --------------------------------------------------------------------------------------------------------


def _add_texture(doc: Document, textures: TextureUses, name: str, parent: Json, key: str, where: str) -> None:
    """Add the texture of the textureInfo parent[key], if there is one. One that cannot be read is left out."""
    if key in parent:
        try:
            use = _read_texture(doc, get_object(parent, key, where), join_name(where, key))
        except UserError as error:
            doc.leave_out(error)
        else:
            textures |= {} if use is None else {name: use}


def _read_texture(doc: Document, info: Json, where: str) -> TextureUse | None:
    """The texture of a textureInfo; None if it names no image. Raises UserError for one that cannot be read."""
    i = get_reference(doc.tree, "textures", info, "index", where)
    texture = get_entry(doc.tree, "textures", i)
    source = _read_image_index(doc, texture, f"textures[{i}]")
    if source is None:
        doc.warn(f"textures[{i}]", "names no image, and is left out")
        return None
    wrap_u, wrap_v = _read_wrap_modes(doc, texture, f"textures[{i}]")
    uv_set, (row_u, row_v) = _read_uv_transform(info, where)
    if wrap_u == MIRROR:  # the image and its mirror image together repeat
        row_u = _halve(row_u)
    if wrap_v == MIRROR:
        row_v = _halve(row_v)
    image = ImageVariant(source, (wrap_u == MIRROR, wrap_v == MIRROR))
    return TextureUse(image, uv_set, (row_u, row_v), (wrap_u == CLAMP, wrap_v == CLAMP))


def _halve(row: Vec3) -> Vec3:
    a, b, c = row
    return a / 2, b / 2, c / 2


def _read_image_index(doc: Document, texture: Json, where: str) -> int | None:
    """The image of a texture; None where only an unsupported extension names it."""
    webp = get_extension(texture, "EXT_texture_webp", where)
    if "source" in texture:
        return get_reference(doc.tree, "images", texture, "source", where)
    if webp is not None:
        return get_reference(doc.tree, "images", webp, "source", f"{where}.extensions.EXT_texture_webp")
    if get_extension(texture, "KHR_texture_basisu", where) is not None:
        raise UserError(f"{where}: {explain_unsupported('KHR_texture_basisu')}")
    return None


def _read_wrap_modes(doc: Document, texture: Json, where: str) -> tuple[int, int]:
    """A sampler's wrap modes in u and v."""
    if "sampler" not in texture:
        return REPEAT, REPEAT
    i = find_reference(doc.tree, "samplers", texture, "sampler", where)
    if i is None:
        return REPEAT, REPEAT
    sampler, modes = get_entry(doc.tree, "samplers", i), []
    for key in ("wrapS", "wrapT"):
        mode = get_unsigned(sampler, key, f"samplers[{i}]", REPEAT)
        if mode not in (CLAMP, MIRROR, REPEAT):
            rule = f"must be {CLAMP}, {MIRROR} or {REPEAT}, not {mode}; the default is used"
            doc.warn(f"samplers[{i}].{key}", rule)
            mode = REPEAT
        modes.append(mode)
    return modes[0], modes[1]


def _read_uv_transform(info: Json, where: str) -> tuple[int, UvTransform]:
    """The UV set of a textureInfo, and its KHR_texture_transform."""
    uv_set = get_unsigned(info, "texCoord", where, 0)
    extension = get_extension(info, "KHR_texture_transform", where)
    if extension is None:
        return uv_set, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    where += ".extensions.KHR_texture_transform"
    offset_u, offset_v = get_numbers(extension, "offset", where, (0, 0))
    scale_u, scale_v = get_numbers(extension, "scale", where, (1, 1))
    angle = get_number(extension, "rotation", where, 0)
    c, s = math.cos(angle), math.sin(angle)
    # v points down: [[c, s], [-s, c]] turns counter-clockwise as seen. The extension's own listing has the other sign,
    # no viewer follows it (KhronosGroup/glTF issue 1563).
    transform = (c * scale_u, s * scale_v, offset_u), (-s * scale_u, c * scale_v, offset_v)
    return get_unsigned(extension, "texCoord", where, uv_set), transform


def _assign_uv_slots(doc: Document, textures: TextureUses, where: str) -> dict[int, int]:
    """Assign TEXCOORD_n to a mesh's two sets of UVs: 0 and 1 to themselves, others to a slot that is free."""
    uv_sets = dict.fromkeys(use.uv_set for use in textures.values())
    slots = {n: n for n in uv_sets if n < 2}
    for n in uv_sets:
        free = [slot for slot in (0, 1) if slot not in slots.values()]
        if n not in slots and not free:
            doc.warn(where, f"needs a third set of UVs, TEXCOORD_{n}; its images are left out")
        elif n not in slots:
            slots[n] = free[0]
    return slots
