"""Headers of OpenEXR files, and which of their channels are the picture.

Format: https://openexr.com/en/latest/OpenEXRFileLayout.html. Headers are read and checked here first, because the
package OpenEXR allocates whatever a header declares.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.radiance import Chromaticities
from ssdo.settings import UserError

MAX_PIXELS = 2**28  # 3 GiB of floats
MAX_DECODED_BYTES = 2**33  # of all channels; the package decodes every channel of a file
MAX_TILE_PIXELS = 2**24  # a tile is decoded as a whole
MAX_NAMES = 4  # of layers in a note
BYTES_PER_VALUE = (4, 2, 4)  # by pixel type: uint, half, float
# By compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, ...
MAX_ROWS_PER_CHUNK = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32, 256, 256)
TILED_FLAG, DEEP_FLAG, MULTIPART_FLAG = 0x200, 0x800, 0x1000  # bits of the version field
# Components of a layer's or part's name that say it is the whole picture, as renderers name it.
BEAUTY_NAMES = {"combined", "beauty", "rgba", "rgb", "color", "colour", "image", "final", "main", "composite"}
COLOR_NAMES = {"r": "R", "red": "R", "g": "G", "green": "G", "b": "B", "blue": "B", "y": "Y"}
ALPHA_NAMES = ("a", "alpha")
CIE_XYZ_IDS = ("lin_ciexyzd65_scene",)  # colorInteropID


class Channel(NamedTuple):
    pixel_type: int  # index into BYTES_PER_VALUE
    sampling: tuple[int, int]  # pixels per value, in x and y


class Window(NamedTuple):
    """A box of pixels, all inclusive, y down."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left + 1

    @property
    def height(self) -> int:
        return self.bottom - self.top + 1

    def __str__(self) -> str:
        return f"{self.width} x {self.height} at {self.left}, {self.top}"


class Part(NamedTuple):
    """One image of a file. Most files have one."""

    name: str
    data_window: Window  # of the pixels in the file
    display_window: Window  # of the picture
    channels: Mapping[str, Channel]
    chromaticities: Chromaticities | None
    interop_id: str  # colorInteropID: the name of a colour space
    is_environment: bool  # an environment map fills the data window


class Layer(NamedTuple):
    """Channels that make a picture."""

    part_number: int
    label: str  # of the part or the channels, for messages; empty: neither has a name
    kind: str  # a key of KINDS
    channels: tuple[str, ...]


# How a layer is read, best first: the names of its channels.
KINDS = {
    "rgb": ("R", "G", "B"),
    "luminance-chroma": ("Y", "RY", "BY"),
    "luminance": ("Y",),
    "xyz": ("X", "Y", "Z"),
    "two of rgb": ("R", "G", "B"),
    "grey": (),
}
PICTURE_KINDS = ("rgb", "luminance-chroma", "luminance")


# ---- headers ---------------------------------------------------------------------------------------------------------


def parse_header(raw: bytes, file_size: int) -> list[Part]:
    """Parse the headers of all parts, and check that a file of `file_size` bytes can hold what they declare.

    Raises UserError("<element>: <rule>").
    """
    if raw[:4] != b"\x76\x2f\x31\x01":
        raise UserError("header: must begin with 76 2f 31 01; this is no OpenEXR picture")
    try:
        (flags,) = struct.unpack_from("<I", raw, 4)
        if flags & 0xFF != 2:
            raise UserError(f"header: must be of version 2, not {flags & 0xFF}")
        all_attributes, header_size = _parse_attribute_lists(raw, bool(flags & MULTIPART_FLAG))
        if flags & DEEP_FLAG or any(attributes.get("type", b"")[:4] == b"deep" for attributes in all_attributes):
            raise UserError("header: must have no deep pixels; flatten them: oiiotool IN.exr --flatten -o OUT.exr")
        parts, sizes = [], []
        for attributes in all_attributes:
            is_tiled = attributes.get("type", b"") == b"tiledimage" if flags & MULTIPART_FLAG else flags & TILED_FLAG
            part = _parse_part(attributes)
            parts.append(part)
            sizes.append(_count_chunks(part, attributes, bool(is_tiled)))
    except KeyError as error:
        raise UserError(f"header: must have {error.args[0]}") from None
    except (struct.error, IndexError, ValueError):
        raise UserError("header: is damaged, or the file is cut off") from None
    _check_decoded_size(parts)
    # A chunk takes at least 16 bytes: its entry in the offset table, its number and its size.
    if file_size < header_size + 16 * sum(sizes):
        raise UserError(f"pixels: the file is cut off, or too small for {_format_sizes(parts)}")
    return parts


