"""What glTF materials transmit, their clear coats and sheen.

KHR_materials_transmission becomes a blended surface that is tinted by its base colour. Of KHR_materials_volume only the
attenuation along its thickness is read, as a tint; scales of nodes do not change the thickness. Not shown: refraction,
blur by roughness, caustics.
KHR_materials_clearcoat becomes a transmissive layer on the surface. KHR_materials_sheen becomes diffuse: it reflects as
much light, but to all sides alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ssdo.scene.files.gltf_document import Document
from ssdo.scene.files.gltf_images import F0Image, ImageVariant, LayeredImage, TransmissionImage
from ssdo.scene.files.gltf_textures import MaterialValues, TextureUse, TextureUses, add_texture
from ssdo.scene.files.json_tree import Json, get_extension, get_number, get_numbers, get_object
from ssdo.scene.model import DIELECTRIC_F0, MIN_OPAQUE_ALPHA, Material
from ssdo.settings import Vec3

TRANSMISSION, VOLUME, CLEARCOAT = "KHR_materials_transmission", "KHR_materials_volume", "KHR_materials_clearcoat"
SHEEN = "KHR_materials_sheen"
# Light that the sheen of white fibres reflects of light from everywhere, for roughness 0 to 1 in equal steps: Estevez,
# Kulla, Production Friendly Microfacet Sheen BRDF, SIGGRAPH 2017.
SHEEN_ALBEDO = (0.0, 0.0215, 0.0451, 0.0728, 0.1055, 0.1427, 0.1825, 0.2218, 0.2570, 0.2842, 0.2996)
COAT_PREFIX = "coat."  # of the names of a coat's textures


def read_transmission(doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str) -> None:
    """Make a material transmissive: its opacity is what it does not transmit, its albedo the tint."""
    extension = get_extension(entry, TRANSMISSION, where) or {}
    inside = f"{where}.extensions.{TRANSMISSION}"
    factor = get_number(extension, "transmissionFactor", inside, 0, 0, 1)
    if not factor:
        return
    if values["alpha_cutoff"]:
        doc.warn(where, "is transmissive, and its alpha is not shown")
    values |= {"opacity": 1.0, "blending": "transmission", "alpha_cutoff": MIN_OPAQUE_ALPHA}
    attenuation = red, green, blue = _read_attenuation(entry, where)
    volume = get_extension(entry, VOLUME, where) or {} if min(attenuation) < 1 else {}
    uses = {"baseColorTexture": textures["albedo_texture"]} if "albedo_texture" in textures else {}
    add_texture(doc, uses, "transmissionTexture", extension, "transmissionTexture", inside)
    add_texture(doc, uses, "thicknessTexture", volume, "thicknessTexture", f"{where}.extensions.{VOLUME}")
    first = next(iter(uses), "")
    for name in list(uses)[1:]:
        if not have_same_layout(uses[first], uses[name]):
            doc.warn(f"{where}: {name}", f"lies on the surface unlike {first}, and is left out")
            del uses[name]
    if "thicknessTexture" not in uses:
        r, g, b = values["albedo"]
        values["albedo"] = r * red, g * green, b * blue
    if not uses:
        values["opacity"] = 1 - factor
        return
    color, transmission, thickness = (
        _get_variant(uses.get(name)) for name in ("baseColorTexture", "transmissionTexture", "thicknessTexture")
    )
    image = TransmissionImage(color, transmission, thickness, factor, attenuation)
    textures["albedo_texture"] = uses[first]._replace(image=image)


def _read_attenuation(entry: Json, where: str) -> Vec3:
    """The fraction of light that passes the thickness of a volume, by colour."""
    volume, inside = get_extension(entry, VOLUME, where) or {}, f"{where}.extensions.{VOLUME}"
    thickness = get_number(volume, "thicknessFactor", inside, 0, 0)
    color = get_numbers(volume, "attenuationColor", inside, (1, 1, 1), 0, 1)
    if not thickness or "attenuationDistance" not in volume:
        return 1.0, 1.0, 1.0
    distance = get_number(volume, "attenuationDistance", inside, 1, 0)
    exponent = min(thickness / max(distance, 1e-30), 1e3)
    red, green, blue = (c**exponent for c in color)
    return red, green, blue


def read_coat(doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str) -> None:
    """Add a clear coat: a layer of index 1.5 whose F0 is scaled by its strength.

    Its textures are added by their names in Material, behind COAT_PREFIX.
    """
    extension, inside = get_extension(entry, CLEARCOAT, where) or {}, f"{where}.extensions.{CLEARCOAT}"
    strength = get_number(extension, "clearcoatFactor", inside, 0, 0, 1)
    if not strength:
        return
    red, green, blue = (strength * f0 for f0 in DIELECTRIC_F0)
    normal = get_object(extension, "clearcoatNormalTexture", inside)
    values["coat"] = Material(
        albedo=(1.0, 1.0, 1.0),
        f0=(red, green, blue),
        roughness=get_number(extension, "clearcoatRoughnessFactor", inside, 0, 0, 1),
        normal_scale=get_number(normal, "scale", f"{inside}.clearcoatNormalTexture", 1),
        opacity=0.0,
        alpha_cutoff=MIN_OPAQUE_ALPHA,
        blending="transmission",
        double_sided=values["double_sided"],
    )
    uses: TextureUses = {}
    add_texture(doc, uses, "f0_texture", extension, "clearcoatTexture", inside)
    add_texture(doc, uses, "metallic_roughness_texture", extension, "clearcoatRoughnessTexture", inside)
    add_texture(doc, uses, "normal_texture", extension, "clearcoatNormalTexture", inside)
    image = _get_variant(uses.get("f0_texture"))
    if image is not None:
        uses["f0_texture"] = uses["f0_texture"]._replace(image=F0Image(None, image, strength_channel=0))
    textures |= {COAT_PREFIX + name: use for name, use in uses.items()}


def read_sheen(doc: Document, entry: Json, values: MaterialValues, textures: TextureUses, where: str) -> None:
    """Add the sheen to the albedo, which it dims by as much as it reflects. The roughness' image is not read."""
    extension, inside = get_extension(entry, SHEEN, where) or {}, f"{where}.extensions.{SHEEN}"
    roughness = get_number(extension, "sheenRoughnessFactor", inside, 0, 0, 1)
    reflected = float(np.interp(roughness, np.linspace(0, 1, len(SHEEN_ALBEDO)), SHEEN_ALBEDO))
    color = get_numbers(extension, "sheenColorFactor", inside, (0, 0, 0), 0, 1)
    red, green, blue = (reflected * c for c in color)
    if not any((red, green, blue)):
        return
    uses: TextureUses = {}
    add_texture(doc, uses, "sheen", extension, "sheenColorTexture", inside)
    base, sheen = textures.get("albedo_texture"), uses.get("sheen")
    is_metal = values["metallic"] == 1 and "metallic_roughness_texture" not in textures
    if is_metal or values.get("blending") == "transmission":
        doc.warn(inside, "is shown neither on metals nor on what transmits light")
    elif base and sheen and not have_same_layout(base, sheen):
        doc.warn(inside, "lies on the surface unlike baseColorTexture, and is left out")
    elif use := base or sheen:
        image = LayeredImage(_get_variant(base), _get_variant(sheen), values["albedo"], (red, green, blue))
        textures["albedo_texture"] = use._replace(image=image)
        values["albedo"] = (1.0, 1.0, 1.0)
    else:
        pairs = zip(values["albedo"], (red, green, blue), strict=True)
        values["albedo"] = tuple(albedo * (1 - c) + c for albedo, c in pairs)


def drop_hidden_coat(doc: Document, material: Material, where: str) -> Material:
    """The material without a coat that would fill its holes, with a warning."""
    if material.coat is None or not material.alpha_cutoff:
        return material
    doc.warn(f"{where}.extensions.{CLEARCOAT}", "is not shown on surfaces with an alpha mask or blending")
    return replace(material, coat=None)


def have_same_layout(one: TextureUse, other: TextureUse) -> bool:
    """Whether two textures have the same UVs, so that texels of one are beside those of the other."""
    mirrored = [variant.mirrored for variant in map(_get_variant, (one, other)) if variant]
    return one[1:] == other[1:] and mirrored[:1] == mirrored[1:]


def _get_variant(use: TextureUse | None) -> ImageVariant | None:
    return use.image if use and isinstance(use.image, ImageVariant) else None
