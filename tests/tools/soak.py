"""Random hands on the viewer for as long as one likes: keys, drags, clicks in the panel, resizes, other scenes. Seeded.

python tests/tools/soak.py --seconds 3600 --seed 0        under a display; exits 1 where anything goes wrong or grows

Nothing may raise, OpenGL may not complain, memory after the first tenth of the time (five minutes at most) may grow by
no more than 2 %, and the textures, buffers, framebuffers, programs and vertex arrays that are alive may not grow at
all. Compared are the first and the last few of many measurements, made with the same settings at rest.
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
from itertools import product
from pathlib import Path
from statistics import median

import _checkout  # noqa: F401 - makes the following importable
import moderngl
from ssdo.render.technique import Technique
from ssdo.settings import param_of
from ssdo.viewer import keys
from ssdo.viewer.display_state import VIEWS
from ssdo.viewer.main_loop import TRIM_INTERVAL
from ui_driver import ALT, CTRL, SHIFT, Driver

SCENES = ("ball", "corner", "bowl", "nook", "cornell", "blocks", "parlour")
KINDS = (
    moderngl.Texture,
    moderngl.Framebuffer,
    moderngl.Renderbuffer,
    moderngl.Buffer,
    moderngl.VertexArray,
    moderngl.Program,
    moderngl.Query,
)
FEW = 5  # measurements whose median counts: what caches hold, and with it one measurement, goes up and down by 5 %
LEFT_OUT = {"quit", "report"}  # a report is a process of its own: it would be measured as ours
START = {"scene": "ball", "technique": "ssdo", "ssdo.samples": 4, "ssdo.steps": 2, "sun.resolution": 512}


def resident() -> int:
    """Bytes of memory that this process holds now. Linux only."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def alive() -> Counter[str]:
    """OpenGL's objects by kind."""
    gc.collect()
    return Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, KINDS))


def act(d: Driver, rng: random.Random) -> str:
    """Something that a hand would do; in words."""
    w, h = d.wnd.width, d.wnd.height
    x, y = rng.uniform(0, max(w - 1, 1)), rng.uniform(0, max(h - 1, 1))
    match rng.choices(("key", "drag", "click", "wheel", "move", "size", "scene", "row"), (40, 18, 12, 8, 8, 3, 2, 9))[
        0
    ]:
        case "key":
            key = rng.choice([k for k in keys.all_keys() if k.action and k.action not in LEFT_OUT])
            if key.characters:
                d.type_text(rng.choice(key.characters))
            else:
                d.press_key(key.names[0], SHIFT * key.shift | CTRL * key.ctrl | ALT * key.alt)
            return f"key {key.action}"
        case "drag":
            d.drag(
                x,
                y,
                rng.uniform(-200, 200),
                rng.uniform(-120, 120),
                rng.choice((1, 1, 2, 4)),
                rng.choice((0, 0, SHIFT)),
            )
            return "drag"
        case "click":
            d.click(x, y, rng.choice((1, 1, 4)), rng.choice((0, 0, 0, CTRL)))
            return "click"
        case "wheel":
            d.scroll(x, y, rng.choice((-3, -1, 1, 3)))
            return "wheel"
        case "move":
            d.move_mouse(x, y)
            return "move"
        case "size":
            size = rng.choice(((560, 400), (640, 360), (300, 200), (700, 420), (1, 1), (120, 90)))
            d.wnd.set_size(*size)
            d.run_frames(4)
            return f"size {size}"
        case "scene":
            d.panel.context.file_to_load = rng.choice(SCENES)
            d.run_frames(4)
            return f"scene {d.session.slots.shared.scene}"
        case _:
            names = [name for name in d.panel.widgets.item_rects if name not in ("capture report",)]
            if names:
                left, top, right, bottom = d.panel.widgets.item_rects[rng.choice(names)]
                d.click((left + right) / 2, (top + bottom) / 2)
            return "row"


