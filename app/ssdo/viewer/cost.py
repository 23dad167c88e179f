"""What a frame will take at another size, going by those that were drawn."""

from __future__ import annotations


class Cost:
    """Milliseconds by pixels: a part that is the same at every size, as a scene's triangles take, and a part for each
    pixel.

    Without the first part a small picture would say that a large one takes many times what it does, and what moves
    would stay small: with the courtyard's two sides on llvmpipe a frame of 160 x 90 takes 25 ms and one of 1280 x 720
    not 1600 but 500.
    """

    def __init__(self) -> None:
        self._known: dict[float, float] = {}  # milliseconds by pixels, as last measured
        self._last = 1.0, 0.0

    def measured(self, pixels: float, milliseconds: float) -> None:
        """So much was taken by a frame of so many pixels."""
        self._known[pixels] = milliseconds
        self._last = pixels, milliseconds

    def at(self, pixels: float) -> float:
        """What a frame of so many pixels will take: as the last one did, but for how large it is."""
        known, taken = self._last
        fixed = min(self._fixed, taken)
        return fixed + (taken - fixed) * pixels / known

    @property
    def _fixed(self) -> float:
        """Of the line through the smallest and the largest; 0 with one size."""
        (small, quick), (large, slow) = min(self._known.items()), max(self._known.items())
        return max(quick * large - slow * small, 0.0) / (large - small) if large > small else 0.0
