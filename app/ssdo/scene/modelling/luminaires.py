"""Lamps for rooms: the body, its glowing shade, and the punctual light within. Metres, y up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ssdo.arrays import Doubles
from ssdo.scene.model import Material, Mesh, PunctualLight
from ssdo.scene.modelling.assembly import Vec3Like, merge_by_material
from ssdo.scene.modelling.shapes import lathe, make_grid, make_tube
from ssdo.settings import Vec3

# from the top of the socket to the light: so the socket's shadow stays within the lamp's foot
LIGHT_ABOVE_SOCKET = 0.09
SHADE_THICKNESS = 0.002


@dataclass(frozen=True, eq=False)
class Luminaire:
    """A lamp's body and its light."""

    meshes: list[Mesh]
    light: PunctualLight


def make_lampshade(
    lower_radius: float, upper_radius: float, height: float, center: Vec3Like, paper: Material, pleats: int = 0
) -> Mesh:
    """A lampshade, open above and below, its lower rim about `center`. v runs from the upper rim to the lower."""
    t = np.linspace(0, 1, 13)
    radii = lower_radius + (upper_radius - lower_radius) * t
    segments = 4 * pleats if pleats else 64
    phi = np.linspace(0, 2 * np.pi, segments + 1)
    pleat_wave = 1 + 0.008 * np.cos(pleats * phi) if pleats else np.ones_like(phi)
    pleat_wave[-1] = pleat_wave[0]
    circle = np.stack([np.cos(phi), -np.sin(phi)])
    circle[:, -1] = circle[:, 0]

    def make_rings(ring_radii: Doubles) -> Doubles:
        r = ring_radii[:, None] * pleat_wave
        points = np.stack(np.broadcast_arrays(r * circle[0], (height * t)[:, None], r * circle[1]), -1)
        return np.asarray(points + np.asarray(center, "f8"))

    outer, inner = make_rings(radii), make_rings(radii - SHADE_THICKNESS)
    u = np.broadcast_to(phi / (2 * np.pi) * 4, outer.shape[:2])
    uvs = np.stack([u, np.broadcast_to((1 - t)[:, None], u.shape) * 0.98 + 0.01], -1)
    outside = make_grid(outer, paper, uvs=uvs)
    inside = make_grid(inner[::-1], paper, uvs=uvs[::-1])
    upper_rim = make_grid(np.stack([outer[-1], inner[-1]]), paper, uvs=np.stack([uvs[-1], uvs[-1]]))
    lower_rim = make_grid(np.stack([inner[0], outer[0]]), paper, uvs=np.stack([uvs[0], uvs[0]]))
    return merge_by_material([outside, inside, upper_rim, lower_rim])[0]


def _build_shade_supports(
    start: Vec3, start_radius: float, end: Vec3, end_radius: float, metal: Material
) -> list[Mesh]:
    """Three thin rods from a lamp's neck to the lower rim of its shade."""
    angles = np.radians((30, 150, 270))
    outward = [np.array([np.cos(a), 0.0, np.sin(a)]) for a in angles]
    paths = [np.stack([np.array(start) + 0.8 * start_radius * w, np.array(end) + end_radius * w]) for w in outward]
    return [make_tube(path, 0.0014, metal, 8) for path in paths]


def build_floor_lamp(position: Vec3Like, intensity: Vec3, paper: Material, brass: Material) -> Luminaire:
    """A brass stem on a round foot with a paper shade, 1.72 m high. Lights all around."""
    x, y, z = (float(v) for v in position)
    foot = [(0, 0), (0.145, 0), (0.15, 0.006), (0.148, 0.016), (0.10, 0.024), (0.022, 0.034), (0.0125, 0.06)]
    stem = [(0.0105, 0.10), (0.0105, 0.70), (0.017, 0.71), (0.017, 0.73), (0.0105, 0.74), (0.0105, 1.36)]
    socket = [(0.018, 1.38), (0.018, 1.43), (0.006, 1.45), (0, 1.45)]
    body = lathe([*foot, *stem, *socket], position, brass, 32)
    shade = make_lampshade(0.235, 0.165, 0.30, (x, y + 1.42, z), paper)
    supports = _build_shade_supports((x, y + 1.40, z), 0.0125, (x, y + 1.428, z), 0.232, brass)
    light = PunctualLight((x, y + 1.45 + LIGHT_ABOVE_SOCKET, z), intensity)
    return Luminaire([body, *supports, shade], light)


