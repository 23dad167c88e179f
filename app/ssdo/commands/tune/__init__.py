"""Parameters with the least error against ray-traced truth at a given cost, as a preset; or the scores of presets.

Every technique is tuned over scenes, cameras and radii at once, each radius against one bounce of rays no longer than
that; the radius itself is the user's. The best is written only where it beats the defaults, at the same cost, on views
that the search has not seen; their scores and the command stand at the head of the file. Needs the package optuna.
Ctrl-C writes the best so far; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from ssdo.commands.tune import budget, search
from ssdo.commands.tune.budget import Budget
from ssdo.commands.tune.scoring import Seen, digest, drawn, score
from ssdo.gpu.context import Gpu, headless
from ssdo.measure import images
from ssdo.measure.benchmark_views import HELD_OUT, TUNED, places
from ssdo.measure.reference_cache import Store, add_cache_flags, take_store
from ssdo.measure.version import version
from ssdo.render import presets
from ssdo.render.shot import Shot, Wanted, add_shot_flags, checked, read_text, shares, take_wanted
from ssdo.render.technique import HemisphereTechnique, SliceTechnique, Technique
from ssdo.settings import Parser, UserError, format_toml, kind_of, param_of, parse, parse_toml

RADII = "0.1,0.3"
SIZE = {"width": 128, "height": 72}  # small, as a try draws every view with every radius
PHYSICAL = ("indirect_intensity",)  # numbers with one true value, which no search may bend unless it is told to
# Steps are searched only when told to: 42 samples of 3 steps, which SSAO liked best of 128 points, took 1.9 times the
# processor time of 16 of 8.


class Row(NamedTuple):
    """Errors of a shot's technique and blur as they are unless tuned, and as they are after, on both halves."""

    preset: str
    shot: Shot
    default: Shot
    tuned: tuple[float, float]  # on the views tuned on: default, preset
    held: tuple[float, float]  # on those held out

    @property
    def better(self) -> bool:
        """Whether it beats the default where it was not tuned."""
        return self.held[1] < self.held[0]


@dataclass(frozen=True)
class Halves:
    """The views, drawn, with their truths."""

    tuned: Sequence[Seen]
    held: Sequence[Seen]

    def row(self, gpu: Gpu, preset: str, shot: Shot, default: Shot) -> Row:
        """Of a shot's technique and blur, and the default's."""
        tuned, held = ((score(gpu, default, half), score(gpu, shot, half)) for half in (self.tuned, self.held))
        return Row(preset, shot, default, tuned, held)


