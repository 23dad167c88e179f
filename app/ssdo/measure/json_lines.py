"""Files of JSON lines to which results are appended as they are measured: a line is whole, or it does not count.

Each line ends with a checksum of its text. Lines that were truncated or damaged are ignored wherever they stand, and
the lines after them are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.measure import output_files

CHECKSUM_BYTES = 8
# A line and the byte after it, which is a newline: if that is damaged, the next line is still read.
LINE = re.compile(rb'(\{[^\n]*?), "checksum": "([0-9a-f]{%d})"\}.' % (2 * CHECKSUM_BYTES), re.DOTALL)


class JsonLines(NamedTuple):
    """What a file holds."""

    values: list[dict[str, Any]]  # of the intact lines, without checksums
    unparsed: bytes  # the other bytes of the file
    is_intact: bool  # whether the file is these lines, as they are written


def read_lines(path: Path) -> JsonLines:
    """The lines of a file; none if it does not exist. Raises OSError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return JsonLines([], b"", True)
    values: list[dict[str, Any]] = []

    def take(line: re.Match[bytes]) -> bytes:
        for brace in re.finditer(rb"\{", line[1]):  # a part of another line may stand before the first
            text = line[1][brace.start() :] + b"}"
            if _checksum(text) == line[2] and (value := parse_object(text)):
                values.append(value)
                return line[0][: brace.start()]
        return line[0]

    unparsed = LINE.sub(take, content)
    return JsonLines(values, unparsed, content == b"".join(map(format_line, values)))


def append_line(path: Path, value: Mapping[str, Any]) -> None:
    """Append a line, which is on the disk afterwards. On an error the file is as before; raises OSError.

    A signal that arrives once the line is whole leaves it there.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        line = format_line(value)
        if size and not _ends_with_newline(file, size):
            line = b"\n" + line  # a killed process has left a part of a line
        byte_count = 0
        try:
            while byte_count < len(line):
                byte_count += os.write(file, line[byte_count:])
            os.fsync(file)
        except BaseException as error:
            with contextlib.suppress(OSError):  # what remains is ignored
                is_last = os.fstat(file).st_size == size + byte_count  # no other process has appended a line
                if is_last and (isinstance(error, OSError) or byte_count < len(line)):
                    os.ftruncate(file, size)
            raise
    finally:
        os.close(file)


def write_lines(path: Path, values: Iterable[Mapping[str, Any]], overwrite: bool) -> None:
    """Save a whole file. Raises UserError."""
    output_files.save_bytes(path, b"".join(map(format_line, values)), overwrite)


def format_line(value: Mapping[str, Any]) -> bytes:
    """An object that is not empty, as a line with its checksum. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, allow_nan=False).encode()
    return text[:-1] + b', "checksum": "%s"}\n' % _checksum(text)


def parse_object(text: bytes) -> dict[str, Any] | None:
    """The object that a JSON text is; None if it is none, or holds NaN or infinity, which JSON has not."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _checksum(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=CHECKSUM_BYTES).hexdigest().encode()


def _ends_with_newline(file: int, size: int) -> bool:
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) == b"\n"
