"""What the viewer stores between runs: bookmarks of each scene, recent scenes, the panel's size, the first start."""

from __future__ import annotations

import contextlib
import math
import tomllib
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from ssdo.measure.output_files import save_bytes
from ssdo.settings import UserError
from ssdo.viewer.controls import Pose

MAX_RECENT_SCENES = 12
MIN_UI_SCALE, MAX_UI_SCALE = 0.5, 4.0
DEFAULT_PANEL_WIDTH, MIN_PANEL_WIDTH, MAX_PANEL_WIDTH = 340.0, 220.0, 1200.0  # pixels, before scaling


class Preferences:
    """Reads and writes `viewer.toml` in the user's state folder.

    A file that cannot be read counts as empty. If it cannot be written, nothing is stored.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or platformdirs.user_state_path("ssdo", appauthor=False)) / "viewer.toml"
        self.recent_scenes: list[str] = []
        self.ui_scale = 1.0
        self.panel_width = DEFAULT_PANEL_WIDTH  # pixels, before scaling
        self._bookmarks: dict[str, Any] = {}
        self._has_started = False
        self._read()

    def begin_run(self) -> bool:
        """Note that the viewer is started. Returns whether this is the first time."""
        is_first = not self._has_started
        if is_first:
            self._has_started = True
            self._write()
        return is_first

    def add_recent_scene(self, scene: str) -> None:
        """Put a scene at the front of the recent ones."""
        self._read()
        self.recent_scenes = [scene, *(name for name in self.recent_scenes if name != scene)][:MAX_RECENT_SCENES]
        self._write()

    def save_ui_scale(self, scale: float) -> None:
        self._read()
        self.ui_scale = scale
        self._write()

    def save_panel_width(self, width: float) -> None:
        """`width`: pixels, before scaling."""
        self._read()
        self.panel_width = width
        self._write()

    def save_bookmark(self, scene: str, number: int, pose: Pose) -> None:
        self._read()
        bookmarks = self._bookmarks.get(scene)
        values = bookmarks if isinstance(bookmarks, dict) else {}
        self._bookmarks[scene] = values | {
            str(number): [*pose.eye, *pose.target, pose.fov, pose.roll, pose.height or 0.0]
        }
        self._write()

    def restore_bookmark(self, scene: str, number: int) -> Pose | None:
        """The camera of a bookmark; None if there is none."""
        bookmarks = self._bookmarks.get(scene)
        values = bookmarks.get(str(number)) if isinstance(bookmarks, dict) else None
        if not isinstance(values, list) or len(values) not in (7, 9):  # 7: of earlier versions
            return None
        if not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
            return None
        x = [*map(float, values), 0.0, 0.0]
        return Pose((x[0], x[1], x[2]), (x[3], x[4], x[5]), x[6], x[7], x[8] if x[8] > 0 else None)

    def _read(self) -> None:
        """Read what another viewer may have written meanwhile. Without a readable file nothing changes."""
        try:
            tree = tomllib.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return
        self._has_started = self._has_started or tree.get("has_started") is True
        recent, bookmarks = tree.get("recent"), tree.get("bookmarks")
        self.recent_scenes = [str(name) for name in recent][:MAX_RECENT_SCENES] if isinstance(recent, list) else []
        self._bookmarks = bookmarks if isinstance(bookmarks, dict) else {}
        self.ui_scale = _read_number(tree, "ui_scale", 1.0, MIN_UI_SCALE, MAX_UI_SCALE)
        self.panel_width = _read_number(tree, "panel_width", DEFAULT_PANEL_WIDTH, MIN_PANEL_WIDTH, MAX_PANEL_WIDTH)

    def _write(self) -> None:
        tree = {
            "has_started": self._has_started,
            "ui_scale": self.ui_scale,
            "panel_width": self.panel_width,
            "recent": self.recent_scenes,
            "bookmarks": self._bookmarks,
        }
        with contextlib.suppress(UserError):
            save_bytes(self.path, tomli_w.dumps(tree).encode(), overwrite=True)


def _read_number(tree: dict[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number of the file within its range; the default if there is none."""
    value = tree.get(name)
    is_number = isinstance(value, (int, float)) and math.isfinite(value)
    return min(max(float(value), low), high) if is_number and value is not None else default
