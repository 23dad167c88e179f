"""Files that change: read again by the viewer, and never mixed by a command."""

from __future__ import annotations

import ast
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_scenes import FILE_KINDS, make_file_shot, write_changed, write_scene_files
from gltf_files import encode_png
from ssdo import __main__
from ssdo.gpu.context import Gpu
from ssdo.render.pipeline import load_shot
from ssdo.scene import files, loader
from ssdo.scene.files import file_cache
from ssdo.scene.files.errors import OutOfMemoryError
from ssdo.scene.files.file_access import FileState, check_file, get_file_state, record_file, record_files
from ssdo.scene.files.file_cache import FileCache, count_changes, hold_files
from ssdo.settings import UserError
from test_commands import call
from test_viewer import SessionRunner, free_targets

each_kind = pytest.mark.parametrize("kind", FILE_KINDS)


def load_kind(name: str) -> object:
    """The scene or the environment of a file."""
    loaded = load_shot(make_file_shot(name))
    return loaded.environment if name.endswith(".hdr") else loaded.scene


def try_load(name: str) -> object:
    """The scene or the environment, or the error's text."""
    try:
        return load_kind(name)
    except UserError as error:
        return str(error)


def replace_in_place(path: Path) -> None:
    """Other bytes, at another time."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    write_changed(path, content)


def change_size(path: Path) -> None:
    """At the same time."""
    status = path.stat()
    path.write_bytes(path.read_bytes() + b" ")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_by_rename(path: Path) -> None:
    """Another file of the same size and time, as editors save and as `mv -p` leaves."""
    status = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


# ---- what counts as a change ----


@each_kind
@pytest.mark.parametrize("change", [replace_in_place, change_size, replace_by_rename, Path.unlink])
def test_a_change_of_any_file_is_read(tmp_path: Path, kind: str, change: Callable[[Path], None]) -> None:
    """Also one beside a scene's file, and one that is gone and appears again. Unchanged files are read once."""
    name, paths = write_scene_files(tmp_path, kind)
    for path in paths:
        content, first = path.read_bytes(), try_load(name)
        assert all(try_load(name) is first for _ in range(3))
        change(path)
        second = try_load(name)
        assert second is not first, path
        assert all(try_load(name) == second for _ in range(3))
        write_changed(path, content)
        third = try_load(name)
        assert not isinstance(third, str) and third is not first and third is not second, path


@pytest.mark.parametrize("kind", ["gltf", "obj", "ply"])
def test_a_file_that_is_missing_at_first_is_read_when_it_appears(tmp_path: Path, kind: str) -> None:
    name, paths = write_scene_files(tmp_path, kind)
    contents = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    last = try_load(name)
    assert "there is no such file" in str(last)
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
        assert try_load(name) != last, path
        last = try_load(name)
    assert load_kind(name) is last


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_a_link_to_another_file_is_a_change(tmp_path: Path) -> None:
    name, paths = write_scene_files(tmp_path, "ply")
    texture = paths[-1]
    for number in (1, 2):
        pixels = np.full((1, 1, 4), 100 * number, "u1")
        (tmp_path / f"{number}.png").write_bytes(encode_png(pixels))
    texture.unlink()
    texture.symlink_to(tmp_path / "1.png")
    first = load_kind(name)
    texture.unlink()
    texture.symlink_to(tmp_path / "2.png")
    assert load_kind(name) is not first


def test_the_same_relative_name_in_another_folder_is_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = []
    for folder in ("a", "b"):
        name, _ = write_scene_files(tmp_path / folder, "stl")
        monkeypatch.chdir(tmp_path / folder)
        scenes.append(load_kind(Path(name).name))
    assert scenes[0] is not scenes[1]


# What only file_access and file_cache may call: a file that is read in another way would not be recorded.
FILE_CALLS = {"open", "read_bytes", "read_text", "exists", "is_file", "is_dir", "stat", "iterdir", "glob"}
ALLOWED_CALLS = {
    "exr.py": ({"open", "stat"}, "of a path that check_file has recorded"),
    "gltf_ktx2.py": ({"open"}, "Image.open of bytes"),
    "images.py": ({"open"}, "Image.open of bytes"),
}


def test_readers_touch_files_only_through_file_access() -> None:
    for path in sorted(Path(files.__file__).parent.glob("*.py")):
        if path.name in ("file_access.py", "file_cache.py"):
            continue
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        names = {f.attr for f in calls if isinstance(f, ast.Attribute)} | {
            f.id for f in calls if isinstance(f, ast.Name)
        }
        allowed_calls, _ = ALLOWED_CALLS.get(path.name, (set(), ""))
        assert names & FILE_CALLS <= allowed_calls, path.name


