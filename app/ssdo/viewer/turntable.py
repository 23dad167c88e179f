"""A turntable as a video, drawn beside the window: the view, its camera and the input stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ssdo.measure.animation import DEFAULT_FPS, DEFAULT_FRAMES, PictureSequence, Timing
from ssdo.measure.camera_paths import make_turntable
from ssdo.measure.output_files import CAPTURES, NumberedFiles
from ssdo.measure.video import VideoWriter, has_mp4
from ssdo.optional_packages import OPTIONAL_PACKAGES, format_install_command
from ssdo.render.shot import Shot
from ssdo.viewer.render_scheduler import FrameInterruptedError
from ssdo.viewer.screenshots import scene_stem
from ssdo.viewer.session import Session
from ssdo.viewer.status import describe_slot

MIN_FRAMES, MAX_FRAMES = 2, 1000
MIN_SECONDS, MAX_SECONDS = 0.5, 120.0
MIN_PERCENT, MAX_PERCENT = 10, 400


@dataclass
class TurntableSettings:
    """What the panel offers."""

    frame_count: int = DEFAULT_FRAMES
    seconds: float = float(DEFAULT_FRAMES / DEFAULT_FPS)
    percent: int = 100  # of the image's width and height in the viewport

    @property
    def timing(self) -> Timing:
        return Timing.from_flags(self.frame_count, self.seconds, None)


class Turntable:
    """A task: draws a frame whenever the window has nothing to draw. Raises UserError if no file can be written.

    The video shows the final image; in views of A and B both, side by side.
    """

    def __init__(self, session: Session, settings: TurntableSettings, folder: Path = CAPTURES) -> None:
        slots = session.visible_slots
        shots = [_scale_shot(session.shot(slot), settings.percent) for slot in slots]
        poses = make_turntable(session.scene, session.pose).poses(settings.frame_count)
        suffix = ".mp4" if has_mp4() else ".webp"
        self._files = NumberedFiles(folder, f"{scene_stem(session)}-turntable", [suffix])
        self._sequence = PictureSequence(
            session.gpu, shots, poses, [f"{slot}: {describe_slot(session, slot)}" for slot in slots]
        )
        self._writer = VideoWriter(suffix, settings.timing.fps, _collect_values(shots, settings.timing))
        self._start = session.now()
        self.is_done = False

    @property
    def path(self) -> Path:
        """Where the video is, or will be unless another process takes the name."""
        return self._files.paths[0]

    def step(self, session: Session) -> None:
        """Call after each frame. Raises UserError if the video cannot be written."""
        if self.is_done or not all(session.is_idle(slot) for slot in session.visible_slots):
            return
        with self._closing_on_error():
            try:
                with session.gpu.in_bands(session.scheduler.interrupt_for_input):
                    picture = self._sequence.draw_frame()
            except FrameInterruptedError:
                return
            if picture is not None:
                self._writer.add(picture.pixels)
            session.message = self._describe_progress(session)
            if self._sequence.is_complete:
                self._files.save(self._files.endings[0], self._writer.save)
                self._close()
                session.message = self._describe_file()

    def _describe_progress(self, session: Session) -> str:
        done, total = self._sequence.picture_count, len(self._sequence.cameras)
        text = f"turntable: {done} of {total}"
        if done:
            minutes, seconds = divmod(round((session.now() - self._start) / done * (total - done)), 60)
            text += f", {minutes}:{seconds:02} left"
        return f"{text} (Escape cancels)"

    def _describe_file(self) -> str:
        text = f"saved {self.path.absolute()}"
        if self.path.suffix == ".webp" and OPTIONAL_PACKAGES["av"].has_wheels:
            text += f"; for .mp4: {format_install_command('av')}"
        return text

    def end(self, session: Session) -> None:
        """Cancel. Nothing is left."""
        if not self.is_done:
            session.message = "turntable cancelled"
            self._close()

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        self.is_done = True
        self._sequence.free_targets()
        self._writer.close()


def _collect_values(shots: Sequence[Shot], timing: Timing) -> dict[str, Any]:
    """What repeats the video. Of two slots with one technique, the last, as a file has one set of its parameters."""
    values: dict[str, Any] = {}
    for shot in shots:
        values |= shot.values()
    groups = [shot.technique.group for shot in shots]
    if len(set(groups)) > 1:
        values["techniques"] = ",".join(groups)
    return values | timing.describe("turntable")


def _scale_shot(shot: Shot, percent: int) -> Shot:
    width, height = (max(1, round(pixels * percent / 100)) for pixels in (shot.width, shot.height))
    return replace(shot, width=width, height=height)
