"""Saving: names that somebody else takes, folders that belong to one process, lines that are whole, and bad paths."""

from __future__ import annotations

import contextlib
import errno
import inspect
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import file_system_faults
import kills
import numpy as np
import pytest
from PIL import Image
from ssdo import __main__
from ssdo.__main__ import COMMANDS
from ssdo.commands import capture
from ssdo.commands.bench import BENCHES, cost_report, equal, errors
from ssdo.commands.sweep import checkpoint, plot
from ssdo.commands.sweep.checkpoint import Checkpoint
from ssdo.gpu.context import Gpu
from ssdo.measure import images, json_lines, output_files
from ssdo.measure.output_files import FolderInUseError, NameTakenError, NumberedFiles, atomic_write, own_folder
from ssdo.render.pipeline import FrameResult, render_all_frames
from ssdo.render.shot import Shot
from ssdo.settings import UserError
from ssdo.viewer import screenshots
from ssdo.viewer.controls import Pose
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.turntable import Turntable, TurntableSettings
from test_commands import call, run_app
from test_image_io import SAVERS, file_names, save_npz, unix_only
from test_viewer import SessionRunner, open_split

ROOT = Path(__file__).parents[1]
PYTHON_PATH = os.pathsep.join([str(ROOT / "app"), str(ROOT / "tests")])
MINE = b"mine"
TOO_LONG = "x" * 300  # bytes of a name; file systems allow 255


def put_file(path: Path) -> None:
    path.write_bytes(MINE)


def put_folder(path: Path) -> None:
    path.mkdir()


def put_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def put_link(path: Path) -> None:
    target = path.parent / "target"
    target.write_bytes(MINE)
    path.symlink_to(target)


OBSTACLES: dict[str, Callable[[Path], None]] = {
    "file": put_file,
    "folder": put_folder,
    "dangling link": put_dangling_link,
    "link": put_link,
}


def describe(path: Path) -> object:
    """What stands at a path, so that a replacement is seen."""
    if path.is_symlink():
        return "link", path.readlink(), path.read_bytes() if path.exists() else None
    if path.is_dir():
        return "folder", path.stat().st_ino
    return "file", path.read_bytes()


