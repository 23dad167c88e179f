"""How far each technique is from the truth, over scenes, cameras and radii, at equal samples: the README's table of
errors.

RMSE of linear radiance on surfaces, mean over three cameras of a scene, noise of the truths taken out. World truth:
rays of unlimited length against all triangles, one bounce, and the same with rays no longer than the radius. Screen
truth: the same technique with many samples and no blur. GTAO and the bitmask look up as many points as N directions of
8, in slices.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tqdm import tqdm

from ssdo.commands.bench.flags import add_output, save, take_output
from ssdo.gpu.context import Gpu, headless
from ssdo.measure import images, references
from ssdo.measure.reference_cache import Store, add_cache_flags, take_store
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Camera, Shot, Wanted, add_shot_flags, shares, take_wanted
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.off import Off
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssao import Ssao
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene import built_in
from ssdo.scene.built_in.cameras import CAMERAS
from ssdo.settings import Parser, UserError, Vec3, parse

RADII = "0.05,0.15,0.5"
COLUMNS = ("off", "SSAO", "SSDO point", "SSDO march", "GTAO", "bitmask")
TRUTHS = ("world", "world within the radius", "screen")
Row = dict[str, dict[str, float]]  # by truth, by column


def main(arguments: Sequence[str]) -> int:
    """`bench errors FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser(
        "python -m ssdo bench errors",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--scenes", default=",".join(CAMERAS), metavar="S,S,...", help=f"of {', '.join(CAMERAS)} [all]")
    parser.add_argument("--radii", default=RADII, metavar="V,V,...", help=f"as shares of the scene's size [{RADII}]")
    parser.add_argument(
        "--samples",
        type=int,
        default=16,
        metavar="N",
        help="directions at each pixel, or slices of as many points [16]",
    )
    parser.add_argument(
        "--truth-frames", type=int, default=64, metavar="N", help="frames of the reference, 4 rays each [64]"
    )
    parser.add_argument(
        "--screen-frames",
        type=int,
        default=16,
        metavar="N",
        help=f"frames of screen truth, {references.SCREEN} each [16]",
    )
    add_output(parser, "every camera's figures, and what drew")
    add_cache_flags(parser)
    add_shot_flags(parser)
    given = parse(parser, arguments)
    names, radii = given.pop("scenes").split(","), shares(given.pop("radii"))
    for name in names:
        if name not in CAMERAS:
            raise UserError(f"--scenes {name}: must be of {', '.join(CAMERAS)}")
    output, samples = take_output(given), given.pop("samples")
    frames, screen_frames, store = given.pop("truth_frames"), given.pop("screen_frames"), take_store(given)
    wanted = take_wanted(given)
    if taken := [
        name
        for name in wanted.typed
        if name in ("scene", "technique") or name.startswith(("camera.", *(f"{t}." for t in Technique.known)))
    ]:
        raise UserError(
            f"--{taken[0]} has no effect: the bench chooses scenes, cameras and techniques itself; leave it out"
        )
    shots = {
        (name, number): _shot(wanted, name, *camera) for name in names for number, camera in enumerate(CAMERAS[name], 1)
    }
    found: list[dict[str, Any]] = []
    with Gpu(headless()) as gpu, tqdm(total=len(shots) * len(radii), desc="errors", disable=None) as bar:
        for (name, number), shot in shots.items():
            for share in radii:
                errors = measured(gpu, shot, share, samples, frames, screen_frames, store)
                found.append({"scene": name, "camera": number, "radius": share, "errors": errors})
                bar.update()
        first = shots[names[0], 1]
        size = f"{first.width} x {first.height}{', lighting at half' * first.lighting.half}"
        drawn = f"{size}, {samples} samples, {gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores"
    truths = f"world truth {4 * frames} rays a pixel, screen truth {screen_frames} frames of {references.SCREEN}"
    print("\n".join([*table(found, names, radii), "", f"{drawn}; {truths}"]))
    save(output, drawn, {"rows": found})
    return 0


def _shot(wanted: Wanted, scene: str, eye: Vec3, target: Vec3) -> Shot:
    size = {"width": 320, "height": 180}
    shot = Wanted({**size, **wanted.found}, wanted.typed).shots([Ssdo.group])[0]
    shot = replace(shot, scene=scene, camera=Camera(eye=eye, target=target))
    return shot.resolved(built_in.load(scene, shot.time))


def measured(gpu: Gpu, shot: Shot, share: float, samples: int, frames: int, screen_frames: int, store: Store) -> Row:
    """RMSE against each truth of off, SSAO, SSDO with one point or several on each direction, GTAO and the bitmask, all
    with one radius.
    """
    radius = share * built_in.load(shot.scene, shot.time).size
    deep: dict[str, Any] = {"radius": radius, "thickness": radius}
    plain = (
        Off(),
        Ssao(**deep),
        Ssdo(**deep, visibility="single-sample"),
        Ssdo(**deep),
        Gtao(radius=radius),
        Bitmask(**deep),
    )
    techniques = {column: technique.with_budget(samples) for column, technique in zip(COLUMNS, plain, strict=True)}
    truths = {
        name: references.world(gpu, shot, Reference(rays=4, max_distance=reach), frames, store)
        for name, reach in zip(TRUTHS, (None, radius), strict=False)
    }
    row: Row = {name: {} for name in TRUTHS}
    for column, technique in techniques.items():
        arrays = images.arrays(gpu, render_accumulated(gpu, replace(shot, technique=technique)))
        against = dict(truths)
        if technique.sample_param:
            against["screen"] = references.screen(gpu, replace(shot, technique=technique), screen_frames, store)
        for name, one in against.items():
            row[name][column] = one.error(arrays["radiance"], references.surface(arrays))
    return row


def table(found: Sequence[Mapping[str, Any]], names: Sequence[str], radii: Sequence[float]) -> list[str]:
    """Markdown: a row for each scene and radius, the mean of its cameras, and one for all scenes."""
    cells = [(name, column) for name in TRUTHS for column in COLUMNS if (name, column) != ("screen", "off")]
    lines = [
        "| scene | radius | " + " | ".join(f"{column}, {name}" for name, column in cells) + " |",
        "|" + "---|" * (2 + len(cells)),
    ]
    for scene in [*names, *(["all"] if len(names) > 1 else [])]:
        for share in radii:
            rows = [f["errors"] for f in found if f["radius"] == share and scene in (f["scene"], "all")]
            means = [float(np.mean([row[name][column] for row in rows])) for name, column in cells]
            lines.append(f"| {scene} | {share:.0%} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    return lines
