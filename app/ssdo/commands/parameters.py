"""The table of all parameters, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ssdo.flags import FlagParser, parse_flags
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.settings import Settings, format_value, param_of

HEADER = ("| parameter | default | values | meaning |", "|---|---|---|---|")


def main(arguments: Sequence[str]) -> int:
    """`parameters`. Returns the exit code. Raises UserError."""
    parse_flags(FlagParser("ssdo parameters", __doc__), arguments)
    rows = table_rows(replace(Shot(), technique=Technique()))
    for technique in Technique.known.values():
        rows += table_rows(technique())
    print("\n".join([*HEADER, *rows]))
    return 0


def table_rows(settings: Settings) -> list[str]:
    """A row for each parameter: name, default, values, meaning."""
    rows = []
    for name, _, f, value in settings.walk(f"{settings.group}." if settings.group else ""):
        p = param_of(f)
        default = p.auto_label if value is None else format_value(value)
        values = p.range_text() or ("on, off" if isinstance(value, bool) else p.unit)
        rows.append(f"| `{name}` | {default} | {values} | {p.help} |")
    return rows
