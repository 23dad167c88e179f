"""A turntable of the viewer: one orbit as an animated image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from ssdo.measure.output_files import CAPTURES, NumberedFiles, atomic_write
from ssdo.viewer import controls
from ssdo.viewer.screenshots import read_window_pixels, scene_stem
from ssdo.viewer.session import Session

TURNTABLE_FRAMES = 60
FRAME_MS = 50
MAX_WIDTH = 960  # pixels; wider frames are halved


class Turntable:
    """One orbit around the camera's target. Each frame waits until the slots are idle."""

    def __init__(self, session: Session, folder: Path = CAPTURES, frame_count: int = TURNTABLE_FRAMES) -> None:
        self._files = NumberedFiles(folder, f"{scene_stem(session)}-turntable", [".webp"])
        self.frame_count = frame_count
        self.is_done = False
        self._frames: list[Image.Image] = []
        self._scene, self._camera = session.slots.shared.scene, session.slots.shared.camera
        self._initial_pose = session.pose
        self._move_camera(session)

    @property
    def path(self) -> Path:
        """Where the animation is, or will be unless another process takes the name."""
        return self._files.paths[0]

    def _move_camera(self, session: Session) -> None:
        degrees = 360.0 * len(self._frames) / self.frame_count
        session.move_camera(controls.orbit(self._initial_pose, degrees, 0.0))
        session.message = f"turntable: {len(self._frames)} of {self.frame_count} (Escape cancels)"

    def step(self, session: Session) -> None:
        """Call after each frame. Raises UserError if the file cannot be written."""
        if self.is_done or not all(session.is_idle(slot) for slot in session.visible_slots):
            return
        self._add_frame(Image.fromarray(read_window_pixels(session)))
        if len(self._frames) < self.frame_count:
            self._move_camera(session)
            return
        self.end(session)
        self._write()
        session.message = f"saved {self.path.absolute()}"

    def _add_frame(self, frame: Image.Image) -> None:
        while frame.width > MAX_WIDTH:
            frame = frame.reduce(2)
        if self._frames and frame.size != self._frames[0].size:  # the window was resized
            frame = frame.resize(self._frames[0].size)
        self._frames.append(frame)

    def _write(self) -> None:
        first, *others = self._frames
        self._frames = []

        def save(path: Path, overwrite: bool) -> None:
            with atomic_write(path, overwrite) as file:
                first.save(
                    file, "WEBP", save_all=True, append_images=others, duration=FRAME_MS, loop=0, quality=85, method=0
                )

        self._files.save(".webp", save)

    def end(self, session: Session) -> None:
        """Restore the camera. Nothing is written if frames are missing."""
        if not self.is_done and session.slots.shared.scene == self._scene:
            session.slots.shared = replace(session.slots.shared, camera=self._camera)
        self.is_done = True
        if len(self._frames) < self.frame_count:
            self._frames = []
