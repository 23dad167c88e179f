"""One frame, top to bottom. Viewer, capture and tests are callers of `render` and know nothing of one another."""

from __future__ import annotations

from typing import NamedTuple

from app import composite, environment, gbuffer, light, scenes, sun
from app.gpu import Gpu, Texture
from app.shot import Shot
from app.technique import Lighting, View


class Picture(NamedTuple):
    """Everything one frame makes."""

    shot: Shot  # as it was drawn: nothing left to the scene
    view: View
    raw: Lighting  # as the technique answered
    lighting: Lighting  # after blur and averaging
    radiance: Texture  # linear, what is measured
    image: Texture  # 8 bit sRGB, what is looked at


def render(gpu: Gpu, shot: Shot, index: int = 0) -> Picture:
    """Draw frame `index` of a shot. Index 0 starts anew; later ones, in order, are averaged with those before."""
    scene = scenes.load(shot.scene, shot.time)
    shot = shot.resolved(scene)
    frame = shot.frame(scene, index)
    surfaces = gbuffer.draw(gpu, scene, frame)
    sky = light.upload(gpu, environment.load(shot.environment or scene.environment, frame.sun_direction))
    sunlight = sun.draw(gpu, scene, frame, surfaces, shot.sun)

    view = View(scene, frame, surfaces, sky, sunlight)
    raw = shot.technique.draw(gpu, view)
    lighting = shot.blur.draw(gpu, view, raw)
    if shot.frames > 1:
        lighting = composite.mean(gpu, view, lighting, index)

    radiance = composite.draw(gpu, view, lighting)
    return Picture(shot, view, raw, lighting, radiance, shot.display.draw(gpu, radiance))


def photograph(gpu: Gpu, shot: Shot) -> Picture:
    """All frames of a shot, averaged."""
    for index in range(shot.frames - 1):
        render(gpu, shot, index)
    return render(gpu, shot, shot.frames - 1)
