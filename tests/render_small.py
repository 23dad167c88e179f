"""Small renders as arrays, and exact light at a point by integration over its hemisphere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.gbuffer import BACKGROUND_DEPTH, GBuffer
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.technique import Lighting
from ssdo.scene import built_in, loader
from ssdo.scene.model import Scene

Bools = Any  # an array of bool; numpy declares comparisons as an array or a single bool

SMALL = {"width": 64, "height": 36, "denoise.radius": 0}


@dataclass(frozen=True)
class SmallRender:
    """The arrays of an image, row 0 on top, linear."""

    radiance: Floats  # (h, w, 3)
    direct: Floats
    indirect: Floats
    albedo: Floats
    normal: Floats
    emission: Floats
    sun_and_lights: Floats
    visibility: Floats  # (h, w)
    depth: Floats
    position: Doubles  # (h, w, 3) world, metres
    ray: Doubles  # (h, w, 3) world, unit: from the camera through the pixel

    @property
    def surface_mask(self) -> Bools:
        """(h, w) False on the background."""
        return np.isfinite(self.depth)


def render_small(gpu: Gpu, values: dict[str, Any]) -> SmallRender:
    """Render a shot of 64 x 36 pixels without denoising, unless the values say otherwise."""
    result = render_all_frames(gpu, Shot().with_values(SMALL | values))
    arrays, frame = images.read_arrays(gpu, result), result.inputs.frame
    depth = read_depth(gpu, result.inputs.gbuffer).astype("f8")
    depth = np.where(np.isfinite(depth), depth, 0)
    h, w = depth.shape
    x, y = np.meshgrid((np.arange(w) + 0.5) / w * 2 - 1, 1 - (np.arange(h) + 0.5) / h * 2)
    plane = np.stack([x * frame.tan_half_fov[0], y * frame.tan_half_fov[1]], -1)
    ray_vs = np.concatenate([plane * (not frame.orthographic), -np.ones((h, w, 1))], -1)
    world_from_view = np.array(frame.world_from_view).reshape(4, 4)
    plane_at_depth = plane if frame.orthographic else plane * depth[..., None]
    position = np.concatenate([plane_at_depth, -depth[..., None], np.ones((h, w, 1))], -1) @ world_from_view
    ray = ray_vs @ world_from_view[:3, :3]
    return SmallRender(
        **arrays,
        position=position[..., :3],
        ray=ray / np.linalg.norm(ray, axis=-1, keepdims=True),
    )


def read_lighting(gpu: Gpu, lighting: Lighting) -> tuple[Floats, Floats]:
    """Direct and indirect light, (h, w, 4) each; indirect is 0 without a bounce."""
    direct = gpu.read(lighting.direct)
    return direct, np.broadcast_to(gpu.read(lighting.indirect), direct.shape)


def read_depth(gpu: Gpu, gbuffer: GBuffer) -> Floats:
    """(h, w) depth in metres, infinite on the background."""
    depth: Floats = gpu.read(gbuffer.depth)[..., 0]
    return np.where(depth < BACKGROUND_DEPTH, depth, np.float32(np.inf))


def cosine_directions(normal: npt.ArrayLike, count: int = 256) -> Doubles:
    """(2 count^2, 3) cosine-weighted directions about a normal: their mean is the integral with cos(theta) / pi dw."""
    u, phi = np.meshgrid(
        (np.arange(count) + 0.5) / count, 2 * np.pi * (np.arange(2 * count) + 0.5) / (2 * count), indexing="ij"
    )
    n = np.asarray(normal, "f8") / np.linalg.norm(normal)
    t = np.cross(n, (0.0, 0.0, 1.0) if abs(n[2]) < 0.9 else (1.0, 0.0, 0.0))
    t /= np.linalg.norm(t)
    b = np.cross(n, t)
    u, phi = u.ravel()[:, None], phi.ravel()[:, None]
    directions: Doubles = np.sqrt(u) * (np.cos(phi) * t + np.sin(phi) * b) + np.sqrt(1 - u) * n
    return directions


def occluded_fraction(normal: npt.ArrayLike, position: Doubles, is_hit: Callable[[Doubles, Doubles], Bools]) -> float:
    """The cosine-weighted fraction of directions for which `is_hit(directions, position)` is true."""
    return float(np.mean(is_hit(cosine_directions(normal), position)))


def binomial_tolerance(probability: Any, count: int, sigmas: float = 4.0) -> Any:
    """How far the mean of `count` independent yes-no samples deviates; stratified samples deviate less."""
    return sigmas * np.sqrt(np.maximum(probability * (1 - probability), 1e-12) / count)


def register_scene(name: str, scene: Scene | Callable[[], Scene]) -> str:
    """Add a test's scene, or what makes it, to the built-in ones, and return its name."""
    built_in.BUILT_IN_SCENES[name] = (lambda: scene) if isinstance(scene, Scene) else scene
    loader._build_scene.cache_clear()
    return name
