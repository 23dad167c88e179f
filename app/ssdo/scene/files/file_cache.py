"""A cache of what readers make of files. It reads again when a file changes that the reader has read or looked for.

A command must not mix two versions of a file: see `hold_files`. The viewer follows changes: see `count_changes`.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from ssdo.scene.files.errors import OutOfMemoryError
from ssdo.scene.files.file_access import FileStates, get_file_state, record_files
from ssdo.settings import UserError

T = TypeVar("T")

# A check takes microseconds for each file, on some systems much longer: an entry of more than MANY_FILES is checked
# at most ten times a second, not at every use, and so that there are at most MAX_CHECKS in a second.
MANY_FILES = 16
CHECK_INTERVAL = 0.1  # seconds
MAX_CHECKS = 1000  # of files, in a second
DIGEST_CHUNK = 1 << 20  # bytes

_held_files: FileStates | None = None  # what the running command has read; None: none runs
_change_count = 0
_changed_files: deque[tuple[int, list[Path]]] = deque(maxlen=64)  # the number of a change, and its files


@contextlib.contextmanager
def hold_files() -> Iterator[None]:
    """Within the context, no two versions of a file are mixed.

    What is in memory stays as it is. A file that must be read again and has changed is a UserError.
    """
    global _held_files
    previous = _held_files
    if previous is None:
        _held_files = {}
    try:
        yield
    finally:
        _held_files = previous


def count_changes() -> int:
    """How often a file was read again because it, or one that it depends on, had changed."""
    return _change_count


def list_changed_files(after: int) -> list[Path]:
    """The files of the changes after the first `after` ones, as far as they are remembered, each once."""
    return list(dict.fromkeys(path for number, files in _changed_files if number > after for path in files))


@dataclass
class CacheEntry(Generic[T]):
    """What a reader returned or raised, and the files that it read or looked for."""

    files: FileStates
    value: T | None
    error: UserError | None
    check_time: float  # seconds, of the last check that the files are unchanged
    digest: str = ""  # of the files' contents; empty: not computed yet
    held_files: FileStates | None = None  # of the command within which the files are known to be unchanged

    def get(self) -> T:
        """The value. Raises UserError if the reader did."""
        if self.error is not None:
            raise UserError(str(self.error))
        return cast(T, self.value)


class FileCache(Generic[T]):
    """The most recently used results of a reader, by key. Its errors are cached, too."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[Hashable, CacheEntry[T]] = OrderedDict()
        self._last_files: dict[Hashable, FileStates] = {}  # of the last reading, also of entries that are dropped

    def load(self, key: Hashable, read_files: Callable[[], T]) -> T:
        """The result of `read_files`, called if there is none or if a file has changed.

        If a file changes while it is read, the next call reads it again, as the entry is that of the earlier state.
        Raises UserError as `read_files` does, and within `hold_files` if a file has changed.
        """
        return self._load_entry(key, read_files).get()

    def compute_digest(self, key: Hashable, read_files: Callable[[], T]) -> str:
        """A digest of the contents of the files that `read_files` reads. Raises UserError as `load` does."""
        entry = self._load_entry(key, read_files)
        entry.get()
        if not entry.digest:
            entry.digest = _digest_files(entry.files)
            _require_unchanged(entry.files)
        return entry.digest

    def clear(self) -> None:
        """Forget all results."""
        self._entries.clear()
        self._last_files.clear()

    def _load_entry(self, key: Hashable, read_files: Callable[[], T]) -> CacheEntry[T]:
        entry = self._entries.get(key)
        if entry is None or not _is_current(entry):
            entry = None
            self._entries.pop(key, None)  # frees its memory before the file is read again
            return self._read_entry(key, read_files)
        self._entries.move_to_end(key)
        return entry

    def _read_entry(self, key: Hashable, read_files: Callable[[], T]) -> CacheEntry[T]:
        global _change_count
        value, error = None, None
        with record_files() as files:
            try:
                value = read_files()
            except UserError as caught:
                error = caught
        entry = CacheEntry(files, value, error, time.monotonic())
        last_files = self._last_files.setdefault(key, files)
        if last_files != files:
            self._last_files[key] = files
            _change_count += 1
            _changed_files.append((_change_count, _compare_files(last_files, files)))
        if _held_files is not None:
            _require_unchanged(files)
            _hold(entry)
        if not isinstance(error, OutOfMemoryError):
            self._entries[key] = entry
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)
        return entry


def _is_current(entry: CacheEntry[T]) -> bool:
    """Whether the entry's files are unchanged. Raises UserError within `hold_files` if the command read others."""
    if _held_files is not None and entry.held_files is _held_files:
        return True
    now = time.monotonic()
    interval = max(CHECK_INTERVAL, len(entry.files) / MAX_CHECKS)
    if _held_files is None and len(entry.files) > MANY_FILES and now - entry.check_time < interval:
        return True
    if _find_changed(entry.files) is not None:
        return False
    entry.check_time = now
    if _held_files is not None:
        _hold(entry)
    return True


def _hold(entry: CacheEntry[T]) -> None:
    """Note that the running command uses the entry's files. Raises UserError if it has read others."""
    assert _held_files is not None
    for path, state in entry.files.items():
        if _held_files.setdefault(path.absolute(), state) != state:
            raise UserError(f"{path}: has changed since this command read it; run it again")
    entry.held_files = _held_files


def _require_unchanged(files: FileStates) -> None:
    """Raises UserError if a file has changed."""
    changed = _find_changed(files)
    if changed is not None:
        raise UserError(f"{changed}: has changed while it was read; run the command again")


def _compare_files(last_files: FileStates, files: FileStates) -> list[Path]:
    """The files that differ. A reader that has failed has not come to all: they count only if no other differs."""
    changed = [path for path, state in files.items() if path in last_files and last_files[path] != state]
    return changed or [path for path in {**files, **last_files} if path not in files or path not in last_files]


def _find_changed(files: FileStates) -> Path | None:
    """The first file that is not as it was; None: all are."""
    return next((path for path, state in files.items() if get_file_state(path) != state), None)


def _digest_files(files: FileStates) -> str:
    """A digest of contents and sizes, in the order of reading. Names do not count: a copy elsewhere is the same."""
    digest = hashlib.blake2b(digest_size=20)
    for path in files:
        content = hashlib.blake2b(digest_size=20)
        try:
            with path.open("rb") as file:
                while chunk := file.read(DIGEST_CHUNK):
                    content.update(chunk)
            digest.update(content.digest())
        except (OSError, ValueError):
            digest.update(b"missing")
    return digest.hexdigest()
