"""Ground truth itself: its tree against brute force, its light against closed forms and against Mitsuba."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from render_small import Bools, Doubles, Probe, binomial, occlusion, register, shoot
from ssdo.gpu.context import Gpu
from ssdo.render import bvh
from ssdo.render.shot import Shot
from ssdo.scene import built_in, environment
from ssdo.scene.model import Floats, Image, Material, Mesh, Scene
from ssdo.scene.modelling.shapes import quad, sphere
from test_closed_forms import HALF, ball, near_origin, ray

TRUE = {"technique": "reference", "reference.rays": 16, "sun.irradiance": 0.0}


# ---- the tree -----------------------------------------------------------------------------------------------------------


def crossed(triangles: Doubles, origin: Doubles, w: Doubles) -> Doubles:
    """Distances (n,) along a ray to triangles (n, 3, 3), inf where it misses."""
    a, e, f = triangles[:, 0], triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    p, s = np.cross(w, f), origin - a
    q, d = np.cross(s, e), (e * p).sum(-1)
    with np.errstate(all="ignore"):
        u, v, t = (s * p).sum(-1) / d, (w * q).sum(-1) / d, (f * q).sum(-1) / d
        inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
    found: Doubles = np.where((np.cross(e, f) != 0).any(-1) & (d != 0) & inside, t, np.inf)
    return found


def walked(tree: bvh.Tree, triangles: Doubles, origin: Doubles, w: Doubles) -> tuple[float, int]:
    """The nearest hit as the shader finds it, and how many triangles were tried."""
    node, nearest, tried = 0, np.inf, 0
    with np.errstate(all="ignore"):
        while node < len(tree.nodes):
            low, high = tree.nodes[node].astype("f8")
            a, b = (low[:3] - origin) / w, (high[:3] - origin) / w
            begin, end = np.minimum(a, b).max(), np.maximum(a, b).min() * (1 + 1e-6)
            if end < 0 or begin > end or begin > nearest:
                node = int(low[3])
                continue
            node += 1
            i = int(high[3])
            while i >= 0:
                nearest, tried = min(nearest, float(crossed(triangles[tree.order[i]][None], origin, w)[0])), tried + 1
                i = -1 if tree.last[i] else i + 1
    return nearest, tried


def soup(count: int, scale: float = 1.0, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    found: Floats = (scale * (rng.random((count, 1, 3)) + 0.15 * rng.random((count, 3, 3)))).astype("f4")
    return found


SOUPS = {
    "some": soup(700),
    "one": soup(1),
    "none": soup(0),
    "all the same": np.repeat(soup(1), 100, 0),
    "degenerate": np.concatenate([soup(100), np.repeat(soup(50, seed=1)[:, :1], 3, 1), soup(50, seed=2)[:, [0, 1, 1]]]),
    "huge": soup(300, 1e12),
    "ever smaller": (soup(200) * (0.5 ** np.arange(200, dtype="f8") ** 0.9)[:, None, None]).astype("f4"),
    "flat": soup(300) * np.array((1, 0, 1), "f4"),
}


@pytest.mark.parametrize("name", SOUPS)
def test_the_tree_finds_what_brute_force_finds(name: str) -> None:
    triangles = SOUPS[name]
    tree = bvh.build(triangles)
    assert sorted(tree.order) == list(range(len(triangles)))
    exact = triangles.astype("f8")
    size = float(np.abs(triangles).max()) if len(triangles) else 1.0
    rng = np.random.default_rng(1)
    tried = hits = 0
    for _ in range(60):
        origin, w = size * (rng.random(3) * 3 - 1), rng.standard_normal(3)
        if len(triangles) and rng.random() < 0.7:
            w = exact[rng.integers(len(exact))].mean(0) - origin
        w /= np.linalg.norm(w)
        expected = float(crossed(exact, origin, w).min(initial=np.inf))
        found, count = walked(tree, exact, origin, w)
        assert np.isclose(found, expected, rtol=1e-9, atol=0)
        tried, hits = tried + count, hits + (expected < np.inf)
    assert hits > 20 or name in ("none", "one", "flat", "ever smaller")
    if name == "some":
        assert tried < 60 * 70, "a tenth of the triangles at most: measured 2 %"


def test_boxes_hold_what_is_below_them() -> None:
    triangles = soup(500)
    tree = bvh.build(triangles)
    k = len(tree.nodes)
    for i, (low, high) in enumerate(tree.nodes):
        inside = tree.nodes[i : int(low[3])]
        assert (inside[:, 0, :3] >= low[:3]).all() and (inside[:, 1, :3] <= high[:3]).all()
        assert i < low[3] <= k


def test_a_million_triangles(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    triangles = (100 * rng.random((1_000_000, 1, 3), "f4") + rng.random((1_000_000, 3, 3), "f4")).astype("f4")
    start = time.perf_counter()
    tree = bvh.build(triangles)
    with capsys.disabled():
        print(f" [tree of a million triangles: {time.perf_counter() - start:.1f} s, {len(tree.nodes)} nodes]", end="")
    assert tree.last.sum() == (tree.nodes[:, 1, 3] >= 0).sum()


# ---- closed forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tilt", [0, 45, 85])
@pytest.mark.parametrize("distance", [1, 10, 100, 1000])
def test_f1_a_plane_is_open(gpu: Gpu, tilt: int, distance: int) -> None:
    p = shoot(gpu, TRUE | {"scene": f"plane:tilt={tilt},distance={distance}"})
    assert p.open.min() == 1.0
    assert np.abs(p.direct / np.pi - 1).max() < HALF
    assert not p.indirect.any()


def z_scores(open_share: Any, exact: Any, rays: int, slack: float = HALF) -> None:
    """No pixel strays farther than chance lets the worst of so many, and their mean no farther than theirs."""
    error = open_share - exact
    assert error.size > 10
    # The G-buffer's half floats turn normals by 1 / 2048
    assert (np.abs(error) < binomial(exact, rays, 4.5) + slack + 1 / rays).all()
    assert abs(error.mean()) < binomial(float(np.mean(exact)), rays * error.size, 4.0) + slack


@pytest.mark.parametrize("reach", [1.0, None])
def test_f2_a_corner(gpu: Gpu, reach: float | None) -> None:
    limit = {"reference.max_distance": reach} if reach else {}
    p = shoot(gpu, TRUE | {"scene": "corner:distance=0.25", "accumulated_frames": 16} | limit)
    c = 0.25 - p.position[..., 0]
    where = near_origin(p) & (c > 0.02) & (c < 0.95)
    # unlimited: the wall is 50 m high and far wider than it is near
    exact = 1 - ray(c[where]) if reach else np.full(where.sum(), 0.5) + c[where] / 100
    z_scores(p.open[where], exact, 256)


def seen(corners: Doubles, position: Doubles, normal: Doubles) -> Doubles:
    """The cosine-weighted share (n,) of the hemisphere that a polygon above the horizon covers: Lambert's sum over its
    edges.
    """
    rays = corners[None] - position[:, None]
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    following = np.roll(rays, -1, 1)
    across, angle = np.cross(rays, following), np.arccos(np.clip((rays * following).sum(-1), -1, 1))
    edges = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-12) * angle[..., None]
    share: Doubles = np.abs((edges.sum(1) * normal).sum(-1)) / (2 * np.pi)
    return share


def test_f2b_a_niche(gpu: Gpu) -> None:
    """1/4 but for what the walls, 50 m high and wide, leave open; on each of the three."""
    p = shoot(gpu, TRUE | {"scene": "niche", "accumulated_frames": 16})
    walls = np.array([[(0, 0, 0), (0, 0, 50), (0, 50, 50), (0, 50, 0)]], "f8")
    walls = np.stack([np.roll(walls[0], axis, -1) for axis in range(3)])
    for axis in range(3):
        where = p.surface & (np.abs(p.position[..., axis]) < 1e-3) & (np.delete(p.position, axis, -1) > 0.05).all(-1)
        position = p.position[where]
        exact = 1 - sum(seen(walls[other], position, np.eye(3)[axis]) for other in range(3) if other != axis)
        assert np.abs(exact - 0.25).max() < 0.02
        z_scores(p.open[where], exact, 256)


def test_f3_a_fence(gpu: Gpu) -> None:
    p = shoot(
        gpu, TRUE | {"scene": "fence", "camera.fov": 60.0, "camera.target": (0.3, 0.0, 0.0), "accumulated_frames": 16}
    )
    where = near_origin(p) & (p.position[..., 0] < 0.95)
    d = 1 - p.position[..., 0][where]
    z_scores(p.open[where], 1 - (1 - d / np.sqrt(d * d + 1)) / 2, 256)


@pytest.mark.parametrize("angle", [60, 120])
def test_f4_a_groove(gpu: Gpu, angle: int) -> None:
    p = shoot(gpu, TRUE | {"scene": f"groove:angle={angle}", "accumulated_frames": 8})
    where = p.surface & (np.abs(p.position[..., 2]) < 1)
    z_scores(p.open[where], np.full(where.sum(), (1 - np.cos(np.radians(angle))) / 2), 128, slack=0.01)  # faces of 50 m


def test_f5_a_trench(gpu: Gpu) -> None:
    p = shoot(gpu, TRUE | {"scene": "trench", "accumulated_frames": 16})
    where = near_origin(p) & (np.abs(p.position[..., 0]) < 0.03)
    z_scores(p.open[where], np.full(where.sum(), 1 / np.sqrt(2)), 256)


def test_f6_a_ball_on_a_floor(gpu: Gpu) -> None:
    p = shoot(gpu, TRUE | {"scene": "ball", "accumulated_frames": 8})
    x = np.hypot(p.position[..., 0], p.position[..., 2])
    where = p.surface & (np.abs(p.position[..., 1]) < 1e-3) & (x > 0.2) & (x < 6)
    z_scores(p.open[where], 1 - (1 / np.sqrt(x[where] ** 2 + 1)) ** 3, 128)
    i = np.argwhere(where)[where.sum() // 2]
    assert (
        abs(occlusion(p.normal[tuple(i)], p.position[tuple(i)], ball) - (1 / np.sqrt(x[tuple(i)] ** 2 + 1)) ** 3) < 1e-3
    )


def test_f7_a_bowl(gpu: Gpu) -> None:
    """rho / 2 + rho^2 / 4 with one bounce, rho / (2 - rho) with all of them."""
    for bounces, exact in ((1, 0.25 + 0.0625), (8, sum(0.5**k for k in range(2, 20, 2)))):
        p = shoot(gpu, TRUE | {"scene": "bowl", "accumulated_frames": 4, "reference.max_bounces": bounces})
        inside = p.surface & (p.position[..., 1] < -0.2)
        z_scores(p.open[inside], np.full(inside.sum(), 0.5), 64)
        assert abs(p.radiance[inside].mean() - exact) < 0.002  # measured 0.0004; facets stand for the sphere
    assert abs(exact - 0.5 / 1.5) < 1e-4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_f8_a_linear_environment(gpu: Gpu, axis: int) -> None:
    p = shoot(
        gpu,
        TRUE
        | {
            "scene": "corner",
            "environment": f"ramp-{'xyz'[axis]}",
            "accumulated_frames": 16,
            "reference.max_distance": 1.0,
        },
    )
    c = 0.25 - p.position[..., 0]
    where = near_origin(p) & (c > 0.05) & (c < 0.95)
    c, b = c[where], np.eye(3)[axis]
    exact = (
        np.pi * (1 - ray(c))
        - b[0] * 2 / 3 * (1 - c * c) ** 1.5
        + b[1] * (2 * np.pi / 3 - np.pi / 2 * (2 / 3 - c + c**3 / 3))
    )
    error = p.direct[..., 0][where] - exact
    assert np.abs(error).max() < 4.5 * 2 * np.pi * 0.5 / 16  # radiance up to 2, 256 rays
    assert abs(error.mean()) < 4 * np.pi / 16 / np.sqrt(where.sum()) + np.pi * HALF


def test_f9_half_a_sky(gpu: Gpu) -> None:
    p = shoot(
        gpu, TRUE | {"scene": "ball", "environment": "half", "accumulated_frames": 8, "reference.max_distance": 1e-3}
    )
    exact = (1 + p.normal[..., 1][p.surface]) / 2
    # one row of the map, 0.7 degrees, is between 0 and 1
    assert (np.abs(p.direct[..., 0][p.surface] / np.pi - exact) < binomial(exact, 128, 5.0) + 0.02).all()


def test_f10_a_glowing_room_is_closed(gpu: Gpu) -> None:
    """No ray finds a gap, not even beside an edge."""
    p = shoot(gpu, TRUE | {"scene": "room", "camera.fov": 100.0, "accumulated_frames": 2})
    inner = p.surface & ((np.abs(p.position) > 1 - 1e-4).sum(-1) == 1)
    assert not p.direct[inner].any() and not p.open[inner].any()
    assert np.abs(p.indirect[inner] / np.pi - 1).max() < 1e-5


@pytest.mark.parametrize("reach", [0.7, None])
def test_a_white_furnace_stays_white(gpu: Gpu, reach: float | None) -> None:
    """Albedo 1 in light 1: what the last bounce does not find is all that is lost."""
    ground = quad((-50, 0, 50), (50, 0, 50), (50, 0, -50), (-50, 0, -50), Material((1.0, 1.0, 1.0)))
    name = register(
        "white yard",
        lambda: Scene(
            (ground, sphere((0, 1, 0), 1.0, Material((1.0, 1.0, 1.0)))), (0.0, 3.0, 5.0), (0.0, 0.5, 0.0), 40.0
        ),
    )
    p = shoot(
        gpu, TRUE | {"scene": name, "reference.max_bounces": 8} | ({"reference.max_distance": reach} if reach else {})
    )
    total = (p.direct + p.indirect)[p.surface] / np.pi
    assert total.max() < 1 + 1e-5
    assert total.mean() > 0.995
    assert (total > 0.999).mean() > 0.85


# ---- a small bright light far away ----------------------------------------------------------------------------------------

ROWS, COLUMNS = 32, 64


class Spot(NamedTuple):
    """Directions (n, 3) of a texel's light, the height (n,) of its tent and the solid angle (n,) around each."""

    w: Doubles
    height: Doubles
    solid: Doubles

    @property
    def light(self) -> Doubles:
        """The irradiance (n,) each brings to a surface that faces it."""
        return 1000 * self.height * self.solid


