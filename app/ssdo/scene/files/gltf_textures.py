"""Textures of glTF materials: which image, and how it lies on the surface. Pixels are decoded later, by gltf_images.

Not supported: nearest filtering, and a sampler's mipmap mode. Section numbers are those of the specification.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ssdo.scene.files.gltf_document import Document
from ssdo.scene.files.gltf_images import ImageVariant, TextureImage
from ssdo.scene.files.json_tree import (
    Json,
    find_reference,
    get_entry,
    get_extension,
    get_number,
    get_numbers,
    get_object,
    get_reference,
    get_unsigned,
    join_name,
)
from ssdo.settings import UserError, Vec3

CLAMP, MIRROR, REPEAT = 33071, 33648, 10497  # OpenGL's wrap modes

MaterialValues = dict[str, Any]  # arguments of Material, without its textures
UvTransform = tuple[Vec3, Vec3]  # two rows, applied to (u, v, 1)


class TextureUse(NamedTuple):
    """A texture of a material: which image, and how it lies on the surface."""

    image: TextureImage
    uv_set: int  # TEXCOORD_n
    transform: UvTransform  # includes the halving for a mirrored image
    clamp: tuple[bool, bool]


TextureUses = dict[str, TextureUse]  # by name in Material, such as albedo_texture or coat.f0_texture


def add_texture(doc: Document, textures: TextureUses, name: str, parent: Json, key: str, where: str) -> None:
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
    if "source" in texture:
        return get_reference(doc.tree, "images", texture, "source", where)
    for name in ("EXT_texture_webp", "KHR_texture_basisu"):
        extension = get_extension(texture, name, where)
        if extension is not None:
            return get_reference(doc.tree, "images", extension, "source", f"{where}.extensions.{name}")
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


def assign_uv_slots(doc: Document, textures: TextureUses, where: str) -> dict[int, int]:
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
