"""Output files: complete or absent, and never in place of another file without permission.

A file is written under a temporary name, and published under its own once it is complete. Names that the program
chooses go to the next free number. A folder of results belongs to one process at a time.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import platform
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from ssdo.settings import UserError

CAPTURES = Path("captures")  # the folder of files whose names the program chooses
LOCK_NAME = ".lock"
MAX_STEM_BYTES = 200  # of names that the program chooses; file systems allow 255 for the whole name
MAX_LOCK_BYTES = 4096
MAX_COMMAND_LENGTH = 200  # characters, in the message of a folder that is in use
NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
MAX_ATTEMPTS = 100  # while other processes make and remove a folder
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP)


class NameTakenError(UserError):
    """A file, a folder or a link has this name, and may not be replaced."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path.absolute()} exists; add --overwrite or choose another --output")


class FolderInUseError(UserError):
    """Another process writes into this folder."""


def write_error(path: Path, error: Exception, flag: str = "--output") -> UserError:
    """The UserError of a file that cannot be written. `flag`: where the user can choose another."""
    reason = getattr(error, "strerror", None) or error
    return UserError(f"{path}: cannot be written: {reason}; choose another place with {flag}")


# ---- one file --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def atomic_write(path: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name once it is complete and on the disk, and not at all on an error.

    Raises NameTakenError where the name exists by then, unless `overwrite`; otherwise UserError.
    """
    _require_file_name(path)
    # The name begins with the file's own, so that leftovers of a killed process can be recognised.
    temporary = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}")
    try:
        with _create(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, path, overwrite)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        with contextlib.suppress(OSError):  # it was never made, or has been renamed
            temporary.unlink()


def _create(path: Path) -> IO[bytes]:
    """Make a new file, and its folder if needed. Raises OSError."""
    for attempt in itertools.count(1):
        try:
            _make_folders(path.parent)
            return path.open("xb")
        except FileNotFoundError:  # another process may have removed its empty folder
            if attempt == MAX_ATTEMPTS:
                raise
    raise AssertionError("numbers do not end")


def save_bytes(path: Path, content: bytes, overwrite: bool) -> None:
    """Save a file. Raises UserError as `atomic_write` does."""
    with atomic_write(path, overwrite) as file:
        file.write(content)


def _publish(source: Path, target: Path, overwrite: bool) -> None:
    """Give a file in the same folder another name; the old one may remain. Raises NameTakenError, OSError."""
    if overwrite:
        source.replace(target)
        return
    try:
        if os.name == "nt":
            source.rename(target)
        else:
            _link(source, target)
    except FileExistsError:
        raise NameTakenError(target) from None


def _link(source: Path, target: Path) -> None:
    """A second name for a file; where the file system has no such names, its only one. Raises FileExistsError."""
    try:
        os.link(source, target)
    except FileExistsError:
        # a network file system may repeat a request that has succeeded
        if not os.path.samestat(source.lstat(), target.lstat()):
            raise
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        try:
            source.replace(target)
        except BaseException:
            target.unlink()
            raise


def require_absent(paths: Iterable[Path], overwrite: bool) -> None:
    """Raise UserError where a file could not be saved, before anything is drawn.

    That is where its name exists, unless `overwrite`; where it is a folder; and where its folder cannot be written.
    """
    for path in paths:
        _require_file_name(path)
        status = _status(path)
        if status and not overwrite:
            raise NameTakenError(path)
        if status and stat.S_ISDIR(status.st_mode):
            raise UserError(f"{path.absolute()} is a folder; choose another --output")
        require_writable_folder(path.parent, path.name)


def require_writable_folder(folder: Path, name: str = "") -> None:
    """Raise UserError where a folder neither exists nor can be made, or no file can be made in it.

    `name`: of that file.
    """
    folder = require_possible_folder(folder, "--output", name)
    effective_ids = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective_ids):
        raise write_error(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def require_possible_folder(folder: Path, flag: str, name: str = "") -> Path:
    """The folder, or the one above it that exists. Raises UserError where a file or a bad name is in the way.

    `flag`: where the user can choose another. `name`: of a file in it.
    """
    missing = [name] if name else []
    while not _status(folder, flag) and folder != folder.parent:
        missing.append(folder.name)
        folder = folder.parent
    if not folder.is_dir():  # it may be a link to one
        raise write_error(folder, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)), flag)
    for part in missing:
        _status(folder / part, flag)  # raises for a name that is too long
    return folder


def _require_file_name(path: Path) -> None:
    if not path.name or "\0" in str(path):
        raise UserError(f"{str(path)!r}: must be the name of a file; choose another --output")


def _status(path: Path, flag: str = "--output") -> os.stat_result | None:
    """What has this name; of a link, the link itself. None: nothing. Raises UserError for an impossible name."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise write_error(path, error, flag) from None


