"""glTF 2.0 (.gltf, .glb) -> Scene, as the diffuse renderer needs it.

Read: the node hierarchy, buffers inside and beside the file, sparse, normalised and quantised accessors, strips and fans, base
colour, emission, one set of UVs for both with its transform baked in, the first perspective camera, the first directional light.
Not read: metalness (base colour is albedo), opacity, samplers (images repeat), vertex colours, skins, morph targets, animation.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html; section numbers below are its own.

Nothing in a file is believed: every number is checked against the data that stands behind it before anything is allocated.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
import struct
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.loading import file_bytes
from app.scene import Bytes, Floats, Ints, Material, Mesh, Scene, Sunlight
from app.settings import Problem, Vec3

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]
Json = dict[str, Any]

# What bounds memory and time, however small the file that asks for more.
MAX_FILE = 2**31  # bytes of one file
MAX_TEXT = 2**28  # bytes of JSON
MAX_TRIANGLES = 2**25  # of the scene with every instance counted; as many vertices
MAX_ELEMENTS = 2**28  # numbers in all accessors together
MAX_BLANK = 2**22  # vertices of an accessor that has no data, only sparse changes
MAX_SIDE = 2**14  # pixels of an image
MAX_PIXELS = 2**28  # of an image
MAX_ALL_PIXELS = 2**30  # of all images together
MAX_NUMBER = 1e30  # float32 ends at 3e38
MAX_WHOLE = 2**53  # beyond, JSON numbers are not exact

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit would refuse 16384 x 16384

READ = {
    "EXT_texture_webp",
    "KHR_lights_punctual",
    "KHR_materials_emissive_strength",
    "KHR_materials_unlit",  # base colour is what remains of it here
    "KHR_materials_variants",  # the default one is drawn
    "KHR_mesh_quantization",
    "KHR_texture_transform",
}
MESHOPT = "gltfpack -i in.glb -o out.glb -noq"
WAYS_OUT = {  # tried with gltfpack 1.3 and gltf-transform 4.5.1, whose copy decodes Draco and EXT_meshopt but not KHR_meshopt
    "EXT_meshopt_compression": MESHOPT,
    "KHR_meshopt_compression": MESHOPT,
    "KHR_draco_mesh_compression": "gltf-transform copy in.glb out.glb",
    "KHR_texture_basisu": "gltf-transform ktxdecompress in.glb out.glb (needs KTX-Software)",
}

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
INDICES = (5121, 5123, 5125)
ATTRIBUTES = (5120, 5121, 5122, 5123, 5126)
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}  # of what is read; the others occur in colours, tangents, skins
TRIANGLES, STRIP, FAN = 4, 5, 6


def load(path: Path) -> Scene:
    """The default scene of a .gltf or .glb file: metres, y up, linear colour, images as Material describes.

    A mesh for every material, split where some parts have normals or UVs and others do not. A mesh without UVs loses its images.

    Raises Problem("<file>: <element>: <rule>"), one line, for whatever is wrong with the file or is not read here.
    """
    try:
        with np.errstate(all="ignore"):  # overflow is looked for where it matters, and named
            return _scene(_document(path), path.stem)
    except Problem as problem:
        raise Problem(" ".join(f"{path}: {problem}".splitlines())) from None
    except MemoryError:
        raise Problem(f"{path}: file: needs more memory than there is") from None


# ---- the JSON tree, never trusted -----------------------------------------------------------------------------------------


def _shown(value: Any) -> str:
    """A value from the file in a message: short, on one line, whatever it holds."""
    text = ascii(value[:60] if isinstance(value, str) else value if isinstance(value, (int, float)) else type(value).__name__)
    return text if len(text) <= 64 else text[:60] + "..."


def _member(parent: Json, key: str, where: str, kind: type, rule: str) -> Any:
    value = parent.get(key)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise Problem(f"{_join(where, key)}: must be {rule}")
    return value


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _object(parent: Json, key: str, where: str) -> Json:
    """An object, {} where there is none."""
    found: Json | None = _member(parent, key, where, dict, "an object")
    return found or {}


def _list(parent: Json, key: str, where: str) -> list[Any]:
    """A list, [] where there is none."""
    found: list[Any] | None = _member(parent, key, where, list, "a list")
    return found or []


def _text(parent: Json, key: str, where: str, default: str = "") -> str:
    found: str | None = _member(parent, key, where, str, "text")
    return default if found is None else found


def _extension(parent: Json, name: str, where: str) -> Json | None:
    extensions = _object(parent, "extensions", where)
    return _object(extensions, name, _join(where, "extensions")) if name in extensions else None


def _whole(parent: Json, key: str, where: str, default: int | None = None) -> int:
    """A whole number from 0. Without a default it has to be there."""
    value = parent.get(key, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_WHOLE:
        raise Problem(f"{_join(where, key)}: must be a whole number from 0 to 2^53" + (f", not {_shown(value)}" if key in parent else "; it is missing"))
    return value


def _is_real(value: Any, lo: float, hi: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and lo <= value <= hi  # false for NaN too


def _number(parent: Json, key: str, where: str, default: float, lo: float = -MAX_NUMBER, hi: float = MAX_NUMBER) -> float:
    value = parent.get(key, default)
    if not _is_real(value, lo, hi):
        raise Problem(f"{_join(where, key)}: must be a number from {lo:g} to {hi:g}, not {_shown(value)}")
    return float(value)


def _numbers(parent: Json, key: str, where: str, default: tuple[float, ...], lo: float = -MAX_NUMBER, hi: float = MAX_NUMBER) -> tuple[float, ...]:
    """As many numbers as the default has."""
    values = parent.get(key, default)
    if not isinstance(values, (list, tuple)) or len(values) != len(default):
        raise Problem(f"{_join(where, key)}: must be {len(default)} numbers")
    for i, value in enumerate(values):
        if not _is_real(value, lo, hi):
            raise Problem(f"{_join(where, key)}[{i}]: must be a number from {lo:g} to {hi:g}, not {_shown(value)}")
    return tuple(map(float, values))


def _reference(owner: Json, kind: str, parent: Json, key: str, where: str) -> int:
    """Which entry of the list owner[kind] is meant by parent[key]."""
    i, present = _whole(parent, key, where), len(_list(owner, kind, ""))
    if i >= present:
        raise Problem(f"{_join(where, key)}: {kind}[{i}] does not exist, {present} present")
    return i


def _entry(owner: Json, kind: str, i: int) -> Json:
    entry = _list(owner, kind, "")[i]
    if not isinstance(entry, dict):
        raise Problem(f"{kind}[{i}]: must be an object")
    return entry


def _refusal(extension: str) -> str:
    """The rule for an extension that is not read, with the way out."""
    return f"{extension} is not read; convert the file: {WAYS_OUT[extension]}"


# ---- files, buffers, accessors --------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """Triangles of one primitive, in the mesh's own space or, once placed, in the world."""

    positions: Floats
    triangles: Ints
    normals: Floats | None
    uvs: Floats | None
    material: int | None  # the file's number for it


