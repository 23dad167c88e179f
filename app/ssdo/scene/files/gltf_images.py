"""Images of a glTF document: measured by their headers, decoded in parallel, and converted as their textures need."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image

from ssdo.arrays import Bytes
from ssdo.optional_packages import MissingPackageError
from ssdo.scene.files import images
from ssdo.scene.files.gltf_document import Document, read_buffer_view, read_resource
from ssdo.scene.files.gltf_ktx2 import Ktx2Image, decode_ktx2, is_ktx2, open_ktx2
from ssdo.scene.files.json_tree import get_entry, get_reference, get_string, split_error
from ssdo.scene.files.progress import track_progress
from ssdo.scene.image_arithmetic import combine_images, layer_images, resize_pixels
from ssdo.settings import UserError, Vec3
from ssdo.srgb import LINEAR_VALUES, encode_srgb8


class ImageVariant(NamedTuple):
    """An image of the file, and how it is converted."""

    source: int  # images[source]
    mirrored: tuple[bool, bool] = (False, False)  # in u and v: append the mirror image
    glossiness: float | None = None  # convert a glossiness in alpha, times this factor, to roughness in green


class F0Image(NamedTuple):
    """An image of F0: min(gain * colour, 1) * strength. At least one of them has an image."""

    color: ImageVariant | None  # sRGB; None: white
    strength: ImageVariant | None  # linear, in one channel; None: 1
    gain: Vec3 = (1.0, 1.0, 1.0)  # linear, at least 1
    strength_channel: int = 3


class TransmissionImage(NamedTuple):
    """A base colour * attenuation^thickness, with 1 - factor * transmission in alpha."""

    color: ImageVariant | None  # sRGB; None: white
    transmission: ImageVariant | None  # in red; None: 1
    thickness: ImageVariant | None  # in green; None: no attenuation
    factor: float
    attenuation: Vec3  # linear, 0 to 1: of the whole thickness


class LayeredImage(NamedTuple):
    """The reflectance of a layer on another, see `layer_images`."""

    below: ImageVariant | None  # sRGB; None: white
    above: ImageVariant | None
    below_factor: Vec3
    above_factor: Vec3


ComputedImage = F0Image | TransmissionImage | LayeredImage
TextureImage = ImageVariant | ComputedImage


class OpenedImage(NamedTuple):
    """An image whose header has been read."""

    image: Image.Image | Ktx2Image
    where: str


def read_textures(doc: Document, textures: Iterable[TextureImage]) -> dict[TextureImage, Bytes]:
    """Pixels of every texture, see `read_images`. Those of several images are computed from what could be read."""
    textures = dict.fromkeys(textures)
    read = read_images(doc, [variant for texture in textures for variant in _list_variants(texture)])
    limits = images.ImageLimits()
    pixels: dict[TextureImage, Bytes] = {}
    for texture in textures:
        variants = _list_variants(texture)
        if not any(variant in read for variant in variants):
            continue
        if isinstance(texture, ImageVariant):
            pixels[texture] = read[texture]
            continue
        height, width = max((read[variant].shape[:2] for variant in variants if variant in read), key=math.prod)
        try:
            limits.add_image(width, height, "images of material extensions")
            pixels[texture] = _compute_texture(texture, read)
        except UserError as error:
            doc.leave_out(error)
    return pixels


def _list_variants(texture: TextureImage) -> list[ImageVariant]:
    """The images that a texture is computed from."""
    if isinstance(texture, ImageVariant):
        return [texture]
    return [part for part in texture if isinstance(part, ImageVariant)]


def _compute_texture(texture: ComputedImage, read: Mapping[ImageVariant, Bytes]) -> Bytes:
    first, second = (read.get(part) if part else None for part in texture[:2])
    if isinstance(texture, F0Image):
        return _compute_f0(first, second, texture)
    if isinstance(texture, LayeredImage):
        return layer_images(first, second, texture.below_factor, texture.above_factor)
    thickness = read.get(texture.thickness) if texture.thickness else None
    return _compute_transmission(first, second, thickness, texture)


def _compute_transmission(
    color: Bytes | None, transmission: Bytes | None, thickness: Bytes | None, image: TransmissionImage
) -> Bytes:
    white = np.full((1, 1, 4), 255, "u1")
    color, transmission = white if color is None else color, white if transmission is None else transmission
    if image.thickness is not None:  # the whole thickness where its image cannot be read
        exponents = np.arange(256) / 255
        tables = [encode_srgb8(LINEAR_VALUES[:, None] * a**exponents) for a in image.attenuation]
        color = combine_images(color[..., :3], (white if thickness is None else thickness)[..., 1:2], tables)
    height, width = max(color.shape[:2], transmission.shape[:2], key=math.prod)
    pixels = resize_pixels(color, width, height).copy()
    pixels[..., 3] = np.rint(255 - image.factor * resize_pixels(transmission, width, height)[..., 0].astype("f4"))
    return pixels


def _compute_f0(color: Bytes | None, strength: Bytes | None, image: F0Image) -> Bytes:
    white = np.full((1, 1, 4), 255, "u1")
    colors = (white if color is None else color)[..., :3]
    strengths = (white if strength is None else strength)[..., image.strength_channel, None]
    tables = [encode_srgb8(np.minimum(g * LINEAR_VALUES, 1)[:, None] * np.arange(256) / 255) for g in image.gain]
    return combine_images(colors, strengths, tables)


def read_images(doc: Document, variants: Iterable[ImageVariant]) -> dict[ImageVariant, Bytes]:
    """Pixels of every variant, (h, w, 4) 8 bit as stored, row 0 on top. Equal variants of the same bytes share pixels.

    All images are measured by their headers before one is decoded. Damaged and too large ones are left out, with a
    warning.
    """
    variants = dict.fromkeys(variants)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of sizes, which are checked here, and of odd metadata
        opened = _open_images(doc, dict.fromkeys(v.source for v in variants))
        accepted = _check_sizes(doc, variants, opened)
        decoded = _decode_images(doc, {opened[v.source].where: opened[v.source] for v in accepted})
    converted: dict[tuple[int, ImageVariant], Bytes] = {}
    result = {}
    for variant in accepted:
        pixels = decoded.get(opened[variant.source].where)
        if pixels is None:
            continue
        key = id(pixels), variant._replace(source=0)
        if key not in converted:
            converted[key] = _convert_pixels(pixels, variant)
        result[variant] = converted[key]
    return result


def _open_images(doc: Document, sources: Iterable[int]) -> dict[int, OpenedImage]:
    """Images by their index in the file. Those of the same bytes are one, under the name of the first."""
    opened: dict[int, OpenedImage] = {}
    images_by_key: dict[int | str, OpenedImage] = {}
    for source in sources:
        try:
            key = _get_data_key(doc, source)
            if key not in images_by_key:
                images_by_key[key] = _open_image(doc, key, f"images[{source}]")
            opened[source] = images_by_key[key]
        except UserError as error:
            _leave_out(doc, error)
    return opened


def _leave_out(doc: Document, error: UserError) -> None:
    """Warn of an image that cannot be read. Unlike geometry, it may wait for a package that is missing."""
    if isinstance(error, MissingPackageError):
        element, rule = split_error(error)
        doc.warn(element, f"{rule}; the image is left out")
    else:
        doc.leave_out(error)


def _decode_images(doc: Document, opened: Mapping[str, OpenedImage]) -> dict[str, Bytes]:
    """Pixels of the images that are whole."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        results = track_progress("images", pool.map(_decode_image, opened.values()), len(opened))
        decoded = dict(zip(opened, results, strict=True))
    for result in decoded.values():
        if isinstance(result, UserError):
            _leave_out(doc, result)
    return {where: result for where, result in decoded.items() if not isinstance(result, UserError)}


