"""Colour maps of the error, the signed difference and the depth: shaders and colour bars read the same tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ssdo.arrays import Bytes, Doubles
from ssdo.measure import metrics
from ssdo.srgb import decode_srgb, encode_srgb
from ssdo.viewer.render_scheduler import Slot

SLOT_RGB: Mapping[Slot, tuple[float, float, float]] = {  # sRGB
    "A": (0.95, 0.62, 0.30),
    "B": (0.36, 0.66, 0.92),
    "reference": (0.50, 0.78, 0.45),
}
SIGNED_STOPS = 255  # odd, so that no difference is black


def _make_signed() -> Doubles:
    """From B's colour over black to A's. Light is proportional to the difference."""
    a, b = (decode_srgb(np.array(SLOT_RGB[slot])) for slot in ("A", "B"))
    difference = np.linspace(-1, 1, SIGNED_STOPS)[:, None]
    stops: Doubles = encode_srgb(np.where(difference > 0, difference * a, -difference * b))
    return stops


COLOR_MAPS: Mapping[str, Doubles] = {  # by mapping: (n, 3) sRGB at even positions from 0 to 1, linear between them
    "error": metrics.false_colour(np.linspace(0, 1, 256, dtype="f4")[None], 1.0)[0] / 255,
    "signed": _make_signed(),
    "depth": np.array([[1.0] * 3, [0.1] * 3]),
}


def sample_color_map(name: str, positions: Doubles) -> Bytes:
    """(n, 3) sRGB codes of positions from 0 to 1."""
    stops = COLOR_MAPS[name]
    places = np.linspace(0, 1, len(stops))
    srgb = np.stack([np.interp(positions, places, channel) for channel in stops.T], -1)
    colors: Bytes = np.rint(255 * srgb).astype(np.uint8)
    return colors
