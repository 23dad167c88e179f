"""The interactive viewer. Libraries that need a display are imported only when it opens."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ssdo.gpu.context import OPENGL_REQUIRED, NoOpenGLError
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique

DEFAULT_SIZE = (1280, 720)


def open_viewer(
    shot: Shot,
    techniques: Mapping[str, Technique],
    *,
    ui_scale: float | None = None,
    size: tuple[int, int] | None = None,
    is_split: bool = True,
    may_halve_lighting: bool = False,
) -> None:
    """Open the viewer on a shot and return when its window is closed.

    `techniques`: initial settings by name. `ui_scale`: of text and controls; None: as it was last chosen.
    `is_split`: show SSAO beside the shot's technique. `may_halve_lighting`: start with lighting at half resolution on a
    software renderer.

    Raises NoOpenGLError if no window can be opened, and UserError if the scene or the environment cannot be loaded.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise NoOpenGLError(
            "no window can be opened (DISPLAY is not set); run it in a graphical session, or use capture"
        )
    try:
        from ssdo.viewer.main_loop import run_viewer
    except (ImportError, OSError) as error:  # a system library is missing, such as libX11
        raise NoOpenGLError(f"no window can be opened ({error}); {OPENGL_REQUIRED}") from None
    run_viewer(shot, techniques, ui_scale, size or DEFAULT_SIZE, is_split, may_halve_lighting)
