"""An environment's maps on the GPU."""

from __future__ import annotations

from typing import NamedTuple

import moderngl

from app.environment import Environment
from app.gpu import Gpu, Texture
from app.scene import Floats


class EnvironmentMaps(NamedTuple):
    """Passed to shaders as `environment`; read through shaders/common/environment.glsl."""

    background: Texture  # radiance as given
    prefiltered: Texture  # radiance, halved from level to level by mean over solid angle
    irradiance: Texture  # by normal; first and last row are the poles


def upload(gpu: Gpu, environment: Environment) -> EnvironmentMaps:
    """The maps, made once for each environment."""

    def texture(*levels: Floats) -> Texture:
        height, width = levels[0].shape[:2]
        made = gpu.ctx.texture((width, height), 3, levels[0].tobytes(), dtype="f4")
        made.repeat_x, made.repeat_y = True, False
        if len(levels) > 1:
            made.build_mipmaps(0, len(levels) - 1)
            for number, level in enumerate(levels):
                made.write(level.tobytes(), level=number)
        made.filter = moderngl.LINEAR_MIPMAP_LINEAR if len(levels) > 1 else moderngl.LINEAR, moderngl.LINEAR
        return made

    def make() -> EnvironmentMaps:
        return EnvironmentMaps(texture(environment.radiance), texture(*environment.levels), texture(environment.irradiance))

    return gpu.cached("environment", environment, make)
