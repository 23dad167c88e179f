"""Materials of a glTF document: factors, and how images lie on them. What a picture shows is decoded later, by
gltf_images.

Not shown: alpha blending (a mask at 0.5 instead), nearest filtering, mipmaps as a sampler wants them, and what the
extensions add that are not read (transmission, clear coat, sheen, ...), which a note names. Section numbers are the
specification's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ssdo.scene.files.gltf_document import READ, Document, refusal
from ssdo.scene.files.gltf_images import Picture
from ssdo.scene.files.json_tree import (
    MAX_NUMBER,
    Json,
    get_entry,
    get_extension,
    get_flag,
    get_number,
    get_numbers,
    get_object,
    get_reference,
    get_text,
    get_whole,
    join,
    shown,
)
from ssdo.scene.model import Bytes, Image, Material
from ssdo.settings import UserError, Vec3

GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
CLAMP, MIRROR, REPEAT = 33071, 33648, 10497  # OpenGL's numbers
LUMINANCE = (0.2126, 0.7152, 0.0722)  # Rec. 709
Rows = tuple[Vec3, Vec3]


class Use(NamedTuple):
    """A picture as a material wants it."""

    picture: Picture
    uv_set: int  # TEXCOORD_n
    rows: Rows  # pixel = rows @ (u, v, 1), with a mirrored picture's halving in it
    clamp: tuple[bool, bool]


class Look(NamedTuple):
    """A material without its images, and the images by their names in Material."""

    material: Material
    uses: dict[str, Use]
    slots: dict[int, int]  # which of a mesh's two sets of UVs is TEXCOORD_n
    where: str
    unlit: bool = False

    def dressed(self, present: Iterable[int], pixels: dict[Picture, Bytes]) -> Material:
        """The material with the images that have their UVs in the slots `present`."""
        images: dict[str, Any] = {
            name: Image(pixels[use.picture], self.slots[use.uv_set], use.rows, use.clamp)
            for name, use in self.uses.items()
            if self.slots.get(use.uv_set, -1) in present
        }
        return replace(self.material, **images) if images else self.material


def read_look(doc: Document, i: int | None) -> Look:
    """A material of the file. Without one, the default of section 3.9.6, which is a rough white metal."""
    if i is None:
        return Look(Material((1, 1, 1), metallic=1, reflectance=0.04, two_sided=False), {}, {}, "")
    entry, where = get_entry(doc.tree, "materials", i), f"materials[{i}]"
    for name in get_object(entry, "extensions", where):
        if name not in READ:
            doc.note(where, f"the extension {shown(name)} is not read; what it changes is not shown")
    glossy = get_extension(entry, GLOSSINESS, where)
    if glossy is None or "pbrMetallicRoughness" in entry:  # the fallback was made by whoever knew both
        values, uses = _metallic(doc, entry, where)
    else:
        values, uses = _specular(doc, glossy, f"{where}.extensions.{GLOSSINESS}")
    _emission(doc, entry, values, uses, where)
    _relief(doc, entry, values, uses, where)
    _coverage(doc, entry, values, where)
    values["name"] = get_text(entry, "name", where).encode("utf-8", "replace").decode()
    unlit = get_extension(entry, "KHR_materials_unlit", where) is not None
    if unlit:
        _unlit(values, uses)
    return Look(Material(**values), uses, _slots(doc, uses, where), where, unlit)


# ---- models of reflection -------------------------------------------------------------------------------------------------


def _metallic(doc: Document, entry: Json, where: str) -> tuple[dict[str, Any], dict[str, Use]]:
    """Metallic and rough (section 3.9.2), with the reflectance that KHR_materials_ior and _specular give."""
    surface, inside = get_object(entry, "pbrMetallicRoughness", where), f"{where}.pbrMetallicRoughness"
    *albedo, opacity = get_numbers(surface, "baseColorFactor", inside, (1, 1, 1, 1), 0, 1)
    values = {
        "albedo": tuple(albedo),
        "opacity": opacity,
        "metallic": get_number(surface, "metallicFactor", inside, 1, 0, 1),
        "roughness": get_number(surface, "roughnessFactor", inside, 1, 0, 1),
        "reflectance": _reflectance(doc, entry, where),
    }
    uses: dict[str, Use] = {}
    _add_use(doc, uses, "albedo_image", surface, "baseColorTexture", inside)
    _add_use(doc, uses, "surface_image", surface, "metallicRoughnessTexture", inside)
    return values, uses


def _reflectance(doc: Document, entry: Json, where: str) -> float:
    """At normal incidence: Fresnel's for the index of refraction, times the factors of KHR_materials_specular (a
    colour's luminance).
    """
    inside = f"{where}.extensions.KHR_materials_ior"
    n = get_number(get_extension(entry, "KHR_materials_ior", where) or {}, "ior", inside, 1.5, 0)
    if 0 < n < 1:  # 0 stands for infinity
        raise UserError(f"{inside}.ior: must be 0 or at least 1, not {n:g}")
    specular, inside = (
        get_extension(entry, "KHR_materials_specular", where) or {},
        f"{where}.extensions.KHR_materials_specular",
    )
    if specular.keys() & {"specularTexture", "specularColorTexture"}:
        doc.note(inside, "images of the specular extension are not read")
    color = get_numbers(specular, "specularColorFactor", inside, (1, 1, 1), 0)
    factor = get_number(specular, "specularFactor", inside, 1, 0, 1) * float(np.dot(color, LUMINANCE))
    return min(((n - 1) / (n + 1)) ** 2 * factor, 1.0)


def _specular(doc: Document, glossy: Json, where: str) -> tuple[dict[str, Any], dict[str, Use]]:
    """Specular and glossy, turned into metallic and rough: roughness is 1 - glossiness, the diffuse colour is the
    albedo, and the largest of the specular colour is the reflectance; but where it is above 0.2, which nothing but
    metal has, and above the diffuse colour, the surface is a metal of the specular colour. An image's own specular
    colours are not read: 0.04 then.
    """
    *diffuse, opacity = get_numbers(glossy, "diffuseFactor", where, (1, 1, 1, 1), 0, 1)
    specular = get_numbers(glossy, "specularFactor", where, (1, 1, 1), 0, 1)
    glossiness = get_number(glossy, "glossinessFactor", where, 1, 0, 1)
    uses: dict[str, Use] = {}
    _add_use(doc, uses, "albedo_image", glossy, "diffuseTexture", where)
    _add_use(doc, uses, "surface_image", glossy, "specularGlossinessTexture", where)
    values = {
        "albedo": tuple(diffuse),
        "opacity": opacity,
        "metallic": 0.0,
        "roughness": 1 - glossiness,
        "reflectance": max(specular),
    }
    if "surface_image" in uses:
        use = uses["surface_image"]
        uses["surface_image"] = use._replace(picture=use.picture._replace(glossiness=glossiness))
        doc.note(where, "colours of a specular-glossiness image are not read; its reflectance is taken as 0.04")
        values |= {"roughness": 1.0, "reflectance": 0.04}
    elif max(specular) > 0.2 and max(specular) > max(diffuse):
        values |= {"albedo": specular, "metallic": 1.0, "reflectance": 0.04}
        uses.pop("albedo_image", None)
    return values, uses


def _emission(doc: Document, entry: Json, values: dict[str, Any], uses: dict[str, Use], where: str) -> None:
    strength = get_extension(entry, "KHR_materials_emissive_strength", where) or {}
    gain = get_number(strength, "emissiveStrength", f"{where}.extensions.KHR_materials_emissive_strength", 1, 0)
    values["emission"] = tuple(
        min(gain * c, MAX_NUMBER) for c in get_numbers(entry, "emissiveFactor", where, (0, 0, 0), 0)
    )
    if any(values["emission"]):  # else black times an image
        _add_use(doc, uses, "emission_image", entry, "emissiveTexture", where)


def _relief(doc: Document, entry: Json, values: dict[str, Any], uses: dict[str, Use], where: str) -> None:
    """Normal and occlusion image with their strengths."""
    values["normal_scale"] = get_number(get_object(entry, "normalTexture", where), "scale", f"{where}.normalTexture", 1)
    values["occlusion_strength"] = get_number(
        get_object(entry, "occlusionTexture", where), "strength", f"{where}.occlusionTexture", 1, 0, 1
    )
    _add_use(doc, uses, "normal_image", entry, "normalTexture", where)
    _add_use(doc, uses, "occlusion_image", entry, "occlusionTexture", where)


def _coverage(doc: Document, entry: Json, values: dict[str, Any], where: str) -> None:
    mode = get_text(entry, "alphaMode", where, "OPAQUE")
    cutoff = get_number(entry, "alphaCutoff", where, 0.5, 0)
    if mode not in ("OPAQUE", "MASK", "BLEND"):
        raise UserError(f"{where}.alphaMode: must be OPAQUE, MASK or BLEND, not {shown(mode)}")
    if mode == "BLEND":
        doc.note(where, "blending is not shown; what is less opaque than 0.5 is a hole")
    if mode == "OPAQUE":
        values["opacity"] = 1.0
    values["cutoff"] = {"OPAQUE": 0.0, "MASK": cutoff, "BLEND": 0.5}[mode]
    values["two_sided"] = get_flag(entry, "doubleSided", where)


def _unlit(values: dict[str, Any], uses: dict[str, Use]) -> None:
    """Base colour is what it emits, and it reflects nothing. Its image stays as albedo image only for the holes."""
    values |= {"emission": values["albedo"], "albedo": (0.0, 0.0, 0.0), "metallic": 0.0, "reflectance": 0.0}
    base = uses.get("albedo_image")
    uses.clear()
    if base is not None:
        uses |= {"emission_image": base, "albedo_image": base} if values["cutoff"] else {"emission_image": base}


# ---- textures -------------------------------------------------------------------------------------------------------------


def _add_use(doc: Document, uses: dict[str, Use], name: str, parent: Json, key: str, where: str) -> None:
    """The picture of a textureInfo, where there is one."""
    if key not in parent:
        return
    info, where = get_object(parent, key, where), join(where, key)
    i = get_reference(doc.tree, "textures", info, "index", where)
    texture = get_entry(doc.tree, "textures", i)
    source = _source(doc, texture, f"textures[{i}]")
    if source is None:
        doc.note(f"textures[{i}]", "names no image, and is left out")
        return
    wraps = _wraps(doc, texture, f"textures[{i}]")
    mirrored, clamp = (wraps[0] == MIRROR, wraps[1] == MIRROR), (wraps[0] == CLAMP, wraps[1] == CLAMP)
    uv_set, rows = _mapping(info, where)
    across, down = ((a / 2, b / 2, c / 2) if m else (a, b, c) for (a, b, c), m in zip(rows, mirrored, strict=True))
    uses[name] = Use(Picture(source, mirrored), uv_set, (across, down), clamp)


def _source(doc: Document, texture: Json, where: str) -> int | None:
    """Which of the images it shows; None where an extension that is not read would say."""
    webp = get_extension(texture, "EXT_texture_webp", where)
    if "source" in texture:
        return get_reference(doc.tree, "images", texture, "source", where)
    if webp is not None:
        return get_reference(doc.tree, "images", webp, "source", f"{where}.extensions.EXT_texture_webp")
    if get_extension(texture, "KHR_texture_basisu", where) is not None:
        raise UserError(f"{where}: {refusal('KHR_texture_basisu')}")
    return None


def _wraps(doc: Document, texture: Json, where: str) -> tuple[int, int]:
    """How a sampler goes on beyond the edges, in u and v."""
    if "sampler" not in texture:
        return REPEAT, REPEAT
    i = get_reference(doc.tree, "samplers", texture, "sampler", where)
    sampler, found = get_entry(doc.tree, "samplers", i), []
    for key in ("wrapS", "wrapT"):
        found.append(get_whole(sampler, key, f"samplers[{i}]", REPEAT))
        if found[-1] not in (CLAMP, MIRROR, REPEAT):
            raise UserError(f"samplers[{i}].{key}: must be {CLAMP}, {MIRROR} or {REPEAT}, not {found[-1]}")
    return found[0], found[1]


def _mapping(info: Json, where: str) -> tuple[int, Rows]:
    """The set of UVs, and what is done to them."""
    uv_set = get_whole(info, "texCoord", where, 0)
    transform = get_extension(info, "KHR_texture_transform", where)
    if transform is None:
        return uv_set, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    where += ".extensions.KHR_texture_transform"
    (tx, ty), (sx, sy) = get_numbers(transform, "offset", where, (0, 0)), get_numbers(transform, "scale", where, (1, 1))
    angle = get_number(transform, "rotation", where, 0)
    c, s = math.cos(angle), math.sin(angle)
    # v points down: [[c, s], [-s, c]] turns counter-clockwise as seen. The extension's own listing has the other sign,
    # no viewer follows it (KhronosGroup/glTF issue 1563).
    return get_whole(transform, "texCoord", where, uv_set), ((c * sx, s * sy, tx), (-s * sx, c * sy, ty))


def _slots(doc: Document, uses: dict[str, Use], where: str) -> dict[int, int]:
    """Sets 0 and 1 are a mesh's first and second; a further one takes the place of one that no image wants."""
    wanted = dict.fromkeys(use.uv_set for use in uses.values())
    slots = {n: n for n in wanted if n < 2}
    for n in wanted:
        free = [slot for slot in (0, 1) if slot not in slots.values()]
        if n not in slots and not free:
            doc.note(where, f"wants a third set of UVs, TEXCOORD_{n}; its images are left out")
        elif n not in slots:
            slots[n] = free[0]
    return slots
