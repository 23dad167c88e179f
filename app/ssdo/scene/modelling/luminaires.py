"""Lamps to put into rooms: the body, its glowing shade, and the point within that lights the rest. Metres, y up."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ssdo.scene.model import Lamp, Material, Mesh
from ssdo.scene.modelling.assembly import Place, Points, merged
from ssdo.scene.modelling.shapes import grid, lathe, tube
from ssdo.settings import Vec3

# metres from the socket's top to the point that shines: the shadow of what carries it stays within the lamp's foot
ABOVE = 0.09


@dataclass(frozen=True, eq=False)
class Luminaire:
    """A lamp's body and its light."""

    meshes: list[Mesh]
    lamp: Lamp


def shade_of(lower: float, upper: float, height: float, center: Place, paper: Material, pleats: int = 0) -> Mesh:
    """A lampshade 2 mm thick, open above and below, its lower rim about `center`; closed as a body. v runs from its
    upper rim to the lower.
    """
    thick, steps = 0.002, 12
    y = np.linspace(0, 1, steps + 1)
    r = lower + (upper - lower) * y
    around = 4 * pleats if pleats else 64
    phi = np.linspace(0, 2 * np.pi, around + 1)
    wave = 1 + 0.008 * np.cos(pleats * phi) if pleats else np.ones_like(phi)
    wave[-1] = wave[0]
    turn = np.stack([np.cos(phi), -np.sin(phi)])
    turn[:, -1] = turn[:, 0]

    def skin(radii: Points) -> Points:
        rings = radii[:, None] * wave
        return np.asarray(
            np.stack(np.broadcast_arrays(rings * turn[0], (height * y)[:, None], rings * turn[1]), -1)
            + np.asarray(center, "f8")
        )

    outer, inner = skin(r), skin(r - thick)
    u = np.broadcast_to(phi / (2 * np.pi) * 4, outer.shape[:2])
    uvs = np.stack([u, np.broadcast_to((1 - y)[:, None], u.shape) * 0.98 + 0.01], -1)
    rims = [
        grid(np.stack([a, b]), paper, uvs=np.stack([uvs[k], uvs[k]]))
        for a, b, k in ((outer[-1], inner[-1], -1), (inner[0], outer[0], 0))
    ]
    skins = [grid(outer, paper, uvs=uvs), grid(inner[::-1], paper, uvs=uvs[::-1])]
    return merged([*skins, *rims])[0]


def floor_lamp(at: Place, intensity: Vec3, paper: Material, brass: Material) -> Luminaire:
    """A stem of brass on a round foot, a shade of paper at eye level; 1.72 m high."""
    x, y, z = (float(v) for v in at)
    foot = [
        (0, 0),
        (0.145, 0),
        (0.15, 0.006),
        (0.148, 0.016),
        (0.10, 0.024),
        (0.022, 0.034),
        (0.0125, 0.06),
        (0.0105, 0.10),
        (0.0105, 0.70),
    ]
    foot += [
        (0.017, 0.71),
        (0.017, 0.73),
        (0.0105, 0.74),
        (0.0105, 1.36),
        (0.018, 1.38),
        (0.018, 1.43),
        (0.006, 1.45),
        (0, 1.45),
    ]
    shade = shade_of(0.235, 0.165, 0.30, (x, y + 1.42, z), paper)
    arms = _arms((x, y + 1.40, z), 0.0125, (x, y + 1.428, z), 0.232, brass)
    return Luminaire([lathe(foot, at, brass, 32), *arms, shade], Lamp((x, y + 1.45 + ABOVE, z), intensity))


def table_lamp(at: Place, intensity: Vec3, paper: Material, glaze: Material, brass: Material) -> Luminaire:
    """A glazed jar with a pleated shade; 0.56 m high."""
    x, y, z = (float(v) for v in at)
    jar = [
        (0, 0),
        (0.058, 0),
        (0.062, 0.006),
        (0.060, 0.014),
        (0.085, 0.06),
        (0.098, 0.11),
        (0.094, 0.16),
        (0.070, 0.205),
        (0.040, 0.235),
        (0.030, 0.25),
    ]
    jar += [(0.034, 0.26), (0.030, 0.268), (0, 0.268)]
    neck = [(0, 0.26), (0.012, 0.26), (0.010, 0.30), (0.014, 0.31), (0.014, 0.345), (0.005, 0.36), (0, 0.36)]
    shade = shade_of(0.185, 0.125, 0.24, (x, y + 0.33, z), paper, 48)
    arms = _arms((x, y + 0.315, z), 0.012, (x, y + 0.337, z), 0.180, brass)
    return Luminaire(
        [lathe(jar, at, glaze, 40), lathe(neck, at, brass, 20), *arms, shade], Lamp((x, y + 0.36 + ABOVE, z), intensity)
    )


def pendant(
    ceiling: Place, drop: float, intensity: Vec3, enamel: Material, glow: Material, brass: Material
) -> Luminaire:
    """A dome of enamel on a cord, `drop` metres from the ceiling to its rim, white and glowing inside; it lights what
    is below.
    """
    x, y, z = (float(v) for v in ceiling)
    rim = y - drop
    t = np.radians(np.linspace(0, 80, 13))
    outer = [(0.21 * np.cos(a), 0.19 * np.sin(a)) for a in t]
    inner = [(0.204 * np.cos(a), 0.184 * np.sin(a)) for a in t[::-1]]
    dome = lathe([*outer, (0, 0.19), (0, 0.184), *inner, (0.21, 0.0)], (x, rim, z), enamel, 64)
    inside = [[(r * np.cos(a), (r - 0.02) * np.sin(a)) for a in t] for r in (0.2035, 0.202)]
    lining = lathe([*inside[0], (0, 0.1835), (0, 0.182), *inside[1][::-1], inside[0][0]], (x, rim, z), glow, 64)
    cap = lathe(
        [(0, 0.18), (0.045, 0.183), (0.045, 0.20), (0.020, 0.23), (0.010, 0.25), (0, 0.25)], (x, rim, z), brass, 32
    )
    rose = lathe([(0, -0.03), (0.02, -0.028), (0.05, -0.012), (0.055, 0.004), (0, 0.004)], (x, y, z), brass, 32)
    cord = tube([(x, rim + 0.245, z), (x, y - 0.02, z)], 0.0035, replace(enamel, name="cord"), 8)
    lamp = Lamp((x, rim + 0.05, z), intensity, (0.0, -1.0, 0.0), 40.0, 70.0)
    return Luminaire([dome, lining, cap, rose, cord], lamp)


def _arms(start: Vec3, r0: float, end: Vec3, r1: float, metal: Material) -> list[Mesh]:
    """Three thin rods from a lamp's neck to the lower rim of its shade."""
    angles = np.radians((30, 150, 270))
    spokes = [np.array([np.cos(a), 0.0, np.sin(a)]) for a in angles]
    return [tube(np.stack([np.array(start) + 0.8 * r0 * s, np.array(end) + r1 * s]), 0.0014, metal, 8) for s in spokes]
