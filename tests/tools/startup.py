"""From a command to its picture, step by step, and the work outside OpenGL of a frame that nothing changes.

Every process is started anew, with files in the system's cache and shaders in the driver's, and does what `capture`
does, one step after the other, each waited for; then the command itself, and `--help`. Beside milliseconds of the wall
clock stands processor time, of all threads together, which other programs disturb less. Last, in one process, frames
like the one before: what `render` takes of its thread's time where OpenGL is told everything but to draw.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import _checkout
import moderngl
from process_memory import peak_megabytes
from ssdo.commands.bench.flags import add_count, add_output, save, take_output
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.gpu.shaders import Program, ShaderCompiler, SourceLine
from ssdo.measure import images
from ssdo.measure.timings import in_words, spread
from ssdo.measure.version import version
from ssdo.render import environment_maps, mesh_buffers
from ssdo.render.pipeline import load_shot_scene, render_accumulated, render_frame
from ssdo.render.shot import Shot, add_shot_flags, parse_overrides
from ssdo.resources import PACKAGE
from ssdo.settings import Parser, UserError, format_toml, parse

STEPPED = f"""
import time; began = time.time(), time.process_time()
import sys; sys.path.insert(0, {str(_checkout.ROOT / "tests" / "tools")!r})
from startup import stepped; stepped(*began)
"""
CAPTURE, HELP, AGAIN = "`capture`, the command", "`--help`, the command", "a second frame"
TINY = {"width": 16, "height": 9}  # pixels of frames that nothing changes
UNCHANGED = 200  # such frames

Took = tuple[float, float]  # milliseconds by the wall clock, and of processor time


def main(arguments: Sequence[str]) -> int:
    """Run with the flags of a command line. Returns the exit code; raises UserError."""
    parser = Parser(
        "python tests/tools/startup.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--techniques",
        default="off,ssao,ssdo",
        metavar="T,T,...",
        help="whose unchanged frames are measured [off,ssao,ssdo]",
    )
    add_count(parser, "runs", 7, 1, "processes of each kind, after one that fills the caches")
    add_output(parser, "all figures, and what drew")
    add_shot_flags(parser)
    given = parse(parser, arguments)
    output, runs, names = take_output(given), given.pop("runs"), given.pop("techniques").split(",")
    wanted = parse_overrides(given)
    shot = wanted.build_shot(wanted.technique)
    others = [wanted.build_shot(name).with_values(TINY) for name in names]
    load_shot_scene(shot)  # what is wrong with it is told before anything is measured
    _run(shot)
    found = [_run(shot) for _ in range(runs)]
    steps = {
        name: {clock: spread([took[name][i] for took, _ in found]) for i, clock in enumerate(("wall", "processor"))}
        for name in found[0][0]
    }
    memory = spread([held for _, held in found])
    with UndrawnGpu(create_headless_context()) as gpu:
        work = {other.technique.group: spread(unchanged(gpu, other)) for other in others}
        drawn = f"{shot.scene}, {shot.width} x {shot.height}, {shot.technique.describe()}, {gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores"
    print(
        "\n".join(
            [
                *table(steps, memory),
                "",
                *table_of_frames(work),
                "",
                f"{drawn}; {runs} processes, {UNCHANGED} frames; version {version()}",
            ]
        )
    )
    save(output, drawn, {"runs": runs, "steps": steps, "megabytes": memory, "unchanged": work})
    return 0


def _run(shot: Shot) -> tuple[dict[str, Took], float]:
    """What a process takes for each step of a capture, another for all of them, and one for `--help`; the megabytes
    that the first held at most.
    """
    with tempfile.TemporaryDirectory() as folder:
        preset, picture = Path(folder) / "shot.toml", Path(folder) / "picture.png"
        preset.write_text(format_toml(shot.values()), "utf-8")
        flags = [f"--preset={preset}", f"--output={picture}"]
        told, _ = _process("-c", STEPPED, str(time.time()), *flags)
        found = json.loads(told)
        steps: dict[str, Took] = found["steps"]
        _, steps[CAPTURE] = _process("-m", "ssdo", "capture", *flags, "--overwrite")
        _, steps[HELP] = _process("-m", "ssdo", "--help")
    return steps, found["megabytes"]


def _process(*arguments: str) -> tuple[str, Took]:
    """What this Python prints when it is started with these, and what it took; processor time is 0 where the system
    does not tell.
    """
    before, start = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    took, after = time.perf_counter() - start, os.times()
    if done.returncode:
        raise UserError(
            f"a process ended with {done.returncode}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'no word'}"
        )
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout, (1e3 * took, 1e3 * processor)


class TimedCompiler(ShaderCompiler):
    """Measures what compiling takes; drivers make machine code in the first draw call."""

    wall = 0.0  # seconds
    processor = 0.0  # seconds of processor time

    def compile(self, vertex: list[SourceLine], fragment: list[SourceLine]) -> Program:
        wall, processor = time.time(), time.process_time()
        program = super().compile(vertex, fragment)
        self.wall += time.time() - wall
        self.processor += time.process_time() - processor
        return program


def stepped(began: float, processor: float) -> None:
    """Make a picture as `capture` does and print what each step took, as JSON; `began` is when this process ran its
    first line, after so much processor time. Arguments of the process: when it was started, and the flags.
    """
    started, *flags = sys.argv[1:]
    steps: dict[str, Took] = {"Python itself": (1e3 * (began - float(started)), 1e3 * processor)}
    last = began, processor

    def step(name: str) -> None:
        nonlocal last
        now = time.time(), time.process_time()
        steps[name] = 1e3 * (now[0] - last[0]), 1e3 * (now[1] - last[1])
        last = now

    step("imports")
    parser = Parser(allow_abbrev=False)
    parser.add_argument("--output", type=Path)
    add_shot_flags(parser)
    given = parse(parser, flags)
    path, wanted = given.pop("output"), parse_overrides(given)
    shot = wanted.build_shot(wanted.technique)
    step("flags")
    with Gpu(create_headless_context()) as gpu:
        compiler = gpu.shaders = TimedCompiler(gpu.ctx)
        step("OpenGL's context")
        scene = load_shot_scene(shot)
        resolved = shot.resolve(scene)
        step("scene")
        mesh_buffers.upload_scene(gpu, scene)
        gpu.ctx.finish()
        step("scene, to OpenGL")
        environment_maps.upload_environment(gpu, resolved.load_environment())
        gpu.ctx.finish()
        step("environment, to OpenGL")
        gpu.low_memory = shot.frame_count == 1
        picture = render_accumulated(gpu, shot)
        gpu.ctx.finish()
        step("first frame")
        (wall, processor), frame = (compiler.wall, compiler.processor), steps.pop("first frame")
        steps |= {
            "shaders": (1e3 * wall, 1e3 * processor),
            "first frame": (frame[0] - 1e3 * wall, frame[1] - 1e3 * processor),
        }
        images.save(path, gpu, picture, shot.values())
        step("picture, to the disk")
        held = peak_megabytes()
        gpu.low_memory = False
        render_accumulated(gpu, shot)  # targets stay from now on
        gpu.ctx.finish()
        last = time.time(), time.process_time()
        gpu.pass_cache.invalidate()
        render_accumulated(gpu, shot)
        gpu.ctx.finish()
        step(AGAIN)
    print(json.dumps({"steps": steps, "megabytes": held}))


class UndrawnGpu(Gpu):
    """Does everything but draw."""

    def _render(self, vertex_array: moderngl.VertexArray, count: int, first: int = 0) -> None:
        pass


def unchanged(gpu: UndrawnGpu, shot: Shot, frames: int = UNCHANGED) -> list[float]:
    """Milliseconds that each of some frames takes of this thread's time, after one that compiles and uploads; every
    pass is prepared again.
    """
    shot = replace(shot, accumulated_frames=1)
    found = []
    with gpu.scope("unchanged"):
        render_frame(gpu, shot)
        for _ in range(frames):
            gpu.ctx.finish()
            gpu.pass_cache.invalidate()
            start = time.thread_time()
            render_frame(gpu, shot)
            found.append(1e3 * (time.thread_time() - start))
    return found


def table(steps: Mapping[str, Mapping[str, Mapping[str, float]]], memory: Mapping[str, float]) -> list[str]:
    """Markdown: medians in milliseconds with 5th and 95th percentile."""
    lines = ["| step | milliseconds | processor time |", "|---|---|---|"]
    lines += [
        f"| {name} | {in_words(took['wall'], 0)} | {in_words(took['processor'], 0)} |" for name, took in steps.items()
    ]
    return [*lines, f"| memory at most | {in_words(memory, 0)} MB | |"]


def table_of_frames(work: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Markdown: the same of unchanged frames."""
    lines = ["| work outside OpenGL of an unchanged frame | milliseconds |", "|---|---|"]
    return [*lines, *(f"| {name} | {in_words(took)} |" for name, took in work.items())]


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
