"""Averages lighting over frames, and composites surfaces and lighting to radiance."""

from __future__ import annotations

from dataclasses import dataclass

from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, TechniqueInputs


@dataclass(frozen=True)
class AccumulationWeight:
    """Passed to shaders as `accumulation_weight`."""

    newest: float  # weight of the newest frame in the mean


def accumulate(gpu: Gpu, inputs: TechniqueInputs, lighting: Lighting, index: int) -> Lighting:
    """The mean lighting of frames 0 to `index`, in 32 bit. Index 0 starts anew."""
    entry = "diffuse" if lighting.specular is None else "specular"
    target, previous = (gpu.target(f"accumulation.{(index + k) % 2}", inputs.size, *lighting.formats) for k in (0, 1))
    if index == 0:
        previous.framebuffer.clear()
    textures = gpu.draw(
        f"passes/accumulate.frag:{entry}",
        target,
        lighting.bindings,
        accumulation_weight=AccumulationWeight(1 / (index + 1)),
        mean=lighting.with_textures(previous.textures),
    )
    return lighting.with_textures(textures)


def restore_accumulation(gpu: Gpu, count: int, *means: Floats) -> Lighting:
    """Upload the mean lighting of `count` frames, as if they had just been drawn: frame `count` continues it.

    `means`: (h, w, 4) for each texture of a `Lighting`. A 1 x 1 placeholder of indirect light is skipped.
    """
    height, width = means[0].shape[:2]
    arrays = [values for values in means if values.shape == means[0].shape]
    target = gpu.target(f"accumulation.{(count - 1) % 2}", (width, height), *[LIGHTING_FORMAT] * len(arrays))
    for texture, values in zip(target.textures, arrays, strict=True):
        gpu.write(texture, values)
    return Lighting(target.textures[0], gpu.black_texture).with_textures(target.textures)


def draw_radiance(gpu: Gpu, inputs: TechniqueInputs, lighting: Lighting, target_name: str = "radiance") -> Texture:
    """Linear radiance that reaches the camera, rgb, times its opacity, a.

    Blended surfaces are composited over that of the opaque ones.
    """
    bindings = lighting.bindings | {"direct": inputs.direct_lighting, "background": inputs.background}
    entry = "diffuse"
    if inputs.specular_ibl is not None:
        # Without a specular term of the technique, the ambient visibility dims the reflected environment.
        entry = "specular_occlusion" if lighting.specular is None else "specular"
        bindings["specular_ibl"] = inputs.specular_ibl
    (radiance,) = inputs.draw(gpu, f"passes/composite.frag:{entry}", inputs.target(gpu, target_name), bindings)
    if inputs.blended is None:
        return radiance
    target = inputs.target(gpu, f"{target_name} with blended surfaces")
    return gpu.draw("passes/blend.frag:surfaces", target, blended=inputs.blended, opaque_radiance=radiance)[0]