def spot(
    monkeypatch: pytest.MonkeyPatch, row: int, column: int, rotation: float = 0.0, count: int = 32
) -> tuple[dict[str, Any], Spot]:
    """A black environment, 64 x 32, with one texel of radiance 500, twice as bright by sky.intensity, as a shot's
    values and as an integral.

    Bilinear interpolation makes it a tent two texels wide, of half the width where it is cut by a pole, whose row
    reaches up to it.
    """
    radiance = np.zeros((ROWS, COLUMNS, 3), "f4")
    radiance[row, column] = 500, 250, 0
    monkeypatch.setitem(environment.BUILT_IN, f"spot {row} {column}", lambda sun: radiance)
    offset = (np.arange(2 * count) + 0.5) / count - 1
    v, u = np.meshgrid(row + 0.5 + offset, column + 0.5 + offset, indexing="ij")
    height = 1 - np.abs(u - column - 0.5)
    height *= np.where((v < 0.5) | (v > ROWS - 0.5), 1.0, 1 - np.abs(v - row - 0.5)) * ((v > 0) & (v < ROWS))
    theta, phi = v / ROWS * np.pi, 2 * np.pi * (u / COLUMNS + rotation / 360)
    w = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), -np.sin(theta) * np.cos(phi)], -1)
    solid = np.sin(theta) * np.pi / ROWS * 2 * np.pi / COLUMNS / count**2
    lit = height.ravel() > 0
    values = {"environment": f"spot {row} {column}", "sky.rotation": rotation, "sky.intensity": 2.0}
    return values, Spot(w.reshape(-1, 3)[lit], height.ravel()[lit], solid.ravel()[lit])


