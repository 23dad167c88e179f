"""Temporal reuse: lighting of earlier frames is reprojected as the camera moves. Off by default.

The history is two ping-pong targets, kept in the current scope of `Gpu`, each with its camera and frame index. A frame
stays a function of the shot, the index and this history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.render.denoise import Denoiser
from ssdo.render.frame_uniforms import Matrix, view_from_view
from ssdo.render.technique import LIGHTING_FORMAT, Lighting, TechniqueInputs
from ssdo.settings import Settings, param


@dataclass(frozen=True)
class Temporal(Settings):
    """Blends the lighting of earlier frames with this one's. The camera may move; moving surfaces ghost."""

    history_length: int = param(
        0, 0, 64, "frames in the history; more are smoother and follow changes later, 0 disables"
    )
    clip_sigma: float = param(
        0.5,
        0.1,
        100.0,
        "how far the history may deviate, in standard deviations of 3 x 3 pixels; larger smooths, but may ghost",
        log=True,
    )

    def draw(self, gpu: Gpu, inputs: TechniqueInputs, lighting: Lighting, denoiser: Denoiser, index: int) -> Lighting:
        """Blend the lighting of this frame with the history, and keep the result as the new history.

        Two pixels count as the same surface if the denoiser's bilateral weight between them is not 0. The history is
        dropped at index 0, and if it is not that of frame `index - 1` with the same projection.
        """
        if self.history_length == 0:
            return lighting
        formats = [LIGHTING_FORMAT, LIGHTING_FORMAT, "rgba32f", "rgba16f"]
        if lighting.specular is not None:
            formats.append(LIGHTING_FORMAT)
        target, previous = (gpu.target(f"temporal.{(index + k) % 2}", inputs.size, *formats) for k in (0, 1))
        previous_index, previous_frame = previous.metadata or (None, inputs.frame)
        if previous_frame.orthographic != inputs.frame.orthographic:
            previous_index = None
        if index == 0 or previous_index != index - 1:
            gpu.clear(previous)
            previous_frame = inputs.frame
        entry = "diffuse" if lighting.specular is None else "specular"
        textures = inputs.draw(
            gpu,
            f"passes/temporal.frag:{entry}",
            target,
            temporal=self,
            denoise=denoiser,
            previous_camera=PreviousCamera(
                view_from_view(inputs.frame, previous_frame),
                previous_frame.tan_half_fov,
                previous_frame.projection_offset,
            ),
            lighting=lighting,
            history=LightingHistory(*previous.textures),
        )
        target.metadata = index, inputs.frame
        history = LightingHistory(*textures)
        return Lighting(history.direct, history.indirect, history.specular)


@dataclass(frozen=True)
class PreviousCamera:
    """The camera of the previous frame, passed to shaders as `previous_camera`."""

    view_from_current_view: Matrix  # its view space from that of this frame
    tan_half_fov: tuple[float, float]
    projection_offset: tuple[float, float]


class LightingHistory(NamedTuple):
    """What one frame leaves to the next, passed to shaders as `history`."""

    direct: Texture
    indirect: Texture
    surface: Texture  # rgb: normal; a: depth
    frame_count: Texture  # frames in direct (r), indirect (g) and specular (b)
    specular: Texture | None = None
