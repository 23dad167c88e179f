"""The time from a command to its image, step by step, and the CPU work of an unchanged frame.

Every process starts anew, with files and shaders in the caches of system and driver. One does what `capture` does, and
waits after each step; then follow the command itself, and `--help`. Processor time, of all threads together, depends
less on other programs than the wall clock. Last, in one process, unchanged frames of each of --techniques: the thread's
time in `render_frame` with all OpenGL calls except draw calls.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import _checkout
import moderngl
from process_memory import peak_megabytes
from ssdo.commands.bench.flags import (
    add_count_flag,
    add_output_flags,
    add_techniques_flag,
    describe_machine,
    describe_resolution,
    format_table,
    pop_output,
    save_figures,
)
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.gpu.shaders import Program, ShaderCompiler, SourceLine
from ssdo.measure import images
from ssdo.measure.timings import format_percentiles, percentiles
from ssdo.measure.version import program_version
from ssdo.render import environment_maps, mesh_buffers
from ssdo.render.pipeline import load_shot_scene, render_all_frames, render_frame
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import add_shot_flags, parse_overrides
from ssdo.resources import PACKAGE
from ssdo.settings import UserError
from ssdo.toml_text import format_toml

# Reads the clocks before it imports anything.
STEPS_SCRIPT = f"""
import time; start = time.time(), time.process_time()
import sys; sys.path.insert(0, {str(_checkout.ROOT / "tests" / "tools")!r})
from startup import print_steps; print_steps(*start)
"""
CAPTURE, HELP, SECOND_FRAME = "`capture`, the command", "`--help`, the command", "a second frame"
TINY = {"width": 16, "height": 9}  # pixels, of frames that are not drawn
UNCHANGED_FRAMES = 200

Percentiles = Mapping[str, float]


class Duration(NamedTuple):
    """Milliseconds."""

    wall: float
    processor: float  # of all threads


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code; raises UserError."""
    parser = FlagParser("python tests/tools/startup.py", __doc__)
    add_techniques_flag(parser, "off,ssao,ssdo")
    add_count_flag(parser, "runs", 7, 1, "processes of each kind, after one that fills the caches")
    add_output_flags(parser, "all figures as JSON")
    add_shot_flags(parser)
    flags = parse_flags(parser, arguments)
    output, runs, techniques = pop_output(flags), flags.pop("runs"), flags.pop("techniques").split(",")
    overrides = parse_overrides(flags)
    shot = overrides.build_shot(overrides.technique)
    tiny_shots = [overrides.build_shot(name).with_values(TINY) for name in techniques]
    load_shot_scene(shot)  # raises UserError before anything is measured
    steps, memory = measure_processes(shot, runs)
    with UndrawnGpu(create_headless_context()) as gpu:
        frame_work = {tiny.technique.group: percentiles(measure_unchanged(gpu, tiny)) for tiny in tiny_shots}
        view = f"{shot.scene}, {describe_resolution(shot)}, {shot.technique.describe()}"
        run = f"{view}, {describe_machine(gpu)}"
    counts = f"{runs} processes, {UNCHANGED_FRAMES} frames; version {program_version()}"
    lines = [*format_steps(steps, memory), "", *format_frame_work(frame_work), "", f"{run}; {counts}"]
    print("\n".join(lines))
    save_figures(output, run, {"runs": runs, "steps": steps, "megabytes": memory, "unchanged_frame": frame_work})
    return 0


# ---- processes ----


def measure_processes(shot: Shot, runs: int) -> tuple[dict[str, dict[str, Percentiles]], Percentiles]:
    """Milliseconds of each step by clock (wall, processor), and the peak memory of a capture in MiB."""
    _run_processes(shot)  # fills the caches
    results = [_run_processes(shot) for _ in range(runs)]
    steps: dict[str, dict[str, Percentiles]] = {}
    for name in results[0][0]:
        durations = [durations[name] for durations, _ in results]
        steps[name] = {
            clock: percentiles([getattr(duration, clock) for duration in durations]) for clock in Duration._fields
        }
    return steps, percentiles([megabytes for _, megabytes in results])


