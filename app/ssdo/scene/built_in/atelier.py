"""A sculpture in a studio: fluted marble on a plinth before a seamless backdrop, colours close to it, metal beside
it.
"""

from __future__ import annotations

import numpy as np

from ssdo.scene.model import Image, Lamp, Material, Mesh, Scene
from ssdo.scene.modelling import room_textures
from ssdo.scene.modelling.assembly import Place, Points, merged, moved, painted, placing, transformed
from ssdo.scene.modelling.fabrics import draped
from ssdo.scene.modelling.shapes import grid, lathe, sheet, slabs, sphere, tube
from ssdo.scene.modelling.textures import Array, mottle, srgb8
from ssdo.scene.modelling.upholstery import fitted, soft_box
from ssdo.settings import Vec3

PLINTH = 0.72  # its height, metres
BASE = 0.06  # of the slab on it
THICK = 0.02  # the backdrop, its upper side at height 0
SUNK = 0.001  # what stands somewhere goes in by that, so that no two faces lie in one plane

# eye, target: the scene's own; close, where folds hide folds; low, over the metals
CAMERAS: tuple[tuple[Vec3, Vec3], ...] = (
    ((0.85, 1.50, 3.45), (0.04, 1.01, 0.0)),
    ((-0.95, 1.62, 2.15), (0.0, 1.30, 0.0)),
    ((1.05, 0.50, 2.90), (0.12, 0.97, -0.1)),
)

Rng = np.random.Generator


def fluted_knot(
    radius: float,
    across: float,
    thick: float,
    material: Material,
    steps: int = 1300,
    sides: int = 112,
    flutes: int = 6,
    twists: int = 10,
    depth: float = 0.40,
) -> Mesh:
    """A trefoil knot on an upright torus about the origin, its strand carved with deep flutes that wind around it.
    Closed and smooth.

    `radius` and `across`: the torus' radii, `thick`: the strand's radius, metres; `depth`: share of it that the flutes
    are deep; `twists`: how many flutes go by a point of the section on the way round. 2 `steps` x `sides` triangles.
    """
    t, phi = np.linspace(0, 2 * np.pi, steps + 1), np.linspace(0, 2 * np.pi, sides + 1)
    out = np.stack([np.cos(3 * t) * np.cos(2 * t), np.cos(3 * t) * np.sin(2 * t), np.sin(3 * t)], -1)
    path = radius * np.stack([np.cos(2 * t), np.sin(2 * t), 0 * t], -1) + across * out
    along = np.gradient(np.concatenate([path[-3:-1], path, path[1:3]]), axis=0)[2:-2]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    out -= along * (out * along).sum(1, keepdims=True)  # the torus' own normal carries the section round without a slip
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    side = np.cross(along, out)
    wind = flutes * phi[None] + twists * t[:, None]
    ridge = np.sqrt(np.sin(wind / 2) ** 2 + 0.004)  # a crest where it is least, a scoop between two of them
    swell = thick * (1 + 0.16 * np.cos(3 * t + 0.4))[:, None]
    r = swell * (1 - depth * ridge)
    points = path[:, None] + (r * np.cos(phi))[..., None] * out[:, None] + (r * np.sin(phi))[..., None] * side[:, None]
    points[-1], points[:, -1] = points[0], points[:, 0]
    return grid(points, material)


def backdrop(paint: Material) -> Mesh:
    """A floor that runs up into the wall behind in one sweep, 11.6 m wide."""
    front, back, bend, top, half = 3.6, -2.2, 1.1, 4.6, 5.8

    def place(u: Points, v: Points) -> Points:
        flat, arc, wall = front - (back + bend), bend * np.pi / 2, top - bend
        s = v * (flat + arc + wall)
        angle = np.clip((s - flat) / bend, 0, np.pi / 2)
        z = front - np.minimum(s, flat) - bend * np.sin(angle)
        y = bend * (1 - np.cos(angle)) + np.maximum(s - flat - arc, 0)
        return np.stack([(2 * u - 1) * half, y - THICK / 2, z], -1)

    return sheet(place, paint, 160, 8, THICK)


def ring(at: Place, radius: float, thick: float, material: Material) -> Mesh:
    """A ring that lies flat, its lowest side at a place."""
    t = np.linspace(0, 2 * np.pi, 97)
    path = np.stack([radius * np.cos(t), 0 * t + thick, -radius * np.sin(t)], -1)
    path[-1] = path[0]
    return moved(tube(path, thick, material, 24), at)


def marble(rng: Rng) -> Material:
    """White stone with faint grey veins."""
    size = 256
    field = mottle(size, 1.5, rng)
    vein: Array = np.exp(-((np.abs(field) / 0.05) ** 0.8)) * np.clip(0.5 + 0.5 * mottle(size, 1.6, rng), 0, 1)
    color = (
        np.array([0.78, 0.765, 0.73]) * (1 - 0.28 * vein[..., None]) * np.exp(0.02 * mottle(size, 1.2, rng))[..., None]
    )
    return Material(
        (1, 1, 1),
        albedo_image=Image(srgb8(np.clip(color, 0.02, 0.8))),
        roughness=0.22,
        reflectance=0.045,
        name="marble",
    )


