"""Saving where it cannot go well: a full disk, a folder that is closed, an end at any moment. A name stands for a whole
file or for none.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ssdo.__main__ import main
from ssdo.measure import images, reference_cache
from ssdo.settings import UserError
from test_commands import heeding

ROOT = Path(__file__).parents[1]
unix = pytest.mark.skipif(sys.platform == "win32", reason="there are no limits and other users")
NOISE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), "u1")
SMALL = ["--width", "64", "--height", "36", "--scene", "cornell"]


def _npz(path: Path) -> None:
    with images.atomic_write(path) as file:
        np.savez_compressed(file, a=NOISE, b=NOISE)


SAVERS: dict[str, Callable[[Path], None]] = {
    "a.png": lambda path: images.save_png(path, NOISE, {"width": 3}),
    "a.npz": _npz,
    "a.exr": lambda path: images.save_exr(path, NOISE.astype("f4"), {"width": 3}),
    "a.json": lambda path: images.save_json(path, {"a": list(range(100_000))}),
}


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@contextlib.contextmanager
def nearly_full(size: int) -> Iterator[None]:
    """No file may become larger: what is written says so at the same moments as a full disk does, by another name."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def closed(folder: Path) -> Iterator[None]:
    """A folder that nobody may write to; the superuser may, and becomes somebody else for a while."""
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@unix
@pytest.mark.parametrize("size", [0, 5000, 60_000])
@pytest.mark.parametrize("name", SAVERS)
def test_a_full_disk(name: str, size: int, tmp_path: Path) -> None:
    """The old file stays as it was, nothing is left, and the message names the file."""
    path = tmp_path / name
    path.write_bytes(b"before")
    with (
        nearly_full(size),
        pytest.raises(UserError, match=rf"{name}: cannot be written.*(File too large|which may be full)"),
    ):
        SAVERS[name](path)
    assert path.read_bytes() == b"before" and names(tmp_path) == [name]
    path.unlink()
    with nearly_full(size), pytest.raises(UserError):
        SAVERS[name](path)
    assert not names(tmp_path)
    SAVERS[name](path)
    assert names(tmp_path) == [name]


@unix
def test_a_truth_that_cannot_be_kept_costs_nothing_else(tmp_path: Path) -> None:
    terms = np.random.default_rng(0).random((60, 60, 4)).astype("f4")
    kept = reference_cache.ReferenceCache(tmp_path)
    with nearly_full(5000):
        kept.save("key", reference_cache.Accumulation(1, terms, terms))
    assert not names(tmp_path) and kept.load("key") is None


@unix
@pytest.mark.parametrize("name", SAVERS)
def test_a_closed_folder(name: str, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own may not be entered by others
    try:
        folder.chmod(0o755)
        (folder / name).write_bytes(b"before")
        with closed(folder), pytest.raises(UserError, match=rf"{name}: cannot be written: Permission denied"):
            SAVERS[name](folder / name)
        assert (folder / name).read_bytes() == b"before" and names(folder) == [name]
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


@unix
@pytest.mark.parametrize("size", [3000, 40_000])
def test_a_comparison_on_a_full_disk(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there is whole; what is not is named."""
    out = tmp_path / "out"
    arguments = ["compare", *SMALL, "--techniques", "off", "--reference", "none", "--no-cache", "--output", str(out)]
    monkeypatch.setattr(sys, "argv", ["ssdo", *arguments])
    with nearly_full(size):
        assert main() == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "cannot be written" in said
    for path in out.iterdir() if out.exists() else ():
        assert not path.name.startswith("."), path
        _check_whole(path, (36, 64))


def _check_whole(path: Path, shape: tuple[int, int]) -> None:
    match path.suffix:
        case ".png":
            with Image.open(path) as image:
                image.load()
        case ".npz" | ".exr":
            assert images.load_radiance(path).shape[:2] == shape
        case _:
            assert path.read_bytes()


# Drawing is what takes the time: it is done once, so that the end comes while something is written.
AGAIN_AND_AGAIN = """
import itertools, sys
from ssdo import __main__
from ssdo.commands import capture
from ssdo.render import pipeline
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.render.shot import Shot
from ssdo.measure import images
from pathlib import Path
paths = [Path(sys.argv[1]) / name for name in ("a.png", "a.npz", "a.exr")]
def again(arguments):
    shot = Shot().with_values({"scene": "cornell", "technique": "off", "width": 320, "height": 180})
    with Gpu(create_headless_context()) as gpu:
        picture = pipeline.render_accumulated(gpu, shot)
        for path in itertools.cycle(paths):
            images.save_result(path, gpu, picture, shot.values())
            if path == paths[-1]:
                print("begun", flush=True)
__main__.load_command = lambda name: again
sys.argv[1:] = ["again"]
sys.exit(__main__.main())
"""


@unix
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_an_end_at_any_moment(how: signal.Signals, tmp_path: Path) -> None:
    """Four times each, which is four different moments. What has the name is whole; only what cannot be caught leaves
    something, which no later run minds.
    """
    rng, path = random.Random(how), tmp_path / "out"
    path.mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    for _ in range(4):
        command = [sys.executable, "-c", AGAIN_AND_AGAIN, str(path)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=heeding, **pipes) as process:
            assert process.stdout and process.stdout.readline() == "begun\n"
            time.sleep(rng.uniform(0.0, 0.6))
            process.send_signal(how)
            _, said = process.communicate(timeout=60)
        assert process.returncode == (-how if how == signal.SIGKILL else 128 + how), said
        assert "Traceback" not in said
        for name in ("a.png", "a.npz", "a.exr"):
            _check_whole(path / name, (180, 320))
        left = [name for name in names(path) if name[:2] != "a."] + names(tmp_path / "temporary")
        assert how == signal.SIGKILL or not left, left