def main(arguments: Sequence[str]) -> int:
    """`tune FLAGS`. Returns the exit code; raises UserError."""
    able = [name for name, kind in Technique.known.items() if issubclass(kind, (HemisphereTechnique, SliceTechnique))]
    parser = Parser(
        "python -m ssdo tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--techniques", metavar="T,T,...", help=f"what is tuned [{','.join(able)}]")
    parser.add_argument(
        "--budget",
        metavar="N|Nms",
        help="points tried at each pixel, samples x steps, or milliseconds of the technique's own passes [128]",
    )
    parser.add_argument(
        "--free",
        metavar="P,P,...",
        help="what is searched [the numbers of each technique that have no unit and change no cost]",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="tries for each technique [32]")
    parser.add_argument(
        "--score", nargs="+", metavar="PRESET", help="tune nothing: the scores of presets, by name or file"
    )
    parser.add_argument(
        "--scenes",
        default=TUNED,
        metavar="S,S,...",
        help=f"to tune on; the last of their cameras is held out where there are three [{TUNED}]",
    )
    parser.add_argument(
        "--held-out",
        default=HELD_OUT,
        metavar="S,S,...",
        help=f"scenes that are held out with all cameras [{HELD_OUT}]",
    )
    parser.add_argument("--radii", default=RADII, metavar="V,V,...", help=f"as shares of the scene's size [{RADII}]")
    parser.add_argument(
        "--truth-frames", type=int, default=16, metavar="N", help="frames of each truth, 4 rays a pixel each [16]"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.toml", help="where the preset goes")
    parser.add_argument("--overwrite", action="store_true", help="an existing file may be replaced")
    add_cache_flags(parser)
    add_shot_flags(parser)
    given = parse(parser, arguments)
    scenes, held, radii = (
        given.pop("scenes").split(","),
        [s for s in given.pop("held_out").split(",") if s],
        shares(given.pop("radii")),
    )
    frames, output, overwrite, store = (
        given.pop("truth_frames"),
        given.pop("output"),
        given.pop("overwrite"),
        take_store(given),
    )
    asked: dict[str, Any] = {name: given.pop(name) for name in ("techniques", "budget", "free", "trials")}
    compared = given.pop("score")
    wanted = _without_effect(take_wanted(given))
    names = asked["techniques"].split(",") if asked["techniques"] else able
    if compared:
        if taken := [name for name, value in asked.items() if value is not None] + ["output"] * (output is not None):
            raise UserError(f"--{taken[0]} has no effect beside --score; leave it out")
        known = _known(compared)
        with Gpu(headless()) as gpu, _halves(gpu, wanted, scenes, held, radii, frames, store) as halves:
            rows = scored(gpu, wanted, known, halves)
            print("\n".join([*table(rows), "", _drawn(gpu, wanted, radii, frames)]))
        return 0
    if output is None or output.suffix != ".toml":
        raise UserError(
            f"--output {output or 'is missing'}: the preset is written to a .toml file; add --output my.toml"
        )
    images.check_free([output], overwrite)
    limit, trials, seed = (
        Budget.read(asked["budget"] or "128"),
        32 if asked["trials"] is None else asked["trials"],
        wanted.typed.get("seed", 0),
    )
    if not 1 <= trials <= 100000:
        raise UserError(f"--trials {trials}: must be 1 to 100000")
    search.optimiser()
    wanted.shots(names)  # what was typed has an effect
    starts = {name: _start(wanted, name, limit) for name in names}
    boxes = {name: search.box(shot, _free(shot, asked["free"], limit, names)) for name, shot in starts.items()}
    with Gpu(headless()) as gpu, _halves(gpu, wanted, scenes, held, radii, frames, store) as halves:
        rows, interrupted = [], False
        for name, start in starts.items():
            row, interrupted = tuned(gpu, start, boxes[name], limit, halves, trials, seed, frames, store)
            rows.append(row._replace(preset=output.stem))
            if interrupted:
                break
        head = [f"python -m ssdo tune {shlex.join(arguments)}", f"{version()}; {_drawn(gpu, wanted, radii, frames)}"]
        head += ["interrupted: the best so far"] * interrupted
    write(output, rows, boxes, limit, head)
    print("\n".join(table(rows)))
    print(output.absolute(), file=sys.stderr)
    return 130 if interrupted else 0


# ---- what is asked for ----


def _without_effect(wanted: Wanted) -> Wanted:
    own = ("scene", "technique", "frames", "camera.eye", "camera.target", *(f"{t}.radius" for t in Technique.known))
    if taken := [name for name in wanted.typed if name in own]:
        raise UserError(
            f"--{taken[0]} has no effect: tune chooses scenes, cameras, radii and techniques itself; leave it out"
        )
    return Wanted({**SIZE, **wanted.found}, wanted.typed)


def _start(wanted: Wanted, name: str, limit: Budget) -> Shot:
    """The technique as it is unless tuned, at that cost in points."""
    shot = wanted.shot(name)
    budget.count_of(shot.technique)  # it has one, or there is nothing to tune
    return replace(shot, technique=limit.filled(shot.technique))


def _free(shot: Shot, asked: str | None, limit: Budget, names: Sequence[str]) -> list[str]:
    """Names of what is searched. Raises UserError."""
    technique = shot.technique
    group, count = technique.group, f"{technique.group}.{budget.count_of(technique)}"
    if asked is None:
        kinds = {f.name: kind_of(type(technique), f.name) for f in fields(technique)}
        found = [
            f"{group}.{f.name}"
            for f in fields(technique)
            if kinds[f.name] is float and not param_of(f).unit and f.name not in PHYSICAL
        ]
    else:
        found = [
            word
            for word in asked.split(",")
            if word.partition(".")[0] == group or word.partition(".")[0] not in Technique.known
        ]
        common = [word for word in found if not word.startswith(f"{group}.")]
        if common and len(names) > 1:
            raise UserError(
                f"--free {common[0]}: a preset has one for all techniques; tune one of them with --techniques {group}"
            )
        if not found:
            raise UserError(
                f"--free {asked[:100]}: nothing of {group} is among it; add some or leave {group} out of --techniques"
            )
        if f"{group}.radius" in found:
            raise UserError(f"--free {group}.radius: the radii are those of --radii; leave it out")
        if limit.points and count in found:
            raise UserError(f"--free {count}: it follows from the budget; leave it out")
    return found + ([] if limit.points or count in found else [count])


def _known(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What presets say, by their names. Raises UserError."""
    found = {}
    for word in words:
        path = presets.path_of(word)
        found[path.stem] = checked(parse_toml(read_text(path), str(path)), path)
    return found


# ---- what is done ----


@contextmanager
def _halves(
    gpu: Gpu,
    wanted: Wanted,
    scenes: Sequence[str],
    held: Sequence[str],
    shares: Sequence[float],
    frames: int,
    store: Store,
) -> Iterator[Halves]:
    """Both halves of the views, with their truths."""
    plain = wanted.shot("off")
    halves = places(plain, scenes, held)
    with tqdm(total=sum(map(len, halves)) * len(shares), desc="truths", disable=None) as bar:
        yield Halves(*([drawn(gpu, place, shares, frames, store, bar.update) for place in half] for half in halves))


def tuned(
    gpu: Gpu,
    start: Shot,
    box: Sequence[search.Side],
    limit: Budget,
    halves: Halves,
    trials: int,
    seed: int,
    frames: int,
    store: Store,
) -> tuple[Row, bool]:
    """What the search found for a technique, and whether it was interrupted."""
    views = [one.view for one in halves.tuned]

    def made(values: Mapping[str, Any]) -> Shot:
        shot = start.with_values(values)
        return replace(shot, technique=limit.filled(shot.technique))

    def error(values: Mapping[str, Any]) -> float:
        shot = made(values)
        return score(gpu, shot, halves.tuned) if limit.allows(gpu, shot.technique, views) else float("inf")

    default = replace(start, technique=limit.reached(gpu, start.technique, views))
    path = (
        store.folder / f"tune-{digest(gpu, start.technique, halves.tuned, frames, str(limit))}.jsonl"
        if store.folder
        else None
    )
    with tqdm(total=trials, desc=f"tune {start.technique.group}", disable=None) as bar:

        def tick(best: float) -> None:
            bar.set_postfix_str(f"error {best:.4f}", refresh=False)
            bar.update()

        found = search.search(box, default.values(), error, trials, seed, search.Log(path), tick)
    return halves.row(gpu, "", made(found.values), default), found.interrupted


def scored(gpu: Gpu, wanted: Wanted, known: Mapping[str, Mapping[str, Any]], halves: Halves) -> list[Row]:
    """Every technique of every preset, beside the defaults with no fewer points. Raises UserError."""
    rows = []
    for name, values in known.items():
        for group in dict.fromkeys(value.partition(".")[0] for value in values):
            if group in Technique.known and issubclass(Technique.known[group], (HemisphereTechnique, SliceTechnique)):
                shot, default = Wanted({**wanted.found, **values}, wanted.typed).shot(group), wanted.shot(group)
                count = -(-budget.points(shot.technique) // budget.each(default.technique))
                rows.append(
                    halves.row(gpu, name, shot, replace(default, technique=budget.counted(default.technique, count)))
                )
    return rows


# ---- what comes out ----


def _drawn(gpu: Gpu, wanted: Wanted, shares: Sequence[float], frames: int) -> str:
    shot = wanted.shot("off")
    radii = ", ".join(f"{share:.0%}" for share in shares)
    return f"{shot.width} x {shot.height}, radii {radii}, truth {4 * frames} rays a pixel, {gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores"


def described(technique: Technique) -> str:
    """What it spends, in words."""
    count = budget.count_of(technique)
    n = getattr(technique, count)
    return f"{n} {count if n > 1 else count[:-1]} x {budget.each(technique)}"


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: errors as shares of the truth's mean."""
    lines = [
        "| preset | technique | default | tuned | default, tuned on | preset, tuned on | default, held out | preset, held out |",
        "|" + "---|" * 8,
    ]
    for row in rows:
        cells = [
            row.preset,
            row.shot.technique.group,
            described(row.default.technique),
            described(row.shot.technique),
            *(f"{e:.2%}" for e in (*row.tuned, *row.held)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def write(
    path: Path, rows: Sequence[Row], boxes: Mapping[str, Sequence[search.Side]], limit: Budget, head: Sequence[str]
) -> None:
    """The preset. A technique that does no better than the default on the views held out stays as that is. Raises
    UserError.
    """
    lines = [
        f"At most {limit}; the radius is the user's.",
        *head,
        "RMSE of radiance as a share of the truth's mean, over scenes, cameras and radii:",
        *table(rows),
    ]
    values: dict[str, Any] = {}
    for row in rows:
        group = row.shot.technique.group
        if not row.better:
            lines.append(
                f"{group}: no better than the default on the views held out, so the default is what stands here"
            )
        kept = row.shot if row.better else row.default
        searched = {side.name for side in boxes[group]} | {
            f"{group}.steps",
            f"{group}.{budget.count_of(kept.technique)}",
        }
        changed = {name for name, _, f, value in kept.technique.walk(f"{group}.") if value != f.default}
        values |= {name: value for name, value in kept.values().items() if name in searched | changed}
    text = "".join(f"# {line}\n" for line in lines) + "\n" + format_toml(values)
    with images.written(path) as file:
        file.write(text.encode())
