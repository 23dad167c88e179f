"""Legends: what the colours of the shown images mean, as plain data. A legend is a colour bar with numbers."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ssdo.srgb import encode_srgb8
from ssdo.viewer.buffers import TARGET_SUFFIX, WHITE_DIFFUSE, Buffer
from ssdo.viewer.color_maps import COLOR_MAPS, sample_color_map
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import Session
from ssdo.viewer.view_renderer import total_gain

BAR_STEPS = 65  # colours of a bar; odd, so that one lies in the middle
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)  # positions
Color8 = tuple[int, int, int]


class Legend(NamedTuple):
    """A colour bar from the left to the right."""

    title: str  # the quantity and its unit
    colors: tuple[Color8, ...]  # sRGB codes at even positions
    ticks: tuple[tuple[float, str], ...]  # position on the bar, 0 to 1, and its value
    notes: tuple[str, ...] = ()  # lines below


def list_legends(session: Session) -> list[Legend]:
    """The legends of the shown images: none, one, or two that differ."""
    buffers = session.view_renderer.shown_buffers(session.display)
    if buffers is None:
        return []
    legends = [_make_legend(session, *shown) for shown in zip(session.display.shown_slots, buffers, strict=True)]
    return [legend for legend in dict.fromkeys(legends) if legend]


def _make_legend(session: Session, slot: Slot, buffer: Buffer) -> Legend | None:
    """None if the colours need no numbers, as those of final images, normals and visibility."""
    match buffer.mapping:
        case "error":
            return _error_legend(session, slot)
        case "difference":
            title = "|A - B|, radiance"
            return Legend(title, bar_colors("linear"), _number_ticks(0.0, 1 / buffer.gain))
        case "signed":
            return _signed_legend(buffer)
        case "depth":
            ticks = _number_ticks(*session.view_renderer.depth_range(slot, session.display, buffer))
            return Legend("depth, metres", bar_colors("depth"), ticks)
        case "light" | "ratio":
            return _light_legend(session, buffer)
    return None


def _error_legend(session: Session, slot: Slot) -> Legend:
    result = session.renders[slot].result
    exposure = (result.shot.display.exposure if result else None) or 0.0
    estimate = session.metrics.estimate_error(slot)
    noise = "not known yet" if estimate.noise is None else f"{estimate.noise:.2g} radiance"
    frames = f"{estimate.frame_count} frame{'s' if estimate.frame_count != 1 else ''}"
    return Legend(
        f"visible error (FLIP) at {format_exposure(exposure)}",
        bar_colors("error"),
        ((0.0, "0: equal"), *_number_ticks(0.0, 1.0)[1:-1], (1.0, "1: largest")),
        (f"reference: {frames}, noise {noise}",),
    )


def _signed_legend(buffer: Buffer) -> Legend:
    limit, half = (f"{difference / buffer.gain:.2g}" for difference in (1.0, 0.5))
    ticks = ((0.0, f"B +{limit}"), (0.25, half), (0.5, "0"), (0.75, half), (1.0, f"A +{limit}"))
    return Legend("brighter slot, luminance of the radiance", bar_colors("signed"), ticks)


def _light_legend(session: Session, buffer: Buffer) -> Legend:
    display = session.display
    name = display.buffer.removesuffix(TARGET_SUFFIX)
    unit = " (irradiance / pi)" if buffer.gain == WHITE_DIFFUSE else ""
    limit = buffer.gain / total_gain(buffer, display)
    title = f"{name}{unit} at {format_exposure(display.exposure)}"
    return Legend(title, bar_colors("linear"), _number_ticks(0.0, limit))


def format_exposure(stops: float) -> str:
    """An exposure with its sign and unit, such as `exposure +1.5 EV`."""
    return f"exposure {stops:+.2g} EV" if round(stops, 2) else "exposure 0 EV"


def _number_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    return tuple((position, f"{low + position * (high - low):.3g}") for position in TICKS)


@lru_cache(maxsize=8)
def bar_colors(name: str) -> tuple[Color8, ...]:
    """The colours of a bar: of a colour map, or `linear`: light from black to white."""
    positions = np.linspace(0, 1, BAR_STEPS)
    if name in COLOR_MAPS:
        codes = sample_color_map(name, positions)
    else:
        codes = np.repeat(encode_srgb8(positions)[:, None], 3, 1)
    return tuple((int(r), int(g), int(b)) for r, g, b in codes)
