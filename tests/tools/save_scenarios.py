"""Commands that save files, at their smallest, and what has to be true of a folder whatever happened to them.

For programs that kill the commands or let their file system fail: every file that has a name is complete and right,
nothing that was finished is lost, and the same command finishes the work.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import _checkout
import numpy as np
from PIL import Image
from ssdo.commands.sweep.measure import TIME_COLUMNS
from ssdo.measure import images, json_lines
from ssdo.settings import UserError

SMALL = ("--width", "32", "--height", "18")
SCENE = ("--scene", "ball", *SMALL)
REFERENCE = ("--reference-frames", "4", "--cache", "cache")
FOLDERS = {"cache", "temporary"}  # that hold no results
TIMEOUT = 120.0  # seconds


class Scenario(NamedTuple):
    """A command. It runs in a folder of its own."""

    name: str
    arguments: tuple[str, ...]
    has_free_name: bool = False  # the program chooses the names of its files


SCENARIOS = (
    Scenario("capture", ("capture", *SCENE, "--ssdo.samples", "2"), has_free_name=True),
    Scenario("capture set", ("capture", *SCENE, "--techniques", "off,ssao"), has_free_name=True),
    Scenario("capture npz", ("capture", *SCENE, "--technique", "ssao", "--output", "out/a.npz")),
    Scenario("capture exr", ("capture", *SCENE, "--technique", "ssao", "--output", "out/a.exr")),
    Scenario(
        "compare",
        ("compare", *SCENE, "--techniques", "off,ssao", *REFERENCE, "--converged-frames", "4", "--output", "out"),
    ),
    Scenario(
        "sweep",
        (
            *("sweep", "--scenes", "ball", "--param", "ssao.samples=2,3,4,5,6,7", *SMALL, "--runs", "3"),
            *(*REFERENCE, "--workers", "2", "--output", "out"),
        ),
    ),
    Scenario(
        "bench failures",
        ("bench", "failures", "--only", "signpost,backlight", *SMALL, *REFERENCE, "--output", "out"),
    ),
    Scenario("bench passes", ("bench", "passes", "--techniques", "off", "--runs", "3", *SCENE, "--output", "a.json")),
)


def parse_flags(
    arguments: Sequence[str],
    description: str | None,
    commands: Sequence[str],
    *,
    count_flag: str,
    default_count: int,
    seed_help: str,
    commands_help: str,
) -> argparse.Namespace:
    """The flags of a program that runs the commands: `count`, `seed` and `commands`. Raises UserError."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    count_help = f"in all [{default_count}]"
    parser.add_argument(count_flag, dest="count", type=int, default=default_count, metavar="N", help=count_help)
    parser.add_argument("--seed", type=int, default=0, help=f"{seed_help} [0]")
    parser.add_argument("--commands", nargs="+", choices=commands, default=commands, help=f"{commands_help} [all]")
    flags = parser.parse_args(arguments)
    if flags.count < 1:
        raise UserError(f"{count_flag} {flags.count}: must be at least 1")
    return flags


def select_scenarios(names: Sequence[str] | None) -> list[Scenario]:
    """Those whose name begins with one of these words."""
    return [scenario for scenario in SCENARIOS if not names or scenario.name.split()[0] in names]


