"""Values of the pixel under the mouse, and the directions that its technique samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imgui_bundle import imgui

from ssdo.render.pipeline import FrameResult
from ssdo.settings import UserError
from ssdo.viewer.panel.action_row import draw_action_checkbox, draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.pixel_card import make_cards
from ssdo.viewer.pixel_inspector import PixelInspection, inspect_pixel
from ssdo.viewer.pixel_overlay import draw_pixel_card, draw_pixel_mark, draw_sample_disc, draw_sample_rays
from ssdo.viewer.pixel_values import PixelValues, find_texel
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.theme import SLOT_COLORS
from ssdo.viewer.widgets import Rect

DISC_SIZE, CARD_MARGIN = 220.0, 8.0  # pixels, before scaling


class PixelSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.is_enabled = False
        self.values: PixelValues | None = None
        self.slot: Slot = "B"  # the slot under the mouse, which is inspected
        self.inspection: PixelInspection | None = None
        self.pinned: tuple[int, int] | None = None  # pixel of the image that is inspected wherever the mouse is
        self._last_pixel: tuple[int, int] | None = None  # that was inspected
        self.message = ""  # why there is no inspection
        self.card_rect: Rect | None = None  # where the card is drawn
        self._failed_result: FrameResult | None = None  # is not inspected again

    def toggle(self) -> None:
        self.is_enabled, self.pinned, self._last_pixel = not self.is_enabled, None, None

    def toggle_pin(self) -> None:
        """Pin the pixel that is or was last under the mouse, or unpin it."""
        self.pinned = None if self.pinned else self._last_pixel

    def inspect(self, pixel: tuple[int, int] | None) -> None:
        """Read a pixel of the framebuffer, row 0 on top, or the pinned one. Call after rendering, each frame."""
        session = self.context.session
        width, height = session.image_size
        self.values = self.inspection = None
        if not self.is_enabled or not (place := self._find_pixel(pixel)):
            return
        self.slot, pixel = place
        if not (0 <= pixel[0] < width and 0 <= pixel[1] < height):
            return
        self.values = session.read_pixel(pixel)
        self._last_pixel = pixel
        result = session.renders[self.slot].result
        if result is None or self.values.position is None or result is self._failed_result:
            return
        try:
            texel = find_texel(pixel, session.image_size, result.display.size)
            self.inspection = inspect_pixel(session.gpu, result, *texel)
            self.message = ""
        except UserError as error:
            self.message, self._failed_result = str(error), result

    def _find_pixel(self, pixel: tuple[int, int] | None) -> tuple[Slot, tuple[int, int]] | None:
        """The slot to inspect, and the pixel of its image: the pinned one, or that under a pixel of the window."""
        session, display = self.context.session, self.context.session.display
        if self.pinned:
            keeps_slot = display.view == "side by side" and self.slot in session.visible_slots
            slot = self.slot if keeps_slot else display.find_pixel(self.pinned, session.size[0])[0]
            return slot, self.pinned
        return display.find_pixel(pixel, session.size[0]) if pixel else None

    # ---- over the image; positions are in the panel's units ----

    def draw_rays(self, viewport_width: float, height: float) -> None:
        """The rays of the sampled directions."""
        result = self.context.session.renders[self.slot].result
        if self.values and self.inspection and result:
            rect = self._image_rect(self.slot, viewport_width, height)
            draw_sample_rays(result, self.values, self.inspection, rect, self.context.scale)

    def draw_card(self, viewport_width: float, height: float, bottom: float, obstacles: Sequence[Rect]) -> None:
        """A ring around the pixel, and a card with its values beside it: above `bottom`, clear of the obstacles."""
        self.card_rect = None
        if not self.values:
            return
        session, scale = self.context.session, self.context.scale
        margin = CARD_MARGIN * scale
        slots = [self.slot, *(slot for slot in session.visible_slots if slot != self.slot)]
        places = [self._window_place(self.values.pixel, slot, viewport_width, height) for slot in slots]
        draw_pixel_mark(places[0], scale)
        cards = make_cards(self.values, session.display.buffer, self.inspection is not None, bool(self.pinned))
        bounds = margin, margin, viewport_width - margin, bottom - margin
        self.card_rect = draw_pixel_card(cards, places, bounds, obstacles, scale)

    def _window_place(
        self, pixel: tuple[int, int], slot: Slot, viewport_width: float, height: float
    ) -> tuple[float, float]:
        """Where the centre of an image's pixel lies in the window."""
        left, top, right, bottom = self._image_rect(slot, viewport_width, height)
        image_width, image_height = self.context.session.image_size
        u, v = (pixel[0] + 0.5) / image_width, (pixel[1] + 0.5) / image_height
        return left + u * (right - left), top + v * (bottom - top)

    def _image_rect(self, slot: Slot, viewport_width: float, height: float) -> Rect:
        """Where a slot's image lies in the window."""
        display = self.context.session.display
        if display.view != "side by side":
            return 0.0, 0.0, viewport_width, height
        left = 0.0 if slot == display.side_slots[0] else viewport_width / 2
        return left, 0.0, left + viewport_width / 2, height

    # ---- in the panel ----

    def draw(self) -> None:
        """The values and the samples of the pixel."""
        widgets = self.context.widgets
        if not widgets.section("Pixel", is_open=True):
            return
        draw_action_checkbox(self.context, "inspect", self.is_enabled)
        draw_action_row(self.context, "pixel")
        if not self.is_enabled:
            return
        if self.values is None:
            widgets.muted_text("no pixel under the mouse")
            return
        self._draw_values(self.values)
        if self.inspection:
            self._draw_inspection(self.inspection)
        elif self.values.position and self.message:
            widgets.muted_text(f"{self.slot}: {self.message}")

    def _draw_values(self, values: PixelValues) -> None:
        widgets = self.context.widgets
        pinned = " (pinned)" if self.pinned else ""
        background = "" if values.position else ": background"
        widgets.muted_text(f"pixel {values.pixel[0]}, {values.pixel[1]}{pinned}{background}")
        if values.position and values.normal:
            coordinates = self.context.session.scene.coordinates
            position = ", ".join(f"{v:.3f}" for v in coordinates.point_to_file(values.position))
            normal = ", ".join(f"{v:.2f}" for v in values.normal)
            widgets.muted_text(f"position {position} m, normal {normal}")
        for slot, by_name in values.by_slot.items():
            for name, components in by_name.items():
                widgets.label(f"{slot} {name}", color=SLOT_COLORS[slot])
                imgui.text(_format_components(components))

    def _draw_inspection(self, inspection: PixelInspection) -> None:
        widgets = self.context.widgets
        direct, indirect, visibility = inspection.sums
        widgets.muted_text(f"{self.slot}: {inspection.sample_text}, before denoising; visibility {visibility:.3f}")
        widgets.muted_text(f"sum: direct {_format_components(direct)}, indirect {_format_components(indirect)}")
        size = min(imgui.get_content_region_avail().x, DISC_SIZE * self.context.scale)
        draw_sample_disc(inspection, size, self.context.scale)
        widgets.muted_text("fill: received light; black rim: occluded; violet rim: leaves the screen")


def _format_components(components: Iterable[float]) -> str:
    return "  ".join(f"{v:.4g}" for v in components)
