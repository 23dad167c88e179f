"""How far a picture that grows smoother with every frame has come, and how much noise is left in it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ssdo.scene.model import Floats


class Growth:
    """Counts frames and states the mean's noise.

    Kept are the means of the first 1, 2, 4, ... frames. The mean of 2n frames is that of two halves of n frames each,
    and half of what the halves differ by is its standard error; as the first half is known, that is the mean of 2n less
    the mean of n. Until the count has doubled again, noise falls with the root of the frames.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._mean: Floats | None = None
        self._error = (0, 0.0)  # frames, standard error

    def add(self, radiance: Callable[[], Floats]) -> None:
        """One more frame; the mean so far is read, (n, 3) linear radiance of surfaces, only where it is needed."""
        self.frames += 1
        if self.frames & (self.frames - 1):
            return
        mean = radiance().astype("f8")
        if self._mean is not None and mean.size:
            self._error = self.frames, math.sqrt(float(np.mean((mean - self._mean) ** 2)))
        self._mean = mean.astype("f4")

    @property
    def noise(self) -> float | None:
        """The mean's standard error, RMS over surfaces, linear radiance; None while there is one frame."""
        frames, error = self._error
        return error * math.sqrt(frames / self.frames) if frames else None

    def words(self) -> str:
        """As in the status line."""
        count = f"{self.frames} frame{'s' if self.frames != 1 else ''}"
        return count if self.noise is None else f"{count}, noise {self.noise:.2g}"
