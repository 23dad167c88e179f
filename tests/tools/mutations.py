"""Changes shaders by rule and sees whether the tests notice: what no list of known faults names.

python tests/tools/mutations.py                     120 mutations that change a picture by more than its noise
python tests/tools/mutations.py --count 40 --seed 7 --only shaders/techniques/ssdo.frag

A rule flips a sign, drops a factor, swaps operands, turns a comparison, is off by one, takes another component or
constant. Mutations are taken in an order that the seed decides, from all shaders in turn. What does not compile or does
not end, or changes nothing that is drawn by more than another seed of the samples does, is counted and left out.
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
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from fault_injection import ROOT, Copy, in_copies
from ssdo.commands.bench import rays
from ssdo.gpu.context import Gpu, headless
from ssdo.measure import images
from ssdo.render.pipeline import FrameResult, render_accumulated
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.resources import SHADERS
from ssdo.scene.model import Floats
from ssdo.settings import UserError
from ssdo.viewer.display_state import MAPPINGS
from ssdo.viewer.pixel_inspector import CLOSED, probed
from ssdo.viewer.render_scheduler import SLOTS
from ssdo.viewer.session import Session
from tqdm import tqdm

MORE = 1.5  # times what another seed changes, so that it is more than noise
USUAL = 16  # tests that are tried on every mutation
PATIENCE = 60.0  # seconds for all pictures; they take four
STEADY = 2e-3  # the least change that counts: half of an 8-bit step of what a picture shows
TESTS = (
    ["test_closed_forms.py", "test_faults.py", "test_display.py"],
    ["test_reference.py"],
    ["test_viewer_session.py", "test_viewer.py", "-k", "not window"],
    ["test_half_resolution.py"],
    ["test_slices.py", "test_viewer_session.py", "-k", "slices or sum_of"],
    ["test_temporal.py"],
)
FIRST = {  # where its own tests come first
    "shaders/techniques/reference.frag": 1,
    "shaders/passes/rays.frag": 1,
    "shaders/common/ray_scene.glsl": 1,
    "shaders/common/environment_sampling.glsl": 1,
    "shaders/common/random.glsl": 1,
    "shaders/passes/buffer_view.frag": 2,
    "shaders/passes/difference.frag": 2,
    "shaders/passes/inspect_directions.frag": 2,
    "shaders/passes/inspect_sectors.frag": 4,
    "shaders/passes/inspect_horizons.frag": 4,
    "shaders/common/sectors.glsl": 4,
    "shaders/common/slices.glsl": 4,
    "shaders/techniques/bitmask.frag": 4,
    "shaders/techniques/gtao.frag": 4,
    "shaders/common/window.glsl": 2,
    "shaders/passes/subsample.frag": 3,
    "shaders/passes/upsample.frag": 3,
    "shaders/common/lighting.glsl": 1,
    "shaders/passes/temporal.frag": 5,
}
# No shader is seen by these.
SLOW = (
    "test_page.py",
    "test_gltf.py",
    "test_gltf_features.py",
    "test_hdr.py",
    "test_metrics.py",
    "test_settings.py",
    "test_compare.py",
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
NOT_CODE = ("#", "uniform", "layout", "out ", "in ", "struct", "precision")


class Mutation(NamedTuple):
    """One change of one line."""

    file: str
    line: int  # from 1
    rule: str
    before: str  # the line, without its indentation
    after: str
    text: str  # of the whole file

    def __str__(self) -> str:
        return f"{self.file.removeprefix('shaders/')}:{self.line}  {self.rule}: {_apart(self.before, self.after)}"


def _apart(a: str, b: str) -> str:
    """Where two lines differ, with some words about it."""
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    end = next(
        (i for i, (x, y) in enumerate(zip(a[start:][::-1], b[start:][::-1], strict=False)) if x != y),
        min(len(a), len(b)) - start,
    )
    low = max(0, start - 24)
    return f"{a[low : len(a) - end + 12]!r} -> {b[low : len(b) - end + 12]!r}"


def mutations(path: Path) -> Iterator[Mutation]:
    """Every change that the rules find in a shader."""
    lines = path.read_text("utf-8").splitlines()
    file = path.relative_to(ROOT).as_posix()
    depth = 0
    for number, line in enumerate(lines, 1):
        code, comment, rest = line.partition("//")
        if code.strip() and (depth or "{" in code or "=" in code) and not code.strip().startswith(NOT_CODE):
            for rule, pattern, with_what in RULES:
                for found in re.finditer(pattern, code.rstrip()):
                    after = code[: found.start()] + found.expand(with_what) + code[found.end() :]
                    text = "\n".join([*lines[: number - 1], after + comment + rest, *lines[number:]]) + "\n"
                    yield Mutation(file, number, rule, code.strip(), after.strip(), text)
        depth += code.count("{") - code.count("}")


def in_turn(seed: int, only: Sequence[str]) -> Iterator[Mutation]:
    """All mutations in an order that the seed decides: one of each shader, then another of each, ..."""
    rng = random.Random(seed)
    each = []
    for path in sorted(p for p in SHADERS.rglob("*.*") if not only or p.relative_to(ROOT).as_posix() in only):
        found = list({(m.line, m.after): m for m in mutations(path)}.values())
        rng.shuffle(found)
        each.append(found)
    for row in itertools.zip_longest(*each):
        yield from filter(None, row)


# ---- whether a picture changes ------------------------------------------------------------------------------------------

SMALL = {"width": 96, "height": 54, "sun.resolution": 512}
SHOTS = (
    {"scene": "nook", "technique": "ssdo", "frames": 4, "sky.rotation": 40.0},
    {"scene": "nook", "technique": "ssdo", "frames": 4, "blur.radius": 0, "environment": "ramp-x", "ssdo.samples": 64},
    {
        "scene": "nook",
        "technique": "ssdo",
        "frames": 4,
        "ssdo.bounce_form": "patch",
        "ssdo.visibility": "point",
        "ssdo.samples": 64,
    },
    {"scene": "cornell", "technique": "ssdo", "frames": 4, "ssdo.samples": 64},
    {"scene": "cornell", "technique": "ssao", "frames": 4, "ssao.samples": 64},
    {"scene": "nook", "technique": "ssao", "frames": 4, "ssao.visibility": "point", "ssao.samples": 64},
    {"scene": "cornell", "technique": "gtao", "frames": 4, "gtao.slices": 4, "gtao.thin": 0.1, "gtao.falloff": 0.5},
    {"scene": "nook", "technique": "gtao", "frames": 4, "gtao.slices": 4, "gtao.bent": True},
    {"scene": "cornell", "technique": "bitmask", "frames": 4, "bitmask.slices": 4},
    {
        "scene": "nook",
        "technique": "bitmask",
        "frames": 4,
        "bitmask.slices": 4,
        "bitmask.thickness": 0.2,
        "sky.rotation": 40.0,
    },
    {"scene": "atelier", "technique": "bitmask", "frames": 4, "bitmask.reflections": 4},
    {"scene": "courtyard", "technique": "ssdo", "frames": 2, "display.curve": "aces"},
    {"scene": "courtyard", "technique": "ssdo", "lighting.resolution": "half"},
    {"scene": "atelier", "technique": "ssdo", "lighting.resolution": "half", "frames": 2},
    {"scene": "nook", "technique": "ssdo", "temporal.frames": 4},
    {"scene": "nook", "technique": "ssdo", "guard.band": 0.25, "frames": 2},
    {"scene": "nook", "technique": "off", "display.curve": "reinhard", "display.exposure": 1.0},
    {"scene": "cornell", "technique": "off", "display.curve": "none", "display.dither": False},
    {
        "scene": "nook",
        "technique": "reference",
        "frames": 4,
        "reference.rays": 32,
        "reference.bounces": 2,
        "environment": "sky",
    },
    {"scene": "courtyard", "technique": "reference", "frames": 2, "reference.rays": 16},
    {"scene": "cornell", "technique": "reference", "frames": 4, "reference.rays": 16, "reference.reach": 2.0},
)


def drawn(gpu: Gpu, seed: int) -> Iterator[dict[str, Floats]]:
    """What all shaders draw, one after the other: the shots' arrays and pictures, what the viewer shows of one of them,
    where rays end.
    """
    for values in SHOTS:
        picture = render_accumulated(gpu, Shot().with_values({**SMALL, **values, "seed": seed}))
        arrays = images.arrays(gpu, picture)
        arrays["depth"][np.isinf(arrays["depth"])] = -1
        arrays["image"] = np.divide(images.pixels(gpu, picture), 255, dtype="f4")
        yield arrays
    shot = Shot().with_values({**SMALL, "scene": "nook", "seed": seed})
    with gpu.scope("mutations"):
        session = Session(gpu, shot, {})
        session.size = (96, 54)
        for slot in SLOTS:
            session.stage.draw(slot, session.shot(slot), 1.0)  # at full size, however long it takes
        seen = {name: _shown(gpu, session, name) for name in MAPPINGS}
        lit = session.lens.picture("B")
        assert lit
        seen |= {"probe": _taken_apart(gpu, lit)}
        for name in ("gtao", "bitmask"):
            session.choose("B", name)
            session.stage.draw("B", session.shot("B"), 1.0)
            lit = session.lens.picture("B")
            assert lit
            seen |= {f"probe of {name}": _taken_apart(gpu, lit)}
    yield seen
    given = rays.rays_of(gpu, Shot().with_values({"scene": "nook", "width": 96, "height": 54}))
    for any_hit in (False, True):
        yield {"rays": np.minimum(rays.trace(gpu, Shot(scene="nook"), given, any_hit)[1], 100)}


def _taken_apart(gpu: Gpu, lit: FrameResult) -> Floats:
    """All that a probe of one pixel tells, three columns wide."""
    found = probed(gpu, lit, 40, 40)
    assert found
    places = (
        np.column_stack([found.disc, found.open]),
        np.column_stack([found.senders * (found.fates == CLOSED)[:, None], found.fates]),
    )
    return np.concatenate([found.directions, found.direct, found.indirect, *places])


def _shown(gpu: Gpu, session: Session, mapping: str) -> Floats:
    """The window's own pixels, of a size that is the picture's, and of one that is not."""
    names = {
        "light": "direct light",
        "normal": "normals",
        "depth": "depth",
        "alpha": "open share",
        "ratio": "coloured visibility",
    }
    session.look.buffer, seen = names.get(mapping, "picture"), []
    session.look.view = mapping if mapping in ("difference", "error") else "split"
    for size in ((96, 54), (131, 77)):
        session.size = size
        into = gpu.target("shown", size, "rgba8")
        session.show(into.framebuffer)
        seen.append(gpu.read(into.textures[0])[..., :3].reshape(-1, 3))
    session.size = (96, 54)
    return np.concatenate(seen)


def apart(a: dict[str, Floats], b: dict[str, Floats]) -> dict[str, float]:
    """RMS difference of each array; infinite where one is no number or has another shape."""

    def rms(x: Floats, y: Floats) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            value = float(np.sqrt(np.mean((x.astype("f8") - y) ** 2))) if x.shape == y.shape else np.inf
        return value if np.isfinite(value) else np.inf

    return {name: rms(a[name], b[name]) for name in a}


class Judge:
    """Draws with a mutation in place, and says by how many times the noise a picture changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gpu = Gpu(headless(), folders=(folder, SHADERS))
        self.plain = list(drawn(self.gpu, 0))
        self.noise = [apart(one, other) for one, other in zip(self.plain, drawn(self.gpu, 1), strict=True)]
        again = [apart(one, other) for one, other in zip(self.plain, drawn(self.gpu, 0), strict=True)]
        assert not any(x for one in again for x in one.values()), "the same shots are not the same pictures"

    def change(self, mutation: Mutation) -> float | None:
        """The change over the noise in the first picture that changes by more than that; None where it does not
        compile.
        """
        path = self.folder / mutation.file.removeprefix("shaders/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mutation.text, "utf-8")
        try:
            if self.gpu.reload():
                return None
            most = 0.0
            for one, noise, other in zip(self.plain, self.noise, drawn(self.gpu, 0), strict=True):
                most = max(value / max(noise[name], STEADY / MORE) for name, value in apart(one, other).items())
                if most > MORE:
                    break
            return most
        except UserError:
            return None
        finally:
            path.unlink()


def serve(line: Connection, folder: Path) -> None:
    """Judge what comes along the line, in a process that can be ended: some mutations draw without end."""
    judge = Judge(folder)
    line.send("ready")
    while True:
        line.send(judge.change(line.recv()))


class Court:
    """A judge in a process of its own, and another when it is lost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._begin()

    def _begin(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.line, theirs = spawn.Pipe()
        self.process = spawn.Process(target=serve, args=(theirs, self.folder), daemon=True)
        self.process.start()
        assert self.line.poll(10 * PATIENCE) and self.line.recv() == "ready"

    def change(self, mutation: Mutation) -> float | str | None:
        """As the judge's; "no end" where there is none."""
        self.line.send(mutation)
        try:
            if self.line.poll(PATIENCE):
                found: float | None = self.line.recv()
                return found
        except EOFError:  # the driver took the process with it
            pass
        self.end()
        self._begin()
        return "no end"

    def end(self) -> None:
        self.process.kill()
        self.process.join()


caught_by: Counter[str] = Counter()  # tests, by how many mutations they have noticed: those are tried first


def tested(copy: Copy, mutation: Mutation) -> str:
    """The first test that fails, '' when none does. Those that noticed most so far are tried first, then its own, at
    last all.
    """
    order = [TESTS[FIRST.get(mutation.file, 0)], *TESTS]
    usual = [f"tests/{test}" for test, _ in caught_by.most_common(USUAL)]
    rest = [
        f"--ignore=tests/{name}"
        for name in (*SLOW, *(name for tests in TESTS for name in tests if name.endswith(".py")))
    ]
    everything = [
        [f"tests/{word}" if word.endswith(".py") else word for word in tests]
        for tests in dict.fromkeys(map(tuple, order))
    ]
    for tests in (*([usual] if usual else []), *everything, ["tests", *rest]):
        try:
            test, _ = copy.tested(mutation.file, mutation.text, tests, seconds=600)
        except subprocess.TimeoutExpired:
            return "no end"
        if test:
            caught_by[test] += 1
            return test
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=120, help="how many that change a picture [120]")
    parser.add_argument("--seed", type=int, default=0, help="which come first [0]")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="FILE",
        help="a shader, as shaders/techniques/ssdo.frag; may be given again [all]",
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time, each in a copy of its own [2]")
    arguments = parser.parse_args()
    chosen: list[tuple[Mutation, float]] = []
    broken = endless = still = 0
    assert set(Technique.known) <= {values["technique"] for values in SHOTS}, "a technique that no shot draws"
    with tempfile.TemporaryDirectory() as folder, tqdm(total=arguments.count, desc="mutations that show") as bar:
        court = Court(Path(folder))
        for mutation in in_turn(arguments.seed, arguments.only):
            change = court.change(mutation)
            if change is None:
                broken += 1
            elif isinstance(change, str):
                endless += 1
            elif change <= MORE:
                still += 1
            else:
                chosen.append((mutation, change))
                bar.update()
            if len(chosen) == arguments.count:
                break
        court.end()
    left_out = f"{broken} do not compile, {endless} do not end, {still} change none by more than {MORE} times its noise"
    print(f"{len(chosen)} mutations change a picture; {left_out}", flush=True)
    with Copy() as copy:
        test = tested(copy, chosen[0][0]._replace(text=(ROOT / chosen[0][0].file).read_text("utf-8")))
        assert not test, f"{test} fails where nothing is changed"
    missed = 0
    for (mutation, change), test in zip(chosen, in_copies(arguments.jobs, [m for m, _ in chosen], tested), strict=True):
        missed += not test
        print(f"{'caught' if test else 'MISSED':7} {change:9.3g}  {mutation}   {test}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} mutations caught")
    return 1 if missed > 0.05 * len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
