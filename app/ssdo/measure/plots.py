"""Curves as a picture of small panels, by matplotlib, which is optional."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ssdo.settings import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which all eyes tell apart; grey is for what all techniques share
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
GREY, INK = "#8A8F98", "#30343B"
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P")
INCHES, DOTS = (9.2, 6.6), 150  # 1380 pixels wide: text stays legible where a README shows 880 of them


class Curve(NamedTuple):
    """Points with their spread, joined, or beside the line that is claimed to fit them."""

    label: str
    color: str
    dashes: int
    points: Sequence[tuple[float, Mapping[str, float]]]  # x; median, low, high
    line: Callable[[float], float] | None = None


class Panel(NamedTuple):
    title: str
    x: str
    curves: Sequence[Curve]
    ticks: Mapping[float, str] | None = None  # x is in ratios, and these are written on it; y is always linear, from 0


def check() -> None:
    """Raises UserError without matplotlib."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise UserError("the picture needs the package matplotlib: pip install matplotlib") from None


def drawable(left: str) -> bool:
    """Whether there can be pictures; where there cannot, it is said before minutes of measuring what is `left`."""
    try:
        check()
    except UserError as problem:
        print(f"{problem}; until then there is {left} alone", file=sys.stderr)
        return False
    return True


def png(panels: Sequence[Panel], title: str, subtitle: str, below: str, y: str) -> bytes:
    """The panels, two in a row, under one legend. Drawn without pyplot, which would look for a display and keep every
    figure.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import NullLocator

    figure = sheet(title, subtitle, below)
    grid = figure.subplots(-(-len(panels) // 2), 2, squeeze=False)
    for panel, axes in zip(panels, grid.flat, strict=False):
        dress(axes, panel.title, panel.x, y)
        if panel.ticks:
            axes.set_xscale("log")
            axes.set_xticks(list(panel.ticks), list(panel.ticks.values()), minor=False)
            axes.xaxis.set_minor_locator(NullLocator())
        for curve in panel.curves:
            x = [at for at, _ in curve.points]
            median, low, high = ([found[name] for _, found in curve.points] for name in ("median", "low", "high"))
            dashes, marker = _style(curve)
            axes.fill_between(x, low, high, color=curve.color, alpha=0.15, linewidth=0)
            if curve.line:
                axes.plot(
                    [min(x), max(x)],
                    [curve.line(min(x)), curve.line(max(x))],
                    color=curve.color,
                    linewidth=1.3,
                    linestyle=dashes,
                )
            axes.plot(
                x,
                median,
                color=curve.color,
                linewidth=1.3,
                linestyle="none" if curve.line else dashes,
                marker=marker,
                markersize=3.6,
            )
        axes.set_ylim(bottom=0)
        if not panel.ticks:
            axes.set_xlim(left=0)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    named = {curve.label: curve for panel in panels for curve in panel.curves}
    handles = [
        Line2D([], [], color=c.color, linewidth=1.3, linestyle=_style(c)[0], marker=_style(c)[1], markersize=3.6)
        for c in named.values()
    ]
    figure.legend(
        handles,
        list(named),
        loc="upper left",
        bbox_to_anchor=(0.008, 0.93),
        ncols=len(named),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    return saved(figure)


def sheet(title: str, subtitle: str, below: str, inches: tuple[float, float] = INCHES) -> Figure:
    """A figure with words above and below, and room between for panels and the legend over them."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    margin = INCHES[1] / inches[1]  # words are as high in every figure
    # left, bottom, width, height
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, rect=(0.0, 0.055 * margin, 1.0, 1.0 - 0.175 * margin))
    figure = Figure(figsize=inches, dpi=DOTS, facecolor="white", layout=layout)
    figure.text(0.015, 1.0 - 0.016 * margin, title, color=INK, fontsize=12, fontweight="bold", va="top")
    figure.text(0.015, 1.0 - 0.053 * margin, subtitle, color=INK, fontsize=9, va="top")
    figure.text(0.015, 0.012 * margin, below, color="#666C76", fontsize=8, va="bottom", linespacing=1.4)
    return figure


def dress(axes: Any, title: str, x: str, y: str) -> None:
    """The look that all panels share."""
    axes.set_title(title, loc="left", color=INK, fontsize=9.5)
    axes.set_xlabel(x, color=INK, fontsize=9)
    axes.set_ylabel(y, color=INK, fontsize=9)
    axes.tick_params(which="both", colors=INK, labelsize=8.5, length=3, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=GREY, linewidth=0.6)
    axes.grid(color="#E6E8EB", linewidth=0.6)
    axes.set_axisbelow(True)


def saved(figure: Figure) -> bytes:
    """As a PNG, without the date and the library's version: equal figures are equal files."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    return drawn.getvalue()


def _style(curve: Curve) -> tuple[Any, str]:
    """Dashes and marker."""
    return DASHES[curve.dashes % len(DASHES)], MARKERS[curve.dashes % len(MARKERS)]
