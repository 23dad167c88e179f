"""Render targets: textures with the framebuffers that draw into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import moderngl

from ssdo.settings import UserError

Size = tuple[int, int]
Box = tuple[int, int, int, int]  # pixels: left, bottom, width, height
Texture = moderngl.Texture

FORMATS = {"rgba8": (4, "f1"), "r32f": (1, "f4"), "rgba16f": (4, "f2"), "rgba32f": (4, "f4")}  # components, type
DEPTH_BYTES = 4  # of a depth buffer's pixel


@dataclass(eq=False)
class Target:
    """Textures of one size, a framebuffer for all of them and one for each."""

    name: str
    size: Size
    formats: tuple[str, ...]
    has_depth: bool
    textures: tuple[Texture, ...]
    framebuffer: moderngl.Framebuffer
    attachments: tuple[moderngl.Framebuffer, ...] = ()
    # set by the pass that draws into the target, for the next frame
    metadata: Any = None
    # the key of the pass whose result the textures hold, and the textures' versions after that pass
    cached_pass: tuple[object, tuple[int, ...]] | None = None

    def has_layout(self, size: Size, formats: tuple[str, ...], has_depth: bool) -> bool:
        """Whether size and formats are these."""
        return (self.size, self.formats, self.has_depth) == (size, formats, has_depth)

    @property
    def byte_size(self) -> int:
        """Bytes of the textures and the depth buffer."""
        per_pixel = sum(texture.components * int(texture.dtype[1]) for texture in self.textures)
        return self.size[0] * self.size[1] * (per_pixel + DEPTH_BYTES * self.has_depth)


def max_target_size(ctx: moderngl.Context) -> int:
    """The largest width and height that this OpenGL draws, in pixels."""
    return int(min(ctx.info["GL_MAX_TEXTURE_SIZE"], *ctx.info["GL_MAX_VIEWPORT_DIMS"]))


def create_target(ctx: moderngl.Context, name: str, size: Size, formats: tuple[str, ...], has_depth: bool) -> Target:
    """Raises UserError when the size is beyond OpenGL's limits or memory runs out."""
    limit = max_target_size(ctx)
    if max(size) > limit:
        raise UserError(f"{size[0]} x {size[1]} px: this OpenGL draws at most {limit} px a side; choose a smaller size")
    try:
        textures = tuple(_create_texture(ctx, size, name) for name in formats)
        depth = ctx.depth_renderbuffer(size) if has_depth else None
        framebuffer = ctx.framebuffer(textures, depth)
        attachments = tuple(ctx.framebuffer([texture]) for texture in textures)
    except moderngl.Error as error:
        message = f"{size[0]} x {size[1]} px: not enough memory for {name} ({error}); choose a smaller size"
        raise UserError(message) from None
    return Target(name, size, formats, has_depth, textures, framebuffer, attachments)


def create_depth_target(ctx: moderngl.Context, size: Size) -> Target:
    """A target of one depth texture, which shaders sample as numbers from 0 (near) to 1 (far)."""
    texture = ctx.depth_texture(size)
    texture.compare_func, texture.repeat_x, texture.repeat_y = "", False, False
    texture.filter = moderngl.NEAREST, moderngl.NEAREST
    return Target("", size, (), True, (texture,), ctx.framebuffer(depth_attachment=texture))


def framebuffer_target(framebuffer: moderngl.Framebuffer) -> Target:
    """A target without textures, as a window's framebuffer is."""
    return Target("", framebuffer.size, (), False, (), framebuffer)


def _create_texture(ctx: moderngl.Context, size: Size, format_name: str) -> Texture:
    components, dtype = FORMATS[format_name]
    texture = ctx.texture(size, components, dtype=dtype)
    texture.filter, texture.repeat_x, texture.repeat_y = (moderngl.NEAREST, moderngl.NEAREST), False, False
    return texture
