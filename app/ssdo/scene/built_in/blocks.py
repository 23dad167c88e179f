"""A pale sculpture over a field of coloured boxes that rise and fall, after the demonstration of the SSDO paper."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ssdo.arrays import Doubles
from ssdo.scene.limits import Limits
from ssdo.scene.model import DirectionalLight, Material, Mesh, Scene
from ssdo.scene.modelling.assembly import assign_uvs, translate
from ssdo.scene.modelling.shapes import make_chamfered_boxes, make_tube
from ssdo.scene.modelling.textures import PALETTE_SIZE, WHITE_FACTOR, get_palette_uv, make_albedo_texture

BOX_SPACING = 0.6  # from centre to centre
BOX_GAP = 0.014
PLASTER = Material((0.78, 0.76, 0.72), name="plaster")
WHITE_PAINT = (0.70, 0.66, 0.60)
# saturated colours, and among them white, on which the others' bounce light shows
PAINTS = (
    (0.62, 0.03, 0.03),
    (0.72, 0.17, 0.02),
    (0.72, 0.40, 0.03),
    WHITE_PAINT,
    (0.06, 0.34, 0.06),
    (0.03, 0.34, 0.36),
    WHITE_PAINT,
    (0.03, 0.09, 0.50),
    (0.22, 0.05, 0.42),
    (0.58, 0.04, 0.26),
    WHITE_PAINT,
)


def make_trefoil_knot(
    center: tuple[float, float, float],
    size: float,
    thickness: float,
    material: Material,
    steps: int = 240,
    sides: int = 24,
) -> Mesh:
    """A trefoil knot facing +z, about `size` metres in radius; the tube is thickest where it is farthest out."""
    t = np.linspace(0, 2 * np.pi, steps + 1)
    r = 2 + np.cos(3 * t)
    path = np.stack([np.sin(2 * t) * r, np.cos(2 * t) * r, np.sin(3 * t) * 1.1], -1) * (size / 3)
    path[-1] = path[0]
    return translate(make_tube(path, thickness * (1 + 0.12 * np.cos(3 * t)), material, sides), center)


def make_paint_palette() -> Material:
    """A palette of the paints, each in several shades: entry k has paint k % len(PAINTS)."""
    brightness = np.random.default_rng(3).uniform(0.85, 1.05, (PALETTE_SIZE, 1))
    colors = np.resize(np.array(PAINTS), (PALETTE_SIZE, 3)) * brightness
    return Material(WHITE_FACTOR, albedo_texture=make_albedo_texture(colors[None], 0.0, 1.0), name="colours")


def compute_heights(x: Doubles, z: Doubles, time: float) -> Doubles:
    """Heights of the boxes in metres: rings and two plane waves, all of which repeat after a minute."""
    center_distance = np.hypot(x, z)
    phase = 2 * np.pi * time
    waves = (
        np.sin(2.1 * center_distance - phase / 6)
        + 0.8 * np.sin(1.7 * x + 1.1 * z + phase / 10)
        + 0.6 * np.sin(2.3 * z - 1.9 * x + phase / 15)
    )
    return np.asarray(0.75 + 0.21 * waves)


def build_blocks(count: Annotated[int, Limits(1, 101)] = 15, time: float = 0.0) -> Scene:
    """`count` x `count` boxes whose heights move with time (seconds), a knot above them, sky and a low sun."""
    line = (np.arange(count) - (count - 1) / 2) * BOX_SPACING
    x, z = (m.ravel() for m in np.meshgrid(line, line))
    rng = np.random.default_rng(7)
    top = compute_heights(x, z, time) + rng.uniform(-0.12, 0.12, count * count)
    # steps that are never 0, so that neighbours in a row differ
    paint = np.cumsum(rng.integers(1, len(PAINTS), (count, count)), 1) % len(PAINTS)
    palette_entries = paint.ravel() + len(PAINTS) * rng.integers(0, PALETTE_SIZE // len(PAINTS), count * count)
    half_width = (BOX_SPACING - BOX_GAP) / 2
    boxes = make_chamfered_boxes(
        np.stack([x - half_width, np.zeros_like(x), z - half_width], -1),
        np.stack([x + half_width, top, z + half_width], -1),
        0.012,
        make_paint_palette(),
    )
    knot_height = 2.22 + 0.10 * np.sin(2 * np.pi * time / 12)
    return Scene(
        (
            assign_uvs(boxes, get_palette_uv(palette_entries)),
            make_trefoil_knot((0.0, knot_height, 0.0), 0.76, 0.185, PLASTER),
        ),
        eye=(1.2, 6.0, 4.6),
        target=(0.0, 1.55, -0.1),
        fov=28.0,
        sun=DirectionalLight(azimuth=250.0, elevation=36.0, irradiance=4.8, color=(1.0, 0.93, 0.82)),
        environment="sky",
        name="blocks",
    )
