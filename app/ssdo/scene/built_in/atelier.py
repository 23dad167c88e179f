"""A sculpture in a studio: fluted marble before a seamless backdrop, among coloured and metal objects."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from ssdo.arrays import Doubles, to_vec3
from ssdo.scene.model import Material, Mesh, PunctualLight, Scene
from ssdo.scene.modelling.assembly import (
    UNTEXTURED_UV,
    Vec3Like,
    assign_uvs,
    make_transform,
    merge_by_material,
    transform,
    translate,
)
from ssdo.scene.modelling.fabrics import drape_cloth
from ssdo.scene.modelling.room_textures import make_cloth
from ssdo.scene.modelling.shapes import lathe, make_chamfered_boxes, make_grid, make_sphere, make_surface, make_tube
from ssdo.scene.modelling.textures import WHITE_FACTOR, generate_noise, make_albedo_texture
from ssdo.scene.modelling.upholstery import make_soft_box, repeat_uvs
from ssdo.settings import Vec3

PLINTH_HEIGHT = 0.72
BASE_HEIGHT = 0.06  # of the slab between plinth and sculpture
BACKDROP_THICKNESS = 0.02
CLOTH_Y = PLINTH_HEIGHT + 0.004  # the middle of the cloth that covers the plinth
SCULPTURE_YAW = -18
CONTACT_OVERLAP = 0.001  # objects sink into what they stand on, so that no two faces are coplanar

# (eye, target): the scene's own; close to the folds; low, over the metals
CAMERAS: tuple[tuple[Vec3, Vec3], ...] = (
    ((0.85, 1.50, 3.45), (0.04, 1.01, 0.0)),
    ((-0.95, 1.62, 2.15), (0.0, 1.30, 0.0)),
    ((1.05, 0.50, 2.90), (0.12, 0.97, -0.1)),
)


# ---- the sculpture on its plinth ----


def make_fluted_knot(
    major_radius: float,
    minor_radius: float,
    strand_radius: float,
    material: Material,
    steps: int = 1300,
    sides: int = 112,
    flutes: int = 6,
    twists: int = 10,
    flute_depth: float = 0.40,
) -> Mesh:
    """A trefoil knot on an upright torus about the origin; flutes wind around its strand. Closed and smooth.

    Radii are in metres. `flute_depth` is relative to the strand's radius. `twists`: how many flutes pass a point of the
    section on the way round. The mesh has 2 `steps` x `sides` triangles.
    """
    t, phi = np.linspace(0, 2 * np.pi, steps + 1), np.linspace(0, 2 * np.pi, sides + 1)
    outward = np.stack([np.cos(3 * t) * np.cos(2 * t), np.cos(3 * t) * np.sin(2 * t), np.sin(3 * t)], -1)
    path = major_radius * np.stack([np.cos(2 * t), np.sin(2 * t), 0 * t], -1) + minor_radius * outward
    tangents = np.gradient(np.concatenate([path[-3:-1], path, path[1:3]]), axis=0)[2:-2]
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    # the torus' normal carries the section around without a twist
    outward -= tangents * (outward * tangents).sum(1, keepdims=True)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    sideways = np.cross(tangents, outward)
    flute_angle = flutes * phi[None] + twists * t[:, None]
    groove = np.sqrt(np.sin(flute_angle / 2) ** 2 + 0.004)  # least at the crest between two flutes
    r = (strand_radius * (1 + 0.16 * np.cos(3 * t + 0.4))[:, None]) * (1 - flute_depth * groove)
    x, y = (r * np.cos(phi))[..., None], (r * np.sin(phi))[..., None]
    points = path[:, None] + x * outward[:, None] + y * sideways[:, None]
    points[-1], points[:, -1] = points[0], points[:, 0]
    return make_grid(points, material)


def make_marble(rng: Generator) -> Material:
    """White stone with faint grey veins."""
    shape = (256, 256)
    field = generate_noise(shape, 1.5, rng)
    vein: Doubles = np.exp(-((np.abs(field) / 0.05) ** 0.8)) * np.clip(
        0.5 + 0.5 * generate_noise(shape, 1.6, rng), 0, 1
    )
    clouds = np.exp(0.02 * generate_noise(shape, 1.2, rng))
    color = np.array([0.78, 0.765, 0.73]) * (1 - 0.28 * vein[..., None]) * clouds[..., None]
    return Material(
        WHITE_FACTOR, albedo_texture=make_albedo_texture(color), roughness=0.22, f0=(0.045,) * 3, name="marble"
    )


def build_sculpture(marble: Material) -> Mesh:
    """The knot with one lobe up and two to stand on, on its base."""
    knot = make_fluted_knot(0.37, 0.205, 0.122, marble)
    knot = transform(knot, [[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    lowest_y = float(knot.positions[:, 1].min())
    return transform(knot, make_transform((0, CLOTH_Y + BASE_HEIGHT - lowest_y - 0.014, 0), SCULPTURE_YAW))


def build_plinth(white: Material, slate: Material) -> list[Mesh]:
    """A square plinth, and the slab that the sculpture stands on."""
    plinth = make_chamfered_boxes((-0.34, -CONTACT_OVERLAP, -0.34), (0.34, PLINTH_HEIGHT, 0.34), 0.008, white)
    base = make_chamfered_boxes((-0.31, 0, -0.2), (0.31, BASE_HEIGHT, 0.2), 0.006, slate)
    return [plinth, transform(base, make_transform((0, CLOTH_Y, 0), SCULPTURE_YAW))]


def build_velvet(velvet: Material, rng: Generator) -> Mesh:
    """A cloth over the plinth that falls to the floor at its right."""
    y = CLOTH_Y
    on_plinth = [(-0.26, y, 0.0), (0.24, y, 0.0), (0.347, y, 0.0), (0.352, y - 0.02, 0.01)]
    falling = [(0.36, 0.46, 0.07), (0.38, 0.18, 0.10)]
    on_floor = [(0.42, 0.010, 0.05), (0.64, 0.008, 0.06), (0.84, 0.008, 0.04)]
    cloth = drape_cloth([*on_plinth, *falling, *on_floor], 0.44, velvet, rng, 4, 110, 60, thickness=0.006)
    return translate(repeat_uvs(cloth, 0.44, 1.7), (0.11, 0, 0))


# ---- the studio ----


def build_backdrop(paper: Material) -> Mesh:
    """A floor that runs up into the wall behind in one sweep, 11.6 m wide; its upper side is at y = 0."""
    front_z, back_z, bend_radius, top, half_width = 3.6, -2.2, 1.1, 4.6, 5.8
    floor_length, arc_length, wall_length = front_z - (back_z + bend_radius), bend_radius * np.pi / 2, top - bend_radius

    def sweep(u: Doubles, v: Doubles) -> npt.ArrayLike:
        s = v * (floor_length + arc_length + wall_length)
        angle = np.clip((s - floor_length) / bend_radius, 0, np.pi / 2)
        z = front_z - np.minimum(s, floor_length) - bend_radius * np.sin(angle)
        y = bend_radius * (1 - np.cos(angle)) + np.maximum(s - floor_length - arc_length, 0)
        return np.stack([(2 * u - 1) * half_width, y - BACKDROP_THICKNESS / 2, z], -1)

    return make_surface(sweep, paper, 160, 8, BACKDROP_THICKNESS)


def make_ring(position: Vec3Like, radius: float, tube_radius: float, material: Material) -> Mesh:
    """A ring that lies flat; its lowest side is at `position`."""
    t = np.linspace(0, 2 * np.pi, 97)
    path = np.stack([radius * np.cos(t), 0 * t + tube_radius, -radius * np.sin(t)], -1)
    path[-1] = path[0]
    return translate(make_tube(path, tube_radius, material, 24), position)


def build_objects(white: Material) -> list[Mesh]:
    """Coloured and metal solids around the plinth."""
    cobalt, vermilion = Material((0.03, 0.09, 0.48), name="cobalt"), Material((0.66, 0.10, 0.03), name="vermilion")
    viridian, ochre = Material((0.03, 0.28, 0.15), name="viridian"), Material((0.68, 0.38, 0.05), name="ochre")
    copper = Material((0.8, 0.48, 0.35), metallic=1.0, roughness=0.45, name="copper")
    steel = Material((0.62, 0.62, 0.63), metallic=1.0, roughness=0.06, name="steel")
    brass = Material((0.8, 0.60, 0.26), metallic=1.0, roughness=0.2, name="brass")
    y = -CONTACT_OVERLAP
    pillar = make_chamfered_boxes((-0.14, y, -0.14), (0.14, 1.34, 0.14), 0.004, cobalt)
    cube = make_soft_box((0.40, 0.40, 0.40), 0.012, copper)
    slab = make_chamfered_boxes((-0.17, y, -0.17), (0.17, 0.14, 0.17), 0.004, ochre)
    cylinder_profile = [(0, y), (0.16, y), (0.16, 0.62), (0.156, 0.624), (0, 0.624)]
    cone_profile = [(0, y), (0.23, y), (0.226, 0.01), (0.006, 0.44), (0, 0.442)]
    return [
        transform(pillar, make_transform((-0.68, 0, -0.20), 24)),
        transform(cube, make_transform((-1.08, 0.2 - CONTACT_OVERLAP, 0.34), 33)),
        make_sphere((-1.09, 0.40 + 0.118, 0.33), 0.12, white, 40),
        transform(slab, make_transform((-0.56, 0, 0.62), -12)),
        make_sphere((0.86, 0.24 - CONTACT_OVERLAP, 0.30), 0.24, steel, 64),
        lathe(cylinder_profile, (0.74, 0, -0.42), viridian, 64),
        lathe(cone_profile, (1.42, 0, -0.05), vermilion, 64),
        make_ring((0.62, y, 0.86), 0.13, 0.024, brass),
    ]


def make_spot_light(
    position: Vec3, target: Vec3, intensity: Vec3, inner_cone_angle: float, outer_cone_angle: float
) -> PunctualLight:
    """A spot light at `position` that points at `target`; half angles in degrees."""
    d = np.subtract(target, position)
    d /= np.linalg.norm(d)
    return PunctualLight(position, intensity, to_vec3(d), inner_cone_angle, outer_cone_angle)


def build_atelier() -> Scene:
    """The sculpture, about 2 m high with its plinth, before a sweep 11.6 m wide."""
    rng = np.random.default_rng(1917)
    marble, paper = make_marble(rng), Material((0.60, 0.575, 0.53), name="paper")
    white = Material((0.74, 0.73, 0.70), name="plinth")
    slate = Material((0.05, 0.05, 0.055), roughness=0.12, f0=(0.045,) * 3, name="black marble")
    velvet = make_cloth("velvet", (0.50, 0.022, 0.03), rng, 0.03)
    parts = [
        build_backdrop(paper),
        build_sculpture(marble),
        *build_plinth(white, slate),
        build_velvet(velvet, rng),
        *build_objects(white),
    ]
    parts = [assign_uvs(m, UNTEXTURED_UV) if m.uvs is None else m for m in parts]
    warm_key_light = make_spot_light((-2.1, 3.1, 2.2), (0.0, 1.25, 0.0), (34.0, 31.0, 26.5), 12.0, 24.0)
    cool_rim_light = make_spot_light((2.3, 2.7, -1.1), (0.0, 1.35, 0.0), (9.0, 12.0, 16.0), 14.0, 24.0)
    return Scene(
        tuple(merge_by_material(parts)),
        eye=CAMERAS[0][0],
        target=CAMERAS[0][1],
        fov=37.0,
        environment="studio",
        name="atelier",
        lights=(warm_key_light, cool_rim_light),
    )
