"""Time between an event and its answer while the viewer draws a sharp frame of a slow scene.

python tests/tools/latency.py --size 1280x720 --events 30       needs a display; exits with 1 where a limit is exceeded

Events come at random moments after the viewer is idle and told to render anew: a key that changes the view, a notch of
the wheel, a press of the mouse on the image, a move of the mouse over the panel. The answer is the next frame of the
window. A thread only notes when an event comes; the window's loop finds it as it finds those of the system.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import _checkout
from ssdo.viewer import main_loop
from ui_driver import Driver

MEDIAN_LIMIT, WORST_LIMIT = 0.100, 0.250  # seconds
MAX_WAIT = 4.0  # seconds of drawing before an event
EVENT_KINDS = ("key", "wheel", "press", "move")


class EventSource:
    """An event that comes at a moment of its own, while the loop may be drawing."""

    def __init__(self, d: Driver) -> None:
        self.d = d
        self.sent_at = 0.0
        self._kind = ""
        self._is_sent = threading.Event()

    def start(self, kind: str, seconds: float) -> None:
        """Send an event of a kind after some seconds."""
        self._kind, self.sent_at = kind, 0.0
        self._is_sent.clear()
        threading.Timer(seconds, self._send).start()

    def _send(self) -> None:
        self.sent_at = time.perf_counter()
        self._is_sent.set()

    def dispatch(self) -> bool:
        """Hand the event to the window, if it has come. Returns whether it has."""
        if not self._is_sent.is_set():
            return False
        self._is_sent.clear()
        d, x, y = self.d, 40, 90
        match self._kind:
            case "key":
                code = getattr(d.key_codes, random.choice("AS"))
                d.wnd.dispatch_event("on_key_press", code, 0)
                d.wnd.dispatch_event("on_key_release", code, 0)
            case "wheel":
                d.wnd.dispatch_event("on_mouse_scroll", x, y, 0, random.choice((-1, 1)))
            case "press":
                d.wnd.dispatch_event("on_mouse_press", x, y, 1, 0)
                d.wnd.dispatch_event("on_mouse_release", x, y, 1, 0)
            case "move":
                right = d.wnd.width - random.randrange(20, 120)
                d.wnd.dispatch_event("on_mouse_motion", right, d.wnd.height - random.randrange(60, 200), 1, 1)
        return True


def measure_latency(d: Driver, kind: str, seconds: float) -> float:
    """Seconds from an event to the end of the window's next frame. The event comes after some seconds of drawing."""
    d.session.scheduler.invalidate()
    source, has_event, answered_at = EventSource(d), False, 0.0
    dispatch_events, draw_panel = d.wnd.dispatch_events, d.viewer._draw_panel

    def dispatch() -> None:
        nonlocal has_event
        dispatch_events()
        has_event = source.dispatch() or has_event

    def draw_panel_and_note_time() -> None:
        nonlocal answered_at
        is_answer = has_event
        draw_panel()
        d.viewer.wnd.ctx.finish()
        answered_at = time.perf_counter() if is_answer else 0.0

    d.wnd.dispatch_events, d.viewer._draw_panel = dispatch, draw_panel_and_note_time  # type: ignore[method-assign]
    source.start(kind, seconds)
    while not answered_at:
        d.run_frames()
    d.wnd.dispatch_events, d.viewer._draw_panel = dispatch_events, draw_panel  # type: ignore[method-assign]
    return answered_at - source.sent_at


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code."""
    parser = argparse.ArgumentParser("python tests/tools/latency.py", description=__doc__)
    parser.add_argument("--scene", default="parlour")
    parser.add_argument("--size", default="1280x720", help="of the window, WIDTHxHEIGHT")
    parser.add_argument("--events", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args(arguments)
    width, height = map(int, flags.size.split("x"))
    random.seed(flags.seed)
    intervals = main_loop.ACTIVE_INTERVAL, main_loop.IDLE_INTERVAL
    with tempfile.TemporaryDirectory() as folder:
        d = Driver(Path(folder), {"scene": flags.scene, "technique": "ssdo"}, (width, height))
        d.wait_idle(600.0)
        main_loop.ACTIVE_INTERVAL, main_loop.IDLE_INTERVAL = intervals  # a driver draws every frame
        latencies: dict[str, list[float]] = {kind: [] for kind in EVENT_KINDS}
        for index in range(flags.events):
            kind = EVENT_KINDS[index % len(EVENT_KINDS)]
            latencies[kind].append(measure_latency(d, kind, random.uniform(0.0, MAX_WAIT)))
        d.close()
    times = sorted(latency for values in latencies.values() for latency in values)
    for kind, values in latencies.items():
        print(f"{kind}: median {1e3 * median(values):.0f} ms, worst {1e3 * max(values):.0f} ms, {len(values)} events")
    is_quick = median(times) <= MEDIAN_LIMIT and times[-1] <= WORST_LIMIT
    print(f"{flags.scene}, {width} x {height}: median {1e3 * median(times):.0f} ms, worst {1e3 * times[-1]:.0f} ms")
    return 0 if is_quick else 1


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
