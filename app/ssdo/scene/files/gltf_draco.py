"""KHR_draco_mesh_compression. The optional package DracoPy decodes the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ssdo.optional_packages import make_missing_error
from ssdo.scene.files.gltf_document import COMPONENT_DTYPES, Document, read_buffer_view
from ssdo.scene.files.gltf_extensions import describe_conversion
from ssdo.scene.files.json_tree import Json, get_entry, get_object, get_reference, get_unsigned
from ssdo.settings import UserError

EXTENSION = "KHR_draco_mesh_compression"
MAX_ELEMENTS = 2**27  # of an accessor of a compressed primitive, as declared


def decompress(doc: Document, primitive: Json, compressed: Json, where: str) -> None:
    """Decode a compressed primitive and store the values of its accessors in the document.

    Raises UserError if DracoPy is missing, for damaged data, and for data that does not match the accessors.
    """
    try:
        import DracoPy
    except ImportError:
        raise make_missing_error(f"{where}: {EXTENSION} needs", "DracoPy", describe_conversion(EXTENSION)) from None
    inside = f"{where}.extensions.{EXTENSION}"
    view = get_reference(doc.tree, "bufferViews", compressed, "bufferView", inside)
    data = bytes(read_buffer_view(doc, view)[0])
    attributes, ids = get_object(primitive, "attributes", where), get_object(compressed, "attributes", inside)
    accessors = {
        name: get_reference(doc.tree, "accessors", attributes, name, f"{where}.attributes")
        for name in ids
        if name in attributes
    }
    index_accessor = get_reference(doc.tree, "accessors", primitive, "indices", where)
    for i in (*accessors.values(), index_accessor):
        count = get_unsigned(get_entry(doc.tree, "accessors", i), "count", f"accessors[{i}]")
        if count > MAX_ELEMENTS:
            raise UserError(f"accessors[{i}].count: must be at most {MAX_ELEMENTS} in compressed data, not {count}")
    try:
        mesh = DracoPy.decode(data)
        triangles = np.asarray(mesh.faces)
    except MemoryError:
        raise
    except Exception as error:  # DracoPy does not document what it raises
        raise UserError(f"{inside}: not a whole Draco mesh ({type(error).__name__})") from None
    _store(doc, index_accessor, triangles.reshape(-1, 1))
    decoded = {attribute["unique_id"]: attribute["data"] for attribute in mesh.attributes}
    for name, i in accessors.items():
        unique_id = get_unsigned(ids, name, f"{inside}.attributes")
        if unique_id not in decoded:
            raise UserError(f"{inside}.attributes.{name}: there is no attribute {unique_id} in the compressed data")
        values = np.asarray(decoded[unique_id])
        _store(doc, i, values.reshape(len(values), -1))


def _store(doc: Document, i: int, values: Any) -> None:
    """Store values as the accessor's component type, so that it reads like an accessor that was never compressed."""
    code = get_unsigned(get_entry(doc.tree, "accessors", i), "componentType", f"accessors[{i}]")
    if code not in COMPONENT_DTYPES:
        expected = ", ".join(map(str, COMPONENT_DTYPES))
        raise UserError(f"accessors[{i}].componentType: must be one of {expected}, not {code}")
    doc.decompressed[i] = values.astype(COMPONENT_DTYPES[code])
