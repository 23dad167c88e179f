"""A glTF 2.0 file: its JSON tree, and the buffers and accessors that the tree refers to, decoded on demand and once.

Every length is checked against the data behind it before anything is allocated. A required extension that is not
supported is refused by name, with a hint how to convert the file. Section numbers are those of the specification.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np

from ssdo.arrays import Array, Floats
from ssdo.optional_packages import MissingPackageError
from ssdo.scene.files import gltf_meshopt
from ssdo.scene.files.errors import LimitError, quote_value
from ssdo.scene.files.file_access import check_no_url, read_file_bytes, resolve_beside
from ssdo.scene.files.gltf_extensions import describe_required
from ssdo.scene.files.json_tree import (
    Json,
    get_entry,
    get_extension,
    get_object,
    get_reference,
    get_string,
    get_unsigned,
    split_error,
)
from ssdo.settings import UserError

# Limits on memory and time, for small files that declare large data.
MAX_FILE_BYTES = 2**31
MAX_JSON_BYTES = 2**28
MAX_ACCESSOR_NUMBERS = 2**28  # in all accessors together
MAX_EMPTY_ACCESSOR_COUNT = 2**22  # elements of an accessor without a bufferView, which may have sparse values
MAX_WARNINGS = 40  # different ones

VERSION = 2, 0  # of glTF, that is read

COMPONENT_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
INDEX_TYPES = (5121, 5123, 5125)  # of triangles and joints
ATTRIBUTE_TYPES = (5120, 5121, 5122, 5123, 5126)
COMPONENT_COUNTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass
class Document:
    """The JSON tree, the bytes it refers to, what has been decoded so far, and the warnings."""

    folder: Path
    tree: Json
    binary_chunk: memoryview | None  # of a .glb
    files: dict[Path, bytes] = field(default_factory=dict)
    buffers: dict[int, memoryview | UserError] = field(default_factory=dict)  # or why it cannot be read
    decoded_views: dict[int, memoryview | UserError] = field(default_factory=dict)  # those with meshopt compression
    attributes: dict[int, Floats] = field(default_factory=dict)  # accessors read as float32
    indices: dict[int, Array] = field(default_factory=dict)  # accessors read as integers
    decompressed: dict[int, Array] = field(default_factory=dict)  # accessors whose values were compressed
    number_count: int = 0  # counted against MAX_ACCESSOR_NUMBERS
    warnings: dict[str, list[str]] = field(default_factory=dict)  # by text: the elements that it is about
    first_error: UserError | None = None  # of what was left out

    def count_numbers(self, count: int, where: str) -> None:
        """Count decoded numbers. Raises LimitError beyond the limit."""
        self.number_count += count
        if self.number_count > MAX_ACCESSOR_NUMBERS:
            raise LimitError(f"{where}: all accessors together must have at most {MAX_ACCESSOR_NUMBERS} numbers")

    def leave_out(self, error: UserError) -> None:
        """Warn that an element cannot be read, and is left out. Raises a LimitError or MissingPackageError again."""
        if isinstance(error, (LimitError, MissingPackageError)):
            raise error
        self.first_error = self.first_error or error
        element, rule = split_error(error)
        self.warn(element, f"{rule}; what needs it is left out")

    def warn(self, where: str, text: str) -> None:
        """Add a warning about the element `where`: the file still loads."""
        elements = self.warnings.setdefault(text, [])
        if where not in elements[-1:]:
            elements.append(where)

    def make_empty_error(self) -> UserError:
        """The error of a file without triangles: why they are left out, as far as is known."""
        reasons = self.format_warnings()
        text = f"file: has no triangles{'; ' + reasons[0] if reasons else ''}"
        return UserError(f"{self.first_error or text}{describe_required(self.tree)}")

    def format_warnings(self) -> tuple[str, ...]:
        """A line for every warning, with its first element and the number of the others."""
        lines = [
            f"{elements[0]}: {text}" + (f" ({len(elements) - 1} more)" if elements[1:] else "")
            for text, elements in self.warnings.items()
        ]
        excess = len(lines) - MAX_WARNINGS
        return (*lines[:MAX_WARNINGS], f"file: {excess} more warnings") if excess > 0 else tuple(lines)


def open_document(path: Path) -> Document:
    """Parse a .gltf or .glb file. Raises UserError for a format, version or extension that is not supported."""
    text = raw = read_file_bytes(path, "file", MAX_FILE_BYTES)
    binary_chunk: memoryview | None = None
    if raw[:4] == b"glTF":
        text, binary_chunk = _split_chunks(raw)
    if len(text) > MAX_JSON_BYTES:
        raise UserError(f"file: must have at most {MAX_JSON_BYTES >> 20} MiB of JSON")
    tree = _parse_json(text)
    _check_version(tree)
    return Document(path.parent, tree, binary_chunk)


def _parse_json(text: bytes) -> Json:
    try:
        tree = json.loads(text.rstrip(b"\0").decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UserError("file: must be JSON in UTF-8, or GLB") from None
    except json.JSONDecodeError as error:
        raise UserError(f"file: not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except ValueError:  # Python converts no numbers of more than 4300 digits
        raise UserError("file: not JSON: a number is too long") from None
    except RecursionError:
        raise UserError("file: not JSON: nested too deep") from None
    if not isinstance(tree, dict):
        raise UserError("file: must be a JSON object")
    return tree


def _split_chunks(raw: bytes) -> tuple[bytes, memoryview | None]:
    """The JSON chunk and the binary chunk of a .glb (section 4.4). The latter is not copied."""
    if len(raw) < 20:
        raise UserError("file: the GLB header is cut off")
    _, version, total = struct.unpack_from("<4sII", raw)
    if version != 2:
        raise UserError(f"file: GLB version must be 2, not {version}")
    if not 20 <= total <= len(raw):
        raise UserError(f"file: cut off, GLB length {total} but {len(raw)} bytes present")
    chunks: dict[bytes, memoryview] = {}
    view = memoryview(raw)
    offset = 12
    while offset + 8 <= total:
        size, kind = struct.unpack_from("<I4s", raw, offset)
        if offset + 8 + size > total:
            raise UserError(f"file: the GLB chunk at byte {offset} is longer than the file")
        chunks.setdefault(kind, view[offset + 8 : offset + 8 + size])
        offset += 8 + size
    if b"JSON" not in chunks:
        raise UserError("file: a GLB without a JSON chunk")
    return bytes(chunks[b"JSON"]), chunks.get(b"BIN\0")


def _check_version(tree: Json) -> None:
    """Raises UserError for a file that is not glTF 2, or that says it cannot be read as glTF 2.0 (section 3.2)."""
    asset = get_object(tree, "asset", "")
    version = asset.get("version", "missing")
    is_text = isinstance(version, (str, float))  # some exporters write a number
    if not is_text or not re.fullmatch(r"2\.\d+", str(version)):
        raise UserError(f"asset.version: must be 2.x, not {quote_value(version)}")
    lowest = asset.get("minVersion")
    match = re.fullmatch(r"(\d{1,9})\.(\d{1,9})", str(lowest)) if isinstance(lowest, (str, float)) else None
    if match and (int(match[1]), int(match[2])) > VERSION:
        raise UserError(
            f"asset.minVersion: must be at most 2.0, not {quote_value(lowest)}; export the file as glTF 2.0"
        )


# ---- files and buffers -----------------------------------------------------------------------------------------------


def read_resource(doc: Document, uri: str, where: str) -> bytes:
    """The bytes of a URI: base64 data, or a file in the folder of the glTF file or below."""
    if uri[:5].lower() == "data:":
        head, _, body = uri.partition(",")
        try:
            raw = unquote_to_bytes(body)
            return base64.b64decode(raw, validate=True) if head.lower().endswith(";base64") else raw
        except ValueError:
            raise UserError(f"{where}: must be base64") from None
    check_no_url(uri, where)
    try:
        target = resolve_beside(doc.folder, unquote(uri, errors="strict"), where)
    except UnicodeDecodeError:
        raise UserError(f"{where}: not a file name: {quote_value(uri)}") from None
    if target not in doc.files:
        doc.files[target] = read_file_bytes(target, f"{where} {quote_value(uri)}", MAX_FILE_BYTES)
    return doc.files[target]


def _read_buffer(doc: Document, i: int) -> memoryview:
    """The bytes of a buffer. Those of one that cannot be read are looked for only once."""
    return _read_once(doc.buffers, i, _load_buffer, doc, i)


def _read_once(
    results: dict[int, memoryview | UserError], i: int, read: Callable[..., memoryview], *arguments: Any
) -> memoryview:
    """The result of `read`, or its error, as it was the first time."""
    if i not in results:
        try:
            results[i] = read(*arguments)
        except UserError as error:
            results[i] = error
    result = results[i]
    if isinstance(result, UserError):
        raise result
    return result


def _load_buffer(doc: Document, i: int) -> memoryview:
    entry, where = get_entry(doc.tree, "buffers", i), f"buffers[{i}]"
    length = get_unsigned(entry, "byteLength", where)
    if "uri" in entry:
        data: bytes | memoryview | None = read_resource(doc, get_string(entry, "uri", where), f"{where}.uri")
    else:
        data = doc.binary_chunk if i == 0 else None
    if data is None:
        raise UserError(f"{where}: has no data")
    if length > len(data):
        doc.warn(f"{where}.byteLength", f"{length} declared, {len(data)} present; what ends beyond is left out")
    return memoryview(data)[:length]


def read_buffer_view(doc: Document, i: int) -> tuple[memoryview, int]:
    """The bytes of a buffer view and its stride; stride 0 means that elements are packed."""
    entry, where = get_entry(doc.tree, "bufferViews", i), f"bufferViews[{i}]"
    stride = get_unsigned(entry, "byteStride", where, 0)
    buffer = get_reference(doc.tree, "buffers", entry, "buffer", where)
    has_data = "uri" in get_entry(doc.tree, "buffers", buffer) or (buffer == 0 and doc.binary_chunk is not None)
    for name in gltf_meshopt.EXTENSIONS:
        compressed = get_extension(entry, name, where)
        if compressed is not None and not has_data:  # else it has uncompressed data beside it
            inside = f"{where}.extensions.{name}"
            return _read_once(doc.decoded_views, i, _decompress_view, doc, compressed, name, inside), stride
    return _read_slice(doc, entry, where), stride


def _decompress_view(doc: Document, compressed: Json, name: str, where: str) -> memoryview:
    decoded = gltf_meshopt.decompress(_read_slice(doc, compressed, where), compressed, name, where)
    doc.count_numbers(len(decoded) // 4, where)
    return decoded


def _read_slice(doc: Document, entry: Json, where: str) -> memoryview:
    """The bytes at the entry's buffer, byteOffset and byteLength."""
    data = _read_buffer(doc, get_reference(doc.tree, "buffers", entry, "buffer", where))
    start, length = get_unsigned(entry, "byteOffset", where, 0), get_unsigned(entry, "byteLength", where)
    if start + length > len(data):
        doc.warn(where, f"ends at byte {start + length} of a buffer of {len(data)}; what ends beyond is left out")
    return data[start : start + length]


