"""A cache on disk of accumulated lighting, so that references are rendered once and can be interrupted.

The key is a digest of everything that decides the lighting: the resolved shot, the contents of the scene and the
environment (not their names: a file may change), the program's source with its shaders, and the OpenGL driver. An entry
is never stale.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs

from ssdo.arrays import Floats
from ssdo.flags import FlagParser
from ssdo.gpu.context import Gpu
from ssdo.measure import output_files
from ssdo.render.pipeline import LoadedShot
from ssdo.render.shot import Shot
from ssdo.resources import PACKAGE, SHADERS
from ssdo.settings import UserError
from ssdo.toml_text import format_toml

MAX_CACHE_BYTES = 4 << 30
MAX_TEMPORARY_AGE = 24 * 3600.0  # seconds; older temporary files are those of processes that were killed
CHECKSUM_BYTES = 32
ENTRY_SUFFIX = ".mean"
# Files that the cache may remove: entries, those of older formats (.npz), and temporary files of both.
OWN_NAME = re.compile(r"(?P<temporary>\.)?[0-9a-f]{40}(?P<suffix>\.mean|\.npz)(?(temporary)\..+|)")


class Accumulation(NamedTuple):
    """The mean lighting of some frames, as `Lighting`: (h, w, 4) float32, row 0 on top."""

    frames: int
    direct: Floats
    indirect: Floats
    specular: Floats | None = None

    @property
    def textures(self) -> dict[str, Floats]:
        """The terms of the lighting that exist, by name."""
        return {name: values for name, values in zip(self._fields[1:], self[1:], strict=True) if values is not None}


class ReferenceCache:
    """A folder of accumulations. With the folder None, the cache is always empty.

    An entry is a digest of its content, then the content, an .npz file.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, key: str, shot: Shot) -> Accumulation | None:
        """Load the entry of a shot. None if there is none. A file that is damaged or does not fit is removed."""
        if self.folder is None:
            return None
        path = self._entry_path(key)
        try:
            content = path.read_bytes() if path.stat().st_size <= _max_entry_bytes(shot) else b""
        except OSError:
            return None
        accumulation = _decode_entry(content, shot)
        with contextlib.suppress(OSError):
            if accumulation is None:
                path.unlink()
            else:
                os.utime(path)  # entries are removed in the order of their last use
        return accumulation

    def save(self, key: str, shot: Shot, accumulation: Accumulation) -> None:
        """Save an entry. On a full or read-only disk it is silently not saved.

        Nor is one that `load` would refuse, or one drawn while the program's own source was changed on disk.
        """
        if self.folder is None or not _is_valid(accumulation, shot) or compute_source_digest() != source_digest():
            return
        with contextlib.suppress(UserError):
            output_files.save_bytes(self._entry_path(key), _encode_entry(accumulation), overwrite=True)
        self._prune()

    def _entry_path(self, key: str) -> Path:
        assert self.folder
        return self.folder / f"{key}{ENTRY_SUFFIX}"

    def _prune(self) -> None:
        """Remove the least recently used entries beyond MAX_CACHE_BYTES, and what nobody reads any more.

        That is entries of older formats, and temporary files of processes that were killed. The folder may be the
        user's own: other files stay.
        """
        assert self.folder
        entries = []
        for path in list(self.folder.iterdir()) if self.folder.is_dir() else []:
            if not (match := OWN_NAME.fullmatch(path.name)):
                continue
            with contextlib.suppress(OSError):  # another process may have removed it
                status = path.stat()
                is_temporary = bool(match["temporary"])
                if is_temporary and time.time() - status.st_mtime < MAX_TEMPORARY_AGE:
                    continue
                if is_temporary or match["suffix"] != ENTRY_SUFFIX:
                    path.unlink()
                else:
                    entries.append((status.st_mtime, status.st_size, path))
        total = 0
        for _, size, path in sorted(entries, reverse=True):
            total += size
            if total > MAX_CACHE_BYTES:
                with contextlib.suppress(OSError):
                    path.unlink()


def _max_entry_bytes(shot: Shot) -> int:
    """An upper bound of an entry's size: three textures and the headers."""
    return 3 * 16 * shot.width * shot.height + (1 << 16)


