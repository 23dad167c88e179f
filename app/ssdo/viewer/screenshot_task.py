"""A screenshot of another size than the window's, drawn beside the window."""

from __future__ import annotations

from pathlib import Path

from ssdo.gpu.target import Size
from ssdo.measure.output_files import CAPTURES
from ssdo.settings import UserError
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.screenshots import save_screenshot
from ssdo.viewer.session import Session
from ssdo.viewer.toasts import CANCEL_HINT

SCOPE = "screenshot"  # first word of the names of its targets


class SizedScreenshot:
    """A task: draws the view of a session, as it is now, at a size. The session goes on meanwhile.

    Images that converge get as many frames as they have in the window.
    """

    def __init__(self, session: Session, size: Size, has_captions: bool, folder: Path = CAPTURES) -> None:
        self.size, self.has_captions, self.folder = size, has_captions, folder
        self.paths: list[Path] = []
        self.is_done = False
        self._needed_frames = {slot: render.image_convergence.frame_count for slot, render in session.renders.items()}
        self._copy = session.copy()
        scheduler = self._copy.scheduler
        scheduler.draws_whole_images = True
        scheduler.has_input = session.scheduler.has_input
        for slot, render in scheduler.renders.items():
            render.scope = f"{SCOPE} {slot}"
        session.message = self._describe()

    def _describe(self) -> str:
        width, height = self.size
        return f"screenshot of {width} x {height}: drawing {CANCEL_HINT}"

    def step(self, session: Session) -> None:
        """Call after each frame. Raises UserError if it cannot be drawn or saved."""
        if self.is_done or not all(session.is_idle(slot) for slot in session.visible_slots):
            return
        copy = self._copy
        try:
            copy.step(self.size)
            if copy.error:
                raise UserError(copy.error)
            if not self._is_complete():
                session.message = self._describe()
                return
            self.paths = save_screenshot(copy, self.folder, self.has_captions)
        except BaseException:
            self.end(session)
            raise
        self.end(session)
        session.message = copy.message
        print("\n".join(map(str, self.paths)), flush=True)

    def _is_complete(self) -> bool:
        slots: list[Slot] = [*self._copy.visible_slots]
        if self._copy.display.view == "error":
            slots.append("reference")
        return all(self._is_slot_complete(slot) for slot in slots)

    def _is_slot_complete(self, slot: Slot) -> bool:
        copy, render, shot = self._copy, self._copy.renders[slot], self._copy.shot(slot)
        if render.requested != shot or render.scale < 1 or render.result is None:
            return False
        if shot.technique.progressive:
            return render.image_convergence.frame_count >= self._needed_frames[slot]
        return not (copy.display.shows_final_images and copy.scheduler.can_antialias(slot, shot))

    def end(self, session: Session) -> None:
        """Free what was drawn. Nothing is saved if it is not complete."""
        if not self.is_done:
            self.is_done = True
            for render in self._copy.renders.values():
                if render.antialiased:
                    render.antialiased.free_targets()
                session.gpu.free_scope(render.scope)
