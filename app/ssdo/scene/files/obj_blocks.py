"""Parse many regular lines of an OBJ file at once: v, vt, vn and f with plain numbers, and lines that have no effect.

Whatever is not regular is left to the parser of single lines, which knows all of the format and names wrong lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Bytes, Doubles, Ints, Longs
from ssdo.scene.files.number_text import LETTER, SLASH, classify, find_numbers, parse_found_numbers
from ssdo.scene.files.text import MAX_LINE_BYTES, make_overlong_error

OTHER, NO_EFFECT, POSITION, UV, NORMAL, FACE = range(6)  # kinds of lines
MAX_INDEX = 2**31 - 1
BLANK_TABLE = bytes.maketrans(b"vtnf/", b"     ")  # leaves numbers and blanks of regular lines


class Block(NamedTuple):
    """The content of regular lines."""

    positions: Doubles  # (n, 3)
    colors: Doubles | None  # (n, 3) of the positions
    uvs: Doubles  # (k, 2) as written
    normals: Doubles  # (l, 3)
    corners: Ints  # (m, 3) indices of position, UV and normal from 1; 0: it has none
    sizes: Longs  # number of corners of each face


def iterate_blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Whole lines of text, about MAX_LINE_BYTES at a time, with the number of the first. Raises UserError."""
    start, number = 0, 1
    while start < len(data):
        end = len(data)
        if end - start > MAX_LINE_BYTES:
            end = data.rfind(b"\n", start, start + MAX_LINE_BYTES) + 1
            if not end:
                raise make_overlong_error(number)
        block = data[start:end]
        yield number, block
        number += block.count(b"\n")
        start = end


def find_lines(block: bytes) -> tuple[Longs, Bytes]:
    """(n + 1,) the starts of lines and the end of the last, and (n,) their kinds."""
    text = np.frombuffer(block, np.uint8)
    bounds = np.concatenate([[0], np.flatnonzero(text == ord("\n")) + 1])
    if bounds[-1] < len(text):
        bounds = np.append(bounds, len(text))
    padded = np.concatenate([text, np.full(2, ord("\n"), np.uint8)])
    first, second, third = (padded[bounds[:-1] + k] for k in range(3))
    second_is_blank, third_is_blank = ((c <= ord(" ")) for c in (second, third))
    kinds = np.full(len(first), OTHER, np.uint8)
    is_name = (first == ord("g")) | (first == ord("o")) | (first == ord("s"))
    is_empty = (first == ord("\n")) | (first == ord("\r")) & (second == ord("\n"))
    kinds[(first == ord("#")) | is_empty | is_name & second_is_blank] = NO_EFFECT
    is_v = first == ord("v")
    kinds[is_v & second_is_blank] = POSITION
    kinds[is_v & (second == ord("t")) & third_is_blank] = UV
    kinds[is_v & (second == ord("n")) & third_is_blank] = NORMAL
    kinds[(first == ord("f")) & second_is_blank] = FACE
    return bounds, kinds


def parse_block(block: bytes, bounds: Longs, kinds: Bytes, counts: tuple[int, int, int]) -> Block | None:
    """Parse lines; None if one is not regular. `counts` are the numbers of v, vt and vn before them.

    `bounds` and `kinds` are of these lines, as `find_lines` returns them.
    """
    rows = {kind: _parse_rows(block, bounds, kinds, kind) for kind in (POSITION, UV, NORMAL)}
    positions, uvs, normals = rows[POSITION], rows[UV], rows[NORMAL]
    faces = _parse_faces(block, bounds, kinds, counts)
    if positions is None or uvs is None or normals is None or faces is None:
        return None
    if positions.shape[1] < 3 or uvs.shape[1] < 2 or normals.shape[1] < 3:
        return None
    colors = positions[:, -3:] if positions.shape[1] in (6, 7) else None
    return Block(positions[:, :3], colors, uvs[:, :2], normals[:, :3], *faces)


DEFAULT_WIDTHS = {POSITION: 3, UV: 2, NORMAL: 3}


