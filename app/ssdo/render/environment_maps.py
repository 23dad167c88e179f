"""The environment's textures: background, prefiltered levels, irradiance, specular IBL and octahedral maps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.scene.environment import MAX_PREFILTERED_WIDTH, Environment

SPECULAR_LEVELS = 6  # roughness 0 to 1 in equal steps; as in shaders/common/specular.glsl
# Per texel. Four times as many change the maps of the built-in sky by less than 0.5 %.
PREFILTER_SAMPLES = 64
OCTAHEDRAL_SIZES = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # texels
DFG_SIZE = 32  # texels
DFG_SAMPLES = 32  # squared, per texel


class EnvironmentMaps(NamedTuple):
    """Passed to shaders as `environment`; read through shaders/common/environment.glsl. Lat-long, linear."""

    background: Texture  # radiance
    prefiltered: Texture  # radiance; every mip level halves the resolution by means over solid angle
    irradiance: Texture  # by normal; the first and the last row are the poles


class SpecularIBL(NamedTuple):
    """Passed to shaders as `specular_ibl`; read through shaders/common/specular.glsl."""

    prefiltered: Texture  # lat-long radiance of the reflection lobe, one mip level for each step of roughness
    dfg: Texture  # see `integrate_dfg`


@dataclass(frozen=True)
class PrefilterUniforms:
    """Passed to shaders/passes/prefilter_specular.frag as `prefilter`."""

    roughness: float
    sample_count: int
    size: tuple[float, float]  # of the level, texels
    texel_solid_angle: float  # at the equator, steradians


def upload_environment(gpu: Gpu, environment: Environment) -> EnvironmentMaps:
    """Upload an environment, once."""

    def upload() -> EnvironmentMaps:
        return EnvironmentMaps(
            background=gpu.upload.latlong_texture(environment.radiance),
            prefiltered=gpu.upload.latlong_texture(*environment.levels),
            irradiance=gpu.upload.latlong_texture(environment.irradiance),
        )

    return gpu.cached("environment", environment, upload)


def octahedral_environment(gpu: Gpu, environment: Environment, solid_angle: float) -> Texture:
    """The environment as an octahedral map, resampled to texels of about this solid angle (steradians), once."""
    ideal_size = math.sqrt(4 * math.pi / max(solid_angle, 1e-9))
    size = min(OCTAHEDRAL_SIZES, key=lambda n: abs(math.log(ideal_size / n)))

    def upload() -> Texture:
        return gpu.upload.nearest_texture(environment.resample_octahedral(size))

    return gpu.cached("octahedral environment", (environment, size), upload, max_entries=8)


def prefilter_specular(gpu: Gpu, environment: Environment, maps: EnvironmentMaps, frame: FrameUniforms) -> SpecularIBL:
    """Prefilter an environment for all roughnesses, once. The result does not depend on the frame."""

    def draw() -> Texture:
        neutral_frame = replace(frame, sky_rotation=0.0, sky_intensity=1.0)
        width = max(min(environment.levels[0].shape[1], MAX_PREFILTERED_WIDTH), 2 << SPECULAR_LEVELS)
        levels = []
        for level in range(SPECULAR_LEVELS):
            size = (width >> level, width >> level + 1)
            uniforms = PrefilterUniforms(
                roughness=level / (SPECULAR_LEVELS - 1),
                sample_count=PREFILTER_SAMPLES if level else 1,
                size=(float(size[0]), float(size[1])),
                texel_solid_angle=2 * math.pi**2 / (size[0] * size[1]),
            )
            (radiance,) = gpu.draw(
                "passes/prefilter_specular.frag",
                gpu.target("prefilter_specular", size, "rgba32f"),
                frame=neutral_frame,
                environment=maps,
                prefilter=uniforms,
            )
            levels.append(np.ascontiguousarray(gpu.read(radiance)[..., :3]))
        return gpu.upload.latlong_texture(*levels)

    return SpecularIBL(gpu.cached("specular environment", environment, draw), upload_dfg_lut(gpu))


def upload_dfg_lut(gpu: Gpu) -> Texture:
    """Upload `integrate_dfg`, once."""
    return gpu.cached("dfg", None, lambda: gpu.upload.linear_texture(integrate_dfg()))


@cache
def integrate_dfg() -> Floats:
    """(DFG_SIZE, DFG_SIZE, 2): scale and bias of F0 in the directional albedo of the specular lobe.

    Rows are roughness, columns the cosine towards the camera, both from 0 to 1 (Karis, Real Shading in Unreal Engine 4,
    SIGGRAPH 2013). The lobe is GGX with separable Smith masking and Schlick's Fresnel. Samples follow the visible
    normals (Heitz, Sampling the GGX Distribution of Visible Normals, JCGT 2018), denser near the edge of the disc,
    where reflections leave the hemisphere. The error is at most 1.5e-3, except in the first column. The first row is a
    mirror, which loses nothing.
    """
    cosine, roughness = np.meshgrid(np.linspace(0, 1, DFG_SIZE), np.linspace(0, 1, DFG_SIZE))
    cosine, alpha = np.maximum(cosine, 1e-3)[..., None], np.maximum(roughness**2, 2e-3)[..., None]
    stratum = (np.arange(DFG_SAMPLES) + 0.5) / DFG_SAMPLES
    edge_distance, turn = np.stack(np.meshgrid(stratum, stratum), -1).reshape(-1, 2).T
    radius2 = 1 - edge_distance**2
    disc_x, disc_y = np.sqrt(radius2) * np.cos(2 * np.pi * turn), np.sqrt(radius2) * np.sin(2 * np.pi * turn)

    # The view direction lies in the plane of x and z; vectors of it are (x, z). c is the view direction, stretched.
    v = np.stack([np.sqrt(1 - cosine**2), cosine])
    c = np.stack([alpha * v[0], v[1]]) / np.hypot(alpha * v[0], v[1])
    warp = 0.5 * (1 + c[1])
    up = (1 - warp) * np.sqrt(np.maximum(1 - disc_x**2, 0)) + warp * disc_y
    out = np.sqrt(np.maximum(1 - disc_x**2 - up**2, 0))
    # h = disc_x t + up (c x t) + out c, with t the y axis
    h = np.stack([alpha * (-up * c[1] + out * c[0]), alpha * disc_x, np.maximum(up * c[0] + out * c[1], 1e-6)])
    h /= np.linalg.norm(h, axis=0)
    v_dot_h = np.maximum(v[0] * h[0] + v[1] * h[2], 0)

    cosine_l = np.maximum(2 * v_dot_h * h[2] - v[1], 0)  # of the reflected direction
    smith = np.maximum(cosine_l + np.sqrt(alpha**2 + (1 - alpha**2) * cosine_l**2), 1e-9)
    density = 2 * edge_distance
    weight = density * 2 * cosine_l / smith
    fresnel = (1 - v_dot_h) ** 5
    scale_bias = np.stack([((1 - fresnel) * weight).mean(-1), (fresnel * weight).mean(-1)], -1)
    mirror_fresnel = (1 - np.linspace(0, 1, DFG_SIZE)) ** 5
    scale_bias[0] = np.stack([1 - mirror_fresnel, mirror_fresnel], -1)
    return scale_bias.astype("f4")
