"""An environment's maps on the GPU."""

from __future__ import annotations

from typing import NamedTuple

from app.environment import Environment
from app.gpu import Gpu, Texture


class EnvironmentMaps(NamedTuple):
    """Passed to shaders as `environment`; read through shaders/common/environment.glsl."""

    background: Texture  # radiance as given
    prefiltered: Texture  # radiance, halved from level to level by mean over solid angle
    irradiance: Texture  # by normal; first and last row are the poles


def upload(gpu: Gpu, environment: Environment) -> EnvironmentMaps:
    """The maps, made once for each environment."""

    def make() -> EnvironmentMaps:
        return EnvironmentMaps(gpu.sphere_map(environment.radiance), gpu.sphere_map(*environment.levels), gpu.sphere_map(environment.irradiance))

    return gpu.cached("environment", environment, make)
