"""What lies behind the surfaces seen: at each pixel where the first two bodies begin and end (depth peeling, as
Ritschel et al. 2009 propose).

One depth has no back, so how deep a thing is must be guessed. Closed bodies do have one: it is drawn, as is the front
and the back of what they hide. A sheet has none, and a room seen from within has it out of sight: both are taken to be
`thickness` deep, as all is with one interval.

RMSE of direct light (over pi), against rays as long as the radius, 15 % of the scene's size; 320 x 180, 4 frames of 64
directions of 32 steps: with one interval 0.020, 0.032, 0.053 in cornell, nook and blocks, with two 0.008, 0.009, 0.024;
by sectors (4 slices of 2 x 32) 0.021, 0.034, 0.054 and 0.010, 0.014, 0.025. The bounce (same unit, senders behind
included): 0.022, 0.033, 0.048 and 0.020, 0.023, 0.031. Not so where a guess that closes too much makes up for what is
missing: in the courtyard, whose camera stands inside, direct light errs by 0.078 and 0.080; with a radius of the
scene's size and 64 steps, against rays without end, by 0.055 and 0.031 in nook but by 0.141 and 0.164 in cornell, whose
walls are thinner than such steps. Processor time in the courtyard at 1280 x 720 on llvmpipe: SSDO's direct pass 703 and
987 ms, its bounce 257 and 747, three passes of hidden senders of 47 each; what is kept while nothing moves not counted.
So one interval is the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ssdo.gpu.context import Geometry, Gpu, Part, Texture
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.gbuffer import BACKGROUND, Camera, GBuffer, inverse_depth, layer
from ssdo.render.mesh_buffers import in_sight, upload
from ssdo.render.technique import TechniqueInputs
from ssdo.scene.model import Scene

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Guess:
    """Passed to shaders/passes/depth_layers.frag as `guess`: of what has no back."""

    thickness: float  # metres along the view axis


class Peeled(NamedTuple):
    """Passed to shaders as `peeled`: metres along the view axis, BACKGROUND where there is none."""

    back: Texture  # the nearest back of a body behind the surface seen
    second: Texture  # the nearest front behind it
    second_back: Texture  # the nearest back behind that


class Bodies(NamedTuple):
    """A scene's triangles in another order: of each of its parts first those of closed bodies, then those of sheets."""

    geometry: Geometry
    closed: list[Part]  # drawn from one side, so that fronts and backs are told apart
    sheets: list[Part]
    closed_holes: list[Part]  # the same with nothing but their holes
    sheets_holes: list[Part]


def depths(gpu: Gpu, view: TechniqueInputs, intervals: str, thickness: float | None, lit: bool = False) -> Texture:
    """What screen-space techniques look for occluders in: with one interval 1 / depth of what is seen, else `draw`.
    `lit`: what is hidden will be asked for as surfaces too, so that these are drawn instead of their depths.
    """
    if intervals == "1":
        return inverse_depth(gpu, view.frame, view.gbuffer)
    assert thickness is not None, "not fitted"
    return draw(gpu, view.scene, view.frame, view.gbuffer, thickness, lit)


def draw(
    gpu: Gpu, scene: Scene, frame: FrameUniforms, surfaces: GBuffer, thickness: float, lit: bool = False
) -> Texture:
    """1 / depth (1 / metres) of front, back, front, back, with a border of one pixel, as gbuffer.inverse_depth is."""
    width, height = surfaces.depth.size
    into = gpu.target("intervals", (width + 2, height + 2), "rgba32f")
    behind = (
        Peeled(*(found.depth for found in hidden(gpu, scene, frame, surfaces)))
        if lit
        else peeled(gpu, scene, frame, surfaces)
    )
    return gpu.draw(
        "passes/depth_layers.frag",
        into,
        keep=True,
        frame=frame.still,
        gbuffer=surfaces,
        guess=Guess(thickness),
        peeled=behind,
    )[0]


def peeled(gpu: Gpu, scene: Scene, frame: FrameUniforms, surfaces: GBuffer) -> Peeled:
    """Three depths behind what is seen. A sheet has no back; whichever side of it is seen is a front."""
    bodies, camera = of_scene(gpu, scene), Camera(frame.clip_from_world, frame.view_from_world)
    near = _near(gpu, scene, frame, bodies.closed_holes, bodies.sheets_holes)

    def behind(what: str, before: Texture, backs: bool) -> Texture:
        into = gpu.target(f"peeled.{what}", surfaces.depth.size, "r32f", depth=True)
        gpu.raster(
            "passes/depth_peel",
            into,
            bodies.geometry,
            near[backs],
            [BACKGROUND],
            keep=True,
            backs=backs,
            camera=camera,
            before=before,
        )
        return into.textures[0]

    back, second = behind("back", surfaces.depth, True), behind("second", surfaces.depth, False)
    return Peeled(back, second, behind("second back", second, True))


