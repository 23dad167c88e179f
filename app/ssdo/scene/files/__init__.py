"""Files -> Scene and environment. What every reader shares: getting at the bytes."""

from __future__ import annotations

import re
from pathlib import Path

from ssdo.scene.files.json_tree import shown
from ssdo.settings import UserError

SCENES = (".glb", ".gltf", ".obj", ".ply", ".stl")  # files that a scene is read from, by the end of their names
SCENES_IN_WORDS = f"{', '.join(SCENES[:-1])} or {SCENES[-1]}"


def check_file(path: Path, element: str, limit: int) -> None:
    """Raises UserError("<element>: <rule>") where there is no regular file, and for more than `limit` bytes."""
    try:
        if path.is_dir():
            raise UserError(f"{element}: is a folder, not a file")
        if not path.exists():
            raise UserError(f"{element}: there is no such file")
        if not path.is_file():  # a pipe would block
            raise UserError(f"{element}: is not a regular file")
        if path.stat().st_size > limit:
            raise UserError(f"{element}: must be at most {limit >> 20} MiB")
    except (OSError, ValueError) as error:  # ValueError: a name no file can have
        raise _unreadable(element, error) from None


def file_bytes(path: Path, element: str, limit: int) -> bytes:
    """All bytes of a regular file. Raises UserError as `check_file`."""
    check_file(path, element, limit)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(element, error) from None


def _unreadable(element: str, error: Exception) -> UserError:
    return UserError(f"{element}: cannot be read ({getattr(error, 'strerror', None) or 'bad name'})")


def check_no_url(name: str, where: str) -> None:
    """Raises UserError("<where>: <rule>") for what names a scheme, a server or a drive."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", name):
        raise UserError(f"{where}: must name a file beside this one, no URL or drive, not {shown(name)}")


def beside(folder: Path, name: str, where: str) -> Path:
    """The file that a scene's file in `folder` names: in that folder or below, wherever links lead. Raises
    UserError("<where>: <rule>").
    """
    try:
        target = (folder / name).resolve()
        inside = target.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a ring of links
        raise UserError(f"{where}: not a file name: {shown(name)}") from None
    if not inside:
        raise UserError(f"{where}: must stay in the folder of the scene's file, not {shown(name)}")
    return target
