"""Kills commands that save files at random moments, as the system does that is out of memory, and looks what is left.

python tests/tools/kills.py --kills 50 --seed 0       prints a table; exits with 1 where something is lost or wrong
python tests/tools/kills.py --commands sweep view     only these commands; `view` saves as the viewer does

After each kill -9, every file is complete and right, nothing that was finished is lost, and the same command continues.
Linux and macOS.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import _checkout
from PIL import Image
from save_scenarios import (
    Outcome,
    Scenario,
    find_faults,
    find_tracebacks,
    finish,
    list_results,
    parse_flags,
    read_results,
    select_scenarios,
    start,
)
from ssdo.settings import UserError

VIEWER = "view"
COMMANDS = ("capture", "compare", "sweep", VIEWER)
WAIT_FOR_WORKERS = 30.0  # seconds in which the workers of a killed sweep end
# Draws once, then saves screenshots, states and bookmarks as the viewer does, and prints each when it is saved.
SAVE_AS_VIEWER = """
import itertools, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure.output_files import NumberedFiles, save_bytes
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.saved_state import format_state
from ssdo.viewer.screenshots import save_screenshot
from test_viewer import SessionRunner
runner = SessionRunner(Gpu(create_headless_context()))
runner.session.toggle_split()
runner.render_idle()
preferences, folder = Preferences(Path("state")), Path("captures")
print("ready", flush=True)
for number in itertools.count(int(sys.argv[1])):
    print(*save_screenshot(runner.session, folder), sep="\\n", flush=True)
    files = NumberedFiles(folder, "state", [".toml"])
    files.save(".toml", lambda path, overwrite: save_bytes(path, format_state(runner.session).encode(), overwrite))
    print(files.paths[0].absolute(), flush=True)
    preferences.save_bookmark("ball", number, runner.session.pose)
    print(f"bookmark {{number}}", flush=True)
"""


class Tally:
    """What happened, by command."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []

    def add(self, name: str, kind: str, count: int = 1) -> None:
        self.counts[name, kind] += count

    def add_faults(self, name: str, faults: Sequence[str]) -> None:
        self.faults += [f"{name}: {fault}" for fault in faults]
        self.add(name, "faults", len(faults))

    def format_table(self, kinds: Sequence[str]) -> list[str]:
        names = dict.fromkeys(name for name, _ in self.counts)
        rows = [[name, *(str(self.counts[name, kind]) for kind in kinds)] for name in names]
        rows.append(["all", *(str(sum(self.counts[name, kind] for name in names)) for kind in kinds)])
        lines = [f"| {' | '.join(row)} |" for row in (["command", *kinds], *rows)]
        return [lines[0], "|" + "---|" * (len(kinds) + 1), *lines[1:], *self.faults]


KINDS = ("kills", "while running", "results kept", "with --overwrite", "tracebacks", "faults")


def kill(process: subprocess.Popen[str]) -> Outcome:
    """Kill a process as the system does, and wait until its workers have ended, too."""
    process.kill()
    outcome = Outcome.of(process)
    deadline = time.monotonic() + WAIT_FOR_WORKERS
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return outcome
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError("a worker outlives its parent")


def try_kills(scenario: Scenario, count: int, rng: random.Random, tally: Tally, folder: Path) -> None:
    """Kill a command `count` times. After each, it may run to its end, or is killed again in the same folder."""
    begin = time.monotonic()
    outcome = Outcome.of(start(scenario, folder / "undisturbed"))
    duration = time.monotonic() - begin
    if outcome.code:
        raise UserError(f"{scenario.name}: does not run undisturbed: {outcome.errors.strip()}")
    expected = read_results(folder / "undisturbed")
    run_folder, earlier = folder / "0", dict[str, Any]()
    for number in range(count):
        process = start(scenario, run_folder)
        time.sleep(duration * rng.triangular(0.0, 1.1, 1.0))  # most files are written near the end
        was_running = process.poll() is None
        outcome = kill(process)
        tally.add(scenario.name, "kills")
        tally.add(scenario.name, "while running", was_running)
        tracebacks = find_tracebacks(outcome)
        tally.add(scenario.name, "tracebacks", len(tracebacks))
        valid_results = expected | _with_next_numbers(scenario, expected, run_folder)
        tally.add_faults(scenario.name, [*tracebacks, *find_faults(run_folder, valid_results, earlier)])
        earlier = read_results(run_folder)
        tally.add(scenario.name, "results kept", len(earlier))
        if rng.random() < 0.5 or number == count - 1:
            faults, needs_overwrite = finish(scenario, run_folder, expected)
            tally.add_faults(scenario.name, faults)
            tally.add(scenario.name, "with --overwrite", needs_overwrite)
            run_folder, earlier = folder / str(number + 1), {}