# ---- accessors -------------------------------------------------------------------------------------------------------


def read_attribute(
    doc: Document, attributes: Json, name: str, where: str, *kinds: str, always_normalized: bool = False
) -> Floats:
    """(count, width) float32 values of the accessor attributes[name], whose type is one of `kinds`.

    Integers keep their values unless the accessor is normalised (section 3.6.2.2). `always_normalized` is for colours
    and weights, whose integers have no other meaning.
    """
    i = get_reference(doc.tree, "accessors", attributes, name, where)
    kind = _check_kind(doc, i, *kinds)
    if i not in doc.attributes:
        values = _read_accessor(doc, i, kind, ATTRIBUTE_TYPES)
        floats: Floats = np.ascontiguousarray(values, np.float32)
        is_normalized = always_normalized or get_entry(doc.tree, "accessors", i).get("normalized") is True
        if values.dtype.kind != "f" and is_normalized:
            full_scale = np.float32(np.iinfo(values.dtype).max)
            floats = np.maximum(floats / full_scale, np.float32(-1))
        doc.attributes[i] = floats
    return doc.attributes[i]


def read_integers(doc: Document, owner: Json, name: str, where: str, kind: str = "SCALAR") -> Array:
    """(count, width) integers as stored: indices, and the joints of a skin."""
    i = get_reference(doc.tree, "accessors", owner, name, where)
    _check_kind(doc, i, kind)
    if i not in doc.indices:
        doc.indices[i] = _read_accessor(doc, i, kind, INDEX_TYPES)
    return doc.indices[i]


