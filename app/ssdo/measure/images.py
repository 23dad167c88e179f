"""Image files: PNG and EXR with the shot's parameters inside, NPZ arrays, contact sheets.

Images are (h, w, channels) arrays, row 0 on top.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssdo.arrays import Bytes, Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.readback import read_raw
from ssdo.gpu.target import Texture
from ssdo.measure.output_files import atomic_write, save_bytes
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult
from ssdo.render.shot import Shot
from ssdo.scene.files import exr
from ssdo.settings import UserError
from ssdo.toml_text import format_toml, parse_toml

IMAGE_SUFFIXES = (".png", ".exr", ".npz")
SHEET_BACKGROUND = (24, 26, 30)  # of contact sheets, sRGB
UNKNOWN_FORMAT = "unknown image format; use .png, .exr or .npz"


def check_output_path(path: Path) -> None:
    """Raise UserError where `save_result` would for the format, before anything is rendered."""
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise UserError(f"--output {path}: {UNKNOWN_FORMAT}")
    if path.suffix.lower() == ".exr":
        exr.import_openexr()


# ---- results of a frame ----------------------------------------------------------------------------------------------


def read_rgba8(texture: Texture) -> Bytes:
    """Read an 8-bit texture: (h, w, 4)."""
    return np.ascontiguousarray(read_raw(texture))


def read_rgb8(texture: Texture) -> Bytes:
    """Read an 8-bit texture: (h, w, 3)."""
    return np.ascontiguousarray(read_raw(texture)[..., :3])


def read_display(result: FrameResult) -> Bytes:
    """Read the displayed image: (h, w, 3) 8 bit sRGB."""
    return read_rgb8(result.display)


def read_opaque(result: FrameResult) -> Bytes:
    """Read the displayed image over the background of contact sheets: (h, w, 3) 8 bit sRGB."""
    if result.shot.background != "transparent":
        return read_display(result)
    pixels = read_rgba8(result.display).astype("f4")
    alpha = pixels[..., 3:] / 255
    return np.rint(pixels[..., :3] * alpha + np.array(SHEET_BACKGROUND) * (1 - alpha)).astype("u1")


def tone_map(gpu: Gpu, shot: Shot, radiance: Floats) -> Bytes:
    """Convert linear radiance (h, w, 3) to 8 bit sRGB (h, w, 3) with the shot's display settings."""
    target = gpu.target("tone_map", (radiance.shape[1], radiance.shape[0]), "rgba32f")
    gpu.write(target.textures[0], np.concatenate([radiance, np.ones_like(radiance[..., :1])], -1))
    return read_rgb8(shot.display.draw(gpu, target.textures[0]))


def read_arrays(gpu: Gpu, result: FrameResult) -> dict[str, Floats]:
    """Read what is measured, as linear float32.

    radiance; direct, indirect (irradiance of the technique); sun_and_lights (irradiance); albedo, emission, normal
    (world space): (h, w, 3). visibility (ambient visibility, 0 to 1); depth (along the view axis, metres, inf on the
    background): (h, w).
    """
    gbuffer, frame, camera = result.inputs.gbuffer, result.inputs.frame, result.shot.camera
    direct, depth = gpu.read(result.lighting.direct), gpu.read(gbuffer.depth)[..., 0]
    assert camera.eye, "not resolved"
    eye_ws = result.inputs.scene.coordinates.point_to_world(camera.eye)
    if eye_ws != frame.eye_ws:
        back_ws = np.array(frame.world_from_view).reshape(4, 4)[2, :3]
        depth = depth + float(np.subtract(eye_ws, frame.eye_ws) @ back_ws)
    textures = {
        "radiance": result.radiance,
        "indirect": result.lighting.indirect,
        "albedo": gbuffer.albedo,
        "normal": gbuffer.normal,
        "emission": gbuffer.emission,
        "sun_and_lights": result.inputs.direct_lighting.irradiance,
    }
    arrays = {name: gpu.read(texture)[..., :3] for name, texture in textures.items()}
    for name in ("indirect", "emission"):  # may be one black texel
        arrays[name] = np.broadcast_to(arrays[name], arrays["radiance"].shape)
    return arrays | {
        "direct": direct[..., :3],
        "visibility": direct[..., 3],
        "depth": np.where(depth < BACKGROUND_DEPTH, depth, np.inf).astype("f4"),
    }


