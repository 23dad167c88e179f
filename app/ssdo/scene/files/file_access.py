"""Checked access to files: regular files of a limited size, and files beside a scene's file."""

from __future__ import annotations

import re
from pathlib import Path

from ssdo.scene.files.errors import quote_value
from ssdo.settings import UserError


def check_file(path: Path, element: str, max_bytes: int) -> None:
    """Raises UserError("<element>: <rule>") for anything but a regular file of at most `max_bytes`."""
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

    Links are followed. Raises UserError("<where>: <rule>") for a path outside `folder`.
    """
    try:
        target = (folder / name).resolve()
        is_inside = target.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a ring of links
        raise UserError(f"{where}: not a file name: {quote_value(name)}") from None
    if not is_inside:
        raise UserError(f"{where}: must stay in the folder of the scene's file, not {quote_value(name)}")
    return target