def _with_next_numbers(scenario: Scenario, expected: Mapping[str, Any], run_folder: Path) -> dict[str, Any]:
    """The results under the numbers that are free where a killed command has left some."""
    if not scenario.has_free_name:
        return {}
    numbered_results = {}
    stem = min((Path(name).stem for name in expected), key=len)
    for path in list_results(run_folder):
        number = path.stem.removeprefix(stem).split("-")[1:2]
        if number and number[0].isdigit():
            base = path.name.replace(f"{stem}-{number[0]}", stem, 1)
            numbered_results[str(path.relative_to(run_folder))] = expected[f"captures/{base}"]
    return numbered_results


def try_viewer_kills(count: int, rng: random.Random, tally: Tally, folder: Path) -> None:
    """Kill a process that saves as the viewer does. What it has printed is saved."""
    earlier: dict[str, bytes] = {}
    bookmarks: set[str] = set()
    for number in range(count):
        script = SAVE_AS_VIEWER.format(tests=str(_checkout.ROOT / "tests"))
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(1000 * number)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(_checkout.ROOT / "app")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        is_ready = process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.5))
        was_running = process.poll() is None
        outcome = kill(process)
        tally.add(VIEWER, "kills")
        tally.add(VIEWER, "while running", was_running)
        faults = [] if is_ready else [f"does not start: {outcome.errors.strip()[-300:]}"]
        tally.add(VIEWER, "tracebacks", "Traceback" in outcome.errors)
        lines = outcome.output.splitlines()
        lines = lines[: None if outcome.output.endswith("\n") else -1]  # the last may be cut off
        bookmarks |= {line.partition(" ")[2] for line in lines if line.startswith("bookmark ")}
        printed_paths = [Path(line) for line in lines if not line.startswith("bookmark ")]
        faults += [f"lost: {path}" for path in printed_paths if not path.is_file()]
        faults += [f"changed: {name}" for name, content in earlier.items() if (folder / name).read_bytes() != content]
        faults += _check_viewer_files(folder, bookmarks)
        earlier = {str(path.relative_to(folder)): path.read_bytes() for path in list_results(folder / "captures")}
        tally.add(VIEWER, "results kept", len(printed_paths))
        tally.add_faults(VIEWER, faults)


def _check_viewer_files(folder: Path, bookmarks: set[str]) -> list[str]:
    faults = []
    for path in list_results(folder / "captures"):
        try:
            if path.suffix == ".png":
                with Image.open(path) as image:
                    image.load()
            else:
                tomllib.loads(path.read_text("utf-8"))["shared"]
        except Exception as error:
            faults.append(f"damaged: {path.name} {error}")
    state = folder / "state" / "viewer.toml"
    try:
        saved_bookmarks = tomllib.loads(state.read_text("utf-8"))["bookmarks"]["ball"] if state.exists() else {}
    except (ValueError, KeyError):
        return [*faults, f"damaged: {state.name}"]
    return [*faults, *(f"lost: bookmark {number}" for number in bookmarks - saved_bookmarks.keys())]


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code: 1 where something is lost or wrong."""
    flags = parse_flags(
        arguments,
        __doc__,
        COMMANDS,
        count_flag="--kills",
        default_count=50,
        seed_help="of the moments",
        commands_help="to kill",
    )
    if sys.platform == "win32":
        raise UserError("kills.py needs process groups: Linux or macOS")
    rng, tally = random.Random(flags.seed), Tally()
    scenarios = select_scenarios([name for name in flags.commands if name != VIEWER] or [VIEWER])
    victims: list[Scenario | None] = [*([None] if VIEWER in flags.commands else []), *scenarios]  # None: the viewer
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        for number, count in Counter(islice(cycle(range(len(victims))), flags.count)).items():
            folder, scenario = Path(name) / str(number), victims[number]
            folder.mkdir()
            if scenario:
                try_kills(scenario, count, rng, tally, folder)
            else:
                try_viewer_kills(count, rng, tally, folder)
    print("\n".join(tally.format_table(KINDS)))
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
