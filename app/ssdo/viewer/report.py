"""The report of A and B: the page of `compare`, made by a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from ssdo.measure.output_files import CAPTURES, make_new_folder, remove_if_empty
from ssdo.measure.progress import STOP_LINE, Progress, parse_progress
from ssdo.resources import PACKAGE
from ssdo.settings import UserError
from ssdo.viewer.screenshots import save_slot_screenshots, scene_stem
from ssdo.viewer.session import Session
from ssdo.viewer.toasts import CANCEL_HINT


class Report:
    """The page of `compare` for A and B. A draft is there soon; it gets better until the report is done or stopped."""

    def __init__(self, session: Session, folder: Path = CAPTURES) -> None:
        screenshots = save_slot_screenshots(session, folder)
        self.output = make_new_folder(folder, f"{scene_stem(session)}-report")
        self.is_done = False
        self._is_stopping = False
        self._progress: Progress | None = None
        self._last_error = "no reason given"
        try:
            self._process = _start_process(_create_command(screenshots, self.output))
        except OSError as error:
            remove_if_empty(self.output)
            raise UserError(f"the report cannot be started: {error.strerror or error}") from None
        assert self._process.stderr
        self._reader = threading.Thread(target=self._read_progress, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        self._show_progress(session)

    def step(self, session: Session) -> None:
        """Call after each frame. Raises UserError with the process's message if it failed."""
        if self.is_done:
            return
        if self._process.poll() is None:
            self._show_progress(session)
            return
        self.is_done = True
        with self._process:  # closes its pipes
            self._reader.join()
        page = (self.output / "index.html").absolute()
        if self._process.returncode and self._is_stopping:
            remove_if_empty(self.output)
            session.message = f"report stopped early: {page}" if page.exists() else "report cancelled"
        elif self._process.returncode:
            remove_if_empty(self.output)
            raise UserError(f"the report failed: {self._last_error}")
        else:
            session.message = f"saved {page}"

    def end(self, session: Session) -> None:
        """Stop. The last draft becomes a page that says how far it is; the reference's frames stay in the cache."""
        if self.is_done:
            return
        if self._is_stopping:
            self._process.terminate()  # asked twice
        self._is_stopping = True
        assert self._process.stdin
        with contextlib.suppress(OSError):  # it has ended
            self._process.stdin.write(f"{STOP_LINE}\n")
            self._process.stdin.flush()
        self._show_progress(session)

    def _show_progress(self, session: Session) -> None:
        progress = self._progress
        if self._is_stopping:
            session.message = "report: stopping"
        elif progress is None:
            session.message = f"report: starting {CANCEL_HINT}"
        else:
            draft = f", draft ready: {progress.page}" if progress.page else ""
            session.toasts.post(f"report: {progress.text}{draft} {CANCEL_HINT}", fraction=progress.fraction)

    def _read_progress(self, lines: IO[str]) -> None:
        for line in lines:
            if progress := parse_progress(line):
                self._progress = progress
            elif line.strip():
                self._last_error = line.strip()


def _create_command(screenshots: Sequence[Path], output: Path) -> list[str]:
    shots = ",".join(map(str, screenshots))
    command = [sys.executable, "-P", "-m", "ssdo", "compare", "--from-image", shots, "--output", str(output)]
    return [*command, "--progress", "json"]


def _start_process(command: Sequence[str]) -> subprocess.Popen[str]:
    """Raises OSError."""
    # The package may not be installed.
    python_path = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": python_path},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