def test_files_are_recorded_as_they_were_before_they_were_read(tmp_path: Path) -> None:
    path, missing = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"1")
    state = get_file_state(path)
    assert isinstance(state, FileState) and state.size == 1
    with record_files() as states:
        check_file(path, "file", 9)
        write_changed(path, b"22")
        check_file(path, "file", 9)
        record_file(missing)
    record_file(tmp_path)
    assert states == {path: state, missing: None}


# ---- the cache ----


class CountingReader:
    """Reads a file, counts how often, and calls `during` while it reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.during: Callable[[], object] = lambda: None

    def __call__(self) -> bytes:
        self.count += 1
        check_file(self.path, "file", 1 << 20)
        content = self.path.read_bytes()
        self.during()
        if content.startswith(b"bad"):
            raise UserError(f"bad after {self.count}")
        return content


@pytest.fixture
def reader(tmp_path: Path) -> CountingReader:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    return CountingReader(path)


def test_errors_are_cached_until_the_file_changes(reader: CountingReader) -> None:
    cache: FileCache[bytes] = FileCache(2)
    write_changed(reader.path, b"bad")
    for _ in range(3):
        with pytest.raises(UserError, match="bad after 1"):
            cache.load("a", reader)
    write_changed(reader.path, b"good")
    assert cache.load("a", reader) == b"good" and reader.count == 2


def test_lack_of_memory_is_not_cached(reader: CountingReader) -> None:
    cache: FileCache[bytes] = FileCache(2)

    def fail() -> bytes:
        reader()
        raise OutOfMemoryError("too large")

    for _ in range(2):
        with pytest.raises(UserError):
            cache.load("a", fail)
    assert reader.count == 2 and cache.load("a", reader) == b"1"


def test_a_file_that_changes_while_it_is_read_is_read_again(reader: CountingReader) -> None:
    """Whatever was read then is not taken for the new file."""
    cache: FileCache[bytes] = FileCache(2)
    changes = count_changes()
    reader.during = lambda: write_changed(reader.path, b"22")
    assert cache.load("a", reader) == b"1"
    reader.during = lambda: None
    assert cache.load("a", reader) == cache.load("a", reader) == b"22"
    assert reader.count == 2 and count_changes() == changes + 1


def test_the_least_recently_used_results_are_dropped(reader: CountingReader) -> None:
    """Reading them again is no change."""
    cache: FileCache[bytes] = FileCache(2)
    changes = count_changes()
    for key in ("a", "b", "a", "c"):
        cache.load(key, reader)
    assert reader.count == 3
    cache.load("a", reader)
    assert reader.count == 3
    cache.load("b", reader)
    assert reader.count == 4 and count_changes() == changes
    write_changed(reader.path, b"2")
    cache.load("a", reader)
    cache.load("b", reader)
    assert count_changes() == changes + 2


def test_digests_cover_every_chunk_of_every_file(tmp_path: Path) -> None:
    """One bit at the start, in the middle and at the end of each chunk, and the size, change the digest."""
    chunk = file_cache.DIGEST_CHUNK
    size = 3 * chunk + 1000
    content = np.random.default_rng(0).integers(0, 256, size, "u1").tobytes()
    paths = [tmp_path / name for name in ("first", "second")]
    for path in paths:
        path.write_bytes(content)

    def compute_digest() -> str:
        def read_files() -> None:
            for path in paths:
                record_file(path)

        return FileCache[None](1).compute_digest("files", read_files)

    starts = range(0, size, chunk)
    ends = [min(start + chunk, size) for start in starts]
    positions = [p for start, end in zip(starts, ends, strict=True) for p in (start, (start + end) // 2, end - 1)]
    digests = [compute_digest()]
    for path in paths:
        for position in positions:
            with path.open("r+b") as file:
                file.seek(position)
                file.write(bytes([content[position] ^ 1]))
                file.flush()
                digests.append(compute_digest())
                file.seek(position)
                file.write(content[position : position + 1])
        path.write_bytes(content[:-1])
        digests.append(compute_digest())
        path.write_bytes(content)
    assert compute_digest() == digests[0]
    assert len(set(digests)) == len(digests) == 1 + 2 * (3 * 4 + 1)


def test_unchanged_files_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each use, but no more often than ten times a second if there are many of them; in a command never again."""
    checked_paths: list[Path] = []
    now = 0.0

    def record_check(path: Path) -> FileState | None:
        checked_paths.append(path)
        return get_file_state(path)

    monkeypatch.setattr(file_cache, "get_file_state", record_check)
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cache: FileCache[int] = FileCache(2)
    paths = [tmp_path / str(number) for number in range(file_cache.MANY_FILES + 1)]

    def read_files(count: int) -> int:
        for path in paths[:count]:
            record_file(path)
        return count

    def count_checks(count: int) -> int:
        checked_paths.clear()
        assert cache.load(count, lambda: read_files(count)) == count
        return len(checked_paths)

    few, many = file_cache.MANY_FILES, file_cache.MANY_FILES + 1
    for count in (few, many):
        count_checks(count)
    assert [count_checks(few), count_checks(many)] == [few, 0]
    now += 1.01 * file_cache.CHECK_INTERVAL
    assert [count_checks(few), count_checks(many), count_checks(many)] == [few, many, 0]
    with hold_files():
        assert [count_checks(few), count_checks(many)] == [few, many]
        assert [count_checks(few), count_checks(many)] == [0, 0]


