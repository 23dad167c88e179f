"""The checkpoint of a sweep: measured points as JSON lines, so that an interrupted sweep can continue.

The first line identifies the sweep; each of the others is a point.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ssdo.settings import UserError

CHECKPOINT_NAME = "points.jsonl"


class Checkpoint:
    """The measurements of a folder, by point number. Each line is written at once; a truncated line is ignored."""

    def __init__(self, path: Path, rows: dict[int, dict[str, Any]]) -> None:
        self.path = path
        self.rows = rows

    @classmethod
    def open(cls, folder: Path, sweep_id: str, command: str, overwrite: bool) -> Self:
        """Open or create the checkpoint of a folder. Raises UserError where the folder holds another sweep."""
        path = folder / CHECKPOINT_NAME
        lines, valid_bytes = ([], 0) if overwrite else read_lines(path)
        if lines and lines[0].get("sweep") != sweep_id:
            raise UserError(
                f"{folder.absolute()} holds another sweep ({lines[0].get('command', 'unknown')}); "
                "choose another --output, or --overwrite starts again"
            )
        # the first line of a point wins
        checkpoint = cls(path, {line["point"]: line["row"] for line in reversed(lines[1:])})
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.truncate(valid_bytes)
            if not lines:
                checkpoint._write({"sweep": sweep_id, "command": command})
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written: {error.strerror or error}; choose another place with --output"
            ) from None
        return checkpoint

    def add(self, point: int, row: Mapping[str, Any]) -> None:
        """Add the measurement of a point. Raises UserError where it cannot be written."""
        self.rows[point] = dict(row)
        try:
            self._write({"point": point, "row": row})
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror or error}; earlier points are kept"
            ) from None

    def _write(self, line: Mapping[str, Any]) -> None:
        """Append a line with one call, so that a kill leaves at most one truncated line."""
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, (json.dumps(line, allow_nan=False) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The valid lines at the beginning of a checkpoint file, and how many bytes they take."""
    try:
        content = path.read_bytes()
    except OSError:
        return [], 0
    lines: list[dict[str, Any]] = []
    valid_bytes = 0
    for line in content.splitlines(keepends=True):
        required_keys = {"point", "row"} if lines else {"sweep"}
        try:
            value = json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n") or not isinstance(value, dict) or not required_keys <= value.keys():
            break
        lines.append(value)
        valid_bytes += len(line)
    return lines, valid_bytes
