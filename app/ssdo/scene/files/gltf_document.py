"""A glTF 2.0 file taken apart: its JSON tree and, decoded on demand and once, the buffers and accessors that the tree
refers to.

Every length is checked against the data that stands behind it before anything is allocated. An extension that cannot be
ignored is refused by name, with the way out. What the content means is for the modules that import this one. Section
numbers are those of the specification.
"""

from __future__ import annotations

import base64
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import numpy.typing as npt

from ssdo.scene.files import beside, check_no_url, file_bytes
from ssdo.scene.files.json_tree import (
    Json,
    get_entry,
    get_extension,
    get_list,
    get_object,
    get_reference,
    get_text,
    get_whole,
    shown,
)
from ssdo.scene.model import Floats
from ssdo.settings import UserError

Array = npt.NDArray[Any]

# What bounds memory and time, however small the file that asks for more.
MAX_FILE = 2**31  # bytes of one file
MAX_TEXT = 2**28  # bytes of JSON
MAX_ELEMENTS = 2**28  # numbers in all accessors together
MAX_BLANK = 2**22  # vertices of an accessor that has no data, only sparse changes
MAX_NOTES = 40  # kinds of oddities that are told

READ = {
    "EXT_mesh_gpu_instancing",
    "EXT_texture_webp",
    "KHR_draco_mesh_compression",
    "KHR_lights_punctual",
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_specular",
    "KHR_materials_unlit",
    "KHR_materials_variants",  # the default one is drawn
    "KHR_mesh_quantization",
    "KHR_texture_transform",
}
# not read, and nothing looks otherwise for it
SILENT = {"KHR_animation_pointer", "KHR_xmp", "KHR_xmp_json_ld", "EXT_texture_avif"}
MESHOPT = "gltfpack -i in.glb -o out.glb -noq"
# tried with gltfpack 1.3 and gltf-transform 4.5.1, whose copy decodes Draco and EXT_meshopt but not KHR_meshopt
WAYS_OUT = {
    "EXT_meshopt_compression": MESHOPT,
    "KHR_meshopt_compression": MESHOPT,
    "KHR_draco_mesh_compression": "gltf-transform copy in.glb out.glb, or: pip install DracoPy",
    "KHR_texture_basisu": "gltf-transform ktxdecompress in.glb out.glb (needs KTX-Software)",
}

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
INDICES = (5121, 5123, 5125)  # and joints
ATTRIBUTES = (5120, 5121, 5122, 5123, 5126)
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}  # of what is read


@dataclass
class Document:
    """The JSON tree, the bytes it refers to, and what has been decoded so far: everything is decoded once."""

    folder: Path
    tree: Json
    chunk: memoryview | None  # the binary part of a .glb
    files: dict[Path, bytes] = field(default_factory=dict)
    buffers: dict[int, memoryview] = field(default_factory=dict)
    floats: dict[int, Floats] = field(default_factory=dict)
    indices: dict[int, Array] = field(default_factory=dict)
    unpacked: dict[int, Array] = field(default_factory=dict)  # accessors whose values were compressed
    elements: int = 0  # spent of MAX_ELEMENTS
    oddities: dict[str, list[str]] = field(default_factory=dict)  # what is odd, and where

    def spend(self, numbers: int, where: str) -> None:
        """Counts what is read. Raises UserError where that is one too many."""
        self.elements += numbers
        if self.elements > MAX_ELEMENTS:
            raise UserError(f"{where}: all accessors together must have at most {MAX_ELEMENTS} numbers")

    def note(self, where: str, what: str) -> None:
        """Something that is merely odd: the file loads, and the scene tells."""
        places = self.oddities.setdefault(what, [])
        if where not in places[-1:]:
            places.append(where)

    def notes(self) -> tuple[str, ...]:
        """A line for every kind of oddity, with the first place and the number of the others."""
        lines = [
            f"{places[0]}: {what}" + (f" ({len(places) - 1} more)" if places[1:] else "")
            for what, places in self.oddities.items()
        ]
        more = len(lines) - MAX_NOTES
        return (*lines[:MAX_NOTES], f"file: {more} more notes") if more > 0 else tuple(lines)


def open_document(path: Path) -> Document:
    """The file taken apart. Raises UserError for another format, version or extension than is read here."""
    text = raw = file_bytes(path, "file", MAX_FILE)
    chunk: memoryview | None = None
    if raw[:4] == b"glTF":
        text, chunk = _chunks(raw)
    if len(text) > MAX_TEXT:
        raise UserError(f"file: must have at most {MAX_TEXT >> 20} MiB of JSON")
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
    version = get_text(get_object(tree, "asset", ""), "version", "asset", "missing")
    if not re.fullmatch(r"2\.\d+", version):
        raise UserError(f"asset.version: must be 2.x, not {shown(version)}")
    _check_extensions(tree)
    return Document(path.parent, tree, chunk)


