"""Decode the images of scene files. Sizes are checked from the header, before pixels are decoded."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ssdo.arrays import Bytes
from ssdo.settings import UserError

MAX_SIDE = 2**14  # pixels of one image
MAX_PIXELS = 2**28  # of one image
MAX_TOTAL_PIXELS = 2**30  # of all images of a scene
MAX_FILE_BYTES = 2**29  # of an image that a mesh file names

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit would refuse 16384 x 16384

# Formats as Pillow names them, and as messages do.
GLTF_FORMATS = {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP"}
MESH_FORMATS = GLTF_FORMATS | {"BMP": "BMP", "TGA": "TGA", "TIFF": "TIFF", "GIF": "GIF"}

# Steps of 8 bits per step of a PNG's samples, by Pillow's name of their storage.
COLOR_KEY_SCALES = {"L;2": 85.0, "L;4": 17.0, "I;16B": 1 / 256, "RGB;16B": 1 / 256}


@dataclass
class ImageLimits:
    """Counts the pixels of a scene's images against the limits."""

    pixels: int = 0

    def add_image(self, width: int, height: int, where: str, note: str = "") -> None:
        """Count an image. Raises UserError beyond a limit. `note` says in the message what the size includes."""
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise UserError(f"{where}: must be at most {MAX_SIDE} pixels a side{note}, not {width} x {height}")
        self.pixels += width * height
        if self.pixels > MAX_TOTAL_PIXELS:
            raise UserError(f"{where}: all images together must have at most {MAX_TOTAL_PIXELS} pixels")


def open_image(data: bytes, where: str, formats: Mapping[str, str] = GLTF_FORMATS) -> Image.Image:
    """Open an image and read its header alone. Raises UserError("<where>: <rule>")."""
    with _convert_errors(where, formats):
        return Image.open(io.BytesIO(data), formats=tuple(formats))


def decode_pixels(image: Image.Image, where: str, formats: Mapping[str, str] = GLTF_FORMATS) -> Bytes:
    """Pixels of an opened image: (h, w, 4) as stored, row 0 on top. Raises UserError("<where>: <rule>")."""
    with _convert_errors(where, formats), image:
        if image.mode in ("F", "I", "LAB") and image.format == "TIFF":
            raise UserError(f"{where}: must be grey or RGB with 8 or 16 bits a channel; save it so")
        _scale_color_key(image)
        if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip instead of scaling
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            alpha = np.where(grey == image.info.get("transparency"), 0, 255).astype(np.uint8)
            return np.stack([grey, grey, grey, alpha], -1)
        return np.array(image.convert("RGBA"))


def _scale_color_key(image: Image.Image) -> None:
    """Convert the transparent colour of a PNG to the 8 bits that its pixels are converted to, as Pillow does not."""
    key, tiles = image.info.get("transparency"), getattr(image, "tile", None)
    scale = COLOR_KEY_SCALES.get(str(tiles[0][3])) if tiles else None
    if scale and isinstance(key, int):
        image.info["transparency"] = int(key * scale)
    elif scale and isinstance(key, tuple):
        image.info["transparency"] = tuple(int(value * scale) for value in key)


def decode_image(data: bytes, where: str, limits: ImageLimits, formats: Mapping[str, str] = GLTF_FORMATS) -> Bytes:
    """Open, count and decode an image: (h, w, 4) as stored, row 0 on top. Raises UserError("<where>: <rule>")."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of sizes, which are checked here, and of odd metadata
        image = open_image(data, where, formats)
        limits.add_image(image.width, image.height, where)
        return decode_pixels(image, where, formats)


@contextlib.contextmanager
def _convert_errors(where: str, formats: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise UserError(f"{where}: must be at most {MAX_SIDE} pixels a side") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, zlib.error and more
        *names, last_name = formats.values()
        expected = f"{', '.join(names)} or {last_name}"
        raise UserError(f"{where}: not a whole {expected} image ({type(error).__name__})") from None
