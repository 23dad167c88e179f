"""The plot of a sweep: error over cost, a curve for each variant, and the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ssdo.commands.sweep.measure import COMPONENTS
from ssdo.commands.sweep.plan import Axis
from ssdo.commands.sweep.results import Configuration, find_pareto_front, format_short, group_curves
from ssdo.measure import plots

FIGURE_INCHES = (9.2, 4.3)
FRONT_COLOR = "#30343B"
MAX_LABELLED_CURVES = 8  # labels of more curves would overlap
PANEL_TITLES = {"final": "Radiance", "direct": "Direct light", "indirect": "Indirect light"}


class CurveStyle(NamedTuple):
    """Colours are techniques; dashes and markers are their variants."""

    color: Any
    dashes: Any
    marker: str


def draw_plot(
    configurations: Sequence[Configuration], axes: Sequence[Axis], title: str, subtitle: str, caption: str
) -> bytes:
    """A PNG with a panel for each lighting component under one legend. Raises UserError without matplotlib."""
    plots.require_matplotlib()
    from matplotlib.lines import Line2D

    figure = plots.make_figure(title, f"{subtitle}{_describe_labels(configurations, axes)}", caption, FIGURE_INCHES)
    styles = _choose_styles([c.variant for c in configurations])
    for k, (component, panel) in enumerate(zip(COMPONENTS, figure.subplots(1, len(COMPONENTS)), strict=True)):
        plots.style_axes(panel, PANEL_TITLES[component], "ms", "RMSE" if k == 0 else "")
        _draw_panel(panel, configurations, axes, component, styles)
    handles = [
        Line2D([], [], color=s.color, linewidth=1.4, linestyle=s.dashes, marker=s.marker, markersize=4)
        for s in styles.values()
    ]
    ring: dict[str, Any] = {"marker": "o", "markersize": 8, "markerfacecolor": "none", "markeredgecolor": FRONT_COLOR}
    front_handle = Line2D([], [], color=plots.GREY, linewidth=1.2, **ring)
    figure.legend(
        [*handles, front_handle],
        [*styles, "Pareto front"],
        frameon=False,
        fontsize=9,
        labelcolor=plots.TEXT_COLOR,
        loc="upper left",
        bbox_to_anchor=(0.008, 1.0 - 0.07 * plots.FIGURE_INCHES[1] / FIGURE_INCHES[1]),
        ncols=len(styles) + 1,
        columnspacing=1.4,
    )
    return plots.to_png(figure)


def _choose_styles(variants: Sequence[str]) -> dict[str, CurveStyle]:
    """A style for each variant, sorted by technique."""
    variants_of_technique: dict[str, list[str]] = {}
    for variant in dict.fromkeys(variants):
        variants_of_technique.setdefault(variant.split()[0], []).append(variant)
    return {
        variant: CurveStyle(
            plots.COLORS[t % len(plots.COLORS)],
            plots.DASHES[v % len(plots.DASHES)],
            plots.MARKERS[v % len(plots.MARKERS)],
        )
        for t, members in enumerate(variants_of_technique.values())
        for v, variant in enumerate(members)
    }


def _draw_panel(
    panel: Any,
    configurations: Sequence[Configuration],
    axes: Sequence[Axis],
    component: str,
    styles: Mapping[str, CurveStyle],
) -> None:
    """One lighting component: curves, labels at their ends, and the Pareto front as a step line with rings."""
    panel.set_xscale("log")
    panel.set_yscale("log")
    costs = [c.ms for c in configurations]
    errors = [c.errors[component] for c in configurations]
    front = find_pareto_front(list(zip(costs, errors, strict=True)))
    front_costs, front_errors = [costs[k] for k in front], [errors[k] for k in front]
    if len(front) > 1:
        panel.step(front_costs, front_errors, where="post", color=plots.GREY, linewidth=1.0, zorder=1)
    curves = group_curves(configurations, axes)
    for parameter, members in curves:
        style = styles[configurations[members[0]].variant]
        panel.plot(
            [costs[k] for k in members],
            [errors[k] for k in members],
            color=style.color,
            linewidth=1.4,
            linestyle=style.dashes,
            marker=style.marker,
            markersize=4,
            zorder=2,
        )
        if parameter and len(members) > 1 and len(curves) <= MAX_LABELLED_CURVES:
            for k in (members[0], members[-1]):
                panel.annotate(
                    format_short(configurations[k].values[parameter]),
                    (costs[k], errors[k]),
                    (0, 6),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7.5,
                    color=style.color,
                    zorder=3,
                )
    panel.scatter(front_costs, front_errors, s=62, facecolors="none", edgecolors=FRONT_COLOR, linewidths=1.1, zorder=4)
    _set_log_ticks(panel.xaxis, costs)
    _set_log_ticks(panel.yaxis, errors)
    panel.margins(0.09)


def _set_log_ticks(axis: Any, values: Sequence[float]) -> None:
    """Label a logarithmic axis with plain numbers, more of them where the values span a small ratio."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    positive = [value for value in values if value > 0] or [1.0]
    axis.set_major_locator(LogLocator(subs=_choose_ticks(max(positive) / min(positive))))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axis.set_minor_locator(NullLocator())


def _choose_ticks(ratio: float) -> tuple[float, ...]:
    """The ticks of a decade, for values whose largest is `ratio` times the smallest."""
    if ratio > 20:
        return (1, 2, 5)
    if ratio > 4:
        return (1, 1.5, 2, 3, 4, 5, 7)
    if ratio > 1.6:
        return (1, 1.2, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    return tuple(k / 2 for k in range(2, 20))


def _describe_labels(configurations: Sequence[Configuration], axes: Sequence[Axis]) -> str:
    """What the numbers at the ends of the curves are: `; labels at curves: steps, of SSDO samples`."""
    curves = group_curves(configurations, axes)
    variants_by_name: dict[str, list[str]] = {}
    for parameter, members in curves:
        if parameter and len(members) > 1 and len(curves) <= MAX_LABELLED_CURVES:
            variants_by_name.setdefault(parameter.rpartition(".")[2], []).append(configurations[members[0]].variant)
    if not variants_by_name:
        return ""
    most_common, *others = sorted(variants_by_name, key=lambda name: -len(variants_by_name[name]))
    exceptions = "".join(f", of {' and '.join(dict.fromkeys(variants_by_name[name]))} {name}" for name in others)
    return f"; labels at curves: {most_common}{exceptions}"
