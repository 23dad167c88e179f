"""Checked access to files: regular files of a limited size, files beside a scene's file, and a record of both.

Readers open files only through this module, so that `record_files` knows every file that a scene depends on.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from ssdo.scene.files.errors import quote_value
from ssdo.settings import UserError


class FileState(NamedTuple):
    """What tells whether a file has changed."""

    modified_ns: int
    size: int  # bytes
    inode: int


FileStates = dict[Path, FileState | None]  # in the order of reading; None: there was no such file

_recorded: ContextVar[FileStates | None] = ContextVar("recorded", default=None)


def get_file_state(path: Path) -> FileState | None:
    """The state of a file; links are followed. None if there is no such file."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return None
    return FileState(status.st_mtime_ns, status.st_size, status.st_ino)


@contextlib.contextmanager
def record_files() -> Iterator[FileStates]:
    """Within the context, collect the files that are read or looked for, each as it was before it was first read."""
    states: FileStates = {}
    token = _recorded.set(states)
    try:
        yield states
    finally:
        _recorded.reset(token)


def record_file(path: Path) -> None:
    """Add a file to the record. Call before it is read, also if it does not exist: it may appear later."""
    states = _recorded.get()
    if states is not None and path not in states:
        states[path] = get_file_state(path)


def file_exists(path: Path) -> bool:
    """Whether there is such a file or folder. A name that no file can have counts as missing."""
    record_file(path)
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def check_file(path: Path, element: str, max_bytes: int) -> None:
    """Raises UserError("<element>: <rule>") for anything but a regular file of at most `max_bytes`."""
    record_file(path)
    try:
        if path.is_dir():
            raise UserError(f"{element}: is a folder, not a file")
        if not path.exists():
            raise UserError(f"{element}: there is no such file")
        if not path.is_file():  # a pipe would block
            raise UserError(f"{element}: is not a regular file")
        if path.stat().st_size > max_bytes:
            raise UserError(f"{element}: must be at most {max_bytes >> 20} MiB")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise _make_unreadable_error(element, error) from None


def read_file_bytes(path: Path, element: str, max_bytes: int) -> bytes:
    """Read a whole file. Raises UserError as `check_file` does."""
    check_file(path, element, max_bytes)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _make_unreadable_error(element, error) from None


def _make_unreadable_error(element: str, error: Exception) -> UserError:
    return UserError(f"{element}: cannot be read ({getattr(error, 'strerror', None) or 'bad name'})")


def check_no_url(name: str, where: str) -> None:
    """Raises UserError("<where>: <rule>") for a name with a scheme, a server or a drive."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", name):
        raise UserError(f"{where}: must name a file beside this one, no URL or drive, not {quote_value(name)}")


def resolve_beside(folder: Path, name: str, where: str) -> Path:
    """The path of a file that a scene's file in `folder` names.

    Links are followed. Where there is no such file, the case of letters does not count, as on Windows, where many files
    are made. Raises UserError("<where>: <rule>") for a path outside `folder`.
    """
    try:
        target = (folder / name).resolve()
        is_inside = target.is_relative_to(folder.resolve())
        if is_inside and not target.exists():
            record_file(target)  # it may appear later
            target = _find_ignoring_case(folder.resolve(), target)
            is_inside = target.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a ring of links
        raise UserError(f"{where}: not a file name: {quote_value(name)}") from None
    if not is_inside:
        raise UserError(f"{where}: must stay in the folder of the scene's file, not {quote_value(name)}")
    if (folder / name).absolute() != target:
        record_file(folder / name)  # a link, which may point to another file later
    return target


def _find_ignoring_case(folder: Path, target: Path) -> Path:
    """The file in `folder` whose path differs from `target` in the case of letters alone; else `target`."""
    path = folder
    for part in target.relative_to(folder).parts:
        names = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
        matches = [name for name in names if name.casefold() == part.casefold()]
        if not matches:
            return target
        path /= part if part in matches else matches[0]
    return path.resolve()
