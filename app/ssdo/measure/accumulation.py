"""Accumulates the frames of a shot, starting from the cached ones."""

from __future__ import annotations

import time
from collections.abc import Callable

from ssdo.gpu.context import Gpu
from ssdo.measure.reference_cache import Accumulation, ReferenceCache, cache_key
from ssdo.render import composite
from ssdo.render.pipeline import FrameResult, LoadedShot, composite_lighting, render_loaded_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Lighting

CHECKPOINT_INTERVAL = 20.0  # seconds of rendering that a killed process may lose

ProgressCallback = Callable[[Shot], None]  # called after each frame


def no_progress(shot: Shot) -> None:
    """A callback that reports nothing."""


class Accumulator:
    """The mean lighting of the first frames of a shot. Between calls it is in main memory."""

    def __init__(self, gpu: Gpu, loaded: LoadedShot, cache: ReferenceCache) -> None:
        self.gpu, self.loaded, self.cache = gpu, loaded, cache
        self._key = cache_key(gpu, loaded)
        self._mean = cache.load(self._key, loaded.shot)
        self._saved_count = self.count
        self._last_save = time.monotonic()

    @property
    def count(self) -> int:
        """The number of frames so far."""
        return self._mean.frames if self._mean else 0

    def render(self, count: int, on_frame: ProgressCallback = no_progress) -> FrameResult:
        """Render until there are at least `count` frames, and composite their mean.

        An interruption keeps and saves what is rendered. Raises UserError.
        """
        gpu, start = self.gpu, self.count
        done = start
        if self._mean:
            lighting = composite.restore_accumulation(gpu, start, *self._mean.textures.values())
        try:
            while done < count:
                result = render_loaded_frame(gpu, self.loaded, done)
                gpu.ctx.finish()  # a queued frame is not yet rendered
                lighting, done = result.lighting, done + 1
                if time.monotonic() - self._last_save > CHECKPOINT_INTERVAL:
                    self._mean = _read_accumulation(gpu, done, lighting)
                    self.save()
                on_frame(self.loaded.shot)
        except BaseException:
            if done > self.count:
                self._mean = _read_accumulation(gpu, done, lighting)
            self.save()
            raise
        if done > self.count:
            self._mean = _read_accumulation(gpu, done, lighting)
        return composite_lighting(gpu, self.loaded, lighting)

    def render_all(self, on_frame: ProgressCallback = no_progress) -> FrameResult:
        """Render all frames of the shot, and save them. Raises UserError."""
        result = self.render(self.loaded.shot.accumulated_frames, on_frame)
        self.save()
        return result

    def save(self) -> None:
        """Save the frames that are not yet in the cache."""
        if self._mean and self.count > self._saved_count:
            self.cache.save(self._key, self.loaded.shot, self._mean)
            self._last_save, self._saved_count = time.monotonic(), self.count


def _read_accumulation(gpu: Gpu, frames: int, lighting: Lighting) -> Accumulation:
    return Accumulation(frames, *(gpu.read(texture) for texture in lighting if texture is not None))
