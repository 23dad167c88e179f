"""A shot with several techniques as one page to send: pictures, their error against the truth, its causes, and their
cost.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from ssdo.commands.compare import report
from ssdo.commands.compare.study import Plan, measured
from ssdo.gpu.context import Gpu, headless
from ssdo.measure import images, references
from ssdo.measure.reference_cache import add_cache_flags, take_store
from ssdo.render.shot import Shot, Wanted, add_shot_flags, checked, sampled, take_wanted
from ssdo.render.techniques.reference import Reference
from ssdo.scene import built_in
from ssdo.settings import Parser, UserError, parse

TECHNIQUES = "off,ssao,ssdo"


def main(arguments: Sequence[str]) -> int:
    """`compare FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser("python -m ssdo compare", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="the folder for index.html, metrics.json and the pictures [captures/SCENE-compare]",
    )
    parser.add_argument("--overwrite", action="store_true", help="files that exist there may be replaced")
    parser.add_argument("--techniques", metavar="T,T,...", help=f"what is compared [{TECHNIQUES}]")
    parser.add_argument(
        "--like",
        metavar="FILE,FILE,...",
        help="pictures whose shots are compared instead: of one scene, camera and size",
    )
    parser.add_argument(
        "--samples", metavar="N,N,...", help="each technique that looks at the screen with each of these counts"
    )
    parser.add_argument(
        "--against",
        default="reference",
        metavar="reference|FILE|none",
        help="the truth: rays, or linear radiance in .exr or .npz [reference]",
    )
    parser.add_argument("--truth-frames", type=int, default=256, metavar="N", help="frames of the reference [256]")
    parser.add_argument(
        "--screen-frames",
        type=int,
        default=16,
        metavar="N",
        help=f"frames of screen truth, {references.SCREEN} each [16]",
    )
    add_cache_flags(parser)
    add_shot_flags(parser)
    given = parse(parser, arguments)
    overwrite, output, samples, against, like = (
        given.pop(name) for name in ("overwrite", "output", "samples", "against", "like")
    )
    words = given.pop("techniques")
    store = take_store(given)
    frames = {name: _frames(name, given.pop(name)) for name in ("truth_frames", "screen_frames")}
    wanted = take_wanted(given)
    shot = wanted.shot("reference")
    reference = shot.technique
    assert isinstance(reference, Reference)
    if like:
        typed = (
            [name for name in wanted.typed if not name.startswith("reference.")]
            + ["techniques"] * bool(words)
            + ["samples"] * bool(samples)
        )
        if typed:
            raise UserError(f"--{typed[0]} has no effect beside --like; leave one out")
        entries = entries_like([Path(word.strip()) for word in like.split(",")])
    else:
        built_in.announce(shot.scene, shot.time)
        entries = entries_of(
            wanted, [name.strip() for name in (words or TECHNIQUES).split(",")], samples, against == "reference"
        )
    plan = Plan(entries, against, reference, **frames)
    output = output or images.free_name(
        Path("captures"), f"{Path(entries[0].scene.partition(':')[0]).stem}-compare", ""
    )
    report.check(output, plan, overwrite)
    with Gpu(headless()) as gpu:
        try:
            study = measured(gpu, plan, store)
        except KeyboardInterrupt:
            print(
                f"\ninterrupted: {'the same command goes on where the truth was' if store.folder else 'nothing is kept'}",
                file=sys.stderr,
            )
            raise
        for path in report.written(
            output, study, {"command": shlex.join(["ssdo", "compare", *arguments]), **report.drawn_by(gpu)}
        ):
            print(path.absolute())
    return 0


def _frames(name: str, count: int) -> int:
    if not 4 <= count <= 65536:
        raise UserError(f"--{name.replace('_', '-')} {count}: must be 4 to 65536, as a truth is two halves")
    return count


def entries_of(wanted: Wanted, techniques: Sequence[str], samples: str | None, with_reference: bool) -> list[Shot]:
    """A resolved shot for each technique and sample count. Raises UserError."""
    values = dict(wanted.typed)
    if with_reference and "reference" not in techniques:  # its parameters are those of the truth
        values = {name: value for name, value in values.items() if not name.startswith("reference.")}
    shots = [
        shot.resolved(built_in.load(shot.scene, shot.time)) for shot in Wanted(wanted.found, values).shots(techniques)
    ]
    if samples is None:
        return shots
    if clash := [
        name
        for name in values
        if any(name == f"{shot.technique.group}.{shot.technique.sample_param}" for shot in shots)
    ]:
        raise UserError(f"--{clash[0]} has no effect beside --samples; leave one out")
    if not any(shot.technique.sample_param for shot in shots):
        raise UserError(f"--samples has no effect: none of {','.join(techniques)} takes samples")
    return sampled(shots, samples)


def entries_like(paths: Sequence[Path]) -> list[Shot]:
    """The resolved shots that pictures hold. Raises UserError where they do not show the same."""
    shots = []
    for path in paths:
        shot = Shot().with_values(checked(images.shot_values(path), path))
        shots.append(shot.resolved(built_in.load(shot.scene, shot.time)))
        first = shots[0]
        for name in ("scene", "time", "camera", "width", "height"):
            if getattr(first, name) != getattr(shots[-1], name):
                raise UserError(
                    f"{path} and {paths[0]} differ in {name}; pictures that are compared show one scene from one camera, at one size"
                )
    return shots