# ---- writing ---------------------------------------------------------------------------------------------------------


# These raise NameTakenError rather than overwrite, unless they are told to.


def save_result(
    path: Path, gpu: Gpu, result: FrameResult, values: Mapping[str, Any], *, overwrite: bool = False
) -> None:
    """Save a frame in the format of the path's suffix, with the shot's values inside. Raises UserError.

    PNG and EXR have an alpha channel if the background is transparent: straight in PNG, premultiplied in EXR.
    """
    is_transparent = result.shot.background == "transparent"
    match path.suffix.lower():
        case ".png":
            pixels = read_rgba8(result.display) if is_transparent else read_display(result)
            save_png(path, pixels, values, overwrite=overwrite)
        case ".npz":
            arrays: dict[str, Any] = {"shot": np.array(format_toml(values)), **read_arrays(gpu, result)}
            archive = io.BytesIO()  # which zipfile may still write to after a signal, unlike a closed file
            np.savez_compressed(archive, **arrays)
            with atomic_write(path, overwrite) as file:
                file.write(archive.getbuffer())
        case ".exr":
            channels = 4 if is_transparent else 3
            save_exr(path, gpu.read(result.radiance)[..., :channels], values, overwrite=overwrite)
        case _:
            raise UserError(f"{path}: {UNKNOWN_FORMAT}")


def save_png(path: Path, pixels: Bytes, values: Mapping[str, Any] | None = None, *, overwrite: bool = False) -> None:
    """Save (h, w, 3 or 4) 8 bit sRGB and alpha. The shot's values, if any, are TOML in the text chunk `shot`.

    Raises UserError.
    """
    from PIL import Image, PngImagePlugin

    metadata = PngImagePlugin.PngInfo()
    if values is not None:
        metadata.add_itxt("shot", format_toml(values))
    # Run-length encoding is several times faster than the default, and the file is little larger.
    with atomic_write(path, overwrite) as file:
        Image.fromarray(pixels).save(file, "png", pnginfo=metadata, compress_level=1, compress_type=zlib.Z_RLE)


def save_exr(path: Path, radiance: Floats, values: Mapping[str, Any] | None = None, *, overwrite: bool = False) -> None:
    """Save (h, w, 3) linear radiance, or 4 with alpha, as 32-bit channels, with the shot in the attribute `shot`.

    Raises UserError.
    """
    attributes = {} if values is None else {"shot": format_toml(values)}
    save_bytes(path, _encode_exr(path, np.ascontiguousarray(radiance), attributes), overwrite)


def _encode_exr(path: Path, radiance: Floats, attributes: Mapping[str, str]) -> bytes:
    """The content of an EXR file, for `path`."""
    openexr = exr.import_openexr()
    channel_names = "RGBA"[: radiance.shape[2]]
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage, **attributes}
    # OpenEXR writes only to named files, and may not report a full disk: the file is read back.
    try:
        descriptor, name = tempfile.mkstemp(".exr")
        try:
            os.close(descriptor)
            openexr.File(header, {channel_names: radiance}).write(name)
            with openexr.File(name) as file:
                is_complete = file.channels()[channel_names].pixels.tobytes() == radiance.tobytes()
            content = Path(name).read_bytes()
        finally:
            with contextlib.suppress(OSError):
                Path(name).unlink()
    except (OSError, RuntimeError, KeyError, IndexError, ValueError):
        is_complete, content = False, b""
    if not is_complete:
        raise UserError(f"{path}: cannot be written via {tempfile.gettempdir()}, which may be full")
    return content


