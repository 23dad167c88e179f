"""Error over cost: a curve for each technique, and the front of what nothing beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ssdo.commands.sweep.measure import TERMS
from ssdo.commands.sweep.plan import Axis
from ssdo.commands.sweep.results import Setting, brief, curves, front
from ssdo.measure import plots

INCHES = (9.2, 4.3)
FRONT = "#30343B"
LABELLED = 8  # more curves than these would write over one another


def png(settings: Sequence[Setting], axes: Sequence[Axis], title: str, subtitle: str, below: str) -> bytes:
    """A panel for each term of the light, under one legend. Raises UserError without matplotlib."""
    plots.check()
    from matplotlib.lines import Line2D

    figure = plots.sheet(title, f"{subtitle}{_ends_in_words(settings, axes)}", below, INCHES)
    grid = figure.subplots(1, len(TERMS))
    kinds = list(dict.fromkeys(setting.line.split()[0] for setting in settings))
    lines = sorted(dict.fromkeys(setting.line for setting in settings), key=lambda line: kinds.index(line.split()[0]))
    looks = {line: _look(line, lines) for line in lines}
    for number, (term, panel) in enumerate(zip(TERMS, grid, strict=True)):
        plots.dress(
            panel,
            {"final": "What is seen", "direct": "Direct light", "indirect": "Indirect light"}[term],
            "ms",
            "RMSE" if number == 0 else "",
        )
        _panel(panel, settings, axes, term, looks)
    handles = [
        Line2D([], [], color=c, linewidth=1.4, linestyle=d, marker=m, markersize=4) for c, d, m in looks.values()
    ]
    ring = Line2D(
        [], [], color=plots.GREY, linewidth=1.2, marker="o", markersize=8, markerfacecolor="none", markeredgecolor=FRONT
    )
    top = 1.0 - 0.07 * plots.INCHES[1] / INCHES[1]
    where: dict[str, Any] = {
        "loc": "upper left",
        "bbox_to_anchor": (0.008, top),
        "ncols": len(lines) + 1,
        "columnspacing": 1.4,
    }
    figure.legend(
        [*handles, ring],
        [*lines, "nothing errs less for less"],
        frameon=False,
        fontsize=9,
        labelcolor=plots.INK,
        **where,
    )
    return plots.saved(figure)


def _look(line: str, lines: Sequence[str]) -> tuple[Any, Any, str]:
    """Colours are techniques; dashes and markers their forms."""
    kinds = list(dict.fromkeys(name.split()[0] for name in lines))
    kind = line.split()[0]
    form = [name for name in lines if name.split()[0] == kind].index(line)
    return (
        plots.COLORS[kinds.index(kind) % len(plots.COLORS)],
        plots.DASHES[form % len(plots.DASHES)],
        plots.MARKERS[form % len(plots.MARKERS)],
    )


def _panel(
    panel: Any, settings: Sequence[Setting], axes: Sequence[Axis], term: str, looks: dict[str, tuple[Any, Any, str]]
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    panel.set_xscale("log")
    panel.set_yscale("log")
    places = [(setting.ms, setting.errors[term]) for setting in settings]
    best = front(places)
    if len(best) > 1:
        panel.step(
            [places[k][0] for k in best],
            [places[k][1] for k in best],
            where="post",
            color=plots.GREY,
            linewidth=1.0,
            zorder=1,
        )
    drawn = curves(settings, axes)
    for along, members in drawn:
        color, dashes, marker = looks[settings[members[0]].line]
        x, y = [places[k][0] for k in members], [places[k][1] for k in members]
        panel.plot(x, y, color=color, linewidth=1.4, linestyle=dashes, marker=marker, markersize=4, zorder=2)
        if along and len(members) > 1 and len(drawn) <= LABELLED:
            for k in (members[0], members[-1]):
                panel.annotate(
                    brief(settings[k].varied[along]),
                    places[k],
                    (0, 6),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7.5,
                    color=color,
                    zorder=3,
                )
    panel.scatter(
        *zip(*(places[k] for k in best), strict=True),
        s=62,
        facecolors="none",
        edgecolors=FRONT,
        linewidths=1.1,
        zorder=4,
    )
    for axis, (low, high) in (
        (panel.xaxis, _ends([x for x, _ in places])),
        (panel.yaxis, _ends([y for _, y in places])),
    ):
        axis.set_major_locator(LogLocator(subs=_marks(high / low)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
        axis.set_minor_locator(NullLocator())
    panel.margins(0.09)


def _ends_in_words(settings: Sequence[Setting], axes: Sequence[Axis]) -> str:
    """What the numbers at the ends of curves are."""
    drawn = curves(settings, axes)
    found: dict[str, list[str]] = {}
    for along, members in drawn:
        if along and len(members) > 1 and len(drawn) <= LABELLED:
            found.setdefault(along.rpartition(".")[2], []).append(settings[members[0]].line)
    if not found:
        return ""
    most, *others = sorted(found, key=lambda name: -len(found[name]))
    rest = "".join(f", of {' and '.join(dict.fromkeys(found[name]))} {name}" for name in others)
    return f"; numbers at curves: {most}{rest}"


def _marks(ratio: float) -> tuple[float, ...]:
    """Of each decade those that are written, where the largest value is so many times the smallest."""
    if ratio > 20:
        return (1, 2, 5)
    if ratio > 4:
        return (1, 1.5, 2, 3, 4, 5, 7)
    return (1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9) if ratio > 1.6 else tuple(half / 2 for half in range(2, 20))


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The smallest and the largest above 0."""
    above = [value for value in values if value > 0] or [1.0]
    return min(above), max(above)