def expected(light: Spot, cosine: Doubles) -> tuple[Doubles, Doubles]:
    """Irradiance (pixels,), and its standard deviation by one ray aimed as densely as the tent is high together with
    one that goes anywhere, which meets what is left of the spot: as bright as the cap, that is `dim`. cosine (pixels,
    n) is 0 where hidden.
    """
    exact = cosine @ light.light
    density = light.height / (light.height @ light.solid) * light.solid / np.sqrt(1 - light.w[:, 1] ** 2)
    density /= density.sum()
    dim = environment.BRIGHT * 500 * (light.height @ light.solid) / (4 * np.pi)
    return exact, np.sqrt(
        np.maximum(cosine**2 @ (light.light**2 / density) - exact**2, 0)
        + np.pi * cosine @ ((dim * light.height) ** 2 * light.solid)
    )


def agrees(found: Any, exact: Doubles, deviation: Doubles, light: Spot, rays: int) -> None:
    """Every pixel within 5 of its own standard errors, their mean within 4 of its. Normals are off by 1 / 2048. Errors
    are no bell where one of the rays that go anywhere meets the spot: such pixels may stray farther.
    """
    off = light.light.sum() * HALF
    assert found.size > 50
    assert (np.abs(found - exact) > 5 * deviation / np.sqrt(rays) + off).mean() < rays * light.solid.sum() / np.pi
    assert abs((found - exact).mean()) < 4 * np.sqrt((deviation**2).mean() / rays / found.size) + off


