"""What light leaves the surfaces seen, and those behind them, as a bounce finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ssdo.gpu.context import Gpu, Texture
from ssdo.render import depth_layers, punctual_lights, sun
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.technique import LIGHTING_FORMAT, TechniqueInputs

HIDDEN = ("back", "second", "second back")


class Senders(NamedTuple):
    """Passed to shaders as `sender`."""

    radiance: Texture  # rgb: emitted, and reflected of environment, sun and lamps
    plane: Texture  # view space: its normal, and how far along that it lies


@dataclass(frozen=True)
class Lit:
    """Passed to shaders as `lit`: the pixels at which light from the environment is known."""

    low: tuple[float, float]  # centre of the first
    high: tuple[float, float]  # and of the last


def _lit(view: TechniqueInputs) -> Lit:
    x, y, width, height = view.scissor or (0, 0, *view.size)
    return Lit((x + 0.5, y + 0.5), (x + width - 0.5, y + height - 0.5))


def draw(gpu: Gpu, view: TechniqueInputs, direct: Texture) -> Senders:
    """`direct`: irradiance from the environment at every pixel that is lit. Sun and lamps reach what is in a guard band
    as they do everything; of the environment a surface there is taken to see as large a share as the nearest pixel of
    the picture does. RMSE of the bounce with a band of 0.125 (see guard.py) is 0.0361 so, 0.0362 were all of the sky
    open there, and 0.0359 were that found as for the picture, which takes SSDO's direct pass 1016 ms instead of 775.
    """
    into = gpu.target("senders", view.size, LIGHTING_FORMAT, LIGHTING_FORMAT)
    entry = ("banded_" if view.scissor else "") + ("matte" if view.specular is None else "glossy")
    given: dict[str, Any] = {
        "frame": view.frame,
        "gbuffer": view.gbuffer,
        "light_direct": direct,
        "light_sun": view.sun,
        "lit": _lit(view),
    }
    return Senders(*gpu.draw(f"passes/bounce_sources.frag:{entry}", into, **given, environment=view.environment))


class Hidden(NamedTuple):
    """The same of what lies behind, where there are two intervals; passed to shaders as `hidden`."""

    back: Texture
    back_plane: Texture
    second: Texture
    second_plane: Texture
    second_back: Texture
    second_back_plane: Texture


def hidden(gpu: Gpu, view: TechniqueInputs, direct: Texture) -> Hidden:
    """Sun and lamps reach what is hidden as they do everything. Of the environment each surface is taken to see as
    large a share as the one seen at its pixel does: how open it is itself would have to be found as for that.
    """
    surfaces = depth_layers.hidden(gpu, view.scene, view.frame, view.gbuffer)
    entry = "hidden_matte" if view.specular is None else "hidden_glossy"
    far = gpu.cached("far", None, lambda: gpu.table(np.full((1, 1, 1), BACKGROUND, "f4")))
    found: list[Texture] = []
    for name, of, end in zip(HIDDEN, surfaces, (surfaces[1].depth, far, far), strict=True):
        shining = sun.draw(gpu, view.scene, view.frame, of, view.sun_settings, f"sun.{name}")
        shining = punctual_lights.draw(gpu, view.scene, view.frame, of, view.lights, shining, f"lamps.{name}")
        into = gpu.target(f"senders.{name}", view.size, LIGHTING_FORMAT, LIGHTING_FORMAT)
        given: dict[str, Any] = {
            "frame": view.frame,
            "gbuffer": of,
            "light_direct": direct,
            "light_sun": shining.irradiance,
            "hidden_end": end,
        }
        found += gpu.draw(
            f"passes/bounce_sources.frag:{entry}", into, **given, environment=view.environment, lit=_lit(view)
        )
    return Hidden(*found)


def given(gpu: Gpu, view: TechniqueInputs, direct: Texture, bounce: bool, intervals: str) -> dict[str, Any]:
    """What shaders/common/bounce_sources.glsl is told; without a bounce there are none."""
    found: dict[str, Any] = {"sender": draw(gpu, view, direct) if bounce else Senders(*[gpu.black] * 2)}
    if intervals == "2":
        found["hidden"] = hidden(gpu, view, direct) if bounce else Hidden(*[gpu.black] * 6)
    return found
