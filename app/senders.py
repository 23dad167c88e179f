"""What light leaves the surfaces seen, as a bounce finds it."""

from __future__ import annotations

from typing import NamedTuple

from app.gpu import Gpu, Texture
from app.technique import LIGHTING_FORMAT, View


class Senders(NamedTuple):
    """Passed to shaders as `sender`."""

    radiance: Texture  # rgb: emitted, and reflected of environment, sun and lamps
    plane: Texture  # view space: its normal, and how far along that it lies


def draw(gpu: Gpu, view: View, direct: Texture) -> Senders:
    """`direct`: irradiance from the environment at every pixel."""
    into = gpu.target("senders", view.size, LIGHTING_FORMAT, LIGHTING_FORMAT)
    entry = "matte" if view.gloss is None else "glossy"
    return Senders(*gpu.draw(f"senders.frag:{entry}", into, frame=view.frame, gbuffer=view.gbuffer, light_direct=direct, light_sun=view.sun))
