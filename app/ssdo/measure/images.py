"""Pictures in and out: PNG and EXR with the shot inside, NPZ arrays, contact sheets. Files are written beside and
renamed.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import secrets
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from ssdo.gpu.context import Gpu, Texture
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.pipeline import FrameResult
from ssdo.render.shot import Shot
from ssdo.scene.files import exr
from ssdo.scene.model import Bytes, Floats
from ssdo.settings import UserError, format_toml, parse_toml

SUFFIXES = (".png", ".exr", ".npz")


@contextlib.contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when it is complete, and not at all otherwise. Raises UserError."""
    # named first: whenever the program is ended, it can be found
    temporary = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}; choose another place with --output"
        ) from None
    finally:
        with contextlib.suppress(OSError):  # it was never made, or has its name now
            temporary.unlink()


def free_name(folder: Path, stem: str, suffix: str) -> Path:
    """A name in the folder that is not taken: stem.png, stem-2.png, ..."""
    names = itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2)))
    return next(path for name in names if not (path := folder / f"{name}{suffix}").exists())


def check_free(paths: Iterable[Path], overwrite: bool) -> None:
    """Raises UserError where a file would be replaced that may not be."""
    for path in paths:
        if path.exists() and not overwrite:
            raise UserError(f"{path.absolute()} exists; add --overwrite or choose another --output")


def shown(gpu: Gpu, texture: Texture) -> Bytes:
    """An 8-bit texture as it is looked at: (h, w, 3), row 0 on top."""
    return np.ascontiguousarray(gpu.stored(texture)[..., :3])


def pixels(gpu: Gpu, picture: FrameResult) -> Bytes:
    """What is looked at: (h, w, 3) 8 bit sRGB, row 0 on top."""
    return shown(gpu, picture.display)


def displayed(gpu: Gpu, shot: Shot, radiance: Floats) -> Bytes:
    """Linear radiance (h, w, 3) as the shot displays it: (h, w, 3) 8 bit sRGB."""
    into = gpu.target("displayed", (radiance.shape[1], radiance.shape[0]), "rgba32f")
    gpu.write(into.textures[0], np.concatenate([radiance, np.ones_like(radiance[..., :1])], -1))
    return shown(gpu, shot.display.draw(gpu, into.textures[0]))


def arrays(gpu: Gpu, picture: FrameResult) -> dict[str, Floats]:
    """What is measured: float32, linear, row 0 on top. radiance, direct, indirect, albedo, normal (world), emission,
    sun: (h, w, 3); open and depth: (h, w), depth in metres along the view axis, inf for the background.
    """
    direct, surfaces = gpu.read(picture.lighting.direct), picture.view.gbuffer
    depth = gpu.read(surfaces.depth)[..., 0]
    rgb = {
        "radiance": picture.radiance,
        "indirect": picture.lighting.indirect,
        "albedo": surfaces.albedo,
        "normal": surfaces.normal,
        "emission": surfaces.emission,
        "sun": picture.view.sun,
    }
    found = {name: gpu.read(texture)[..., :3] for name, texture in rgb.items()}
    found |= {name: np.broadcast_to(found[name], found["radiance"].shape) for name in ("indirect", "emission")}
    return found | {
        "direct": direct[..., :3],
        "open": direct[..., 3],
        "depth": np.where(depth < BACKGROUND, depth, np.inf).astype("f4"),
    }


def save(path: Path, gpu: Gpu, picture: FrameResult, values: Mapping[str, Any]) -> None:
    """The picture in the format its name asks for, with the shot's values inside. Raises UserError."""
    match path.suffix.lower():
        case ".png":
            save_png(path, pixels(gpu, picture), values)
        case ".npz":
            with written(path) as file:
                everything: dict[str, Any] = {"shot": np.array(format_toml(values)), **arrays(gpu, picture)}
                np.savez_compressed(file, **everything)
        case ".exr":
            save_exr(path, gpu.read(picture.radiance)[..., :3], values)
        case _:
            raise UserError(f"{path}: a picture's name ends in {', '.join(SUFFIXES)}")


def save_png(path: Path, values_8bit: Bytes, values: Mapping[str, Any] | None = None) -> None:
    """(h, w, 3) 8 bit, row 0 on top, with the shot's values as TOML in the text chunk `shot`; None: no single shot
    makes it. Raises UserError.
    """
    from PIL import Image, PngImagePlugin

    note = PngImagePlugin.PngInfo()
    if values is not None:
        note.add_itxt("shot", format_toml(values))
    # only runs are packed: the picture of the courtyard takes 80 ms and 1.12 MB, otherwise 280 ms and 1.05 MB
    with written(path) as file:
        Image.fromarray(values_8bit).save(file, "png", pnginfo=note, compress_level=1, compress_type=zlib.Z_RLE)


