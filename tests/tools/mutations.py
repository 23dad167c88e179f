"""Mutation testing of the shaders: rules change one line at a time, and the tests have to fail.

python tests/tools/mutations.py                     120 mutations that change an image by more than its noise
python tests/tools/mutations.py --count 40 --seed 7 --only shaders/techniques/ssdo.frag

A rule flips a sign, drops a factor, swaps operands, reverses a comparison, is off by one, takes another component or
constant. The seed decides the order of the mutations; shaders take turns. Mutations that do not compile, do not end or
change no image by more than another sample seed does are counted and left out.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import _checkout
import numpy as np
import ray_throughput
from fault_injection import ROOT, ProjectCopy, map_in_copies
from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images
from ssdo.render.pipeline import FrameResult, render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.resources import SHADERS
from ssdo.settings import UserError
from ssdo.viewer.pixel_inspector import OCCLUDED, inspect_pixel
from ssdo.viewer.render_scheduler import SLOTS
from ssdo.viewer.session import Session
from ssdo.viewer.view_renderer import MAPPINGS
from tqdm import tqdm

MIN_CHANGE = 1.5  # relative to the change by another sample seed
MIN_NOISE = 2e-3 / MIN_CHANGE  # half an 8-bit step is the least change that counts
MAX_TRIED_FIRST = 16  # tests that are tried on every mutation
DRAW_TIMEOUT = 60.0  # seconds for all images, which take four
TIMEOUT_RATIO = 3.0  # of a group of tests to all tests without a mutation
TEST_GROUPS = (
    ["test_closed_forms.py", "test_faults.py", "test_display.py"],
    ["test_reference.py"],
    ["test_viewer_session.py", "test_viewer.py", "-m", "not window"],
    ["test_half_resolution.py"],
    ["test_slices.py", "test_viewer_session.py"],
    ["test_temporal.py"],
)
FIRST_TEST_GROUPS = {  # by shader; 0 for the others
    "shaders/techniques/reference.frag": 1,
    "shaders/common/ray_scene.glsl": 1,
    "shaders/common/environment_sampling.glsl": 1,
    "shaders/common/random.glsl": 1,
    "shaders/common/lighting.glsl": 1,
    "shaders/passes/buffer_view.frag": 2,
    "shaders/passes/difference.frag": 2,
    "shaders/passes/inspect_directions.frag": 2,
    "shaders/common/window.glsl": 2,
    "shaders/passes/subsample.frag": 3,
    "shaders/passes/upsample.frag": 3,
    "shaders/passes/inspect_sectors.frag": 4,
    "shaders/passes/inspect_horizons.frag": 4,
    "shaders/common/sectors.glsl": 4,
    "shaders/common/slices.glsl": 4,
    "shaders/techniques/bitmask.frag": 4,
    "shaders/techniques/gtao.frag": 4,
    "shaders/passes/temporal.frag": 5,
}
# These test no shader.
IGNORED_TESTS = (
    "test_page.py",
    "test_gltf.py",
    "test_gltf_features.py",
    "test_hdr.py",
    "test_metrics.py",
    "test_settings.py",
    "test_compare.py",
    "test_references.py",
    "test_tools.py",
    "test_ui.py",
)

OPERAND = r"[A-Za-z_][\w.]*(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?(?:\.[xyzwrgba]{1,4})?|\d+\.\d+|\d+"
RULES: Sequence[tuple[str, str, str]] = (  # what it does, what it looks for, what it puts there
    ("sign flipped", r"(?<=[\w)\]] )\+(?= [\w(-])", "-"),
    ("sign flipped", r"(?<=[\w)\]] )-(?= [\w(-])", "+"),
    ("sign flipped", r"(?<=[(=,?:] )-(?=[A-Za-z_(])", ""),
    ("sign flipped", r"(?<=\()-(?=[A-Za-z_(])", ""),
    ("factor dropped", rf" \* (?:{OPERAND})(?![\w(])", ""),
    ("factor dropped", rf"(?<![\w.)] )(?<![\w.])(?:{OPERAND}) \* ", ""),
    ("divisor dropped", rf" / (?:{OPERAND})(?![\w(])", ""),
    ("divided for multiplied", r"(?<= )\*(?= )", "/"),
    ("multiplied for divided", r"(?<= )/(?= )", "*"),
    ("operands swapped", r"\b([A-Za-z_][\w.]*) ([-/]) ([A-Za-z_][\w.]*)(?![\w(.\[])", r"\3 \2 \1"),
    ("comparison turned", r"(?<= )<(?= )", ">"),
    ("comparison turned", r"(?<= )>(?= )", "<"),
    ("comparison turned", r"(?<= )==(?= )", "!="),
    ("off by one", r"(?<= )<(?= [\w.]+(?:\.[\w]+)?[; ])", "<="),
    ("off by one", r"(?<=int [a-z] = )0(?=;)", "1"),
    ("off by one", r"(?<=\w) [+-] 1(?![\w.])", ""),
    ("or for and", r"&&", "||"),
    ("and for or", r"\|\|", "&&"),
    ("max for min", r"\bmin(?=\()", "max"),
    ("min for max", r"\bmax(?=\()", "min"),
    ("clamp dropped", r"clamp\(([^(),]+), [^()]*\)", r"(\1)"),
    ("cos for sin", r"\bsin(?=\()", "cos"),
    ("sin for cos", r"\bcos(?=\()", "sin"),
    ("other component", r"(?<=[\w)\]])\.x\b", ".y"),
    ("other component", r"(?<=[\w)\]])\.y\b", ".x"),
    ("other component", r"(?<=[\w)\]])\.z\b", ".x"),
    ("other component", r"(?<=[\w)\]])\.xy\b", ".yx"),
    ("other component", r"(?<=[\w)\]])\.a\b", ".r"),
    ("other constant", r"\b0\.5\b", "0.25"),
    ("other constant", r"\b1\.0\b", "0.5"),
    ("other constant", r"\b2\.0\b", "1.0"),
    ("other constant", r"\b0\.0\b", "0.5"),
    ("condition negated", r"\bif \((?!!)", "if (!"),
    ("condition negated", r"!(?=[a-z]\w*\()", ""),
    ("statement dropped", r"^\s+[\w.\[\]]+ [-+*/]?= [^;]+;$", ""),
)
NO_STATEMENTS = ("#", "uniform", "layout", "out ", "in ", "struct", "precision")


class Mutation(NamedTuple):
    """A change of one line."""

    file: str
    line: int  # from 1
    rule: str
    original: str  # the line, without its indentation
    mutated: str
    text: str  # of the whole file

    def __str__(self) -> str:
        return f"{self.file.removeprefix('shaders/')}:{self.line}  {self.rule}: {self._describe_change()}"

    def _describe_change(self) -> str:
        """The part of the line that changes, with a few words of context."""
        a, b = self.original, self.mutated
        shorter = min(len(a), len(b))
        start = next((i for i in range(shorter) if a[i] != b[i]), shorter)
        end = next((i for i in range(shorter - start) if a[-1 - i] != b[-1 - i]), shorter - start)
        first = max(0, start - 24)
        return f"{a[first : len(a) - end + 12]!r} -> {b[first : len(b) - end + 12]!r}"


def list_mutations(path: Path) -> Iterator[Mutation]:
    """Every change that the rules make to a shader."""
    lines = path.read_text("utf-8").splitlines()
    file = path.relative_to(ROOT).as_posix()
    depth = 0
    for number, line in enumerate(lines, 1):
        code, comment_mark, comment = line.partition("//")
        if code.strip() and (depth or "{" in code or "=" in code) and not code.strip().startswith(NO_STATEMENTS):
            for rule, pattern, replacement in RULES:
                for match in re.finditer(pattern, code.rstrip()):
                    mutated_code = code[: match.start()] + match.expand(replacement) + code[match.end() :]
                    new_lines = [*lines[: number - 1], mutated_code + comment_mark + comment, *lines[number:]]
                    text = "\n".join(new_lines) + "\n"
                    yield Mutation(file, number, rule, code.strip(), mutated_code.strip(), text)
        depth += code.count("{") - code.count("}")


def shuffle_mutations(seed: int, files: Sequence[str]) -> Iterator[Mutation]:
    """All mutations in random order, one of each shader in turn. `files`: only these; empty: all shaders."""
    rng = random.Random(seed)
    by_shader = []
    for path in sorted(SHADERS.rglob("*.*")):
        if files and path.relative_to(ROOT).as_posix() not in files:
            continue
        mutations = list({(m.line, m.mutated): m for m in list_mutations(path)}.values())
        rng.shuffle(mutations)
        by_shader.append(mutations)
    for mutations_of_turn in itertools.zip_longest(*by_shader):
        yield from filter(None, mutations_of_turn)


# ---- whether an image changes ----

SMALL = {"width": 96, "height": 54, "sun.resolution": 512, "accumulated_frames": 4}
SINGLE_SAMPLE = {"ssdo.visibility": "single-sample", "ssdo.bounce_estimator": "form-factor", "ssdo.samples": 64}
SHOTS = (
    {"scene": "nook", "technique": "ssdo", "sky.rotation": 40.0},
    {"scene": "nook", "technique": "ssdo", "denoise.radius": 0, "environment": "ramp-x", "ssdo.samples": 64},
    {"scene": "nook", "technique": "ssdo", **SINGLE_SAMPLE},
    {"scene": "cornell", "technique": "ssdo", "ssdo.samples": 64},
    {"scene": "cornell", "technique": "ssao", "ssao.samples": 64},
    {"scene": "nook", "technique": "ssao", "ssao.visibility": "single-sample", "ssao.samples": 64},
    {
        "scene": "cornell",
        "technique": "gtao",
        "gtao.slices": 4,
        "gtao.thin_occluder_compensation": 0.1,
        "gtao.falloff_range": 0.5,
    },
    {"scene": "nook", "technique": "gtao", "gtao.slices": 4, "gtao.bent_normals": True},
    {"scene": "cornell", "technique": "bitmask", "bitmask.slices": 4},
    {
        "scene": "nook",
        "technique": "bitmask",
        "bitmask.slices": 4,
        "bitmask.thickness": 0.2,
        "sky.rotation": 40.0,
    },
    {"scene": "atelier", "technique": "bitmask", "bitmask.specular_samples": 4},
    {"scene": "courtyard", "technique": "ssdo", "accumulated_frames": 2, "display.tone_mapper": "aces"},
    {"scene": "courtyard", "technique": "ssdo", "lighting.resolution": "half", "accumulated_frames": 1},
    {"scene": "atelier", "technique": "ssdo", "lighting.resolution": "half", "accumulated_frames": 2},
    {"scene": "nook", "technique": "ssdo", "temporal.history_length": 4, "accumulated_frames": 1},
    {"scene": "nook", "technique": "ssdo", "guard_band.size": 0.25, "accumulated_frames": 2},
    {
        "scene": "nook",
        "technique": "off",
        "display.tone_mapper": "reinhard",
        "display.exposure": 1.0,
        "accumulated_frames": 1,
    },
    {
        "scene": "cornell",
        "technique": "off",
        "display.tone_mapper": "none",
        "display.dither": False,
        "accumulated_frames": 1,
    },
    {
        "scene": "nook",
        "technique": "reference",
        "reference.rays": 32,
        "reference.max_bounces": 2,
        "environment": "sky",
    },
    {"scene": "courtyard", "technique": "reference", "accumulated_frames": 2, "reference.rays": 16},
    {"scene": "cornell", "technique": "reference", "reference.rays": 16, "reference.max_distance": 2.0},
)
VIEWER_SIZE = (96, 54)
OTHER_WINDOW_SIZE = (131, 77)
BUFFERS = {  # a buffer of each mapping, but for those that are a view
    "light": "direct light",
    "normal": "normals",
    "depth": "depth",
    "alpha": "ambient visibility",
    "ratio": "RGB visibility",
}


def draw_arrays(gpu: Gpu, seed: int) -> Iterator[dict[str, Floats]]:
    """What all shaders draw, in turn: shots, views of the viewer, inspected pixels, and the ends of rays."""
    for values in SHOTS:
        result = render_all_frames(gpu, Shot().with_values({**SMALL, **values, "seed": seed}))
        arrays = images.read_arrays(gpu, result)
        arrays["depth"][np.isinf(arrays["depth"])] = -1
        arrays["display"] = np.divide(images.read_display(result), 255, dtype="f4")
        yield arrays
    with gpu.scope("mutations"):
        yield _draw_viewer(gpu, seed)
    shot = Shot().with_values({"scene": "nook", "width": 96, "height": 54})
    rays = ray_throughput.create_rays(gpu, shot)
    for any_hit in (False, True):
        yield {"rays": np.minimum(ray_throughput.trace_rays(gpu, Shot(scene="nook"), rays, any_hit)[1], 100)}


def _draw_viewer(gpu: Gpu, seed: int) -> dict[str, Floats]:
    """The viewer's window with each mapping, and an inspected pixel of each kind of technique."""
    values = {**SMALL, "scene": "nook", "seed": seed, "accumulated_frames": 1}
    session = Session(gpu, Shot().with_values(values), {})
    session.size = VIEWER_SIZE
    for slot in SLOTS:
        session.scheduler.draw(slot, session.shot(slot), 1.0)
    arrays = {name: _draw_window(gpu, session, name) for name in MAPPINGS}
    for technique in ("ssdo", "gtao", "bitmask"):
        session.slots.choose_technique("B", technique)
        session.scheduler.draw("B", session.shot("B"), 1.0)
        result = session.view_renderer.result("B")
        assert result
        arrays[f"inspected {technique}"] = _inspect_pixel(gpu, result)
    return arrays


