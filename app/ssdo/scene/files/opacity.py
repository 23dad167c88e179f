"""How surfaces with opacity are drawn: opaque, with an alpha mask, or blended. Opacity images join the albedo's alpha.

An alpha mask occludes and casts shadows as any surface does; a blended surface does not. So an image whose alpha is 0
or 1 but for smooth edges becomes a mask.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ssdo.arrays import Bools, Bytes
from ssdo.scene.files.images import ImageLimits
from ssdo.scene.image_arithmetic import resize_pixels
from ssdo.scene.model import MIN_OPAQUE_ALPHA, Material, Mesh
from ssdo.settings import UserError

MASK_CUTOFF = 0.5
CLEAR, SOLID = 25, 230  # alpha up to CLEAR counts as 0, from SOLID on as 1
MIN_EDGE_WIDTH, EDGE_FRACTION = 2, 1 / 32  # of a smooth edge on either side: in texels, and of the image's side
MAX_CLASSIFIED_SIDE = 1024  # of larger images every second, third, ... row and column is looked at
MAX_PARTIAL_FRACTION = 0.01  # of an alpha mask's visible texels: partly transparent, and not at an edge

Alpha = Literal["opaque", "mask", "partial"]  # all texels are opaque; 0 or 1 but for smooth edges; any other


def classify_alpha(pixels: Bytes) -> Alpha:
    """The kind of alpha of an image (h, w, 4)."""
    if not has_alpha(pixels):
        return "opaque"
    step = max(1, min(pixels.shape[:2]) // MAX_CLASSIFIED_SIDE)
    alpha = np.ascontiguousarray(pixels[::step, ::step, 3])
    is_partial = (alpha > CLEAR) & (alpha < SOLID)
    if is_partial.any():
        width = max(MIN_EDGE_WIDTH, int(EDGE_FRACTION * min(alpha.shape)))
        is_partial &= ~(_dilate(alpha <= CLEAR, width) & _dilate(alpha >= SOLID, width))
    is_mask = is_partial.sum() <= MAX_PARTIAL_FRACTION * (alpha > CLEAR).sum()
    return "mask" if is_mask else "partial"


def has_alpha(pixels: Bytes) -> bool:
    """Whether any texel of (h, w, 4) is not fully opaque."""
    return bool(np.ascontiguousarray(pixels).view("<u4").min() < 0xFF000000)


def fill_empty_alpha(pixels: Bytes) -> bool:
    """Make an image opaque whose alpha is 0 everywhere, as some programs write it. Returns whether it was so."""
    is_empty = has_alpha(pixels) and not pixels[..., 3].any()
    if is_empty:
        pixels[..., 3] = 255
    return is_empty


def _dilate(mask: Bools, width: int) -> Bools:
    """The texels within `width` rows and columns of the mask."""
    for axis in (0, 1):
        dilated = np.moveaxis(mask.copy(), axis, 0)  # a view: its first axis is the one that grows
        covered = 0
        while covered < min(width, len(dilated) - 1):
            step = min(2 * covered + 1, width - covered, len(dilated) - 1)
            grown = dilated.copy()
            grown[step:] |= dilated[:-step]
            grown[:-step] |= dilated[step:]
            dilated, covered = grown, covered + step
        mask = np.moveaxis(dilated, 0, axis)
    return mask


def set_blending(material: Material, alpha: Alpha) -> Material:
    """The material with the `blending` and `alpha_cutoff` of its opacity and the alpha of its texture."""
    if alpha == "partial" or material.opacity < MIN_OPAQUE_ALPHA:
        return replace(material, blending="alpha", alpha_cutoff=MIN_OPAQUE_ALPHA)
    return replace(material, blending="none", alpha_cutoff=MASK_CUTOFF if alpha == "mask" else 0.0)


def simplify_blending(mesh: Mesh) -> Mesh:
    """The mesh with an opaque material, if it may be blended but is opaque everywhere."""
    material, texture = mesh.material, mesh.material.albedo_texture
    min_vertex_alpha = 1.0 if mesh.colors is None else float(mesh.colors[:, 3].min(initial=1))
    if material.blending == "none" or material.opacity * min_vertex_alpha < MIN_OPAQUE_ALPHA:
        return mesh
    if texture and has_alpha(texture.pixels):
        return mesh
    return replace(mesh, material=replace(material, opacity=1.0, blending="none", alpha_cutoff=0.0))


def make_opaque(material: Material) -> Material:
    """The material with opacity 1; the alpha of its texture stays."""
    texture = material.albedo_texture
    return set_blending(replace(material, opacity=1.0), classify_alpha(texture.pixels) if texture else "opaque")


def get_channel(pixels: Bytes, channel: str = "") -> Bytes:
    """(h, w) a channel of an image, as MTL's -imfchan names it: r, g, b, m (alpha) or l (luminance).

    Without a name it is alpha if the image has one, else luminance.
    """
    if channel not in ("r", "g", "b", "m", "l"):
        channel = "m" if has_alpha(pixels) else "l"
    return _compute_luma(pixels) if channel == "l" else pixels[..., "rgbm".index(channel)]


def _compute_luma(pixels: Bytes) -> Bytes:
    """(h, w) Rec. 709 luma of the stored values; exact for grey."""
    r, g, b = (pixels[..., k].astype(np.uint16) for k in range(3))
    luma: Bytes = ((54 * r + 183 * g + 19 * b) >> 8).astype(np.uint8)
    return luma


def stack_channels(*channels: Bytes | None) -> Bytes:
    """(h, w, 4) an opaque image of three channels (h, w). None stands for white; the smaller are enlarged."""
    sizes = np.array([channel.shape for channel in channels if channel is not None])
    height, width = sizes.max(0).tolist()
    stacked = np.full((height, width, 4), 255, np.uint8)
    for k, channel in enumerate(channels):
        if channel is not None:
            stacked[..., k] = resize_pixels(channel, width, height)
    return stacked


def is_normal_map(pixels: Bytes) -> bool:
    """Whether an image (h, w, 4) seems to hold normals in tangent space: bluish, about (128, 128, 255)."""
    red, green, blue = pixels[..., :3].reshape(-1, 3).mean(0)
    return bool(abs(red - 128) < 40 and abs(green - 128) < 40 and blue > 180)


def scale_values(values: Bytes, base: float, gain: float) -> Bytes:
    """base + gain * values, of values that stand for 0 to 1; clamped."""
    if (base, gain) == (0, 1):
        return values
    table = np.clip(255 * base + gain * np.arange(256) + 0.5, 0, 255).astype(np.uint8)
    scaled: Bytes = table[values]
    return scaled


def replace_alpha(pixels: Bytes | None, alpha: Bytes, where: str, limits: ImageLimits) -> Bytes | None:
    """Pixels (h, w, 4) with another alpha (h2, w2). Where the sizes differ, the smaller is enlarged.

    None stands for white. Returns `pixels` where nothing changes. Raises UserError("<where>: <rule>") beyond a limit,
    and for an alpha of 0 everywhere.
    """
    if not alpha.any():
        raise UserError(f"{where}: is 0 everywhere")
    is_opaque = alpha.min() == 255
    if is_opaque and (pixels is None or not has_alpha(pixels)):
        return pixels
    if pixels is not None and np.may_share_memory(alpha, pixels) and np.array_equal(alpha, pixels[..., 3]):
        return pixels
    height, width = alpha.shape if pixels is None else np.maximum(alpha.shape, pixels.shape[:2]).tolist()
    limits.add_image(width, height, where)
    combined = np.full((height, width, 4), 255, np.uint8)
    if pixels is not None:
        combined[..., :3] = resize_pixels(pixels[..., :3], width, height)
    combined[..., 3] = resize_pixels(alpha, width, height)
    return combined
