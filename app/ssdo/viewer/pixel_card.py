"""The card beside an inspected pixel: its lines, as plain data, and its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ssdo.viewer.pixel_inspector import LEAVES_SCREEN, OCCLUDED, VISIBLE
from ssdo.viewer.pixel_values import PixelValues
from ssdo.viewer.render_scheduler import Slot

if TYPE_CHECKING:
    from ssdo.viewer.widgets import Rect

# what a card shows of a slot while a buffer is shown; else radiance
BUFFER_VALUES = {
    "direct light": "direct",
    "indirect light": "indirect",
    "ambient visibility": "visibility",
}
COLOR_KEY = {VISIBLE: "visible", OCCLUDED: "occluded", LEAVES_SCREEN: "leaves the screen"}
KEY_NOTE = "colour: light it brings"


class CardLine(NamedTuple):
    """Text, in a slot's colour if it has one, or entries of the colour key."""

    text: str = ""
    slot: Slot | None = None
    key: tuple[int, ...] = ()  # states of samples


Card = tuple[CardLine, ...]


def make_cards(values: PixelValues, buffer: str, has_samples: bool, is_pinned: bool) -> list[Card]:
    """A card for wide, narrow and tiny viewports. `has_samples`: rays are drawn, whose colours the key tells."""
    name = BUFFER_VALUES.get(buffer, "radiance")
    pinned = " (pinned)" if is_pinned else ""
    title = CardLine(f"pixel {values.pixel[0]}, {values.pixel[1]}{pinned}: {name if values.position else 'background'}")
    short, long = [], []
    for slot, by_name in values.by_slot.items():
        text = f"{slot}  {_format(by_name[name])}"
        short.append(CardLine(text, slot))
        extra = "" if name == "visibility" else f"   visibility {_format(by_name['visibility'])}"
        long.append(CardLine(text + extra, slot))
    wide_key = [CardLine(key=tuple(COLOR_KEY)), CardLine(KEY_NOTE)] if has_samples else []
    narrow_key = [*(CardLine(key=(state,)) for state in COLOR_KEY), CardLine(KEY_NOTE)] if has_samples else []
    return [(title, *long, *wide_key), (title, *short, *narrow_key), tuple(short)]


def _format(components: Sequence[float]) -> str:
    return " ".join(f"{v:.3f}" if abs(v) < 100 else f"{v:.3g}" for v in components)


def place_card(
    size: tuple[float, float],
    pixels: Sequence[tuple[float, float]],
    gap: float,
    bounds: Rect,
    obstacles: Sequence[Rect] = (),
) -> Rect | None:
    """Where a card of a size lies: within `bounds`, as near to the first of the pixels as can be, rather below it.

    It stays `gap` away from all pixels, which show the same point, and covers no obstacle. None if there is no room.
    """
    (width, height), (x, y), (left, top, right, bottom) = size, pixels[0], bounds
    marks = [(px - gap, py - gap, px + gap, py + gap) for px, py in pixels]
    columns = [x - width / 2, x + gap, x - gap - width, left, right - width]
    rows = [y + gap, y - height / 2, y - gap - height, top, bottom - height]
    for covered in (*marks, *obstacles):
        columns += covered[0] - width, covered[2]
        rows += covered[1] - height, covered[3]
    rects = [(column, row, column + width, row + height) for row in rows for column in columns]
    inside = [r for r in rects if left <= r[0] and top <= r[1] and r[2] <= right and r[3] <= bottom]
    free = [r for r in inside if not any(_overlap(r, covered) for covered in (*marks, *obstacles))]
    return min(free, key=lambda r: _distance(r, x, y), default=None)


def _overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _distance(rect: Rect, x: float, y: float) -> float:
    """Squared distance of a point from a rectangle."""
    dx, dy = max(rect[0] - x, x - rect[2], 0.0), max(rect[1] - y, y - rect[3], 0.0)
    return dx * dx + dy * dy