def test_more_files_are_checked_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most MAX_CHECKS in a second, however often the entry is used. A change is found within one interval."""
    now, check_count, count = 100.0, 0, 700

    def count_check(path: Path) -> FileState | None:
        nonlocal check_count
        check_count += 1
        return FileState(changed_ns, 0, 0)

    changed_ns = 0
    monkeypatch.setattr(file_cache, "get_file_state", count_check)
    monkeypatch.setattr("ssdo.scene.files.file_access.get_file_state", lambda path: FileState(changed_ns, 0, 0))
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cache: FileCache[int] = FileCache(2)

    def read_files() -> int:
        for number in range(count):
            record_file(tmp_path / str(number))
        return changed_ns

    cache.load(0, read_files)
    for _ in range(70):
        now += 0.1
        assert cache.load(0, read_files) == 0
    assert 0.7 * 7 * file_cache.MAX_CHECKS <= check_count <= 7 * file_cache.MAX_CHECKS
    changed_ns = 1
    now += 1.01 * count / file_cache.MAX_CHECKS
    assert cache.load(0, read_files) == 1


def test_changed_files_are_named(tmp_path: Path) -> None:
    """Not those that a broken file keeps from being read."""
    name, (path, *others) = write_scene_files(tmp_path, "gltf")
    load_kind(name)
    content = path.read_bytes()

    def change(changed_path: Path, new_content: bytes) -> list[Path]:
        count = count_changes()
        write_changed(changed_path, new_content)
        try_load(name)
        return file_cache.list_changed_files(count)

    assert change(path, b"{") == [path]
    assert change(path, content) == [path]
    assert change(others[0], others[0].read_bytes() + b" ") == [others[0]]
    count = count_changes()
    for changed in (path, others[0], path):
        write_changed(changed, changed.read_bytes() + b" ")
        try_load(name)
    assert file_cache.list_changed_files(count) == [path, others[0]] and not file_cache.list_changed_files(count + 3)


def test_digests_are_of_contents(reader: CountingReader, tmp_path: Path) -> None:
    cache: FileCache[bytes] = FileCache(4)
    digest = cache.compute_digest("a", reader)
    other = CountingReader(tmp_path / "copy")
    other.path.write_bytes(b"1")
    assert cache.compute_digest("b", other) == digest
    write_changed(reader.path, b"2")
    assert cache.compute_digest("a", reader) != digest
    write_changed(reader.path, b"1")
    assert cache.compute_digest("a", reader) == digest
    other.path.unlink()
    with pytest.raises(UserError):
        cache.compute_digest("b", other)
    reader.during = lambda: write_changed(reader.path, reader.path.read_bytes() + b"3")
    write_changed(reader.path, b"3")
    with pytest.raises(UserError, match="has changed while it was read"):
        cache.compute_digest("a", reader)


# ---- commands ----


def test_a_command_keeps_what_it_has_read(reader: CountingReader) -> None:
    """In memory; what it has to read again must be the same file. The next command reads the new one."""
    cache: FileCache[bytes] = FileCache(1)
    other = CountingReader(reader.path.with_name("other"))
    other.path.write_bytes(b"other")
    assert cache.load("a", reader) == b"1"
    write_changed(reader.path, b"22")
    with hold_files():
        assert cache.load("a", reader) == b"22", "what an earlier command has read is checked once"
        write_changed(reader.path, b"333")
        assert cache.load("a", reader) == b"22"
        with hold_files():  # nested: the same command
            assert cache.load("a", reader) == b"22"
        cache.load("b", other)
        for _ in range(2):
            with pytest.raises(UserError) as caught:
                cache.load("a", reader)
            assert str(caught.value) == f"{reader.path}: has changed since this command read it; run it again"
        assert cache.load("b", other) == b"other"
    with hold_files():
        assert cache.load("a", reader) == b"333"
    write_changed(reader.path, b"4444")
    assert cache.load("a", reader) == b"4444"


def test_a_command_does_not_mix_versions_of_a_file_in_two_roles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cameras of one file, or two spellings of a path."""
    for kind, other_name in (("gltf", "g.gltf:scene=0"), ("gltf", "g.gltf"), ("stl", "s.stl")):
        name, paths = write_scene_files(tmp_path, kind)
        monkeypatch.chdir(tmp_path)
        with hold_files():
            loader.load_scene(name)
            replace_in_place(paths[-1])
            loader.load_scene(name)
            with pytest.raises(UserError, match=f"{paths[-1].name}: has changed since this command read it"):
                loader.load_scene(other_name)


