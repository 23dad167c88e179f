"""Surfaces and their light become the radiance that reaches the camera."""

from __future__ import annotations

from dataclasses import dataclass

from app.gpu import Gpu, Texture
from app.scene import Floats
from app.technique import LIGHTING_FORMAT, Lighting, View


@dataclass(frozen=True)
class Average:
    """Passed to shaders as `average`."""

    share: float  # of the newest frame


def mean(gpu: Gpu, view: View, light: Lighting, index: int) -> Lighting:
    """The mean of this frame's lighting and that of the `index` frames before it, 32 bit. Index 0 starts anew."""
    into, before = (gpu.target(f"mean.{(index + k) % 2}", view.size, LIGHTING_FORMAT, LIGHTING_FORMAT) for k in (0, 1))
    if index == 0:
        before.framebuffer.clear()
    return Lighting(*gpu.draw("average.frag", into, average=Average(1 / (index + 1)), light=light, before=Lighting(*before.textures)))


def resume(gpu: Gpu, count: int, direct: Floats, indirect: Floats) -> Lighting:
    """The mean of `count` frames, (h, w, 4) each, as if they had just been drawn: frame `count` goes on from here."""
    into = gpu.target(f"mean.{(count - 1) % 2}", (direct.shape[1], direct.shape[0]), LIGHTING_FORMAT, LIGHTING_FORMAT)
    for texture, values in zip(into.textures, (direct, indirect), strict=True):
        gpu.write(texture, values)
    return Lighting(*into.textures)


def draw(gpu: Gpu, view: View, light: Lighting) -> Texture:
    """Linear radiance, rgb."""
    into = gpu.target("radiance", view.size, LIGHTING_FORMAT)
    return gpu.draw("composite.frag", into, frame=view.frame, gbuffer=view.gbuffer, environment=view.environment, light=light, light_sun=view.sun)[0]