def start(scenario: Scenario, folder: Path, *flags: str, **environment: str) -> subprocess.Popen[str]:
    """Run the command in a folder, in a process group of its own."""
    (folder / "temporary").mkdir(parents=True, exist_ok=True)
    variables = {"PYTHONPATH": str(_checkout.ROOT / "app"), "TMPDIR": str(folder / "temporary")}
    return subprocess.Popen(
        [sys.executable, "-m", "ssdo", *scenario.arguments, *flags],
        cwd=folder,
        env=os.environ | variables | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str

    @classmethod
    def of(cls, process: subprocess.Popen[str]) -> Outcome:
        output, errors = process.communicate(timeout=TIMEOUT)
        return cls(process.returncode, output, errors)


# ---- contents ----


def list_results(folder: Path) -> Iterator[Path]:
    """The files with a name of their own: leftovers of killed processes begin with a dot."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and parts[0] not in FOLDERS and not path.name.startswith("."):
            yield path


def read_results(folder: Path) -> dict[str, Any]:
    """What the files hold that does not depend on time, by name. Raises an error for an incomplete file."""
    return {str(path.relative_to(folder)): _read_contents(path) for path in list_results(folder)}


def _read_contents(path: Path) -> Any:
    match path.suffix:
        case ".png" if path.name == "sweep.png":  # shows times
            return _read_image(path).shape
        case ".png":
            return _read_image(path).tobytes()
        case ".npz":
            with np.load(path) as arrays:
                return {name: arrays[name].tobytes() for name in arrays}
        case ".exr":
            return images.load_radiance(path).tobytes()
        case ".html":
            assert path.read_text("utf-8").rstrip().endswith("</html>"), f"{path}: incomplete"
            return "complete"
        case ".json":
            return _without_times(json.loads(path.read_bytes()))
        case ".csv":
            return [
                {name: value for name, value in row.items() if name not in TIME_COLUMNS}
                for row in csv.DictReader(path.read_text("utf-8").splitlines())
            ]
        case ".jsonl":
            return read_rows(path)
        case _:
            raise AssertionError(f"{path}: an unknown kind of file")


def _read_image(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def read_rows(path: Path) -> dict[int, dict[str, Any]]:
    """The errors of a sweep's points."""
    return {
        line["point"]: {name: value for name, value in line["row"].items() if name not in TIME_COLUMNS}
        for line in json_lines.read_lines(path).values
        if "row" in line
    }


def _without_times(tree: Any) -> Any:
    """Metrics of `compare`: errors, labels and files."""
    if not isinstance(tree, Mapping) or "entries" not in tree:
        return sorted(tree) if isinstance(tree, Mapping) else tree
    return [{name: entry[name] for name in ("id", "label", "errors", "files")} for entry in tree["entries"]]


def find_faults(folder: Path, expected: Mapping[str, Any], earlier: Mapping[str, Any]) -> list[str]:
    """What is lost or wrong in a folder.

    `expected`: the results of the command undisturbed. `earlier`: those that were there before.
    """
    try:
        results = read_results(folder)
    except Exception as error:
        return [f"damaged: {type(error).__name__} {error}"]
    faults = []
    for name, content in earlier.items():
        if name not in results:
            faults.append(f"lost: {name}")
        elif isinstance(content, dict) and name.endswith(".jsonl"):
            faults += [f"lost: row {point} of {name}" for point in content.keys() - results[name].keys()]
        elif results[name] != content:
            faults.append(f"changed: {name}")
    for name, content in results.items():
        if name in earlier and not name.endswith(".jsonl"):
            continue
        if name not in expected:
            faults.append(f"unknown: {name}")
        elif name.endswith(".jsonl"):
            faults += [
                f"wrong: row {point} of {name}" for point, row in content.items() if expected[name][point] != row
            ]
        elif content != expected[name]:
            faults.append(f"wrong: {name}")
    return faults


def find_missing(folder: Path, expected: Mapping[str, Any]) -> list[str]:
    """What an undisturbed command would have written."""
    return [f"missing: {name}" for name in expected.keys() - read_results(folder).keys()]


def finish(scenario: Scenario, folder: Path, expected: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Run the same command undisturbed: what is wrong then, and whether it needed --overwrite.

    A process that was killed between two of its files leaves the first of them, which the same command, as it says in
    one line, replaces only with --overwrite. A sweep knows its own files.
    """
    outcome = Outcome.of(start(scenario, folder))
    needs_overwrite = outcome.code == 2 and "exists; add --overwrite" in outcome.errors and "sweep" not in scenario.name
    if needs_overwrite:
        outcome = Outcome.of(start(scenario, folder, "--overwrite"))
    faults = find_tracebacks(outcome)
    if outcome.code:
        return [*faults, f"does not continue: {outcome.code} {outcome.errors.strip()[-200:]}"], needs_overwrite
    if scenario.has_free_name:
        return [*faults, *_check_printed(folder, outcome, expected)], needs_overwrite
    return [*faults, *find_faults(folder, expected, {}), *find_missing(folder, expected)], needs_overwrite


def _check_printed(folder: Path, outcome: Outcome, expected: Mapping[str, Any]) -> list[str]:
    """The files that a command says it has written are those of an undisturbed one, under whatever numbers."""
    contents = [_read_contents(Path(line)) for line in outcome.output.splitlines()]
    return [] if contents == list(expected.values()) else [f"wrong: {outcome.output.split()}"]


def find_tracebacks(outcome: Outcome) -> list[str]:
    """Where a command ended otherwise than it should: with a traceback, or in more than one line."""
    if "Traceback" in outcome.errors or "Exception ignored" in outcome.errors:
        return [f"traceback: {outcome.errors.strip().splitlines()[-1]}"]
    messages = [line for line in outcome.errors.splitlines() if line.startswith("ssdo: ")]
    return ["exit code 2 without a line"] if outcome.code == 2 and len(messages) != 1 else []
