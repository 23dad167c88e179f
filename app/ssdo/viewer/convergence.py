"""Convergence of an image that is averaged over frames: frame count and remaining noise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ssdo.arrays import Floats


class Convergence:
    """Counts frames and estimates the standard error of their mean.

    The means of the first 1, 2, 4, ... frames are stored. The mean of 2n frames is the average of two halves of n
    frames. Half of their difference estimates its standard error, and equals the mean of 2n minus the mean of n.
    Until the count doubles again, noise falls with the square root of the frame count.
    """

    def __init__(self) -> None:
        self.frame_count = 0
        self._mean: Floats | None = None
        self._measured_frames = 0
        self._measured_noise = 0.0

    def add_frame(self, read_radiance: Callable[[], Floats]) -> None:
        """Count a frame. `read_radiance` gives the current mean, (n, 3) linear radiance of surfaces.

        It is called only if the frame count is a power of two, since reading waits for the GPU.
        """
        self.frame_count += 1
        if self.frame_count & (self.frame_count - 1):
            return
        mean = read_radiance().astype("f8")
        if self._mean is not None and mean.size:
            self._measured_frames = self.frame_count
            self._measured_noise = math.sqrt(float(np.mean((mean - self._mean) ** 2)))
        self._mean = mean.astype("f4")

    @property
    def noise(self) -> float | None:
        """Standard error of the mean, RMS over surfaces, linear radiance; None before the second frame."""
        if not self._measured_frames:
            return None
        return self._measured_noise * math.sqrt(self._measured_frames / self.frame_count)

    @property
    def text(self) -> str:
        """Frame count and noise, as in the status line."""
        frames = f"{self.frame_count} frame{'s' if self.frame_count != 1 else ''}"
        return frames if self.noise is None else f"{frames}, noise {self.noise:.2g}"
