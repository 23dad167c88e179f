"""Which target holds the result of which pass, so that an unchanged pass is not drawn again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import moderngl

from ssdo.gpu.glsl import UniformStruct
from ssdo.gpu.target import Target, Texture


class PassCache:
    """Remembers passes by key: everything that decides what a pass draws.

    Textures and buffers have versions, which change with their contents and are copied with them.
    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets
        self._versions = itertools.count(1)

    def key(self, shader: str, structs: Mapping[str, UniformStruct], textures: Mapping[str, Texture]) -> object:
        """Equal for passes that draw the same."""
        return shader, dict(structs), {name: self.version(texture) for name, texture in textures.items()}

    def version(self, resource: Texture | moderngl.Buffer) -> int:
        """The number of a resource's contents."""
        if resource.extra is None:
            resource.extra = next(self._versions)
        version: int = resource.extra
        return version

    def bump_version(self, textures: Iterable[Texture]) -> None:
        """Note that the contents of these textures change."""
        for texture in textures:
            texture.extra = next(self._versions)

    def is_cached(self, target: Target, key: object) -> bool:
        """Whether the target holds the pass's result. The result of another scope's target is copied."""
        if _holds(target, key):
            return True
        for source in self._targets.values():
            if _holds(source, key) and source.has_layout(target.size, target.formats, target.has_depth):
                self._copy(source, target)
                return True
        return False

    def remember(self, target: Target, key: object) -> None:
        """Note that the target now holds the pass's result."""
        target.cached_pass = key, tuple(texture.extra for texture in target.textures)

    def invalidate(self, except_target: str = "") -> None:
        """Draw every pass again, except into targets of this name, in whatever scope."""
        for name, target in self._targets.items():
            if name.rpartition("/")[2] != except_target:
                target.cached_pass = None

    def _copy(self, source: Target, target: Target) -> None:
        for destination, origin in zip(target.attachments, source.attachments, strict=True):
            destination.ctx.copy_framebuffer(destination, origin)
        for texture, original in zip(target.textures, source.textures, strict=True):
            texture.extra = original.extra
        target.cached_pass = source.cached_pass


def _holds(target: Target, key: object) -> bool:
    if target.cached_pass is None:
        return False
    cached_key, versions = target.cached_pass
    return cached_key == key and versions == tuple(texture.extra for texture in target.textures)
