"""Direct light of the scene's punctual lights (point and spot), with shadow maps for those nearest to the camera.

Shadow maps are packed into one atlas. Its rows belong to one light each; a point light fills six columns with the faces
of a cube, a narrow spot light one. Lengths in the atlas are in units of `LightSettings.resolution`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Box, Texture
from ssdo.render.culling import CulledTriangles, find_culled_triangles, upload_occluders
from ssdo.render.frame_uniforms import FrameUniforms, Matrix, to_glsl_matrix
from ssdo.render.gbuffer import GBuffer
from ssdo.render.mesh_buffers import upload_scene
from ssdo.render.sun import DirectLighting, ShadowCamera, direct_lighting_formats
from ssdo.scene.model import PunctualLight, Scene
from ssdo.settings import Settings, param

CUBE_FACES = 6
# Half angle of the outer cone up to which one shadow map holds the whole cone, degrees.
MAX_SINGLE_MAP_ANGLE = 75.0
# A spot light's map is this many units wide; below this angle (degrees) one unit, as its texels are small enough.
SPOT_MAP_SIZE, MIN_SPOT_MAP_ANGLE = 2, 4.0
MIN_FRUSTUM_ANGLE = 0.5  # degrees
NEAR_PLANE_RATIO = 1e-4  # near plane over far plane of a shadow map
INFINITE_RANGE = 1e30  # metres


@dataclass(frozen=True)
class LightSettings(Settings):
    """The scene's point and spot lights."""

    group: ClassVar[str] = "lights"

    intensity: float = param(1.0, 0.0, 1e6, "multiplies the intensity of all lights; 0 switches them off", log=True)
    units: str = param(
        "auto",
        help="a file's lights: lux and candela (divided by 683 lm/W), or W/m2 and W/sr; auto: by brightness",
        choices=("auto", "photometric", "radiometric"),
    )
    shadows: int = param(8, 0, 8, "number of lights, the nearest to the camera, that cast shadows")
    resolution: int = param(
        512, 64, 1024, "width of a point light's six shadow maps; a spot light has one, twice as wide", unit="px"
    )


@dataclass(frozen=True)
class PunctualLightsUniform:
    """Passed to shaders as `lights`."""

    count: int
    intensity: float  # factor for all lights
    shadow_resolution: float  # texels in a unit of the shadow atlas


class PunctualLightTextures(NamedTuple):
    """Passed to shaders as `punctual_light`; read through shaders/common/punctual_lights.glsl."""

    texels: Texture  # four for each light, see `upload_lights`
    shadow_maps: Texture  # the atlas: distance from the light along the map's axis, relative to the far plane


@dataclass(frozen=True)
class ShadowRange:
    """Passed to shaders/passes/punctual_shadow.frag as `shadow_range`."""

    far: float  # metres


def draw_punctual_lights(
    gpu: Gpu,
    scene: Scene,
    frame: FrameUniforms,
    gbuffer: GBuffer,
    settings: LightSettings,
    sunlight: DirectLighting,
    target_name: str = "punctual_lights",
    scissor: Box | None = None,
) -> DirectLighting:
    """Add the direct light of all punctual lights to the sun's, on the scissor box or all pixels. Raises UserError."""
    if not scene.lights or settings.intensity == 0:
        return sunlight
    shadow_lights = _nearest_lights(scene, frame, settings.shadows)
    culled = find_culled_triangles(gpu, scene, frame)
    textures = PunctualLightTextures(
        texels=upload_lights(gpu, scene, frame, settings),
        shadow_maps=_draw_shadow_atlas(gpu, scene, shadow_lights, settings.resolution, culled),
    )
    target = gpu.target(target_name, gbuffer.depth.size, *direct_lighting_formats(gbuffer))
    entry = "diffuse" if gbuffer.specular is None else "specular"
    lit_textures = gpu.draw(
        f"passes/punctual_lights.frag:{entry}",
        target,
        cache=scissor is None,
        scissor=scissor,
        frame=frame.for_cached_passes,
        gbuffer=gbuffer,
        lights=make_lights_uniform(scene, settings),
        punctual_light=textures,
        sunlight=sunlight,
    )
    return DirectLighting(*lit_textures)


def make_lights_uniform(scene: Scene, settings: LightSettings) -> PunctualLightsUniform:
    """The uniforms that all lights share."""
    count = len(scene.lights) if settings.intensity else 0
    return PunctualLightsUniform(count, settings.intensity, float(settings.resolution))


def upload_lights(gpu: Gpu, scene: Scene, frame: FrameUniforms, settings: LightSettings) -> Texture:
    """Upload the parameters of all lights, four texels for each:

    0. position, range
    1. intensity, first row in the shadow atlas (-1: no shadow)
    2. direction, cosine of the outer cone
    3. 1 / (cosine of the inner cone - cosine of the outer cone), size of a shadow map (negative: a single one), tangent
       of the map's half angle, far plane
    """
    shadow_lights = _nearest_lights(scene, frame, settings.shadows)

    def upload() -> Texture:
        first_rows = dict(zip(shadow_lights, _atlas_rows(scene, shadow_lights), strict=False))
        texels = [_pack_light(scene, light, first_rows.get(i, -1)) for i, light in enumerate(scene.lights)]
        return gpu.upload.texel_list(np.array(texels, "f4").reshape(-1, 4))

    return gpu.cached("punctual lights", (scene, shadow_lights), upload, max_entries=2)


