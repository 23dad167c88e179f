"""Light of lamps, points and cones, on the surfaces the camera sees; shadows of the nearest."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu, Texture
from ssdo.render.frame_uniforms import Doubles, FrameUniforms, Matrix, flat
from ssdo.render.gbuffer import GBuffer
from ssdo.render.mesh_buffers import upload
from ssdo.render.sun import Light, Sunshine
from ssdo.scene.model import Lamp, Scene
from ssdo.settings import Settings, param

MOST = 64
FACES = 6  # maps of a lamp that shines everywhere, one for each side of a cube
# a cone has one, so many times as wide and high unless its half angle is below so many degrees: finer than places are
# known
CONE, NARROW = 2, 4.0
WIDEST = 75.0  # degrees: half angle up to which one map holds a cone
BLINDEST, ENDLESS = 1e-4, 1e30  # the near plane, in shares of the far one; metres


@dataclass(frozen=True)
class PunctualLightSettings(Settings):
    """The scene's lamps."""

    group: ClassVar[str] = "lights"

    intensity: float = param(1.0, 0.0, 1e6, "multiplies the light of all lamps; 0 switches them off", log=True)
    shadows: int = param(8, 0, 8, "how many of them, the nearest to the camera, cast shadows")
    resolution: int = param(
        512, 64, 1024, "texels a side of the six shadow maps of a lamp; a cone has one, twice as wide", unit="px"
    )


@dataclass(frozen=True)
class Listed:
    """Passed to shaders as `lamps`."""

    count: int
    intensity: float
    resolution: float  # texels a side of the shadow maps of a lamp that is no cone


class LampMaps(NamedTuple):
    """Passed to shaders as `lamp`; read through shaders/common/punctual_lights.glsl."""

    texels: Texture  # four for each lamp, see `listed`
    # a lamp's maps side by side, one lamp's over the other's; metres from the lamp along the map's axis over its far
    # plane
    shadows: Texture


@dataclass(frozen=True)
class Reach:
    """Passed to shaders/passes/punctual_shadow.frag as `reach`."""

    far: float  # metres


def draw(
    gpu: Gpu,
    scene: Scene,
    frame: FrameUniforms,
    gbuffer: GBuffer,
    lamps: PunctualLightSettings,
    sun: Sunshine,
    name: str = "lamps",
) -> Sunshine:
    """The sun's light and that of all lamps."""
    if not scene.lamps or lamps.intensity == 0:
        return sun
    maps = LampMaps(
        listed(gpu, scene, frame, lamps), _shadows(gpu, scene, _nearest(scene, frame, lamps.shadows), lamps.resolution)
    )
    formats = ["rgba32f"] * (1 if gbuffer.gloss is None else 2)
    into = gpu.target(name, gbuffer.depth.size, *formats)
    entry = "matte" if gbuffer.gloss is None else "glossy"
    given: dict[str, Any] = {
        "lamps": block(scene, lamps),
        "frame": frame.still,
        "gbuffer": gbuffer,
        "lamp": maps,
        "light": sun,
    }
    return Sunshine(*gpu.draw(f"passes/punctual_lights.frag:{entry}", into, keep=True, **given))


def block(scene: Scene, lamps: PunctualLightSettings) -> Listed:
    """What shaders are told besides the list."""
    return Listed(len(scene.lamps) if lamps.intensity else 0, lamps.intensity, float(lamps.resolution))


def listed(gpu: Gpu, scene: Scene, frame: FrameUniforms, lamps: PunctualLightSettings) -> Texture:
    """Four texels for each lamp: place, reach; intensity, where its shadow maps begin (-1: there are none); axis,
    cosine where its cone ends; one over the width of the cone's edge in cosines, how wide its maps are (negative: it
    has one), tangent of the half angle of its map, its far plane.
    """
    near = _nearest(scene, frame, lamps.shadows)

    starts = dict(zip(near, _starts(scene, near), strict=False))

    def make() -> Texture:
        values = np.zeros((len(scene.lamps), 4, 4), "f4")
        for i, lamp in enumerate(scene.lamps):
            inner, outer = (math.cos(math.radians(min(angle, 180.0))) for angle in (lamp.inner, lamp.outer))
            values[i] = [
                (*lamp.position, min(lamp.reach, ENDLESS)),
                (*lamp.intensity, starts.get(i, -1)),
                (*lamp.direction, outer if lamp.outer < 180 else -2.0),
                (
                    1 / max(inner - outer, 1e-3),
                    _size(lamp) * (-1 if _in_one_map(lamp) else 1),
                    _tangent(lamp),
                    _far(scene, lamp),
                ),
            ]
        return gpu.texels(values.reshape(-1, 4))

    return gpu.cached("lamps", (scene, near), make, keep=2)


