"""Interrupted saving: full disks, read-only folders, killed processes. A file is complete or does not exist."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ssdo import __main__
from ssdo.measure import images, reference_cache
from ssdo.measure.output_files import atomic_write
from ssdo.render.shot import Shot
from ssdo.settings import UserError
from test_commands import call, heed_interrupts

ROOT = Path(__file__).parents[1]
unix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits and other users")
NOISE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), "u1")
SMALL_FLAGS = ["--width", "64", "--height", "36", "--scene", "cornell"]


def save_npz(path: Path, *, overwrite: bool) -> None:
    with atomic_write(path, overwrite) as file:
        np.savez_compressed(file, a=NOISE, b=NOISE)


SAVERS: dict[str, Callable[[Path], None]] = {
    "a.png": lambda path: images.save_png(path, NOISE, {"width": 3}, overwrite=True),
    "a.npz": lambda path: save_npz(path, overwrite=True),
    "a.exr": lambda path: images.save_exr(path, NOISE.astype("f4"), {"width": 3}, overwrite=True),
    "a.json": lambda path: images.save_json(path, {"a": list(range(100_000))}, overwrite=True),
}


def file_names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@contextlib.contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """Limit the size of files. Writing then fails at the same points as on a full disk, with another error."""
    import resource

    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, previous[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)


@contextlib.contextmanager
def read_only_folder(folder: Path) -> Iterator[None]:
    """A folder without write permission. The superuser, who needs none, becomes another user."""
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.slow
@unix_only
@pytest.mark.parametrize("size", [0, 5000, 60_000])
@pytest.mark.parametrize("name", SAVERS)
def test_saving_on_a_full_disk(name: str, size: int, tmp_path: Path) -> None:
    """An existing file is unchanged, no temporary file remains, and the message names the file."""
    path = tmp_path / name
    path.write_bytes(b"old")
    with (
        limited_file_size(size),
        pytest.raises(UserError, match=rf"{name}: cannot be written.*(File too large|which may be full)"),
    ):
        SAVERS[name](path)
    assert path.read_bytes() == b"old" and file_names(tmp_path) == [name]
    path.unlink()
    with limited_file_size(size), pytest.raises(UserError):
        SAVERS[name](path)
    assert not file_names(tmp_path)
    SAVERS[name](path)
    assert file_names(tmp_path) == [name]


@unix_only
def test_reference_cache_on_a_full_disk(tmp_path: Path) -> None:
    shot, lighting = Shot(width=60, height=60), np.random.default_rng(0).random((60, 60, 4)).astype("f4")
    cache = reference_cache.ReferenceCache(tmp_path)
    with limited_file_size(5000):
        cache.save("key", shot, reference_cache.Accumulation(1, lighting, lighting))
    assert not file_names(tmp_path) and cache.load("key", shot) is None


@unix_only
@pytest.mark.parametrize("name", SAVERS)
def test_saving_to_a_read_only_folder(name: str) -> None:
    folder = Path(tempfile.mkdtemp())  # other users may not enter pytest's own
    try:
        folder.chmod(0o755)
        (folder / name).write_bytes(b"old")
        with read_only_folder(folder), pytest.raises(UserError, match=rf"{name}: cannot be written: Permission denied"):
            SAVERS[name](folder / name)
        assert (folder / name).read_bytes() == b"old" and file_names(folder) == [name]
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


@pytest.mark.slow
@unix_only
@pytest.mark.parametrize("size", [3000, 40_000])
def test_comparison_on_a_full_disk(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that exist are complete, and the message names the one that could not be written."""
    out = tmp_path / "out"
    arguments = [*SMALL_FLAGS, "--techniques", "off", "--reference", "none", "--no-cache", "--output", out]
    with limited_file_size(size):
        assert call(monkeypatch, "compare", *arguments) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "cannot be written" in message
    for path in out.iterdir() if out.exists() else ():
        assert not path.name.startswith("."), path
        assert_complete(path, (36, 64))


