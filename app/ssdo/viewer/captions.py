"""Captions of screenshots: the labels and legends that the window shows over the image, drawn into the pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ssdo.arrays import Bytes
from ssdo.viewer.color_maps import SLOT_RGB
from ssdo.viewer.image_labels import ImageLabel, list_labels, shorten_label
from ssdo.viewer.legend import Color8, Legend, list_legends
from ssdo.viewer.session import Session

REFERENCE_HEIGHT = 720  # pixels of an image that is captioned at scale 1
FONT_SIZE, MIN_FONT_SIZE = 15.0, 11.0  # pixels
MARGIN, PADDING, GAP = 10.0, 7.0, 4.0  # pixels, before scaling
BAR_WIDTH, BAR_HEIGHT, TICK_HEIGHT = 300.0, 12.0, 3.0
TEXT_COLOR: Color8 = (242, 245, 247)
BACKGROUND = (13, 14, 17, 214)  # red, green, blue, alpha


def draw_captions(session: Session, pixels: Bytes) -> Bytes:
    """The image of a session's viewport, (h, w, 3), with its labels and legends."""
    display, width = session.display, pixels.shape[1]
    captions = _Captions(pixels)
    labels = list_labels(session)
    divider = display.divider_px(width) if len(labels) == 2 else width
    captions.draw_label(labels[0], 0, divider, is_right_aligned=len(labels) == 2)
    if len(labels) == 2:
        captions.draw_label(labels[1], divider, width)
    captions.draw_legends(list_legends(session))
    return captions.pixels


class _Captions:
    """Draws onto an image, at a scale that fits its height."""

    def __init__(self, pixels: Bytes) -> None:
        self._image = Image.fromarray(pixels).convert("RGBA")
        self.width, self.height = self._image.size
        font_size = max(MIN_FONT_SIZE, FONT_SIZE * self.height / REFERENCE_HEIGHT)
        self.scale = font_size / FONT_SIZE
        self._font = ImageFont.load_default(font_size)
        self._line_height = round(1.25 * font_size)

    @property
    def pixels(self) -> Bytes:
        return np.asarray(self._image.convert("RGB"))

    def _text_width(self, text: str) -> float:
        return max(self._font.getlength(line) for line in text.split("\n"))

    def draw_label(self, label: ImageLabel, left: int, right: int, is_right_aligned: bool = False) -> None:
        """A label at the top, between left and right; shortened to fit."""
        margin, padding = MARGIN * self.scale, PADDING * self.scale
        room = right - left - 2 * margin - 2 * padding
        text = shorten_label(label.texts, lambda text: self._text_width(text) <= room)
        if not text:
            return
        width = self._text_width(text) + 2 * padding
        x = right - margin - width if is_right_aligned else left + margin
        color = TEXT_COLOR if len(label.slots) > 1 else _to_color8(SLOT_RGB[label.slots[0]])
        lines = text.count("\n") + 1
        self._draw_box(x, margin, x + width, margin + lines * self._line_height + 2 * padding)
        for number, line in enumerate(text.split("\n")):
            self._draw_text(line, x + padding, margin + padding + number * self._line_height, color)

    def draw_legends(self, legends: Sequence[Legend]) -> None:
        """Legends at the lower left, one above the other, if there is room below the labels."""
        bottom = self.height - MARGIN * self.scale
        for legend in reversed(legends):
            height = self._legend_height(legend)
            if bottom - height < self.height / 4:
                return
            self._draw_legend(legend, bottom - height, height)
            bottom -= height + GAP * self.scale

    def _legend_height(self, legend: Legend) -> float:
        bar = (BAR_HEIGHT + TICK_HEIGHT + GAP + 2 * PADDING) * self.scale
        return bar + (2 + len(legend.notes)) * self._line_height

    def _draw_legend(self, legend: Legend, top: float, height: float) -> None:
        margin, padding = MARGIN * self.scale, PADDING * self.scale
        texts = [self._text_width(text) for text in (legend.title, *legend.notes)]
        width = min(max(BAR_WIDTH * self.scale, *texts), self.width - 2 * (margin + padding))
        x, y = margin + padding, top + padding
        self._draw_box(margin, top, margin + width + 2 * padding, top + height)
        self._draw_text(legend.title, x, y)
        y += self._line_height + GAP * self.scale
        colors = np.array(legend.colors, "u1")
        bar = Image.fromarray(colors[None, np.arange(round(width)) * len(colors) // round(width)])
        self._image.paste(bar.resize((round(width), round(BAR_HEIGHT * self.scale))), (round(x), round(y)))
        y += (BAR_HEIGHT + TICK_HEIGHT) * self.scale
        self._draw_ticks(legend, x, y, width)
        for number, note in enumerate(legend.notes, 1):
            self._draw_text(note, x, y + number * self._line_height)

    def _draw_ticks(self, legend: Legend, x: float, y: float, width: float) -> None:
        """Numbers below the bar: the ends first, then those that do not touch others."""
        gap, spans = GAP * self.scale, list[tuple[float, float]]()
        for position, text in sorted(legend.ticks, key=lambda tick: (tick[0] not in (0, 1), tick[0] != 0.5)):
            text_width = self._text_width(text)
            left = x + min(max(position * width - text_width / 2, 0.0), width - text_width)
            if any(left < end + gap and left + text_width > start - gap for start, end in spans):
                continue
            spans.append((left, left + text_width))
            tick = round(x + position * (width - 1))
            line = [(tick, round(y - TICK_HEIGHT * self.scale)), (tick, round(y))]
            ImageDraw.Draw(self._image).line(line, TEXT_COLOR, max(1, round(self.scale)))
            self._draw_text(text, left, y)

    def _draw_box(self, left: float, top: float, right: float, bottom: float) -> None:
        """Darken a rectangle."""
        box = Image.new("RGBA", (max(1, round(right - left)), max(1, round(bottom - top))), BACKGROUND)
        self._image.alpha_composite(box, (max(0, round(left)), max(0, round(top))))

    def _draw_text(self, text: str, x: float, y: float, color: Color8 = TEXT_COLOR) -> None:
        ImageDraw.Draw(self._image).text((round(x), round(y)), text, color, font=self._font)


def _to_color8(rgb: Sequence[float]) -> Color8:
    red, green, blue = (round(255 * value) for value in rgb)
    return red, green, blue
