"""The interactive viewer. Window and panel libraries are imported when it is opened, so that nothing else needs a
display.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from ssdo.gpu.context import NO_OPENGL, NoOpenGL
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique

SIZE = (1280, 720)


def main(
    shot: Shot,
    others: Mapping[str, Technique],
    *,
    ui_scale: float = 1.0,
    size: tuple[int, int] | None = None,
    split: bool = True,
    choose: bool = False,
) -> int:
    """Open the viewer on a shot; `others`: the techniques to switch to, with the values the user gave; `split`: SSAO
    beside it; `choose`: lighting at half the resolution where a processor draws. Returns the exit code.

    Raises NoOpenGL where no window can be opened, and UserError for a scene or an environment that cannot be loaded.
    """
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        raise NoOpenGL("no window can be opened (DISPLAY is not set); run it in a graphical session, or use capture")
    try:
        from ssdo.viewer import window
    except (ImportError, OSError) as error:  # a missing system library, as libX11
        raise NoOpenGL(f"no window can be opened ({error}); {NO_OPENGL}") from None
    return window.run(shot, others, ui_scale, size or SIZE, split, choose)
