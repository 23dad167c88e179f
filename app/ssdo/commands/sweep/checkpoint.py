"""Points that are done, a line of JSON each, behind a line that says of which sweep: what a kill leaves, the next run
goes on from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ssdo.settings import UserError

NAME = "points.jsonl"


class Journal:
    """The rows of a folder by point. Every line is written with one call and at once; a line that was cut is as if it
    had not been begun.
    """

    def __init__(self, path: Path, rows: dict[int, dict[str, Any]]) -> None:
        self.path = path
        self.rows = rows

    @classmethod
    def opened(cls, folder: Path, sweep: str, command: str, anew: bool) -> Self:
        """The folder's journal, of this sweep. Raises UserError where the folder holds another."""
        path = folder / NAME
        lines, whole = ([], 0) if anew else read(path)
        if lines and lines[0].get("sweep") != sweep:
            raise UserError(
                f"{folder.absolute()} holds another sweep ({lines[0].get('command', 'unknown')}); choose another --output, or --overwrite begins anew"
            )
        journal = cls(path, {line["point"]: line["row"] for line in reversed(lines[1:])})  # of two, the first
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.truncate(whole)
            if not lines:
                journal._write({"sweep": sweep, "command": command})
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written: {error.strerror or error}; choose another place with --output"
            ) from None
        return journal

    def add(self, point: int, row: Mapping[str, Any]) -> None:
        """A point is done. Raises UserError where that cannot be kept."""
        self.rows[point] = dict(row)
        try:
            self._write({"point": point, "row": row})
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror or error}; what was written stays"
            ) from None

    def _write(self, line: Mapping[str, Any]) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, (json.dumps(line, allow_nan=False) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The lines of a journal that are whole, and where they end."""
    try:
        content = path.read_bytes()
    except OSError:
        return [], 0
    lines: list[dict[str, Any]] = []
    end = 0
    for line in content.splitlines(keepends=True):
        try:
            found = json.loads(line)
        except ValueError:
            break
        if not (
            line.endswith(b"\n")
            and isinstance(found, dict)
            and ({"sweep"} if not lines else {"point", "row"}) <= found.keys()
        ):
            break
        lines.append(found)
        end += len(line)
    return lines, end
