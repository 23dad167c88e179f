"""Finds the shader files that have changed, so that an edited shader is compiled while the viewer runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ssdo.gpu.shaders import ShaderCompiler
from ssdo.resources import IS_CHECKOUT
from ssdo.scene.files.file_access import FileState, get_file_state

MAX_NAMES = 3  # in a message


class ShaderWatch:
    """Looks at the files of a compiler's programs. A wheel's files never change, and are not looked at."""

    def __init__(self, compiler: ShaderCompiler, is_enabled: bool = IS_CHECKOUT) -> None:
        self._compiler = compiler
        self._is_enabled = is_enabled
        self._states = self._read_states()

    def _read_states(self) -> dict[str, FileState | None]:
        """By the path in the folder. A file hides those of the same path in later folders."""
        states: dict[str, FileState | None] = {}
        for folder in self._compiler.folders if self._is_enabled else ():
            for path in _list_files(str(folder)):
                name = path[len(str(folder)) + 1 :].replace(os.sep, "/")
                states.setdefault(name, get_file_state(Path(path)))
        return states

    def find_changed(self) -> set[str]:
        """The files that are new, gone or different since the last call."""
        old, self._states = self._states, self._read_states()
        return {name for name in old.keys() | self._states.keys() if old.get(name) != self._states.get(name)}


def _list_files(folder: str) -> list[str]:
    """All files in a folder and those below. A folder that cannot be read has none."""
    return [f"{parent}{os.sep}{name}" for parent, _, names in os.walk(folder) for name in names]


def join_names(names: Iterable[str]) -> str:
    """A few names in a message, and how many there are besides."""
    names = list(names)
    rest = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(sorted(names)[:MAX_NAMES]) + rest