def test_a_command_refuses_a_file_that_changes_while_it_is_read(reader: CountingReader) -> None:
    cache: FileCache[bytes] = FileCache(1)
    reader.during = lambda: write_changed(reader.path, reader.path.read_bytes() + b"2")
    with hold_files(), pytest.raises(UserError, match="has changed while it was read; run the command again"):
        cache.load("a", reader)


@pytest.mark.parametrize("name", __main__.COMMANDS)
def test_every_command_but_the_viewer_holds_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scene_name, paths = write_scene_files(tmp_path, "stl")
    scenes = []

    def run(_: Any) -> int:
        for _ in range(2):
            scenes.append(loader.load_scene(scene_name))
            replace_in_place(paths[0])
        return 0

    monkeypatch.setattr(__main__, "load_command", lambda _: run)
    assert call(monkeypatch, name) == 0
    assert (scenes[0] is scenes[1]) == (name != "view")
    assert loader.load_scene(scene_name) is not scenes[1], "the next command reads the file again"


# ---- the viewer ----


@pytest.fixture
def freed_targets(gpu: Gpu) -> Iterator[None]:
    """Frees the viewer's targets after the test."""
    yield
    free_targets(gpu, "A", "B", "reference")


def make_runner(gpu: Gpu, name: str) -> SessionRunner:
    shot = make_file_shot(name)
    return SessionRunner(gpu, scene=shot.scene, environment=shot.environment, **{"camera.eye": (2.0, 2.0, 3.0)})


HDR_HEADER = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n"
GREEN_PIXEL = encode_png(np.full((1, 1, 4), (20, 200, 20, 255), "u1"))
NEW_CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "g.bin": lambda content: content[:20] + bytes((0, 0, 0x80, 0x40)) + content[24:],  # a corner is moved
    "o.mtl": lambda content: content + b"Kd 0.1 0.9 0.1\n",
    "p.png": lambda _: GREEN_PIXEL,
    "e.hdr": lambda _: HDR_HEADER + bytes((20, 200, 20, 130)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind, file_name", [("gltf", "g.bin"), ("obj", "o.mtl"), ("ply", "p.png"), ("hdr", "e.hdr")])
@pytest.mark.usefixtures("freed_targets")
def test_the_viewer_shows_a_changed_file(gpu: Gpu, tmp_path: Path, kind: str, file_name: str) -> None:
    """By itself, while nothing else happens. While a file cannot be read, the last picture stays, with the error."""
    name, paths = write_scene_files(tmp_path, kind)
    path = next(path for path in paths if path.name == file_name)
    runner = make_runner(gpu, name)
    original, content, scene = runner.render_idle(), path.read_bytes(), runner.session.scene
    write_changed(path, NEW_CONTENTS[file_name](content))
    changed = runner.render_idle()
    assert not np.array_equal(changed, original) and runner.session.message == f"reloaded {file_name}"
    pose = runner.session.pose
    for broken in paths[:1]:
        broken_content = broken.read_bytes()
        write_changed(broken, b"\x00")
        assert np.array_equal(runner.render_idle(), changed)
        assert str(broken) in runner.session.error and "\n" not in runner.session.error
        assert runner.session.error.endswith("; the last version stays until a file changes")
        assert runner.session.message == f"reloaded {file_name}", "nothing was reloaded since"
        assert runner.session.pose == pose and (runner.session.scene is scene) == (kind == "hdr")
        write_changed(broken, broken_content)
        assert np.array_equal(runner.render_idle(), changed) and not runner.session.error
        assert runner.session.message == f"reloaded {broken.name}"
    write_changed(path, content)
    assert np.array_equal(runner.render_idle(), original)


@pytest.mark.slow
@pytest.mark.usefixtures("freed_targets")
def test_the_viewer_starts_a_converging_image_anew(gpu: Gpu, tmp_path: Path) -> None:
    """Its frames would show both versions. The same for a history."""
    name, paths = write_scene_files(tmp_path, "ply")
    runner = make_runner(gpu, name)
    runner.session.change({"technique": "reference"})
    session, render = runner.session, runner.session.renders["B"]
    runner.render_idle()
    assert render.convergence.frame_count > 5
    write_changed(paths[-1], GREEN_PIXEL)
    runner.clock.now += 10.0
    assert session.step((64, 36))
    assert render.convergence.frame_count == 1
    session.change({"technique": "ssao", "temporal.history_length": 8})
    runner.render_idle()
    assert render.frame_index > 3
    write_changed(paths[-1], GREEN_PIXEL + b" ")
    runner.clock.now += 10.0
    assert session.step((64, 36))
    assert render.frame_index == 0
