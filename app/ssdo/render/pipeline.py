"""One frame, top to bottom. Viewer, capture and tests are callers of `render` and know nothing of one another."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from ssdo.gpu.context import LATE, Clock, Gpu, Texture
from ssdo.render import composite, environment_maps, gbuffer, guard_band, half_resolution, punctual_lights, sun
from ssdo.render.shot import Shot
from ssdo.render.technique import Lighting, TechniqueInputs
from ssdo.scene import built_in
from ssdo.scene.model import Scene, overridden


class FrameResult(NamedTuple):
    """Everything one frame makes."""

    shot: Shot  # as it was drawn: nothing left to the scene
    view: TechniqueInputs
    # what was lit: that, or every second pixel of it; its `wide`, where there is one, is what the technique was given
    lit_view: TechniqueInputs
    unfiltered: Lighting  # as the technique answered, for what was lit
    lighting: Lighting  # of every pixel, after blur and averaging
    radiance: Texture  # linear, what is measured
    display: Texture  # 8 bit sRGB, what is looked at


def render_frame(gpu: Gpu, shot: Shot, index: int = 0) -> FrameResult:
    """Draw frame `index` of a shot. Index 0 starts anew; later ones, in order, are averaged with those before, or go on
    from what was kept of the last one, which another camera may have seen.
    """
    return shade(gpu, *draw_surfaces(gpu, shot, index), index)


def shade(gpu: Gpu, shot: Shot, view: TechniqueInputs, index: int = 0) -> FrameResult:
    """The rest of the frame, of a shot and its surfaces as `look` answered: programs that change nothing but the light
    look once.
    """
    given, blur = (
        (half_resolution.view(gpu, view), half_resolution.blur(shot.denoise))
        if shot.lighting.half
        else (view, shot.denoise)
    )
    gpu.let_go()
    raw = guard_band.answer(gpu, given, shot.technique.draw(gpu, given.padded or given))
    gpu.let_go()
    lighting = blur.draw(gpu, given, raw, shot.technique)
    lighting = shot.temporal.draw(gpu, given, lighting, blur, index)
    if shot.lighting.half:
        lighting = half_resolution.upsampled(gpu, view, lighting, shot.denoise)
    if shot.accumulated_frames > 1:
        lighting = composite.mean(gpu, view, lighting, index)
    return develop(gpu, shot, view, given, raw, lighting)


def draw_surfaces(gpu: Gpu, shot: Shot, index: int = 0) -> tuple[Shot, TechniqueInputs]:
    """What the techniques are given: the surfaces the camera sees, and the light from far away. The shot, with nothing
    left to the scene.
    """
    scene = load_scene_of(shot)
    shot = shot.resolved(scene)
    inner, band = shot.frame(scene, index), shot.guard_band.pixels(shot.height)
    frame = guard_band.around(inner, band)
    surfaces = gbuffer.draw(gpu, scene, frame)
    sky = shot.surroundings()
    maps = environment_maps.upload(gpu, sky)
    shining = punctual_lights.draw(
        gpu, scene, frame, surfaces, shot.lights, sun.draw(gpu, scene, frame, surfaces, shot.sun)
    )
    gloss = environment_maps.glossy(gpu, sky, maps, frame) if scene.glossy else None
    view = TechniqueInputs(
        scene, frame, surfaces, maps, sky, shining.irradiance, shining.shine, shot.lights, shot.probes, gloss, shot.sun
    )
    return shot, guard_band.inner(gpu, view, inner, band)


def load_scene_of(shot: Shot) -> Scene:
    """The scene of a shot, of the materials that it asks for."""
    return overridden(built_in.load(shot.scene, shot.time), shot.material_override, shot.occlusion_maps)


def develop(
    gpu: Gpu, shot: Shot, view: TechniqueInputs, given: TechniqueInputs, raw: Lighting, lighting: Lighting
) -> FrameResult:
    """Lighting becomes a picture."""
    gpu.let_go()
    radiance = composite.draw(gpu, view, lighting)
    return FrameResult(shot, view, given, raw, lighting, radiance, shot.display.draw(gpu, radiance))


def render_accumulated(gpu: Gpu, shot: Shot) -> FrameResult:
    """All frames of a shot, averaged."""
    for index in range(shot.drawn - 1):
        render_frame(gpu, shot, index)
    return render_frame(gpu, shot, shot.drawn - 1)


def measure_cost(gpu: Gpu, shot: Shot, frames: int = 7) -> dict[str, float]:
    """Milliseconds of each pass by the shader's name, median of some frames after one that compiles and uploads."""
    # another index each time: only then is there light to remember
    shot, index = replace(shot, accumulated_frames=1), itertools.count()
    return {
        name: median(times)
        for name, times in measure_passes(gpu, lambda: render_frame(gpu, shot, next(index)), frames).items()
    }


def measure_passes(gpu: Gpu, draw: Callable[[], object], frames: int) -> dict[str, list[float]]:
    """Milliseconds of each pass by the shader's name, for each of some frames after one that compiles and uploads;
    nothing is kept from one to the next, so that every pass is drawn in each.
    """
    before = gpu.clock
    draw()
    gpu.clock = Clock(gpu.ctx, frames, before.seconds)
    gpu.clock.running = True
    try:
        for _ in range(frames if gpu.clock.software else frames + LATE):
            gpu.clock.begin_frame()
            gpu.forget()
            draw()
        return gpu.clock.readings
    finally:
        gpu.clock = before