def aimed(position: Vec3, at: Vec3, intensity: Vec3, inner: float, outer: float) -> Lamp:
    """A spot lamp at a position that shines at a place; half angles in degrees."""
    d = np.subtract(at, position)
    d /= np.linalg.norm(d)
    return Lamp(position, intensity, (float(d[0]), float(d[1]), float(d[2])), inner, outer)


def atelier() -> Scene:
    """The sculpture, about 2 m high with its plinth, before a sweep 11.6 m wide."""
    rng = np.random.default_rng(1917)
    stone, paint = marble(rng), Material((0.60, 0.575, 0.53), name="paper")
    white = Material((0.74, 0.73, 0.70), name="plinth")
    cobalt, vermilion = Material((0.03, 0.09, 0.48), name="cobalt"), Material((0.66, 0.10, 0.03), name="vermilion")
    viridian, ochre = Material((0.03, 0.28, 0.15), name="viridian"), Material((0.68, 0.38, 0.05), name="ochre")
    slate = Material((0.05, 0.05, 0.055), roughness=0.12, reflectance=0.045, name="black marble")
    copper = Material((0.8, 0.48, 0.35), metallic=1.0, roughness=0.45, name="copper")
    steel = Material((0.62, 0.62, 0.63), metallic=1.0, roughness=0.06, name="steel")
    gold = Material((0.8, 0.60, 0.26), metallic=1.0, roughness=0.2, name="brass")
    knot = fluted_knot(0.37, 0.205, 0.122, stone)
    knot = transformed(knot, [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # one lobe up, two to stand on
    low = float(knot.positions[:, 1].min())
    lying = PLINTH + 0.004  # the middle of the cloth on the plinth
    parts = [backdrop(paint), transformed(knot, placing((0, lying + BASE - low - 0.014, 0), -18))]
    parts.append(slabs((-0.34, -SUNK, -0.34), (0.34, PLINTH, 0.34), 0.008, white))
    parts.append(transformed(slabs((-0.31, 0, -0.2), (0.31, BASE, 0.2), 0.006, slate), placing((0, lying, 0), -18)))
    velvet = room_textures.cloth("velvet", (0.50, 0.022, 0.03), rng, 0.03)
    path = [
        (-0.26, lying, 0.0),
        (0.24, lying, 0.0),
        (0.347, lying, 0.0),
        (0.352, lying - 0.02, 0.01),
        (0.36, 0.46, 0.07),
        (0.38, 0.18, 0.10),
    ]
    path += [(0.42, 0.010, 0.05), (0.64, 0.008, 0.06), (0.84, 0.008, 0.04)]
    parts.append(moved(fitted(draped(path, 0.44, velvet, rng, 4, 110, 60, thickness=0.006), 0.44, 1.7), (0.11, 0, 0)))
    parts.append(
        transformed(slabs((-0.14, -SUNK, -0.14), (0.14, 1.34, 0.14), 0.004, cobalt), placing((-0.68, 0, -0.20), 24))
    )
    parts.append(transformed(soft_box((0.40, 0.40, 0.40), 0.012, copper), placing((-1.08, 0.2 - SUNK, 0.34), 33)))
    parts.append(sphere((-1.09, 0.40 + 0.118, 0.33), 0.12, white, 40))
    parts.append(
        transformed(slabs((-0.17, -SUNK, -0.17), (0.17, 0.14, 0.17), 0.004, ochre), placing((-0.56, 0, 0.62), -12))
    )
    parts.append(sphere((0.86, 0.24 - SUNK, 0.30), 0.24, steel, 64))
    parts.append(
        lathe([(0, -SUNK), (0.16, -SUNK), (0.16, 0.62), (0.156, 0.624), (0, 0.624)], (0.74, 0, -0.42), viridian, 64)
    )
    parts.append(
        lathe([(0, -SUNK), (0.23, -SUNK), (0.226, 0.01), (0.006, 0.44), (0, 0.442)], (1.42, 0, -0.05), vermilion, 64)
    )
    parts.append(ring((0.62, -SUNK, 0.86), 0.13, 0.024, gold))
    return Scene(
        tuple(merged([painted(m, (0.5, 0.5)) if m.uvs is None else m for m in parts])),
        eye=CAMERAS[0][0],
        target=CAMERAS[0][1],
        fov=37.0,
        environment="studio",
        name="atelier",
        lamps=(
            aimed((-2.1, 3.1, 2.2), (0.0, 1.25, 0.0), (34.0, 31.0, 26.5), 12.0, 24.0),
            aimed((2.3, 2.7, -1.1), (0.0, 1.35, 0.0), (9.0, 12.0, 16.0), 14.0, 24.0),
        ),
    )
