"""Light of the frames before, found again where camera and lights have moved since: steadier than one frame, and off
unless asked for.

A frame remains a function of what it is given and of what its scope keeps, which is one pair of targets and the camera
they were drawn with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ssdo.gpu.context import Gpu, Texture
from ssdo.render.denoise import Denoiser
from ssdo.render.frame_uniforms import Matrix, from_view
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, TechniqueInputs
from ssdo.settings import Settings, param


@dataclass(frozen=True)
class Temporal(Settings):
    """Light that is remembered from frame to frame and found again where the camera moves."""

    history_length: int = param(
        0, 0, 64, "frames whose light is remembered and found again where the camera moves; 0 switches it off"
    )
    clip_sigma: float = param(
        0.5,
        0.1,
        100.0,
        "how far it may differ from this frame's, in spreads of 3 x 3 pixels; more is calmer, and later to see light change",
        log=True,
    )

    def draw(self, gpu: Gpu, view: TechniqueInputs, light: Lighting, blur: Denoiser, index: int) -> Lighting:
        """Light of this frame with that of the frames before; what a blur would take for one surface is one. Starts
        anew at index 0, and wherever what is kept is not of the index before.
        """
        if self.history_length == 0:
            return light
        formats = [
            LIGHTING_FORMAT,
            LIGHTING_FORMAT,
            "rgba32f",
            "rgba16f",
            *[LIGHTING_FORMAT] * (light.gloss is not None),
        ]
        into, before = (gpu.target(f"temporal.{(index + k) % 2}", view.size, *formats) for k in (0, 1))
        last, camera = gpu.notes.get(before.name, (None, view.frame))
        if index == 0 or last != index - 1:
            gpu.clear(before)
            camera = view.frame
        past = Past(from_view(view.frame, camera), camera.tangent, camera.shift)
        given: dict[str, Any] = {
            "temporal": self,
            "past": past,
            "denoise": blur,
            "frame": view.frame,
            "gbuffer": view.gbuffer,
            "light": light,
        }
        kept = Kept(
            *gpu.draw(
                f"passes/temporal.frag:{'matte' if light.gloss is None else 'glossy'}",
                into,
                **given,
                before=Kept(*before.textures),
            )
        )
        gpu.notes[into.name] = index, view.frame
        return Lighting(kept.direct, kept.indirect, kept.gloss)


@dataclass(frozen=True)
class Past:
    """Passed to shaders as `past`: the camera of the frame before, as this frame's sees it."""

    from_view: Matrix  # its view space from this frame's
    tangent: tuple[float, float]
    shift: tuple[float, float]


class Kept(NamedTuple):
    """What is kept from one frame to the next, passed to shaders as `before`."""

    direct: Texture
    indirect: Texture
    surface: Texture  # rgb: the normal; a: depth
    counted: Texture  # frames in direct, indirect and gloss
    gloss: Texture | None = None