def _run_processes(shot: Shot) -> tuple[dict[str, Duration], float]:
    """Durations of the steps of a capture, of the command and of `--help`, and the capture's peak memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        preset, image = Path(folder) / "shot.toml", Path(folder) / "image.png"
        preset.write_text(format_toml(shot.values()), "utf-8")
        flags = [f"--preset={preset}", f"--output={image}"]
        output, _ = _run_python("-c", STEPS_SCRIPT, str(time.time()), *flags)
        result = json.loads(output)
        steps = {name: Duration(*duration) for name, duration in result["steps"].items()}
        _, steps[CAPTURE] = _run_python("-m", "ssdo", "capture", "--antialias", "1", *flags, "--overwrite")
        _, steps[HELP] = _run_python("-m", "ssdo", "--help")
    return steps, result["megabytes"]


def _run_python(*arguments: str) -> tuple[str, Duration]:
    """The standard output of a Python process, and its duration. Raises UserError where it fails."""
    cpu_start, start = os.times(), time.perf_counter()
    command = [sys.executable, *arguments]
    process = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    wall, cpu_end = time.perf_counter() - start, os.times()
    if process.returncode:
        message = process.stderr.strip().splitlines()[-1] if process.stderr.strip() else "no message"
        raise UserError(f"a process ended with {process.returncode}: {message}")
    processor = cpu_end.children_user + cpu_end.children_system - cpu_start.children_user - cpu_start.children_system
    return process.stdout, Duration(1e3 * wall, 1e3 * processor)


class StepTimer:
    """Durations of steps that follow each other."""

    def __init__(self, start: float, processor_start: float) -> None:
        self.steps: dict[str, Duration] = {}
        self._last = start, processor_start

    def end_step(self, name: str) -> None:
        wall, processor = self._last
        self.restart()
        self.steps[name] = Duration(1e3 * (self._last[0] - wall), 1e3 * (self._last[1] - processor))

    def restart(self) -> None:
        """Start the next step now."""
        self._last = time.time(), time.process_time()


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


def print_steps(start: float, processor_start: float) -> None:
    """Draw an image as `capture` does, and print the duration of each step as JSON.

    `start` and `processor_start`: the clocks (s) in the first line of this process. Its arguments are the time at which
    it was started, and the flags.
    """
    launch, *arguments = sys.argv[1:]
    timer = StepTimer(start, processor_start)
    timer.steps["Python itself"] = Duration(1e3 * (start - float(launch)), 1e3 * processor_start)
    timer.end_step("imports")
    parser = FlagParser()
    parser.add_argument("--output", type=Path)
    add_shot_flags(parser)
    flags = parse_flags(parser, arguments)
    path, overrides = flags.pop("output"), parse_overrides(flags)
    shot = overrides.build_shot(overrides.technique)
    timer.end_step("flags")
    with Gpu(create_headless_context()) as gpu:
        compiler = gpu.shaders = TimedCompiler(gpu.ctx)
        timer.end_step("OpenGL context")
        scene = load_shot_scene(shot)
        resolved_shot = shot.resolve(scene)
        timer.end_step("scene")
        mesh_buffers.upload_scene(gpu, scene)
        gpu.ctx.finish()
        timer.end_step("upload of the scene")
        environment_maps.upload_environment(gpu, resolved_shot.load_environment())
        gpu.ctx.finish()
        timer.end_step("upload of the environment")
        gpu.low_memory = shot.frame_count == 1
        result = render_all_frames(gpu, shot)
        gpu.ctx.finish()
        timer.end_step("first frame")
        frame, shaders = timer.steps.pop("first frame"), Duration(1e3 * compiler.wall, 1e3 * compiler.processor)
        timer.steps["shaders"] = shaders
        timer.steps["first frame"] = Duration(frame.wall - shaders.wall, frame.processor - shaders.processor)
        images.save_result(path, gpu, result, shot.values())
        timer.end_step("writing the image")
        megabytes = peak_megabytes()
        gpu.low_memory = False
        render_all_frames(gpu, shot)  # creates targets that stay from now on
        gpu.ctx.finish()
        timer.restart()
        gpu.pass_cache.invalidate()
        render_all_frames(gpu, shot)
        gpu.ctx.finish()
        timer.end_step(SECOND_FRAME)
    print(json.dumps({"steps": timer.steps, "megabytes": megabytes}))


# ---- frames without a change ----


class UndrawnGpu(Gpu):
    """Does everything but draw."""

    def _render(self, vertex_array: moderngl.VertexArray, count: int, first: int = 0) -> None:
        pass


def measure_unchanged(gpu: UndrawnGpu, shot: Shot, frames: int = UNCHANGED_FRAMES) -> list[float]:
    """Milliseconds of this thread's time in each of some frames. No pass is skipped because it is cached."""
    shot = replace(shot, accumulated_frames=1)
    times = []
    with gpu.scope("unchanged"):
        render_frame(gpu, shot)  # compiles and uploads
        for _ in range(frames):
            gpu.ctx.finish()
            gpu.pass_cache.invalidate()
            start = time.thread_time()
            render_frame(gpu, shot)
            times.append(1e3 * (time.thread_time() - start))
    return times


# ---- tables ----


def format_steps(steps: Mapping[str, Mapping[str, Percentiles]], memory: Percentiles) -> list[str]:
    """A table in Markdown: median milliseconds with 5th and 95th percentile."""
    rows = [
        [name, format_percentiles(times["wall"], 0), format_percentiles(times["processor"], 0)]
        for name, times in steps.items()
    ]
    rows.append(["peak memory", f"{format_percentiles(memory, 0)} MiB", ""])
    return format_table(["step", "milliseconds", "processor time"], rows)


def format_frame_work(frame_work: Mapping[str, Percentiles]) -> list[str]:
    """A table in Markdown: the same for unchanged frames, by technique."""
    rows = [[name, format_percentiles(times)] for name, times in frame_work.items()]
    return format_table(["CPU work of an unchanged frame", "milliseconds"], rows)


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
