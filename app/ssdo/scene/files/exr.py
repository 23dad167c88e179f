"""Read OpenEXR images (.exr) as linear radiance. The package OpenEXR decodes the pixels.

Of a file with several parts or layers, one is the picture: see `exr_header.choose_layer`. The package reports damaged
pixels on stdout and stderr only, so its output is silenced and a missing channel becomes a UserError.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssdo.arrays import Floats
from ssdo.optional_packages import make_missing_error
from ssdo.scene.files.errors import name_file_in_errors
from ssdo.scene.files.exr_header import (
    CIE_XYZ_IDS,
    Channel,
    Layer,
    Part,
    Window,
    choose_layer,
    describe_choice,
    parse_header,
)
from ssdo.scene.files.file_access import check_file
from ssdo.scene.files.radiance import (
    CIE_XYZ,
    REC_709,
    Chromaticities,
    clip_negative,
    compute_xyz_matrix,
    convert_primaries,
    replace_non_finite,
)
from ssdo.settings import UserError

MAX_FILE_BYTES = 2**33
MAX_HEADER_BYTES = 2**20  # may include a preview image


class StoredPicture(NamedTuple):
    """A picture as it is in the file."""

    pixels: Floats  # (h, w, 3)
    primaries: Chromaticities


def read_exr(path: Path, notes: list[str] | None = None) -> Floats:
    """Linear radiance, (h, w, 3) float32 with Rec. 709 primaries, row 0 on top. Values are finite and not negative.

    The picture is the display window, black where the file has no pixels; an image with the attribute `envmap` is the
    data window. Channels are R, G and B; Y, RY and BY; Y; or others, of which one is shown as grey. What a user should
    know is added to `notes`, a line each. Memory: all channels as stored, plus the result.

    Raises UserError("<file>: <element>: <rule>"), one line, for damaged files, and without the package. Not supported
    are deep pixels, cube maps, and more than 2^28 pixels.
    """
    notes = [] if notes is None else notes
    openexr = import_openexr()
    with name_file_in_errors(path):
        picture = _read_picture(openexr, path, notes)
        replace_non_finite(picture.pixels, notes)
        _convert_picture(picture, notes)
        clip_negative(picture.pixels, notes)
    return picture.pixels


def read_exr_unclamped(path: Path) -> Floats:
    """As `read_exr`, but values may be negative, infinite or NaN."""
    openexr = import_openexr()
    with name_file_in_errors(path):
        picture = _read_picture(openexr, path, [])
        _convert_picture(picture, [])
    return picture.pixels


def _read_picture(openexr: Any, path: Path, notes: list[str]) -> StoredPicture:
    try:
        check_file(path, "file", MAX_FILE_BYTES)
        with path.open("rb") as file:
            parts = parse_header(file.read(MAX_HEADER_BYTES), path.stat().st_size)
        layer = choose_layer(parts)
        part = parts[layer.part_number]
        notes += filter(None, (describe_choice(parts, layer), _describe_window(part)))
        primaries = _find_primaries(openexr, part, layer)
        channels = _decode_channels(openexr, path, len(parts), layer.part_number)
        pixels = _place_in_picture(part, _combine_channels(channels, part, layer, primaries))
        return StoredPicture(pixels, primaries)
    except OSError as error:
        raise UserError(f"file: cannot be read ({error.strerror})") from None


def import_openexr() -> Any:
    """The package OpenEXR. Raises UserError if it is not installed."""
    try:
        import OpenEXR
    except ImportError:
        raise make_missing_error("EXR files need", "OpenEXR") from None
    return OpenEXR


# ---- primaries -------------------------------------------------------------------------------------------------------


def _find_primaries(openexr: Any, part: Part, layer: Layer) -> Chromaticities:
    """The primaries of the attribute `chromaticities`, or of the colour space that `colorInteropID` names."""
    if layer.kind == "xyz" or part.interop_id in CIE_XYZ_IDS:
        return CIE_XYZ
    if part.chromaticities:
        return part.chromaticities
    find_chromaticities = getattr(openexr, "colorInteropIDToChromaticities", lambda _: None)
    return tuple(find_chromaticities(part.interop_id) or REC_709)


def _convert_picture(picture: StoredPicture, notes: list[str]) -> None:
    try:
        convert_primaries(picture.pixels, picture.primaries)
    except ValueError:
        notes.append("chromaticities: make no colour space; Rec. 709 is taken")


# ---- windows ---------------------------------------------------------------------------------------------------------


def _choose_window(part: Part) -> Window:
    """The window of the picture. OpenEXR defines environment maps on the data window (ImfEnvmap.h)."""
    return part.data_window if part.is_environment else part.display_window


def _intersect(a: Window, b: Window) -> Window:
    """The pixels of both; of a width or height below 1 if there are none."""
    return Window(max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom))


def _describe_window(part: Part) -> str:
    """A note if the picture is not exactly the pixels in the file; else empty."""
    data, picture = part.data_window, _choose_window(part)
    if data == picture:
        return ""
    shared = _intersect(data, picture)
    if shared.width < 1 or shared.height < 1:
        return f"the data window, {data}, lies outside of the display window, {picture}: black"
    if shared == picture:
        return f"cropped to the display window, {picture}; the file has {data}"
    return f"the display window is {picture}; black outside of the data window, {data}"


def _place_in_picture(part: Part, pixels: Floats) -> Floats:
    """The picture's window of `pixels`, which are those of the data window."""
    data, picture = part.data_window, _choose_window(part)
    if data == picture:
        return pixels
    canvas = np.zeros((picture.height, picture.width, 3), np.float32)
    shared = _intersect(data, picture)
    if shared.width > 0 and shared.height > 0:
        source, target = (
            (
                slice(shared.top - window.top, shared.bottom - window.top + 1),
                slice(shared.left - window.left, shared.right - window.left + 1),
            )
            for window in (data, picture)
        )
        canvas[target] = pixels[source]
    return canvas


