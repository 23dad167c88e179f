"""Loading in the viewer: progress, cancelling, and events that wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ssdo.gpu.context import Gpu
from ssdo.scene.files import obj_blocks
from ssdo.scene.files.progress import LoadCancelledError, report_progress_to, track_progress
from ssdo.scene.loader import load_scene
from ssdo.viewer.event_queue import EVENTS, EventQueue
from test_viewer import SessionRunner

TRIANGLES = "".join(f"v {n} 0 0\nv {n} 1 0\nv {n} 0 1\nf -3 -2 -1\n" for n in range(40))


def write_obj(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is read in blocks of at most 256 bytes."""
    monkeypatch.setattr(obj_blocks, "MAX_LINE_BYTES", 256)
    path = folder / "triangles.obj"
    path.write_text(TRIANGLES, newline="\n")
    return path


def test_obj_files_report_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_obj(tmp_path, monkeypatch)
    reports: list[tuple[str, int, int]] = []
    with report_progress_to(lambda *report: reports.append(report)):
        load_scene(str(path))
    size = path.stat().st_size
    done = [report[1] for report in reports]
    assert {(report[0], report[2]) for report in reports} == {("text", size)}
    assert len(done) >= size / 256 and done[-1] == size
    steps = [b - a for a, b in zip([0, *done], done, strict=False)]
    assert all(0 < step <= 256 for step in steps)


def test_progress_counts_items_or_their_sizes() -> None:
    reports: list[tuple[str, int, int]] = []
    with report_progress_to(lambda *report: reports.append(report)):
        assert list(track_progress("a", ["x", "yy"], 2)) == ["x", "yy"]
        assert list(track_progress("b", ["x", "yy"], 3, len)) == ["x", "yy"]
    assert reports == [("a", 1, 2), ("a", 2, 2), ("b", 1, 3), ("b", 3, 3)]


def test_a_cancelled_load_changes_nothing(gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the file can be loaded afterwards: the end of the reading is not cached."""
    path = write_obj(tmp_path, monkeypatch)
    session = SessionRunner(gpu, scene="corner").session
    state = session.slots.state()

    def cancel(step: str, done: int, total: int) -> None:
        if done > 1000:
            raise LoadCancelledError

    with report_progress_to(cancel), pytest.raises(LoadCancelledError):
        session.change({"scene": str(path)})
    assert session.slots.state() == state and session.scene.name.startswith("corner") and not session.error
    assert session.change({"scene": str(path)}) and session.scene.triangle_count >= 40


# ---- events ----


class FakeWindow(SimpleNamespace):
    def send(self, name: str, *arguments: Any) -> None:
        getattr(self, f"{name}_func")(*arguments)


def make_queue() -> tuple[FakeWindow, EventQueue, list[tuple[Any, ...]], dict[str, Callable[..., None]]]:
    """A window, its queue, and handlers that write what they get into a list."""
    wnd = FakeWindow(keys=SimpleNamespace(ESCAPE=99, ACTION_PRESS=1))
    handled: list[tuple[Any, ...]] = []

    def make_handler(name: str) -> Callable[..., None]:
        return lambda *arguments: handled.append((name, *arguments))

    return wnd, EventQueue(cast(Any, wnd)), handled, {name: make_handler(name) for name in EVENTS}


def test_events_before_the_handlers_are_handled_in_their_order() -> None:
    wnd, queue, handled, handlers = make_queue()
    wnd.send("key_event", 1)
    wnd.send("mouse_scroll_event", 0.0, 1.0)
    queue.connect(handlers)
    wnd.send("key_event", 2)
    assert not handled, "the third event waits behind the others"
    queue.handle_deferred()
    wnd.send("key_event", 3)
    assert handled == [("key_event", 1), ("mouse_scroll_event", 0.0, 1.0), ("key_event", 2), ("key_event", 3)]


def test_events_wait_while_the_viewer_is_busy() -> None:
    wnd, queue, handled, handlers = make_queue()
    queue.connect(handlers)
    with queue.defer():
        wnd.send("mouse_position_event", 1, 2, 0, 0)
        assert not queue.is_urgent, "moves of the mouse can wait"
        wnd.send("key_event", 5)
        assert queue.is_urgent and not handled
    queue.handle_deferred()
    assert [name for name, *_ in handled] == ["mouse_position_event", "key_event"] and not queue.is_urgent


def test_escape_is_taken_out_of_the_queue() -> None:
    wnd, queue, handled, handlers = make_queue()
    queue.connect(handlers)
    with queue.defer():
        wnd.send("key_event", 5, 1)
        wnd.send("key_event", 99, 0)
        assert not queue.take_escape(), "a release"
        wnd.send("key_event", 99, 1)
        wnd.send("unicode_char_entered", "x")
        assert queue.take_escape() and not queue.take_escape()
    queue.handle_deferred()
    assert handled == [("key_event", 5, 1), ("key_event", 99, 0), ("unicode_char_entered", "x")]