def _decode_image(opened: OpenedImage) -> Bytes | UserError:
    image, where = opened
    try:
        return decode_ktx2(image, where) if isinstance(image, Ktx2Image) else images.decode_pixels(image, where)
    except UserError as error:
        return error


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
    if is_ktx2(data):
        return OpenedImage(open_ktx2(data, where), where)
    if data[:4] == b"\x89PNG" and data[24:25] == b"\x10":  # the header's bits per channel
        doc.warn(where, "has 16 bits a channel, of which the upper 8 are used")
    return OpenedImage(images.open_image(data, where), where)


def _check_sizes(
    doc: Document, variants: Iterable[ImageVariant], opened: Mapping[int, OpenedImage]
) -> list[ImageVariant]:
    """The variants within the limits on each image, including its mirror image, and on all of them."""
    limits = images.ImageLimits()
    accepted: set[tuple[int, tuple[bool, bool]]] = set()
    for source, mirrored in dict.fromkeys((v.source, v.mirrored) for v in variants if v.source in opened):
        image, where = opened[source]
        note = " with its mirror image beside it" if any(mirrored) else ""
        try:
            limits.add_image(image.width << mirrored[0], image.height << mirrored[1], where, note)
            accepted.add((source, mirrored))
        except UserError as error:
            doc.leave_out(error)
    return [v for v in variants if (v.source, v.mirrored) in accepted]


def _convert_pixels(pixels: Bytes, variant: ImageVariant) -> Bytes:
    if variant.glossiness is not None:
        roughness = np.rint(255 - pixels[..., 3] * np.float32(variant.glossiness)).astype(np.uint8)
        full = np.full_like(roughness, 255)
        pixels = np.stack([np.zeros_like(roughness), roughness, full, full], -1)
    for axis, is_mirrored in ((1, variant.mirrored[0]), (0, variant.mirrored[1])):
        if is_mirrored:
            pixels = np.concatenate([pixels, np.flip(pixels, axis)], axis)
    return pixels