def _inspect_pixel(gpu: Gpu, result: FrameResult) -> Floats:
    """Everything that an inspection returns, three columns wide."""
    inspection = inspect_pixel(gpu, result, 40, 40)
    assert inspection
    is_occluded = (inspection.states == OCCLUDED)[:, None]
    parts = (
        inspection.directions,
        inspection.direct,
        inspection.indirect,
        np.column_stack([inspection.disc, inspection.visibility]),
        np.column_stack([inspection.occluders_uv * is_occluded, inspection.states]),
    )
    return np.concatenate(parts)


def _draw_window(gpu: Gpu, session: Session, mapping: str) -> Floats:
    """The window's pixels, at the size of the result and at another one."""
    session.display.buffer = BUFFERS.get(mapping, "final image")
    session.display.is_signed = mapping == "signed"
    views = {"difference": "difference", "signed": "difference", "error": "error"}
    session.display.view = views.get(mapping, "split")
    pixels = []
    for size in (VIEWER_SIZE, OTHER_WINDOW_SIZE):
        session.size = size
        target = gpu.target("window", size, "rgba8")
        session.draw_view(target.framebuffer)
        pixels.append(gpu.read(target.textures[0])[..., :3].reshape(-1, 3))
    session.size = VIEWER_SIZE
    return np.concatenate(pixels)


