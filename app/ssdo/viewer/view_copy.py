"""A copy of the view as the window shows it, for redraws of the panel while the next frame is not complete."""

from __future__ import annotations

from typing import Any

import moderngl
from moderngl_window.context.base import BaseWindow


class ViewCopy:
    """Copies the window's back buffer and writes it back. The window's size may change in between."""

    def __init__(self, wnd: BaseWindow) -> None:
        self._wnd = wnd
        self._copy: moderngl.Framebuffer | None = None

    @property
    def can_restore(self) -> bool:
        """Whether there is a copy of the window's size."""
        return self._copy is not None and self._copy.size == tuple(self._wnd.buffer_size)

    def store(self) -> None:
        """Copy the window's content."""
        ctx: Any = self._wnd.ctx  # moderngl's types do not know that a window's framebuffer can be copied
        if self._copy is None or not self.can_restore:
            self._copy = ctx.framebuffer([ctx.texture(tuple(self._wnd.buffer_size), 4)])
        ctx.copy_framebuffer(self._copy, self._wnd.fbo)

    def restore(self) -> None:
        """Replace the window's content by the copy, and make its framebuffer the current one."""
        ctx: Any = self._wnd.ctx
        self._wnd.use()
        ctx.copy_framebuffer(self._wnd.fbo, self._copy)
        self._wnd.use()
