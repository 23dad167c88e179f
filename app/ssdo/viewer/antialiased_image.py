"""The image of a slot at rest: the mean of jittered frames."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ssdo.gpu.context import Gpu
from ssdo.render.display import Display
from ssdo.render.pipeline import FrameResult, draw_display, render_frame
from ssdo.render.shot import Shot
from ssdo.viewer.convergence import Convergence

MAX_FRAMES = 65536  # of a converging image: the largest value of a shot's accumulated_frames


@dataclass
class AntialiasedImage:
    """Draws the jittered frames of a shot, one at a time, beside the slot's own result.

    That result stays, with its buffers: the jittered frames have targets of their own, which are freed when all frames
    are drawn.
    """

    gpu: Gpu
    scope: str  # of the targets
    shot: Shot  # at the size of the slot's result
    frame_count: int = 0  # drawn
    result: FrameResult | None = None  # the slot's, but for radiance, display and shot; None: no image yet
    convergence: Convergence = field(default_factory=Convergence)  # of a progressive technique

    @property
    def needed_frames(self) -> int:
        """Frames after which the shot repeats the image."""
        return self.shot.frame_count

    @property
    def is_complete(self) -> bool:
        """Whether further frames would not improve the image."""
        return self.frame_count >= (MAX_FRAMES if self.shot.technique.progressive else self.needed_frames)

    def draw_frame(self, centered: FrameResult) -> None:
        """Draw the next frame. `centered`: the slot's result. Raises UserError."""
        index = self.frame_count
        with self.gpu.scope(self.scope):
            jittered = render_frame(self.gpu, self.shot, index)
            self.gpu.free_unused()
        self.frame_count += 1
        shot = jittered.shot
        if shot.technique.progressive:
            shot = replace(shot, accumulated_frames=self.frame_count)
        if index >= self.shot.first_averaged_frame:
            self.result = centered._replace(shot=shot, radiance=jittered.radiance, display=jittered.display)
        if self.is_complete:
            self.free_targets()

    def change_display(self, display: Display) -> None:
        """Tone-map the image again, and further frames in the same way."""
        self.shot = replace(self.shot, display=display)
        if self.result is None:
            return
        with self.gpu.scope(self.scope):
            self.result = draw_display(self.gpu, self.result, display)
        if self.is_complete:
            self.free_targets()

    def free_targets(self) -> None:
        """Free all targets. The textures of the result survive."""
        self.gpu.free_scope(self.scope)