def hidden(gpu: Gpu, scene: Scene, frame: FrameUniforms, surfaces: GBuffer) -> tuple[GBuffer, GBuffer, GBuffer]:
    """The surfaces at these depths, with all that light needs. A back's normal points out of its body, away from the
    camera.
    """
    bodies = of_scene(gpu, scene)
    near = _near(gpu, scene, frame, bodies.closed, bodies.sheets)

    def behind(what: str, before: GBuffer, backs: bool) -> GBuffer:
        return layer(
            gpu,
            scene,
            frame,
            f"hidden.{what}",
            bodies.geometry,
            near[backs],
            "backs" if backs else "fronts",
            before=before.depth,
        )

    back, second = behind("back", surfaces, True), behind("second", surfaces, False)
    return back, second, behind("second back", second, True)


def _near(
    gpu: Gpu, scene: Scene, frame: FrameUniforms, closed: list[Part], sheets: list[Part]
) -> tuple[list[Part], list[Part]]:
    """The parts in sight that have a front, and those that have a back."""
    sight = in_sight(upload(gpu, scene), frame)
    bodies, rest = (
        [part for part, near in zip(parts, sight, strict=True) if near and part.length] for parts in (closed, sheets)
    )
    return bodies + rest, bodies


def of_scene(gpu: Gpu, scene: Scene) -> Bodies:
    """The scene's bodies and sheets on the GPU; sorted once for each scene."""

    def make() -> Bodies:
        uploaded, closed = upload(gpu, scene), in_bodies(scene)
        g, parts = uploaded.geometry, uploaded.parts
        triangles = np.frombuffer(g.indices.read(), "i4")[: 3 * len(closed)].reshape(-1, 3)
        number = np.repeat(np.arange(len(parts)), [part.length // 3 for part in parts])
        sheets = np.bincount(number[~closed], minlength=len(parts))
        order = np.lexsort((~closed, number))
        divided: list[list[Part]] = []
        for of in (parts, uploaded.shadows):
            splits = [(part, part.length - 3 * int(count)) for part, count in zip(of, sheets, strict=True)]
            divided.append([part._replace(length=split, one_sided=True) for part, split in splits])
            divided.append(
                [part._replace(first=part.first + split, length=part.length - split) for part, split in splits]
            )
        return Bodies(
            Geometry(g.vertices, g.layout, g.names, gpu.ctx.buffer(triangles[order].tobytes() or bytes(64))), *divided
        )

    return gpu.cached("bodies", scene, make)


def in_bodies(scene: Scene) -> Bools:
    """(m,) of each triangle, in the order of the scene's meshes, whether it belongs to a closed body: one whose every
    edge is run through as often in one direction as in the other. What has holes in its material is a sheet.
    """
    meshes = [mesh for mesh in scene.meshes if mesh.triangles.size]
    if not meshes:
        return np.zeros(0, bool)
    starts = np.cumsum([0] + [len(mesh.positions) for mesh in meshes[:-1]])
    points = np.ascontiguousarray(np.concatenate([mesh.positions for mesh in meshes]) + np.float32(0.0))  # no -0
    welded = np.unique(points.view("V12").ravel(), return_inverse=True)[1].astype("i8")
    corners = welded[np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)])]
    pierced = np.repeat([mesh.material.cutoff > 0 for mesh in meshes], [len(mesh.triangles) for mesh in meshes])
    a, b = corners, np.roll(corners, -1, 1)
    edge = np.unique(np.minimum(a, b) * len(points) + np.maximum(a, b), return_inverse=True)[1].reshape(a.shape)
    balance = np.bincount(edge.ravel(), np.sign(b - a).ravel())
    open_ = (balance[edge] != 0).any(1) | pierced
    # Each triangle takes the least number of those it shares an edge with, and then that one's, until nothing changes:
    # one number for each body.
    number = np.arange(len(corners))
    while True:
        least = np.full(len(balance), len(corners))
        np.minimum.at(least, edge, number[:, None])
        found = least[edge].min(1)
        found = found[found]
        if (found == number).all():
            break
        number = found
    return ~np.isin(number, number[open_])