def _check_kind(doc: Document, i: int, *kinds: str) -> str:
    kind = get_string(get_entry(doc.tree, "accessors", i), "type", f"accessors[{i}]")
    if kind not in kinds:
        raise UserError(f"accessors[{i}].type: must be {' or '.join(kinds)} here")
    return kind


def _read_accessor(doc: Document, i: int, kind: str, component_types: tuple[int, ...]) -> Array:
    """(count, width) numbers of an accessor as stored, with its sparse values (section 3.6.2)."""
    entry, where = get_entry(doc.tree, "accessors", i), f"accessors[{i}]"
    dtype, width = _get_dtype(entry, where, component_types), COMPONENT_COUNTS[kind]
    count = get_unsigned(entry, "count", where)
    if i in doc.decompressed and count != len(doc.decompressed[i]):
        doc.warn(where, "declares another count than its compressed data has, which is taken")
        count = len(doc.decompressed[i])
    if i in doc.decompressed:
        values = doc.decompressed[i]
        if values.shape[1] != width:
            present = f"its compressed data has {values.shape[1]} numbers for each element"
            raise UserError(f"{where}.type: {kind} declared, but {present}")
    elif "bufferView" in entry:
        values = _read_rows(doc, entry, where, dtype, width, count)
    elif count > MAX_EMPTY_ACCESSOR_COUNT:
        rule = f"must be at most {MAX_EMPTY_ACCESSOR_COUNT} without a bufferView"
        raise UserError(f"{where}.count: {rule}, not {count}")
    else:
        values = np.zeros((count, width), dtype)
    doc.count_numbers(count * width, f"{where}.count")
    sparse = get_object(entry, "sparse", where)
    return _apply_sparse(doc, values, sparse, f"{where}.sparse") if sparse else values


