"""Read the elements of a PLY file: rows of numbers and lists of numbers, in binary of either byte order."""

from __future__ import annotations

import struct
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.arrays import Array, Longs
from ssdo.scene.files.errors import quote_value
from ssdo.settings import UserError

DTYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}


class Property(NamedTuple):
    name: str
    kind: str  # type as declared, a key of DTYPES
    dtype: str  # as numpy names it, without byte order
    length_dtype: str = ""  # of the length of a list; "" for a single number

    @property
    def full_scale(self) -> float:
        """The value that means 1 in a colour."""
        dtype = np.dtype(DTYPES[self.kind])
        return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


@dataclass
class Element:
    name: str
    count: int
    properties: list[Property] = field(default_factory=list)

    @property
    def has_lists(self) -> bool:
        return any(p.length_dtype for p in self.properties)


class Lists(NamedTuple):
    """A list for every row, one after the other."""

    values: npt.NDArray[np.generic]  # as stored
    sizes: Longs  # length of each list


@dataclass
class Columns:
    """The rows of an element by property."""

    end: int  # offset of the byte behind them
    numbers: dict[str, Array] = field(default_factory=dict)  # as stored
    lists: dict[str, Lists] = field(default_factory=dict)


def read_element(data: bytes, offset: int, element: Element, byte_order: str, names: Container[str] = ()) -> Columns:
    """Read the properties `names` of an element that begins at `offset`. Raises UserError if the file is cut off."""
    if element.has_lists and element.count > len(data) - offset:  # a row has at least one byte
        raise _make_cut_off_error(element)
    if not element.properties or not element.count:
        none = np.empty(0, np.int64)
        lists = {p.name: Lists(none, none) for p in element.properties if p.length_dtype}
        return Columns(offset, {p.name: none for p in element.properties if not p.length_dtype}, lists)
    columns = _read_uniform_rows(data, offset, element, byte_order, names)
    if columns is None and not element.has_lists:
        raise _make_cut_off_error(element)
    return columns or _read_mixed_rows(data, offset, element, byte_order, names)


def _make_cut_off_error(element: Element) -> UserError:
    return UserError(f"element {quote_value(element.name)}: the file is cut off, or {element.count} are too many")


def _read_uniform_rows(
    data: bytes, offset: int, element: Element, byte_order: str, names: Container[str]
) -> Columns | None:
    """Rows whose lists have the lengths of the first row's, read as a table. None if they differ or are cut off."""
    fields: list[Any] = []
    row_bytes, lengths = 0, {}
    for k, p in enumerate(element.properties):
        if p.length_dtype:
            lengths[k] = _read_length(data, offset + row_bytes, p, byte_order, element)
            fields.append((f"length {k}", byte_order + p.length_dtype))
            fields.append((str(k), byte_order + p.dtype, (lengths[k],)))
            row_bytes += np.dtype(p.length_dtype).itemsize + lengths[k] * np.dtype(p.dtype).itemsize
        else:
            fields.append((str(k), byte_order + p.dtype))
            row_bytes += np.dtype(p.dtype).itemsize
        if row_bytes * element.count > len(data) - offset:
            return None
    rows = np.frombuffer(data, np.dtype(fields), element.count, offset)
    if any((rows[f"length {k}"] != length).any() for k, length in lengths.items()):
        return None
    columns = Columns(offset + rows.nbytes)
    for k, p in enumerate(element.properties):
        if p.name in names and p.length_dtype:
            columns.lists[p.name] = Lists(rows[str(k)].ravel(), np.full(element.count, lengths[k]))
        elif p.name in names:
            columns.numbers[p.name] = rows[str(k)]
    return columns


def _read_length(data: bytes, offset: int, p: Property, byte_order: str, element: Element) -> int:
    dtype = np.dtype(byte_order + p.length_dtype)
    if offset + dtype.itemsize > len(data):
        raise _make_cut_off_error(element)
    length = float(np.frombuffer(data, dtype, 1, offset)[0])
    if not 0 <= length <= len(data) or length != int(length):
        raise _make_cut_off_error(element)
    return int(length)


def _read_mixed_rows(data: bytes, offset: int, element: Element, byte_order: str, names: Container[str]) -> Columns:
    """Rows with lists of any length, read one by one."""
    layout = [
        (
            np.dtype(p.dtype).itemsize,
            struct.Struct(byte_order + np.dtype(p.length_dtype).char) if p.length_dtype else None,
            bytearray() if p.name in names else None,
            list[int](),
        )
        for p in element.properties
    ]
    for _ in range(element.count):
        for itemsize, length_format, content, sizes in layout:
            end = offset + itemsize
            if length_format is not None:
                try:
                    (length,) = length_format.unpack_from(data, offset)
                except struct.error:
                    raise _make_cut_off_error(element) from None
                offset += length_format.size
                end = offset + int(length) * itemsize if 0 <= length < len(data) else -1
                if end < 0 or end > len(data) or length != int(length):
                    raise _make_cut_off_error(element)
                sizes.append(int(length))
            if content is not None:
                content += data[offset:end]
            offset = end
    if offset > len(data):
        raise _make_cut_off_error(element)
    columns = Columns(offset)
    for p, (_, _, content, sizes) in zip(element.properties, layout, strict=True):
        if content is not None:
            values = np.frombuffer(bytes(content), byte_order + p.dtype)
            if p.length_dtype:
                columns.lists[p.name] = Lists(values, np.array(sizes, np.int64))
            else:
                columns.numbers[p.name] = values
    return columns
