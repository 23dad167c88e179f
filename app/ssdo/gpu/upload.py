"""Uploads of arrays: meshes, images, lists of texels, lat-long maps and lookup tables."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

import moderngl
import numpy as np

from ssdo.arrays import Array, Bytes, Floats, Ints
from ssdo.gpu.geometry import Geometry
from ssdo.gpu.mipmaps import compute_mips, preserve_coverage
from ssdo.gpu.target import Texture
from ssdo.settings import UserError

SRGB8_ALPHA8, RGBA8, RGBA32F, RGB32F = 0x8C43, 0x8058, 0x8814, 0x8815
GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL = 0x0DE1, 0x813D
GL_RGB, GL_RGBA = 0x1907, 0x1908
GL_FLOAT, GL_UNSIGNED_BYTE = 0x1406, 0x1401
OPENGL_LIBRARIES = {"win32": "opengl32", "darwin": "/System/Library/Frameworks/OpenGL.framework/OpenGL"}
CPU_MIPMAP_MAX_SIZE = 512  # pixels a side, for which a software renderer's mip levels are computed here
ANISOTROPY = 8.0
TEXELS_PER_ROW = 4096  # of a texel list, as in shaders/common/ray_scene.glsl


class Uploader:
    """Makes textures and buffers of arrays. Rows come in the order of the array: texture coordinate v = 0 is row 0."""

    def __init__(self, ctx: moderngl.Context, is_software_renderer: bool) -> None:
        self.ctx = ctx
        self.is_software_renderer = is_software_renderer

    def mesh(self, vertices: Array, layout: str, attributes: tuple[str, ...], indices: Ints) -> Geometry:
        """Interleaved vertices (n, ...) in moderngl's `layout` ("3f 3f 2f"), a name for each attribute, and indices.

        Raises UserError.
        """
        try:
            # OpenGL has no empty buffers
            vertex_buffer = self.ctx.buffer(vertices.view("u1") if len(vertices) else bytes(64))
            index_buffer = self.ctx.buffer(indices if len(indices) else bytes(64))
        except moderngl.Error as error:
            message = f"not enough memory for {len(vertices)} vertices ({error}); choose a smaller scene"
            raise UserError(message) from None
        return Geometry(vertex_buffer, layout, attributes, index_buffer)

    def image(
        self, pixels: Bytes, *, linear: bool = False, clamp: tuple[bool, bool] = (False, False), cutoff: float = 0.0
    ) -> Texture:
        """A mipmapped image (h, w, 4), sRGB unless `linear`. Repeats, unless `clamp` in u and v says otherwise.

        `cutoff`: of an alpha mask, which covers as much in all mip levels. A mix of samples, of two levels or along a
        line, would cover more or less. Raises UserError.
        """
        height, width = pixels.shape[:2]
        internal_format = RGBA8 if linear else SRGB8_ALPHA8
        srgb: dict[str, Any] = {} if linear else {"internal_format": SRGB8_ALPHA8}
        try:
            texture = self.ctx.texture((width, height), 4, np.ascontiguousarray(pixels), **srgb)
        except moderngl.Error as error:
            message = f"not enough memory for an image of {width} x {height} ({error}); choose a smaller scene"
            raise UserError(message) from None
        texture.repeat_x, texture.repeat_y = not clamp[0], not clamp[1]
        on_cpu = self.is_software_renderer and max(pixels.shape) <= CPU_MIPMAP_MAX_SIZE
        levels = compute_mips(pixels, not linear) if on_cpu else []
        if cutoff:
            levels = preserve_coverage(pixels, levels, cutoff, clamp)
        if not (on_cpu and upload_mips(texture, levels, internal_format)):
            texture.build_mipmaps()
            if cutoff:
                _replace_mips(texture, pixels, cutoff, clamp)
        texture.filter = moderngl.LINEAR_MIPMAP_NEAREST if cutoff else moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        # in software every tap costs time
        texture.anisotropy = 1.0 if self.is_software_renderer or cutoff else ANISOTROPY
        return texture

    def texel_list(self, values: Floats | Bytes) -> Texture:
        """A long list (n, 4), fetched by index from rows of TEXELS_PER_ROW: float32, or 8 bit in sRGB.

        Raises UserError.
        """
        rows = max(-(-len(values) // TEXELS_PER_ROW), 1)
        max_rows = self.ctx.info["GL_MAX_TEXTURE_SIZE"]
        if rows > max_rows:
            limit = max_rows * TEXELS_PER_ROW
            raise UserError(f"{len(values)} texels: this OpenGL holds {limit} in one texture; choose a smaller scene")
        data = values.tobytes().ljust(rows * TEXELS_PER_ROW * 4 * values.itemsize, b"\0")
        form: dict[str, Any] = {"dtype": "f4"} if values.dtype == np.float32 else {"internal_format": SRGB8_ALPHA8}
        try:
            texture = self.ctx.texture((TEXELS_PER_ROW, rows), 4, data, **form)
        except moderngl.Error as error:
            message = f"not enough memory for {len(values)} texels ({error}); choose a smaller scene"
            raise UserError(message) from None
        texture.filter = moderngl.NEAREST, moderngl.NEAREST
        return texture

    def latlong_texture(self, *levels: Floats) -> Texture:
        """A lat-long map (h, w, 3) float32 and its mip levels, each half the one before. Repeats in u, clamps in v."""
        # larger maps stay as they are: a fourth channel costs memory
        if max(levels[0].shape) <= CPU_MIPMAP_MAX_SIZE:
            levels = tuple(_add_alpha(level) for level in levels)
        height, width, components = levels[0].shape
        texture = self.ctx.texture((width, height), components, levels[0].tobytes(), dtype="f4")
        texture.repeat_x, texture.repeat_y = True, False
        internal_format = RGB32F if components == 3 else RGBA32F
        if not (self.is_software_renderer and upload_mips(texture, levels[1:], internal_format)):
            texture.build_mipmaps(0, len(levels) - 1)
            for number, level in enumerate(levels):
                texture.write(level.tobytes(), level=number)
        minification = moderngl.LINEAR_MIPMAP_LINEAR if len(levels) > 1 else moderngl.LINEAR
        texture.filter = minification, moderngl.LINEAR
        return texture

    def nearest_texture(self, values: Floats) -> Texture:
        """Values (h, w, 3) or (h, w, 4) float32 without interpolation. Clamps."""
        texture = self.linear_texture(values if values.shape[2] == 4 else _add_alpha(values))
        texture.filter = moderngl.NEAREST, moderngl.NEAREST
        return texture

    def linear_texture(self, values: Floats) -> Texture:
        """A lookup table (h, w, k) float32 with linear interpolation. Clamps."""
        height, width, components = values.shape
        texture = self.ctx.texture((width, height), components, np.ascontiguousarray(values, "f4"), dtype="f4")
        texture.repeat_x, texture.repeat_y, texture.filter = False, False, (moderngl.LINEAR, moderngl.LINEAR)
        return texture


def upload_mips(texture: Texture, levels: Sequence[Floats | Bytes], internal_format: int) -> bool:
    """Upload the mip levels below the first. Returns whether OpenGL's library could be called.

    moderngl makes mip levels only by downsampling in OpenGL. For that, a software renderer compiles a program for each
    kind of texture, in every process.
    """
    try:
        library = ctypes.CDLL(OPENGL_LIBRARIES.get(sys.platform, "libGL.so.1"))
        upload_image, set_parameter = library.glTexImage2D, library.glTexParameteri
    except (OSError, AttributeError):
        return False
    texture.use(0)
    for number, level in enumerate(levels, 1):
        pixels = np.ascontiguousarray(level)
        height, width, components = pixels.shape
        channels = GL_RGB if components == 3 else GL_RGBA
        scalar = GL_FLOAT if pixels.dtype == np.float32 else GL_UNSIGNED_BYTE
        address = ctypes.c_void_p(pixels.ctypes.data)
        upload_image(GL_TEXTURE_2D, number, internal_format, width, height, 0, channels, scalar, address)
    set_parameter(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, len(levels))
    return True


def _replace_mips(texture: Texture, pixels: Bytes, cutoff: float, clamp: tuple[bool, bool]) -> None:
    """Replace the mip levels of an alpha mask, which OpenGL made, by such of the same coverage."""
    levels: list[Bytes] = []
    height, width = pixels.shape[:2]
    while (height, width) != (1, 1):
        height, width = max(height // 2, 1), max(width // 2, 1)
        data = texture.read(level=len(levels) + 1, alignment=1)
        levels.append(np.frombuffer(data, "u1").reshape(height, width, 4))
    levels = preserve_coverage(pixels, levels, cutoff, clamp)
    texture.build_mipmaps(0, len(levels))
    for number, level in enumerate(levels, 1):
        texture.write(level.tobytes(), level=number, alignment=1)


def _add_alpha(values: Floats) -> Floats:
    """(h, w, 4): fetches of four channels are aligned, and faster on a software renderer."""
    return np.concatenate([values, np.ones_like(values[..., :1])], -1)
