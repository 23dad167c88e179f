"""The report of a sweep: one HTML page without scripts or external files, with plots, means and every point."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

from ssdo.commands.sweep.measure import COMPONENTS
from ssdo.commands.sweep.plan import Point
from ssdo.commands.sweep.results import Configuration, Measurements, find_pareto_fronts, format_values
from ssdo.measure.csp import csp_hash

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --ink: #1c1c1e; --soft: #66666c; --line: #e2e2df; --best: #e3f3e6; --best-ink: #14632a;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #161617; --ink: #e9e9ea; --soft: #9c9ca3; --line: #2e2e31; --best: #173322; --best-ink: #8fe0a6; }
}
body {
  margin: 0 auto; padding: 2.6rem clamp(1rem, 3vw, 2.5rem) 5rem; max-width: 70rem;
  background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { margin: 0; font-size: 2.1rem; line-height: 1.2; font-weight: 600; }
h2 { margin: 3rem 0 .6rem; font-size: 1.25rem; font-weight: 600; }
p { max-width: 46rem; }
.facts { color: var(--soft); font-size: .88rem; max-width: none; overflow-wrap: anywhere; }
img { display: block; width: 100%; max-width: 1380px; height: auto; border: 1px solid var(--line); border-radius: 8px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th { text-align: left; font-weight: 600; }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.number { text-align: right; }
.best { background: var(--best); color: var(--best-ink); }
summary { cursor: pointer; }
code { font: .85em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
"""
INTRODUCTION = (
    "Error is the RMSE of linear radiance on surfaces against the path-traced reference, without the reference's "
    "noise. Direct and indirect light are shown as the radiance of a white surface. Cost is the time of a technique's "
    "own passes and of denoising. Green: Pareto front."
)


def build_page(
    title: str,
    conditions: str,
    command: str,
    plots: Mapping[str, bytes],
    configurations: Sequence[Configuration],
    points: Sequence[Point],
    rows: Measurements,
) -> str:
    """The page as HTML. `plots`: PNG files by heading; the first is the mean of all scenes."""
    csp = f"default-src 'none'; img-src data:; style-src {csp_hash(STYLE)}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><link rel="icon" href="data:,">
<style>{STYLE}</style></head><body>
<h1>{html.escape(title)}</h1><p>{html.escape(INTRODUCTION)}</p>
<p class="facts">{html.escape(conditions)}<br><code>{html.escape(command)}</code></p>
{_format_plots(plots)}
<h2>Means over scenes and cameras</h2><div class="wide"><table>
<tr><th>technique</th><th></th>{"".join(f"<th>{component}</th>" for component in COMPONENTS)}<th>ms</th></tr>
{_format_mean_rows(configurations)}
</table></div>
<h2>Every point</h2><details><summary>{len(points)} points. Each command renders the image of a point.
The sweep's command with <code>--point N</code> measures a point again.</summary><div class="wide"><table>
<tr><th>point</th><th>scene</th><th>camera</th><th>RMSE</th><th>bias</th><th>ms</th><th>command</th></tr>
{_format_point_rows(points, rows)}
</table></div></details>
</body></html>
"""


def _format_plots(plots: Mapping[str, bytes]) -> str:
    blocks = []
    for heading, png in plots.items():
        name, data = html.escape(heading), base64.b64encode(png).decode("ascii")
        blocks.append(f"<h2>{name}</h2><img alt='RMSE over milliseconds, {name}' src='data:image/png;base64,{data}'>")
    return "".join(blocks)


def _format_mean_rows(configurations: Sequence[Configuration]) -> str:
    fronts = find_pareto_fronts(configurations)
    lines = []
    for k, c in enumerate(configurations):
        errors = [
            f'<td class="number{" best" if k in front else ""}">{c.errors[component]:.4f}</td>'
            for component, front in fronts.items()
        ]
        names = f"<td>{html.escape(c.variant)}</td><td>{html.escape(format_values(c))}</td>"
        lines.append(f'<tr>{names}{"".join(errors)}<td class="number">{c.ms:.2f}</td></tr>')
    return "\n".join(lines)


def _format_point_rows(points: Sequence[Point], rows: Measurements) -> str:
    lines = []
    for point in points:
        row = rows[point.number]
        numbers = (f"{row['final RMSE']:.4f}", f"{row['final bias']:+.4f}", f"{row['ms']:.2f}")
        number_cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        view_cells = f"<td>{point.number}</td><td>{html.escape(point.shot.scene)}</td><td>{point.camera}</td>"
        lines.append(f"<tr>{view_cells}{number_cells}<td><code>{html.escape(point.command)}</code></td></tr>")
    return "\n".join(lines)
