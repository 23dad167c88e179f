"""Texture contents as arrays."""

from __future__ import annotations

import moderngl
import numpy as np

from ssdo.arrays import Array, Floats
from ssdo.gpu.target import Texture

NUMPY_TYPES = {"f1": "u1", "f2": "f2", "f4": "f4"}  # by moderngl's name


def read_raw(texture: Texture) -> Array:
    """The values in their own type, (h, w, components), row 0 on top."""
    values = np.frombuffer(texture.read(alignment=1), NUMPY_TYPES[texture.dtype])
    return values.reshape(texture.height, texture.width, texture.components)[::-1]


def read_floats(texture: Texture) -> Floats:
    """The values as float32, (h, w, components), row 0 on top. 8 bit become 0 to 1."""
    values = read_raw(texture)
    floats: Floats = np.multiply(values, 1 / 255 if values.dtype == np.uint8 else 1, dtype="f4")
    return floats


def read_pixel(texture: Texture, framebuffer: moderngl.Framebuffer, x: int, y: int) -> tuple[float, ...]:
    """The values of one texel, row 0 on top, through a framebuffer of the texture. 8 bit become 0 to 1."""
    box = (x, texture.height - 1 - y, 1, 1)
    data = framebuffer.read(box, components=texture.components, dtype=texture.dtype, alignment=1)
    values = np.frombuffer(data, NUMPY_TYPES[texture.dtype]).astype("f8")
    return tuple(float(value) / (255 if texture.dtype == "f1" else 1) for value in values)