# ---- names that the program chooses ----------------------------------------------------------------------------------


def unique_path(folder: Path, stem: str, suffix: str) -> Path:
    """The first path in a folder that does not exist: stem.png, stem-2.png, ... Raises UserError.

    Another process may take it: see `NumberedFiles`.
    """
    return next(path for name in _numbered_stems(stem) if not _status(path := folder / f"{name}{suffix}"))


def _numbered_stems(stem: str) -> Iterator[str]:
    short = stem.encode("utf-8", "ignore")[:MAX_STEM_BYTES].decode("utf-8", "ignore")
    yield short
    for number in itertools.count(2):
        yield f"{short}-{number}"


class OutputFiles:
    """Files of one folder whose names begin alike: stem-off.png, stem-ssao.png, stem.png.

    Raises UserError where they could not be saved.
    """

    def __init__(self, folder: Path, stem: str, endings: Iterable[str], overwrite: bool = False) -> None:
        self._folder = folder
        self._overwrite = overwrite
        self._paths = self._list_paths(stem, endings)
        require_absent(self.paths, overwrite)

    @property
    def endings(self) -> list[str]:
        """What follows the stem in their names."""
        return list(self._paths)

    @property
    def paths(self) -> list[Path]:
        """Where the files are, or will be, in the order of the endings."""
        return list(self._paths.values())

    def save(self, ending: str, write: Callable[[Path, bool], None]) -> None:
        """Save one of the files by `write`, which gets its path and whether it may overwrite. Raises UserError."""
        write(self._paths[ending], self._overwrite)

    def _list_paths(self, stem: str, endings: Iterable[str]) -> dict[str, Path]:
        return {ending: self._folder / f"{stem}{ending}" for ending in endings}


class NumberedFiles(OutputFiles):
    """Files under the first free number: stem-2-left.png, stem-2-right.png.

    When another process takes one of the names meanwhile, all of them move on to the next number.
    """

    def __init__(self, folder: Path, stem: str, endings: Iterable[str]) -> None:
        self._folder = folder
        self._overwrite = False
        self._paths = dict.fromkeys(endings, folder)
        self._saved: list[str] = []  # endings
        self._stems = _numbered_stems(stem)
        self._move_on()

    def save(self, ending: str, write: Callable[[Path, bool], None]) -> None:
        while True:
            try:
                super().save(ending, write)
            except NameTakenError:
                self._move_on()
            else:
                self._saved.append(ending)
                return

    def _move_on(self) -> None:
        """Rename what is saved after the next number whose names are free."""
        for stem in self._stems:
            paths = self._list_paths(stem, self._paths)
            with contextlib.suppress(NameTakenError):
                require_absent(paths.values(), overwrite=False)
                for ending in self._saved:
                    _rename(self._paths[ending], paths[ending])
                    self._paths[ending] = paths[ending]
                self._paths = paths
                return


def _rename(source: Path, target: Path) -> None:
    """Raises NameTakenError, UserError."""
    try:
        _publish(source, target, overwrite=False)
        source.unlink(missing_ok=True)
    except OSError as error:
        raise write_error(target, error) from None


# ---- folders of results ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def own_folder(folder: Path, command: str, is_new: bool = False) -> Iterator[Path]:
    """Make a folder if needed, and keep other processes out of it until the end.

    The lock is the operating system's, so that it ends with the process; its file `.lock` names the owner. At the end
    that file is removed, and so are folders that were made here and are empty. `is_new`: the folder may not exist.
    Raises FolderInUseError, NameTakenError, and UserError where the folder cannot be written.
    """
    if is_new and _status(folder):
        raise NameTakenError(folder)
    require_writable_folder(folder)
    new_folders: list[Path] = []
    try:
        lock = _make_and_lock(folder, command, is_new, new_folders)
        try:
            yield folder
        finally:
            _unlock(folder / LOCK_NAME, lock)
    finally:
        for path in reversed(new_folders):
            remove_if_empty(path)