def rms_differences(a: dict[str, Floats], b: dict[str, Floats]) -> dict[str, float]:
    """RMS difference of each array; infinite for NaN and for arrays of different shapes."""

    def rms(x: Floats, y: Floats) -> float:
        if x.shape != y.shape:
            return np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(np.sqrt(np.mean((x.astype("f8") - y) ** 2)))
        return value if np.isfinite(value) else np.inf

    return {name: rms(a[name], b[name]) for name in a}


class ChangeMeter:
    """Draws with a mutation in place, and measures the change relative to noise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gpu = Gpu(create_headless_context(), folders=(folder, SHADERS, _checkout.SHADERS))
        self.originals = list(draw_arrays(self.gpu, 0))
        self.noise = self._compare(seed=1)
        assert not any(x for rms in self._compare(seed=0) for x in rms.values()), "rendering is not deterministic"

    def _compare(self, seed: int) -> list[dict[str, float]]:
        return [rms_differences(a, b) for a, b in zip(self.originals, draw_arrays(self.gpu, seed), strict=True)]

    def measure(self, mutation: Mutation) -> float | None:
        """Change over noise of the first image that changes by more than MIN_CHANGE; None if it does not compile."""
        path = self.folder / mutation.file.removeprefix("shaders/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mutation.text, "utf-8")
        try:
            if self.gpu.reload_shaders():
                return None
            change = 0.0
            for original, noise, arrays in zip(self.originals, self.noise, draw_arrays(self.gpu, 0), strict=True):
                differences = rms_differences(original, arrays)
                change = max(change, *(rms / max(noise[name], MIN_NOISE) for name, rms in differences.items()))
                if change > MIN_CHANGE:
                    break
            return change
        except UserError:
            return None
        finally:
            path.unlink()


def serve_changes(connection: Connection, folder: Path) -> None:
    """Measure mutations that arrive on a connection, in a process that can be killed: some shaders never end."""
    meter = ChangeMeter(folder)
    connection.send("ready")
    while True:
        connection.send(meter.measure(connection.recv()))


class ChangeMeterProcess:
    """A ChangeMeter in a process of its own, which is started again when it is lost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._start()

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.connection, child_connection = spawn.Pipe()
        self.process = spawn.Process(target=serve_changes, args=(child_connection, self.folder), daemon=True)
        self.process.start()
        assert self.connection.poll(10 * DRAW_TIMEOUT) and self.connection.recv() == "ready"

    def measure(self, mutation: Mutation) -> float | str | None:
        """As `ChangeMeter.measure`; "no end" on a timeout."""
        self.connection.send(mutation)
        try:
            if self.connection.poll(DRAW_TIMEOUT):
                change: float | None = self.connection.recv()
                return change
        except EOFError:  # the driver ended the process
            pass
        self.stop()
        self._start()
        return "no end"

    def stop(self) -> None:
        self.process.kill()
        self.process.join()


