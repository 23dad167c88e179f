"""The report of A and B: the page of `compare`, made by a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from ssdo.measure.output_files import CAPTURES, make_new_folder, remove_if_empty
from ssdo.resources import PACKAGE
from ssdo.settings import UserError
from ssdo.viewer.screenshots import save_slot_screenshots, scene_stem
from ssdo.viewer.session import Session


class Report:
    """The page of `compare` for A and B, made by a process of its own."""

    def __init__(self, session: Session, folder: Path = CAPTURES) -> None:
        screenshots = save_slot_screenshots(session, folder)
        self.output = make_new_folder(folder, f"{scene_stem(session)}-report")
        shots = ",".join(map(str, screenshots))
        command = [sys.executable, "-P", "-m", "ssdo", "compare", "--from-image", shots, "--output", str(self.output)]
        # The package may not be installed.
        python_path = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
        try:
            self._process = subprocess.Popen(
                command,
                env=os.environ | {"PYTHONPATH": python_path},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            remove_if_empty(self.output)
            raise UserError(f"the report cannot be started: {error.strerror or error}") from None
        self._start = time.monotonic()
        self.is_done = False

    def step(self, session: Session) -> None:
        """Call after each frame. Raises UserError with the process's message if it failed."""
        if self.is_done:
            return
        if self._process.poll() is None:
            seconds = time.monotonic() - self._start
            session.message = f"report: {seconds:.0f} s, runs in the background (Escape cancels)"
            return
        self.is_done = True
        _, errors = self._process.communicate()
        if self._process.returncode:
            remove_if_empty(self.output)
            raise UserError(f"the report failed: {(errors.strip().splitlines() or ['no reason given'])[-1]}")
        session.message = f"saved {(self.output / 'index.html').absolute()}"

    def end(self, session: Session) -> None:
        """Cancel. The next report continues with the reference's cached frames."""
        if not self.is_done:
            self._process.terminate()
            self._process.communicate()
            remove_if_empty(self.output)
            session.message = "report cancelled"
        self.is_done = True
