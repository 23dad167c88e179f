"""What tests measure with: small captures as arrays, and the exact light at a point, integrated over its hemisphere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot
from ssdo.render.technique import Lighting
from ssdo.scene import built_in
from ssdo.scene.model import Floats, Scene

Doubles = npt.NDArray[np.float64]
Bools = Any  # an array of bool; numpy types comparisons as one or a single bool

SMALL = {"width": 64, "height": 36, "denoise.radius": 0}


@dataclass(frozen=True)
class Probe:
    """A capture's arrays, row 0 on top, linear."""

    radiance: Floats  # (h, w, 3)
    direct: Floats
    indirect: Floats
    albedo: Floats
    normal: Floats
    emission: Floats
    sun: Floats
    open: Floats  # (h, w)
    depth: Floats
    position: Doubles  # (h, w, 3) world, metres
    ray: Doubles  # (h, w, 3) world, unit: from the camera through the pixel

    @property
    def surface(self) -> Bools:
        return np.isfinite(self.depth)


def shoot(gpu: Gpu, values: dict[str, Any]) -> Probe:
    """Draw a shot of 64 x 36 pixels without blur, unless the values say otherwise."""
    picture = render_accumulated(gpu, Shot().with_values(SMALL | values))
    found, frame = images.arrays(gpu, picture), picture.view.frame
    h, w = found["depth"].shape
    depth = np.where(np.isfinite(found["depth"]), found["depth"], 0).astype("f8")
    x, y = np.meshgrid((np.arange(w) + 0.5) / w * 2 - 1, 1 - (np.arange(h) + 0.5) / h * 2)
    p_vs = np.stack([x * frame.tangent[0] * depth, y * frame.tangent[1] * depth, -depth, np.ones_like(depth)], -1)
    position = p_vs @ np.array(frame.world_from_view).reshape(4, 4)
    ray = (
        np.stack([x * frame.tangent[0], y * frame.tangent[1], -np.ones_like(x)], -1)
        @ np.array(frame.world_from_view).reshape(4, 4)[:3, :3]
    )
    return Probe(**found, position=position[..., :3], ray=ray / np.linalg.norm(ray, axis=-1, keepdims=True))


def lights(gpu: Gpu, light: Lighting) -> tuple[Floats, Floats]:
    """Direct and indirect light, (h, w, 4); that is 0 where nothing bounces."""
    direct = gpu.read(light.direct)
    return direct, np.broadcast_to(gpu.read(light.indirect), direct.shape)


def hemisphere(normal: npt.ArrayLike, count: int = 256) -> Doubles:
    """(2 count^2, 3) cosine-weighted directions about a normal: a mean over them is an integral with cos(theta) / pi
    dw.
    """
    u, phi = np.meshgrid(
        (np.arange(count) + 0.5) / count, 2 * np.pi * (np.arange(2 * count) + 0.5) / (2 * count), indexing="ij"
    )
    n = np.asarray(normal, "f8") / np.linalg.norm(normal)
    t = np.cross(n, (0.0, 0.0, 1.0) if abs(n[2]) < 0.9 else (1.0, 0.0, 0.0))
    t /= np.linalg.norm(t)
    b = np.cross(n, t)
    u, phi = u.ravel()[:, None], phi.ravel()[:, None]
    found: Doubles = np.sqrt(u) * (np.cos(phi) * t + np.sin(phi) * b) + np.sqrt(1 - u) * n
    return found


def occlusion(normal: npt.ArrayLike, position: Doubles, hit: Callable[[Doubles, Doubles], Bools]) -> float:
    """The cosine-weighted share of directions for which `hit(directions, position)` is true."""
    return float(np.mean(hit(hemisphere(normal), position)))


def binomial(share: Any, count: int, sigmas: float = 4.0) -> Any:
    """How far a mean of `count` independent yes-no samples strays from `share`; stratified ones stray less."""
    return sigmas * np.sqrt(np.maximum(share * (1 - share), 1e-12) / count)


def register(name: str, make: Callable[[], Scene]) -> str:
    """Make a test's own scene known by name."""
    built_in.BUILT_IN[name] = make
    built_in._built_in.cache_clear()
    return name
