"""Bounce sources: the light that leaves the visible surfaces, and those behind them, towards the receivers of a bounce.

A "sender" (Ritschel, Grosch, Seidel 2009) is a pixel of a bounce source. It sends what it emits, and what it reflects
of the environment, sun and punctual lights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Binding, Bindings
from ssdo.gpu.target import Texture
from ssdo.render.depth_layers import DepthLayers, draw_hidden_surfaces
from ssdo.render.gbuffer import BACKGROUND_DEPTH, GBuffer
from ssdo.render.punctual_lights import draw_punctual_lights
from ssdo.render.sun import draw_sun
from ssdo.render.technique import TechniqueInputs

HIDDEN_LAYER_NAMES = DepthLayers._fields


class BounceSources(NamedTuple):
    """Passed to shaders as `sender`."""

    radiance: Texture  # rgb: outgoing radiance, taken to be equal in all directions
    plane: Texture  # view space: normal of the surface's plane, and the plane's distance from the origin along it


class HiddenBounceSources(NamedTuple):
    """Passed to shaders as `hidden`: the same of the depth layers behind the G-buffer."""

    back_1_radiance: Texture
    back_1_plane: Texture
    front_2_radiance: Texture
    front_2_plane: Texture
    back_2_radiance: Texture
    back_2_plane: Texture


@dataclass(frozen=True)
class LitRegion:
    """Passed to shaders as `lit_region`: the pixels whose light from the environment is known."""

    min_px: tuple[float, float]  # centre of the lower left pixel
    max_px: tuple[float, float]  # centre of the upper right pixel


def bind_bounce_sources(
    gpu: Gpu, inputs: TechniqueInputs, environment_lighting: Texture, has_bounce: bool, layers: str
) -> Bindings:
    """Everything that shaders/common/bounce_sources.glsl reads, with "1" depth layer or "2". Raises UserError.

    `environment_lighting`: irradiance from the environment; a: ambient visibility. Without a bounce the sources are
    black texels.
    """
    if not has_bounce:
        bindings: Bindings = {"sender": BounceSources(*[gpu.black_texture] * 2)}
        return bindings | {"hidden": HiddenBounceSources(*[gpu.black_texture] * 6)}
    bindings = {"sender": draw_bounce_sources(gpu, inputs, environment_lighting)}
    if layers == "2":
        bindings["hidden"] = draw_hidden_bounce_sources(gpu, inputs, environment_lighting)
    return bindings


def draw_bounce_sources(gpu: Gpu, inputs: TechniqueInputs, environment_lighting: Texture) -> BounceSources:
    """Draw the sources of the visible surfaces.

    In the guard band, ambient visibility is not known; that of the nearest pixel of the picture is used.
    """
    entry = "diffuse" if inputs.specular_ibl is None else "specular"
    if inputs.scissor is not None:
        entry = f"guard_band_{entry}"
    irradiance = inputs.direct_lighting.irradiance
    return _draw_sources(gpu, inputs, "bounce_sources", entry, inputs.gbuffer, environment_lighting, irradiance)


def draw_hidden_bounce_sources(gpu: Gpu, inputs: TechniqueInputs, environment_lighting: Texture) -> HiddenBounceSources:
    """Draw the sources of the hidden surfaces, with direct light and shadows of their own.

    Their ambient visibility is not known; that of the visible surface at the same pixel is used.
    """
    surfaces = draw_hidden_surfaces(gpu, inputs.scene, inputs.frame, inputs.gbuffer)
    entry = "hidden_diffuse" if inputs.specular_ibl is None else "hidden_specular"
    background = np.full((1, 1, 1), BACKGROUND_DEPTH, "f4")
    no_layer = gpu.cached("background depth", None, lambda: gpu.upload.linear_texture(background))
    next_layer_depths = DepthLayers(back_1=surfaces.front_2.depth, front_2=no_layer, back_2=no_layer)
    textures: list[Texture] = []
    for name, gbuffer, next_layer_depth in zip(HIDDEN_LAYER_NAMES, surfaces, next_layer_depths, strict=True):
        direct = draw_sun(gpu, inputs.scene, inputs.frame, gbuffer, inputs.sun, f"sun.{name}")
        direct = draw_punctual_lights(
            gpu, inputs.scene, inputs.frame, gbuffer, inputs.lights, direct, f"punctual_lights.{name}"
        )
        textures += _draw_sources(
            gpu,
            inputs,
            f"bounce_sources.{name}",
            entry,
            gbuffer,
            environment_lighting,
            direct.irradiance,
            next_layer_depth=next_layer_depth,
        )
    return HiddenBounceSources(*textures)


def _draw_sources(
    gpu: Gpu,
    inputs: TechniqueInputs,
    target_name: str,
    entry: str,
    gbuffer: GBuffer,
    environment_lighting: Texture,
    direct_irradiance: Texture,
    **bindings: Binding,
) -> BounceSources:
    """Shade every pixel, those of the guard band included."""
    textures = gpu.draw(
        f"passes/bounce_sources.frag:{entry}",
        inputs.target(gpu, target_name, textures=2),
        bindings,
        frame=inputs.frame,
        gbuffer=gbuffer,
        environment=inputs.environment_maps,
        environment_lighting=environment_lighting,
        direct_irradiance=direct_irradiance,
        lit_region=_lit_region(inputs),
    )
    return BounceSources(*textures)


def _lit_region(inputs: TechniqueInputs) -> LitRegion:
    x, y, width, height = inputs.scissor or (0, 0, *inputs.size)
    return LitRegion((x + 0.5, y + 0.5), (x + width - 0.5, y + height - 0.5))