def save_json(path: Path, values: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Save numbers and text for other programs. Raises UserError."""
    save_bytes(path, json.dumps(values, indent=1, allow_nan=False).encode(), overwrite)


# ---- reading ---------------------------------------------------------------------------------------------------------


def load_shot_values(path: Path) -> dict[str, Any]:
    """Load the parameters of the shot from a PNG, by dotted names. Raises UserError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            image.load()  # text chunks may follow the pixels
            text = getattr(image, "text", {}).get("shot")
    except UnidentifiedImageError:
        raise UserError(f"{path}: cannot be read: not an image") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or 'the image is incomplete'}") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    except MemoryError:
        raise UserError(f"{path}: not enough memory to read it") from None
    if text is None:
        raise UserError(f"{path}: no shot inside; give a PNG that this program wrote")
    return parse_toml(str(text), str(path))


def load_radiance(path: Path) -> Floats:
    """Load linear radiance, (h, w, 3) float32, from an .exr file or the array `radiance` of an .npz file.

    Raises UserError.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".exr"):
        raise UserError(f"{path}: linear radiance is read from .npz and .exr files")
    try:
        if suffix == ".exr":
            return exr.read_exr_unclamped(path)
        with np.load(path) as file:
            array = file["radiance"]
    except UserError:
        raise
    except KeyError as error:
        raise UserError(f"{path}: no array {error.args[0]} inside; give a file that `capture` wrote") from None
    except MemoryError:
        raise UserError(f"{path}: not enough memory to read it") from None
    except Exception as error:  # numpy, zipfile, zlib, tokenize and OpenEXR raise many types
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise UserError(f"{path}: cannot be read: {reason}") from None
    return _check_radiance(path, array)


def _check_radiance(path: Path, array: object) -> Floats:
    """The first three channels, if the array is finite radiance. Raises UserError."""
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: radiance is no array: must be floating point, (height, width, 3)")
    if array.dtype.kind != "f" or array.ndim != 3 or array.shape[2] < 3 or not array.size:
        kind = f"{array.dtype} of shape {array.shape}"
        raise UserError(f"{path}: radiance is {kind}: must be floating point, (height, width, 3)")
    with np.errstate(over="ignore"):
        radiance: Floats = array[..., :3].astype("f4")
    if not np.isfinite(radiance).all():
        raise UserError(f"{path}: radiance must be finite as 32-bit floating point")
    return radiance


# ---- contact sheets --------------------------------------------------------------------------------------------------


def make_contact_sheet(labelled: Sequence[tuple[str, Bytes]]) -> Bytes:
    """Arrange images of one size under their labels: up to three in a row, more in a square.

    Labels that are wider than the images are wrapped, and cut where a single word is.
    """
    from PIL import Image, ImageDraw, ImageFont

    margin, line_spacing, background, text_colour = 8, 4, SHEET_BACKGROUND, (230, 230, 230)
    column_count = len(labelled) if len(labelled) < 4 else math.ceil(math.sqrt(len(labelled)))
    row_count = -(-len(labelled) // column_count)
    height, width = labelled[0][1].shape[:2]
    font = ImageFont.load_default(max(12, height // 30))
    labels = [_wrap_text(label, lambda line: font.getlength(line) <= width - 2) for label, _ in labelled]
    line_height = int(font.getbbox("Ag")[3]) + line_spacing
    label_height = max(map(len, labels)) * line_height + 8
    cell_width, cell_height = width + margin, height + label_height
    sheet_size = (column_count * cell_width + margin, row_count * cell_height + margin)
    sheet = Image.new("RGB", sheet_size, background)
    for number, (lines, (_, pixels)) in enumerate(zip(labels, labelled, strict=True)):
        row, column = divmod(number, column_count)
        x, y = margin + column * cell_width, row * cell_height
        text = Image.new("RGB", (width, label_height), background)
        ImageDraw.Draw(text).multiline_text((2, 4), "\n".join(lines), text_colour, font=font, spacing=line_spacing)
        sheet.paste(text, (x, y))
        sheet.paste(Image.fromarray(pixels), (x, y + label_height))
    return np.asarray(sheet)


def _wrap_text(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The text in lines that fit, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and not fits(longer):
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
