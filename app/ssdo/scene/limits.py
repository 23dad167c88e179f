"""The range of an argument of a built-in scene, declared in its builder's signature.

def build_fence(height: Annotated[float, Limits(0.0, 100.0, "m")] = 1.0) -> Scene: ...
"""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """The smallest and the largest value. `scene.loader` checks them."""

    min: float
    max: float
    unit: str = ""

    def contains(self, value: float) -> bool:
        """Whether a number is in range. NaN is not."""
        return self.min <= value <= self.max

    def range_text(self) -> str:
        """The range for messages: `0.4 to 4 m`."""
        low, high = (f"{value:g}" if isinstance(value, float) else str(value) for value in (self.min, self.max))
        return f"{low} to {high} {self.unit}".rstrip()
