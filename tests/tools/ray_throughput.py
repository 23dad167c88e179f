"""Time to build a scene's BVH, and rays per second through it, beside Embree's on the same rays.

Rays start on surfaces that the camera sees, in cosine-weighted directions, as the reference's do. `nearest` finds the
first hit, `any` whether there is one. Medians of several runs after one that does not count. Ours uses all cores or the
GPU; Embree, through embreex, uses one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import NamedTuple

import _checkout
import numpy as np
from process_memory import format_peak
from ssdo.arrays import Array, Bools, Doubles, Floats
from ssdo.commands.bench.flags import add_output_flags, describe_machine, format_table, pop_output, save_figures
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.gpu.shaders import Bindings
from ssdo.render import ray_scene
from ssdo.render.frame_uniforms import world_positions
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import load_shot, prepare_frame
from ssdo.render.shot import Shot
from ssdo.resources import SHADERS
from ssdo.scene.loader import SCENE_SUFFIXES_TEXT, load_scene
from ssdo.settings import UserError
from tqdm import tqdm

SCENES = "courtyard,million"
RUNS = 5
NO_HIT = 1e30  # distance
DISTANCE_TOLERANCE = 1e-4  # relative: two tracers round differently
ORIGIN_OFFSET = 1e-5  # relative to the distance: rays leave their surface
QUERIES = ("nearest", "any")
HEADER = (
    "scene",
    "triangles",
    "nodes",
    "BVH built in",
    *QUERIES,
    *(f"Embree, {query}" for query in QUERIES),
    "equal hits",
)


@dataclass(frozen=True)
class RayQuery:
    """Passed to tests/tools/shaders/rays.frag as `query`."""

    any_hit: bool


class Rays(NamedTuple):
    """(h, w, 3) float32 each."""

    origins: Floats  # metres
    directions: Floats  # unit vectors

    @property
    def ray_count(self) -> int:
        return self.origins.size // 3


class RayMeasurement(NamedTuple):
    """Of one scene. Rays per second by query."""

    scene: str
    triangles: int
    nodes: int
    build_seconds: float
    rays_per_second: dict[str, float]
    embree_rays_per_second: dict[str, float] | None  # None: embreex is not installed
    equal_hits: float | None  # fraction of rays for which both tracers agree


def main(arguments: Sequence[str]) -> int:
    """Run with these flags. Returns the exit code; raises UserError."""
    parser = FlagParser("python tests/tools/ray_throughput.py", __doc__)
    parser.add_argument(
        "--scenes",
        default=SCENES,
        metavar="S,S,...",
        help=f"built-in scenes, or paths to {SCENE_SUFFIXES_TEXT} files [{SCENES}]",
    )
    parser.add_argument(
        "--width", type=int, default=1280, metavar="PX", help="width of the image whose pixels rays start at [1280]"
    )
    parser.add_argument("--height", type=int, default=720, metavar="PX", help="its height [720]")
    add_output_flags(parser, "the figures as JSON")
    flags = parse_flags(parser, arguments)
    scenes = [name.strip() for name in flags["scenes"].split(",") if name.strip()]
    size = {"width": flags["width"], "height": flags["height"]}
    shots = [Shot().with_values({"scene": scene, **size}) for scene in scenes]
    output = pop_output(flags)
    with Gpu(create_headless_context(), (SHADERS, _checkout.SHADERS)) as gpu:
        measurements = [measure_scene(gpu, shot) for shot in tqdm(shots, desc="rays", disable=None)]
        run = f"{size['width']} x {size['height']} rays, {describe_machine(gpu)}"
    memory = f"; peak memory {peak}" if (peak := format_peak()) else ""
    print("\n".join([*format_measurements(measurements), "", run + memory]))
    save_figures(output, run, {"rows": [measurement._asdict() for measurement in measurements]})
    return 0


def measure_scene(gpu: Gpu, shot: Shot) -> RayMeasurement:
    """Build the BVH, trace rays, and compare with Embree where it is installed. Raises UserError."""
    scene = load_scene(shot.scene, shot.time)
    start = time.perf_counter()
    arrays = ray_scene.build_arrays(scene)
    build_seconds = time.perf_counter() - start
    rays = create_rays(gpu, shot)
    rates, distances = {}, {}
    for query in QUERIES:
        seconds, distances[query] = trace_rays(gpu, shot, rays, query == "any")
        rates[query] = rays.ray_count / seconds
    embree_rates, equal_hits = None, None
    if find_spec("embreex"):
        corner = arrays.triangles[:, :1, :3]
        triangles = np.concatenate([corner, corner + arrays.triangles[:, 1:, :3]], 1)
        embree_rates, embree_distances = _trace_embree(triangles, rays)
        agree = _are_equal(distances["nearest"], embree_distances)
        agree &= (distances["any"] < NO_HIT) == (embree_distances < NO_HIT)
        equal_hits = float(np.mean(agree))
    return RayMeasurement(
        shot.scene, len(arrays.triangles), len(arrays.nodes), build_seconds, rates, embree_rates, equal_hits
    )


def create_rays(gpu: Gpu, shot: Shot) -> Rays:
    """As many rays as the image has pixels, from its surfaces; they repeat where there are fewer. Raises UserError."""
    resolved_shot, inputs, _ = prepare_frame(gpu, load_shot(shot))
    depth = gpu.read(inputs.gbuffer.depth)[..., 0]
    mask = depth < BACKGROUND_DEPTH
    if not mask.any():
        raise UserError(f"scene {shot.scene}: no surface is in the image; choose another scene")
    normals = _normalize(gpu.read(inputs.gbuffer.normal)[..., :3][mask].astype("f8"))
    origins = world_positions(inputs.frame, np.where(mask, depth, np.inf).astype("f4"))[mask]
    distances = np.maximum(depth[mask], np.abs(origins).max(-1) + np.abs(inputs.frame.eye_ws).max())
    origins += normals * ORIGIN_OFFSET * distances[:, None]
    rng = np.random.default_rng(shot.seed)
    # points of a sphere that touches the surface: cosine-weighted
    directions = _normalize(normals + _normalize(rng.normal(size=normals.shape)))
    shape = (resolved_shot.height, resolved_shot.width, 3)
    return Rays(*(_repeat(vectors, shape) for vectors in (origins, directions)))


def _normalize(vectors: Doubles) -> Doubles:
    unit: Doubles = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _repeat(vectors: Array, shape: tuple[int, int, int]) -> Floats:
    return np.resize(vectors, (shape[0] * shape[1], 3)).reshape(shape).astype("f4")


def trace_rays(gpu: Gpu, shot: Shot, rays: Rays, any_hit: bool) -> tuple[float, Floats]:
    """Median seconds of all rays, and the distance of each hit, (h, w); NO_HIT where there is none."""
    scene = load_scene(shot.scene, shot.time)
    uploaded = ray_scene.upload_ray_scene(gpu, scene)
    size = rays.origins.shape[1::-1]
    target = gpu.target("rays", size, "rgba32f")
    frame = shot.resolve(scene).frame_uniforms(scene, 0)
    bindings: Bindings = {"query": RayQuery(any_hit), "frame": frame, **uploaded._asdict()}
    for name, vectors in zip(Rays._fields, rays, strict=True):
        texture = gpu.target(f"rays.{name}", size, "rgba32f").textures[0]
        gpu.write(texture, np.concatenate([vectors, np.zeros_like(vectors[..., :1])], -1))
        bindings |= {f"ray_{name}": texture}

    def draw() -> None:
        gpu.draw("rays.frag", target, bindings)
        gpu.ctx.finish()

    seconds = _median_seconds(draw)
    hits = gpu.read(target.textures[0])
    return seconds, np.where(hits[..., 1] < 0, np.float32(NO_HIT), hits[..., 0])


def _trace_embree(triangles: Floats, rays: Rays) -> tuple[dict[str, float], Floats]:
    """Rays per second by query, and the distance of each hit, (h, w)."""
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    scene = EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(triangles))
    origins, directions = (np.ascontiguousarray(vectors.reshape(-1, 3)) for vectors in rays)
    queries = dict(zip(QUERIES, ("INTERSECT", "OCCLUDED"), strict=True))
    rates = {
        name: rays.ray_count / _median_seconds(partial(scene.run, origins, directions, query=query))
        for name, query in queries.items()
    }
    hits = scene.run(origins, directions, query="INTERSECT", output=True)
    distances = np.where(hits["primID"] < 0, NO_HIT, hits["tfar"]).reshape(rays.origins.shape[:2])
    return rates, distances.astype("f4")


def _are_equal(distances: Floats, others: Floats) -> Bools:
    equal: Bools = np.abs(distances - others) <= DISTANCE_TOLERANCE * np.maximum(np.abs(others), 1)
    return equal


def _median_seconds(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times)


def format_measurements(measurements: Sequence[RayMeasurement]) -> list[str]:
    """A table in Markdown, a row for each scene."""
    rows = []
    for scene, triangles, nodes, build_seconds, rates, embree_rates, equal_hits in measurements:
        embree = [_format_rate(embree_rates[q]) for q in QUERIES] if embree_rates else ["not installed"] * len(QUERIES)
        cells = [scene, str(triangles), str(nodes), f"{build_seconds:.1f} s"]
        cells += [*(_format_rate(rates[query]) for query in QUERIES), *embree]
        rows.append([*cells, "" if equal_hits is None else f"{equal_hits:.3%}"])
    return format_table(HEADER, rows)


def _format_rate(rays_per_second: float) -> str:
    return f"{rays_per_second / 1e6:.2f} M/s"


if __name__ == "__main__":
    sys.exit(_checkout.run(main, sys.argv[1:]))