class TestRunner:
    """Finds the first test that fails. Tests that failed for many mutations are tried first."""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()  # by test
        self.timeout: float | None = None  # seconds for a group of tests

    def run_unchanged(self, copy: ProjectCopy, mutation: Mutation) -> None:
        """Run the tests without the mutation. Their duration decides the timeout. Raises UserError if one fails."""
        start = time.monotonic()
        test = self.run(copy, mutation._replace(text=(ROOT / mutation.file).read_text("utf-8")))
        if test:
            raise UserError(f"{test} fails without a mutation")
        seconds = time.monotonic() - start
        self.timeout = TIMEOUT_RATIO * seconds
        print(f"without a mutation the tests pass in {seconds:.0f} s", flush=True)

    def run(self, copy: ProjectCopy, mutation: Mutation) -> str:
        """The first test that fails, "" if none does, or "no end"."""
        for tests in self._ordered_tests(mutation):
            try:
                test, _ = copy.find_failing_test(mutation.file, mutation.text, tests, self.timeout)
            except subprocess.TimeoutExpired:
                return "no end"
            if test:
                self.failures[test] += 1
                return test
        return ""

    def _ordered_tests(self, mutation: Mutation) -> Iterator[list[str]]:
        """Pytest arguments: the best tests, the shader's own group, the other groups, everything else."""
        if self.failures:
            yield [f"tests/{test}" for test, _ in self.failures.most_common(MAX_TRIED_FIRST)]
        first = TEST_GROUPS[FIRST_TEST_GROUPS.get(mutation.file, 0)]
        for group in (first, *(group for group in TEST_GROUPS if group != first)):
            yield [f"tests/{word}" if word.endswith(".py") else word for word in group]
        tested_files = {word for group in TEST_GROUPS for word in group if word.endswith(".py")}
        yield ["tests", *(f"--ignore=tests/{name}" for name in (*IGNORED_TESTS, *sorted(tested_files)))]


