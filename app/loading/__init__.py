"""Files -> Scene and environment. What every reader shares: getting at the bytes."""

from __future__ import annotations

from pathlib import Path

from app.settings import Problem


def check_file(path: Path, element: str, limit: int) -> None:
    """Raises Problem("<element>: <rule>") where there is no regular file, and for more than `limit` bytes."""
    try:
        if path.is_dir():
            raise Problem(f"{element}: is a folder, not a file")
        if not path.exists():
            raise Problem(f"{element}: there is no such file")
        if not path.is_file():  # a pipe would block
            raise Problem(f"{element}: is not a regular file")
        if path.stat().st_size > limit:
            raise Problem(f"{element}: must be at most {limit >> 20} MiB")
    except (OSError, ValueError) as error:  # ValueError: a name no file can have
        raise _unreadable(element, error) from None


def file_bytes(path: Path, element: str, limit: int) -> bytes:
    """All bytes of a regular file. Raises Problem as `check_file`."""
    check_file(path, element, limit)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(element, error) from None


def _unreadable(element: str, error: Exception) -> Problem:
    return Problem(f"{element}: cannot be read ({getattr(error, 'strerror', None) or 'bad name'})")
