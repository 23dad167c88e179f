"""Lines of text files: OBJ, MTL and ASCII STL."""

from __future__ import annotations

import io
from collections.abc import Iterator

from ssdo.settings import UserError

MAX_LINE_BYTES = 2**20  # a polygon of a hundred thousand vertices


def iterate_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers, from 1. Raises UserError for UTF-16, binary data and overlong lines."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:512]:
        raise UserError("file: must be text, in ASCII or UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    for number, line in enumerate(io.BytesIO(data), 1):
        if len(line) > MAX_LINE_BYTES:
            raise UserError(f"line {number}: must have at most {MAX_LINE_BYTES >> 10} KiB")
        yield number, line


def decode_text(line: bytes) -> str:
    """Decode UTF-8, or Latin-1 where it is not UTF-8."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