def _chunks(raw: bytes) -> tuple[bytes, memoryview | None]:
    """JSON and binary chunk of a .glb (section 4.4); the latter is no copy."""
    if len(raw) < 20:
        raise UserError("file: the GLB header is cut off")
    _, version, total = struct.unpack_from("<4sII", raw)
    if version != 2:
        raise UserError(f"file: GLB version must be 2, not {version}")
    if not 20 <= total <= len(raw):
        raise UserError(f"file: cut off, GLB length {total} but {len(raw)} bytes present")
    found: dict[bytes, memoryview] = {}
    whole = memoryview(raw)
    at = 12
    while at + 8 <= total:
        size, kind = struct.unpack_from("<I4s", raw, at)
        if at + 8 + size > total:
            raise UserError(f"file: the GLB chunk at byte {at} is longer than the file")
        found.setdefault(kind, whole[at + 8 : at + 8 + size])
        at += 8 + size
    if b"JSON" not in found:
        raise UserError("file: a GLB without a JSON chunk")
    return bytes(found[b"JSON"]), found.get(b"BIN\0")


def _check_extensions(tree: Json) -> None:
    required = get_list(tree, "extensionsRequired", "")
    unknown = [e for e in required if not isinstance(e, str) or e not in READ]
    for name in WAYS_OUT:
        if name in unknown:
            raise UserError(f"extensionsRequired: {refusal(name)}")
    if unknown:
        raise UserError(
            f"extensionsRequired: {', '.join(shown(e) for e in unknown[:4])} is not read; export the file without it"
        )


def refusal(extension: str) -> str:
    """The rule for an extension that is not read, with the way out."""
    return f"{extension} is not read; convert the file: {WAYS_OUT[extension]}"


# ---- files, buffers, accessors --------------------------------------------------------------------------------------------


def read_resource(doc: Document, uri: str, where: str) -> bytes:
    """What a URI stands for: data, or a file in the folder of the glTF file or below."""
    if uri[:5].lower() == "data:":
        head, _, body = uri.partition(",")
        try:
            raw = unquote_to_bytes(body)
            return base64.b64decode(raw, validate=True) if head.lower().endswith(";base64") else raw
        except ValueError:
            raise UserError(f"{where}: must be base64") from None
    check_no_url(uri, where)
    try:
        target = beside(doc.folder, unquote(uri, errors="strict"), where)
    except UnicodeDecodeError:
        raise UserError(f"{where}: not a file name: {shown(uri)}") from None
    if target not in doc.files:
        doc.files[target] = file_bytes(target, f"{where} {shown(uri)}", MAX_FILE)
    return doc.files[target]


def _buffer(doc: Document, i: int) -> memoryview:
    if i not in doc.buffers:
        entry, where = get_entry(doc.tree, "buffers", i), f"buffers[{i}]"
        length = get_whole(entry, "byteLength", where)
        if "uri" in entry:
            data: bytes | memoryview | None = read_resource(doc, get_text(entry, "uri", where), f"{where}.uri")
        else:
            data = doc.chunk if i == 0 else None
        if data is None:
            raise UserError(f"{where}: has no data")
        if length > len(data):
            raise UserError(f"{where}.byteLength: {length} declared, {len(data)} present")
        doc.buffers[i] = memoryview(data)[:length]
    return doc.buffers[i]


def read_view(doc: Document, i: int) -> tuple[memoryview, int]:
    """The bytes of a buffer view and its stride, 0 where elements touch."""
    entry, where = get_entry(doc.tree, "bufferViews", i), f"bufferViews[{i}]"
    number = get_reference(doc.tree, "buffers", entry, "buffer", where)
    for name in ("EXT_meshopt_compression", "KHR_meshopt_compression"):  # uncompressed data beside it is optional
        if (
            get_extension(entry, name, where) is not None
            and "uri" not in get_entry(doc.tree, "buffers", number)
            and (number or doc.chunk is None)
        ):
            raise UserError(f"{where}: {refusal(name)}")
    data = _buffer(doc, number)
    start, length = get_whole(entry, "byteOffset", where, 0), get_whole(entry, "byteLength", where)
    if start + length > len(data):
        raise UserError(f"{where}: ends at byte {start + length} of a buffer of {len(data)}")
    return data[start : start + length], get_whole(entry, "byteStride", where, 0)