class Mapping(NamedTuple):
    """Which UVs an image wants: (u', v') = matrix @ (u, v, 1), matrix as two rows."""

    uv_set: int = 0
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]] = ((1, 0, 0), (0, 1, 0))


class Look(NamedTuple):
    """A material, the same without images for what has no UVs, and the UVs its images want."""

    material: Material
    plain: Material
    mappings: tuple[Mapping, ...]


class Camera(NamedTuple):
    """Where it stands, its own +z in the world (it looks along -z), and its vertical field of view in degrees."""

    eye: Doubles
    back: Doubles
    fov: float


@dataclass
class Document:
    """The JSON tree, the bytes it refers to, and what has been decoded so far: everything is decoded once."""

    folder: Path
    tree: Json
    chunk: bytes | None  # the binary part of a .glb
    files: dict[Path, bytes] = field(default_factory=dict)
    buffers: dict[int, memoryview] = field(default_factory=dict)
    floats: dict[int, Floats] = field(default_factory=dict)
    indices: dict[int, Array] = field(default_factory=dict)
    images: dict[int | str, Bytes] = field(default_factory=dict)
    looks: dict[int | None, Look] = field(default_factory=dict)
    meshes: dict[int, list[Part]] = field(default_factory=dict)
    elements: int = 0  # spent of MAX_ELEMENTS
    corners: int = 0  # spent of 3 MAX_TRIANGLES, every primitive counted once
    pixels: int = 0  # spent of MAX_ALL_PIXELS


