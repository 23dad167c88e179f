"""SSAO and SSDO side by side. Without a command: the viewer.

commands:
  view        the interactive viewer; takes the flags of a shot
  capture     pictures without a window
  compare     one page: pictures side by side, error against the truth, its causes, cost
  sweep       error and cost over any parameters, as a CSV file, plots and a page
  bench       the figures of the README: errors, equal, failures, passes, cost
  tune        parameters with the least error against the truth at a given cost, as a preset
  doctor      what OpenGL there is and what is missing
  parameters  the table of all parameters, as in the README

`python -m ssdo COMMAND --help` lists a command's flags.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ssdo.settings import Parser, UserError, markdown_table, parse, suggest

COMPARISON = ("off", "ssao", "ssdo")


def view(arguments: Sequence[str]) -> int:
    """Open the viewer, split between SSAO and SSDO unless one technique is asked for. Where no window can be opened,
    say why and capture the comparison.
    """
    from ssdo import viewer
    from ssdo.commands import capture
    from ssdo.gpu.context import NoOpenGL
    from ssdo.render.shot import Overrides, add_shot_flags, parse_overrides
    from ssdo.render.technique import Technique

    parser = Parser("python -m ssdo view", description=view.__doc__, allow_abbrev=False)
    parser.add_argument(
        "--ui-scale", type=float, default=1.0, metavar="V", help="size of the panel's text and controls, 0.5 to 4 [1]"
    )
    add_shot_flags(parser)
    given = parse(parser, arguments)
    scale = given.pop("ui_scale")
    if not 0.5 <= scale <= 4:
        raise UserError(f"--ui-scale {scale:g}: must be 0.5 to 4")
    wanted = parse_overrides(given)
    shot = wanted.build_shot(wanted.technique)
    others = {name: wanted.build_shot(name).technique for name in Technique.known}
    split, choose = not wanted.is_set("technique"), not wanted.is_set("lighting.resolution")
    try:
        return viewer.main(shot, others, ui_scale=scale, size=(shot.width, shot.height), split=split, choose=choose)
    except NoOpenGL as error:
        print(f"no window: {error}\ndrawing the comparison instead", file=sys.stderr)
        typed = {
            name: value
            for name, value in wanted.cli.items()
            if name in shot.values() or name.partition(".")[0] in COMPARISON
        }
        typed.pop("technique", None)
        for path in capture.captured(Overrides(wanted.preset, typed), COMPARISON, None):
            print(path)
        return 0


def capture(arguments: Sequence[str]) -> int:
    from ssdo.commands import capture

    return capture.main(arguments)


def compare(arguments: Sequence[str]) -> int:
    from ssdo.commands import compare

    return compare.main(arguments)


def sweep(arguments: Sequence[str]) -> int:
    from ssdo.commands import sweep

    return sweep.main(arguments)


def bench(arguments: Sequence[str]) -> int:
    from ssdo.commands import bench

    return bench.main(arguments)


def tune(arguments: Sequence[str]) -> int:
    from ssdo.commands import tune

    return tune.main(arguments)


def doctor(arguments: Sequence[str]) -> int:
    from ssdo.commands import doctor

    return doctor.main(arguments)


def parameters(arguments: Sequence[str]) -> int:
    """Print the table of all parameters in Markdown."""
    from ssdo.render.shot import Shot
    from ssdo.render.technique import Technique

    parse(Parser("python -m ssdo parameters", description=parameters.__doc__, allow_abbrev=False), arguments)
    rows = [
        markdown_table(replace(Shot(), technique=Technique())),
        *(markdown_table(kind()).split("\n", 2)[2] for kind in Technique.known.values() if kind().values()),
    ]
    print("\n".join(rows))
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    c.__name__: c for c in (view, capture, compare, sweep, bench, tune, doctor, parameters)
}


def main() -> int:
    """The exit code: 0 done, 1 a comparison failed, 2 wrong flag or input, 3 no usable OpenGL, 130 and 143
    interrupted.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what is being written is cleared away, as after Ctrl-C
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__.strip() if __doc__ else "")
        return 0
    command = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "view"
    try:
        if command not in COMMANDS:
            raise UserError(f"no command {command}{suggest(command, COMMANDS)}")
        return COMMANDS[command](arguments)
    except UserError as problem:
        print(f"{Path(sys.argv[0]).name if 'ssdo' in sys.argv[0] else 'ssdo'}: {problem}", file=sys.stderr)
        return problem.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
