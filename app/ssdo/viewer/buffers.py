"""What a slot can show instead of its final image: lighting components, other buffers, and every render target."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Target, Texture
from ssdo.render import gbuffer, subsample
from ssdo.render.pipeline import FrameResult
from ssdo.render.sun import DirectLighting
from ssdo.render.technique import Lighting
from ssdo.render.techniques.off import Off
from ssdo.render.temporal import LightingHistory
from ssdo.scene.model import Scene

# In this order each component adds one term of the lighting to the one before.
LIGHTING_COMPONENTS = (
    "albedo",
    "unoccluded light",
    "ambient visibility",
    "direct light",
    "RGB visibility",
    "indirect light",
    "final image",
)
FINAL_IMAGE = LIGHTING_COMPONENTS[-1]
UNFILTERED_VISIBILITY = "ambient visibility, unfiltered"  # the first buffer after the lighting components
WHITE_DIFFUSE = 1 / math.pi  # shows irradiance as the radiance of a white surface
TARGET_SUFFIX = " *"  # ends the name of a render target
# names of a target's textures; those of others are as in Lighting
TARGET_TEXTURES: Mapping[str, tuple[str, ...]] = {
    "sun": DirectLighting._fields,
    "punctual_lights": DirectLighting._fields,
    "temporal.0": LightingHistory._fields,
    "temporal.1": LightingHistory._fields,
    "half": subsample.ATTACHMENT_NAMES,
    "half cropped": subsample.ATTACHMENT_NAMES,
    "cropped": subsample.ATTACHMENT_NAMES,
}


class Buffer(NamedTuple):
    """A texture to show, and how shaders/passes/buffer_view.frag or difference.frag maps it to a colour."""

    texture: Texture
    mapping: str
    gain: float = 1.0
    compared_to: Texture | None = None  # divisor of a ratio; second image of a difference


MakeBuffer = Callable[[], Buffer]


def list_buffers(
    gpu: Gpu, scope: str, result: FrameResult, draw_unoccluded: Callable[[], Texture]
) -> dict[str, MakeBuffer]:
    """Everything that can be shown of a slot's result, by name: lighting components first, render targets last.

    `scope`: of its render targets. `draw_unoccluded`: gives the irradiance of the whole environment, which is drawn
    only if it is shown.
    """
    return _lighting_buffers(result, draw_unoccluded) | _specular_buffers(result) | _target_buffers(gpu, scope, result)


def _lighting_buffers(result: FrameResult, draw_unoccluded: Callable[[], Texture]) -> dict[str, MakeBuffer]:
    surfaces, lighting, unfiltered = result.inputs.gbuffer, result.lighting, result.unfiltered
    return {
        "albedo": lambda: Buffer(surfaces.albedo, "light"),
        "unoccluded light": lambda: Buffer(draw_unoccluded(), "light", WHITE_DIFFUSE),
        "ambient visibility": lambda: Buffer(lighting.direct, "alpha"),
        "direct light": lambda: Buffer(lighting.direct, "light", WHITE_DIFFUSE),
        "RGB visibility": lambda: Buffer(lighting.direct, "ratio", compared_to=draw_unoccluded()),
        "indirect light": lambda: Buffer(lighting.indirect, "light", WHITE_DIFFUSE),
        FINAL_IMAGE: lambda: Buffer(result.display, "display"),
        UNFILTERED_VISIBILITY: lambda: Buffer(unfiltered.direct, "alpha"),
        "indirect light, unfiltered": lambda: Buffer(unfiltered.indirect, "light", WHITE_DIFFUSE),
        "sun and punctual lights": lambda: Buffer(result.inputs.direct_lighting.irradiance, "light", WHITE_DIFFUSE),
        "normals": lambda: Buffer(surfaces.normal, "normal"),
        "emission": lambda: Buffer(surfaces.emission, "light"),
        "depth": lambda: Buffer(surfaces.depth, "depth"),
    }


def _specular_buffers(result: FrameResult) -> dict[str, MakeBuffer]:
    """Buffers that exist only in scenes with specular materials."""
    buffers: dict[str, MakeBuffer] = {}
    f0_roughness, direct_specular = result.inputs.gbuffer.specular, result.inputs.direct_lighting.specular
    indirect_specular = result.lighting.specular
    if f0_roughness is not None and direct_specular is not None:
        buffers |= {
            "F0": lambda: Buffer(f0_roughness, "light"),
            "roughness": lambda: Buffer(f0_roughness, "alpha"),
            "direct specular": lambda: Buffer(direct_specular, "light"),
        }
    if indirect_specular is not None:
        buffers |= {
            "indirect specular": lambda: Buffer(indirect_specular, "light"),
            "specular visibility": lambda: Buffer(indirect_specular, "alpha"),
        }
    return buffers


def _target_buffers(gpu: Gpu, scope: str, result: FrameResult) -> dict[str, MakeBuffer]:
    """Every texture of every render target of the slot."""
    buffers: dict[str, MakeBuffer] = {}
    for path, target in gpu.targets.items():
        if not path.startswith(f"{scope}/"):
            continue
        names = _texture_names(path.rpartition("/")[2], target, result.inputs.scene)
        for name, texture in zip(names, target.textures, strict=True):
            mapping = "display" if texture.dtype == "f1" else name if name in ("depth", "normal") else "light"
            label = f"{path.partition('/')[2]} {name}".strip() + TARGET_SUFFIX
            buffers[label] = partial(_target_buffer, gpu, scope, result, texture, mapping)
    return buffers


def _target_buffer(gpu: Gpu, scope: str, result: FrameResult, texture: Texture, mapping: str) -> Buffer:
    """A texture of a target, without the guard band."""
    for padded in (result.padded_inputs, result.padded_shading_inputs):
        if padded.scissor and texture.size != result.display.size:
            x, y, width, height = padded.scissor
            for border in (0, 1):  # the inverse depth has a border of one pixel
                if texture.size == (padded.size[0] + 2 * border, padded.size[1] + 2 * border):
                    with gpu.scope(f"crop {scope}"):
                        box = x + border, y + border, width, height
                        return Buffer(subsample.crop_texture(gpu, texture, box, "crop"), mapping)
    return Buffer(texture, mapping)


def _texture_names(target_name: str, target: Target, scene: Scene) -> tuple[str, ...]:
    """Names of the textures of a render target."""
    count = len(target.textures)
    if count == 1:
        return ("",)
    if target_name == "gbuffer" or target_name.startswith("hidden."):
        names = gbuffer.attachment_names(scene)
    elif target_name.startswith("ssdo.direct"):
        hit_textures = 1 if count < 4 else 3
        names = ("direct", *("hits", "hits 2", "hits 3")[:hit_textures], "probe radiance")
    else:
        names = TARGET_TEXTURES.get(target_name, Lighting._fields)
    return *names[:count], *(f"texture {number}" for number in range(len(names) + 1, count + 1))


def draw_unoccluded(gpu: Gpu, slot: str, result: FrameResult) -> Texture:
    """Irradiance of the whole environment on every surface, without occlusion."""
    with gpu.scope(f"unoccluded {slot}"):
        return Off().draw(gpu, result.inputs).direct
