"""Copies of the project in which one file is changed, to see which tests fail."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

ROOT = Path(__file__).parents[2]
IGNORED = shutil.ignore_patterns(".git", ".venv", "captures", "__pycache__", ".*_cache")
PYTEST = (sys.executable, "-B", "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider")


class ProjectCopy:
    """The project in a temporary folder. One file at a time is changed in it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.root = Path(self._folder.name) / "copy"
        shutil.copytree(ROOT, self.root, ignore=IGNORED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()

    def find_failing_test(
        self, file: str, text: str, tests: Sequence[str], seconds: float | None = None
    ) -> tuple[str, str]:
        """Run tests with another text in a file. Raises subprocess.TimeoutExpired.

        `tests`: pytest arguments. Returns the first test that fails, or "", and the output of pytest.
        """
        path = self.root / file
        original = path.read_text("utf-8")
        path.write_text(text, "utf-8")
        # Programs that a test starts import the copy too.
        environment = os.environ | {"PYTHONPATH": str(self.root / "app")}
        try:
            process = subprocess.run(
                [*PYTEST, *tests],
                cwd=self.root,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        finally:
            path.write_text(original, "utf-8")
        failures = [
            line.split(" ")[1].rpartition("/")[2]
            for line in process.stdout.splitlines()
            if line.startswith(("FAILED ", "ERROR "))
        ]
        return failures[0] if failures else "", process.stdout


def map_in_copies(jobs: int, items: Sequence[Item], run: Callable[[ProjectCopy, Item], Result]) -> Iterator[Result]:
    """The results of `run` for each item, in order. `jobs` run at a time, each in a copy of its own."""
    jobs = max(1, jobs)
    with contextlib.ExitStack() as stack:
        copies: queue.SimpleQueue[ProjectCopy] = queue.SimpleQueue()
        for _ in range(jobs):
            copies.put(stack.enter_context(ProjectCopy()))

        def run_in_copy(item: Item) -> Result:
            copy = copies.get()
            try:
                return run(copy, item)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(run_in_copy, items)
