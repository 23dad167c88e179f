"""Prediction of frame time at another resolution."""

from __future__ import annotations


class FrameCost:
    """Frame time as a linear function of the pixel count: a fixed part, such as vertex work, and a part per pixel.

    Without the fixed part, the time of a small preview would overestimate that of a full frame many times.
    """

    def __init__(self) -> None:
        self._milliseconds: dict[float, float] = {}  # latest measurement by pixel count
        self._latest = 1.0, 0.0  # pixels, milliseconds

    def record(self, pixels: float, milliseconds: float) -> None:
        """Add the measurement of a frame."""
        self._milliseconds[pixels] = milliseconds
        self._latest = pixels, milliseconds

    def predict(self, pixels: float) -> float:
        """Milliseconds of a frame with so many pixels, extrapolated from the latest measurement."""
        latest_pixels, latest_ms = self._latest
        fixed_ms = min(self._fixed_ms, latest_ms)
        return fixed_ms + (latest_ms - fixed_ms) * pixels / latest_pixels

    @property
    def _fixed_ms(self) -> float:
        """Intercept of the line through the smallest and the largest frame; 0 with a single size."""
        (small, small_ms), (large, large_ms) = min(self._milliseconds.items()), max(self._milliseconds.items())
        return max(small_ms * large - large_ms * small, 0.0) / (large - small) if large > small else 0.0
