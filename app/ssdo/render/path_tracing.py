"""The bindings of shaders that trace paths: triangles, environment and lights. See shaders/common/path_tracing.glsl."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Bindings
from ssdo.gpu.target import Texture
from ssdo.render.culling import find_culled_triangles
from ssdo.render.environment_maps import upload_dfg_lut
from ssdo.render.punctual_lights import make_lights_uniform, upload_lights
from ssdo.render.ray_scene import upload_ray_scene
from ssdo.scene.environment import Environment

if TYPE_CHECKING:
    from ssdo.render.technique import TechniqueInputs

UNLIMITED_DISTANCE = 1e9  # metres


@dataclass(frozen=True)
class PathUniforms:
    """Passed to shaders as `paths`."""

    max_distance: float  # length of a ray, metres
    max_bounces: int  # reflections between any light, emissive surfaces too, and the start of a path


@dataclass(frozen=True)
class EnvironmentSamplingUniform:
    """Passed to shaders as `environment_sampling`: importance sampling of the environment's bright texels."""

    texel_count: int  # 0: the environment is not importance-sampled
    map_size: tuple[float, float]  # width and height of the environment, texels
    density: float  # probability density by solid angle, per unit of radiance above the cap, channels summed


def needs_full_material(inputs: TechniqueInputs) -> bool:
    """Whether rays need the shader entry that evaluates full materials and punctual lights."""
    return inputs.scene.needs_full_material or bool(inputs.scene.lights)


def bind_path_tracing(
    gpu: Gpu, inputs: TechniqueInputs, max_distance: float = UNLIMITED_DISTANCE, max_bounces: int = 1
) -> Bindings:
    """Everything that shaders/common/path_tracing.glsl reads, except the frame. Raises UserError."""
    background = inputs.environment_maps.background
    capped_background, bright_texels = _upload_environment_sampling(gpu, inputs.environment, background)
    bindings: Bindings = {
        **upload_ray_scene(gpu, inputs.scene, find_culled_triangles(gpu, inputs.scene, inputs.frame))._asdict(),
        "paths": PathUniforms(max_distance, max_bounces),
        "environment": inputs.environment_maps._replace(background=capped_background),
        "environment_sampling": _make_sampling_uniform(inputs.environment),
        "environment_sampling_texels": bright_texels,
        "lights": make_lights_uniform(inputs.scene, inputs.lights),
    }
    if needs_full_material(inputs):
        bindings |= {
            "punctual_light_texels": upload_lights(gpu, inputs.scene, inputs.frame, inputs.lights),
            "full_environment": background,
            "specular_ibl_dfg": upload_dfg_lut(gpu),
        }
    return bindings


def _upload_environment_sampling(gpu: Gpu, environment: Environment, background: Texture) -> tuple[Texture, Texture]:
    """The environment up to the cap, and its bright texels, see `environment.EnvironmentSampling`."""

    def upload() -> tuple[Texture, Texture]:
        sampling = environment.sampling
        has_bright_texels = len(sampling.bright_texels) > 0
        capped = gpu.upload.latlong_texture(sampling.capped) if has_bright_texels else background
        return capped, gpu.upload.texel_list(sampling.bright_texels.reshape(-1, 4))

    return gpu.cached("environment sampling", environment, upload, max_entries=2)


def _make_sampling_uniform(environment: Environment) -> EnvironmentSamplingUniform:
    sampling, (height, width) = environment.sampling, environment.radiance.shape[:2]
    # 2 pi^2 / (width height) is the solid angle of a texel at the equator.
    density = width * height / (2 * math.pi**2 * sampling.bright_power) if sampling.bright_power else 0.0
    return EnvironmentSamplingUniform(len(sampling.bright_texels), (width, height), density)
