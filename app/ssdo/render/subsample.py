"""Some of a picture's pixels as a picture of their own, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ssdo.gpu.context import Box, Gpu, Size, Texture
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.gbuffer import GBuffer
from ssdo.render.technique import Lighting, TechniqueInputs

# of what is seen there, as shaders/passes/subsample.frag writes them
PARTS = ("normal", "albedo", "emission", "depth", "sun", "flat", "gloss", "shine")


@dataclass(frozen=True)
class Pick:
    """Passed to shaders/passes/subsample.frag as `pick`."""

    first: tuple[int, int]  # from the lower left
    step: int


def view(gpu: Gpu, whole: TechniqueInputs, pick: Pick, frame: FrameUniforms, name: str) -> TechniqueInputs:
    """What is seen at these pixels; `frame`: where they lie."""
    surfaces = whole.gbuffer
    layered, glossy = surfaces.flat is not surfaces.normal, surfaces.gloss is not None
    formats = ["rgba16f"] * 3 + ["r32f", "rgba32f"] + ["rgba16f"] * layered + ["rgba16f", "rgba32f"] * glossy
    given: dict[str, Any] = {"pick": pick, "gbuffer": surfaces, "light_sun": whole.sun} | (
        {"light_shine": whole.direct_specular} if glossy else {}
    )
    into = gpu.target(name, (int(frame.size[0]), int(frame.size[1])), *formats)
    normal, albedo, emission, depth, sun, *more = gpu.draw(
        f"passes/subsample.frag:{'glossy' if glossy else 'layered' if layered else 'matte'}", into, keep=True, **given
    )
    if not whole.scene.shining:  # a black texel
        emission = surfaces.emission
    flat = more.pop(0) if layered else normal
    gloss, shine = more or (None, None)
    return whole._replace(
        frame=frame, gbuffer=GBuffer(normal, albedo, emission, depth, flat, gloss), sun=sun, direct_specular=shine
    )


def light(gpu: Gpu, whole: Lighting, pick: Pick, size: Size, name: str) -> Lighting:
    """The light of these pixels."""
    into = gpu.target(name, size, *whole.formats)
    return whole.of(
        gpu.draw(
            f"passes/subsample.frag:{'light' if whole.gloss is None else 'light_glossy'}", into, pick=pick, light=whole
        )
    )


def one(gpu: Gpu, whole: Texture, box: Box, name: str) -> Texture:
    """A rectangle of anything, to be looked at."""
    into = gpu.target(name, box[2:], "r32f" if whole.components == 1 else "rgba32f")
    return gpu.draw("passes/subsample.frag:one", into, keep=True, pick=Pick(box[:2], 1), whole=whole)[0]
