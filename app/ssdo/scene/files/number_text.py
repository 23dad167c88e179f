"""Parse many numbers of a text at once, as float() reads each."""

from __future__ import annotations

import re

import numpy as np

from ssdo.arrays import Bytes, Doubles, Longs

BLANK, NUMBER, SLASH, LETTER = 0, 1, 2, 4  # classes of characters
BLOCK_BYTES = 2**20
MAX_EXACT = 2**53  # whole numbers up to this are exact
POWERS_OF_TEN = np.array([float(10**k) for k in range(23)])  # all that are exact

NAN_WORDS = re.compile(rb"[+-]?(?:1\.#\w+|nan\(\w*\))", re.IGNORECASE)  # as C libraries print NaN

_CLASSES = bytearray([LETTER] * 256)
for _characters, _class in ((b"0123456789+-.eE", NUMBER), (b"/", SLASH), (b" \t\r\n\v\f", BLANK)):
    for _character in _characters:
        _CLASSES[_character] = _class
CLASS_TABLE = bytes(_CLASSES)


def repair_number(word: bytes) -> bytes:
    """The number as float() reads it: NaN of any C library, a decimal comma, a comma behind it, Fortran's exponent.

    Any other is unchanged.
    """
    if NAN_WORDS.fullmatch(word):
        return b"nan"
    word = re.sub(rb"^([+-]?[\d.]+)[dD]([+-]?\d+)$", rb"\1e\2", word)
    return re.sub(rb"^([+-]?\d*),(\d+)$", rb"\1.\2", word.removesuffix(b","))


def classify(text: bytes) -> Bytes:
    """The class of each character."""
    return np.frombuffer(text.translate(CLASS_TABLE), np.uint8)


def find_numbers(classes: Bytes) -> tuple[Longs, Longs]:
    """The starts of the numbers in a text, and the ends: the last character of each."""
    is_number = np.zeros(len(classes) + 2, bool)
    np.equal(classes, NUMBER, out=is_number[1:-1])
    edges = np.flatnonzero(is_number[1:] != is_number[:-1])
    return edges[::2], edges[1::2] - 1


def parse_numbers(text: bytes) -> Doubles:
    """Numbers that are separated by blanks. Raises ValueError for anything else."""
    blocks = [np.empty(0)]
    start = 0
    while start < len(text):
        end = min(start + BLOCK_BYTES, len(text))
        while end < len(text) and text[end : end + 1].strip():  # a number goes on
            end += 1
        block = text[start:end]
        classes = classify(block)
        if (classes > NUMBER).any():  # NaN and infinity
            blocks.append(np.fromstring(block, np.float64, sep=" "))
        else:
            blocks.append(parse_found_numbers(block, *find_numbers(classes)))
        start = end
    return np.concatenate(blocks)


def parse_found_numbers(text: bytes, starts: Longs, ends: Longs) -> Doubles:
    """Numbers that `find_numbers` found, with nothing but blanks between them. Raises ValueError."""
    if not len(starts):
        return np.empty(0)
    if b"e" in text or b"E" in text:
        return np.fromstring(text, np.float64, sep=" ")
    characters = np.frombuffer(text, np.uint8)
    is_digit = np.append(characters >= ord("0"), False)
    dots = np.flatnonzero(characters == ord("."))
    numbers = np.arange(len(dots)) if len(dots) == len(starts) else np.searchsorted(starts, dots, "right") - 1
    decimals = np.zeros(len(starts), np.int64)
    decimals[numbers] = ends[numbers] - dots
    last_digits = ends.copy()
    last_digits[numbers] -= decimals[numbers] == 0  # the point is the last character
    is_regular = (
        (np.diff(numbers) > 0).all()
        and ((dots >= starts[numbers]) & (dots <= ends[numbers])).all()
        and is_digit[last_digits].all()
        and (is_digit[dots + 1] | (dots == ends[numbers])).all()
    )
    # Without its point a number is a whole one: quotients of exact numbers are rounded as the number itself would be.
    whole = np.fromstring(text.translate(None, b"."), np.int64, sep=" ") if is_regular else np.empty(0, np.int64)
    is_exact = len(whole) == len(starts) and whole.min() >= -MAX_EXACT and whole.max() <= MAX_EXACT
    if not is_exact or decimals.max() >= len(POWERS_OF_TEN):
        return np.fromstring(text, np.float64, sep=" ")
    values: Doubles = whole / POWERS_OF_TEN[decimals]
    is_zero = whole == 0
    if is_zero.any():  # some are -0
        zeros = np.flatnonzero(is_zero)
        values[zeros[characters[starts[zeros]] == ord("-")]] = -0.0
    return values