@contextlib.contextmanager
def own_new_folder(parent: Path, stem: str, command: str) -> Iterator[Path]:
    """Make a folder under the first free name, stem, stem-2, ..., and own it as by `own_folder`. Raises UserError."""
    with contextlib.ExitStack() as stack:
        for name in _numbered_stems(stem):
            with contextlib.suppress(NameTakenError, FolderInUseError):
                stack.enter_context(own_folder(parent / name, command, is_new=True))
                break
        yield parent / name


def own_output_folder(output: Path | None, stem: str, command: str) -> contextlib.AbstractContextManager[Path]:
    """Own a command's `--output`, or else a new folder in `captures`. Raises UserError."""
    return own_folder(output, command) if output else own_new_folder(CAPTURES, stem, command)


def make_new_folder(parent: Path, stem: str) -> Path:
    """Make a folder under the first free name: stem, stem-2, ... Raises UserError."""
    for name in _numbered_stems(stem):
        with contextlib.suppress(NameTakenError):
            require_absent([parent / name], overwrite=False)
            try:
                if parent / name in _make_folders(parent / name):
                    return parent / name
            except OSError as error:
                raise write_error(parent / name, error) from None
    raise AssertionError("numbers do not end")


def remove_if_empty(folder: Path) -> None:
    """Remove a folder unless something is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it. Returns those that did not exist. Raises OSError."""
    new_folders = []
    missing = list(itertools.takewhile(lambda path: not path.is_dir(), (folder, *folder.parents)))
    for path in reversed(missing):  # not by recursion: there may be thousands
        try:
            path.mkdir()
        except FileExistsError:
            if not path.is_dir():
                raise
        else:
            new_folders.append(path)
    return new_folders


def _make_and_lock(folder: Path, command: str, is_new: bool, new_folders: list[Path]) -> int | None:
    """Make a folder and lock it. Folders that are made are appended to `new_folders`. Raises UserError."""
    for attempt in itertools.count(1):
        try:
            new_folders += _make_folders(folder)
            if is_new and folder not in new_folders:
                raise NameTakenError(folder)
            return _lock(folder / LOCK_NAME, command)
        except FileNotFoundError as error:  # the last owner may have removed the file, or the folder
            if attempt == MAX_ATTEMPTS:
                raise write_error(folder, error) from None
        except OSError as error:
            raise write_error(folder, error) from None
    raise AssertionError("numbers do not end")


def _lock(path: Path, command: str) -> int | None:
    """Lock a file and write the owner into it. None: this file system has no locks.

    Raises FolderInUseError; FileNotFoundError if the file was removed meanwhile; OSError.
    """
    from filelock import lock_descriptor

    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, 0o666)
    try:
        try:
            is_locked = lock_descriptor(file, blocking=False)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            print(f"{path.parent}: cannot be locked here; let no other process write into it", file=sys.stderr)
            path.unlink()
            os.close(file)
            return None
        if not is_locked:
            raise FolderInUseError(f"{path.parent.absolute()} is in use {_describe_owner(file)}")
        if not os.path.samestat(os.fstat(file), path.lstat()):
            raise FileNotFoundError
    except BaseException:
        os.close(file)
        raise
    try:
        _write_owner(file, command)
    except BaseException:
        _unlock(path, file)
        raise
    return file


def _unlock(path: Path, file: int | None) -> None:
    if file is None:
        return
    # Where an open file can be removed, it is removed first: nobody can lock it and then lose its name.
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(file)
    if os.name == "nt":
        with contextlib.suppress(OSError):  # another process has opened it
            path.unlink()


def _write_owner(file: int, command: str) -> None:
    # On Windows others can read all but the first byte, which is what is locked.
    lines = (f"by process {os.getpid()} on {platform.node()}", f"since {datetime.now():%Y-%m-%d %H:%M:%S}", command)
    os.ftruncate(file, 0)
    os.write(file, " {}\n".format("\n".join(lines)).encode("utf-8", "backslashreplace")[:MAX_LOCK_BYTES])


def _describe_owner(file: int) -> str:
    """Who owns the folder of a lock, and the way out."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        os.lseek(file, 1, os.SEEK_SET)
        lines = os.read(file, MAX_LOCK_BYTES).decode("utf-8", "replace").split("\n")
    if len(lines) < 3:
        return "by another process; wait for it, or choose another --output"
    owner, start, command = lines[:3]
    return f"{owner} {start} ({command[:MAX_COMMAND_LENGTH]}); wait for it, stop it, or choose another --output"
