"""Our pictures beside those of Mitsuba 3, a path tracer: the camera to the pixel, the light to a stated error.

Path tracing is noisy. Two pictures with independent noise take it out (`noise_free_rmse`), so that few paths a pixel
will do. Our own noise is kept small by many frames.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from render_small import Bools, Probe, register, shoot
from ssdo.gpu.context import Gpu
from ssdo.measure.metrics import noise_free_rmse
from ssdo.render.shot import Shot, add_shot_flags, take_wanted
from ssdo.scene import built_in, environment
from ssdo.scene.model import Floats, Image, Material, Mesh, Scene
from ssdo.scene.modelling.shapes import box, boxes, lathe, placing, quad, sphere, transformed
from ssdo.settings import Parser, Vec3, parse

pytest.importorskip("mitsuba")

import mitsuba_reference as truth

SMALL = ("--width", "96", "--height", "96")

STONE = Material((0.72, 0.70, 0.66))
PLASTER = Material((0.62, 0.16, 0.10))
LIME = Material((0.75, 0.73, 0.68))
WOOD = Material((0.45, 0.28, 0.14))
BLUE = Material((0.15, 0.25, 0.60))
GREEN = Material((0.20, 0.50, 0.15))
WHITE = Material((0.73, 0.71, 0.68))
OCHRE = Material((0.80, 0.60, 0.20))


@dataclass(frozen=True)
class Piece:
    """A mesh and where a glTF node puts it: metres, degrees about +y (from +z to +x), a factor."""

    mesh: Mesh
    offset: Vec3 = (0.0, 0.0, 0.0)
    turn: float = 0.0
    factor: float = 1.0


@dataclass(frozen=True)
class Room:
    """A scene for a file, and the flags of the camera that looks at it."""

    pieces: Sequence[Piece]
    camera: Sequence[str]

    @property
    def scene(self) -> Scene:
        """The same in world space, without a file."""
        return Scene(tuple(transformed(p.mesh, placing(p.offset, p.turn, p.factor)) for p in self.pieces))


def cell() -> Room:
    """2 x 2 x 2 m: a floor, three walls, two blocks, a ball; open above and to the south. The room of the prototype's
    figures.
    """
    pieces = [
        Piece(quad((-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1), WHITE)),
        Piece(quad((-1, 0, -1), (1, 0, -1), (1, 2, -1), (-1, 2, -1), WHITE)),
        Piece(quad((-1, 0, 1), (-1, 0, -1), (-1, 2, -1), (-1, 2, 1), PLASTER)),
        Piece(quad((1, 0, -1), (1, 0, 1), (1, 2, 1), (1, 2, -1), GREEN)),
        Piece(box((-0.28, 0, -0.28), (0.28, 1.2, 0.28), WHITE), (-0.35, 0.0, -0.35), 17.2),
        Piece(box((-0.56, 0, -0.56), (0.56, 1.0, 0.56), WHITE), (0.45, 0.0, 0.3), -17.2, 0.5),
        Piece(sphere((0, 0, 0), 1.0, OCHRE), (0.45, 0.75, 0.3), 0.0, 0.25),
    ]
    return Room(pieces, ("--camera.eye", "0,1,3.4", "--camera.target", "0,0.95,0", "--camera.fov", "40"))


def court() -> Room:
    """6 x 5 m, walls 3 m high in the north and the west, an arcade along the north; a table, a block, a chest, a vase,
    two balls.
    """
    pillars = np.array([[x, 0.0, -1.4] for x in (-2.7, -1.0, 0.7, 2.4)])
    legs = np.array([[x, 0.0, z] for x in (-0.5, 0.5) for z in (-0.3, 0.3)])
    pieces = [
        Piece(box((-3.0, -0.1, -2.5), (3.0, 0.0, 2.5), STONE)),
        Piece(box((-3.1, 0.0, -2.6), (3.0, 3.0, -2.5), LIME)),
        Piece(box((-3.1, 0.0, -2.5), (-3.0, 3.0, 2.5), PLASTER)),
        Piece(box((-3.0, 2.25, -2.5), (3.0, 2.45, -1.2), LIME)),
        Piece(boxes(pillars - (0.12, 0, 0.12), pillars + (0.12, 2.25, 0.12), STONE)),
        Piece(box((-0.6, 0.68, -0.4), (0.6, 0.74, 0.4), WOOD), (-0.9, 0.0, 0.5), 20.0),
        Piece(boxes(legs - (0.04, 0, 0.04), legs + (0.04, 0.68, 0.04), WOOD), (-0.9, 0.0, 0.5), 20.0),
        Piece(sphere((0, 1, 0), 1.0, GREEN), (-0.8, 0.74, 0.45), 0.0, 0.22),
        Piece(box((-0.5, 0, -0.5), (0.5, 1, 0.5), BLUE), (1.2, 0.0, -0.3), -35.0, 0.8),
        Piece(sphere((0, 1, 0), 1.0, OCHRE), (0.8, 0.0, 1.2), 0.0, 0.35),
        Piece(lathe([(0, 0), (0.25, 0), (0.35, 0.5), (0.2, 0.8), (0, 0.8)], (0, 0, 0), GREEN), (-2.4, 0.0, 1.6)),
        Piece(box((-0.15, 0, -0.6), (0.15, 1.7, 0.6), WOOD), (-2.7, 0.0, -0.2)),
    ]
    return Room(pieces, ("--camera.eye", "3.6,1.9,5.2", "--camera.target", "-0.5,0.85,-0.6", "--camera.fov", "44"))


def write_glb(path: Path, pieces: Sequence[Piece]) -> None:
    """Binary glTF 2.0: a node, a mesh and a material for each piece."""
    data = bytearray()
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []

    def accessor(values: npt.NDArray[Any], kind: str, component: int) -> int:
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": values.nbytes})
        data.extend(values.tobytes())
        bounds = {"min": values.min(0).tolist(), "max": values.max(0).tolist()} if kind == "VEC3" else {}
        accessors.append(
            {"bufferView": len(views) - 1, "componentType": component, "count": len(values), "type": kind, **bounds}
        )
        return len(accessors) - 1

    nodes, meshes, materials = [], [], []
    for i, piece in enumerate(pieces):
        mesh = piece.mesh
        attributes = {"POSITION": accessor(mesh.positions.astype("<f4"), "VEC3", 5126)}
        if mesh.normals is not None:
            attributes["NORMAL"] = accessor(mesh.normals.astype("<f4"), "VEC3", 5126)
        indices = accessor(mesh.triangles.ravel().astype("<u4"), "SCALAR", 5125)
        half = np.radians(piece.turn) / 2
        nodes.append(
            {
                "mesh": i,
                "translation": piece.offset,
                "rotation": [0, np.sin(half), 0, np.cos(half)],
                "scale": [piece.factor] * 3,
            }
        )
        meshes.append({"primitives": [{"attributes": attributes, "indices": indices, "material": i}]})
        materials.append(
            {
                "pbrMetallicRoughness": {"baseColorFactor": [*mesh.material.albedo, 1.0], "metallicFactor": 0.0},
                "doubleSided": True,
            }
        )
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": materials,
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(data), b"BIN\0") + data
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


# ---- pictures -----------------------------------------------------------------------------------------------------------


def shot_of(*flags: str) -> Shot:
    """A shot from flags as a user gives them: 320 x 180 pixels, no blur, no sun unless they say otherwise."""
    parser = Parser()
    add_shot_flags(parser)
    plain = ("--width", "320", "--height", "180", "--denoise.radius", "0", "--sun.irradiance", "0")
    return take_wanted(parse(parser, (*plain, *flags))).shots()[0]


def file_of(room: Room, folder: Path) -> Sequence[str]:
    """The flags that show a room from a file."""
    write_glb(folder / "room.glb", room.pieces)
    # glTF has no surface without gloss
    return ("--scene", str(folder / "room.glb"), "--material-override", "diffuse", *room.camera)


def photographed(gpu: Gpu, shot: Shot) -> Probe:
    return shoot(gpu, shot.values())


def traced(scene: Scene, shot: Shot, depth: int, spp: int, seed: int = 1) -> Floats:
    """Mitsuba's picture of a shot, (h, w, 3) linear radiance, 0 behind the surfaces."""
    shot = shot.resolved(scene)
    light = environment.load(shot.environment or scene.environment, shot.frame(scene, 0).sun_direction)
    return truth.radiance(truth.build(scene, shot, light), depth, spp, seed)


