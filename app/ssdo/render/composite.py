"""Surfaces and their light become the radiance that reaches the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ssdo.gpu.context import Gpu, Texture
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, TechniqueInputs
from ssdo.scene.model import Floats


@dataclass(frozen=True)
class Average:
    """Passed to shaders as `average`."""

    share: float  # of the newest frame


def mean(gpu: Gpu, view: TechniqueInputs, light: Lighting, index: int) -> Lighting:
    """The mean of this frame's lighting and that of the `index` frames before it, 32 bit. Index 0 starts anew."""
    entry = "matte" if light.gloss is None else "glossy"
    into, before = (gpu.target(f"mean.{(index + k) % 2}", view.size, *light.formats) for k in (0, 1))
    if index == 0:
        before.framebuffer.clear()
    return light.of(
        gpu.draw(
            f"passes/accumulate.frag:{entry}",
            into,
            average=Average(1 / (index + 1)),
            before=light.of(before.textures),
            **light.given,
        )
    )


def resume(gpu: Gpu, count: int, *means: Floats) -> Lighting:
    """The mean of `count` frames, (h, w, 4) for each texture but the texel of no bounce, as if they had just been
    drawn: frame `count` goes on from here.
    """
    drawn = [values for values in means if values.shape == means[0].shape]
    into = gpu.target(
        f"mean.{(count - 1) % 2}", (means[0].shape[1], means[0].shape[0]), *[LIGHTING_FORMAT] * len(drawn)
    )
    for texture, values in zip(into.textures, drawn, strict=True):
        gpu.write(texture, values)
    return Lighting(into.textures[0], gpu.black).of(into.textures)


def draw(gpu: Gpu, view: TechniqueInputs, light: Lighting) -> Texture:
    """Linear radiance, rgb."""
    into = gpu.target("radiance", view.size, LIGHTING_FORMAT)
    given: dict[str, Any] = {
        "frame": view.frame,
        "gbuffer": view.gbuffer,
        "environment": view.environment,
        "light_sun": view.sun,
    } | light.given
    if view.specular is None:
        return gpu.draw("passes/composite.frag:matte", into, **given)[0]
    return gpu.draw(
        f"passes/composite.frag:{'dimmed' if light.gloss is None else 'glossy'}",
        into,
        **given,
        gloss=view.specular,
        light_shine=view.direct_specular,
    )[0]
