"""A sweep as one HTML page without scripts, which needs no network and no other file: plots, means, and every point
with its command.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

from ssdo.commands.sweep.measure import TERMS
from ssdo.commands.sweep.plan import Point
from ssdo.commands.sweep.results import Rows, Setting, front, words
from ssdo.measure.csp import digest

STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfb; --ink: #1c1c1e; --soft: #66666c; --line: #e2e2df; --best: #e3f3e6; --best-ink: #14632a; }
@media (prefers-color-scheme: dark) { :root { --paper: #161617; --ink: #e9e9ea; --soft: #9c9ca3; --line: #2e2e31; --best: #173322; --best-ink: #8fe0a6; } }
body { margin: 0 auto; padding: 2.6rem clamp(1rem, 3vw, 2.5rem) 5rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 2.1rem; line-height: 1.2; font-weight: 600; } h2 { margin: 3rem 0 .6rem; font-size: 1.25rem; font-weight: 600; }
p { max-width: 46rem; } .facts { color: var(--soft); font-size: .88rem; max-width: none; overflow-wrap: anywhere; }
img { display: block; width: 100%; max-width: 1380px; height: auto; border: 1px solid var(--line); border-radius: 8px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; } th { text-align: left; font-weight: 600; }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; } .number { text-align: right; }
.best { background: var(--best); color: var(--best-ink); } summary { cursor: pointer; }
code { font: .85em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
"""


def page(
    title: str,
    facts: str,
    command: str,
    pictures: Mapping[str, bytes],
    settings: Sequence[Setting],
    points: Sequence[Point],
    rows: Rows,
) -> str:
    """Pictures by the words above them; the first belongs to all scenes."""
    drawn = [
        f"<h2>{html.escape(name)}</h2><img alt='RMSE over milliseconds, {html.escape(name)}' src='data:image/png;base64,{_text(content)}'>"
        for name, content in pictures.items()
    ]
    policy = f"default-src 'none'; img-src data:; style-src {digest(STYLE)}"
    lead = (
        "Error is RMSE of linear radiance on surfaces against rays, the truth's noise taken out; of direct and indirect light as a white surface shows "
        "them. Cost is what a technique's own passes and the blur take together. Green: nothing else errs less for less."
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{html.escape(title)}</title><link rel="icon" href="data:,">
<style>{STYLE}</style></head><body>
<h1>{html.escape(title)}</h1><p>{html.escape(lead)}</p><p class="facts">{html.escape(facts)}<br><code>{html.escape(command)}</code></p>
{"".join(drawn)}
<h2>Means over scenes and cameras</h2><div class="wide"><table>
<tr><th>technique</th><th></th>{"".join(f"<th>{term}</th>" for term in TERMS)}<th>ms</th></tr>
{_means(settings)}
</table></div>
<h2>Every point</h2><details><summary>{len(points)} points; each command draws its picture, and <code>--point N</code> behind the sweep's own
command measures one again</summary><div class="wide"><table>
<tr><th>point</th><th>scene</th><th>camera</th><th>RMSE</th><th>bias</th><th>ms</th><th>command</th></tr>
{_points(points, rows)}
</table></div></details>
</body></html>
"""


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _means(settings: Sequence[Setting]) -> str:
    best = {term: set(front([(s.ms, s.errors[term]) for s in settings])) for term in TERMS}
    lines = []
    for k, setting in enumerate(settings):
        cells = [
            f'<td class="number{" best" if k in best[term] else ""}">{setting.errors[term]:.4f}</td>' for term in TERMS
        ]
        named = f"<td>{html.escape(setting.line)}</td><td>{html.escape(words(setting))}</td>"
        lines.append(f'<tr>{named}{"".join(cells)}<td class="number">{setting.ms:.2f}</td></tr>')
    return "\n".join(lines)


def _points(points: Sequence[Point], rows: Rows) -> str:
    lines = []
    for point in points:
        row = rows[point.number]
        numbers = [f"{row['final RMSE']:.4f}", f"{row['final bias']:+.4f}", f"{row['ms']:.2f}"]
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        where = f"<td>{html.escape(point.shot.scene)}</td><td>{point.camera}</td>"
        lines.append(
            f"<tr><td>{point.number}</td>{where}{cells}<td><code>{html.escape(point.command)}</code></td></tr>"
        )
    return "\n".join(lines)
