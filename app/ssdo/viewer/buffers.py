"""What can be shown of a slot instead of its picture: the terms of the light in order, what every picture has, and
every target by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ssdo.gpu.context import Gpu, Target, Texture
from ssdo.render import gbuffer, subsample
from ssdo.render.pipeline import FrameResult
from ssdo.render.sun import Sunshine
from ssdo.render.technique import Lighting
from ssdo.render.techniques.off import Off
from ssdo.render.temporal import Kept
from ssdo.scene.model import Scene

# From the surface's colour to the picture: what each step adds is what the next one shows more.
LADDER = ("albedo", "unoccluded", "open share", "direct light", "coloured visibility", "bounce", "picture")
PICTURE = LADDER[-1]
MARK = " *"  # ends the name of a target as it was drawn


class Buffer(NamedTuple):
    """Something to look at: a texture, how shaders/passes/buffer_view.frag maps it, by what light is multiplied."""

    texture: Texture
    mapping: str
    gain: float = 1.0
    over: Texture | None = None  # what it is divided by


def of_picture(gpu: Gpu, slot: str, p: FrameResult, bare: Callable[[], Texture]) -> dict[str, Callable[[], Buffer]]:
    """By name: the ladder's steps, what else is known by its meaning, then every target of the slot. `bare`: irradiance
    of the whole environment, which is drawn only where it is looked at.
    """
    surfaces, light, raw, over_pi = p.view.gbuffer, p.lighting, p.unfiltered, 1 / math.pi
    found: dict[str, Callable[[], Buffer]] = {
        "albedo": lambda: Buffer(surfaces.albedo, "light"),
        "unoccluded": lambda: Buffer(bare(), "light", over_pi),
        "open share": lambda: Buffer(light.direct, "alpha"),
        "direct light": lambda: Buffer(light.direct, "light", over_pi),
        "coloured visibility": lambda: Buffer(light.direct, "ratio", over=bare()),
        "bounce": lambda: Buffer(light.indirect, "light", over_pi),
        "picture": lambda: Buffer(p.display, "picture"),
        "open share, not blurred": lambda: Buffer(raw.direct, "alpha"),
        "bounce, not blurred": lambda: Buffer(raw.indirect, "light", over_pi),
        "sun and lamps": lambda: Buffer(p.view.sun, "light", over_pi),
        "normals": lambda: Buffer(surfaces.normal, "normal"),
        "emission": lambda: Buffer(surfaces.emission, "light"),
        "depth": lambda: Buffer(surfaces.depth, "depth"),
    }
    if surfaces.gloss is not None and p.view.direct_specular is not None:
        gloss, shine = surfaces.gloss, p.view.direct_specular
        found |= {
            "gloss": lambda: Buffer(gloss, "light"),
            "roughness": lambda: Buffer(gloss, "alpha"),
            "highlights": lambda: Buffer(shine, "light"),
        }
    if light.gloss is not None:
        lobe = light.gloss
        found |= {
            "reflected surfaces": lambda: Buffer(lobe, "light"),
            "open share of the reflection": lambda: Buffer(lobe, "alpha"),
        }
    for name, target in gpu.targets.items():
        if name.startswith(f"{slot}/"):
            for part, texture in zip(
                _parts(name.rpartition("/")[2], target, p.view.scene), target.textures, strict=True
            ):
                mapping = "picture" if texture.dtype == "f1" else part if part in ("depth", "normal") else "light"
                found[f"{name.partition('/')[2]} {part}".strip() + MARK] = partial(
                    _drawn, gpu, slot, p, texture, mapping
                )
    return found


def _drawn(gpu: Gpu, slot: str, p: FrameResult, texture: Texture, mapping: str) -> Buffer:
    """A target; of one that holds the picture's surroundings too, the picture."""
    for view in (p.view.padded, p.lit_view.padded):
        if view and view.scissor and texture.size != p.display.size:
            x, y, width, height = view.scissor
            for border in (0, 1):  # of 1 / depth
                if texture.size == (view.size[0] + 2 * border, view.size[1] + 2 * border):
                    with gpu.scope(f"inner {slot}"):
                        return Buffer(
                            subsample.one(gpu, texture, (x + border, y + border, width, height), "picked"), mapping
                        )
    return Buffer(texture, mapping)


def _parts(name: str, target: Target, scene: Scene) -> tuple[str, ...]:
    """What the textures of a target are called."""
    if name == "gbuffer" or name.startswith("hidden."):
        return gbuffer.parts(scene)
    count = len(target.textures)
    # light, which points are hidden, in one texture or three, and what is beyond the screen
    if name.startswith("ssdo.direct"):
        hits = ("hits", "hits 2", "hits 3")[: 1 if count < 4 else 3]
        return ("direct", *hits, "beyond")[:count] if count > 1 else ("",)
    known = {"sun": Sunshine._fields, "lamps": Sunshine._fields, "temporal.0": Kept._fields, "temporal.1": Kept._fields}
    known |= dict.fromkeys(("half", "half wide", "inner"), subsample.PARTS)
    return known.get(name, Lighting._fields)[:count] if count > 1 else ("",)


def unoccluded(gpu: Gpu, slot: str, p: FrameResult) -> Texture:
    """Irradiance of the whole environment at every surface of a picture."""
    with gpu.scope(f"bare {slot}"):
        return Off().draw(gpu, p.view).direct
