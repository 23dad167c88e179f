"""A copy of the project in which something is made wrong, to see which tests notice."""

from __future__ import annotations

import contextlib
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

Thing = TypeVar("Thing")
Found = TypeVar("Found")

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "captures", "__pycache__", ".*_cache")


class Copy:
    """The project in a folder of its own, which goes with it. One thing at a time is wrong in it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.root = Path(self._folder.name) / "copy"
        shutil.copytree(ROOT, self.root, ignore=LEFT_OUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def tested(self, file: str, text: str, tests: Sequence[str], seconds: float | None = None) -> tuple[str, str]:
        """The first of some tests (arguments as pytest takes them) that fails where a file holds another text, '' when
        none does; and what pytest said. Raises subprocess.TimeoutExpired.
        """
        path = self.root / file
        before = path.read_text("utf-8")
        path.write_text(text, "utf-8")
        try:
            command = [
                sys.executable,
                "-B",
                "-m",
                "pytest",
                "-x",
                "-q",
                "--no-header",
                "-p",
                "no:cacheprovider",
                *tests,
            ]
            done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False, timeout=seconds)
        finally:
            path.write_text(before, "utf-8")
        failed = [
            line.split(" ")[1].rpartition("/")[2]
            for line in done.stdout.splitlines()
            if line.startswith(("FAILED ", "ERROR "))
        ]
        return failed[0] if failed else "", done.stdout


def in_copies(jobs: int, things: Sequence[Thing], act: Callable[[Copy, Thing], Found]) -> Iterator[Found]:
    """What `act` finds of each thing, in order, `jobs` at a time, each in a copy of its own."""
    jobs = max(1, jobs)
    with contextlib.ExitStack() as stack:
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for _ in range(jobs):
            copies.put(stack.enter_context(Copy()))

        def acted(thing: Thing) -> Found:
            copy = copies.get()
            try:
                return act(copy, thing)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(acted, things)