def assert_complete(path: Path, shape: tuple[int, int]) -> None:
    match path.suffix:
        case ".png":
            with Image.open(path) as image:
                image.load()
        case ".npz" | ".exr":
            assert images.load_radiance(path).shape[:2] == shape
        case ".json":
            assert json.loads(path.read_bytes())
        case ".html":
            assert path.read_text("utf-8").rstrip().endswith("</html>")
        case _:
            raise AssertionError(f"{path}: an unknown kind of file")


# Renders once, so that the process is mostly writing when it is killed.
SAVE_IN_A_LOOP = """
import itertools, sys
from ssdo import __main__
from ssdo.commands import capture
from ssdo.render import pipeline
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.render.shot import Shot
from ssdo.measure import images
from pathlib import Path
paths = [Path(sys.argv[1]) / name for name in ("a.png", "a.npz", "a.exr")]
def run(arguments):
    shot = Shot().with_values({"scene": "cornell", "technique": "off", "width": 320, "height": 180})
    with Gpu(create_headless_context()) as gpu:
        result = pipeline.render_all_frames(gpu, shot)
        for path in itertools.cycle(paths):
            images.save_result(path, gpu, result, shot.values(), overwrite=True)
            if path == paths[-1]:
                print("started", flush=True)
__main__.load_command = lambda name: run
sys.argv[1:] = ["run"]
sys.exit(__main__.main())
"""


@pytest.mark.slow
@unix_only
@pytest.mark.parametrize(
    "signal_number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name
)
def test_killed_process_leaves_complete_files(signal_number: signal.Signals, tmp_path: Path) -> None:
    """Killed at four random times. Only SIGKILL, which no program can handle, may leave temporary files."""
    rng, path = random.Random(signal_number), tmp_path / "out"
    path.mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    for _ in range(4):
        command = [sys.executable, "-c", SAVE_IN_A_LOOP, str(path)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, env=environment, preexec_fn=heed_interrupts, **pipes) as process:
            assert process.stdout and process.stdout.readline() == "started\n"
            time.sleep(rng.uniform(0.0, 0.6))
            process.send_signal(signal_number)
            _, message = process.communicate(timeout=60)
        expected_code = -signal_number if signal_number == signal.SIGKILL else 128 + signal_number
        assert process.returncode == expected_code, message
        assert "Traceback" not in message
        for name in ("a.png", "a.npz", "a.exr"):
            assert_complete(path / name, (180, 320))
        leftovers = [name for name in file_names(path) if name[:2] != "a."] + file_names(tmp_path / "temporary")
        assert signal_number == signal.SIGKILL or not leftovers, leftovers


@pytest.mark.parametrize(("cause", "code"), [(SystemExit(143), 143), (KeyboardInterrupt(), 130), (OSError(), None)])
def test_the_exit_code_is_that_of_the_signal(
    monkeypatch: pytest.MonkeyPatch, cause: BaseException, code: int | None
) -> None:
    """Also where a library fails because a signal has left it in the middle. Other errors stay."""

    def fail(_: Sequence[str]) -> int:
        try:
            raise cause
        finally:
            raise ValueError("an open writing handle")

    monkeypatch.setattr(__main__, "load_command", lambda name: fail)
    monkeypatch.setattr(sys, "argv", ["ssdo", "capture"])
    handler = signal.getsignal(signal.SIGTERM)
    try:
        if code is None:
            with pytest.raises(ValueError, match="an open writing handle"):
                __main__.main()
        else:
            assert __main__.main() == code
    finally:
        signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("words", [1, 3, 30])
def test_labels_of_contact_sheets_stay_above_their_image(words: int) -> None:
    """However long, also in one word: between the images, and beside them, is nothing but background."""
    image = np.full((20, 90, 3), 128, "u1")
    for label in (" ".join(["label"] * words), "label" * words):
        contact_sheet = images.make_contact_sheet([(label, image)] * 3).astype("i4")
        margins = contact_sheet[:, [*range(8), *range(98, 106), *range(196, 204), *range(294, 302)]]
        assert (margins == contact_sheet[0, 0]).all()
        assert (contact_sheet[:, 8:98] != contact_sheet[0, 0]).any(-1)[:-28].any(), "a label is there"
