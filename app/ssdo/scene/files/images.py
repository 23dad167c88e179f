"""Images of any scene's file -> pixels, within limits: their sizes are looked at before they are unpacked."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ssdo.scene.model import Bytes
from ssdo.settings import UserError

MAX_SIDE = 2**14  # pixels of an image
MAX_PIXELS = 2**28  # of an image
MAX_ALL_PIXELS = 2**30  # of all images of a scene together

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit would refuse 16384 x 16384

FORMATS = {"PNG": "PNG", "JPEG": "JPEG", "WEBP": "WebP"}  # as Pillow names them, and as people do
MORE_FORMATS = FORMATS | {"BMP": "BMP", "TGA": "TGA"}  # of formats that are older than glTF


@dataclass
class Spent:
    """What has been counted so far against MAX_ALL_PIXELS."""

    pixels: int = 0

    def add(self, width: int, height: int, where: str, how: str = "") -> None:
        """Raises UserError where an image is too large, or one too many. `how`: in what shape it is kept."""
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            raise UserError(f"{where}: must be at most {MAX_SIDE} pixels a side{how}, not {width} x {height}")
        self.pixels += width * height
        if self.pixels > MAX_ALL_PIXELS:
            raise UserError(f"{where}: all images together must have at most {MAX_ALL_PIXELS} pixels")


def opened(data: bytes, where: str, formats: dict[str, str] = FORMATS) -> Image.Image:
    """An image of which nothing has been read but its header. Raises UserError("<where>: <rule>")."""
    with _problems(where, formats):
        return Image.open(io.BytesIO(data), formats=tuple(formats))


def unpacked(image: Image.Image, where: str, formats: dict[str, str] = FORMATS) -> Bytes:
    """(h, w, 4) 8 bit, as stored, row 0 on top. Raises UserError("<where>: <rule>")."""
    with _problems(where, formats), image:
        if image.mode.startswith("I"):  # 16 bit grey, which Pillow would clip instead of scaling
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            return np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)
        return np.array(image.convert("RGBA"))


def decoded(data: bytes, where: str, spent: Spent, formats: dict[str, str] = FORMATS) -> Bytes:
    """The one after the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of size, checked here, and of odd metadata
        image = opened(data, where, formats)
        spent.add(image.width, image.height, where)
        return unpacked(image, where, formats)


@contextlib.contextmanager
def _problems(where: str, formats: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise UserError(f"{where}: must be at most {MAX_SIDE} pixels a side") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, zlib.error and more
        *most, last = formats.values()
        raise UserError(f"{where}: not a whole {', '.join(most)} or {last} image ({type(error).__name__})") from None
