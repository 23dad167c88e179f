"""What there is to see, as plain arrays: triangles, materials, light and a camera. No OpenGL here.

Metres, y up, right-handed, linear colour (Rec. 709 primaries).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from app.settings import Vec3

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Material:
    """A diffuse surface that may emit. Images are (h, w, 4) 8 bit, sRGB, row 0 on top, as UV (0, 0) is the top left."""

    albedo: Vec3 = (0.8, 0.8, 0.8)  # diffuse reflectance, linear; multiplies the image
    emission: Vec3 = (0.0, 0.0, 0.0)  # radiance, linear; multiplies the image
    albedo_image: Bytes | None = None
    emission_image: Bytes | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles of one material. All arrays are float32 but `triangles`."""

    positions: Floats  # (n, 3)
    triangles: Ints  # (m, 3) indices of corners, counter-clockwise seen from outside
    material: Material = Material()
    normals: Floats | None = None  # (n, 3) unit length; None: every triangle is flat
    uvs: Floats | None = None  # (n, 2)


@dataclass(frozen=True)
class Sunlight:
    """A distant disc. Angles in degrees: azimuth from north (-z) towards east (+x), elevation above the horizon."""

    azimuth: float = 0.0
    elevation: float = 45.0
    irradiance: float = 0.0  # on a surface that faces the sun; 0: there is no sun
    color: Vec3 = (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything there is to see, and from where, and in which light when the shot does not say otherwise."""

    meshes: tuple[Mesh, ...]
    eye: Vec3 | None = None  # None: outside, looking at all of it
    target: Vec3 | None = None
    fov: float = 50.0  # vertical, degrees
    sun: Sunlight = field(default_factory=Sunlight)
    environment: str = "white"  # a name or path, as the flag --environment takes it
    name: str = ""

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """The lowest and the highest corner, (3,) each."""
        lows = [m.positions[m.triangles.ravel()].min(0) for m in self.meshes if m.triangles.size]
        highs = [m.positions[m.triangles.ravel()].max(0) for m in self.meshes if m.triangles.size]
        if not lows:
            return np.zeros(3, "f4"), np.ones(3, "f4")
        return np.min(lows, 0), np.max(highs, 0)

    @cached_property
    def size(self) -> float:
        """Half the diagonal of the bounds, metres: what an unset radius is a share of."""
        low, high = self.bounds
        return float(np.linalg.norm(high.astype("f8") - low)) / 2 or 1.0

    @property
    def triangle_count(self) -> int:
        return sum(len(m.triangles) for m in self.meshes)
