"""Plots of curves in small panels, drawn with matplotlib, which is an optional dependency."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ssdo.optional_packages import make_missing_error
from ssdo.settings import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The palette of Okabe and Ito, for techniques; it suits colour-blind readers. Grey is for what techniques share.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
GREY, LIGHT_GREY, TEXT_COLOR, CAPTION_COLOR = "#8A8F98", "#E6E8EB", "#30343B", "#666C76"
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P")
LINE_WIDTH, MARKER_SIZE = 1.3, 3.6
FIGURE_INCHES, DPI = (9.2, 6.6), 150  # 1380 px wide: text stays legible at the 880 px of a README


class Curve(NamedTuple):
    """Measured points with their spread, connected, or beside the line that was fitted to them."""

    label: str
    color: str
    style: int  # index of the dashes and the marker
    points: Sequence[tuple[float, Mapping[str, float]]]  # x, and its `timings.percentiles`
    fit: Callable[[float], float] | None = None  # y of the fitted line at x


class PlotPanel(NamedTuple):
    """A plot of several curves. y is linear and starts at 0."""

    title: str
    x_label: str
    curves: Sequence[Curve]
    ticks: Mapping[float, str] | None = None  # labels by x, on a logarithmic axis. None: linear


def require_matplotlib() -> None:
    """Raise UserError if matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise make_missing_error("the plot needs", "matplotlib") from None


def has_matplotlib(other_output: str) -> bool:
    """Whether plots can be drawn. If not, a warning names the output that is written all the same."""
    try:
        require_matplotlib()
    except UserError as error:
        print(f"{error}; without it only {other_output} is written", file=sys.stderr)
        return False
    return True


def draw_panels(panels: Sequence[PlotPanel], title: str, subtitle: str, caption: str, y_label: str) -> bytes:
    """Draw a PNG of panels, two in a row, under one legend."""
    figure = make_figure(title, subtitle, caption)
    grid = figure.subplots(-(-len(panels) // 2), 2, squeeze=False)
    for panel, axes in zip(panels, grid.flat, strict=False):
        _draw_panel(axes, panel, y_label)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    _draw_legend(figure, panels)
    return to_png(figure)


def _draw_panel(axes: Any, panel: PlotPanel, y_label: str) -> None:
    from matplotlib.ticker import NullLocator

    style_axes(axes, panel.title, panel.x_label, y_label)
    if panel.ticks:
        axes.set_xscale("log")
        axes.set_xticks(list(panel.ticks), list(panel.ticks.values()), minor=False)
        axes.xaxis.set_minor_locator(NullLocator())
    for curve in panel.curves:
        _draw_curve(axes, curve)
    axes.set_ylim(bottom=0)
    if not panel.ticks:
        axes.set_xlim(left=0)


def _draw_curve(axes: Any, curve: Curve) -> None:
    x = [position for position, _ in curve.points]
    median, low, high = ([times[name] for _, times in curve.points] for name in ("median", "low", "high"))
    line = _line_style(curve)
    axes.fill_between(x, low, high, color=curve.color, alpha=0.15, linewidth=0)
    if curve.fit:
        ends = [min(x), max(x)]
        y = [curve.fit(end) for end in ends]
        axes.plot(ends, y, color=line["color"], linewidth=line["linewidth"], linestyle=line["linestyle"])
        line["linestyle"] = "none"
    axes.plot(x, median, **line)


def _draw_legend(figure: Figure, panels: Sequence[PlotPanel]) -> None:
    from matplotlib.lines import Line2D

    curves = {curve.label: curve for panel in panels for curve in panel.curves}
    figure.legend(
        [Line2D([], [], **_line_style(curve)) for curve in curves.values()],
        list(curves),
        loc="upper left",
        bbox_to_anchor=(0.008, 0.93),
        ncols=len(curves),
        frameon=False,
        fontsize=9,
        labelcolor=TEXT_COLOR,
    )


def _line_style(curve: Curve) -> dict[str, Any]:
    return {
        "color": curve.color,
        "linewidth": LINE_WIDTH,
        "linestyle": DASHES[curve.style % len(DASHES)],
        "marker": MARKERS[curve.style % len(MARKERS)],
        "markersize": MARKER_SIZE,
    }


def make_figure(title: str, subtitle: str, caption: str, inches: tuple[float, float] = FIGURE_INCHES) -> Figure:
    """Make a figure with text above and below, and room between for panels and the legend over them.

    It does not use pyplot, which would look for a display and keep every figure.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    margin = FIGURE_INCHES[1] / inches[1]  # text has the same height in every figure
    left, bottom, width, height = 0.0, 0.055 * margin, 1.0, 1.0 - 0.175 * margin
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.08, rect=(left, bottom, width, height))
    figure = Figure(figsize=inches, dpi=DPI, facecolor="white", layout=layout)
    figure.text(0.015, 1.0 - 0.016 * margin, title, color=TEXT_COLOR, fontsize=12, fontweight="bold", va="top")
    figure.text(0.015, 1.0 - 0.053 * margin, subtitle, color=TEXT_COLOR, fontsize=9, va="top")
    figure.text(0.015, 0.012 * margin, caption, color=CAPTION_COLOR, fontsize=8, va="bottom", linespacing=1.4)
    return figure


def style_axes(axes: Any, title: str, x_label: str, y_label: str) -> None:
    """Apply the style that all panels share."""
    axes.set_title(title, loc="left", color=TEXT_COLOR, fontsize=9.5)
    axes.set_xlabel(x_label, color=TEXT_COLOR, fontsize=9)
    axes.set_ylabel(y_label, color=TEXT_COLOR, fontsize=9)
    axes.tick_params(which="both", colors=TEXT_COLOR, labelsize=8.5, length=3, width=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=GREY, linewidth=0.6)
    axes.grid(color=LIGHT_GREY, linewidth=0.6)
    axes.set_axisbelow(True)


def to_png(figure: Figure) -> bytes:
    """Encode a figure as PNG without date and version: equal figures are equal files."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
