"""Lets the file system fail at random calls of commands that save files, and looks what is left.

python tests/tools/file_system_faults.py --faults 200 --seed 0     prints a table; exits with 1 where something is wrong
python tests/tools/file_system_faults.py --commands sweep          only these commands

A small library (file_system_faults.c, compiled by cc and preloaded) lets one call on a path of the command's folder
fail: a write, open for writing, fsync, rename, link, mkdir or close, with ENOSPC, EIO or EACCES, once or from then on;
or a write takes only a part. After each, every file is complete and right, nothing that was finished is lost, the
command has ended well or in one line, and the same command finishes the work. Linux.
"""

from __future__ import annotations

import errno
import mmap
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import _checkout
from kills import Tally
from save_scenarios import (
    Outcome,
    Scenario,
    find_faults,
    find_missing,
    find_tracebacks,
    finish,
    parse_flags,
    read_results,
    select_scenarios,
    start,
)
from ssdo.settings import UserError

SOURCE = Path(__file__).with_suffix(".c")
COMMANDS = ("capture", "compare", "sweep", "bench")
SHORT_WRITE = 0  # instead of an error number
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, SHORT_WRITE)
KINDS = ("faults", "reached", "ended well", "ended in one line", "with --overwrite", "tracebacks", "wrong")


class Fault(NamedTuple):
    """The call that fails."""

    number: int  # of the call, from 1
    error: int  # one of ERRORS
    repeats: bool  # whether the calls after it fail, too

    def describe(self) -> str:
        name = errno.errorcode[self.error] if self.error else "short write"
        return f"{name} {'from' if self.repeats else 'at'} call {self.number}"


class Library:
    """The compiled library, and how many calls it has seen."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if not compiler:
            raise UserError("cc is not installed; file_system_faults.py compiles a library (Debian: gcc)")
        self.path, self.counter = folder / "faults.so", folder / "counter"
        command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(self.path), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)

    def run(self, scenario: Scenario, folder: Path, fault: Fault | None) -> tuple[Outcome, int]:
        """Run a command with a fault. Also returns the number of its calls; those after a fault are not counted."""
        self.counter.write_bytes(bytes(mmap.PAGESIZE))
        environment = {
            "LD_PRELOAD": str(self.path),
            "FAULT_FOLDER": str(folder),
            "FAULT_COUNTER": str(self.counter),
            "FAULT_CALL": str(fault.number if fault else 0),
            "FAULT_ERROR": str(fault.error if fault else 0),
            "FAULT_REPEATS": str(int(bool(fault and fault.repeats))),
        }
        outcome = Outcome.of(start(scenario, folder, **environment))
        (calls, hits) = struct.unpack_from("ii", self.counter.read_bytes())
        return outcome, hits if fault else calls


def try_faults(
    library: Library, scenario: Scenario, count: int, rng: random.Random, tally: Tally, folder: Path
) -> None:
    """Run a command with `count` faults, each in a folder that has the results of an earlier run where that is free."""
    undisturbed_folder = folder / "undisturbed"
    undisturbed_folder.mkdir()
    outcome, call_count = library.run(scenario, undisturbed_folder, None)
    if outcome.code or not call_count:
        raise UserError(f"{scenario.name}: does not run undisturbed: {outcome.errors.strip()}")
    expected = read_results(undisturbed_folder)
    for number in range(count):
        fault = Fault(rng.randint(1, call_count), rng.choice(ERRORS), rng.random() < 0.3)
        run_folder = folder / str(number)
        run_folder.mkdir()
        earlier = {}
        if scenario.has_free_name:
            shutil.copytree(undisturbed_folder / "captures", run_folder / "captures")
            earlier = read_results(run_folder)
        outcome, hits = library.run(scenario, run_folder, fault)
        tally.add(scenario.name, "faults")
        tally.add(scenario.name, "reached", hits > 0)
        faults = check(scenario, run_folder, expected, earlier, outcome)
        tally.add(scenario.name, "ended well" if outcome.code == 0 else "ended in one line")
        tally.add(scenario.name, "tracebacks", len(find_tracebacks(outcome)))
        final_faults, needs_overwrite = finish(scenario, run_folder, expected) if outcome.code else ([], False)
        tally.add(scenario.name, "with --overwrite", needs_overwrite)
        wrong = [f"{scenario.name}, {fault.describe()}: {text}" for text in (*faults, *final_faults)]
        tally.faults += wrong
        tally.add(scenario.name, "wrong", len(wrong))
        shutil.rmtree(run_folder)


def check(
    scenario: Scenario, run_folder: Path, expected: dict[str, object], earlier: dict[str, object], outcome: Outcome
) -> list[str]:
    """What is wrong after a command whose file system failed."""
    faults = find_tracebacks(outcome)
    if outcome.code not in (0, 2):
        faults.append(f"exit code {outcome.code}: {outcome.errors.strip()[-300:]}")
    if not scenario.has_free_name:
        faults += find_faults(run_folder, expected, earlier)
        return faults + (find_missing(run_folder, expected) if outcome.code == 0 else [])
    # the new files have other numbers
    results = read_results(run_folder)
    faults += [f"changed: {name}" for name, content in earlier.items() if results.get(name) != content]
    contents = list(expected.values())
    faults += [f"wrong: {name}" for name in results.keys() - earlier.keys() if results[name] not in contents]
    is_complete = len(results) == len(earlier) + len(expected) == len(earlier) + len(outcome.output.splitlines())
    return faults if outcome.code or is_complete else [*faults, "missing: a file"]


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code: 1 where something is lost or wrong."""
    flags = parse_flags(
        arguments,
        __doc__,
        COMMANDS,
        count_flag="--faults",
        default_count=200,
        seed_help="of the calls and errors",
        commands_help="to run",
    )
    if sys.platform != "linux":
        raise UserError("file_system_faults.py preloads a library: Linux only")
    rng, tally = random.Random(flags.seed), Tally()
    scenarios = select_scenarios(flags.commands)
    with tempfile.TemporaryDirectory() as name:
        library = Library(Path(name))
        for scenario, count in Counter(islice(cycle(scenarios), flags.count)).items():
            folder = Path(name) / scenario.name.replace(" ", "-")
            folder.mkdir()
            try_faults(library, scenario, count, rng, tally, folder)
    print("\n".join(tally.format_table(KINDS)))
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
