"""KHR_texture_basisu: KTX2 images with Basis Universal compression. The optional package alktx2 decodes them.

Only the largest mip level is decoded; sizes are checked from the header before.
https://registry.khronos.org/KTX/specs/2.0/ktxspec.v2.html
"""

from __future__ import annotations

import io
import struct
from typing import NamedTuple

import numpy as np
from PIL import Image

from ssdo.arrays import Bytes
from ssdo.optional_packages import make_missing_error
from ssdo.scene.files.gltf_extensions import describe_conversion
from ssdo.settings import UserError

EXTENSION = "KHR_texture_basisu"
IDENTIFIER = b"\xabKTX 20\xbb\r\n\x1a\n"
HEADER = struct.Struct("<12s9I")  # identifier, vkFormat, typeSize, width, height, depth, layers, faces, levels, scheme
LEVEL = struct.Struct("<3Q")  # offset, length, uncompressed length
FIRST_LEVEL = 80  # byte of the level index
MAX_LEVELS = 32
BLOCK = 4  # pixels, of which sizes are multiples
MAX_PIXEL_BYTES = 2  # stored for a pixel of a level; UASTC has 1


class Ktx2Image(NamedTuple):
    """An image whose header has been read."""

    data: bytes
    width: int
    height: int


def is_ktx2(data: bytes) -> bool:
    return data.startswith(IDENTIFIER)


def open_ktx2(data: bytes, where: str) -> Ktx2Image:
    """Read the header. Raises UserError for what is no two-dimensional Basis Universal image of the stated size."""
    if len(data) < FIRST_LEVEL:
        raise UserError(f"{where}: the KTX2 header is cut off")
    _, vk_format, _, width, height, depth, layers, faces, levels, _ = HEADER.unpack_from(data)
    levels = max(levels, 1)
    if vk_format or depth or layers or faces != 1 or not width or not height or levels > MAX_LEVELS:
        raise UserError(f"{where}: must be a KTX2 image of two dimensions with Basis Universal compression")
    if len(data) < FIRST_LEVEL + levels * LEVEL.size:
        raise UserError(f"{where}: the KTX2 header is cut off")
    max_bytes = MAX_PIXEL_BYTES * (width + BLOCK) * (height + BLOCK)
    for level in range(levels):
        offset, length, uncompressed = LEVEL.unpack_from(data, FIRST_LEVEL + level * LEVEL.size)
        if offset + length > len(data) or max(length, uncompressed) > max_bytes:
            raise UserError(f"{where}: the sizes in the KTX2 header contradict one another")
    return Ktx2Image(data, width, height)


def decode_ktx2(image: Ktx2Image, where: str) -> Bytes:
    """(h, w, 4) pixels as stored, row 0 on top. Raises UserError for damaged data, and without the package."""
    try:
        import alktx2
    except ImportError:
        raise make_missing_error(f"{where}: {EXTENSION} needs", "alktx2", describe_conversion(EXTENSION)) from None
    try:
        encoded, _ = alktx2.decode_ktx2_to_bytes(image.data, format="tga")
        with Image.open(io.BytesIO(encoded), formats=("TGA",)) as decoded:
            pixels = np.array(decoded.convert("RGBA"))
    except MemoryError:
        raise
    except Exception as error:  # the package does not document what it raises
        raise UserError(f"{where}: not a whole KTX2 image ({type(error).__name__})") from None
    pixels = pixels[: image.height, : image.width]  # the package returns whole blocks
    if pixels.shape[:2] != (image.height, image.width):
        raise UserError(f"{where}: not a whole KTX2 image")
    return np.ascontiguousarray(pixels)