def _parse_attribute_lists(raw: bytes, is_multipart: bool) -> tuple[list[dict[str, bytes]], int]:
    """Attribute values by name, of each part, and the size of all. Raises ValueError, IndexError or struct.error."""
    parts, offset = [], 8
    while True:
        attributes, offset = _parse_attributes(raw, offset)
        parts.append(attributes)
        if not is_multipart:
            return parts, offset
        if not raw[offset]:
            return parts, offset + 1


def _parse_attributes(raw: bytes, offset: int) -> tuple[dict[str, bytes], int]:
    """Attribute values by name, and the offset behind them. Raises ValueError, IndexError or struct.error."""
    attributes: dict[str, bytes] = {}
    while raw[offset]:
        name, offset = _parse_name(raw, offset)
        _, offset = _parse_name(raw, offset)  # the type
        (size,) = struct.unpack_from("<i", raw, offset)
        offset += 4
        if not 0 <= size <= len(raw) - offset:
            raise ValueError
        attributes[name] = raw[offset : offset + size]
        offset += size
    return attributes, offset + 1


def _parse_name(raw: bytes, offset: int) -> tuple[str, int]:
    """A zero-terminated name, and the offset behind it."""
    end = raw.index(b"\0", offset, offset + 257)
    return raw[offset:end].decode("utf-8"), end + 1


def _parse_part(attributes: Mapping[str, bytes]) -> Part:
    """Raises UserError, KeyError, ValueError, IndexError or struct.error."""
    data_window = Window(*struct.unpack("<4i", attributes["dataWindow"]))
    display_window = Window(*struct.unpack("<4i", attributes["displayWindow"]))
    channels = _parse_channels(attributes["channels"])
    for name, window in (("dataWindow", data_window), ("displayWindow", display_window)):
        if window.width < 1 or window.height < 1 or window.width * window.height > MAX_PIXELS:
            raise UserError(f"{name}: must be 1 to {MAX_PIXELS} pixels, not {window.width} x {window.height}")
    envmap = attributes.get("envmap")
    if envmap and envmap[0]:
        raise UserError("envmap: must be a lat-long map, not a cube map; convert it with exrenvmap -l")
    raw_chromaticities = attributes.get("chromaticities", b"")
    return Part(
        name=attributes.get("name", b"").decode("utf-8"),
        data_window=data_window,
        display_window=display_window,
        channels=channels,
        chromaticities=struct.unpack("<8f", raw_chromaticities) if len(raw_chromaticities) == 32 else None,
        interop_id=attributes.get("colorInteropID", b"").decode("utf-8"),
        is_environment=envmap is not None,
    )


def _parse_channels(raw: bytes) -> dict[str, Channel]:
    channels: dict[str, Channel] = {}
    offset = 0
    while raw[offset]:
        name, offset = _parse_name(raw, offset)
        pixel_type, _, x_sampling, y_sampling = struct.unpack_from("<4i", raw, offset)
        if not 0 <= pixel_type < len(BYTES_PER_VALUE) or x_sampling < 1 or y_sampling < 1:
            raise ValueError
        channels[name] = Channel(pixel_type, (x_sampling, y_sampling))
        offset += 16
    return channels


def _count_chunks(part: Part, attributes: Mapping[str, bytes], is_tiled: bool) -> int:
    """The number of blocks of rows or of tiles of the finest level. Raises UserError, KeyError or struct.error."""
    width, height = part.data_window.width, part.data_window.height
    if not is_tiled:
        return math.ceil(height / MAX_ROWS_PER_CHUNK[attributes["compression"][0]])
    columns, rows = map(int, struct.unpack_from("<2I", attributes["tiles"]))
    if not 0 < columns * rows <= MAX_TILE_PIXELS:
        raise UserError(f"tiles: must be 1 to {MAX_TILE_PIXELS} pixels, not {columns} x {rows}")
    return math.ceil(width / columns) * math.ceil(height / rows)


