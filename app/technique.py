"""What a technique is: a frozen dataclass with `draw()`.

Its fields are its parameters, its docstring is its documentation, its name in lower case is the flag, the TOML table, the slider
group, the shader file and the GLSL struct. It holds no state. Given a `View` it answers, for every pixel, with a `Lighting`:

- direct.rgb: irradiance from the environment through the open directions of the hemisphere;
- direct.a: the cosine-weighted share of open directions, 0 to 1 (the classic ambient occlusion value);
- indirect.rgb: irradiance from the surfaces that close the other directions: what they emit, and what they reflect of sun and
  environment once.

- gloss, where the scene has glossy surfaces and the technique knows about directions: rgb, the mean radiance of the reflection lobe that
  comes from surfaces; a, the share of the lobe that is open. Without it the lobe is dimmed by the hemisphere's open share.

What is open is open as far as a technique looks: on the screen, within its radius. Where `View.far` has probes, those that are `far_sighted`
ask them about these directions too: then open means open to the sky beyond the radius and beyond the screen, direct is dimmed by what lies
there, and what that sends is part of indirect.

Irradiance, before albedo, so that blurring it never smears a texture. Sun and lamps are single directions and stay apart. On the background
direct is (0, 0, 0, 1) and indirect 0. A new technique is one module in app/techniques and one shader; nothing else is edited.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

from app.environment import Environment
from app.far import Far
from app.frame import Frame
from app.gbuffer import GBuffer
from app.gpu import Gpu, Size, Texture
from app.lamps import Lamps
from app.light import EnvironmentMaps, GlossMaps
from app.scene import Scene
from app.settings import Problem, Settings, excerpt, param, suggestion

LIGHTING_FORMAT = "rgba32f"  # half floats would do for the eye, but pi would miss by 3e-4 and albedo 0.5 show as 187, not 188


class View(NamedTuple):
    """What a technique may look at."""

    scene: Scene
    frame: Frame
    gbuffer: GBuffer
    environment: EnvironmentMaps
    sky: Environment  # the same as an array
    sun: Texture  # rgb: irradiance from sun and lamps, shadowed
    shine: Texture | None  # rgb: radiance that glossy surfaces reflect of these
    lamps: Lamps
    far: Far  # how it is known what the screen cannot show
    gloss: GlossMaps | None  # None: everything is diffuse

    @property
    def size(self) -> Size:
        width, height = self.gbuffer.depth.size
        return width, height


class Lighting(NamedTuple):
    """What every technique answers."""

    direct: Texture
    indirect: Texture
    gloss: Texture | None = None


@dataclass(frozen=True)
class Technique(Settings):
    """A way to light the surfaces the camera sees."""

    known: ClassVar[dict[str, type[Technique]]] = {}
    far_sighted: ClassVar[bool] = False  # asks the probes of `far` about directions that the screen leaves open
    progressive: ClassVar[bool] = False  # needs many frames: the viewer goes on averaging them, without blur, while nothing changes

    def __init_subclass__(cls, abstract: bool = False, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if not abstract:
            Technique.known[cls.group] = cls

    @staticmethod
    def named(name: Any) -> type[Technique]:
        """The technique of that name; a file may name it with anything. Raises Problem."""
        if not isinstance(name, str):
            raise Problem(f"technique = {excerpt(name)}: must be text")
        if name not in Technique.known:
            raise Problem(f"no technique {name[:100]}{suggestion(name, Technique.known)}")
        return Technique.known[name]

    def draw(self, gpu: Gpu, view: View) -> Lighting:
        raise NotImplementedError

    def label(self) -> str:
        """The technique and the parameters that decide its cost and reach, in words."""
        return self.group


@dataclass(frozen=True)
class ScreenSpace(Technique, abstract=True):
    """Techniques that try directions of the hemisphere against the depth buffer: what they have in common, so that a
    comparison between them can be fair. See shaders/common/visibility.glsl for what the parameters do."""

    samples: int = param(16, 1, 256, "directions tried at each pixel", log=True)
    radius: float | None = param(None, 1e-4, 1e4, "how far an occluder may be", unit="m", fraction=0.15, log=True)
    visibility: str = param("march", help="what closes a direction: one point tried on it (as published) or several along it", choices=("march", "point"))
    steps: int = param(8, 1, 64, "points tried along each direction, when visibility is march; a radius of a room's size wants 32", log=True)
    thickness: float | None = param(None, 1e-4, 1e4, "how deep the things seen are taken to be, along the view axis", unit="m", auto="the radius", log=True)
    bias: float = param(0.02, 0.0, 0.5, "an occluder stands above the surface's plane by more than this share of the distance", log=True)

    def fitted(self, size: float) -> Self:
        fitted = super().fitted(size)
        return fitted if fitted.thickness is not None else replace(fitted, thickness=fitted.radius)

    def label(self) -> str:
        reach = f", radius {self.radius:.3g} m" if self.radius is not None else ""
        return f"{self.group.upper()}, {self.samples} samples{reach}, {f'march {self.steps}' if self.visibility == 'march' else 'point'}"


@dataclass(frozen=True)
class Sliced(Technique, abstract=True):
    """Techniques that march slices of the hemisphere over the depth buffer: what they have in common. See shaders/common/slices.glsl."""

    slices: int = param(2, 1, 16, "planes through the view ray at each pixel", log=True)
    steps: int = param(16, 1, 64, "points tried along each side of a slice", log=True)
    radius: float | None = param(None, 1e-4, 1e4, "how far an occluder may be", unit="m", fraction=0.15, log=True)
    bias: float = param(0.02, 0.0, 0.5, "an occluder stands above the surface's plane by more than this share of the distance", log=True)

    def label(self) -> str:
        reach = f", radius {self.radius:.3g} m" if self.radius is not None else ""
        return f"{self.group.upper()}, {self.slices} {'slice' if self.slices == 1 else 'slices'} of 2 x {self.steps}{reach}"