def run_python(script: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start a Python program that can import the package and the tests."""
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, **options)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


# ---- one file ----


def without_hard_links(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", fail)


@unix_only
@pytest.mark.parametrize("link_error", [0, *output_files.NO_HARD_LINKS])
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_name_taken_while_writing_is_not_replaced(
    obstacle: str, link_error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On file systems with hard links and without."""
    if link_error:
        without_hard_links(monkeypatch, link_error)
    path = tmp_path / "a.png"
    with pytest.raises(NameTakenError, match="exists; add --overwrite"), atomic_write(path, overwrite=False) as file:
        file.write(b"new")
        OBSTACLES[obstacle](path)
        previous_state = describe(path)
    assert describe(path) == previous_state
    assert not [name for name in file_names(tmp_path) if name.startswith(".")]
    free = tmp_path / "b.png"
    with atomic_write(free, overwrite=False) as file:
        file.write(b"new")
    assert free.read_bytes() == b"new" and free.stat().st_nlink == 1


@unix_only
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_overwrite_replaces_all_but_a_folder(obstacle: str, tmp_path: Path) -> None:
    """A link is replaced itself; what it leads to is unchanged."""
    path = tmp_path / "a.png"
    OBSTACLES[obstacle](path)
    expected = pytest.raises(UserError, match="Is a directory") if obstacle == "folder" else contextlib.nullcontext()
    with expected, atomic_write(path, overwrite=True) as file:
        file.write(b"new")
    assert path.is_dir() if obstacle == "folder" else path.read_bytes() == b"new" and not path.is_symlink()
    assert set(file_names(tmp_path)) <= {"a.png", "target"}
    assert not (tmp_path / "target").exists() or (tmp_path / "target").read_bytes() == MINE


@unix_only
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EACCES])
def test_failing_link_is_an_error(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_hard_links(monkeypatch, number)
    with (
        pytest.raises(UserError, match=rf"a\.png: cannot be written: {os.strerror(number)}"),
        atomic_write(tmp_path / "a.png", overwrite=False) as file,
    ):
        file.write(b"new")
    assert not file_names(tmp_path)


@unix_only
def test_failing_claim_leaves_no_empty_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hard links a name is claimed first, by an empty file."""
    without_hard_links(monkeypatch, errno.EPERM)

    def fail(source: Path, target: Path) -> None:
        assert target.read_bytes() == b""
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "replace", fail)
    with (
        pytest.raises(UserError, match="Input/output error"),
        atomic_write(tmp_path / "a.png", overwrite=False) as file,
    ):
        file.write(b"new")
    assert not file_names(tmp_path)


@unix_only
def test_repeated_request_of_a_network_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer was lost, so that the second says that the name exists: it is our own."""
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    with atomic_write(tmp_path / "a.png", overwrite=False) as file:
        file.write(b"new")
    assert (tmp_path / "a.png").read_bytes() == b"new"


@pytest.mark.parametrize("overwrite", [False, True])
def test_content_is_on_the_disk_before_the_name_appears(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, fsync_states = tmp_path / "a.png", []
    fsync = os.fsync

    def record(file: int) -> None:
        fsync_states.append((os.fstat(file).st_size, path.exists()))
        fsync(file)

    monkeypatch.setattr(os, "fsync", record)
    with atomic_write(path, overwrite) as file:
        file.write(b"new")
    assert fsync_states == [(3, False)]


@pytest.mark.parametrize("name", SAVERS)
def test_savers_do_not_overwrite_unless_told_to(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    put_file(path)
    with pytest.raises(NameTakenError):
        match path.suffix:
            case ".png":
                images.save_png(path, np.zeros((2, 2, 3), "u1"))
            case ".exr":
                images.save_exr(path, np.zeros((2, 2, 3), "f4"))
            case ".json":
                images.save_json(path, {"a": 1})
            case ".npz":
                save_npz(path, overwrite=False)
    assert path.read_bytes() == MINE
    SAVERS[name](path)
    assert path.read_bytes() != MINE


WRITE_IN_A_LOOP = """
import itertools, sys
from pathlib import Path
from ssdo.measure.output_files import save_bytes
folder = Path(sys.argv[1])
for number in itertools.count(int(sys.argv[2])):
    save_bytes(folder / "same", bytes([number % 251]) * (1 << 20), overwrite=True)
    save_bytes(folder / f"new-{number}", bytes([number % 251]) * (1 << 20), overwrite=False)
    print(number, flush=True)
"""


@pytest.mark.slow
@unix_only
def test_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Never a mixture, nor a name without content."""
    rng = random.Random(0)
    for start in range(0, 5000, 1000):
        with run_python(WRITE_IN_A_LOOP, tmp_path, start) as process:
            read_line(process)
            time.sleep(rng.uniform(0.0, 0.05))
            process.kill()
        visible_files = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
        assert len(visible_files) >= 2
        for path in visible_files:
            content = path.read_bytes()
            assert len(content) == 1 << 20 and len(set(content)) == 1
            number = int(path.name.partition("-")[2] or start)
            assert path.name == "same" or content[0] == number % 251
            path.unlink()


# ---- names that the program chooses ----

SAVE_MANY = """
import sys, time
from pathlib import Path
import numpy as np
from ssdo.measure import images
from ssdo.measure.output_files import NumberedFiles
folder, color, endings = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
pixels = np.full((4, 4, 3), color, "u1")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    files = NumberedFiles(folder, "picture", endings)
    for ending in endings:
        files.save(ending, lambda path, overwrite: images.save_png(path, pixels, overwrite=overwrite))
    print(*files.paths, sep=",", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("endings", [".png", "-left.png,-right.png,.png"])
def test_processes_that_save_at_once_keep_all_pictures(endings: str, tmp_path: Path) -> None:
    """Each prints its own paths, and the files of a set share a number."""
    processes = [run_python(SAVE_MANY, tmp_path, color, endings, stdin=subprocess.PIPE) for color in (50, 200)]
    for process in processes:
        assert read_line(process) == "ready"
    outputs = [process.communicate("go\n", timeout=60)[0].splitlines() for process in _release(processes)]
    count = 1 + endings.count(",")
    names = file_names(tmp_path)
    assert len(names) == 40 * count and not [name for name in names if name.startswith(".")]
    for color, lines in zip((50, 200), outputs, strict=True):
        assert len(set(lines)) == 20
        for line in lines:
            paths = [Path(word) for word in line.split(",")]
            stems = {path.name.removesuffix(end) for path, end in zip(paths, endings.split(","), strict=True)}
            assert len(paths) == count and len(stems) == 1
            for path in paths:
                with Image.open(path) as image:
                    assert image.getpixel((0, 0)) == (color,) * 3


def _release(processes: Sequence[subprocess.Popen[str]]) -> Sequence[subprocess.Popen[str]]:
    """Let all of them start at once."""
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


@pytest.mark.parametrize("taken_numbers", [1, 2, 3])
@pytest.mark.parametrize("other_ending", range(3))
@pytest.mark.parametrize("taken_at", range(3))
def test_set_moves_on_as_a_whole(taken_at: int, other_ending: int, taken_numbers: int, tmp_path: Path) -> None:
    """While its file `taken_at` is written, others take that name, and one of the set under the next numbers."""
    endings, stems = ["-a", "-b", "-c"], ["set", "set-2", "set-3", "set-4"]
    files = NumberedFiles(tmp_path, "set", endings)
    others = [tmp_path / f"set{endings[taken_at]}"]
    others += [tmp_path / f"{stem}{endings[other_ending]}" for stem in stems[1:taken_numbers]]

    def save(path: Path, overwrite: bool) -> None:
        if path == others[0]:
            for other in others:
                put_file(other)
        output_files.save_bytes(path, path.name[-2:].encode(), overwrite)

    for ending in endings:
        files.save(ending, save)
    assert [path.name for path in files.paths] == [stems[taken_numbers] + ending for ending in endings]
    assert [path.read_bytes() for path in files.paths] == [ending.encode() for ending in endings]
    assert all(path.read_bytes() == MINE for path in others)
    assert len(file_names(tmp_path)) == len(others) + len(endings)


def test_set_moves_on_while_it_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its second file is renamed to a name that was taken since the names were looked at: all go further."""
    files = NumberedFiles(tmp_path, "set", ["-a", "-b", "-c"])
    for ending in ("-a", "-b"):
        files.save(ending, lambda path, overwrite: output_files.save_bytes(path, b"ours", overwrite))
    put_file(tmp_path / "set-c")
    publish = output_files._publish

    def take_name(source: Path, target: Path, overwrite: bool) -> None:
        if target.name == "set-2-b":
            put_file(target)
        publish(source, target, overwrite)

    monkeypatch.setattr(output_files, "_publish", take_name)
    files.save("-c", lambda path, overwrite: output_files.save_bytes(path, b"ours", overwrite))
    assert [path.name for path in files.paths] == ["set-3-a", "set-3-b", "set-3-c"]
    assert {path for path in tmp_path.iterdir() if path.read_bytes() == b"ours"} == set(files.paths)
    assert (tmp_path / "set-2-b").read_bytes() == (tmp_path / "set-c").read_bytes() == MINE


@unix_only
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_chosen_names_are_free(obstacle: str, tmp_path: Path) -> None:
    OBSTACLES[obstacle](tmp_path / "a.png")
    previous_state = describe(tmp_path / "a.png")
    assert output_files.unique_path(tmp_path, "a", ".png").name == "a-2.png"
    assert NumberedFiles(tmp_path, "a", [".png", "-left.png"]).paths[1].name == "a-2-left.png"
    assert output_files.make_new_folder(tmp_path, "a.png").name == "a.png-2"
    with output_files.own_new_folder(tmp_path, "a.png", "test") as folder:
        assert folder.name == "a.png-3"
    assert not folder.exists() and describe(tmp_path / "a.png") == previous_state


def test_new_folder_of_another_process_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes the folder just before this process does, which goes on to the next number."""
    mkdir = Path.mkdir

    def make_twice(path: Path) -> None:
        if path.name in ("a", "a-3"):
            mkdir(path)
        mkdir(path)

    monkeypatch.setattr(Path, "mkdir", make_twice)
    assert output_files.make_new_folder(tmp_path, "a").name == "a-2"
    with output_files.own_new_folder(tmp_path, "a", "test") as folder:
        assert folder.name == "a-4"
    assert sorted(file_names(tmp_path)) == ["a", "a-2", "a-3"]


@pytest.mark.parametrize("character", ["x", "é", "椅", "🪑"])
@pytest.mark.parametrize("length", [1, 49, 50, 66, 99, 100, 101, 255, 5000])
def test_chosen_names_are_never_too_long(character: str, length: int, tmp_path: Path) -> None:
    """As of a scene whose name has as many bytes as a file system allows."""
    for number in range(2):
        files = NumberedFiles(tmp_path, character * length, ["-a.png", "-b.png"])
        for ending in ("-a.png", "-b.png"):
            files.save(ending, lambda path, overwrite: output_files.save_bytes(path, b"x", overwrite))
        assert len(file_names(tmp_path)) == 2 * (number + 1)
        assert all(path.name.startswith(character) for path in files.paths)


# ---- folders of results ----

HOLD_FOLDER = """
import sys, time
from pathlib import Path
from ssdo.measure.output_files import own_folder
with own_folder(Path(sys.argv[1]), "ssdo sweep --scenes 'a b'"):
    print("owned", flush=True)
    sys.stdin.readline()
"""


@contextlib.contextmanager
def held_folder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns a folder."""
    with run_python(HOLD_FOLDER, folder, stdin=subprocess.PIPE) as process:
        assert read_line(process) == "owned"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_folder_belongs_to_one_process(tmp_path: Path) -> None:
    """The message names the owner and the way out. A killed owner loses the folder at once."""
    folder = tmp_path / "deep" / "out"
    with held_folder(folder) as process:
        with pytest.raises(FolderInUseError) as error, own_folder(folder, "test"):
            raise AssertionError("two owners")
        message = str(error.value)
        assert f"{folder} is in use by process {process.pid} on " in message and "\n" not in message
        assert " since 20" in message and "(ssdo sweep --scenes 'a b')" in message
        assert message.endswith("; wait for it, stop it, or choose another --output")
        process.send_signal(signal.SIGKILL) if sys.platform != "win32" else process.kill()
        process.wait()
    assert file_names(folder) == [".lock"]
    with (
        own_folder(folder, "test"),
        pytest.raises(FolderInUseError, match=rf"by process {os.getpid()} on .*\(test\)"),
        own_folder(folder, "another"),
    ):
        raise AssertionError("two owners")
    assert folder.is_dir() and not file_names(folder)


def test_folder_that_was_made_and_is_empty_is_removed(tmp_path: Path) -> None:
    """With the folders above it; others, and folders that something was put into, stay."""
    for name in ("", "old", "old/new", "a/b/c", "a/b"):
        (tmp_path / "old").mkdir(exist_ok=True)
        with own_folder(tmp_path / name, "test"):
            assert (tmp_path / name / ".lock").read_text().startswith(f" by process {os.getpid()} on ")
        assert [path.name for path in tmp_path.rglob("*")] == ["old"], name
    with pytest.raises(KeyboardInterrupt), own_folder(tmp_path / "a" / "b", "test"):
        (tmp_path / "a" / "result").write_bytes(MINE)
        raise KeyboardInterrupt
    assert {path.name for path in tmp_path.rglob("*")} == {"old", "a", "result"}


COUNT_UP = """
import sys, time
from pathlib import Path
from ssdo.measure.output_files import FolderInUseError, own_folder
folder, counter, finished = Path(sys.argv[1]), Path(sys.argv[2]), 0
print("ready", flush=True)
sys.stdin.readline()
while finished < 30:
    try:
        with own_folder(folder / "out", "test"):
            number = int(counter.read_text())
            time.sleep(0.0005)
            counter.write_text(str(number + 1))
            finished += 1
    except FolderInUseError:
        time.sleep(0.0002)
"""


@pytest.mark.slow
def test_no_two_processes_own_a_folder(tmp_path: Path) -> None:
    """Three count up in one file, which loses numbers unless each is alone. The folder comes and goes meanwhile."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    processes = [run_python(COUNT_UP, tmp_path, counter, stdin=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        assert read_line(process) == "ready"
    for process in _release(processes):
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert counter.read_text() == "90"
    assert not list((tmp_path / "out").glob("*"))


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A warning, as nothing keeps others out."""
    filelock = pytest.importorskip("filelock")
    for number in output_files.NO_LOCKS:

        def fail(file: int, blocking: bool, number: int = number) -> bool:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(filelock, "lock_descriptor", fail)
        with own_folder(tmp_path, "test"):
            assert not file_names(tmp_path)
        assert "cannot be locked here; let no other process write into it" in capsys.readouterr().err


# ---- JSON lines ----

LINES = [{"point": number, "row": {"name": "a b, é", "value": 0.1 * number}} for number in range(4)]
NEW_LINE = {"point": 9, "row": {"value": 1.5}}


def write_log(path: Path) -> bytes:
    path.unlink(missing_ok=True)
    for line in LINES:
        json_lines.append_line(path, line)
    return path.read_bytes()


class FullDisk:
    """Writes `size` more bytes, in pieces of at most `piece`; then fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: int, piece: int, error: BaseException) -> None:
        self.size, self.piece, self.error = size, piece, error
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "fsync", lambda file: None)

    def write(self, file: int, content: bytes) -> int:
        count = min(self.size, self.piece, len(content))
        if content and not count:
            raise self.error
        self.size -= count
        return self._write(file, content[:count])


@pytest.mark.parametrize("can_truncate", [True, False])
@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_line_is_whole_or_absent(
    error: BaseException, piece: int, can_truncate: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of a line the disk takes: earlier lines are read, and so is the next one."""
    path = tmp_path / "log"
    content = write_log(path)
    length = len(json_lines.format_line(NEW_LINE))
    for size in range(length + 1):
        path.write_bytes(content)
        with monkeypatch.context() as patch:
            FullDisk(patch, size, piece, error)
            if not can_truncate:
                patch.setattr(os, "ftruncate", lambda file, size: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
            with pytest.raises(type(error)) if size < length else contextlib.nullcontext():
                json_lines.append_line(path, NEW_LINE)
        expected = [*LINES, NEW_LINE] if size == length else LINES
        assert json_lines.read_lines(path).values == expected, size
        assert path.read_bytes() == content or size == length or not can_truncate
        json_lines.append_line(path, {"point": 10, "row": {}})
        if size == length - 1 and not can_truncate:  # only the newline was missing, which the next line brings
            expected = [*LINES, NEW_LINE]
        assert json_lines.read_lines(path).values == [*expected, {"point": 10, "row": {}}], size


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_failing_sync_fails_and_an_interrupted_one_keeps_the_line(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process may have seen is not taken back because of a signal."""
    path = tmp_path / "log"
    write_log(path)

    def fail(file: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        json_lines.append_line(path, NEW_LINE)
    assert json_lines.read_lines(path).values == [*LINES, *([NEW_LINE] * isinstance(error, KeyboardInterrupt))]


def test_damaged_bytes_cost_only_their_own_line(tmp_path: Path) -> None:
    """Each byte in turn, newlines too. A half line may also stand before a whole one."""
    path = tmp_path / "log"
    content = write_log(path)
    rng = random.Random(1)
    for position in range(len(content)):
        damaged_content = bytearray(content)
        damaged_content[position] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged_content)
        number = content[:position].count(b"\n")
        is_newline = content[position : position + 1] == b"\n"
        expected = [line for k, line in enumerate(LINES) if k != number or is_newline]
        values, _, is_intact = json_lines.read_lines(path)
        assert values == expected[: len(values)] and len(values) >= len(LINES) - 1, position
        assert len(values) == len(expected) or position == len(content) - 1, position
        assert not is_intact, position
    half = content[:20]
    path.write_bytes(half + content + half)
    assert json_lines.read_lines(path) == (LINES, half + half, False)
    path.write_bytes(content)
    assert json_lines.read_lines(path) == (LINES, b"", True)


def test_lines_of_two_writers_are_not_truncated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One fails; the other has appended meanwhile."""
    path = tmp_path / "log"
    write_log(path)
    write = os.write

    def write_after_another(file: int, content: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        json_lines.append_line(path, NEW_LINE)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", write_after_another)
    with pytest.raises(OSError, match="full"):
        json_lines.append_line(path, {"point": 10, "row": {}})
    assert json_lines.read_lines(path).values == [*LINES, NEW_LINE]


# ---- checkpoints of sweeps ----

HEADER = {"sweep": "ours", "command": "ssdo sweep --ours"}
OUR_LINES: list[dict[str, Any]] = [
    {"sweep": "ours", "point": number, "row": {"ms": float(number)}} for number in range(5)
]
ROWS = {number: {"ms": float(number)} for number in range(5)}
INTRUDERS = {
    "another sweep's line": json_lines.format_line({"sweep": "theirs", "point": 3, "row": {"ms": 99.0}}),
    "another sweep's first line": json_lines.format_line({"sweep": "theirs", "command": "ssdo sweep --theirs"}),
    "half a line": json_lines.format_line(OUR_LINES[3])[:40] + b"\n",
    "half a line without end": json_lines.format_line(OUR_LINES[3])[:40],
    "a line with another number": json_lines.format_line(OUR_LINES[3]).replace(b"3.0", b"4.0"),
    "bytes": b"\x00\xff\n\n{}\n",
}


@pytest.mark.parametrize("intruder", INTRUDERS)
def test_only_intact_lines_of_the_sweep_count(intruder: str, tmp_path: Path) -> None:
    """Wherever others stand. The file is then written anew, once, and the sweep continues with it."""
    path = tmp_path / checkpoint.CHECKPOINT_NAME
    clean = [json_lines.format_line(line) for line in (HEADER, *OUR_LINES)]
    for position in range(1, len(clean) + 1):
        path.write_bytes(b"".join([*clean[:position], INTRUDERS[intruder], *clean[position:]]))
        sweep_checkpoint = Checkpoint.open(tmp_path, "ours", HEADER["command"], False)
        assert sweep_checkpoint.rows == ROWS, position
        assert path.read_bytes() == b"".join(clean)
        sweep_checkpoint.add(9, {"ms": 9.0})
        assert Checkpoint.open(tmp_path, "ours", "", False).rows == {**ROWS, 9: {"ms": 9.0}}


@pytest.mark.parametrize("first", [b"", b"garbage\n", json_lines.format_line(HEADER)[:30]])
def test_lost_first_line_is_written_again(first: bytes, tmp_path: Path) -> None:
    path = tmp_path / checkpoint.CHECKPOINT_NAME
    path.write_bytes(first + b"".join(map(json_lines.format_line, OUR_LINES)))
    assert Checkpoint.open(tmp_path, "ours", HEADER["command"], False).rows == ROWS
    assert json_lines.read_lines(path).values == [HEADER, *OUR_LINES]


@pytest.mark.parametrize(
    ("content", "command"),
    [
        (json_lines.format_line({"sweep": "theirs", "command": "ssdo sweep --theirs"}), "ssdo sweep --theirs"),
        (json_lines.format_line({"sweep": "theirs", "point": 0, "row": {}}), "unknown"),
        (json_lines.format_line({"other": "program"}), "unknown"),
        (b'{"sweep": "old", "command": "ssdo sweep --old"}\n{"point": 0, "row": {}}\n', "ssdo sweep --old"),
        (b'{"point": 0}\n', "unknown"),
        (MINE, "unknown"),
        (json_lines.format_line(HEADER).replace(b"ours", b"0urs"), "ssdo sweep --0urs"),
        (
            json_lines.format_line({"sweep": "theirs", "command": "ssdo sweep --theirs"})
            + b"".join(map(json_lines.format_line, OUR_LINES)),
            "ssdo sweep --theirs",
        ),
    ],
)
def test_other_sweeps_are_left_alone(content: bytes, command: str, tmp_path: Path) -> None:
    """Also those of versions that wrote no checksums, and one into which this sweep has written by mistake."""
    path = tmp_path / checkpoint.CHECKPOINT_NAME
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"holds another sweep \({command}\).*--overwrite starts again"):
        Checkpoint.open(tmp_path, "ours", HEADER["command"], False)
    assert path.read_bytes() == content
    assert not Checkpoint.open(tmp_path, "ours", HEADER["command"], True).rows
    assert json_lines.read_lines(path).values == [HEADER]


@unix_only
def test_checkpoint_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Checkpoint.open(tmp_path, "ours", "", False).add(1, {"ms": 1.0})
    content = (tmp_path / checkpoint.CHECKPOINT_NAME).read_bytes()

    def fail(path: Path) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch, pytest.raises(UserError, match=r"points\.jsonl: cannot be read: Input/output"):
        patch.setattr(Path, "read_bytes", fail)
        Checkpoint.open(tmp_path, "ours", "", False)
    assert (tmp_path / checkpoint.CHECKPOINT_NAME).read_bytes() == content


def test_checkpoint_on_a_full_disk_fails_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_checkpoint = Checkpoint.open(tmp_path, "ours", HEADER["command"], False)
    for line in OUR_LINES:
        sweep_checkpoint.add(line["point"], line["row"])
    with monkeypatch.context() as patch:
        FullDisk(patch, 29, 1000, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        with pytest.raises(UserError, match="cannot be written: No space left on device; earlier points are kept"):
            sweep_checkpoint.add(9, {"ms": 9.0})
    assert Checkpoint.open(tmp_path, "ours", "", False).rows == ROWS


NAMES = ("sweep.csv", "index.html")


def test_results_of_the_sweep_are_replaced_and_others_are_not(tmp_path: Path) -> None:
    sweep_checkpoint = Checkpoint.open(tmp_path, "ours", "", False, NAMES)
    for content in (b"1", b"1", b"2"):
        assert sweep_checkpoint.save_result("sweep.csv", content).read_bytes() == content
    sweep_checkpoint = Checkpoint.open(tmp_path, "ours", "", False, NAMES)  # the same command again
    assert sweep_checkpoint.save_result("sweep.csv", b"3").read_bytes() == b"3"
    put_file(tmp_path / "index.html")
    with pytest.raises(UserError, match=r"index\.html is not of this sweep; move it away: the same command continues"):
        sweep_checkpoint.save_result("index.html", b"page")
    with pytest.raises(UserError, match=r"index\.html is not of this sweep"):
        Checkpoint.open(tmp_path, "ours", "", False, NAMES)
    assert (tmp_path / "index.html").read_bytes() == MINE
    sweep_checkpoint = Checkpoint.open(tmp_path, "ours", "", True, NAMES)
    del sweep_checkpoint  # killed: the permission is kept
    sweep_checkpoint = Checkpoint.open(tmp_path, "ours", "", False, NAMES)
    for name in NAMES:
        assert sweep_checkpoint.save_result(name, b"new").read_bytes() == b"new"


def test_killed_between_a_result_and_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step of saving: the same command replaces what the killed one has left."""
    for step in ("append_line", "save_bytes"):
        for is_after in (False, True):
            folder = tmp_path / f"{step}{is_after}"
            folder.mkdir()
            sweep_checkpoint = Checkpoint.open(folder, "ours", "", False, NAMES)
            module = json_lines if step == "append_line" else output_files
            with monkeypatch.context() as patch, pytest.raises(SystemExit):
                patch.setattr(module, step, _exit_at(getattr(module, step), is_after))
                sweep_checkpoint.save_result("sweep.csv", b"1")
            sweep_checkpoint = Checkpoint.open(folder, "ours", "", False, NAMES)
            assert sweep_checkpoint.save_result("sweep.csv", b"2").read_bytes() == b"2"


def _exit_at(function: Callable[..., Any], is_after: bool) -> Callable[..., None]:
    def run(*arguments: Any, **options: Any) -> None:
        if is_after:
            function(*arguments, **options)
        raise SystemExit

    return run


# ---- commands ----

SMALL = ("--width", "16", "--height", "9")


class Writer(NamedTuple):
    """A command that writes files, at its smallest; `output` gets its value of --output."""

    arguments: tuple[str, ...]
    output: str
    has_folder: bool = False

    @property
    def has_cache(self) -> bool:
        return "--no-cache" in self.arguments


WRITERS = {
    "capture": Writer(("capture", "--scene", "ball", "--technique", "off", *SMALL), "a.npz"),
    "capture --techniques": Writer(("capture", "--scene", "ball", "--techniques", "off,ssao", *SMALL), "a.png"),
    "capture --path": Writer(
        ("capture", "--scene", "ball", "--technique", "off", "--path", "orbit", "--frames", "2", *SMALL), "a.png"
    ),
    "turntable": Writer(("turntable", "--scene", "ball", "--technique", "off", "--frames", "2", *SMALL), "a.webp"),
    "compare": Writer(
        ("compare", "--scene", "ball", "--techniques", "off", "--reference", "none", "--no-cache", *SMALL), "out", True
    ),
    "sweep": Writer(
        (
            *("sweep", "--scenes", "ball", "--techniques", "off", "--reference-frames", "4", "--runs", "3"),
            *("--no-cache", *SMALL),
        ),
        "out",
        True,
    ),
    "tune": Writer(
        (
            *("tune", "--techniques", "ssao", "--trials", "1", "--reference-frames", "4", "--radii", "0.3"),
            *("--scenes", "nook", "--held-out", "", "--no-cache", *SMALL),
        ),
        "a.toml",
    ),
    "bench errors": Writer(("bench", "errors", "--scenes", "nook", "--radii", "0.3", "--no-cache", *SMALL), "a.json"),
    "bench equal": Writer(("bench", "equal", "--scenes", "nook", "--held-out", "", "--no-cache", *SMALL), "a.json"),
    "bench failures": Writer(
        ("bench", "failures", "--only", "signpost", "--reference-frames", "4", "--no-cache", *SMALL), "out", True
    ),
    "bench passes": Writer(("bench", "passes", "--techniques", "off", "--runs", "3", *SMALL), "a.json"),
    "bench cost": Writer(
        (
            *("bench", "cost", "--techniques", "gtao", "--samples", "1,2,3", "--radii", "0.1,0.2"),
            *("--sizes", "8x8,9x9,10x10", "--triangles", "1000,1100", "--runs", "3", *SMALL),
        ),
        "out",
        True,
    ),
}


@pytest.fixture
def _quick_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what takes long and writes no file."""
    monkeypatch.setattr(errors, "measure_errors", lambda *_: {})
    monkeypatch.setattr(errors, "format_measurements", lambda *_: [])
    monkeypatch.setattr(equal, "load_view", lambda *_: None)
    monkeypatch.setattr(equal, "run_search", lambda *_: None)
    monkeypatch.setattr(equal, "format_report", lambda *_: [])
    monkeypatch.setattr(equal, "to_json", lambda *_: {})
    monkeypatch.setattr(cost_report, "plot", lambda *_: b"plot")
    monkeypatch.setattr(plot, "draw_plot", lambda *_: b"plot")


def list_commands() -> list[str]:
    return [*(name for name in COMMANDS if name != "bench"), *(f"bench {name}" for name in BENCHES)]


def test_every_command_that_writes_is_tested(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The viewer has no --output: see below."""
    writers = set()
    for name in list_commands():
        with contextlib.suppress(SystemExit):
            call(monkeypatch, *name.split(), "--help")
        if "--output" in capsys.readouterr().out:
            writers.add(name)
    assert writers == {name.partition(" --")[0] for name in WRITERS}


class Intruder:
    """Somebody who takes each name just before it is published, and gives it back when that was refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.published_paths: list[Path] = []
        self._publish = output_files._publish
        monkeypatch.setattr(output_files, "_publish", self.publish)

    def publish(self, source: Path, target: Path, overwrite: bool) -> None:
        put_file(target)
        with pytest.raises(NameTakenError):
            self._publish(source, target, overwrite)
        assert target.read_bytes() == MINE
        target.unlink()
        self._publish(source, target, overwrite)
        self.published_paths.append(target.absolute())


@pytest.mark.slow
@pytest.mark.usefixtures("_quick_commands")
@pytest.mark.parametrize("name", WRITERS)
def test_no_command_replaces_a_name_taken_meanwhile(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor writes a file in another way. Then each of its files in turn exists before: it is refused at once."""
    monkeypatch.chdir(tmp_path)
    writer = WRITERS[name]
    arguments = (*writer.arguments, "--output", writer.output)
    with monkeypatch.context() as patch:
        published_paths = Intruder(patch).published_paths
        assert call(monkeypatch, *arguments) == 0, capsys.readouterr().err
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert files == set(published_paths) and len(published_paths) == len(files) > 0
    capsys.readouterr()
    monkeypatch.setattr(Gpu, "__init__", None)  # nothing is drawn
    for path in files:
        path.unlink()
    for path, put_obstacle in itertools.product(sorted(files), (put_file, put_dangling_link, put_folder)):
        put_obstacle(path)
        previous_state = describe(path)
        assert call(monkeypatch, *arguments) == 2
        output = capsys.readouterr()
        assert output.err.count("\n") == 1 and not output.out
        assert path.name in output.err or (path.name == checkpoint.CHECKPOINT_NAME and "another sweep" in output.err)
        assert describe(path) == previous_state
        path.rmdir() if put_obstacle is put_folder else path.unlink()
        for leftover in tmp_path.rglob("*"):
            assert leftover.is_dir() or leftover.name == checkpoint.CHECKPOINT_NAME
            if leftover.is_file():
                leftover.unlink()


@pytest.mark.slow
@pytest.mark.usefixtures("_quick_commands")
@pytest.mark.parametrize("name", [name for name, writer in WRITERS.items() if writer.has_folder])
def test_folder_of_another_process_is_refused_before_anything_is_drawn(
    name: str,
    folder_of_another: tuple[Path, int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With and without --overwrite, in one line."""
    folder, pid = folder_of_another
    monkeypatch.setattr(Gpu, "__init__", None)
    for flags in ((), ("--overwrite",)):
        assert call(monkeypatch, *WRITERS[name].arguments, "--output", folder, *flags) == 2
        output = capsys.readouterr()
        assert f"{folder} is in use by process {pid} on " in output.err and output.err.count("\n") == 1
        assert file_names(folder) == [".lock"]


@pytest.fixture(scope="module")
def folder_of_another(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    folder = tmp_path_factory.mktemp("out")
    with held_folder(folder) as process:
        yield folder, process.pid


@pytest.mark.slow
@pytest.mark.parametrize("techniques", [None, "off,ssao"])
def test_captures_at_once_keep_both_pictures(
    techniques: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another process saves under the same names, once the first has chosen them. Each prints its own paths."""
    monkeypatch.chdir(tmp_path)
    flags = ["--techniques", techniques] if techniques else ["--technique", "off"]
    arguments = ["capture", "--scene", "ball", *flags, *SMALL]
    other_paths: list[Path] = []

    def capture_meanwhile(gpu: Gpu, shot: Shot) -> FrameResult:
        if not other_paths:
            process = run_app(arguments, tmp_path, dict(os.environ))
            other_paths.extend(map(Path, process.stdout.splitlines()))
        return render_all_frames(gpu, shot)

    monkeypatch.setattr(capture, "render_all_frames", capture_meanwhile)
    assert call(monkeypatch, *arguments) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    stem = other_paths[-1].stem
    assert [path.name for path in paths] == [path.name.replace(stem, f"{stem}-2") for path in other_paths]
    assert set(tmp_path.joinpath("captures").iterdir()) == {*paths, *other_paths}
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in other_paths]


# ---- names that no file can have ----


def block_with_file(folder: Path) -> Path:
    put_file(folder / "file")
    return folder / "file" / "a"


BAD_PATHS: dict[str, Callable[[Path], Path]] = {
    "name too long": lambda folder: folder / TOO_LONG,
    "name too long in a new folder": lambda folder: folder / "new" / TOO_LONG / "a",
    "path too long": lambda folder: folder / "/".join(["x" * 100] * 50),
    "below a file": block_with_file,
    "NUL": lambda folder: folder / "a\0b",
    "not UTF-8": lambda folder: folder / "a\udcffb",
    "loop of links": lambda folder: _make_loop(folder) / "a",
}


def _make_loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop"


# Flags whose values are files or folders, with a command; {} is the path.
PATH_FLAGS = {
    **{
        f"{name} --output": (*writer.arguments, "--output", f"{{}}{Path(writer.output).suffix}")
        for name, writer in WRITERS.items()
    },
    **{f"{name} --cache": (*writer.arguments, "--cache", "{}") for name, writer in WRITERS.items() if writer.has_cache},
    "--preset": ("capture", "--scene", "ball", *SMALL, "--preset", "{}.toml"),
    "--preset without suffix": ("capture", "--scene", "ball", *SMALL, "--preset", "{}"),
    "--from-image": ("capture", "--from-image", "{}.png"),
    "--from-image of compare": ("compare", "--from-image", "{}.png"),
    "--reference": ("compare", "--scene", "ball", "--techniques", "off", *SMALL, "--reference", "{}.npz"),
    "--reference as EXR": ("compare", "--scene", "ball", "--techniques", "off", *SMALL, "--reference", "{}.exr"),
    "--baseline": ("bench", "passes", "--techniques", "off", "--runs", "3", *SMALL, "--baseline", "{}"),
    "--evaluate": ("tune", "--evaluate", "{}.toml", *SMALL),
    "--scene": ("capture", "--scene", "{}.obj", *SMALL),
    "--environment": ("capture", "--scene", "ball", "--environment", "{}.hdr", *SMALL),
}


def test_more_folders_than_python_recurses(tmp_path: Path) -> None:
    """A long path, but a valid one."""
    folder, limit = tmp_path / "/".join("x" * 200), sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        with own_folder(folder, "test"):
            pass
        assert not (tmp_path / "x").exists()
        output_files.save_bytes(folder / "a", b"new", overwrite=False)
    finally:
        sys.setrecursionlimit(limit)
    assert (folder / "a").read_bytes() == b"new"


@unix_only
@pytest.mark.slow
@pytest.mark.usefixtures("_quick_commands")
@pytest.mark.parametrize("flag", PATH_FLAGS)
def test_impossible_names_are_one_line_and_exit_2(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is drawn."""
    monkeypatch.chdir(tmp_path)
    if not flag.startswith(("--reference", "--environment")):  # which are read when they are drawn
        monkeypatch.setattr(Gpu, "__init__", None)
    for kind, make in BAD_PATHS.items():
        folder = tmp_path / kind.replace(" ", "")
        folder.mkdir()
        path = make(folder)
        assert call(monkeypatch, *(word.replace("{}", str(path)) for word in PATH_FLAGS[flag])) == 2, kind
        output = capsys.readouterr()
        assert output.err.count("\n") == 1 and output.err.startswith("ssdo: ") and not output.out, (kind, output.err)


@unix_only
@pytest.mark.slow
@pytest.mark.parametrize("flag", [flag for flag in PATH_FLAGS if flag.endswith("--output")])
def test_output_into_a_read_only_folder(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused before anything is drawn."""
    monkeypatch.setattr(Gpu, "__init__", None)
    (tmp_path / "locked").mkdir(mode=0o555)
    access = os.access

    def deny(path: Any, mode: int, **options: Any) -> bool:
        """As for other users, where the tests run as the superuser."""
        return Path(path) != tmp_path / "locked" and access(path, mode)

    monkeypatch.setattr(os, "access", deny)
    arguments = [word.replace("{}", str(tmp_path / "locked" / "new" / "a")) for word in PATH_FLAGS[flag]]
    assert call(monkeypatch, *arguments) == 2
    output = capsys.readouterr()
    assert "locked: cannot be written: Permission denied" in output.err
    assert output.err.count("\n") == 1 and not output.out


def test_folder_as_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not replaced with --overwrite either, nor is the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Gpu, "__init__", None)
    for name, writer in WRITERS.items():
        suffix = Path(writer.output).suffix
        if writer.has_folder or "--path" in writer.arguments:  # numbered images have other names
            continue
        (tmp_path / f"a{suffix}").mkdir(exist_ok=True)
        for output, flags in itertools.product((f"a{suffix}", "", ".", "..", "/"), ((), ("--overwrite",))):
            assert call(monkeypatch, *writer.arguments, "--output", output, *flags) == 2, (name, output)
            error = capsys.readouterr().err
            assert error.count("\n") == 1, (name, output, error)
    assert all(path.is_dir() for path in tmp_path.iterdir())


# ---- the command line ----


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EIO, "Input/output error", "some/file"), "some/file: Input/output error"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "a\nb"), "a b: Permission denied"),
        (OSError("encoder error -2 when writing\nimage file"), "encoder error -2 when writing image file"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_file_system_errors_are_one_line(
    error: OSError, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the last resort, for what no command expects. Others are faults of the program, and keep their traceback."""

    def fail(name: str) -> None:
        raise error

    monkeypatch.setattr(__main__, "load_command", fail)
    assert call(monkeypatch, "capture") == 2
    assert capsys.readouterr().err == f"ssdo: {message}\n"
    error_type: Any
    for error_type in (ValueError, RuntimeError):
        error = error_type()
        with pytest.raises(error_type):
            call(monkeypatch, "capture")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a file of Linux")
@pytest.mark.parametrize("arguments", ["parameters", "doctor", "--help"])
def test_standard_output_on_a_full_disk(arguments: str) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "ssdo", arguments]
        process = subprocess.run(command, cwd=ROOT / "app", stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert process.returncode == 2 and process.stderr == "ssdo: No space left on device\n"


# ---- the viewer ----


@pytest.fixture
def runner(gpu: Gpu) -> Iterator[SessionRunner]:
    """SSAO and SSDO, drawn."""
    with open_split(gpu) as split:
        yield split


def save_screenshots(runner: SessionRunner, folder: Path) -> list[Path]:
    return screenshots.save_screenshot(runner.session, folder)


def save_slots(runner: SessionRunner, folder: Path) -> list[Path]:
    return screenshots.save_slot_screenshots(runner.session, folder)


def save_turntable(runner: SessionRunner, folder: Path) -> list[Path]:
    turntable = Turntable(runner.session, TurntableSettings(frame_count=2), folder)
    while not turntable.is_done:
        runner.render_idle()
        turntable.step(runner.session)
    return [turntable.path]


def save_state(runner: SessionRunner, folder: Path) -> list[Path]:
    actions = pytest.importorskip("ssdo.viewer.actions", exc_type=ImportError)
    actions.Actions._save_state(SimpleNamespace(session=runner.session))
    return [Path(runner.session.message.removeprefix("saved "))]


VIEWER_SAVES = {"screenshot": save_screenshots, "slots": save_slots, "turntable": save_turntable, "state": save_state}


@pytest.mark.parametrize("name", VIEWER_SAVES)
def test_viewer_saves_go_to_the_next_free_number(
    name: str, runner: SessionRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of its files' names is taken while it is saved."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "captures"
    first_paths = VIEWER_SAVES[name](runner, folder)
    for number in range(len(first_paths)):
        previous_contents = {path.name: path.read_bytes() for path in folder.iterdir()}
        with monkeypatch.context() as patch:
            targets = take_name(patch, number)
            paths = VIEWER_SAVES[name](runner, folder)
        assert targets[number].read_bytes() == MINE
        assert len(set(paths)) == len(first_paths) and all(path.read_bytes() != MINE for path in paths)
        assert set(file_names(folder)) == previous_contents.keys() | {path.name for path in (*paths, targets[number])}
        assert all((folder / name).read_bytes() == content for name, content in previous_contents.items())


def take_name(monkeypatch: pytest.MonkeyPatch, number: int) -> list[Path]:
    """Take the name of file `number` just before it is published. Returns all that are published from now on."""
    publish = output_files._publish
    targets: list[Path] = []

    def publish_after(source: Path, target: Path, overwrite: bool) -> None:
        targets.append(target)
        if len(targets) == number + 1:
            put_file(target)
        publish(source, target, overwrite)

    monkeypatch.setattr(output_files, "_publish", publish_after)
    return targets


@pytest.mark.parametrize("name", VIEWER_SAVES)
def test_viewer_saves_into_an_impossible_folder(
    name: str, runner: SessionRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window shows a line."""
    monkeypatch.chdir(tmp_path)
    put_file(tmp_path / "captures")
    with pytest.raises(UserError, match=r"captures.*cannot be written: Not a directory"):
        VIEWER_SAVES[name](runner, Path("captures"))
    assert (tmp_path / "captures").read_bytes() == MINE


def test_viewer_shows_file_system_errors() -> None:
    actions = pytest.importorskip("ssdo.viewer.actions", exc_type=ImportError)
    session = SimpleNamespace(error="")

    def fail() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "some/file")

    actions.Actions.guard(SimpleNamespace(session=session), fail)
    assert session.error == "some/file: Permission denied"


def test_two_viewers_keep_the_bookmarks_of_both(tmp_path: Path) -> None:
    """And the recent scenes: each reads what the other has written before it writes."""
    a, b = Preferences(tmp_path), Preferences(tmp_path)
    poses = [Pose((float(k), 2.0, 3.0), (4.0, 5.0, 6.0), 40.0) for k in range(4)]
    for k, preferences in enumerate((a, b, a, b)):
        preferences.save_bookmark("nook", k + 1, poses[k])
        preferences.add_recent_scene(f"{k}.glb")
    loaded_preferences = Preferences(tmp_path)
    assert [loaded_preferences.restore_bookmark("nook", k + 1) for k in range(4)] == poses
    assert loaded_preferences.recent_scenes == ["3.glb", "2.glb", "1.glb", "0.glb"]


# ---- programs for developers ----


@pytest.mark.slow
@unix_only
def test_kills_are_survived(capsys: pytest.CaptureFixture[str]) -> None:
    """tests/tools/kills.py, once each."""
    assert kills.main(["--kills", "2", "--commands", "capture", "view"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| command | kills |") and lines[-1].startswith("| all | 2 |")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="preloads a library that cc compiles")
def test_file_system_faults_are_survived(capsys: pytest.CaptureFixture[str]) -> None:
    """tests/tools/file_system_faults.py, once for each kind of capture."""
    assert file_system_faults.main(["--faults", "4", "--commands", "capture"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("| all | 4 | ")
