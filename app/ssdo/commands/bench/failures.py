"""The failure gallery, measured: what each technique that looks at the screen and ground truth say where screen space
goes wrong, as a table and as pictures.

All have what they can use: 256 directions or 64 slices, 64 steps, a radius and a thickness that suit the scene, no
blur. What they get wrong is then no want of samples. Means are of the term in the marked region, the truth's with its
standard error; RMSE is of radiance there, the truth's noise taken out. A second table has what changes where two depth
intervals are known instead of one.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu, headless
from ssdo.measure import images, references
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import Store, add_cache_flags, take_store
from ssdo.render.frame_uniforms import FrameUniforms, positions
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot, Wanted, add_shot_flags, take_wanted
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.built_in.failures import FAILURES, Failure
from ssdo.scene.model import Bytes, Floats
from ssdo.settings import Parser, UserError, parse, suggest


class Entry(NamedTuple):
    """What is measured: a technique, and with which of its parameters."""

    name: str
    technique: str
    tries: Mapping[str, Any]  # unless told otherwise
    known: Mapping[str, Any] = {}  # whatever is said: what makes it this entry


ONE = (
    Entry("SSAO", "ssao", {"samples": 256, "steps": 64}, {"depth_layers": "1"}),
    Entry("SSDO", "ssdo", {"samples": 256, "steps": 64}, {"depth_layers": "1"}),
    Entry("GTAO", "gtao", {"slices": 64, "steps": 64}),
    Entry("bitmask", "bitmask", {"slices": 64, "steps": 64, "environment_samples": 32}, {"depth_layers": "1"}),
)
PAIRS = tuple(
    (entry, entry._replace(name=f"{entry.name}, two intervals", known={"depth_layers": "2"}))
    for entry in ONE
    if entry.known
)
ENTRIES = (*ONE, *(two for _, two in PAIRS))
TRUTH = Entry("truth", "reference", {"rays": 4})
# a row of each
SHEET = [*(one for one, _ in PAIRS), *(two for _, two in PAIRS), *(entry for entry in ONE if not entry.known), TRUTH]
TITLES = {"open": "open share", "direct": "direct", "indirect": "indirect"}
OUTLINE = (255, 220, 40)


class Measured(NamedTuple):
    """A failure in numbers. Means are of its term in its region; the open share has no unit, direct and indirect are
    irradiance.
    """

    failure: Failure
    mean: Mapping[str, float]  # by an entry's name, the truth's included
    error: float  # standard error of the truth's mean
    rmse: Mapping[str, float]  # by an entry's name: of radiance in the region, without the truth's noise
    shown: Mapping[str, Bytes]  # by an entry's name, the truth's included: (h, w, 3) 8 bit sRGB
    region: Mask  # (h, w)


def main(arguments: Sequence[str]) -> int:
    """`bench failures FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser(
        "python -m ssdo bench failures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--only", metavar="NAME,NAME,...", help=f"of {', '.join(known())} [all]")
    parser.add_argument(
        "--truth-frames",
        type=int,
        default=64,
        metavar="N",
        help="frames of the reference, 4 rays each unless told otherwise [64]",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="a picture for each: the techniques and the truth, the region outlined",
    )
    parser.add_argument("--overwrite", action="store_true", help="existing files may be replaced")
    add_cache_flags(parser)
    add_shot_flags(parser)
    given = parse(parser, arguments)
    only, frames, output, overwrite = (given.pop(name) for name in ("only", "truth_frames", "output", "overwrite"))
    store, wanted = take_store(given), take_wanted(given)
    if taken := [name for name in wanted.typed if name in ("scene", "technique")]:
        raise UserError(f"--{taken[0]} has no effect: the gallery has its own; leave it out, or choose with --only")
    if taken := [name for name in wanted.typed if name.endswith(".intervals")]:
        raise UserError(f"--{taken[0]} has no effect: the gallery has one and two; leave it out")
    chosen = chosen_of(only.split(",")) if only else list(FAILURES)
    paths = [output / f"{re.sub('[:=]', '-', failure.scene)}.png" for failure in chosen] if output else []
    images.check_free(paths, overwrite)
    with Gpu(headless()) as gpu:
        all_found: list[Measured] = []
        for number, failure in enumerate(chosen):
            all_found.append(found := measured(gpu, failure, wanted, frames, store))
            if not number:
                print(HEAD)
            print(row(found), flush=True)
            if output:
                images.save_png(paths[number], sheet(found))
    print("", HEAD_PAIRS, *map(row_of_pairs, all_found), sep="\n")
    for path in paths:
        print(path.absolute(), file=sys.stderr)
    return 0


def known() -> list[str]:
    """The gallery's scenes by name, without arguments."""
    return list(dict.fromkeys(failure.name for failure in FAILURES))


def chosen_of(names: Sequence[str]) -> list[Failure]:
    """The failures of some scenes, in the gallery's order. Raises UserError."""
    names = [name.strip() for name in names]
    for name in names:
        if name not in known():
            raise UserError(f"--only {name}: no such failure{suggest(name, known())}")
    return [failure for failure in FAILURES if failure.name in names]


def shot_of(entry: Entry, failure: Failure, wanted: Wanted) -> Shot:
    """What is wanted of an entry, over the gallery's own choice for a failure. Raises UserError."""
    suits = {"radius": failure.radius, "thickness": failure.thickness}
    able = {key: value for key, value in suits.items() if hasattr(Technique.named(entry.technique), key)}
    own: dict[str, Any] = {"scene": failure.scene, "width": 320, "height": 180, "denoise.radius": 0}
    own |= {f"{entry.technique}.{key}": value for key, value in {**entry.tries, **able}.items()}
    known = {f"{entry.technique}.{key}": value for key, value in entry.known.items()}
    return Wanted({**own, **wanted.found, **known}, wanted.typed).shot(entry.technique)


def measured(
    gpu: Gpu, failure: Failure, wanted: Wanted, frames: int, store: Store, entries: Sequence[Entry] = ENTRIES
) -> Measured:
    """Draw a failure with each entry and `frames` frames of ground truth. Raises UserError."""
    shot = shot_of(TRUTH, failure, wanted)
    reference = shot.technique
    assert isinstance(reference, Reference)
    arrays, shown = {}, {}
    for entry in entries:
        picture = render_accumulated(gpu, shot_of(entry, failure, wanted))
        arrays[entry.name], shown[entry.name] = images.arrays(gpu, picture), images.pixels(gpu, picture)
    region = region_of(failure, picture.view.frame, arrays[entry.name]["depth"])
    against = references.world(gpu, shot, reference, frames, store)
    first, second = (half[failure.term][region].astype("f8") for half in (against.first, against.second))
    mean = {name: float(a[failure.term][region].mean(dtype="f8")) for name, a in arrays.items()} | {
        TRUTH.name: float((first + second).mean() / 2)
    }
    shown[TRUTH.name] = images.displayed(gpu, shot, against.mean["radiance"])
    apart = (first - second).reshape(len(first), -1).mean(1)  # pixels are independent, channels are not
    error = math.sqrt(float((apart**2).sum())) / len(apart) / 2
    return Measured(
        failure, mean, error, {name: against.error(a["radiance"], region) for name, a in arrays.items()}, shown, region
    )


def region_of(failure: Failure, frame: FrameUniforms, depth: Floats) -> Mask:
    """(h, w): the pixels whose surface lies in the failure's box. Raises UserError where there are none."""
    p = positions(frame, depth)
    region: Mask = np.all((p > failure.low) & (p < failure.high), axis=-1)
    if not region.any():
        raise UserError(
            f"scene {failure.scene}: the place where it fails is not in the picture; leave --camera.* out, or make the picture larger"
        )
    return region


def _columns(entries: Sequence[Entry]) -> list[str]:
    return [*(entry.name for entry in (*entries, TRUTH)), *(f"RMSE, {entry.name}" for entry in entries)]


def _heading(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


HEAD = _heading("scene", "what goes wrong, and why", "term", *_columns(ONE))
HEAD_PAIRS = _heading("scene, with one interval → two", "term", *_columns([one for one, _ in PAIRS]))


def row(found: Measured) -> str:
    """A row of the table in Markdown: means in the region, and the error of radiance there."""
    means, errors = ([f"{of[entry.name]:.3f}" for entry in ONE] for of in (found.mean, found.rmse))
    return f"{head(found.failure)} {' | '.join([*means, truth_of(found), *errors])} |"


def row_of_pairs(found: Measured) -> str:
    """A row of the second table: the same, with one interval and with two."""
    means, errors = (
        [f"{of[one.name]:.3f} → {of[two.name]:.3f}" for one, two in PAIRS] for of in (found.mean, found.rmse)
    )
    return (
        f"| `{found.failure.scene}` | {TITLES[found.failure.term]} | {' | '.join([*means, truth_of(found), *errors])} |"
    )


def truth_of(found: Measured) -> str:
    """The truth's mean, and its standard error."""
    return f"{found.mean[TRUTH.name]:.3f} ± {found.error:.4f}"


def head(failure: Failure) -> str:
    """What a row says before its figures."""
    return f"| `{failure.scene}` | {failure.what}: {failure.why} | {TITLES[failure.term]} |"


def sheet(found: Measured) -> Bytes:
    """The pictures under their means, the region outlined."""
    inside = found.region.copy()
    for axis in (0, 1):
        for step in (1, -1):
            inside &= np.roll(found.region, step, axis)
    edge = found.region & ~inside
    labelled = []
    for entry in SHEET:
        label = f"{entry.name}  {TITLES[found.failure.term]} {found.mean[entry.name]:.2f}"
        labelled.append((label, np.where(edge[..., None], OUTLINE, found.shown[entry.name]).astype("u1")))
    return images.contact_sheet(labelled)