def choose_everything(d: Driver) -> None:
    """Every choice among names is a program of its own: all of them are drawn once, in a scene of matt surfaces and one
    of glossy ones, and so is every buffer that can be shown, with the surroundings known and not.
    """
    for scene in ("ball", "parlour"):
        d.session.slots.restore(d.start)  # type: ignore[attr-defined]
        d.session.change({"scene": scene})
        for technique in (name for name, kind in Technique.known.items() if kind.sample_param):
            d.session.change({"technique": technique})
            settings = [d.session.slots.techniques["B"], d.session.slots.shared.display]
            for values in product(
                *(param_of(f).choices for s in settings for _, _, f, _ in s.walk() if param_of(f).choices)
            ):
                names = [f"{s.group}.{f.name}" for s in settings for _, _, f, _ in s.walk() if param_of(f).choices]
                d.session.change(dict(zip(names, values, strict=True)))
                d.wait_idle()
            # in one texel and in three
            for more in ({f"{technique}.samples": 32}, {f"{technique}.samples": 4}) if technique == "ssdo" else ():
                d.session.change(more)
                d.wait_idle()
            for far in ("open", "probes"):
                d.session.change({"probes.enabled": far})
                d.wait_idle()
                for view, buffer in product(VIEWS[:-1], list(d.session.view_renderer.buffers("B"))):
                    d.session.display.view, d.session.display.buffer = view, buffer
                    d.run_frames(2)
            for change in (
                {"lighting.resolution": "full"},
                {"temporal.history_length": 8},
                {"temporal.history_length": 0, "lighting.resolution": "half"},
            ):
                d.session.change(change)
                d.wait_idle()
            d.session.display.buffer, d.panel.pixel.is_enabled = "final image", True
            d.move_mouse(60, 200)
            d.run_frames(3)
            d.panel.pixel.is_enabled = False


def reset(d: Driver) -> None:
    """What may differ with the settings is measured with the same ones: every scene, technique and view is gone
    through, so that what is kept of them is full, then the state and size of the start come back.
    """
    for task in (d.viewer.actions.task, d.panel.experiments.current):
        if task and not task.is_done:
            task.end(d.session)
    d.press_key("ESCAPE")
    d.wnd.set_size(560, 400)
    d.session.is_playing, d.session.display.buffer, d.session.error, d.panel.pixel.is_enabled = False, "final image", "", False
    for scene in (*SCENES[1:], SCENES[0]):
        d.session.slots.restore(d.start)  # type: ignore[attr-defined]
        d.session.change({"scene": scene})
        d.session.display.view = "split"
        modes = Technique.all_modes()
        for _, mode in (*modes[4:], *modes[:4]):
            d.session.choose_mode("B", mode.label)
            d.run_frames(3)
        d.session.uses_reference = True
        for view in ("error", "difference", "side by side", "split"):
            d.session.display.view = view
            d.run_frames(4)
        d.session.display.buffer, d.panel.pixel.is_enabled = "RGB visibility", True
        d.move_mouse(60, 200)
        d.run_frames(3)
        d.session.display.buffer, d.panel.pixel.is_enabled, d.session.uses_reference = "final image", False, False
    d.session.slots.restore(d.start)  # type: ignore[attr-defined]
    d.wait_idle()
    until = time.monotonic() + TRIM_INTERVAL + 1
    while time.monotonic() < until:  # at rest, the window gives back what was freed
        d.run_frames(1)
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, counts = random.Random(arguments.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        d = Driver(Path(folder) / "state", dict(START))
        d.start = d.session.slots.state()  # type: ignore[attr-defined]
        choose_everything(d)
        reset(d)
        begun, programs = time.monotonic(), set(d.session.gpu.shaders.programs)
        settled = begun + min(300.0, arguments.seconds / 10)
        measured: list[tuple[float, int, Counter[str]]] = []
        every, following = max(20.0, min(120.0, arguments.seconds / 20)), settled
        while (now := time.monotonic()) < begun + arguments.seconds or len(measured) < 2 * FEW:
            counts[act(d, rng).split()[0]] += 1
            assert d.session.gpu.ctx.error == "GL_NO_ERROR"
            for path in Path("captures").glob("*"):
                path.unlink()
            if now >= following:
                reset(d)
                measured.append((now - begun, resident(), alive()))
                print(
                    json.dumps(
                        {
                            "seconds": round(now - begun),
                            "megabytes": round(measured[-1][1] / 2**20, 1),
                            "alive": measured[-1][2],
                        }
                    ),
                    flush=True,
                )
                following = now + every
                for late in d.session.gpu.shaders.programs.keys() - programs:
                    print(f"a program that was not among the choices gone through: {str(late)[:400]}", flush=True)
                programs |= d.session.gpu.shaders.programs.keys()
        first, last = measured[:FEW], measured[-FEW:]
        grown = median(m[1] for m in last) / median(m[1] for m in first) - 1
        more = {
            kind: count
            for kind in last[-1][2]
            if (count := min(m[2][kind] for m in last) - min(m[2][kind] for m in first)) > 0
        }
        print(f"{sum(counts.values())} acts {dict(counts)}: memory {grown:+.2%}, more objects: {more or 'none'}")
        os.chdir("/")
    return int(grown > 0.02 or bool(more))


if __name__ == "__main__":
    sys.exit(main())
