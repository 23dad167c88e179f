"""One frame, in drawing order: `render_frame`. The viewer, the commands and the tests all draw with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.gpu.timer import QUERY_LATENCY, PassTimer
from ssdo.render import composite
from ssdo.render.environment_maps import prefilter_specular, upload_environment
from ssdo.render.frame_uniforms import halve_frame, pad_frame
from ssdo.render.gbuffer import draw_gbuffer
from ssdo.render.guard_band import crop_inputs, crop_lighting, picture_box
from ssdo.render.half_resolution import halve_denoiser, halve_inputs, upsample_lighting
from ssdo.render.probes import ProbeSettings
from ssdo.render.punctual_lights import draw_punctual_lights
from ssdo.render.shot import Shot
from ssdo.render.sun import draw_sun
from ssdo.render.technique import Lighting, TechniqueInputs
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Scene, override_materials


class Surfaces(NamedTuple):
    """What a frame draws before its lighting: see `draw_surfaces`."""

    shot: Shot  # resolved: no value is left to the scene
    inputs: TechniqueInputs  # of the picture
    padded_inputs: TechniqueInputs  # of the picture and its guard band; without a band the same object as `inputs`

    def with_probes(self, probes: ProbeSettings) -> Surfaces:
        """The same surfaces with other probes."""
        inputs, padded_inputs = (i._replace(probes=probes) for i in (self.inputs, self.padded_inputs))
        return self._replace(inputs=inputs, padded_inputs=padded_inputs)


class FrameResult(NamedTuple):
    """The textures of one frame, in drawing order."""

    shot: Shot  # resolved: no value is left to the scene
    inputs: TechniqueInputs  # of the picture, at full resolution
    padded_inputs: TechniqueInputs  # of the picture and its guard band
    lit_view: TechniqueInputs  # `inputs` at the resolution of the lighting, full or half
    padded_lit_view: TechniqueInputs  # `padded_inputs` at that resolution: what the technique read
    unfiltered: Lighting  # as the technique returned it, of `lit_view`
    lighting: Lighting  # denoised, accumulated and upsampled, of `inputs`
    radiance: Texture  # linear
    display: Texture  # 8-bit sRGB


def render_frame(gpu: Gpu, shot: Shot, index: int = 0, surfaces: Surfaces | None = None) -> FrameResult:
    """Draw frame `index` of a shot.

    Frame 0 starts anew. Later frames, drawn in order, are averaged with the earlier ones (`shot.accumulated_frames`) or
    reuse their lighting (`shot.temporal`). With `surfaces` only the lighting is drawn; `shot` must be resolved then.
    Raises UserError.
    """
    # 1. Surfaces, direct light of sun and lights, environment maps.
    if surfaces is None:
        surfaces = draw_surfaces(gpu, shot, index)
        shot = surfaces.shot
    inputs = lit_view = surfaces.inputs
    padded_inputs = padded_lit_view = surfaces.padded_inputs
    denoiser = shot.denoise

    # 2. At half resolution, every second pixel of them.
    if shot.lighting.is_half:
        padded_lit_view = halve_inputs(gpu, padded_inputs)
        lit_view = crop_inputs(gpu, padded_lit_view, halve_frame(inputs.frame), "half cropped")
        denoiser = halve_denoiser(shot.denoise)
    gpu.release_targets()

    # 3. Environment and indirect light by the technique. It reads the guard band, but shades the picture alone.
    unfiltered = crop_lighting(gpu, padded_lit_view, shot.technique.draw(gpu, padded_lit_view))
    gpu.release_targets()

    # 4. Less noise: blur, reuse of earlier frames. Then all pixels, and the mean of all frames.
    lighting = denoiser.draw(gpu, lit_view, unfiltered, shot.technique)
    lighting = shot.temporal.draw(gpu, lit_view, lighting, denoiser, index)
    if shot.lighting.is_half:
        lighting = upsample_lighting(gpu, inputs, lighting, shot.denoise)
    if shot.accumulated_frames > 1:
        lighting = composite.accumulate(gpu, inputs, lighting, index)
    gpu.release_targets()

    # 5. Surfaces and lighting become radiance, and radiance becomes the picture.
    radiance = composite.draw_radiance(gpu, inputs, lighting)
    display = shot.display.draw(gpu, radiance)
    return FrameResult(shot, inputs, padded_inputs, lit_view, padded_lit_view, unfiltered, lighting, radiance, display)


def draw_surfaces(gpu: Gpu, shot: Shot, index: int = 0) -> Surfaces:
    """Draw what does not depend on the technique: the first part of `render_frame`. Raises UserError.

    Programs that compare techniques draw it once, and shade it often.
    """
    # Values that the shot leaves open come from the scene.
    scene = load_shot_scene(shot)
    shot = shot.resolve(scene)
    frame = shot.frame_uniforms(scene, index)
    guard_band_px = shot.guard_band.size_px(shot.height)
    padded_frame = pad_frame(frame, guard_band_px)

    gbuffer = draw_gbuffer(gpu, scene, padded_frame)
    environment = shot.load_environment()
    maps = upload_environment(gpu, environment)
    sunlight = draw_sun(gpu, scene, padded_frame, gbuffer, shot.sun)
    direct_lighting = draw_punctual_lights(gpu, scene, padded_frame, gbuffer, shot.lights, sunlight)
    specular_ibl = prefilter_specular(gpu, environment, maps, padded_frame) if scene.has_specular else None

    padded_inputs = TechniqueInputs(
        scene=scene,
        frame=padded_frame,
        gbuffer=gbuffer,
        environment_maps=maps,
        environment=environment,
        direct_lighting=direct_lighting,
        specular_ibl=specular_ibl,
        sun=shot.sun,
        lights=shot.lights,
        probes=shot.probes,
        scissor=picture_box(frame, guard_band_px) if guard_band_px else None,
    )
    return Surfaces(shot, crop_inputs(gpu, padded_inputs, frame), padded_inputs)


def load_shot_scene(shot: Shot) -> Scene:
    """The scene of a shot, with its material override. Raises UserError."""
    return override_materials(load_scene(shot.scene, shot.time), shot.material_override, shot.occlusion_maps)


def composite_lighting(gpu: Gpu, shot: Shot, lighting: Lighting) -> FrameResult:
    """The frame of a shot whose lighting is known, as from the cache of references. Raises UserError."""
    shot, inputs, _ = draw_surfaces(gpu, shot)
    gpu.release_targets()
    radiance = composite.draw_radiance(gpu, inputs, lighting)
    display = shot.display.draw(gpu, radiance)
    return FrameResult(shot, inputs, inputs, inputs, inputs, lighting, lighting, radiance, display)


def render_accumulated(gpu: Gpu, shot: Shot) -> FrameResult:
    """Draw all frames of a shot; the last one holds their mean. Raises UserError."""
    for index in range(shot.frame_count - 1):
        render_frame(gpu, shot, index)
    return render_frame(gpu, shot, shot.frame_count - 1)


def measure_cost(gpu: Gpu, shot: Shot, frames: int = 7) -> dict[str, float]:
    """Median milliseconds of each pass of a shot, by name: see `measure_passes`."""
    shot = replace(shot, accumulated_frames=1)
    index = itertools.count()  # a new index for each frame, so that there is a history to reuse
    samples = measure_passes(gpu, lambda: render_frame(gpu, shot, next(index)), frames)
    return {name: median(times) for name, times in samples.items()}


def measure_passes(gpu: Gpu, draw: Callable[[], object], frames: int) -> dict[str, list[float]]:
    """Milliseconds of each pass that `draw` draws, by name, in each of some frames.

    One frame before them compiles and uploads. No pass is skipped because its result is cached.
    """
    previous_timer = gpu.timer
    draw()
    gpu.timer = PassTimer(gpu.ctx, frames, previous_timer.clock)
    gpu.timer.enabled = True
    try:
        for _ in range(frames if gpu.timer.is_software_renderer else frames + QUERY_LATENCY):
            gpu.timer.begin_frame()
            gpu.pass_cache.invalidate()
            draw()
        return gpu.timer.samples
    finally:
        gpu.timer = previous_timer