@pytest.mark.parametrize(
    "row, column, rotation",
    [(9, 20, 0), (12, 0, 0), (7, 63, 0), (0, 11, 0), (1, 40, 0), (30, 3, 0), (31, 3, 0), (9, 20, 100), (12, 63, -35)],
)
def test_a_small_bright_light_is_found(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, row: int, column: int, rotation: float
) -> None:
    """On a ball, by every normal, with 8 rays: at the seam, at the poles, turned."""
    values, light = spot(monkeypatch, row, column, rotation)
    p = shoot(gpu, TRUE | values | {"scene": "ball", "reference.rays": 8, "reference.max_distance": 1e-3})
    cosine = np.maximum(p.normal[p.surface].astype("f8") @ light.w.T, 0)
    exact, deviation = expected(light, cosine)
    agrees(p.direct[p.surface][:, 0], exact, deviation, light, 8)
    assert abs(p.direct[..., 1].mean() / p.direct[..., 0].mean() - 0.5) < 2e-3 and not p.direct[..., 2].any()


@pytest.mark.parametrize("reach", [None, 1.2])
def test_a_small_bright_light_is_hidden(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, reach: float | None) -> None:
    """A fence hides all of it, part of it, nothing; with a reach, only where it is that near."""
    values, light = spot(monkeypatch, 8, 16)  # in the east, 42 degrees high
    limit = {"reference.max_distance": reach} if reach else {}
    p = shoot(gpu, TRUE | values | limit | {"scene": "fence", "camera.fov": 60.0, "reference.rays": 8})
    x, y, z = np.moveaxis(p.position, -1, 0)
    where = p.surface & (np.abs(y) < 1e-3) & (np.abs(x + 0.5) < 1.45) & (np.abs(z) < 3)
    d = (1 - x[where])[:, None]
    with np.errstate(divide="ignore"):
        along = d / np.maximum(light.w[:, 0], 0)
    hidden = (along * light.w[:, 1] < 1) & (along < (reach or np.inf))
    assert 0.1 < hidden.mean() < 0.9 and ((hidden.mean(1) > 0.1) & (hidden.mean(1) < 0.9)).sum() > 10
    exact, deviation = expected(light, np.where(hidden, 0, light.w[:, 1]))
    agrees(p.direct[where][:, 0], exact, deviation, light, 8)


