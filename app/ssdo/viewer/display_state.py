"""What the window shows: the view, the divider, the buffer and how it is displayed."""

from __future__ import annotations

from dataclasses import dataclass

from ssdo.render.frame_uniforms import VisibleRegion
from ssdo.viewer.buffers import FINAL_IMAGE, LIGHTING_COMPONENTS
from ssdo.viewer.render_scheduler import PAIR, Slot

VIEWS = ("A", "B", "split", "side by side", "difference", "error")
GAINS = (1, 10, 100)  # of the difference


@dataclass
class DisplayState:
    """View settings of the window. They do not influence rendering."""

    view: str = "B"
    is_flipped: bool = False  # A and B are swapped while a key is held
    gain: int = 1  # of the difference
    divider: float | None = None  # fraction of the window's width; None: the middle of the visible width
    visible_width: float = 1.0  # fraction of the window's width that the panel does not cover
    buffer: str = FINAL_IMAGE
    exposure: float = 0.0  # stops; of buffers that hold light
    show_alpha: bool = False  # as a grey image

    @property
    def shows_two_images(self) -> bool:
        """Whether two images share the window."""
        return self.view in ("split", "side by side", "error")

    @property
    def shows_final_images(self) -> bool:
        """Whether images are shown as they are saved, not buffers, differences or errors."""
        return self.buffer == FINAL_IMAGE and self.view not in ("difference", "error")

    @property
    def single_slot(self) -> Slot:
        """The slot of a view of one image."""
        return "A" if (self.view == "A") != self.is_flipped else "B"

    @property
    def side_slots(self) -> tuple[Slot, Slot]:
        """The slots on the left and on the right of a split view."""
        return ("B", "A") if self.is_flipped else ("A", "B")

    @property
    def visible_slots(self) -> tuple[Slot, ...]:
        """The slots that are kept up to date."""
        return (self.single_slot,) if self.view in ("A", "B") else PAIR

    @property
    def visible_region(self) -> VisibleRegion:
        """The part of an image that is seen. Side by side shows the middle half of what the panel leaves visible."""
        width = self.visible_width
        if self.view == "side by side":
            return VisibleRegion(0.5 * width - 1, 1.5 * width - 1)
        return VisibleRegion(-1.0, 2 * width - 1)

    def divider_px(self, width: int) -> float:
        """Position of the divider, in pixels from the left of a window of that width."""
        if self.divider is None or self.view == "side by side":
            return round(0.5 * self.visible_width * width)
        return round(self.divider * width)

    def find_pixel(self, pixel: tuple[int, int], width: int) -> tuple[Slot, tuple[int, int]]:
        """The slot that a window of that width shows at a pixel, and the pixel of its image, were that as large."""
        if not self.shows_two_images:
            return self.single_slot, pixel
        (x, y), divider = pixel, self.divider_px(width)
        is_left = x + 0.5 < divider
        if self.view == "side by side":  # each half shows the middle of its image
            x = int(x + 0.5 + (0.5 if is_left else -0.5) * divider)
        return self.side_slots[0 if is_left else 1], (x, y)

    def choose_view(self, view: str) -> str:
        """Change the view; choosing the difference again cycles its gain. Returns a message."""
        if view == self.view == "difference":
            self.gain = GAINS[(GAINS.index(self.gain) + 1) % len(GAINS)]
        self.view = view
        return {"A": "A only", "B": "B only", "difference": f"difference x{self.gain}"}.get(view, view)

    def step_component(self, step: int) -> str:
        """Show the next or a previous lighting component. Returns a message."""
        count = len(LIGHTING_COMPONENTS)
        index = LIGHTING_COMPONENTS.index(self.buffer) if self.buffer in LIGHTING_COMPONENTS else count - 1
        index = (index + step) % count
        self.buffer = LIGHTING_COMPONENTS[index]
        return f"{index + 1} of {count}: {self.buffer}"
