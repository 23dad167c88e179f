"""Screen-space directional occlusion: which directions are open, and what the closed ones reflect (Ritschel, Grosch, Seidel 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.gpu import Gpu, Target, Texture
from app.settings import param
from app.technique import LIGHTING_FORMAT, Lighting, ScreenSpace, View


@dataclass(frozen=True)
class Ssdo(ScreenSpace):
    """Directional occlusion: light of the open directions only, and one bounce from the surfaces that close the others."""

    direct: bool = param(True, help="light of the open directions")
    bounce: bool = param(True, help="one bounce of light from the surfaces that close the other directions")
    bounce_form: str = param(
        "solid-angle",
        help="how a sender counts: by its solid angle (conserves energy) or by patch area over distance squared (as published)",
        choices=("solid-angle", "patch"),
    )
    prefilter: float = param(
        4.0, 0.0, 64.0, "solid angle a sample sees of the environment: 1 its share of the 4 x 4 tile, 16 of a pixel (for small lights, or without blur)"
    )
    bounce_gain: float = param(1.0, 0.0, 8.0, "weight of the bounce; 1 is physical")
    reflections: int = param(4, 0, 64, "directions tried in the lobe of a glossy surface; 0: it is dimmed by the open share, as in SSAO", log=True)

    def draw(self, gpu: Gpu, view: View) -> Lighting:
        given: dict[str, Any] = {"ssdo": self, "frame": view.frame, "gbuffer": view.gbuffer}

        def target(name: str) -> Target:
            return gpu.target(f"ssdo.{name}", view.size, LIGHTING_FORMAT)

        def cleared(name: str, open_share: float) -> Texture:
            into = target(name)
            into.framebuffer.clear(0.0, 0.0, 0.0, open_share)
            return into.textures[0]

        direct = indirect = None
        if self.direct or self.bounce:
            (direct,) = gpu.draw("ssdo.frag:direct", target("direct"), **given, environment=view.environment)
        gloss = senders = None
        if self.bounce:
            entry = "senders" if view.gloss is None else "glossy_senders"
            (senders,) = gpu.draw(f"ssdo.frag:{entry}", target("senders"), **given, light_direct=direct, light_sun=view.sun)
            (indirect,) = gpu.draw("ssdo.frag:indirect", target("indirect"), **given, sender_radiance=senders)
        if self.reflections and view.gloss is not None:
            (gloss,) = gpu.draw("ssdo.frag:gloss", target("gloss"), **given, sender_radiance=senders or cleared("no senders", 0.0))
        return Lighting(
            direct if direct and self.direct else cleared("no direct", 1.0),
            indirect or cleared("no indirect", 0.0),
            gloss,
        )
