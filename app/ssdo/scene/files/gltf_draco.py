"""KHR_draco_mesh_compression, through DracoPy where it is installed (`pip install 'ssdo[draco]'`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssdo.scene.files.gltf_document import COMPONENTS, Document, read_view, refusal
from ssdo.scene.files.json_tree import Json, get_entry, get_object, get_reference, get_whole
from ssdo.settings import UserError

NAME = "KHR_draco_mesh_compression"
MAX_CORNERS = 2**27  # of one compressed primitive, by what its accessors promise


def unpack(doc: Document, primitive: Json, packed: Json, where: str) -> None:
    """Puts the values of a compressed primitive where its accessors are looked up.

    Raises UserError where DracoPy is missing, for data that is not whole, and where it does not fit what the accessors
    promise.
    """
    try:
        import DracoPy
    except ImportError:
        raise UserError(f"{where}: {refusal(NAME)}") from None
    inside = f"{where}.extensions.{NAME}"
    data = bytes(read_view(doc, get_reference(doc.tree, "bufferViews", packed, "bufferView", inside))[0])
    attributes, ids = get_object(primitive, "attributes", where), get_object(packed, "attributes", inside)
    wanted = {
        name: get_reference(doc.tree, "accessors", attributes, name, f"{where}.attributes")
        for name in ids
        if name in attributes
    }
    faces = get_reference(doc.tree, "accessors", primitive, "indices", where)
    for i in (*wanted.values(), faces):
        count = get_whole(get_entry(doc.tree, "accessors", i), "count", f"accessors[{i}]")
        if count > MAX_CORNERS:
            raise UserError(f"accessors[{i}].count: must be at most {MAX_CORNERS} in compressed data, not {count}")
    try:
        mesh = DracoPy.decode(data)
        triangles = np.asarray(mesh.faces)
    except MemoryError:
        raise
    except Exception as error:  # what DracoPy raises is not documented
        raise UserError(f"{inside}: not a whole Draco mesh ({type(error).__name__})") from None
    _put(doc, faces, triangles.reshape(-1, 1))
    found = {a["unique_id"]: a["data"] for a in mesh.attributes}
    for name, i in wanted.items():
        number = get_whole(ids, name, f"{inside}.attributes")
        if number not in found:
            raise UserError(f"{inside}.attributes.{name}: there is no attribute {number} in the compressed data")
        values = np.asarray(found[number])
        _put(doc, i, values.reshape(len(values), -1))


def _put(doc: Document, i: int, values: Any) -> None:
    """Stored as the accessor says, so that it reads like one that was never compressed."""
    code = get_whole(get_entry(doc.tree, "accessors", i), "componentType", f"accessors[{i}]")
    if code not in COMPONENTS:
        raise UserError(f"accessors[{i}].componentType: must be one of {', '.join(map(str, COMPONENTS))}, not {code}")
    doc.unpacked[i] = values.astype(COMPONENTS[code])
