"""What the viewport shows: the view, the divider, the buffer and how it is displayed.

The viewport is the part of the window that the panel does not cover. Sizes are in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from ssdo.gpu.target import Size
from ssdo.viewer.buffers import FINAL_IMAGE, LIGHTING_COMPONENTS
from ssdo.viewer.render_scheduler import PAIR, Slot

VIEWS = ("A", "B", "split", "side by side", "difference", "error")
GAINS = (1.0, 10.0, 100.0)  # of the difference, that a key cycles
GAIN_RANGE = (0.1, 1000.0)


@dataclass
class DisplayState:
    """View settings. They do not influence rendering, but for the size of images side by side."""

    view: str = "B"
    is_flipped: bool = False  # A and B are swapped while a key is held
    gain: float = 1.0  # of the difference
    is_signed: bool = False  # the difference shows which slot is brighter
    divider: float = 0.5  # fraction of the viewport's width
    buffer: str = FINAL_IMAGE
    exposure: float = 0.0  # stops; of buffers that hold light
    show_alpha: bool = False  # as a grey image
    shows_reference: bool = False  # in place of A and of B, side by side

    @property
    def shows_two_images(self) -> bool:
        """Whether two images share the viewport."""
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
    def active_slot(self) -> Slot:
        """The slot that keys without Shift change: the one that is shown, or B if both are."""
        return self.single_slot if self.view in ("A", "B") else "B"

    @property
    def side_slots(self) -> tuple[Slot, Slot]:
        """The slots on the left and on the right of a split view."""
        if self.shows_reference:
            return "reference", "reference"
        return ("B", "A") if self.is_flipped else ("A", "B")

    @property
    def shown_slots(self) -> tuple[Slot, Slot]:
        """The slots on the left and on the right; twice the same in a view of one image."""
        return self.side_slots if self.shows_two_images else (self.single_slot, self.single_slot)

    @property
    def visible_slots(self) -> tuple[Slot, ...]:
        """The slots that are kept up to date."""
        return (self.single_slot,) if self.view in ("A", "B") else PAIR

    def image_size(self, viewport: Size) -> Size:
        """The size of an image in a viewport: all of it, or half of its width side by side."""
        width, height = viewport
        return (width // 2 if self.view == "side by side" else width), height

    def divider_px(self, width: int) -> int:
        """Position of the divider, in pixels from the left of a viewport of that width."""
        return width // 2 if self.view == "side by side" else round(self.divider * width)

    def find_pixel(self, pixel: tuple[int, int], width: int) -> tuple[Slot, tuple[int, int]]:
        """The slot at a pixel of a viewport of that width, and the pixel within that slot's image."""
        if not self.shows_two_images:
            return self.single_slot, pixel
        (x, y), divider = pixel, self.divider_px(width)
        is_left = x < divider
        if self.view == "side by side" and not is_left:
            x -= divider
        return self.side_slots[0 if is_left else 1], (x, y)

    def choose_view(self, view: str) -> str:
        """Change the view; choosing the difference again cycles its gain. Returns a message."""
        if view == self.view == "difference":
            self.gain = next((gain for gain in GAINS if gain > self.gain), GAINS[0])
        self.view = view
        return {"A": "A only", "B": "B only", "difference": f"difference x{self.gain:.3g}"}.get(view, view)

    def step_component(self, step: int) -> str:
        """Show the next or a previous lighting component. Returns a message."""
        count = len(LIGHTING_COMPONENTS)
        index = LIGHTING_COMPONENTS.index(self.buffer) if self.buffer in LIGHTING_COMPONENTS else count - 1
        index = (index + step) % count
        self.buffer = LIGHTING_COMPONENTS[index]
        return f"{index + 1} of {count}: {self.buffer}"