def build_table_lamp(
    position: Vec3Like, intensity: Vec3, paper: Material, glaze: Material, brass: Material
) -> Luminaire:
    """A glazed jar with a pleated shade, 0.56 m high. Lights all around."""
    x, y, z = (float(v) for v in position)
    belly = [(0, 0), (0.058, 0), (0.062, 0.006), (0.060, 0.014), (0.085, 0.06), (0.098, 0.11), (0.094, 0.16)]
    shoulder = [(0.070, 0.205), (0.040, 0.235), (0.030, 0.25), (0.034, 0.26), (0.030, 0.268), (0, 0.268)]
    neck = [(0, 0.26), (0.012, 0.26), (0.010, 0.30), (0.014, 0.31), (0.014, 0.345), (0.005, 0.36), (0, 0.36)]
    body = [lathe([*belly, *shoulder], position, glaze, 40), lathe(neck, position, brass, 20)]
    shade = make_lampshade(0.185, 0.125, 0.24, (x, y + 0.33, z), paper, 48)
    supports = _build_shade_supports((x, y + 0.315, z), 0.012, (x, y + 0.337, z), 0.180, brass)
    light = PunctualLight((x, y + 0.36 + LIGHT_ABOVE_SOCKET, z), intensity)
    return Luminaire([*body, *supports, shade], light)


def build_pendant_lamp(
    ceiling: Vec3Like, drop: float, intensity: Vec3, enamel: Material, lining: Material, brass: Material
) -> Luminaire:
    """An enamelled dome on a cord, `drop` metres from the ceiling to its rim, glowing inside. Lights downwards."""
    x, y, z = (float(v) for v in ceiling)
    rim_y = y - drop
    center = (x, rim_y, z)
    t = np.radians(np.linspace(0, 80, 13))
    outside = [(0.21 * np.cos(a), 0.19 * np.sin(a)) for a in t]
    inside = [(0.204 * np.cos(a), 0.184 * np.sin(a)) for a in t[::-1]]
    dome = lathe([*outside, (0, 0.19), (0, 0.184), *inside, (0.21, 0.0)], center, enamel, 64)
    lining_outside, lining_inside = ([(r * np.cos(a), (r - 0.02) * np.sin(a)) for a in t] for r in (0.2035, 0.202))
    lining_profile = [*lining_outside, (0, 0.1835), (0, 0.182), *lining_inside[::-1], lining_outside[0]]
    lining_dome = lathe(lining_profile, center, lining, 64)
    cap_profile = [(0, 0.18), (0.045, 0.183), (0.045, 0.20), (0.020, 0.23), (0.010, 0.25), (0, 0.25)]
    cap = lathe(cap_profile, center, brass, 32)
    rose_profile = [(0, -0.03), (0.02, -0.028), (0.05, -0.012), (0.055, 0.004), (0, 0.004)]
    ceiling_rose = lathe(rose_profile, (x, y, z), brass, 32)
    cord = make_tube([(x, rim_y + 0.245, z), (x, y - 0.02, z)], 0.0035, replace(enamel, name="cord"), 8)
    light = PunctualLight(
        (x, rim_y + 0.05, z), intensity, (0.0, -1.0, 0.0), inner_cone_angle=40.0, outer_cone_angle=70.0
    )
    return Luminaire([dome, lining_dome, cap, ceiling_rose, cord], light)