def _in_one_map(lamp: Lamp) -> bool:
    return lamp.outer <= WIDEST


def _size(lamp: Lamp) -> int:
    """How wide its maps are, in widths of one of a cube."""
    return CONE if NARROW <= lamp.outer <= WIDEST else 1


def _starts(scene: Scene, near: tuple[int, ...]) -> list[int]:
    """Where the maps of each of these lamps begin, in heights of a map that is no cone's; then where all end."""
    return [0, *itertools.accumulate(_size(scene.lamps[i]) for i in near)]


def _tangent(lamp: Lamp) -> float:
    return math.tan(math.radians(max(lamp.outer, 0.5))) if _in_one_map(lamp) else 1.0


def _far(scene: Scene, lamp: Lamp) -> float:
    """Metres from a lamp to what is farthest from it, or where it ends."""
    low, high = (corner.astype("f8") for corner in scene.bounds)
    place = np.array(lamp.position)
    return min(float(np.linalg.norm(np.maximum(abs(low - place), abs(high - place)))), lamp.reach) * 1.001 + 1e-6


def _nearest(scene: Scene, frame: FrameUniforms, count: int) -> tuple[int, ...]:
    """The numbers of the lamps nearest to the camera, in their own order."""
    distance = [math.dist(frame.eye, lamp.position) for lamp in scene.lamps]
    return tuple(sorted(sorted(range(len(distance)), key=distance.__getitem__)[:count]))


def _axes(lamp: Lamp) -> list[Doubles]:
    """Right, up and forward of each of a lamp's maps, as rows; as shaders/common/punctual_lights.glsl has them."""
    if not _in_one_map(lamp):
        unit = np.eye(3)
        return [
            np.stack([unit[(axis + 1) % 3], unit[(axis + 2) % 3], sign * unit[axis]])
            for axis in range(3)
            for sign in (1.0, -1.0)
        ]
    x, y, z = lamp.direction  # Duff et al. 2017, as in shaders/common/sampling.glsl
    s = 1.0 if z >= 0 else -1.0
    a = -1.0 / (s + z)
    b = x * y * a
    return [np.array([(1 + s * x * x * a, s * b, -s * x), (b, s + y * y * a, -y), (x, y, z)])]


def _clip(lamp: Lamp, axes: Doubles, far: float) -> Matrix:
    """clip_from_world of one of its maps."""
    near, place, tangent = far * BLINDEST, np.array(lamp.position), _tangent(lamp)
    m = np.zeros((4, 4))
    m[:3, 0], m[:3, 1], m[:3, 2], m[:3, 3] = (
        axes[0] / tangent,
        axes[1] / tangent,
        axes[2] * (far + near) / (far - near),
        axes[2],
    )
    m[3] = -place @ m[:3]
    m[3, 2] -= 2 * far * near / (far - near)
    return flat(m)


def _shadows(gpu: Gpu, scene: Scene, near: tuple[int, ...], side: int) -> Texture:
    """The shadow maps of these lamps."""

    def make() -> Texture:
        *starts, end = _starts(scene, near)
        depth, framebuffer = gpu.depth_map((FACES * side, max(end, 1) * side))
        uploaded = upload(gpu, scene)
        for start, number in zip(starts, near, strict=True):
            lamp = scene.lamps[number]
            far, wide = _far(scene, lamp), side * _size(lamp)
            for face, axes in enumerate(_axes(lamp)):
                box = (face * side, start * side, wide, wide)
                light = Light(_clip(lamp, axes, far))
                gpu.raster(
                    "passes/punctual_shadow",
                    framebuffer,
                    uploaded.geometry,
                    uploaded.shadows,
                    viewport=box,
                    light=light,
                    reach=Reach(far),
                )
        return depth

    return gpu.cached("lamp shadows", (scene, near, side), make, keep=2)
