"""Lines of text files: OBJ, MTL and ASCII STL."""

from __future__ import annotations

import io
from collections.abc import Iterator

from ssdo.settings import UserError

MAX_LINE_BYTES = 2**20  # a polygon of a hundred thousand vertices


def prepare_text(data: bytes) -> bytes:
    """Text in ASCII, UTF-8 or UTF-16 with a byte order mark as lines that end with a line feed.

    Raises UserError for binary data.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    if b"\0" in data[:512]:
        raise UserError("file: must be text, in ASCII or UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def iterate_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1. Raises UserError for binary data and overlong lines."""
    for number, line in enumerate(io.BytesIO(prepare_text(data)), 1):
        if len(line) > MAX_LINE_BYTES:
            raise make_overlong_error(number)
        yield number, line


def make_overlong_error(number: int) -> UserError:
    return UserError(f"line {number}: must have at most {MAX_LINE_BYTES >> 10} KiB")


def decode_text(line: bytes) -> str:
    """Decode UTF-8, or Latin-1 where it is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