def _check_decoded_size(parts: list[Part]) -> None:
    """Raises UserError if the package needs too much memory for the file."""
    decoded_bytes = sum(
        part.data_window.width * part.data_window.height * BYTES_PER_VALUE[channel.pixel_type]
        for part in parts
        for channel in part.channels.values()
    )
    if decoded_bytes > MAX_DECODED_BYTES:
        count = sum(len(part.channels) for part in parts)
        raise UserError(
            f"channels: {count} of {_format_sizes(parts)} pixels need more than {MAX_DECODED_BYTES >> 30} GiB; "
            "leave R, G and B"
        )


def _format_sizes(parts: list[Part]) -> str:
    window = max((part.data_window for part in parts), key=lambda window: window.width * window.height)
    return f"{window.width} x {window.height}"


# ---- the channels of the picture -------------------------------------------------------------------------------------


def choose_layer(parts: list[Part]) -> Layer:
    """The layer that is the picture. Raises UserError if there are no channels.

    Colour or luminance is better than other channels. Then, the layer without a name of a file's only part, or a layer
    or part with one of BEAUTY_NAMES, is better than others; then the first one.
    """
    layers = list(_list_layers(parts))
    if not layers:
        raise UserError("channels: must have at least one")
    return min(layers, key=lambda layer: _rank_layer(layer, len(parts)))


def describe_choice(parts: list[Part], layer: Layer) -> str:
    """A note if other channels could be the picture, too, or if the chosen ones are none; else empty."""
    if layer.kind not in PICTURE_KINDS:
        names = ", ".join(name for name in layer.channels if name)
        if sum(len(part.channels) for part in parts) > 1 or layer.kind != "grey":
            how = {"xyz": "CIE XYZ", "grey": "grey"}.get(layer.kind, "colour; the third is 0")
            return f"has no R, G and B, and no Y: {quote_value(names)} shown as {how}"
        return ""
    others = [other for other in _list_layers(parts) if other.kind in PICTURE_KINDS and other != layer]
    if not others:
        return ""
    names = ", ".join(quote_value(other.label or "the unnamed one") for other in others[:MAX_NAMES])
    more = f" and {len(others) - MAX_NAMES} more" if len(others) > MAX_NAMES else ""
    layer_text = f"the layer {quote_value(layer.label)}" if layer.label else f"the channels {', '.join(layer.channels)}"
    return f"shows {layer_text}, not {names}{more}"


def _list_layers(parts: list[Part]) -> Iterator[Layer]:
    """All layers, in the order of the file. A layer is a part's channels whose names are alike up to the last dot."""
    for number, part in enumerate(parts):
        layers: dict[str, list[str]] = {}
        for name in part.channels:
            layers.setdefault(name.rpartition(".")[0], []).append(name)
        for prefix, names in layers.items():
            label = part.name if not prefix or prefix == part.name else f"{part.name}.{prefix}".strip(".")
            kind, channels = _classify_channels(names)
            yield Layer(number, label, kind, channels)


def _classify_channels(names: list[str]) -> tuple[str, tuple[str, ...]]:
    """The kind of a layer, and its channels; an empty name stands for a missing one."""
    components = {name.rpartition(".")[2]: name for name in names}
    for component, name in list(components.items()):
        components.setdefault(COLOR_NAMES.get(component.lower(), component), name)
    for kind in ("rgb", "luminance-chroma", "luminance", "xyz"):
        has_all = all(component in components for component in KINDS[kind])
        if has_all and (kind != "luminance" or not {"X", "Z"} & components.keys()):
            return kind, tuple(components[component] for component in KINDS[kind])
    colors = tuple(components.get(color, "") for color in "RGB")
    if sum(map(bool, colors)) == 2:
        return "two of rgb", colors
    return "grey", (max(colors) or min(names, key=_is_alpha),)


def _is_alpha(name: str) -> bool:
    return name.rpartition(".")[2].lower() in ALPHA_NAMES


def _rank_layer(layer: Layer, part_count: int) -> tuple[object, ...]:
    """Sorts layers, the best first. Layers of the same rank stay in the order of the file."""
    kind = 0 if layer.kind in PICTURE_KINDS else list(KINDS).index(layer.kind)
    is_unnamed = all("." not in name for name in layer.channels)
    is_beauty = not BEAUTY_NAMES.isdisjoint(layer.label.lower().split("."))
    rank = 0 if is_beauty or (is_unnamed and part_count == 1) else 1 if is_unnamed else 2
    return kind, _is_alpha(layer.channels[0]), rank, not is_unnamed