def select_mutations(count: int, seed: int, files: Sequence[str]) -> list[tuple[Mutation, float]]:
    """Mutations that change an image, with their change; prints how many others were left out."""
    visible_mutations: list[tuple[Mutation, float]] = []
    left_out: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, tqdm(total=count, desc="visible mutations") as progress:
        meter = ChangeMeterProcess(Path(folder))
        for mutation in shuffle_mutations(seed, files):
            change = meter.measure(mutation)
            if change is None:
                left_out["do not compile"] += 1
            elif isinstance(change, str):
                left_out["do not end"] += 1
            elif change <= MIN_CHANGE:
                left_out[f"change no image by more than {MIN_CHANGE} times its noise"] += 1
            else:
                visible_mutations.append((mutation, change))
                progress.update()
            if len(visible_mutations) == count:
                break
        meter.stop()
    if not visible_mutations:
        raise UserError("no mutation changes an image")
    reasons = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
    print(f"{len(visible_mutations)} mutations change an image; {reasons or 'none was left out'}", flush=True)
    return visible_mutations


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code: 1 if over 5 % of the mutations are missed. Raises UserError."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=120, help="number of visible mutations [120]")
    parser.add_argument("--seed", type=int, default=0, help="decides the order of the mutations [0]")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FILE",
        help="a shader, as shaders/techniques/ssdo.frag; may be repeated [all]",
    )
    parser.add_argument("--jobs", type=int, default=2, help="test runs at a time, each in its own copy [2]")
    flags = parser.parse_args(arguments)
    for file in flags.only:
        if not (ROOT / file).is_file() or not file.startswith("shaders/"):
            raise UserError(f"--only {file}: no such shader; paths start with shaders/")
    assert set(Technique.known) <= {values["technique"] for values in SHOTS}, "a technique that no shot draws"
    visible_mutations = select_mutations(flags.count, flags.seed, flags.only)
    runner = TestRunner()
    with ProjectCopy() as copy:
        runner.run_unchanged(copy, visible_mutations[0][0])
    missed_count = 0
    failures = map_in_copies(flags.jobs, [mutation for mutation, _ in visible_mutations], runner.run)
    for (mutation, change), test in zip(visible_mutations, failures, strict=True):
        missed_count += not test
        print(f"{'caught' if test else 'MISSED':7} {change:9.3g}  {mutation}   {test}", flush=True)
    print(f"{len(visible_mutations) - missed_count} of {len(visible_mutations)} mutations caught")
    return 1 if missed_count > 0.05 * len(visible_mutations) else 0


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
