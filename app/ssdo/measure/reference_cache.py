"""Means of many frames, kept on disk: what was drawn once is not drawn again, and what was interrupted goes on.

A mean is found by everything that decides it: the shot as the scene resolves it, the scene's and the environment's own
numbers (not their names: a file may change), the program and its shaders, the driver. Whatever differs, it is not
found: nothing kept can be stale.
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

from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.pipeline import load_scene_of
from ssdo.render.shot import Shot
from ssdo.resources import PACKAGE, SHADERS
from ssdo.scene.model import Floats
from ssdo.settings import Parser, UserError, format_toml

MOST = 4 << 30  # bytes kept on disk; the longest unused go first


class Mean(NamedTuple):
    """The lighting of `frames` frames, averaged. (h, w, 4) float32, row 0 on top, as `Lighting`."""

    frames: int
    direct: Floats
    indirect: Floats
    gloss: Floats | None = None

    @property
    def textures(self) -> dict[str, Floats]:
        """Those that are there, by name."""
        return {name: values for name, values in zip(self._fields[1:], self[1:], strict=True) if values is not None}


class Store:
    """A folder of means. None: nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def load(self, key: str) -> Mean | None:
        """What is kept under the key; None where nothing is, or what is there cannot be read."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}.npz"
        try:
            with path.open("rb") as file, np.load(file) as found:  # opened here: numpy leaves a damaged file open
                mean = Mean(int(found["frames"]), found["direct"], found["indirect"], found.get("gloss"))
            os.utime(path)
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return mean

    def save(self, key: str, mean: Mean) -> None:
        """Keep it. A disk that is full or may not be written to costs the next run time, and this one nothing."""
        if self.folder is None:
            return
        contents: dict[str, Any] = {"frames": np.array(mean.frames), **mean.textures}
        with contextlib.suppress(UserError), images.written(self.folder / f"{key}.npz") as file:
            np.savez(file, **contents)
        with contextlib.suppress(OSError):
            self._prune()

    def _prune(self) -> None:
        assert self.folder
        found = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in self.folder.glob("*.npz")), reverse=True)
        total = 0
        for _, size, path in found:
            total += size
            if total > MOST:
                path.unlink(missing_ok=True)


def default_folder() -> Path:
    """Where this system keeps what can be made again."""
    return platformdirs.user_cache_path("ssdo", appauthor=False) / "means"


def add_cache_flags(parser: Parser) -> None:
    """`--cache DIR` and `--no-cache`."""
    parser.add_argument(
        "--cache",
        type=Path,
        default=default_folder(),
        metavar="DIR",
        help=f"where truths are kept [{default_folder()}]",
    )
    parser.add_argument(
        "--no-cache", action="store_const", const=None, dest="cache", help="keep no truth, and use none that is kept"
    )


def take_store(given: dict[str, Any]) -> Store:
    """What these flags say."""
    return Store(given.pop("cache"))


def key(gpu: Gpu, shot: Shot) -> str:
    """Of the lighting of a shot's frames. How it is displayed does not matter."""
    scene = load_scene_of(shot)
    shot = shot.resolved(scene)
    values = {k: v for k, v in shot.values().items() if not k.startswith("display.")}
    digest = hashlib.blake2b(digest_size=20)
    drawn = gpu.ctx.info["GL_RENDERER"], gpu.ctx.info["GL_VERSION"]
    for part in (format_toml(values), *drawn, program(), shot.surroundings().radiance, scene.meshes, scene.lamps):
        _take(digest, part)
    return digest.hexdigest()


@cache
def program() -> str:
    """A digest of all that draws."""
    digest = hashlib.blake2b(digest_size=20)
    for path in [*sorted(PACKAGE.rglob("*.py")), *sorted(SHADERS.rglob("*.*"))]:
        _take(digest, path.name)
        _take(digest, path.read_text("utf-8"))
    return digest.hexdigest()


def _take(digest: Any, thing: Any) -> None:
    """Add a thing, and where it ends, so that no two different things add up to the same."""
    for piece in _pieces(thing):
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)


def _pieces(thing: Any) -> Iterator[bytes]:
    if isinstance(thing, np.ndarray):
        yield f"{thing.dtype}{thing.shape}".encode()
        yield np.ascontiguousarray(thing).tobytes()
    elif dataclasses.is_dataclass(thing):
        for f in dataclasses.fields(thing):
            yield f.name.encode()
            yield from _pieces(getattr(thing, f.name))
    elif isinstance(thing, tuple):
        yield str(len(thing)).encode()
        for part in thing:
            yield from _pieces(part)
    else:
        yield repr(thing).encode()
