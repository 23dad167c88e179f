"""Array types: numpy arrays named after what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ssdo.settings import Vec3

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]  # of any type


def to_vec3(values: npt.ArrayLike) -> Vec3:
    """The first three numbers of an array."""
    x, y, z = np.asarray(values, "f8")[:3].tolist()
    return x, y, z
