"""The file dialog of the system, which does not block the viewer."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

from imgui_bundle import portable_file_dialogs

# Programs that show the dialog on Linux.
DIALOG_PROGRAMS = ("zenity", "matedialog", "qarma", "kdialog")
FILTERS = ("scenes, environments, states, images", "*.glb *.gltf *.obj *.ply *.stl *.hdr *.exr *.toml *.png")


def has_file_dialog() -> bool:
    """Whether the system has a file dialog."""
    return not sys.platform.startswith("linux") or any(map(shutil.which, DIALOG_PROGRAMS))


def _open_dialog() -> Any:
    return portable_file_dialogs.open_file("Open", "", [*FILTERS, "all files", "*"])


class FileDialog:
    """At most one dialog, which is polled."""

    def __init__(self, create: Callable[[], Any] = _open_dialog) -> None:
        self._create = create
        self._dialog: Any = None

    def open(self) -> None:
        """Open the dialog, unless it is open already."""
        if self._dialog is None:
            self._dialog = self._create()

    def poll(self) -> str:
        """The path that was chosen since the last call; empty if there is none."""
        if self._dialog is None or not self._dialog.ready(0):
            return ""
        paths, self._dialog = self._dialog.result(), None
        return str(paths[0]) if paths else ""

    def close(self) -> None:
        """Close the dialog: it would outlive the viewer, or make it wait."""
        if self._dialog is not None:
            self._dialog.kill()
            self._dialog = None