def _rows(doc: Document, entry: Json, where: str, dtype: np.dtype[Any], width: int, count: int) -> Array:
    """(count, width) values where entry's bufferView and byteOffset point; not a copy."""
    data, stride = read_view(doc, get_reference(doc.tree, "bufferViews", entry, "bufferView", where))
    start, size = get_whole(entry, "byteOffset", where, 0), dtype.itemsize * width
    if stride and stride < size:
        raise UserError(f"{where}: elements of {size} bytes in a bufferView with byteStride {stride}")
    stride = stride or size
    if not count:
        return np.empty((0, width), dtype)
    if start + stride * (count - 1) + size > len(data):
        raise UserError(f"{where}.count: {count} elements end beyond the bufferView of {len(data)} bytes")
    return np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))


def _dtype(entry: Json, where: str, allowed: tuple[int, ...]) -> np.dtype[Any]:
    code = get_whole(entry, "componentType", where)
    if code not in allowed:
        raise UserError(f"{where}.componentType: must be one of {', '.join(map(str, allowed))} here, not {code}")
    return np.dtype(COMPONENTS[code])


def _accessor(doc: Document, i: int, kind: str, allowed: tuple[int, ...]) -> Array:
    """(count, width) numbers of an accessor as stored, sparse changes made (section 3.6.2)."""
    entry, where = get_entry(doc.tree, "accessors", i), f"accessors[{i}]"
    dtype, width, count = _dtype(entry, where, allowed), WIDTHS[kind], get_whole(entry, "count", where)
    if i in doc.unpacked and count != len(doc.unpacked[i]):
        doc.note(where, "declares another count than its compressed data has, which is taken")
        count = len(doc.unpacked[i])
    doc.spend(count * width, f"{where}.count")
    if i in doc.unpacked:
        values = doc.unpacked[i]
        if values.shape[1] != width:
            raise UserError(
                f"{where}.type: {kind} declared, but its compressed data has {values.shape[1]} numbers for each element"
            )
    elif "bufferView" in entry:
        values = _rows(doc, entry, where, dtype, width, count)
    elif count > MAX_BLANK:
        raise UserError(f"{where}.count: must be at most {MAX_BLANK} without a bufferView, not {count}")
    else:
        values = np.zeros((count, width), dtype)
    sparse = get_object(entry, "sparse", where)
    return _changed(doc, values, sparse, f"{where}.sparse") if sparse else values


def _changed(doc: Document, values: Array, sparse: Json, where: str) -> Array:
    """A copy of `values` with the sparse ones put in their places."""
    count = get_whole(sparse, "count", where)
    if count > len(values):
        raise UserError(f"{where}.count: must be at most {len(values)}, not {count}")
    places, changes = get_object(sparse, "indices", where), get_object(sparse, "values", where)
    place = _rows(doc, places, f"{where}.indices", _dtype(places, f"{where}.indices", INDICES), 1, count)[:, 0]
    if count and place.max() >= len(values):
        raise UserError(f"{where}.indices: {place.max()} of {len(values)} elements")
    changed = values.copy()
    changed[place] = _rows(doc, changes, f"{where}.values", values.dtype, values.shape[1], count)
    return changed


def _check_kind(doc: Document, i: int, *kinds: str) -> str:
    kind = get_text(get_entry(doc.tree, "accessors", i), "type", f"accessors[{i}]")
    if kind not in kinds:
        raise UserError(f"accessors[{i}].type: must be {' or '.join(kinds)} here")
    return kind


def read_attribute(
    doc: Document, attributes: Json, name: str, where: str, *kinds: str, fractions: bool = False
) -> Floats:
    """(count, width) float32 of an accessor that attributes[name] means, its type one of `kinds`.

    Integers keep their value unless they are normalised (section 3.6.2.2), or `fractions`, as colours are, which mean
    nothing else.
    """
    i = get_reference(doc.tree, "accessors", attributes, name, where)
    kind = _check_kind(doc, i, *kinds)
    if i not in doc.floats:
        values = _accessor(doc, i, kind, ATTRIBUTES)
        scale = np.float32(1)
        if values.dtype.kind != "f" and (fractions or get_entry(doc.tree, "accessors", i).get("normalized") is True):
            scale = np.float32(np.iinfo(values.dtype).max)
        floats: Floats = np.ascontiguousarray(values, np.float32)
        doc.floats[i] = np.maximum(floats / scale, np.float32(-1)) if scale > 1 else floats
    return doc.floats[i]


def read_integers(doc: Document, owner: Json, name: str, where: str, kind: str = "SCALAR") -> Array:
    """(count, width) whole numbers as stored: indices, and the joints of a skin."""
    i = get_reference(doc.tree, "accessors", owner, name, where)
    _check_kind(doc, i, kind)
    if i not in doc.indices:
        doc.indices[i] = _accessor(doc, i, kind, INDICES)
    return doc.indices[i]
