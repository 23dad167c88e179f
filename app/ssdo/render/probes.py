"""Radiance probes: a grid of octahedral maps of the scene, traced once per scene and lighting.

SSDO and the visibility bitmask sample them in directions in which the screen shows no occluder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from ssdo.arrays import to_vec3
from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Bindings
from ssdo.gpu.target import Texture
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.path_tracing import bind_path_tracing, needs_full_material
from ssdo.scene.model import Scene
from ssdo.settings import Settings, Vec3, param

if TYPE_CHECKING:
    from ssdo.render.technique import TechniqueInputs

PROBE_TARGET = "probes"
# In a scene without height, how high a cell is, relative to the width of the others.
FLAT_CELL_RATIO = 0.05
MAX_CELL_RATIO = 10.0  # of the width of a cell to the subject's longest side
SURROUNDINGS = 0.5  # of the subject's longest side: how far the grid extends over a wide ground
IDENTITY = tuple(float(i % 5 == 0) for i in range(16))


@dataclass(frozen=True)
class ProbeSettings(Settings):
    """Radiance probes for directions that the screen does not show, for SSDO and the bitmask."""

    group: ClassVar[str] = "probes"

    enabled: bool = param(False, help="sample a grid of probes where the screen shows no occluder", compile_time=True)
    grid_size: int = param(
        8, 2, 32, "probes along the scene's longest side; about as far apart on the others", log=True
    )
    octahedral_size: int = param(
        16, 4, 16, "width of each probe's octahedral map; more resolve smaller objects", unit="px"
    )


@dataclass(frozen=True)
class ProbeGrid:
    """Passed to shaders as `probe_grid`. A probe stands in the centre of each cell."""

    origin: Vec3  # lowest corner, world space, metres
    cell_size: Vec3  # metres
    counts: Vec3  # cells along x, y, z
    octahedral_size: float  # texels, width of a probe's map

    @property
    def texture_size(self) -> tuple[int, int]:
        """Texels of all maps: those of one height in a row, along x and then z."""
        x, y, z = (int(n) for n in self.counts)
        size = int(self.octahedral_size)
        return x * z * size, y * size


class ProbeMaps(NamedTuple):
    """Passed to shaders as `probe_maps`; read through shaders/common/probes.glsl."""

    radiance_distance: Texture | None  # rgb: incoming radiance; a: distance of the hit, metres. None: no probes


def fit_probe_grid(scene: Scene, settings: ProbeSettings) -> ProbeGrid:
    """Divide the scene's bounds into cells, at least two along each axis.

    So there are probes above a floor and between two walls. Where cells were much wider than the scene's subject, only
    the subject and its surroundings are divided.
    """
    low, high = (corner.astype("f8") for corner in scene.bounds)
    subject_size = float((scene.subject.high - scene.subject.low).max())
    if float((high - low).max()) > MAX_CELL_RATIO * subject_size * settings.grid_size:
        low, high, *_ = scene.subject
        margin = SURROUNDINGS * subject_size
        low, high = np.maximum(low - margin, scene.bounds[0]), np.minimum(high + margin, scene.bounds[1])
    spacing = max(float((high - low).max()) / settings.grid_size, 1e-6)
    counts = np.maximum(np.ceil((high - low) / spacing - 1e-4), 2)
    cell_size = np.maximum((high - low) / counts, FLAT_CELL_RATIO * spacing)
    origin = (low + high - counts * cell_size) / 2
    return ProbeGrid(to_vec3(origin), to_vec3(cell_size), to_vec3(counts), float(settings.octahedral_size))


def bind_probes(gpu: Gpu, inputs: TechniqueInputs) -> Bindings:
    """Everything that shaders/common/probes.glsl reads, except the frame. Raises UserError."""
    grid = fit_probe_grid(inputs.scene, inputs.probes)
    texture = trace_probes(gpu, inputs, grid) if inputs.probes.enabled else None
    return {"probes": inputs.probes, "probe_grid": grid, "probe_maps": ProbeMaps(texture)}


def trace_probes(gpu: Gpu, inputs: TechniqueInputs, grid: ProbeGrid) -> Texture:
    """Trace the maps of all probes. The result is cached until the scene, its culled surfaces,
    the lights or the environment change.
    """
    inputs = inputs._replace(lights=replace(inputs.lights, shadows=0))
    target = gpu.target(PROBE_TARGET, grid.texture_size, "rgba32f")
    entry = "full" if needs_full_material(inputs) else "basic"
    bindings = bind_path_tracing(gpu, inputs) | {"frame": _without_camera(inputs.frame), "probe_grid": grid}
    (radiance_distance,) = gpu.draw(f"passes/probe_trace.frag:{entry}", target, bindings, cache=True)
    return radiance_distance


def _without_camera(frame: FrameUniforms) -> FrameUniforms:
    """Reset everything that depends on the camera or the frame's index, so that the pass cache finds the probes."""
    return replace(
        frame,
        clip_from_world=IDENTITY,
        view_from_world=IDENTITY,
        world_from_view=IDENTITY,
        eye_ws=(0.0, 0.0, 0.0),
        size=(1.0, 1.0),
        tan_half_fov=(1.0, 1.0),
        projection_offset=(0.0, 0.0),
        pattern_offset=(0.0, 0.0, 0.0),
        index=0,
        orthographic=False,
    )