def _encode_entry(accumulation: Accumulation) -> bytes:
    stream = io.BytesIO()
    arrays: dict[str, Any] = {"frames": np.array(accumulation.frames), **accumulation.textures}
    np.savez(stream, **arrays)
    content = stream.getvalue()
    return hashlib.blake2b(content, digest_size=CHECKSUM_BYTES).digest() + content


def _decode_entry(data: bytes, shot: Shot) -> Accumulation | None:
    """The accumulation of an entry's bytes; None if they are damaged, or not of this shot."""
    checksum, content = data[:CHECKSUM_BYTES], data[CHECKSUM_BYTES:]
    if hashlib.blake2b(content, digest_size=CHECKSUM_BYTES).digest() != checksum:
        return None
    try:
        with np.load(io.BytesIO(content)) as arrays:
            frames, names = arrays["frames"], set(arrays.files) - {"frames"}
            if frames.shape or frames.dtype.kind not in "iu":
                return None
            accumulation = Accumulation(int(frames), **{name: arrays[name] for name in names})
    except Exception:  # numpy, zipfile and zlib raise many types
        return None
    return accumulation if _is_valid(accumulation, shot) else None


def _is_valid(accumulation: Accumulation, shot: Shot) -> bool:
    """Whether frames, shapes and values are what a shot's accumulation can have."""
    full_shape = shot.height, shot.width, 4
    shapes = {name: values.shape for name, values in accumulation.textures.items()}
    has_placeholder = accumulation.specular is None and shapes["indirect"] == (1, 1, 4)
    return (
        1 <= accumulation.frames <= shot.accumulated_frames
        and all(shape == full_shape or (name == "indirect" and has_placeholder) for name, shape in shapes.items())
        and all(values.dtype == np.float32 and np.isfinite(values).all() for values in accumulation.textures.values())
    )


def default_cache_folder() -> Path:
    """The cache folder of this operating system and user."""
    return platformdirs.user_cache_path("ssdo", appauthor=False) / "means"


def add_cache_flags(parser: FlagParser) -> None:
    """Add `--cache DIR` and `--no-cache`."""
    parser.add_argument(
        "--cache",
        type=_parse_cache_folder,
        default=default_cache_folder(),
        metavar="DIR",
        help=f"folder of cached references [{default_cache_folder()}]",
    )
    parser.add_argument(
        "--no-cache", action="store_const", const=None, dest="cache", help="neither read nor write cached references"
    )


def _parse_cache_folder(word: str) -> Path:
    """A folder that exists or can be made, perhaps one that can only be read. Raises UserError."""
    folder = Path(word)
    output_files.require_possible_folder(folder, "--cache")
    return folder


def parse_cache_flags(flags: dict[str, Any]) -> ReferenceCache:
    """Take the value of these flags out of the parsed ones."""
    return ReferenceCache(flags.pop("cache"))


def cache_key(gpu: Gpu, loaded: LoadedShot) -> str:
    """The key of the lighting of a shot's frames. Display settings and the background are not part of it."""
    shot, scene, environment = loaded
    values = {name: value for name, value in shot.values().items() if not name.startswith(("display.", "background"))}
    digest = hashlib.blake2b(digest_size=20)
    for part in (
        format_toml(values),
        gpu.ctx.info["GL_RENDERER"],
        gpu.ctx.info["GL_VERSION"],
        source_digest(),
        environment.radiance,
        scene.meshes,
        scene.lights,
        scene.coordinates,
    ):
        _update(digest, part)
    return digest.hexdigest()


@cache
def source_digest() -> str:
    """A digest of the program's source and shaders, as they were when it was first asked for."""
    return compute_source_digest()


def compute_source_digest() -> str:
    """A digest of the program's source and shaders as they are now."""
    digest = hashlib.blake2b(digest_size=20)
    for path in [*sorted(PACKAGE.rglob("*.py")), *sorted(SHADERS.rglob("*.*"))]:
        _update(digest, path.name)
        _update(digest, path.read_text("utf-8"))
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    """Add a value to a digest. Lengths are added too, so that different values never make equal bytes."""
    for chunk in _encode(value):
        digest.update(len(chunk).to_bytes(8, "little"))
        digest.update(chunk)


def _encode(value: Any) -> Iterator[bytes]:
    if isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield field.name.encode()
            yield from _encode(getattr(value, field.name))
    elif isinstance(value, tuple):
        yield str(len(value)).encode()
        for item in value:
            yield from _encode(item)
    else:
        yield repr(value).encode()
