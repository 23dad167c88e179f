"""Soak test of the viewer: random keys, drags, clicks in the panel, resizes and scenes for a long time.

python tests/tools/soak.py --seconds 3600 --seed 0        needs a display; exits with 1 where something fails or grows

First every program is compiled, which takes some minutes on a software renderer and does not count as time. Nothing may
raise, and OpenGL may not report an error. Memory may grow by at most 2 %, and the number of OpenGL objects not at all.
Measurements start after a tenth of the time, or after five minutes. All are made with the same settings while the
viewer is idle; the first few are compared with the last few.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import _checkout
import moderngl
from ssdo.render.technique import Technique
from ssdo.settings import param_of
from ssdo.viewer import keys
from ssdo.viewer.display_state import VIEWS
from ssdo.viewer.main_loop import TRIM_INTERVAL
from ui_driver import CTRL, SHIFT, Driver

SCENES = ("ball", "corner", "bowl", "nook", "cornell", "blocks", "parlour")
OBJECT_TYPES = (
    moderngl.Texture,
    moderngl.Framebuffer,
    moderngl.Renderbuffer,
    moderngl.Buffer,
    moderngl.VertexArray,
    moderngl.Program,
    moderngl.Query,
)
# Measurements whose median is compared: caches make a single one vary by 5 %, and textures by 10 of 200.
COMPARED_MEASUREMENTS = 5
MAX_GROWTH = 0.02
IDLE_TIMEOUT = 600.0  # seconds: eight frames with many slices, on a busy machine without a GPU
SKIPPED_ACTIONS = {"quit", "report", "open", "full-screen"}  # a report's memory would count
SKIPPED_ITEMS = {"toolbar Report", "toolbar Open", "window quit", "window full screen"}
START = {"scene": "ball", "technique": "ssdo", "ssdo.samples": 4, "ssdo.steps": 2, "sun.resolution": 512}
WINDOW_SIZE = (560, 400)
WINDOW_SIZES = (WINDOW_SIZE, (640, 360), (300, 200), (700, 420), (1, 1), (120, 90))
INPUT_WEIGHTS = {"key": 40, "drag": 18, "click": 12, "wheel": 8, "move": 8, "size": 3, "scene": 2, "item": 9}


class ResourceUsage(NamedTuple):
    """While the viewer is idle."""

    seconds: float  # since the start
    resident_bytes: int
    objects: Counter[str]  # of OpenGL, by type


def measure_resources(start: float) -> ResourceUsage:
    """Linux only."""
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    gc.collect()
    objects = Counter(type(item).__name__ for item in gc.get_objects() if isinstance(item, OBJECT_TYPES))
    return ResourceUsage(time.monotonic() - start, resident_pages * os.sysconf("SC_PAGE_SIZE"), objects)


# ---- input ----


def send_random_input(d: Driver, rng: random.Random) -> str:
    """Returns its kind, a key of INPUT_WEIGHTS."""
    x = rng.uniform(0, max(d.wnd.width - 1, 1))
    y = rng.uniform(0, max(d.wnd.height - 1, 1))
    (kind,) = rng.choices(list(INPUT_WEIGHTS), list(INPUT_WEIGHTS.values()))
    match kind:
        case "key":
            press_random_key(d, rng)
        case "drag":
            dx, dy = rng.uniform(-200, 200), rng.uniform(-120, 120)
            d.drag(x, y, dx, dy, rng.choice((1, 1, 2, 4)), rng.choice((0, 0, SHIFT)))
        case "click":
            d.click(x, y, rng.choice((1, 1, 4)), rng.choice((0, 0, 0, CTRL)))
        case "wheel":
            d.scroll(x, y, rng.choice((-3, -1, 1, 3)))
        case "move":
            d.move_mouse(x, y)
        case "size":
            d.wnd.set_size(*rng.choice(WINDOW_SIZES))
            d.run_frames(4)
        case "scene":
            d.panel.context.file_to_load = rng.choice(SCENES)
            d.run_frames(4)
        case "item":
            click_random_item(d, rng)
    return kind


def press_random_key(d: Driver, rng: random.Random) -> None:
    d.press_shortcut(rng.choice([key for key in keys.all_keys() if key.action and key.action not in SKIPPED_ACTIONS]))


def click_random_item(d: Driver, rng: random.Random) -> None:
    names = [name for name in d.panel.widgets.item_rects if name not in SKIPPED_ITEMS]
    if names:
        d.click(*d.get_item_center(rng.choice(names)))


# ---- states to measure in ----


def compile_all_programs(d: Driver, start: Any) -> None:
    """Draw every combination of choices and every buffer once, as each is a program of its own.

    In a scene with diffuse surfaces and one with glossy ones, with and without probes. `start`: state of the slots.
    """
    for scene in ("ball", "parlour"):
        d.session.slots.restore(start)
        d.session.change({"scene": scene})
        for technique in (name for name, kind in Technique.known.items() if kind.sample_param):
            d.session.change({"technique": technique})
            draw_all_choices(d)
            # samples whose results fit into one texel, and into three
            for values in ({"ssdo.samples": 32}, {"ssdo.samples": 4}) if technique == "ssdo" else ():
                apply_and_wait(d, values)
            for has_probes in (False, True):
                apply_and_wait(d, {"probes.enabled": has_probes})
                draw_all_buffers(d)
            apply_and_wait(d, {"lighting.resolution": "full"})
            apply_and_wait(d, {"temporal.history_length": 8})
            apply_and_wait(d, {"temporal.history_length": 0, "lighting.resolution": "half"})
            inspect_pixel(d, "final image")


def apply_and_wait(d: Driver, values: dict[str, Any]) -> None:
    d.session.change(values)
    d.wait_idle(IDLE_TIMEOUT)


def draw_all_choices(d: Driver) -> None:
    """Every combination of the choices of the technique and of the display."""
    choices = {}
    for settings in (d.session.slots.techniques["B"], d.session.slots.shared.display):
        for _, _, field, _ in settings.walk():
            if param_of(field).choices:
                choices[f"{settings.group}.{field.name}"] = param_of(field).choices
    for values in product(*choices.values()):
        apply_and_wait(d, dict(zip(choices, values, strict=True)))


def draw_all_buffers(d: Driver) -> None:
    for view, buffer in product(VIEWS[:-1], list(d.session.view_renderer.buffers("B"))):
        d.session.display.view, d.session.display.buffer = view, buffer
        d.run_frames(2)


def inspect_pixel(d: Driver, buffer: str) -> None:
    d.session.display.buffer = buffer
    d.panel.pixel.is_enabled = True
    d.move_mouse(60, 200)
    d.run_frames(3)
    d.panel.pixel.is_enabled = False
    d.session.display.buffer = "final image"


def reset(d: Driver, start: Any) -> None:
    """Fill the caches with every scene, mode and view, then restore the start, so that measurements are comparable."""
    for task in (d.viewer.actions.task, d.panel.experiments.current):
        if task and not task.is_done:
            task.end(d.session)
    d.press_key("ESCAPE")
    d.wnd.set_size(*WINDOW_SIZE)
    d.session.is_playing = False
    d.session.display.buffer = "final image"
    d.session.error = ""
    d.panel.pixel.is_enabled = False
    for scene in (*SCENES[1:], SCENES[0]):
        d.session.slots.restore(start)
        d.session.change({"scene": scene})
        d.session.display.view = "split"
        modes = Technique.all_modes()
        for _, mode in (*modes[4:], *modes[:4]):
            d.session.choose_mode("B", mode.label)
            d.run_frames(3)
        d.session.reference_enabled = True
        for view in ("error", "difference", "side by side", "split"):
            d.session.display.view = view
            d.run_frames(4)
        inspect_pixel(d, "RGB visibility")
        d.session.reference_enabled = False
    d.session.slots.restore(start)
    d.wait_idle(IDLE_TIMEOUT)
    until = time.monotonic() + TRIM_INTERVAL + 1
    while time.monotonic() < until:  # an idle window returns freed memory to the system
        d.run_frames(1)
        time.sleep(0.05)


# ---- program ----


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code: 1 where memory or OpenGL objects grow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        driver = Driver(Path(folder) / "state", dict(START))
        counts, measurements = run_inputs(driver, random.Random(flags.seed), flags.seconds)
        os.chdir("/")
    first, last = measurements[:COMPARED_MEASUREMENTS], measurements[-COMPARED_MEASUREMENTS:]
    ratio = median(m.resident_bytes for m in last) / median(m.resident_bytes for m in first) - 1
    new_objects = {
        name: count
        for name in last[-1].objects
        if (count := round(median(m.objects[name] for m in last) - median(m.objects[name] for m in first))) > 0
    }
    print(f"{sum(counts.values())} inputs {dict(counts)}: memory {ratio:+.2%}, added objects: {new_objects or 'none'}")
    return int(ratio > MAX_GROWTH or bool(new_objects))


def run_inputs(d: Driver, rng: random.Random, seconds: float) -> tuple[Counter[str], list[ResourceUsage]]:
    """Send random input for some seconds; returns the number of inputs by kind, and the measurements."""
    state = d.session.slots.state()
    compile_all_programs(d, state)
    reset(d, state)
    programs = set(d.session.gpu.shaders.programs)
    counts: Counter[str] = Counter()
    measurements: list[ResourceUsage] = []
    start = time.monotonic()
    interval = max(20.0, min(120.0, seconds / 20))
    next_measurement = start + min(300.0, seconds / 10)
    while (now := time.monotonic()) < start + seconds or len(measurements) < 2 * COMPARED_MEASUREMENTS:
        counts[send_random_input(d, rng)] += 1
        assert d.session.gpu.ctx.error == "GL_NO_ERROR"
        for path in Path("captures").glob("*"):
            path.unlink()
        if now < next_measurement:
            continue
        reset(d, state)
        measurements.append(measure_resources(start))
        next_measurement = time.monotonic() + interval
        print_measurement(measurements[-1])
        for program in d.session.gpu.shaders.programs.keys() - programs:
            print(f"a program that compile_all_programs missed: {str(program)[:400]}", flush=True)
        programs |= d.session.gpu.shaders.programs.keys()
    return counts, measurements


def print_measurement(measurement: ResourceUsage) -> None:
    megabytes = round(measurement.resident_bytes / 2**20, 1)
    figures = {"seconds": round(measurement.seconds), "megabytes": megabytes, "objects": measurement.objects}
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
