"""What a picture is measured against, and where its error comes from.

World truth: rays against all triangles (`reference`). Screen truth: the same technique with many samples, many frames
and no blur: all that it can know from the one image it sees. Each is drawn twice, from samples that have nothing in
common, so that its own noise can be taken out of an error and stated (see metrics.noise_free_mse).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics
from ssdo.measure.metrics import Mask
from ssdo.measure.reference_cache import Mean, Store, key
from ssdo.render import composite
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.pipeline import FrameResult, develop, draw_surfaces, render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import SCREEN_SAMPLES, SCREEN_SLICES, SCREEN_STEPS, Technique
from ssdo.render.techniques.reference import Reference
from ssdo.render.temporal import Temporal
from ssdo.scene.model import Floats
from ssdo.settings import UserError

KEEP_EVERY = 20.0  # seconds of drawing that an interruption may cost
# what screen truth tries at each pixel, in each frame
SCREEN = f"{SCREEN_SAMPLES} directions or {SCREEN_SLICES} slices of 2 x {SCREEN_STEPS} points"

HELD = ("radiance", "direct", "indirect", "open")

Arrays = Mapping[str, Floats]
Tick = Callable[[Shot], None]  # called after each frame


def silent(shot: Shot) -> None:
    """A tick that tells nobody."""


class Truth(NamedTuple):
    """The same light twice, from independent samples: HELD of images.arrays. `blurred`: their radiance with the shot's
    blur over it.
    """

    first: Arrays
    second: Arrays
    blurred: tuple[Floats, Floats]
    shot: Shot | None  # of the first, resolved; None: a file

    @property
    def pair(self) -> tuple[Floats, Floats]:
        """Their radiance."""
        return self.first["radiance"], self.second["radiance"]

    @property
    def mean(self) -> Arrays:
        """Of the two."""
        return {name: (values + self.second[name]) * np.float32(0.5) for name, values in self.first.items()}

    def error(self, picture: Floats, mask: Mask) -> float:
        """RMSE of a picture's radiance, without the noise of this."""
        return (
            metrics.noise_free_rmse(picture, self.pair, mask)
            if self.shot
            else metrics.rmse(picture, self.first["radiance"], mask)
        )

    def noise(self, mask: Mask) -> float:
        """The standard error of the mean's radiance, RMS over the mask: half of what the two differ by."""
        return metrics.rmse(*self.pair, mask) / 2


class Parts(NamedTuple):
    """RMSE of radiance, noise of the truths taken out. The parts do not add up: blur takes from the sampling what it
    adds of its own.
    """

    sampling: float  # of the picture without blur, against its screen truth
    remaining: float  # of that, after the blur
    blur: float  # what the blur does to screen truth
    screen: float  # screen truth against world truth: what one image cannot know


def world(gpu: Gpu, shot: Shot, reference: Reference, frames: int, store: Store, tick: Tick = silent) -> Truth:
    """World truth of a shot from `frames` frames. Raises UserError."""
    return _twice(gpu, shot, reference, frames, store, tick)


def screen(gpu: Gpu, shot: Shot, frames: int, store: Store, tick: Tick = silent) -> Truth:
    """Screen truth of a shot from `frames` frames, see SCREEN. Raises UserError."""
    return _twice(gpu, shot, shot.technique.as_converged(), frames, store, tick)


def halves(shot: Shot, frames: int) -> tuple[Shot, Shot]:
    """The shots whose means are a truth: without blur, at full resolution, with seeds of their own."""
    if frames < 4:
        raise UserError(f"{frames} frames: a truth is two halves of at least 2 frames each; ask for 4 or more")
    plain = replace(
        shot,
        denoise=replace(shot.denoise, radius=0),
        lighting=LightingResolution(),
        temporal=Temporal(),
        accumulated_frames=frames // 2,
    )
    first, second = (replace(plain, seed=(shot.seed + k) % 65536) for k in (1, 2))
    return first, second


def _twice(gpu: Gpu, shot: Shot, technique: Technique, frames: int, store: Store, tick: Tick) -> Truth:
    pictures, blurred, shots = [], [], []
    for half in halves(replace(shot, technique=technique), frames):
        picture = mean(gpu, half, store, tick)
        arrays = images.arrays(gpu, picture)
        pictures.append({name: arrays[name] for name in HELD})
        light = shot.denoise.draw(gpu, picture.view, picture.lighting, shot.technique)
        blurred.append(gpu.read(composite.draw(gpu, picture.view, light))[..., :3])
        shots.append(picture.shot)
    return Truth(pictures[0], pictures[1], (blurred[0], blurred[1]), shots[0])


def mean(gpu: Gpu, shot: Shot, store: Store, tick: Tick = silent) -> FrameResult:
    """`photograph`, of two frames or more, that goes on from what the store keeps, and leaves there what it drew when
    it is interrupted.
    """
    name = key(gpu, shot)
    kept = store.load(name)
    count = kept.frames if kept else 0
    if kept:
        lighting = composite.resume(gpu, count, *kept.textures.values())
    last, saved = time.monotonic(), count
    try:
        while count < shot.accumulated_frames:
            picture = render_frame(gpu, shot, count)
            gpu.ctx.finish()  # a frame that is only queued is not done
            lighting, count = picture.lighting, count + 1
            if time.monotonic() - last > KEEP_EVERY:
                store.save(name, Mean(count, *(gpu.read(texture) for texture in lighting if texture is not None)))
                last, saved = time.monotonic(), count
            tick(shot)
    finally:
        if count > saved:
            store.save(name, Mean(count, *(gpu.read(texture) for texture in lighting if texture is not None)))
    shot, view = draw_surfaces(gpu, shot)
    return develop(gpu, shot, view, view, lighting, lighting)


def of_file(path: Path, shot: Shot) -> Truth:
    """A picture made elsewhere, .npz or .exr of linear radiance, as the truth; its noise is not known. Raises
    UserError.
    """
    radiance = images.radiance_of(path)
    if radiance.shape != (shot.height, shot.width, 3):
        size = f"{radiance.shape[1]} x {radiance.shape[0]}"
        raise UserError(
            f"{path} is {size}, the shot {shot.width} x {shot.height}; add --width {radiance.shape[1]} --height {radiance.shape[0]}"
        )
    arrays = {"radiance": radiance}
    return Truth(arrays, arrays, (radiance, radiance), None)


def parts(picture: Floats, unblurred: Floats, screen_truth: Truth, world_truth: Truth, mask: Mask) -> Parts:
    """Where the error of a picture's radiance comes from; `unblurred`: the same samples without blur. Raises
    UserError.
    """
    return Parts(
        metrics.noise_free_rmse(unblurred, screen_truth.pair, mask),
        metrics.noise_free_rmse(picture, screen_truth.pair, mask),
        metrics.noise_free_rmse(screen_truth.blurred, screen_truth.pair, mask),
        metrics.noise_free_rmse(screen_truth.pair, world_truth.pair, mask),
    )


def surface(arrays: Arrays) -> Mask:
    """Where there is something to light."""
    found: Mask = np.isfinite(arrays["depth"])
    return found