def _select_lines(block: bytes, bounds: Longs, kinds: Bytes, kind: int) -> tuple[bytes, Longs]:
    """The text of the lines of one kind, and where each ends in it."""
    is_selected = kinds == kind
    lengths = np.diff(bounds)
    ends = np.cumsum(lengths[is_selected])
    if is_selected.all():
        return block[bounds[0] : bounds[-1]], ends
    text = np.frombuffer(block, np.uint8)[bounds[0] : bounds[-1]]
    return text[np.repeat(is_selected, lengths)].tobytes(), ends


def _parse_rows(block: bytes, bounds: Longs, kinds: Bytes, kind: int) -> Doubles | None:
    """(n, k) numbers of the lines of one kind, which must all have k; None if one is not regular."""
    text, ends = _select_lines(block, bounds, kinds, kind)
    n = len(ends)
    if not n:
        return np.empty((0, DEFAULT_WIDTHS[kind]))
    classes = classify(text)
    if np.count_nonzero(classes == LETTER) != n * (1 if kind == POSITION else 2) or (classes == SLASH).any():
        return None
    starts, number_ends = find_numbers(classes)
    width = len(starts) // n
    if len(starts) != n * width or not (np.searchsorted(starts, ends) == width * np.arange(1, n + 1)).all():
        return None
    try:
        values = parse_found_numbers(text.translate(BLANK_TABLE), starts, number_ends)
    except ValueError:
        return None
    return values.reshape(n, width) if len(values) == n * width else None


def _parse_faces(block: bytes, bounds: Longs, kinds: Bytes, counts: tuple[int, int, int]) -> tuple[Ints, Longs] | None:
    """(m, 3) corners and the number of each face's; None if one is not regular, or they differ in form."""
    text, ends = _select_lines(block, bounds, kinds, FACE)
    n = len(ends)
    if not n:
        return np.empty((0, 3), np.int32), np.empty(0, np.int64)
    classes = classify(text)
    if np.count_nonzero(classes == LETTER) != n:
        return None
    starts, _ = find_numbers(classes)
    columns = _find_form(classes, starts)
    if columns is None:
        return None
    try:
        indices = np.fromstring(text.translate(BLANK_TABLE), np.int64, sep=" ")
    except ValueError:
        return None
    if len(indices) != len(starts):
        return None
    width = len(columns)
    line_ends = np.searchsorted(starts, ends)
    if (line_ends % width).any():
        return None
    sizes = np.diff(line_ends, prepend=0) // width
    corners = np.zeros((len(starts) // width, 3), np.int32)
    if not (sizes > 0).all() or indices.max() > MAX_INDEX:
        return None
    rows = indices.reshape(-1, width)
    resolved = rows if indices.min() > 0 else _resolve_negative(rows, sizes, kinds, columns, counts)
    if resolved is None:
        return None
    corners[:, columns] = resolved
    return corners, sizes


def _find_form(classes: Bytes, starts: Longs) -> list[int] | None:
    """Which of position, UV and normal all corners have; None if they differ or are not regular."""
    before = classes[starts - 1]
    slash_count = np.count_nonzero(classes == SLASH)
    if not slash_count:
        return [0]
    is_first = before != SLASH  # the position of a corner
    corner_count = np.count_nonzero(is_first)
    if len(starts) == 3 * corner_count and slash_count == 2 * corner_count:
        return [0, 1, 2] if (is_first.reshape(-1, 3) == (True, False, False)).all() else None
    if len(starts) != 2 * corner_count or not (is_first.reshape(-1, 2) == (True, False)).all():
        return None
    if slash_count == corner_count:
        return [0, 1]
    two_before = classes[starts[1::2] - 2]
    return [0, 2] if slash_count == 2 * corner_count and (two_before == SLASH).all() else None


def _resolve_negative(
    rows: Longs, sizes: Longs, kinds: Bytes, columns: list[int], counts: tuple[int, int, int]
) -> Longs | None:
    """Indices from 1. Negative ones count back from the last element before their face; None if out of range."""
    is_face = kinds == FACE
    resolved = rows.copy()
    for k, column in enumerate(columns):
        counts_before = counts[column] + np.cumsum(kinds == (POSITION, UV, NORMAL)[column])[is_face]
        indices = rows[:, k]
        is_negative = indices < 0
        resolved[:, k] += np.where(is_negative, np.repeat(counts_before, sizes) + 1, 0)
    return resolved if (resolved > 0).all() else None
