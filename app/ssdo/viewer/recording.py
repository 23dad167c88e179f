"""What takes a while and goes on beside the window: once around the scene as an animated image, and the page of
`compare`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from PIL import Image

from ssdo.measure import images
from ssdo.resources import PACKAGE
from ssdo.settings import UserError
from ssdo.viewer import controls, preferences
from ssdo.viewer.experiments import at_rest
from ssdo.viewer.session import Session

AROUND = 60  # frames of a turn
MILLISECONDS = 50  # that each is shown
WIDEST = 960  # pixels: larger pictures are halved until they are no wider


class Turntable:
    """Once around what the camera looks at. Each frame waits until the picture is at rest."""

    def __init__(self, session: Session, folder: Path = Path("captures"), frames: int = AROUND) -> None:
        stem = Path(session.base.scene.partition(":")[0]).stem
        self.path = images.free_name(folder, f"{stem}-turntable", ".webp")
        self.frames = frames
        self.done = False
        self._pictures: list[Image.Image] = []
        self._scene, self._camera, self._start = session.base.scene, session.base.camera, session.pose
        self._turn(session)

    def _turn(self, session: Session) -> None:
        session.move(controls.orbit(self._start, 360.0 * len(self._pictures) / self.frames, 0.0))
        session.note = f"turntable: {len(self._pictures)} of {self.frames} (Escape ends it)"

    def step(self, session: Session) -> None:
        """Call after each frame. Raises UserError where the file cannot be written."""
        if self.done or not all(at_rest(session, slot) for slot in session.shown):
            return
        picture = Image.fromarray(preferences.seen(session))
        while picture.width > WIDEST:
            picture = picture.reduce(2)
        if self._pictures and picture.size != self._pictures[0].size:  # the window was resized meanwhile
            picture = picture.resize(self._pictures[0].size)
        self._pictures.append(picture)
        if len(self._pictures) < self.frames:
            self._turn(session)
            return
        self.end(session)
        first, *rest = self._pictures
        self._pictures = []
        with images.written(self.path) as file:
            first.save(
                file, "WEBP", save_all=True, append_images=rest, duration=MILLISECONDS, loop=0, quality=85, method=0
            )
        session.note = f"saved {self.path.absolute()}"

    def end(self, session: Session) -> None:
        """Put the camera back; nothing is written when it ends early."""
        if not self.done and session.base.scene == self._scene:
            session.base = replace(session.base, camera=self._camera)
        self.done = True
        if len(self._pictures) < self.frames:
            self._pictures = []


class Report:
    """The page that compares A and B against the truth, made by the program itself in a process of its own."""

    def __init__(self, session: Session, folder: Path = Path("captures")) -> None:
        paths = preferences.screenshot_sides(session, folder)
        stem = Path(session.base.scene.partition(":")[0]).stem
        self.output = images.free_name(folder, f"{stem}-report", "")
        command = [
            sys.executable,
            "-P",
            "-m",
            "ssdo",
            "compare",
            "--like",
            ",".join(map(str, paths)),
            "--output",
            str(self.output),
        ]
        # also where nothing is installed
        ours = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": ours}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._start = time.monotonic()
        self.done = False

    def step(self, session: Session) -> None:
        """Call after each frame. Raises UserError with what the program said, where it failed."""
        if self.done:
            return
        if self._process.poll() is None:
            session.note = f"report: {time.monotonic() - self._start:.0f} s, in a process of its own (Escape ends it)"
            return
        self.done = True
        _, said = self._process.communicate()
        if self._process.returncode:
            raise UserError(f"the report failed: {(said.strip().splitlines() or ['no reason given'])[-1]}")
        session.note = f"saved {(self.output / 'index.html').absolute()}"

    def end(self, session: Session) -> None:
        """Stop it; what it kept of the truth is found by the next."""
        if not self.done:
            self._process.terminate()
            self._process.communicate()
            session.note = "the report was ended"
        self.done = True