def save_exr(path: Path, radiance: Floats, values: Mapping[str, Any] | None = None) -> None:
    """(h, w, 3) linear radiance as 32-bit channels R, G, B, with the shot in the attribute `shot`. Raises UserError."""
    content = _exr(path, np.ascontiguousarray(radiance), {} if values is None else {"shot": format_toml(values)})
    with written(path) as file:
        file.write(content)


def _exr(path: Path, radiance: Floats, more: Mapping[str, str]) -> bytes:
    """What an EXR file holds. The library writes files by name only, and may say nothing of a disk that was full: it is
    read again.
    """
    openexr = exr.openexr()
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage, **more}
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / "picture.exr"
        try:
            openexr.File(header, {"RGB": radiance}).write(str(name))
            with openexr.File(str(name)) as file:
                whole = file.channels()["RGB"].pixels.tobytes() == radiance.tobytes()
            content = name.read_bytes()
        except (OSError, RuntimeError, KeyError, IndexError, ValueError):
            whole, content = False, b""
    if not whole:
        raise UserError(f"{path}: cannot be written by way of {tempfile.gettempdir()}, which may be full")
    return content


def save_json(path: Path, values: Mapping[str, Any]) -> None:
    """Numbers and text for other programs. Raises UserError."""
    with written(path) as file:
        file.write(json.dumps(values, indent=1, allow_nan=False).encode())


def check_suffix(path: Path) -> None:
    """Raises UserError where `save` would, before anything is drawn."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"--output {path}: a picture's name ends in {', '.join(SUFFIXES)}")
    if path.suffix.lower() == ".exr":
        exr.openexr()


def shot_values(path: Path) -> dict[str, Any]:
    """The shot a PNG was made from, by dotted names. Raises UserError."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            image.load()  # the text may stand behind the pixels
            text = getattr(image, "text", {}).get("shot")
    except OSError as error:
        reason = (
            "not a picture" if isinstance(error, UnidentifiedImageError) else error.strerror or "not a whole picture"
        )
        raise UserError(f"{path}: cannot be read: {reason}") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    except MemoryError:
        raise UserError(f"{path}: needs more memory than there is") from None
    if text is None:
        raise UserError(f"{path}: no shot inside; give a PNG that this program wrote")
    return parse_toml(str(text), str(path))


def radiance_of(path: Path) -> Floats:
    """(h, w, 3) float32 linear radiance of an .exr file, or of an .npz file's array `radiance`. Raises UserError."""
    try:
        if path.suffix.lower() == ".npz":
            with np.load(path) as file:
                found = file["radiance"]
        elif path.suffix.lower() == ".exr":
            return exr.picture(path)
        else:
            raise UserError(f"{path}: linear radiance is read from .npz and .exr files")
    except KeyError as error:
        raise UserError(f"{path}: holds no {error.args[0]}; give a file that `capture` wrote") from None
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"{path}: needs more memory than there is") from None
    except Exception as error:  # from numpy, zipfile, zlib, tokenize and OpenEXR whatever there is
        raise UserError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or ' '.join(str(error).split())[:200]}"
        ) from None
    if (
        not isinstance(found, np.ndarray)
        or found.dtype.kind != "f"
        or found.ndim != 3
        or found.shape[2] < 3
        or not found.size
    ):
        kind = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else "no array"
        raise UserError(f"{path}: radiance is {kind}: must be floating point, (height, width, 3)")
    with np.errstate(over="ignore"):
        radiance: Floats = found[..., :3].astype("f4")
    if not np.isfinite(radiance).all():
        raise UserError(f"{path}: radiance must be finite, as 32-bit numbers too")
    return radiance


def contact_sheet(labelled: Sequence[tuple[str, Bytes]]) -> Bytes:
    """Pictures of one size, each under its label: up to three in a row, more in a square."""
    from PIL import Image, ImageDraw, ImageFont

    columns = len(labelled) if len(labelled) < 4 else math.ceil(math.sqrt(len(labelled)))
    height, width = labelled[0][1].shape[:2]
    font = ImageFont.load_default(max(12, height // 30))
    line = int(font.getbbox("Ag")[3]) + 12
    rows = -(-len(labelled) // columns)
    sheet = Image.new("RGB", (columns * (width + 8) + 8, rows * (height + line) + 8), (24, 26, 30))
    pen = ImageDraw.Draw(sheet)
    for number, (label, picture) in enumerate(labelled):
        x, y = 8 + number % columns * (width + 8), number // columns * (height + line)
        pen.text((x + 2, y + 4), label, (230, 230, 230), font=font)
        sheet.paste(Image.fromarray(picture), (x, y + line))
    return np.asarray(sheet)