def inside(where: Bools) -> Bools:
    """Pixels whose eight neighbours are marked as well: there Mitsuba's average over the pixel shows the same surface
    as its centre.
    """
    w = np.pad(where, 1)
    return np.logical_and.reduce(
        [w[1 + j : w.shape[0] - 1 + j, 1 + i : w.shape[1] - 1 + i] for j in (-1, 0, 1) for i in (-1, 0, 1)]
    )


def _sky(sun: Vec3) -> Floats:
    """A dim sky with a warm and a blue patch, wide enough to be no sun: what tells one direction from another."""
    h, w = 256, 512
    v, u = np.meshgrid((np.arange(h) + 0.5) / h, (np.arange(w) + 0.5) / w, indexing="ij")
    sky = np.array([0.25, 0.3, 0.4]) * (1.2 - v)[..., None]
    # from the south-west
    sky += np.exp(-(((u - 0.62) / 0.03) ** 2) - ((v - 0.3) / 0.05) ** 2)[..., None] * np.array([30, 22, 12])
    sky += np.exp(-(((u - 0.40) / 0.05) ** 2) - ((v - 0.35) / 0.08) ** 2)[..., None] * np.array([1, 3, 9])
    return sky.astype(np.float32)


@pytest.fixture(autouse=True)
def _patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment by name that has a direction."""
    monkeypatch.setitem(environment.BUILT_IN, "patches", _sky)


# ---- tests --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [cell(), court()], ids=["cell", "court"])
def test_a_file_lands_on_the_same_pixels(gpu: Gpu, tmp_path: Path, room: Room) -> None:
    """Nodes, camera and projection: what each of the two sees at the centre of each pixel."""
    shot = shot_of(*file_of(room, tmp_path), "--technique", "off")
    ours = photographed(gpu, shot)
    theirs = truth.surfaces(truth.build(room.scene, shot.resolved(room.scene), None, centred=True))
    assert 0.3 < theirs.covered.mean() < 1  # there is a background to differ on
    assert (ours.surface != theirs.covered).mean() < 1e-3  # measured: 0 and 1 of 57600 pixels
    # Where two surfaces meet or one ends rounding decides; elsewhere positions agree to 1e-5 of the distance.
    both = ours.surface & theirs.covered
    apart = np.linalg.norm(ours.position - theirs.position, axis=-1) / np.where(both, ours.depth, 1)
    same = (
        both
        & (apart < 1e-4)
        & ((ours.normal * theirs.normal).sum(-1) > 0.999)
        & (np.abs(ours.albedo - theirs.albedo).max(-1) < 1e-3)
    )
    assert same.sum() > 0.999 * both.sum()


def dark(scene: Scene) -> Scene:
    """A scene whose surfaces do not emit."""
    return replace(
        scene, meshes=tuple(replace(m, material=replace(m.material, emission=(0.0, 0.0, 0.0))) for m in scene.meshes)
    )


class Errors(NamedTuple):
    """RMSE of linear radiance against path tracing with rays of unlimited length, on surfaces."""

    ssao_direct: float
    ssdo_direct: float
    ssao_bounce: float
    ssdo_bounce: float


def errors(gpu: Gpu, name: str, scene: Scene, flags: Sequence[str], across: float) -> Errors:
    """SSAO at its best radius and visibility, SSDO with a radius of `across` metres; both with 64 steps, over many
    frames.

    Printed as a row of the README's table: `pytest -s tests/test_mitsuba.py -k against`.
    """
    flags = (*flags, "--environment", "patches")
    direct, bounce = (
        [traced(scene, shot_of(*flags), depth, 32, seed) for seed in (1, 2)] for depth in (truth.DIRECT, truth.BOUNCE)
    )

    def ours(technique: str, radius: float, visibility: str, frames: int) -> Probe:
        own = {"radius": f"{radius}", "visibility": visibility, "samples": "32", "steps": "64"}
        given = [word for key, value in own.items() for word in (f"--{technique}.{key}", value)]
        return photographed(gpu, shot_of(*flags, "--technique", technique, *given, "--accumulated-frames", str(frames)))

    ssao = [
        ours("ssao", across * share, visibility, 3)
        for visibility in ("ray-march", "single-sample")
        for share in (0.1, 0.2, 0.3, 0.4, 0.55, 0.75, 1.0)
    ]
    ssdo = ours("ssdo", across, "march", 16)
    found = Errors(
        min(noise_free_rmse(p.radiance, direct, p.surface) for p in ssao),
        noise_free_rmse(ssdo.albedo / np.pi * ssdo.direct, direct, ssdo.surface),  # what --ssdo.bounce off shows
        min(noise_free_rmse(p.radiance, bounce, p.surface) for p in ssao),
        noise_free_rmse(ssdo.radiance, bounce, ssdo.surface),
    )
    a, b = found.ssdo_direct / found.ssao_direct, found.ssdo_bounce / found.ssao_bounce
    print(f"\n| {name} | " + " | ".join(f"{x:.3f}" for x in (*found[:2], a, *found[2:], b)) + " |")
    return found


def test_against_path_tracing_in_a_room(gpu: Gpu, tmp_path: Path) -> None:
    """Measured: 0.45 of SSAO's error in direct light, 0.41 with the bounce. What is left is light that things thinner
    than the radius are taken to hide: with a thickness of 0.4 m it is 0.37 and 0.26.
    """
    room = cell()
    e = errors(gpu, "a furnished room", room.scene, file_of(room, tmp_path), 2 * np.sqrt(2))  # the floor's diagonal
    assert e.ssdo_direct <= 0.5 * e.ssao_direct
    assert e.ssdo_bounce <= 0.5 * e.ssao_bounce


def test_against_path_tracing_in_the_cornell_box(gpu: Gpu) -> None:
    name = register("dark cornell", lambda: dark(built_in.load("cornell")))
    e = errors(gpu, "`cornell`, lamp off", built_in.load(name), ("--scene", name), 7.8)
    assert e.ssdo_direct <= 0.5 * e.ssao_direct
    assert e.ssdo_bounce <= 0.5 * e.ssao_bounce


def test_against_path_tracing_in_the_courtyard(gpu: Gpu) -> None:
    """Where the camera stands inside, the walls behind it hide nothing in screen space: SSDO is no better than SSAO
    there.

    Measured 1.17 and 1.15. A change that leaves this band is news, for better or worse.
    """
    name = register("dark courtyard", lambda: dark(built_in.load("courtyard")))
    e = errors(gpu, "`courtyard`, no sun", built_in.load(name), ("--scene", name), 12.0)
    assert 0.9 < e.ssdo_direct / e.ssao_direct < 1.3
    assert 0.9 < e.ssdo_bounce / e.ssao_bounce < 1.3


@pytest.mark.parametrize("rotation", [0.0, 65.0])
def test_the_environment_stands_where_it_should(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, rotation: float) -> None:
    """A ball alone, which hides nothing from itself, shows the irradiance of every direction."""
    scene = Scene((sphere((0, 0, 0), 1.0, WHITE, rings=96),), eye=(2.0, 1.5, 3.0), target=(0.0, 0.0, 0.0), fov=40.0)
    monkeypatch.setitem(built_in.BUILT_IN, "ball-alone", lambda: scene)
    shot = shot_of(
        "--scene",
        "ball-alone",
        "--technique",
        "off",
        *SMALL,
        "--environment",
        "patches",
        "--sky.rotation",
        str(rotation),
    )
    ours = photographed(gpu, shot)
    theirs = [traced(scene, shot, truth.DIRECT, 128, seed) for seed in (1, 2)]
    where = inside(ours.surface)
    # Measured: 0.004 and 0.008 with 256 paths; 0.014 is what the noise of 128 leaves.
    assert noise_free_rmse(ours.radiance, theirs, where) < 0.03 * theirs[0][where].mean()


def test_sunlight_and_its_shadows(gpu: Gpu, tmp_path: Path) -> None:
    """A point-like sun in a black sky: irradiance, direction, shadows."""
    room = court()
    sun = (
        "--sun.azimuth",
        "120",
        "--sun.elevation",
        "40",
        "--sun.irradiance",
        "3",
        "--sun.color",
        "1,0.8,0.5",
        "--sun.angular_diameter",
        "0",
    )
    shot = shot_of(*file_of(room, tmp_path), "--technique", "off", "--environment", "black", *sun)
    ours = photographed(gpu, shot)
    theirs = traced(room.scene, shot, truth.DIRECT, 16)
    apart = np.abs(ours.radiance - theirs).max(-1)[inside(ours.surface)]
    assert np.median(apart) < 1e-3  # measured: 0.0002 of 0.76
    assert (apart > 0.02).mean() < 0.08  # measured: 0.051, where a shadow ends within a pixel


def test_light_from_a_surface_that_emits(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """A glowing wall and a floor before it in the dark: the bounce of what is emitted is Mitsuba's direct light of an
    area.
    """
    floor = quad((-2, 0, 2), (2, 0, 2), (2, 0, -1), (-2, 0, -1), WHITE)
    wall = quad(
        (-2, 0, -1), (2, 0, -1), (2, 1.5, -1), (-2, 1.5, -1), Material((0.0, 0.0, 0.0), emission=(3.0, 2.0, 1.0))
    )
    scene = Scene((floor, wall), eye=(0.0, 2.2, 4.5), target=(0.0, 0.6, 0.0), fov=45.0, environment="black")
    monkeypatch.setitem(built_in.BUILT_IN, "glow", lambda: scene)
    ssdo = (
        "--technique",
        "ssdo",
        "--ssdo.radius",
        "4",
        "--ssdo.samples",
        "64",
        "--ssdo.steps",
        "64",
        "--accumulated-frames",
        "3",
    )
    shot = shot_of("--scene", "glow", *ssdo, *SMALL)
    ours = photographed(gpu, shot)
    theirs = [traced(scene, shot, truth.DIRECT, 64, seed) for seed in (1, 2)]
    where = inside(ours.surface & (ours.albedo[..., 0] > 0))
    mean = theirs[0][where].mean()
    # measured: 0.030, rays that pass the wall's edge between two steps
    assert abs(ours.radiance[where].mean() / mean - 1) < 0.05
    # measured: 0.078, most of it our noise beside the wall
    assert noise_free_rmse(ours.radiance, theirs, where) < 0.12 * mean


def test_images_lie_the_same_way(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four colours on a slanted wall: left is left, up is up, sRGB becomes linear."""
    image = np.full((64, 64, 4), 255, np.uint8)
    image[..., :3] = [20, 120, 220]
    image[:32, :32, :3], image[:32, 32:, :3], image[32:, :32, :3] = [200, 40, 40], [40, 188, 40], [128, 128, 30]
    wall = quad(
        (-1, -1, 0), (1, -1, 0.5), (1, 1, 0.5), (-1, 1, 0), Material((0.9, 0.8, 0.7), albedo_image=Image(image))
    )
    scene = Scene((wall,), eye=(0.0, 0.5, 4.0), target=(0.0, 0.0, 0.0), fov=40.0)
    monkeypatch.setitem(built_in.BUILT_IN, "signs", lambda: scene)
    shot = shot_of("--scene", "signs", "--technique", "off", *SMALL)
    ours = photographed(gpu, shot)
    theirs = truth.surfaces(truth.build(scene, shot.resolved(scene), None, centred=True))
    apart = np.abs(ours.albedo - theirs.albedo).max(-1)[inside(ours.surface)]
    assert np.median(apart) < 2e-3  # measured: 0.0007, the half floats of the G-buffer
    assert (apart > 0.01).mean() < 0.1  # filters differ where two colours meet