def test_a_small_bright_light_is_reflected(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall lit by it alone shines on the floor before it; with two bounces the lit floor comes back by the wall."""
    values, light = spot(monkeypatch, 9, 48, rotation=10.0)  # in the west
    floor, wall = (
        float(expected(light, np.maximum(light.w @ np.array(n), 0)[None])[0][0])
        for n in ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0))
    )
    for bounces, shines in ((1, 0.5 * wall), (2, 0.5 * (wall + 0.5 * 0.5 * floor))):
        p = shoot(gpu, TRUE | values | {"scene": "corner", "reference.max_bounces": bounces})
        where = near_origin(p) & (p.position[..., 0] < 0.2)
        exact, found = (1 - p.open[where]) * shines, p.indirect[where][:, 0]
        # The spread of a ray's value about the wall's irradiance, over the rays that meet the wall; of the second
        # bounce too few to count.
        deviation = (
            expected(light, np.maximum(-light.w[:, 0], 0)[None])[1][0] * 0.5 / np.sqrt(16 * (1 - p.open[where]).mean())
        )
        noise = deviation if bounces == 1 else 0.25 * 0.5 * floor / np.sqrt(8)
        assert abs((found - exact).mean()) < 4 * noise / np.sqrt(where.sum()) + 2 * HALF * shines, bounces
        assert np.abs(found - exact).max() < 6 * noise + 2 * HALF * shines


@pytest.mark.parametrize("name", ["white", "black", "half", "ramp-x", "ramp-y"])
def test_maps_without_contrast_take_no_more_rays(name: str) -> None:
    light = environment.load(name, (0.0, 1.0, 0.0))
    assert not len(light.split.bright)
    assert (light.split.dim == light.radiance).all()


def test_a_split_adds_up() -> None:
    """Both parts make the map again, every bright texel has a share, and what rays aimed at it bring is its light."""
    rng = np.random.default_rng(0)
    light = environment.Environment((rng.random((40, 80, 3)) ** 20 * 1e4).astype("f4"))
    until, column, row = light.split.bright[:, 0, :3].astype("i8").T
    share = np.diff(until, prepend=0)
    assert until[-1] == environment.SHARES and share.min() > 0
    again = light.split.dim.astype("f8")
    again[row, column] += light.split.bright[:, 1, :3] * (share / environment.SHARES)[:, None]
    assert np.allclose(again, light.radiance, rtol=1e-6)
    assert light.split.dim.max() == np.float32(environment.BRIGHT * light.levels[-1].mean())


# ---- surfaces -----------------------------------------------------------------------------------------------------------


def test_a_hit_sees_its_texel(gpu: Gpu) -> None:
    """A wall of four colours, black but for its image: what comes back is the image's own light, by quarter and
    linear.
    """
    image = np.full((20, 30, 4), 255, "u1")
    image[..., :3] = 0
    image[:10, :15, 0], image[:10, 15:, 1], image[10:, :15, 2] = 255, 188, 128
    black = Material((0.0, 0.0, 0.0))
    uvs = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], "f4")

    def make(repeats: int) -> Scene:
        shining = replace(black, emission=(1.0, 1.0, 1.0), emission_image=Image(image))
        wall = replace(quad((-1, 0, 0), (1, 0, 0), (1, 2, 0), (-1, 2, 0), shining), uvs=repeats * uvs)
        floor = quad((-1, 0, 0.05), (-1, 0, 2), (1, 0, 2), (1, 0, 0.05), black)
        return Scene((floor, wall), (0.0, 2.0, 3.0), (0.0, 0.0, 0.5), 40.0, environment="black")

    p = shoot(gpu, TRUE | {"scene": register("quarters", lambda: make(1)), "accumulated_frames": 8})
    floor = p.surface & (p.position[..., 1] < 1e-3)
    left, right = floor & (p.position[..., 0] < -0.5), floor & (p.position[..., 0] > 0.5)
    assert p.indirect[left].mean(0)[2] > 2 * p.indirect[right].mean(0)[2]  # blue: below on the left
    assert p.indirect[right].mean(0)[1] > 1.3 * p.indirect[left].mean(0)[1]  # green: above on the right
    fine = shoot(gpu, TRUE | {"scene": register("many quarters", lambda: make(16)), "accumulated_frames": 8})
    mean = fine.indirect[floor].mean(0)
    assert np.abs(mean / mean[0] - (1, 0.503, 0.216)).max() < 0.03  # sRGB 255, 188, 128


def test_the_sun_is_shadowed_where_a_ray_ends(gpu: Gpu) -> None:
    """Beside a sunlit wall the floor glows; the same wall in the shadow of a roof sends nothing."""

    def make(roofed: bool) -> Scene:
        grey = Material((0.5, 0.5, 0.5))
        floor = quad((-1, 0, -1), (-1, 0, 1), (1, 0, 1), (1, 0, -1), grey)
        wall = quad((1, 0, -1), (1, 2, -1), (1, 2, 1), (1, 0, 1), grey)
        roof = quad((-40, 9, -40), (-40, 9, 40), (40, 9, 40), (40, 9, -40), grey)
        return Scene(
            (floor, wall, *((roof,) if roofed else ())), (-1.0, 2.0, 3.0), (0.0, 0.0, 0.0), 20.0, environment="black"
        )

    sun = {"sun.irradiance": 3.0, "sun.azimuth": 270.0, "sun.elevation": 45.0, "accumulated_frames": 8}
    lit, dark = (shoot(gpu, TRUE | {"scene": register(f"roof {k}", lambda k=k: make(k))} | sun) for k in (False, True))  # type: ignore[misc]
    where = lit.surface & (np.abs(lit.position[..., 1]) < 1e-3)
    assert not dark.indirect[where].any()
    x = 1 - lit.position[..., 0][where]
    share = (1 - lit.open)[where]
    assert x.min() > 0
    assert np.abs(lit.indirect[..., 0][where] - share * np.pi * 0.5 / np.pi * 3 * np.sqrt(0.5)).max() < 1e-3


def test_nothing_depends_on_the_frames_before(gpu: Gpu) -> None:
    shot = TRUE | {"scene": "cornell", "reference.rays": 2, "accumulated_frames": 2, "sun.irradiance": 1.0}
    a, b = shoot(gpu, shot), shoot(gpu, shot)
    assert (a.radiance == b.radiance).all()
    other = shoot(gpu, shot | {"seed": 1})
    assert (a.direct != other.direct).any()


def test_frames_average(gpu: Gpu) -> None:
    """The error falls with the frames, and neither mean nor rays nor seed move what is approached."""
    shot = TRUE | {"scene": "corner", "reference.max_distance": 1.0, "reference.rays": 2}
    c = 0.25 - (first := shoot(gpu, shot)).position[..., 0]
    where = near_origin(first) & (c > 0.05) & (c < 0.95)
    error = [shoot(gpu, shot | {"accumulated_frames": n}).open[where] - (1 - ray(c[where])) for n in (4, 64)]
    assert error[1].std() < error[0].std() / 3
    assert abs(error[1].mean()) < binomial(0.5, 128 * int(where.sum())) + HALF


def test_ssdo_approaches_it_in_a_corner(gpu: Gpu) -> None:
    """Where the camera sees all that is near, screen space knows the truth: the same light within the same reach."""
    shot = {"scene": "corner", "sun.irradiance": 0.0, "environment": "ramp-x", "width": 128, "height": 72}
    deep = {"ssdo.radius": 1.0, "ssdo.thickness": 100.0, "ssdo.steps": 24, "ssdo.samples": 64}
    screen = shoot(gpu, shot | {"technique": "ssdo", "accumulated_frames": 4} | deep)
    true = shoot(
        gpu,
        shot | {"technique": "reference", "reference.rays": 16, "reference.max_distance": 1.0, "accumulated_frames": 4},
    )
    where = near_origin(true) & (true.position[..., 0] < 0.15)
    for name in ("open", "direct", "indirect"):
        a, b = getattr(screen, name)[where], getattr(true, name)[where]
        assert abs(a.mean() - b.mean()) < 0.03 * max(float(b.mean()), 0.5), name


def test_an_empty_scene_is_open(gpu: Gpu) -> None:
    p = shoot(gpu, TRUE | {"scene": register("empty", lambda: Scene(()))})
    assert not p.surface.any() and (p.open == 1).all()
    empty = Mesh(np.zeros((0, 3), "f4"), np.zeros((0, 3), "i4"))
    p = shoot(
        gpu,
        TRUE
        | {
            "scene": register(
                "half empty", lambda: replace(built_in.load("plane"), meshes=(empty, *built_in.load("plane").meshes))
            )
        },
    )
    assert p.surface.all() and (p.open == 1).all()


# ---- against Mitsuba ----------------------------------------------------------------------------------------------------


def smooth(p: Probe) -> Bools:
    """Pixels that show one surface: Mitsuba averages over a pixel, we stand at its centre."""
    near = [
        (np.roll(p.normal, (i, j), (0, 1)), np.roll(p.position, (i, j), (0, 1))) for i in (-1, 0, 1) for j in (-1, 0, 1)
    ]
    bent = np.max([1 - (n * p.normal).sum(-1) for n, _ in near], 0)
    away = np.max([np.abs(((x - p.position) * p.normal).sum(-1)) for _, x in near], 0)
    return (bent < 0.2) & (away < 0.05)


def beside_mitsuba(monkeypatch: pytest.MonkeyPatch, place: str, light: str) -> tuple[Scene, dict[str, Any]]:
    """A scene both can draw, and the values of its shot: in a sky with a direction, or under a point-like sun in the
    dark.
    """
    from test_mitsuba import _sky, cell, dark

    monkeypatch.setitem(environment.BUILT_IN, "patches", _sky)
    room = cell()
    scene = (
        replace(room.scene, eye=(0.0, 1.0, 3.4), target=(0.0, 0.95, 0.0), fov=40.0)
        if place == "cell"
        else dark(built_in.load(place))
    )
    name = register(f"traced {place}", lambda: scene)
    sun = (
        {"sun.irradiance": 3.0, "sun.angular_diameter": 0.0, "sun.azimuth": 160.0, "sun.elevation": 40.0}
        if light == "sun"
        else {"sun.irradiance": 0.0}
    )
    return scene, TRUE | {
        "scene": name,
        "environment": "black" if light == "sun" else "patches",
        "width": 48,
        "height": 48,
        "denoise.radius": 0,
    } | sun


@pytest.mark.parametrize("light", ["patches", "sun"])
@pytest.mark.parametrize("place", ["cell", "cornell"])
def test_against_mitsuba(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, place: str, light: str) -> None:
    """Direct light and one bounce. Two pictures of each side take out both noises: what is left is a difference of the
    means.
    """
    pytest.importorskip("mitsuba")
    import mitsuba_reference as truth
    from test_mitsuba import inside, traced

    scene, values = beside_mitsuba(monkeypatch, place, light)
    values["frames"] = 8
    ours = [shoot(gpu, values | {"seed": seed}) for seed in (0, 1)]
    where = inside(ours[0].surface) & smooth(ours[0])
    shot = Shot().with_values(values)
    albedo = ours[0].albedo / np.pi
    direct, bounce = (
        [traced(scene, shot, depth, 48, seed) for seed in (1, 2)] for depth in (truth.DIRECT, truth.BOUNCE)
    )
    found = [(p.direct, p.indirect) for p in ours]
    pairs = [([albedo * i for _, i in found], [b - d for b, d in zip(bounce, direct, strict=True)])]
    if light != "sun":
        pairs.append(([albedo * d for d, _ in found], direct))
    for mine, theirs in pairs:
        mean, count = float(theirs[0][where].mean()), int(where.sum())
        # Three channels share their paths, so that they count once. Four standard errors, each measured from what
        # differs between pairs.
        apart = (mine[0] + mine[1] - theirs[0] - theirs[1])[where].mean(-1) / 2
        noise = (mine[0] - mine[1] - theirs[0] + theirs[1])[where].mean(-1) / 2
        product = ((mine[0] - theirs[0]) * (mine[1] - theirs[1]))[where].mean(-1)
        bias, square = float(apart.mean()), float(product.mean())
        errors = float(noise.std()) / np.sqrt(count), float(product.std()) / np.sqrt(count)
        print(
            f"\n{place} {light}: mean {mean:.4f}, bias {bias:.5f} +- {errors[0]:.5f}, squared error {square:.2e} +- {errors[1]:.1e}"
        )
        assert abs(bias) < 0.005 * mean + 4 * errors[0]
        assert square < (0.02 * mean) ** 2 + 4 * errors[1]
        assert (np.abs(apart) < 0.1 * mean + 12 * noise.std()).all()


# pictures of each program; our pixels are the mean of SIDE x SIDE points, as Mitsuba's are of their whole area
BATCHES, SIDE = 16, 4


def welch(ours: Doubles, theirs: Doubles) -> Doubles:
    """Two-sided p-values, by pixel, that two sets of pictures (batches, pixels) have one mean. Welch 1947: variances
    need not be equal.
    """
    from scipy import stats

    found: Doubles = stats.ttest_ind(ours, theirs, axis=0, equal_var=False).pvalue
    return found


@pytest.mark.parametrize("light", ["patches", "sun"])
@pytest.mark.parametrize("place", ["cell", "cornell", "nook"])
def test_every_pixel_agrees_with_mitsuba(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, place: str, light: str) -> None:
    """Direct light and one bounce, pixel by pixel: no difference that chance does not explain, at 0.1 % for the whole
    picture.

    That is 1 - 0.999^(1 / n) for each of its n pixels (Sidak 1967), as Mitsuba's own statistical image tests do. Pixels
    of which a part shows an edge are left out. That it would see a fault: one of 30 % in one place of 5 x 5 pixels is
    refused.
    """
    pytest.importorskip("mitsuba")
    pytest.importorskip("scipy")
    import mitsuba_reference as truth
    from test_mitsuba import inside, traced

    scene, values = beside_mitsuba(monkeypatch, place, light)
    shot = Shot().with_values(values)
    fine = values | {"width": 48 * SIDE, "height": 48 * SIDE, "reference.rays": 4}
    plain = shoot(gpu, fine)
    where = (inside(plain.surface) & smooth(plain)).reshape(48, SIDE, 48, SIDE).all((1, 3))
    direct, bounce = np.empty((BATCHES, 48, 48)), np.empty((BATCHES, 48, 48))
    for batch in range(BATCHES):
        p = shoot(gpu, fine | {"seed": batch})
        for into, irradiance in ((direct, p.direct), (bounce, p.indirect)):
            into[batch] = (p.albedo * irradiance / np.pi).reshape(48, SIDE, 48, SIDE, 3).mean((1, 3, 4), dtype="f8")
    first, both = (
        np.stack([traced(scene, shot, depth, 64, 1 + seed) for seed in range(BATCHES)]).mean(-1, dtype="f8")
        for depth in (truth.DIRECT, truth.BOUNCE)
    )
    pairs = (
        {"bounce": (bounce, both - first)}
        if light == "sun"
        else {"direct": (direct, first), "direct and bounce": (direct + bounce, both)}
    )
    for name, (ours, theirs) in pairs.items():
        p_values = welch(ours[:, where], theirs[:, where])
        least, limit = float(np.nanmin(p_values)), 1 - 0.999 ** (1 / where.sum())
        rejected = float(np.nanmean(p_values < 0.05))
        print(
            f"\n{place}, {light}, {name}: {where.sum()} pixels, smallest p {least:.1e}, limit {limit:.1e}; {rejected:.1%} below 0.05"
        )
        assert least > limit, name
        assert rejected < 0.05 + 4 * np.sqrt(0.05 * 0.95 / where.sum()), name  # measured: 0.04 to 0.06
        wrong = ours.copy()
        lit = int(np.argmax(np.where(where, ours.mean(0), 0)))
        y, x = np.clip((lit // 48, lit % 48), 2, 45)
        wrong[:, y - 2 : y + 3, x - 2 : x + 3] *= 1.3
        assert np.nanmin(welch(wrong[:, where], theirs[:, where])) < limit
