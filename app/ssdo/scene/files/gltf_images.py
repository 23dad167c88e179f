"""Images of a glTF document: measured by their headers, decoded in parallel, and converted as their textures need."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image

from ssdo.arrays import Bytes
from ssdo.scene.files import images
from ssdo.scene.files.gltf_document import Document, explain_unsupported, read_buffer_view, read_resource
from ssdo.scene.files.json_tree import get_entry, get_reference, get_string
from ssdo.scene.files.progress import track_progress
from ssdo.settings import UserError


class ImageVariant(NamedTuple):
    """An image of the file, and how it is converted."""

    source: int  # images[source]
    mirrored: tuple[bool, bool] = (False, False)  # in u and v: append the mirror image
    glossiness: float | None = None  # convert a glossiness in alpha, times this factor, to roughness in green


class OpenedImage(NamedTuple):
    """An image whose header has been read."""

    image: Image.Image
    where: str


def read_images(doc: Document, variants: Iterable[ImageVariant]) -> dict[ImageVariant, Bytes]:
    """Pixels of every variant, (h, w, 4) 8 bit as stored, row 0 on top. Equal variants of the same bytes share pixels.

    All images are measured by their headers before one is decoded. Raises UserError for a damaged or too large image.
    """
    variants = dict.fromkeys(variants)
    keys = {source: _get_data_key(doc, source) for source in dict.fromkeys(v.source for v in variants)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of sizes, which are checked here, and of odd metadata
        # Each key is opened under the name of its first source.
        first_sources = {key: source for source, key in reversed(keys.items())}
        opened = {key: _open_image(doc, key, f"images[{source}]") for key, source in reversed(first_sources.items())}
        _check_sizes(variants, {source: opened[key] for source, key in keys.items()})
        decoded = _decode_images(opened)
    originals = {source: decoded[key] for source, key in keys.items()}
    converted: dict[tuple[int, ImageVariant], Bytes] = {}
    result = {}
    for variant in variants:
        pixels = originals[variant.source]
        key = id(pixels), variant._replace(source=0)
        if key not in converted:
            converted[key] = _convert_pixels(pixels, variant)
        result[variant] = converted[key]
    return result


def _decode_images(opened: Mapping[int | str, OpenedImage]) -> dict[int | str, Bytes]:
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        pixels = pool.map(lambda one: images.decode_pixels(*one), opened.values())
        return dict(zip(opened, track_progress("images", pixels, len(opened)), strict=True))


def _get_data_key(doc: Document, i: int) -> int | str:
    """The bufferView or the URI of an image: images with the same key have the same bytes."""
    entry, where = get_entry(doc.tree, "images", i), f"images[{i}]"
    if "bufferView" in entry:
        return get_reference(doc.tree, "bufferViews", entry, "bufferView", where)
    if "uri" in entry:
        return get_string(entry, "uri", where)
    raise UserError(f"{where}: must have a uri or a bufferView")


def _open_image(doc: Document, key: int | str, where: str) -> OpenedImage:
    data = bytes(read_buffer_view(doc, key)[0]) if isinstance(key, int) else read_resource(doc, key, f"{where}.uri")
    if data[:4] == b"\xabKTX":
        raise UserError(f"{where}: {explain_unsupported('KHR_texture_basisu')}")
    if data[:4] == b"\x89PNG" and data[24:25] == b"\x10":  # the header's bits per channel
        doc.warn(where, "has 16 bits a channel, of which the upper 8 are used")
    return OpenedImage(images.open_image(data, where), where)


def _check_sizes(variants: Iterable[ImageVariant], opened: Mapping[int, OpenedImage]) -> None:
    """Check the limits on each image, including its mirror image, and on all of them."""
    limits = images.ImageLimits()
    for source, mirrored in dict.fromkeys((v.source, v.mirrored) for v in variants):
        image, where = opened[source]
        note = " with its mirror image beside it" if any(mirrored) else ""
        limits.add_image(image.width << mirrored[0], image.height << mirrored[1], where, note)


def _convert_pixels(pixels: Bytes, variant: ImageVariant) -> Bytes:
    if variant.glossiness is not None:
        roughness = np.rint(255 - pixels[..., 3] * np.float32(variant.glossiness)).astype(np.uint8)
        full = np.full_like(roughness, 255)
        pixels = np.stack([np.zeros_like(roughness), roughness, full, full], -1)
    for axis, is_mirrored in ((1, variant.mirrored[0]), (0, variant.mirrored[1])):
        if is_mirrored:
            pixels = np.concatenate([pixels, np.flip(pixels, axis)], axis)
    return pixels