def _apply_sparse(doc: Document, values: Array, sparse: Json, where: str) -> Array:
    """A copy of `values` with the sparse values in their places."""
    count = get_unsigned(sparse, "count", where)
    if count > len(values):
        raise UserError(f"{where}.count: must be at most {len(values)}, not {count}")
    index_entry, value_entry = get_object(sparse, "indices", where), get_object(sparse, "values", where)
    index_dtype = _get_dtype(index_entry, f"{where}.indices", INDEX_TYPES)
    indices = _read_rows(doc, index_entry, f"{where}.indices", index_dtype, 1, count)[:, 0]
    if count and indices.max() >= len(values):
        raise UserError(f"{where}.indices: {indices.max()} of {len(values)} elements")
    result = values.copy()
    result[indices] = _read_rows(doc, value_entry, f"{where}.values", values.dtype, values.shape[1], count)
    return result


def _read_rows(doc: Document, entry: Json, where: str, dtype: np.dtype[Any], width: int, count: int) -> Array:
    """(count, width) values at the entry's bufferView and byteOffset; not a copy."""
    data, stride = read_buffer_view(doc, get_reference(doc.tree, "bufferViews", entry, "bufferView", where))
    start, element_bytes = get_unsigned(entry, "byteOffset", where, 0), dtype.itemsize * width
    if stride and stride < element_bytes:
        raise UserError(f"{where}: elements of {element_bytes} bytes in a bufferView with byteStride {stride}")
    stride = stride or element_bytes
    if not count:
        return np.empty((0, width), dtype)
    if start + stride * (count - 1) + element_bytes > len(data):
        raise UserError(f"{where}.count: {count} elements end beyond the bufferView of {len(data)} bytes")
    return np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))


def _get_dtype(entry: Json, where: str, component_types: tuple[int, ...]) -> np.dtype[Any]:
    code = get_unsigned(entry, "componentType", where)
    if code not in component_types:
        expected = ", ".join(map(str, component_types))
        raise UserError(f"{where}.componentType: must be one of {expected} here, not {code}")
    return np.dtype(COMPONENT_DTYPES[code])
