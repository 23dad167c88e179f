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
from ssdo.render.technique import Lighting, View
from ssdo.scene import built_in
from ssdo.scene.model import Scene, overridden


class Picture(NamedTuple):
    """Everything one frame makes."""

    shot: Shot  # as it was drawn: nothing left to the scene
    view: View
    # what was lit: that, or every second pixel of it; its `wide`, where there is one, is what the technique was given
    given: View
    raw: Lighting  # as the technique answered, for what was lit
    lighting: Lighting  # of every pixel, after blur and averaging
    radiance: Texture  # linear, what is measured
    image: Texture  # 8 bit sRGB, what is looked at


def render(gpu: Gpu, shot: Shot, index: int = 0) -> Picture:
    """Draw frame `index` of a shot. Index 0 starts anew; later ones, in order, are averaged with those before, or go on
    from what was kept of the last one, which another camera may have seen.
    """
    return lit(gpu, *look(gpu, shot, index), index)


def lit(gpu: Gpu, shot: Shot, view: View, index: int = 0) -> Picture:
    """The rest of the frame, of a shot and its surfaces as `look` answered: programs that change nothing but the light
    look once.
    """
    given, blur = (
        (half_resolution.view(gpu, view), half_resolution.blur(shot.blur)) if shot.lighting.half else (view, shot.blur)
    )
    gpu.let_go()
    raw = guard_band.answer(gpu, given, shot.technique.draw(gpu, given.wide or given))
    gpu.let_go()
    lighting = blur.draw(gpu, given, raw, shot.technique)
    lighting = shot.temporal.draw(gpu, given, lighting, blur, index)
    if shot.lighting.half:
        lighting = half_resolution.upsampled(gpu, view, lighting, shot.blur)
    if shot.frames > 1:
        lighting = composite.mean(gpu, view, lighting, index)
    return develop(gpu, shot, view, given, raw, lighting)


def look(gpu: Gpu, shot: Shot, index: int = 0) -> tuple[Shot, View]:
    """What the techniques are given: the surfaces the camera sees, and the light from far away. The shot, with nothing
    left to the scene.
    """
    scene = scene_of(shot)
    shot = shot.resolved(scene)
    inner, band = shot.frame(scene, index), shot.guard.pixels(shot.height)
    frame = guard_band.around(inner, band)
    surfaces = gbuffer.draw(gpu, scene, frame)
    sky = shot.surroundings()
    maps = environment_maps.upload(gpu, sky)
    shining = punctual_lights.draw(
        gpu, scene, frame, surfaces, shot.lamps, sun.draw(gpu, scene, frame, surfaces, shot.sun)
    )
    gloss = environment_maps.glossy(gpu, sky, maps, frame) if scene.glossy else None
    view = View(
        scene, frame, surfaces, maps, sky, shining.irradiance, shining.shine, shot.lamps, shot.far, gloss, shot.sun
    )
    return shot, guard_band.inner(gpu, view, inner, band)


def scene_of(shot: Shot) -> Scene:
    """The scene of a shot, of the materials that it asks for."""
    return overridden(built_in.load(shot.scene, shot.time), shot.material, shot.occlusion_maps)


def develop(gpu: Gpu, shot: Shot, view: View, given: View, raw: Lighting, lighting: Lighting) -> Picture:
    """Lighting becomes a picture."""
    gpu.let_go()
    radiance = composite.draw(gpu, view, lighting)
    return Picture(shot, view, given, raw, lighting, radiance, shot.display.draw(gpu, radiance))


def photograph(gpu: Gpu, shot: Shot) -> Picture:
    """All frames of a shot, averaged."""
    for index in range(shot.drawn - 1):
        render(gpu, shot, index)
    return render(gpu, shot, shot.drawn - 1)


def cost(gpu: Gpu, shot: Shot, frames: int = 7) -> dict[str, float]:
    """Milliseconds of each pass by the shader's name, median of some frames after one that compiles and uploads."""
    # another index each time: only then is there light to remember
    shot, index = replace(shot, frames=1), itertools.count()
    return {name: median(times) for name, times in timed(gpu, lambda: render(gpu, shot, next(index)), frames).items()}


def timed(gpu: Gpu, draw: Callable[[], object], frames: int) -> dict[str, list[float]]:
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
