"""What ground truth costs: building the tree of a scene, and rays per second through it, beside Embree's on the same
rays.

Rays start at what the camera sees and go all ways, cosine-weighted, as the reference's do. `nearest` asks where a ray
ends, `any` whether it meets anything. Medians of several runs after one that does not count. Ours uses every core, or
the GPU; Embree, by embreex, one core.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any, NamedTuple

import _checkout
import numpy as np
from process_memory import format_peak
from ssdo.arrays import Floats
from ssdo.commands.bench.flags import add_output, save, take_output
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.render import ray_scene
from ssdo.render.frame_uniforms import positions
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import draw_surfaces
from ssdo.render.shot import Shot
from ssdo.resources import SHADERS
from ssdo.scene.loader import SCENE_SUFFIXES_TEXT, load_scene
from ssdo.settings import Parser, UserError, parse
from tqdm import tqdm

SCENES = "courtyard,million"
RUNS = 5
UNMET = 1e30
NEAR = 1e-4  # of the distance: two tracers that round differently agree


@dataclass(frozen=True)
class Rays:
    """Passed to tests/tools/shaders/rays.frag as `rays`."""

    any: bool  # whatever is met first will do


class Given(NamedTuple):
    """Rays as arrays, (h, w, 3) float32 each: where they start, metres, and unit directions."""

    start: Floats
    towards: Floats


class Measured(NamedTuple):
    """Of a scene. Seconds, and rays per second by question."""

    scene: str
    triangles: int
    nodes: int
    build: float
    ours: dict[str, float]
    embree: dict[str, float] | None  # None: embreex is not installed
    agree: float | None  # share of rays of which both say the same


def main(arguments: Sequence[str]) -> int:
    """Run with the flags of a command line. Returns the exit code; raises UserError."""
    parser = Parser(
        "python tests/tools/ray_throughput.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--scenes",
        default=SCENES,
        metavar="S,S,...",
        help=f"built-in scenes, or paths to {SCENE_SUFFIXES_TEXT} files [{SCENES}]",
    )
    parser.add_argument(
        "--width", type=int, default=1280, metavar="PX", help="of the picture whose pixels rays start at [1280]"
    )
    parser.add_argument("--height", type=int, default=720, metavar="PX", help="[720]")
    add_output(parser, "the figures, and what drew")
    given = parse(parser, arguments)
    names = [name.strip() for name in given["scenes"].split(",") if name.strip()]
    shots = [Shot().with_values({"scene": name, "width": given["width"], "height": given["height"]}) for name in names]
    output = take_output(given)
    found = []
    with Gpu(create_headless_context(), (SHADERS, _checkout.SHADERS)) as gpu, tqdm(shots, desc="rays", disable=None) as bar:
        for shot in bar:
            found.append(measured(gpu, shot))
        drawn = f"{given['width']} x {given['height']} rays, {gpu.ctx.info['GL_RENDERER']}, {os.cpu_count()} cores"
    held = format_peak()
    print("\n".join([*table(found), "", drawn + (f"; {held} of memory at most" if held else "")]))
    save(output, drawn, {"rows": [one._asdict() for one in found]})
    return 0


def measured(gpu: Gpu, shot: Shot) -> Measured:
    """Build, trace, compare. Raises UserError."""
    scene = load_scene(shot.scene, shot.time)
    start = time.perf_counter()
    arrays = ray_scene.build_arrays(scene)
    build = time.perf_counter() - start
    rays = rays_of(gpu, shot)
    ours, hits = {}, {}
    for question in ("nearest", "any"):
        seconds, hits[question] = trace(gpu, shot, rays, question == "any")
        ours[question] = rays.start.size / 3 / seconds
    embree, agree = None, None
    if find_spec("embreex"):
        corner = arrays.triangles[:, :1, :3]
        embree, theirs = _embree(np.concatenate([corner, corner + arrays.triangles[:, 1:, :3]], 1), rays)
        agree = float(np.mean(same(hits["nearest"], theirs) & ((hits["any"] < UNMET) == (theirs < UNMET))))
    return Measured(shot.scene, len(arrays.triangles), len(arrays.nodes), build, ours, embree, agree)


def rays_of(gpu: Gpu, shot: Shot) -> Given:
    """As many rays as the picture has pixels, in the order of what is seen; where that is less, it begins again. Raises
    UserError.
    """
    resolved, view = draw_surfaces(gpu, shot)
    depth = gpu.read(view.gbuffer.depth)[..., 0]
    seen = depth < BACKGROUND_DEPTH
    if not seen.any():
        raise UserError(f"scene {shot.scene}: nothing is seen that rays could start at; choose another scene")
    normal = gpu.read(view.gbuffer.normal)[..., :3][seen].astype("f8")
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    place = positions(view.frame, np.where(seen, depth, np.inf).astype("f4"))[seen]
    rng = np.random.default_rng(shot.seed)
    ball = rng.normal(size=normal.shape)
    # a sphere that touches the surface: cosine-weighted
    towards = normal + ball / np.linalg.norm(ball, axis=-1, keepdims=True)
    towards /= np.maximum(np.linalg.norm(towards, axis=-1, keepdims=True), 1e-9)
    place += normal * 1e-5 * np.maximum(depth[seen], np.abs(place).max(-1) + np.abs(view.frame.eye_ws).max())[:, None]
    size = (resolved.height, resolved.width, 3)
    return Given(*(np.resize(values, (size[0] * size[1], 3)).reshape(size).astype("f4") for values in (place, towards)))


def trace(gpu: Gpu, shot: Shot, rays: Given, any_hit: bool) -> tuple[float, Floats]:
    """Median seconds that all rays take, and how far each goes (h, w), UNMET where it meets nothing."""
    traced, nodes = ray_scene.upload_ray_scene(gpu, load_scene(shot.scene, shot.time))
    size = rays.start.shape[1::-1]
    textures = []
    for name, values in zip(Given._fields, rays, strict=True):
        textures.append(gpu.target(f"rays.{name}", size, "rgba32f").textures[0])
        gpu.write(textures[-1], np.concatenate([values, np.zeros_like(values[..., :1])], -1))
    into = gpu.target("rays", size, "rgba32f")
    given: dict[str, Any] = {
        "rays": Rays(any_hit),
        "walk": ray_scene.BvhUniform(nodes),
        "traced": traced,
        "rays_from": textures[0],
        "rays_towards": textures[1],
    }

    def draw() -> None:
        gpu.draw("rays.frag", into, **given)
        gpu.ctx.finish()

    seconds = _median(draw)
    hit = gpu.read(into.textures[0])
    return seconds, np.where(hit[..., 1] < 0, np.float32(UNMET), hit[..., 0])


def _embree(triangles: Floats, rays: Given) -> tuple[dict[str, float], Floats]:
    """Rays per second by question, and how far each ray goes, (h, w)."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(triangles))
    start, towards = (np.ascontiguousarray(values.reshape(-1, 3)) for values in rays)
    asked = {
        "nearest": lambda: scene.run(start, towards, query="INTERSECT"),
        "any": lambda: scene.run(start, towards, query="OCCLUDED"),
    }
    rates = {question: len(start) / _median(ask) for question, ask in asked.items()}
    found = scene.run(start, towards, query="INTERSECT", output=True)
    return rates, np.where(found["primID"] < 0, UNMET, found["tfar"]).reshape(rays.start.shape[:2]).astype("f4")


def same(a: Floats, b: Floats) -> Any:
    """Where two tracers say the same of a ray."""
    return np.abs(a - b) <= NEAR * np.maximum(np.abs(b), 1)


def _median(act: Callable[[], object]) -> float:
    act()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return median(times)


def table(found: Sequence[Measured]) -> list[str]:
    """Markdown, a row for each scene."""
    lines = [
        "| scene | triangles | nodes | tree built in | nearest | any | Embree, nearest | Embree, any | same answer |",
        "|" + "---|" * 9,
    ]
    for one in found:
        rates = [
            one.ours["nearest"],
            one.ours["any"],
            *([one.embree["nearest"], one.embree["any"]] if one.embree else []),
        ]
        words = [f"{rate / 1e6:.2f} M/s" for rate in rates] + ([] if one.embree else ["not installed"] * 2)
        agree = "" if one.agree is None else f"{one.agree:.3%}"
        lines.append(
            f"| {one.scene} | {one.triangles} | {one.nodes} | {one.build:.1f} s | {' | '.join(words)} | {agree} |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