def _pack_light(scene: Scene, light: PunctualLight, first_row: int) -> Floats:
    """(4, 4) the texels of a light, see `upload_lights`."""
    cos_inner = math.cos(math.radians(min(light.inner_cone_angle, 180.0)))
    cos_outer = math.cos(math.radians(min(light.outer_cone_angle, 180.0)))
    is_spot = light.outer_cone_angle < 180
    map_size = _map_size(light)
    return np.array(
        [
            (*light.position, min(light.range, INFINITE_RANGE)),
            (*light.intensity, first_row),
            (*light.direction, cos_outer if is_spot else -2.0),
            (
                1 / max(cos_inner - cos_outer, 1e-3),
                -map_size if _has_single_map(light) else map_size,
                _map_tangent(light),
                _far_plane(scene, light),
            ),
        ],
        "f4",
    )


def _nearest_lights(scene: Scene, frame: FrameUniforms, count: int) -> tuple[int, ...]:
    """Indices of the lights nearest to the camera, ascending."""
    distances = [math.dist(frame.eye_ws, light.position) for light in scene.lights]
    nearest = sorted(range(len(distances)), key=distances.__getitem__)[:count]
    return tuple(sorted(nearest))


def _has_single_map(light: PunctualLight) -> bool:
    return light.outer_cone_angle <= MAX_SINGLE_MAP_ANGLE


def _map_size(light: PunctualLight) -> int:
    """Width and height of each of a light's shadow maps, in units of the atlas."""
    return SPOT_MAP_SIZE if MIN_SPOT_MAP_ANGLE <= light.outer_cone_angle <= MAX_SINGLE_MAP_ANGLE else 1


def _map_tangent(light: PunctualLight) -> float:
    """Tangent of the half field of view of each of a light's shadow maps."""
    if not _has_single_map(light):
        return 1.0
    return math.tan(math.radians(max(light.outer_cone_angle, MIN_FRUSTUM_ANGLE)))


def _far_plane(scene: Scene, light: PunctualLight) -> float:
    """Distance to the farthest point of the subject's bounds, at most the light's range, metres."""
    low, high, *_ = scene.subject
    position = np.array(light.position)
    farthest = float(np.linalg.norm(np.maximum(abs(low - position), abs(high - position))))
    return min(farthest, light.range) * 1.001 + 1e-6


def _atlas_rows(scene: Scene, light_indices: tuple[int, ...]) -> list[int]:
    """The first row of each light in the atlas, then the number of rows; in units of the atlas."""
    return [0, *itertools.accumulate(_map_size(scene.lights[i]) for i in light_indices)]


def _map_axes(light: PunctualLight) -> list[Doubles]:
    """Right, up and forward of each of a light's maps, as rows; as in shaders/passes/punctual_lights.frag."""
    if not _has_single_map(light):
        unit = np.eye(3)
        return [
            np.stack([unit[(axis + 1) % 3], unit[(axis + 2) % 3], sign * unit[axis]])
            for axis in range(3)
            for sign in (1.0, -1.0)
        ]
    # Duff et al., Building an Orthonormal Basis, Revisited, 2017; as in shaders/common/sampling.glsl
    x, y, z = light.direction
    s = 1.0 if z >= 0 else -1.0
    a = -1.0 / (s + z)
    b = x * y * a
    return [np.array([(1 + s * x * x * a, s * b, -s * x), (b, s + y * y * a, -y), (x, y, z)])]


def _clip_from_world(light: PunctualLight, axes: Doubles, far: float) -> Matrix:
    """The perspective projection of one of a light's maps."""
    near, position, tangent = far * NEAR_PLANE_RATIO, np.array(light.position), _map_tangent(light)
    right, up, forward = axes
    m = np.zeros((4, 4))
    m[:3, 0] = right / tangent
    m[:3, 1] = up / tangent
    m[:3, 2] = forward * (far + near) / (far - near)
    m[:3, 3] = forward
    m[3] = -position @ m[:3]
    m[3, 2] -= 2 * far * near / (far - near)
    return to_glsl_matrix(m)


def _draw_shadow_atlas(
    gpu: Gpu, scene: Scene, light_indices: tuple[int, ...], resolution: int, culled: CulledTriangles
) -> Texture:
    def draw() -> Texture:
        *first_rows, row_count = _atlas_rows(scene, light_indices)
        target = gpu.depth_target((CUBE_FACES * resolution, max(row_count, 1) * resolution))
        geometry, ranges = upload_occluders(gpu, scene, culled), upload_scene(gpu, scene).mask_ranges
        for first_row, index in zip(first_rows, light_indices, strict=True):
            light = scene.lights[index]
            far, size = _far_plane(scene, light), resolution * _map_size(light)
            for face, axes in enumerate(_map_axes(light)):
                gpu.raster(
                    "passes/punctual_shadow",
                    target,
                    geometry,
                    ranges,
                    viewport=(face * resolution, first_row * resolution, size, size),
                    shadow_camera=ShadowCamera(_clip_from_world(light, axes, far)),
                    shadow_range=ShadowRange(far),
                )
        return target.textures[0]

    return gpu.cached("punctual shadow atlas", (scene, light_indices, resolution, culled), draw, max_entries=2)
