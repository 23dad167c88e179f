"""Copies a part of the pixels, bit for bit: a crop, or every second pixel in x and y."""

from __future__ import annotations

from dataclasses import dataclass

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Box, Size, Texture
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.gbuffer import GBuffer
from ssdo.render.sun import DirectLighting
from ssdo.render.technique import Lighting, TechniqueInputs

# Names of the textures that `subsample_inputs` draws, in the order of shaders/passes/subsample.frag.
ATTACHMENT_NAMES = (
    "normal",
    "albedo",
    "emission",
    "depth",
    "direct irradiance",
    "geometric normal",
    "specular",
    "direct specular",
)


@dataclass(frozen=True)
class Subsample:
    """Passed to shaders/passes/subsample.frag as `subsample`."""

    origin: tuple[int, int]  # first pixel, from the lower left
    step: int  # 1 crops, 2 takes every second pixel


def subsample_inputs(
    gpu: Gpu, inputs: TechniqueInputs, subsample: Subsample, frame: FrameUniforms, name: str
) -> TechniqueInputs:
    """The inputs at these pixels, in a target of that name. `frame`: the camera whose pixels these are."""
    gbuffer = inputs.gbuffer
    has_specular = gbuffer.specular is not None
    entry = "specular" if has_specular else "diffuse"
    formats = ["rgba16f", "rgba16f", "rgba16f", "r32f", "rgba32f", "rgba16f"] + ["rgba16f", "rgba32f"] * has_specular
    target = gpu.target(name, (int(frame.size[0]), int(frame.size[1])), *formats)
    normal, albedo, emission, depth, irradiance, geometric_normal, *optional = gpu.draw(
        f"passes/subsample.frag:{entry}",
        target,
        cache=True,
        subsample=subsample,
        gbuffer=gbuffer,
        direct=inputs.direct_lighting,
    )
    if not inputs.scene.has_emission:
        emission = gbuffer.emission  # one black texel
    specular, direct_specular = optional if has_specular else (None, None)
    return inputs._replace(
        frame=frame,
        gbuffer=GBuffer(normal, albedo, emission, depth, geometric_normal, specular),
        direct_lighting=DirectLighting(irradiance, direct_specular),
    )


def subsample_lighting(gpu: Gpu, lighting: Lighting, subsample: Subsample, size: Size, name: str) -> Lighting:
    """The lighting of these pixels, in a target of that name and size."""
    entry = "lighting" if lighting.specular is None else "lighting_with_specular"
    target = gpu.target(name, size, *lighting.formats)
    textures = gpu.draw(f"passes/subsample.frag:{entry}", target, subsample=subsample, lighting=lighting)
    return lighting.with_textures(textures)


def crop_texture(gpu: Gpu, texture: Texture, box: Box, name: str) -> Texture:
    """A rectangle of any texture, in a target of that name."""
    target = gpu.target(name, box[2:], "r32f" if texture.components == 1 else "rgba32f")
    subsample = Subsample(box[:2], 1)
    return gpu.draw("passes/subsample.frag:single", target, cache=True, subsample=subsample, source=texture)[0]
