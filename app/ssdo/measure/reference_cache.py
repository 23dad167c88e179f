"""A cache on disk of accumulated lighting, so that references are rendered once and can be interrupted.

The key is a digest of everything that decides the lighting: the resolved shot, the contents of the scene and the
environment (not their names: a file may change), the program's source with its shaders, and the OpenGL driver. An entry
is never stale.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import platformdirs

from ssdo.arrays import Floats
from ssdo.flags import FlagParser
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.pipeline import load_shot_scene
from ssdo.render.shot import Shot
from ssdo.resources import PACKAGE, SHADERS
from ssdo.settings import UserError
from ssdo.toml_text import format_toml

MAX_CACHE_BYTES = 4 << 30


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
    """A folder of accumulations. With the folder None, the cache is always empty."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, key: str) -> Accumulation | None:
        """Load an entry. None if there is none, or the file is damaged."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}.npz"
        try:
            # Opened here, because np.load leaves a damaged file open.
            with path.open("rb") as file, np.load(file) as arrays:
                accumulation = Accumulation(
                    int(arrays["frames"]), arrays["direct"], arrays["indirect"], arrays.get("specular")
                )
            os.utime(path)  # entries are removed in the order of their last use
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return accumulation

    def save(self, key: str, accumulation: Accumulation) -> None:
        """Save an entry. On a full or read-only disk it is silently not saved."""
        if self.folder is None:
            return
        arrays: dict[str, Any] = {"frames": np.array(accumulation.frames), **accumulation.textures}
        with contextlib.suppress(UserError), images.atomic_write(self.folder / f"{key}.npz") as file:
            np.savez(file, **arrays)
        with contextlib.suppress(OSError):
            self._prune()

    def _prune(self) -> None:
        """Remove the least recently used entries beyond MAX_CACHE_BYTES."""
        assert self.folder
        entries = [(path.stat().st_mtime, path.stat().st_size, path) for path in self.folder.glob("*.npz")]
        total = 0
        for _, size, path in sorted(entries, reverse=True):
            total += size
            if total > MAX_CACHE_BYTES:
                path.unlink(missing_ok=True)


def default_cache_folder() -> Path:
    """The cache folder of this operating system and user."""
    return platformdirs.user_cache_path("ssdo", appauthor=False) / "means"


def add_cache_flags(parser: FlagParser) -> None:
    """Add `--cache DIR` and `--no-cache`."""
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_cache_folder(),
        metavar="DIR",
        help=f"folder of cached references [{default_cache_folder()}]",
    )
    parser.add_argument(
        "--no-cache", action="store_const", const=None, dest="cache", help="neither read nor write cached references"
    )


def parse_cache_flags(flags: dict[str, Any]) -> ReferenceCache:
    """Take the value of these flags out of the parsed ones."""
    return ReferenceCache(flags.pop("cache"))


def cache_key(gpu: Gpu, shot: Shot) -> str:
    """The key of the lighting of a shot's frames. Display settings are not part of it."""
    scene = load_shot_scene(shot)
    shot = shot.resolve(scene)
    values = {name: value for name, value in shot.values().items() if not name.startswith("display.")}
    digest = hashlib.blake2b(digest_size=20)
    for part in (
        format_toml(values),
        gpu.ctx.info["GL_RENDERER"],
        gpu.ctx.info["GL_VERSION"],
        source_digest(),
        shot.load_environment().radiance,
        scene.meshes,
        scene.lights,
    ):
        _update(digest, part)
    return digest.hexdigest()


@cache
def source_digest() -> str:
    """A digest of the program's source and shaders."""
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
