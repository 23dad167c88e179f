"""Blended surfaces: glass, foliage with soft edges, and whatever else is not opaque.

They are peeled layer by layer, front to back, and each layer is a G-buffer that the usual passes light: the sun and
punctual lights with their shadows, and the environment. Screen-space techniques do not see blended surfaces: these
neither occlude nor are occluded, and send no bounce. Their opaque texels are in the G-buffer, like any opaque surface.
Rays and shadows pass with the probability of what a surface lets through.

Everitt, Interactive Order-Independent Transparency, 2001. Refraction is not drawn.
"""

from __future__ import annotations

from dataclasses import replace

from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Bindings
from ssdo.gpu.target import Texture
from ssdo.render import composite
from ssdo.render.gbuffer import BlendedLayer, BlendedSurfaces, draw_blended_layer
from ssdo.render.mesh_buffers import blended_ranges, compute_screen_bounds, upload_scene
from ssdo.render.punctual_lights import draw_punctual_lights
from ssdo.render.sun import draw_sun
from ssdo.render.technique import Lighting, TechniqueInputs

MAX_LAYERS = 6  # the nearest ones; what lies behind them is left out


def draw_blended_surfaces(gpu: Gpu, inputs: TechniqueInputs) -> BlendedSurfaces | None:
    """Light and composite the blended surfaces in front of a G-buffer; None if there are none in the picture."""
    buffers = upload_scene(gpu, inputs.scene)
    ranges = blended_ranges(buffers, inputs.frame)
    if not ranges:
        return None
    box = compute_screen_bounds(buffers, inputs.frame)
    inputs = inputs._replace(scissor=box)
    front_depth = gpu.clear(gpu.target("blended.none", inputs.size, "r32f"))[0]
    surfaces: BlendedSurfaces | None = None
    for number in range(MAX_LAYERS):
        layer = draw_blended_layer(
            gpu,
            inputs.frame,
            f"blended.layer.{number % 2}",  # each layer reads the one before
            buffers.geometry,
            ranges,
            inputs.gbuffer.depth,
            front_depth,
            box,
        )
        if layer is None:
            break
        surfaces = _composite_layer(gpu, inputs, layer, surfaces, f"blended.{number % 2}")
        front_depth = layer.gbuffer.depth
    return surfaces


def _composite_layer(
    gpu: Gpu, inputs: TechniqueInputs, layer: BlendedLayer, nearer: BlendedSurfaces | None, target_name: str
) -> BlendedSurfaces:
    """The layers so far, with this one behind them."""
    entry = "first_layer"
    bindings: Bindings = {
        "gbuffer": layer.gbuffer,
        "layer_radiance": _light_layer(gpu, inputs, layer),
        "layer_transmittance": layer.transmittance,
    }
    if nearer is not None:
        entry, bindings["blended"] = "next_layer", nearer
    target = inputs.target(gpu, target_name, textures=2)
    gpu.clear(target)
    return BlendedSurfaces(*gpu.draw(f"passes/blend.frag:{entry}", target, bindings, scissor=inputs.scissor))


def _light_layer(gpu: Gpu, inputs: TechniqueInputs, layer: BlendedLayer) -> Texture:
    """Linear radiance of a layer's surfaces, rgb, as if they were opaque."""
    scene, frame, gbuffer, box = inputs.scene, inputs.frame, layer.gbuffer, inputs.scissor
    if inputs.specular_ibl is None:
        gbuffer = gbuffer._replace(specular=None)
    sunlight = draw_sun(gpu, scene, frame, gbuffer, inputs.sun, "blended.sun", box)
    direct = draw_punctual_lights(gpu, scene, frame, gbuffer, inputs.lights, sunlight, "blended.punctual_lights", box)
    layer_inputs = inputs._replace(
        gbuffer=gbuffer,
        direct_lighting=direct,
        background=replace(inputs.background, kind="transparent", has_ground=False),
    )
    irradiance = layer_inputs.target(gpu, "blended.irradiance")
    (unoccluded,) = layer_inputs.draw(gpu, "techniques/off.frag", irradiance)
    return composite.draw_radiance(gpu, layer_inputs, Lighting(unoccluded, gpu.black_texture), "blended.radiance")
