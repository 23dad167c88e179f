"""The checkpoint of a sweep: measured points as JSON lines, so that an interrupted sweep can continue.

The first line describes the sweep; each of the others is a point, or a file of results. All carry the sweep's id.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ssdo.measure import json_lines, output_files
from ssdo.settings import UserError

CHECKPOINT_NAME = "points.jsonl"


class Checkpoint:
    """The measurements of a folder, by point number. Damaged lines and those of other sweeps are ignored.

    It also knows the files of results that this sweep has written and may replace, by digests of their content.
    """

    def __init__(self, path: Path, sweep_id: str, lines: Sequence[Mapping[str, Any]]) -> None:
        self.path = path
        self.sweep_id = sweep_id
        # the first line of a point wins
        self.rows: dict[int, dict[str, Any]] = {line["point"]: line["row"] for line in reversed(lines) if "row" in line}
        self._results = {(line["file"], line["digest"]) for line in lines if "file" in line}

    @classmethod
    def open(cls, folder: Path, sweep_id: str, command: str, overwrite: bool, result_names: Sequence[str] = ()) -> Self:
        """Open or create the checkpoint of a folder, which this process owns.

        `result_names`: files of results. With `overwrite` those that exist now may be replaced.
        Raises UserError where the folder holds another sweep, or results that are not of this one.
        """
        path = folder / CHECKPOINT_NAME
        existed = os.path.lexists(path)
        if overwrite:
            results = [folder / name for name in result_names if os.path.lexists(folder / name)]
            lines, is_intact = [_describe_result(path.name, _read_content(path), sweep_id) for path in results], False
        else:
            lines, is_intact = _read_sweep(path, sweep_id)
        if not is_intact:
            json_lines.write_lines(path, [{"sweep": sweep_id, "command": command}, *lines], overwrite=existed)
        checkpoint = cls(path, sweep_id, lines)
        for name in result_names:
            checkpoint._exists(folder / name)
        return checkpoint

    def add(self, point: int, row: Mapping[str, Any]) -> None:
        """Add the measurement of a point. Raises UserError where it cannot be written."""
        self.rows[point] = dict(row)
        self._append({"sweep": self.sweep_id, "point": point, "row": row})

    def save_result(self, name: str, content: bytes) -> Path:
        """Save a file of results. It replaces only a file of this sweep. Raises UserError."""
        path = self.path.with_name(name)
        exists = self._exists(path)
        line = _describe_result(name, content, self.sweep_id)
        if (name, line["digest"]) not in self._results:
            self._append(line)  # before the file, so that a killed process leaves none that is unknown
            self._results.add((name, line["digest"]))
        try:
            output_files.save_bytes(path, content, overwrite=exists)
        except output_files.NameTakenError:
            raise _foreign_result(path) from None
        return path

    def _append(self, line: Mapping[str, Any]) -> None:
        try:
            json_lines.append_line(self.path, line)
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written: {error.strerror or error}; earlier points are kept"
            ) from None

    def _exists(self, path: Path) -> bool:
        """Whether a file of results exists. Raises UserError if it is not of this sweep."""
        output_files.require_absent([path], overwrite=True)
        if not os.path.lexists(path):
            return False
        if (path.name, _digest(_read_content(path))) not in self._results:
            raise _foreign_result(path)
        return True


def _read_sweep(path: Path, sweep_id: str) -> tuple[list[dict[str, Any]], bool]:
    """The lines of this sweep in a file, without the first, and whether the file holds nothing else.

    Raises UserError if the file is another sweep's.
    """
    try:
        if path.is_symlink():
            path.stat()  # raises for a link to nothing, which is not a missing file
        values, unparsed, is_intact = json_lines.read_lines(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    headers = [value for value in values if "command" in value]
    # The header says whose file it is, unless it is damaged. Without intact lines it may be a part of our header.
    start = json.dumps({"sweep": sweep_id}).encode()[:-1]
    first = next(iter((*headers, *values)), json_lines.parse_object(unparsed.partition(b"\n")[0]) or {})
    is_ours = first.get("sweep") == sweep_id if values else unparsed[: len(start)] == start[: len(unparsed)]
    if not is_ours:
        raise UserError(
            f"{path.parent.absolute()} holds another sweep ({first.get('command', 'unknown')}); "
            "choose another --output, or --overwrite starts again"
        )
    lines = [value for value in values if value.get("sweep") == sweep_id and "command" not in value]
    return lines, is_intact and values[:1] == headers and len(values) == len(lines) + 1


def _describe_result(name: str, content: bytes, sweep_id: str) -> dict[str, Any]:
    return {"sweep": sweep_id, "file": name, "digest": _digest(content)}


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def _read_content(path: Path) -> bytes:
    """The content of a file; nothing for a dangling link. Raises UserError."""
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read: {error.strerror or error}; choose another --output")


def _foreign_result(path: Path) -> UserError:
    return UserError(f"{path.absolute()} is not of this sweep; move it away: the same command continues")
