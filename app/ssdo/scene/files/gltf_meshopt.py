"""EXT_meshopt_compression and KHR_meshopt_compression: buffer views. The optional package meshopt decodes them."""

from __future__ import annotations

from typing import Any

from ssdo.optional_packages import make_missing_error
from ssdo.scene.files.errors import LimitError
from ssdo.scene.files.gltf_extensions import describe_conversion
from ssdo.scene.files.json_tree import Json, get_string, get_unsigned
from ssdo.settings import UserError

EXTENSIONS = ("KHR_meshopt_compression", "EXT_meshopt_compression")
MAX_BYTES = 2**30  # of a decoded view
MAX_RATIO = 2048  # of decoded bytes to those of the data: above what the codecs reach on equal rows, which is 1024
MODES = ("ATTRIBUTES", "TRIANGLES", "INDICES")
FILTERS = ("NONE", "OCTAHEDRAL", "QUATERNION", "EXPONENTIAL", "COLOR")


def decompress(data: memoryview, extension: Json, name: str, where: str) -> memoryview:
    """Decode the data of a compressed buffer view: `count` rows of `byteStride` bytes.

    Raises UserError for damaged data, LimitError for too much, and MissingPackageError without the package.
    """
    try:
        import meshopt
    except ImportError:
        raise make_missing_error(f"{where}: {name} needs", "meshopt", describe_conversion(name)) from None
    count, stride = get_unsigned(extension, "count", where), get_unsigned(extension, "byteStride", where)
    mode, kind = get_string(extension, "mode", where), get_string(extension, "filter", where, "NONE")
    if mode not in MODES or kind not in FILTERS or not count:
        raise UserError(f"{where}: must have elements, one of the modes {', '.join(MODES)}, and a known filter")
    if count * stride > MAX_RATIO * max(len(data), 16):
        raise UserError(f"{where}.count: {count} elements of {stride} bytes do not fit into {len(data)} bytes")
    if count * stride > MAX_BYTES:
        raise LimitError(f"{where}: must have at most {MAX_BYTES >> 20} MiB when decoded")
    try:
        decoded: Any = meshopt.decode_gltf_buffer(bytes(data), count, stride, mode, kind)
        return memoryview(decoded).cast("B")
    except MemoryError:
        raise
    except Exception as error:  # the package does not document what it raises
        raise UserError(f"{where}: not a whole meshopt buffer ({type(error).__name__})") from None
