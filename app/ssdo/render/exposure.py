"""Automatic exposure: metered from the light that falls on the visible surfaces, so that it suits every technique."""

from __future__ import annotations

import math

import numpy as np

from ssdo.arrays import Bools, Floats
from ssdo.gpu.context import Gpu
from ssdo.render.composite import draw_radiance
from ssdo.render.display import MAX_EXPOSURE
from ssdo.render.technique import TechniqueInputs
from ssdo.render.techniques.off import Off

METERED_PERCENTILE = 95.0  # of the surfaces' pixels
METERED_RADIANCE = 0.8  # of a white surface there, of albedo 0.8, once exposed
LUMINANCE = (0.2126, 0.7152, 0.0722)  # Rec. 709


def meter_exposure(gpu: Gpu, inputs: TechniqueInputs) -> float:
    """The exposure in stops under which a white surface in the brightest light is just white.

    It is an incident-light meter: dark materials stay dark. No light is occluded but that of the sun and of punctual
    lights, and none bounces. Where only surfaces emit light, their radiance is metered. 0 without any light or surface.
    """
    lighting = Off().draw(gpu, inputs)
    is_surface = gpu.read(inputs.gbuffer.normal)[..., 3] > 0.5
    irradiance = gpu.read(lighting.direct)[..., :3] + gpu.read(inputs.direct_lighting.irradiance)[..., :3]
    brightness = _percentile(irradiance, is_surface) * METERED_RADIANCE / math.pi
    if not brightness > 0:
        brightness = _percentile(gpu.read(draw_radiance(gpu, inputs, lighting))[..., :3], is_surface)
    if not 0 < brightness < math.inf:
        return 0.0
    return min(max(math.log2(METERED_RADIANCE / brightness), -MAX_EXPOSURE), MAX_EXPOSURE)


def _percentile(colors: Floats, mask: Bools) -> float:
    luminance = colors[mask] @ np.array(LUMINANCE)
    return float(np.percentile(luminance, METERED_PERCENTILE)) if luminance.size else 0.0