# ---- channels --------------------------------------------------------------------------------------------------------


def _decode_channels(openexr: Any, path: Path, part_count: int, part_number: int) -> dict[str, Any]:
    """The channels of a part, as the package returns them. Raises UserError."""
    with _silence_output():
        try:
            parts = openexr.File(str(path), separate_channels=True).parts
            if len(parts) == part_count:
                return dict(parts[part_number].channels)
        except MemoryError:
            raise
        except Exception as error:  # the package raises several kinds, and UnicodeDecodeError
            raise UserError("pixels: the file is damaged or cut off") from error
    raise UserError("pixels: the file is damaged or cut off")


def _combine_channels(channels: dict[str, Any], part: Part, layer: Layer, primaries: Chromaticities) -> Floats:
    """(h, w, 3) of the data window. Raises UserError if a channel is missing."""
    window = part.data_window
    pixels = np.zeros((window.height, window.width, 3), np.float32)
    names = layer.channels * (3 // len(layer.channels))
    for i, name in enumerate(names):
        if name:
            pixels[..., i] = _read_channel(channels, name, part.channels[name], window)
    if layer.kind == "luminance-chroma":
        _convert_chroma(pixels, primaries)
    return pixels


def _read_channel(channels: dict[str, Any], name: str, channel: Channel, window: Window) -> Any:
    """The values of a channel, (h, w), at every pixel of a window. Raises UserError if it is missing."""
    values = getattr(channels.get(name), "pixels", None)
    x_first, x_count = _find_samples(window.left, window.right, channel.sampling[0])
    y_first, y_count = _find_samples(window.top, window.bottom, channel.sampling[1])
    if values is None or values.shape != (y_count, x_count) or not values.size or values.dtype.kind not in "fu":
        raise UserError(f"pixels: the file is damaged: channel {ascii(name)[:60]} is missing")
    if channel.sampling != (1, 1):
        rows = np.arange(window.top, window.bottom + 1) / channel.sampling[1] - y_first
        columns = np.arange(window.left, window.right + 1) / channel.sampling[0] - x_first
        values = _interpolate(_interpolate(values, rows).T, columns).T
    return values


def _find_samples(low: int, high: int, step: int) -> tuple[int, int]:
    """Of the pixels from `low` to `high`, those at multiples of `step` have a value: the first multiple, the count."""
    first = -(-low // step)
    return first, high // step - first + 1


def _interpolate(values: Any, positions: Any) -> Any:
    """Linear interpolation along the first axis, constant beyond the ends."""
    low = np.clip(np.floor(positions), 0, max(len(values) - 2, 0)).astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    fraction = np.clip(positions - low, 0, 1)[:, None].astype("f4")
    return values[low] * (1 - fraction) + values[high] * fraction


def _convert_chroma(pixels: Floats, primaries: Chromaticities) -> None:
    """Convert Y, RY and BY to R, G and B, in place.

    RY = (R - Y) / Y and BY = (B - Y) / Y, where Y is the luminance for the file's primaries (ImfRgbaYca.h).
    """
    weights = _compute_luminance_weights(primaries)
    with np.errstate(over="ignore", invalid="ignore"):
        luminance = pixels[..., 0].copy()
        red, blue = (luminance * (1 + pixels[..., i]) for i in (1, 2))
        pixels[..., 1] = (luminance - weights[0] * red - weights[2] * blue) / weights[1]
        pixels[..., 0], pixels[..., 2] = red, blue


def _compute_luminance_weights(primaries: Chromaticities) -> Floats:
    """The luminance of red, green and blue; of Rec. 709 for primaries that make no colour space."""
    try:
        weights = compute_xyz_matrix(primaries)[1]
    except ValueError:
        weights = compute_xyz_matrix(REC_709)[1]
    return np.asarray(weights, "f4")


@contextlib.contextmanager
def _silence_output() -> Iterator[None]:
    """Discard what libraries print: through Python, to C's buffered stdout, and to stderr."""
    flush_c_buffers = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush
    flush_c_buffers(None)
    saved = os.dup(1), os.dup(2)
    null_device = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null_device, 1)
        os.dup2(null_device, 2)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        flush_c_buffers(None)
        for descriptor, copy in enumerate(saved, 1):
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(null_device)