def _document(path: Path) -> Document:
    """The file taken apart. Raises Problem for another format, version or extension than is read here."""
    text = raw = file_bytes(path, "file", MAX_FILE)
    chunk = None
    if raw[:4] == b"glTF":
        text, chunk = _chunks(raw)
    if len(text) > MAX_TEXT:
        raise Problem(f"file: must have at most {MAX_TEXT >> 20} MiB of JSON")
    try:
        tree = json.loads(text.rstrip(b"\0").decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Problem("file: must be JSON in UTF-8, or GLB") from None
    except json.JSONDecodeError as error:
        raise Problem(f"file: not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except ValueError:  # Python converts no numbers of more than 4300 digits
        raise Problem("file: not JSON: a number is too long") from None
    except RecursionError:
        raise Problem("file: not JSON: nested too deep") from None
    if not isinstance(tree, dict):
        raise Problem("file: must be a JSON object")
    version = _text(_object(tree, "asset", ""), "version", "asset", "missing")
    if not re.fullmatch(r"2\.\d+", version):
        raise Problem(f"asset.version: must be 2.x, not {_shown(version)}")
    _check_extensions(tree)
    return Document(path.parent, tree, chunk)


def _chunks(raw: bytes) -> tuple[bytes, bytes | None]:
    """JSON and binary chunk of a .glb (section 4.4)."""
    if len(raw) < 20:
        raise Problem("file: the GLB header is cut off")
    _, version, total = struct.unpack_from("<4sII", raw)
    if version != 2:
        raise Problem(f"file: GLB version must be 2, not {version}")
    if not 20 <= total <= len(raw):
        raise Problem(f"file: cut off, GLB length {total} but {len(raw)} bytes present")
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= total:
        size, kind = struct.unpack_from("<I4s", raw, at)
        if at + 8 + size > total:
            raise Problem(f"file: the GLB chunk at byte {at} is longer than the file")
        found.setdefault(kind, raw[at + 8 : at + 8 + size] if kind in (b"JSON", b"BIN\0") else b"")
        at += 8 + size
    if b"JSON" not in found:
        raise Problem("file: a GLB without a JSON chunk")
    return found[b"JSON"], found.get(b"BIN\0")


def _check_extensions(tree: Json) -> None:
    required = _list(tree, "extensionsRequired", "")
    unknown = [e for e in required if not isinstance(e, str) or e not in READ]
    for name in WAYS_OUT:
        if name in unknown:
            raise Problem(f"extensionsRequired: {_refusal(name)}")
    if unknown:
        raise Problem(f"extensionsRequired: {', '.join(_shown(e) for e in unknown[:4])} is not read; export the file without it")


def _resource(doc: Document, uri: str, where: str) -> bytes:
    """What a URI stands for: data, or a file in the folder of the glTF file or below."""
    if uri[:5].lower() == "data:":
        head, _, body = uri.partition(",")
        try:
            raw = unquote_to_bytes(body)
            return base64.b64decode(raw, validate=True) if head.lower().endswith(";base64") else raw
        except ValueError:
            raise Problem(f"{where}: must be base64") from None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", uri):
        raise Problem(f"{where}: must name a file beside this one, not the URL {_shown(uri)}")
    try:
        target = (doc.folder / unquote(uri, errors="strict")).resolve()
        inside = target.is_relative_to(doc.folder.resolve())
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a ring of links
        raise Problem(f"{where}: not a file name: {_shown(uri)}") from None
    if not inside:
        raise Problem(f"{where}: must stay in the folder of the glTF file, not {_shown(uri)}")
    if target not in doc.files:
        doc.files[target] = file_bytes(target, f"{where} {_shown(uri)}", MAX_FILE)
    return doc.files[target]


def _buffer(doc: Document, i: int) -> memoryview:
    if i not in doc.buffers:
        entry, where = _entry(doc.tree, "buffers", i), f"buffers[{i}]"
        length = _whole(entry, "byteLength", where)
        if "uri" in entry:
            data: bytes | None = _resource(doc, _text(entry, "uri", where), f"{where}.uri")
        else:
            data = doc.chunk if i == 0 else None
        if data is None:
            raise Problem(f"{where}: has no data")
        if length > len(data):
            raise Problem(f"{where}.byteLength: {length} declared, {len(data)} present")
        doc.buffers[i] = memoryview(data)[:length]
    return doc.buffers[i]


def _view(doc: Document, i: int) -> tuple[memoryview, int]:
    """The bytes of a buffer view and its stride, 0 where elements touch."""
    entry, where = _entry(doc.tree, "bufferViews", i), f"bufferViews[{i}]"
    number = _reference(doc.tree, "buffers", entry, "buffer", where)
    for name in ("EXT_meshopt_compression", "KHR_meshopt_compression"):  # uncompressed data beside it is optional
        if _extension(entry, name, where) is not None and "uri" not in _entry(doc.tree, "buffers", number) and (number or doc.chunk is None):
            raise Problem(f"{where}: {_refusal(name)}")
    data = _buffer(doc, number)
    start, length = _whole(entry, "byteOffset", where, 0), _whole(entry, "byteLength", where)
    if start + length > len(data):
        raise Problem(f"{where}: ends at byte {start + length} of a buffer of {len(data)}")
    return data[start : start + length], _whole(entry, "byteStride", where, 0)


def _rows(doc: Document, entry: Json, where: str, dtype: np.dtype[Any], width: int, count: int) -> Array:
    """(count, width) values where entry's bufferView and byteOffset point; not a copy."""
    data, stride = _view(doc, _reference(doc.tree, "bufferViews", entry, "bufferView", where))
    start, size = _whole(entry, "byteOffset", where, 0), dtype.itemsize * width
    if stride and stride < size:
        raise Problem(f"{where}: elements of {size} bytes in a bufferView with byteStride {stride}")
    stride = stride or size
    if not count:
        return np.empty((0, width), dtype)
    if start + stride * (count - 1) + size > len(data):
        raise Problem(f"{where}.count: {count} elements end beyond the bufferView of {len(data)} bytes")
    return np.ndarray((count, width), dtype, data, start, (stride, dtype.itemsize))


def _dtype(entry: Json, where: str, allowed: tuple[int, ...]) -> np.dtype[Any]:
    code = _whole(entry, "componentType", where)
    if code not in allowed:
        raise Problem(f"{where}.componentType: must be one of {', '.join(map(str, allowed))} here, not {code}")
    return np.dtype(COMPONENTS[code])


def _accessor(doc: Document, i: int, kind: str, allowed: tuple[int, ...]) -> Array:
    """(count, width) numbers of an accessor as stored, sparse changes made (section 3.6.2)."""
    entry, where = _entry(doc.tree, "accessors", i), f"accessors[{i}]"
    dtype, width, count = _dtype(entry, where, allowed), WIDTHS[kind], _whole(entry, "count", where)
    doc.elements += count * width
    if doc.elements > MAX_ELEMENTS:
        raise Problem(f"{where}.count: all accessors together must have at most {MAX_ELEMENTS} numbers")
    if "bufferView" in entry:
        values = _rows(doc, entry, where, dtype, width, count)
    elif count > MAX_BLANK:
        raise Problem(f"{where}.count: must be at most {MAX_BLANK} without a bufferView, not {count}")
    else:
        values = np.zeros((count, width), dtype)
    sparse = _object(entry, "sparse", where)
    return _changed(doc, values, sparse, f"{where}.sparse") if sparse else values


def _changed(doc: Document, values: Array, sparse: Json, where: str) -> Array:
    """A copy of `values` with the sparse ones put in their places."""
    count = _whole(sparse, "count", where)
    if count > len(values):
        raise Problem(f"{where}.count: must be at most {len(values)}, not {count}")
    places, changes = _object(sparse, "indices", where), _object(sparse, "values", where)
    place = _rows(doc, places, f"{where}.indices", _dtype(places, f"{where}.indices", INDICES), 1, count)[:, 0]
    if count and place.max() >= len(values):
        raise Problem(f"{where}.indices: {place.max()} of {len(values)} elements")
    changed = values.copy()
    changed[place] = _rows(doc, changes, f"{where}.values", values.dtype, values.shape[1], count)
    return changed


def _check_kind(doc: Document, i: int, kind: str) -> None:
    if _text(_entry(doc.tree, "accessors", i), "type", f"accessors[{i}]") != kind:
        raise Problem(f"accessors[{i}].type: must be {kind} here")


def _attribute(doc: Document, attributes: Json, name: str, kind: str, where: str) -> Floats:
    """A vertex attribute as float32; integers keep their value unless they are normalised (section 3.6.2.2)."""
    i = _reference(doc.tree, "accessors", attributes, name, f"{where}.attributes")
    _check_kind(doc, i, kind)
    if i not in doc.floats:
        values = _accessor(doc, i, kind, ATTRIBUTES)
        scale = np.float32(1)
        if _entry(doc.tree, "accessors", i).get("normalized") is True and values.dtype.kind != "f":
            scale = np.float32(np.iinfo(values.dtype).max)
        floats: Floats = np.ascontiguousarray(values, np.float32)
        doc.floats[i] = np.maximum(floats / scale, np.float32(-1)) if scale > 1 else floats
    return doc.floats[i]


def _index(doc: Document, primitive: Json, vertices: int, where: str) -> Ints:
    """(n,) indices of a primitive, each below `vertices`; without an accessor all in order."""
    index: Array | None = None
    if "indices" in primitive:
        i = _reference(doc.tree, "accessors", primitive, "indices", where)
        _check_kind(doc, i, "SCALAR")
        if i not in doc.indices:
            doc.indices[i] = _accessor(doc, i, "SCALAR", INDICES)[:, 0]
        index = doc.indices[i]
    doc.corners += vertices if index is None else len(index)
    if doc.corners > 3 * MAX_TRIANGLES:
        raise Problem(f"{where}: all primitives together must have at most {MAX_TRIANGLES} triangles")
    if index is None:
        return np.arange(vertices, dtype=np.int32)
    if index.size and index.max() >= vertices:
        raise Problem(f"{where}.indices: vertex {index.max()} of {vertices}")
    return index.astype(np.int32)


# ---- images and materials -------------------------------------------------------------------------------------------------


def _image(doc: Document, i: int) -> Bytes:
    """(h, w, 4) 8 bit, as stored (sRGB), row 0 on top."""
    entry, where = _entry(doc.tree, "images", i), f"images[{i}]"
    if "bufferView" in entry:
        key: int | str = _reference(doc.tree, "bufferViews", entry, "bufferView", where)
    elif "uri" in entry:
        key = _text(entry, "uri", where)
    else:
        raise Problem(f"{where}: must have a uri or a bufferView")
    if key not in doc.images:
        data = bytes(_view(doc, key)[0]) if isinstance(key, int) else _resource(doc, key, f"{where}.uri")
        doc.images[key] = _decoded(doc, data, where)
    return doc.images[key]


def _decoded(doc: Document, data: bytes, where: str) -> Bytes:
    if data[:4] == b"\xabKTX":
        raise Problem(f"{where}: {_refusal('KHR_texture_basisu')}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size, checked here, and of odd metadata
            with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
                _check_size(doc, image.width, image.height, where)
                if image.mode.startswith("I"):  # 16 bit grey, which Pillow would clip instead of scaling
                    grey = (np.asarray(image) >> 8).astype(np.uint8)
                    return np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)
                return np.array(image.convert("RGBA"))
    except (Problem, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise Problem(f"{where}: must be at most {MAX_SIDE} pixels a side") from None
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, struct.error, zlib.error and more
        raise Problem(f"{where}: not a whole PNG, JPEG or WebP image ({type(error).__name__})") from None


def _check_size(doc: Document, width: int, height: int, where: str) -> None:
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise Problem(f"{where}: must be at most {MAX_SIDE} pixels a side, not {width} x {height}")
    doc.pixels += width * height
    if doc.pixels > MAX_ALL_PIXELS:
        raise Problem(f"{where}: all images together must have at most {MAX_ALL_PIXELS} pixels")


def _texture(doc: Document, parent: Json, key: str, where: str) -> tuple[Bytes | None, Mapping]:
    """The image of a textureInfo and the UVs it wants; no image where there is no such texture."""
    if key not in parent:
        return None, Mapping()
    info, where = _object(parent, key, where), _join(where, key)
    i = _reference(doc.tree, "textures", info, "index", where)
    texture, name = _entry(doc.tree, "textures", i), f"textures[{i}]"
    webp = _extension(texture, "EXT_texture_webp", name)
    if "source" in texture:
        source = _reference(doc.tree, "images", texture, "source", name)
    elif webp is not None:
        source = _reference(doc.tree, "images", webp, "source", f"{name}.extensions.EXT_texture_webp")
    elif _extension(texture, "KHR_texture_basisu", name) is not None:
        raise Problem(f"{name}: {_refusal('KHR_texture_basisu')}")
    else:
        raise Problem(f"{name}.source: must name an image; it is missing")
    return _image(doc, source), _mapping(info, where)


def _mapping(info: Json, where: str) -> Mapping:
    uv_set = _whole(info, "texCoord", where, 0)
    transform = _extension(info, "KHR_texture_transform", where)
    if transform is None:
        return Mapping(uv_set)
    where += ".extensions.KHR_texture_transform"
    (tx, ty), (sx, sy) = _numbers(transform, "offset", where, (0, 0)), _numbers(transform, "scale", where, (1, 1))
    angle = _number(transform, "rotation", where, 0)
    c, s = math.cos(angle), math.sin(angle)
    # v points down: [[c, s], [-s, c]] turns counter-clockwise as seen. The extension's own listing has the other sign, no viewer
    # follows it (KhronosGroup/glTF issue 1563).
    return Mapping(_whole(transform, "texCoord", where, uv_set), ((c * sx, s * sy, tx), (-s * sx, c * sy, ty)))


def _triple(values: tuple[float, ...]) -> Vec3:
    return values[0], values[1], values[2]


def _look(doc: Document, i: int | None) -> Look:
    """A material of the file. Without one, white, as in section 3.9.6."""
    if i not in doc.looks:
        doc.looks[i] = Look(Material((1, 1, 1)), Material((1, 1, 1)), ()) if i is None else _read_look(doc, i)
    return doc.looks[i]


def _read_look(doc: Document, i: int) -> Look:
    entry, where = _entry(doc.tree, "materials", i), f"materials[{i}]"
    surface, inside = _object(entry, "pbrMetallicRoughness", where), f"{where}.pbrMetallicRoughness"
    albedo = _triple(_numbers(surface, "baseColorFactor", inside, (1, 1, 1, 1), 0, 1))
    strength = _extension(entry, "KHR_materials_emissive_strength", where) or {}
    gain = _number(strength, "emissiveStrength", f"{where}.extensions.KHR_materials_emissive_strength", 1, 0)
    emission = _triple(tuple(min(gain * c, MAX_NUMBER) for c in _numbers(entry, "emissiveFactor", where, (0, 0, 0), 0)))
    name = _text(entry, "name", where).encode("utf-8", "replace").decode()
    plain = Material(albedo, emission, name=name)
    albedo_image, albedo_mapping = _texture(doc, surface, "baseColorTexture", inside)
    emission_image, emission_mapping = _texture(doc, entry if any(emission) else {}, "emissiveTexture", where)  # black times an image
    if albedo_image is None and emission_image is None:
        return Look(plain, plain, ())
    mappings = tuple(m for m, image in ((albedo_mapping, albedo_image), (emission_mapping, emission_image)) if image is not None)
    return Look(replace(plain, albedo_image=albedo_image, emission_image=emission_image), plain, tuple(dict.fromkeys(mappings)))


# ---- geometry -------------------------------------------------------------------------------------------------------------


def _parts(doc: Document, i: int) -> list[Part]:
    """The triangles of a mesh in its own space."""
    if i not in doc.meshes:
        primitives = _list(_entry(doc.tree, "meshes", i), "primitives", f"meshes[{i}]")
        parts = (_part(doc, p, f"meshes[{i}].primitives[{k}]") for k, p in enumerate(primitives))
        doc.meshes[i] = [part for part in parts if part is not None and len(part.triangles)]
    return doc.meshes[i]


def _part(doc: Document, primitive: Any, where: str) -> Part | None:
    """One primitive; None for points, lines and what has no positions."""
    if not isinstance(primitive, dict):
        raise Problem(f"{where}: must be an object")
    mode = _whole(primitive, "mode", where, TRIANGLES)
    if mode > FAN:
        raise Problem(f"{where}.mode: must be 0 to {FAN}, not {mode}")
    attributes = _object(primitive, "attributes", where)
    if mode < TRIANGLES or "POSITION" not in attributes:
        return None
    _check_draco(doc, primitive, attributes, where)
    material = _reference(doc.tree, "materials", primitive, "material", where) if "material" in primitive else None
    positions = _attribute(doc, attributes, "POSITION", "VEC3", where)
    triangles = _triangles(_index(doc, primitive, len(positions), where), mode, where)
    normals = _attribute(doc, attributes, "NORMAL", "VEC3", where) if "NORMAL" in attributes else None
    uvs = _uv_sets(doc, attributes, _look(doc, material).mappings, where)
    for name, values in (("NORMAL", normals), *((f"TEXCOORD_{n}", uv) for n, uv in uvs.items())):
        if values is not None and len(values) != len(positions):
            raise Problem(f"{where}.attributes.{name}: {len(values)} of them for {len(positions)} positions")
    if triangles.size < len(positions):  # primitives that share one big accessor take only their part of it
        used, triangles = _compact(triangles)
        positions, normals = positions[used], None if normals is None else normals[used]
        uvs = {n: uv[used] for n, uv in uvs.items()}
    part = Part(positions, triangles, normals, _mapped(uvs, _look(doc, material).mappings, where, material), material)
    for name, values in (("POSITION", positions), ("NORMAL", normals), ("TEXCOORD", part.uvs)):
        if values is not None and not np.isfinite(values).all():
            raise Problem(f"{where}.attributes.{name}: must be finite numbers")
    return part


def _check_draco(doc: Document, primitive: Json, attributes: Json, where: str) -> None:
    """Draco is refused where no uncompressed data stands beside it."""
    if _extension(primitive, "KHR_draco_mesh_compression", where) is not None:
        i = _reference(doc.tree, "accessors", attributes, "POSITION", f"{where}.attributes")
        if "bufferView" not in _entry(doc.tree, "accessors", i):
            raise Problem(f"{where}: {_refusal('KHR_draco_mesh_compression')}")


def _triangles(index: Ints, mode: int, where: str) -> Ints:
    """(m, 3) corners in the order of section 3.7.2.1: the same side is outside in all three modes."""
    if mode == TRIANGLES:
        if len(index) % 3:
            raise Problem(f"{where}: triangles need a multiple of 3 corners, not {len(index)}")
        return index.reshape(-1, 3)
    if len(index) < 3:
        return np.empty((0, 3), np.int32)
    first = np.broadcast_to(index[0], len(index) - 2) if mode == FAN else index[:-2]
    triangles = np.stack([first, index[1:-1], index[2:]], 1)
    if mode == STRIP:
        triangles[1::2] = triangles[1::2, [1, 0, 2]]
    a, b, c = triangles.T
    whole: Ints = triangles[(a != b) & (b != c) & (c != a)]  # strips are joined by triangles without area
    return whole


def _compact(triangles: Ints) -> tuple[Ints, Ints]:
    """The vertices in use, and the triangles in their numbers."""
    used, corners = np.unique(triangles, return_inverse=True)
    return used, corners.reshape(-1, 3).astype(np.int32)


def _uv_sets(doc: Document, attributes: Json, mappings: tuple[Mapping, ...], where: str) -> dict[int, Floats]:
    """The UV sets that images want, or set 0 for none; empty where one of them is missing."""
    wanted = {m.uv_set for m in mappings} or {0}
    if any(f"TEXCOORD_{n}" not in attributes for n in wanted):
        return {}
    return {n: _attribute(doc, attributes, f"TEXCOORD_{n}", "VEC2", where) for n in wanted}


def _mapped(uvs: dict[int, Floats], mappings: tuple[Mapping, ...], where: str, material: int | None) -> Floats | None:
    """The UVs with the transform in them, None where there are none. All images must agree: a mesh has one set."""
    if not uvs:
        return None
    found = []
    for m in mappings or (Mapping(),):
        matrix = np.array(m.matrix)
        found.append(uvs[m.uv_set] if m == Mapping(m.uv_set) else (uvs[m.uv_set] @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32))
    if any(not np.allclose(found[0], other, rtol=0, atol=1e-5, equal_nan=True) for other in found[1:]):
        raise Problem(f"{where}: base colour and emission image of materials[{material}] must have the same UVs; bake them into one set")
    return found[0]


def _placed(part: Part, world: Doubles, where: str) -> Part:
    """The part in the world. A mirror turns the triangles round, so that outside stays outside (section 3.5.3)."""
    linear = world[:3, :3]
    positions = (_times(part.positions, linear) + world[:3, 3]).astype(np.float32)
    if not np.isfinite(positions).all():
        raise Problem(f"{where}: moves vertices beyond what float32 holds")
    mirrored = _mirrors(linear)
    triangles = part.triangles[:, [0, 2, 1]] if mirrored else part.triangles
    if part.normals is None:
        return part._replace(positions=positions, triangles=triangles)
    normals = _times(part.normals, _cofactors(linear)) * (-1 if mirrored else 1)
    return part._replace(positions=positions, triangles=triangles, normals=_unit(normals, positions, triangles))


def _times(rows: Floats, m: Doubles) -> Doubles:
    """rows @ m.T for 3x3, in a fifth of the time that takes."""
    product: Doubles = rows[:, :1] * m[:, 0] + rows[:, 1:2] * m[:, 1] + rows[:, 2:] * m[:, 2]
    return product


def _mirrors(m: Doubles) -> bool:
    """Whether the determinant is negative; scaled first, so that it neither vanishes nor overflows."""
    (a, b, c), (d, e, f), (g, h, i) = (m / (np.abs(m).max() or 1)).tolist()
    negative: bool = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0
    return negative


def _cofactors(m: Doubles) -> Doubles:
    """The inverse transpose times the determinant: right for normals even where a scale is 0 and no inverse exists."""
    a, b, c = (m / (np.abs(m).max() or 1)).T
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], 1)


def _unit(normals: Doubles, positions: Floats, triangles: Ints) -> Floats:
    """Unit length. Where a normal has no length, as exporters write for slivers, the mean of the faces around, else up."""
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    lost = length[:, 0] < 1e-60  # not merely short: a thin scale makes cofactors of 1e-14
    if lost.any():
        a, b, c = (positions[triangles[:, k]].astype(np.float64) for k in range(3))
        around = np.zeros_like(normals)
        for k in range(3):
            np.add.at(around, triangles[:, k], np.cross(b - a, c - a))
        size = np.linalg.norm(around, axis=1, keepdims=True)
        around = np.where(size > 0, around / size, (0.0, 1.0, 0.0))
        normals, length = np.where(lost[:, None], around, normals), np.where(lost[:, None], 1, length)
    unit: Floats = (normals / length).astype(np.float32)
    return unit


def _joined(parts: list[Part], material: Material) -> Mesh:
    """One mesh of parts that agree in what they have."""
    starts = np.cumsum([0, *(len(p.positions) for p in parts[:-1])])
    triangles = np.concatenate([p.triangles + np.int32(start) for p, start in zip(parts, starts, strict=True)])
    normals = [p.normals for p in parts if p.normals is not None]
    uvs = [p.uvs for p in parts if p.uvs is not None]
    return Mesh(
        np.concatenate([p.positions for p in parts]),
        triangles,
        material,
        np.concatenate(normals) if normals else None,
        np.concatenate(uvs) if uvs else None,
    )


# ---- the scene ------------------------------------------------------------------------------------------------------------


def _scene(doc: Document, name: str) -> Scene:
    groups: dict[tuple[int | None, bool, bool], list[Part]] = defaultdict(list)
    vertices = triangles = 0
    camera: Camera | None = None
    sun: Sunlight | None = None
    for i, node, world in _nodes(doc):
        where = f"nodes[{i}]"
        camera = camera or _camera(doc, node, world, where)
        sun = sun or _sun(doc, node, world, where)
        for part in _parts(doc, _reference(doc.tree, "meshes", node, "mesh", where)) if "mesh" in node else ():
            vertices, triangles = vertices + len(part.positions), triangles + len(part.triangles)
            if max(vertices, triangles) > MAX_TRIANGLES:
                raise Problem(f"{where}: all instances together must have at most {MAX_TRIANGLES} triangles and vertices")
            groups[part.material, part.normals is None, part.uvs is None].append(_placed(part, world, where))
    if not groups:
        raise Problem("file: has no triangles")
    meshes = []
    for (material, _, flat), parts in groups.items():
        look = _look(doc, material)
        meshes.append(_joined(parts, look.plain if flat else look.material))
        parts.clear()
    scene = Scene(tuple(meshes), sun=sun or Sunlight(), name=name)
    return scene if camera is None else _seen(scene, camera)


def _nodes(doc: Document) -> Iterator[tuple[int, Json, Doubles]]:
    """Number, node and world_from_node of everything in the scene, in the file's order. No recursion: depth has no limit."""
    stack = [(i, np.eye(4)) for i in reversed(_roots(doc))]
    seen = set()
    while stack:
        i, parent = stack.pop()
        if i in seen:
            raise Problem(f"nodes[{i}]: must have one parent and be in no cycle")
        seen.add(i)
        node, where = _entry(doc.tree, "nodes", i), f"nodes[{i}]"
        world, local = parent, _local(node, where)
        if local is not None:
            world = parent @ local
            if not np.isfinite(world).all():
                raise Problem(f"{where}: the transform must be finite")
        yield i, node, world
        stack += [(child, world) for child in reversed(_node_list(doc, node, "children", where))]


def _roots(doc: Document) -> list[int]:
    """Where the default scene begins. Without scenes: every node that is nobody's child."""
    if _list(doc.tree, "scenes", ""):
        i = _reference(doc.tree, "scenes", doc.tree if "scene" in doc.tree else {"scene": 0}, "scene", "")
        return _node_list(doc, _entry(doc.tree, "scenes", i), "nodes", f"scenes[{i}]")
    count = len(_list(doc.tree, "nodes", ""))
    children = {c for i in range(count) for c in _node_list(doc, _entry(doc.tree, "nodes", i), "children", f"nodes[{i}]")}
    if count and len(children) == count:
        raise Problem("nodes: every one is another's child, which is a cycle")
    return [i for i in range(count) if i not in children]


def _node_list(doc: Document, parent: Json, key: str, where: str) -> list[int]:
    return [_reference(doc.tree, "nodes", {key: i}, key, where) for i in _list(parent, key, where)]


def _local(node: Json, where: str) -> Doubles | None:
    """parent_from_node, 4x4; None where nothing moves."""
    if "matrix" in node:
        matrix = np.array(_numbers(node, "matrix", where, (0.0,) * 16)).reshape(4, 4).T  # stored by columns
        if not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise Problem(f"{where}.matrix: must have 0, 0, 0, 1 as its last row")
        return matrix
    if not {"translation", "rotation", "scale"} & node.keys():
        return None
    x, y, z, w = _numbers(node, "rotation", where, (0, 0, 0, 1), -2, 2)
    size = math.hypot(x, y, z, w)
    if size < 1e-3:
        raise Problem(f"{where}.rotation: must be a quaternion of length 1")
    x, y, z, w = x / size, y / size, z / size, w / size
    m = np.eye(4)
    m[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    m[:3, :3] *= _numbers(node, "scale", where, (1, 1, 1))
    m[:3, 3] = _numbers(node, "translation", where, (0, 0, 0))
    return m


def _back(world: Doubles, where: str) -> Doubles:
    """The node's +z in the world, unit length: cameras look and lights shine along -z."""
    back = world[:3, 2]
    length = np.linalg.norm(back)
    if not 0 < length < math.inf:
        raise Problem(f"{where}: a camera or light must not be scaled to nothing")
    unit: Doubles = back / length
    return unit


def _camera(doc: Document, node: Json, world: Doubles, where: str) -> Camera | None:
    """A perspective camera, None for anything else."""
    if "camera" not in node:
        return None
    i = _reference(doc.tree, "cameras", node, "camera", where)
    entry = _entry(doc.tree, "cameras", i)
    if _text(entry, "type", f"cameras[{i}]") != "perspective":
        return None
    angle = _number(_object(entry, "perspective", f"cameras[{i}]"), "yfov", f"cameras[{i}].perspective", 0)
    if not 0 < angle < math.pi:
        raise Problem(f"cameras[{i}].perspective.yfov: must be above 0 and below pi")
    return Camera(world[:3, 3], _back(world, where), math.degrees(angle))


def _sun(doc: Document, node: Json, world: Doubles, where: str) -> Sunlight | None:
    """A directional light of KHR_lights_punctual, None for anything else. Lux are taken as they are, colour is linear."""
    light = _extension(node, "KHR_lights_punctual", where)
    if light is None:
        return None
    owner = _extension(doc.tree, "KHR_lights_punctual", "") or {}
    i = _reference(owner, "lights", light, "light", f"{where}.extensions.KHR_lights_punctual")
    entry, name = _entry(owner, "lights", i), f"lights[{i}]"
    if _text(entry, "type", name) != "directional":
        return None
    x, y, z = (float(v) for v in _back(world, where))
    irradiance, color = _number(entry, "intensity", name, 1, 0), _triple(_numbers(entry, "color", name, (1, 1, 1), 0))
    return Sunlight(math.degrees(math.atan2(x, -z)) % 360, math.degrees(math.atan2(y, math.hypot(x, z))), irradiance, color)


def _seen(scene: Scene, camera: Camera) -> Scene:
    """The scene from a camera. The target lies ahead, as far away as the middle of everything."""
    middle = np.mean(scene.bounds, 0, dtype=np.float64)
    target = camera.eye - camera.back * (np.linalg.norm(middle - camera.eye) or scene.size)
    return replace(scene, eye=_triple(tuple(camera.eye.tolist())), target=_triple(tuple(target.tolist())), fov=camera.fov)
