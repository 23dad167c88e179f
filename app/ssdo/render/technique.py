"""What a technique is: a frozen dataclass with `draw()`.

Its fields are its parameters, its docstring is its documentation, its name in lower case is the flag, the TOML table,
the slider group, the shader file and the GLSL struct. It holds no state. Given a `View` it answers, for every pixel,
with a `Lighting`:

- direct.rgb: irradiance from the environment through the open directions of the hemisphere;
- direct.a: the cosine-weighted share of open directions, 0 to 1 (the classic ambient occlusion value);
- indirect.rgb: irradiance from the surfaces that close the other directions: what they emit, and what they reflect of
  sun and environment once.

- gloss, where the scene has glossy surfaces and the technique knows about directions: rgb, the mean radiance of the
  reflection lobe that comes from surfaces; a, the share of the lobe that is open. Without it the lobe is dimmed by the
  hemisphere's open share.

What is open is open as far as a technique looks: on the screen, within its radius. Where `View.far` has probes, those
that are `uses_probes` ask them about these directions too: then open means open to the sky beyond the radius and beyond
the screen, direct is dimmed by what lies there, and what that sends is part of indirect.

Irradiance, before albedo, so that blurring it never smears a texture. Sun and lamps are single directions and stay
apart. On the background direct is (0, 0, 0, 1) and indirect 0. A new technique is one module in render/techniques and
one shader; nothing else is edited.

What a technique tries against the screen is counted in its own way, directions or slices, and compared by the points it
looks up at each pixel (`fetches`): two techniques have equal samples where these are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Self

from ssdo.gpu.context import Box, Gpu, Size, Texture
from ssdo.render.environment_maps import EnvironmentMaps, GlossMaps
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.gbuffer import GBuffer
from ssdo.render.probe_grid import ProbeSettings
from ssdo.render.punctual_lights import PunctualLightSettings
from ssdo.render.sun import SunSettings
from ssdo.scene.environment import Environment
from ssdo.scene.model import Scene
from ssdo.settings import Settings, UserError, param, param_of, shorten, suggest

SHORTEST, LONGEST = 1e-4, 1e4  # metres
# half floats would do for the eye, but pi would miss by 3e-4 and albedo 0.5 show as 187, not 188
LIGHTING_FORMAT = "rgba32f"
SAMPLES = (1, 256)  # fewest and most directions
POINTS = 8  # tried along a direction, where a number of samples is asked of a technique that counts otherwise
SCREEN_SAMPLES, SCREEN_SLICES, SCREEN_STEPS = 64, 8, 64  # of screen truth, in each frame; see Technique.converging


class TechniqueInputs(NamedTuple):
    """What a technique may look at."""

    scene: Scene
    frame: FrameUniforms
    gbuffer: GBuffer
    environment: EnvironmentMaps
    sky: Environment  # the same as an array
    sun: Texture  # rgb: irradiance from sun and lamps, shadowed
    direct_specular: Texture | None  # rgb: radiance that glossy surfaces reflect of these
    lights: PunctualLightSettings
    probes: ProbeSettings  # how it is known what the screen cannot show
    specular: GlossMaps | None  # None: everything is diffuse
    sun_settings: SunSettings  # as the shot has it; what reaches the surfaces seen is in `sun`
    padded: TechniqueInputs | None = (
        None  # the same with its surroundings, where there is a guard band: what techniques are given
    )
    scissor: Box | None = None  # of such a view the pixels to be lit; None: all

    @property
    def size(self) -> Size:
        width, height = self.gbuffer.depth.size
        return width, height


@dataclass(frozen=True)
class Bounce:
    """Passed to shaders as `bounce`; read through shaders/common/lighting.glsl."""

    given: str = param("yes", choices=("yes", "no"))


class Lighting(NamedTuple):
    """What every technique answers."""

    direct: Texture  # rgb: irradiance; a: the open share
    indirect: Texture  # rgb: irradiance by the bounce; a black texel where there is none
    gloss: Texture | None = None

    @property
    def has_indirect(self) -> bool:
        return self.indirect.size == self.direct.size

    @property
    def given(self) -> dict[str, Any]:
        """What shaders/common/lighting.glsl is told."""
        return {"light": self, "bounce": Bounce("yes" if self.has_indirect else "no")}

    @property
    def formats(self) -> list[str]:
        """Of textures that hold as much: without a bounce the first alone, unless there is gloss, which shaders write
        third.
        """
        return [LIGHTING_FORMAT] * (1 + self.has_indirect if self.gloss is None else 3)

    def of(self, textures: Sequence[Texture]) -> Lighting:
        """What became of it in such textures."""
        return self._replace(direct=textures[0]) if len(textures) == 1 else Lighting(*textures)


def share(of_it: float, length: float | None) -> float | None:
    """A share of a length, within what lengths of a technique may be (metres)."""
    return None if length is None else min(max(of_it * length, SHORTEST), LONGEST)


@dataclass(frozen=True)
class Technique(Settings):
    """A way to light the surfaces the camera sees."""

    known: ClassVar[dict[str, type[Technique]]] = {}
    uses_probes: ClassVar[bool] = False  # asks the probes of `far` about directions that the screen leaves open
    # needs many frames: the viewer goes on averaging them, without blur, while nothing changes
    progressive: ClassVar[bool] = False
    # the parameter that says how much is tried against the screen at each pixel; empty: nothing is
    sample_param: ClassVar[str] = ""

    def __init_subclass__(cls, abstract: bool = False, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if not abstract:
            Technique.known[cls.group] = cls

    @staticmethod
    def named(name: Any) -> type[Technique]:
        """The technique of that name; a file may name it with anything. Raises UserError."""
        if not isinstance(name, str):
            raise UserError(f"technique = {shorten(name)}: must be text")
        if name not in Technique.known:
            raise UserError(f"no technique {name[:100]}{suggest(name, Technique.known)}")
        return Technique.known[name]

    def draw(self, gpu: Gpu, view: TechniqueInputs) -> Lighting:
        raise NotImplementedError

    @property
    def fetches_per_sample(self) -> int:
        """Looked up on the screen for each of what it counts."""
        return 0

    @property
    def sample_count(self) -> int:
        """How much is tried at each pixel, in the technique's own way; 0: nothing."""
        return getattr(self, self.sample_param) if self.sample_param else 0

    @property
    def specular_count(self) -> int:
        """Directions tried in the lobe of a glossy surface; 0: none."""
        return 0

    @property
    def fetches(self) -> int:
        """Points looked up on the screen at each pixel: what is equal in a comparison with equal samples."""
        return self.sample_count * self.fetches_per_sample

    def with_samples(self, count: float) -> Self:
        """A copy that tries so much, or as near to it as it can."""
        if not self.sample_param:
            return self
        allowed = param_of(next(f for f in fields(self) if f.name == self.sample_param))
        assert allowed.min is not None and allowed.max is not None
        return replace(self, **{self.sample_param: round(min(max(count, allowed.min), allowed.max))})

    def with_fetches(self, fetches: float) -> Self:
        """A copy that looks up so many points, or as near to it as it can."""
        return self.with_samples(fetches / self.fetches_per_sample) if self.fetches_per_sample else self

    def with_budget(self, samples: int) -> Self:
        """A copy that tries so many directions of its own, or looks up as many points as that many of POINTS. Raises
        UserError.
        """
        if not SAMPLES[0] <= samples <= SAMPLES[1]:
            raise UserError(f"samples = {samples}: must be {SAMPLES[0]} to {SAMPLES[1]}")
        return self.with_fetches(POINTS * samples)

    def as_converged(self) -> Self:
        """A copy that tries as much as screen truth does: those that differ in that alone have the same."""
        return self

    @property
    def display_name(self) -> str:
        """Its name, as it is written."""
        return self.group.upper() if self.sample_param else self.group

    @property
    def count_text(self) -> str:
        """What it counts, in words; empty: nothing."""
        return ""

    @property
    def method_text(self) -> tuple[str, ...]:
        """How it looks for what closes directions, and how far, in words."""
        return ()

    def label(self) -> str:
        """The technique and the parameters that decide its cost and reach, in words."""
        return self.group


# Parameters of all techniques that guess a depth, or can be told of more than the surface seen.


def thickness_param() -> Any:
    return param(
        None,
        SHORTEST,
        LONGEST,
        "how deep the things seen are taken to be, along the view axis",
        unit="m",
        auto_label="relative_thickness",
        log=True,
    )


def thickness_share_param() -> Any:
    return param(1.0, 0.01, 10.0, "the thickness where none is set, as a share of the radius", log=True)


def intervals_param() -> Any:
    return param(
        "1",
        help="what is known of depth: one, of the surface seen; two, where the first two bodies behind a pixel begin and end, with thickness for sheets alone",
        choices=("1", "2"),
    )


@dataclass(frozen=True)
class HemisphereTechnique(Technique, abstract=True):
    """Techniques that try directions of the hemisphere against the depth buffer: what they have in common, so that a
    comparison between them can be fair. See shaders/common/ray_march.glsl for what the parameters do."""

    sample_param: ClassVar[str] = "samples"

    samples: int = param(16, *SAMPLES, "directions tried at each pixel", log=True)
    radius: float | None = param(
        None, SHORTEST, LONGEST, "how far an occluder may be", unit="m", fraction=0.15, log=True
    )
    visibility: str = param(
        "ray-march",
        help="what closes a direction: one point tried on it (as published) or several along it",
        choices=("ray-march", "single-sample"),
    )
    steps: int = param(
        8,
        1,
        64,
        "points tried along each direction, when visibility is march; a radius of a room's size wants 32",
        log=True,
    )
    thickness: float | None = thickness_param()
    relative_thickness: float = thickness_share_param()
    depth_layers: str = intervals_param()
    bias: float = param(
        0.02, 0.0, 0.5, "an occluder stands above the surface's plane by more than this share of the distance", log=True
    )

    def resolve_lengths(self, size: float) -> Self:
        fitted = super().resolve_lengths(size)
        return (
            fitted
            if fitted.thickness is not None
            else replace(fitted, thickness=share(fitted.relative_thickness, fitted.radius))
        )

    @property
    def fetches_per_sample(self) -> int:
        return self.steps if self.visibility == "ray-march" else 1

    def with_budget(self, samples: int) -> Self:
        return replace(self, samples=samples)

    def as_converged(self) -> Self:
        return replace(self, samples=SCREEN_SAMPLES)

    @property
    def count_text(self) -> str:
        return f"{self.samples} {'direction' if self.samples == 1 else 'directions'}"

    @property
    def method_text(self) -> tuple[str, ...]:
        return (f"march {self.steps}" if self.visibility == "ray-march" else "one point each", *_reach(self.radius))

    def label(self) -> str:
        seen = f"march {self.steps}" if self.visibility == "ray-march" else "point"
        return ", ".join(
            [
                self.display_name,
                f"{self.samples} samples",
                *_reach(self.radius),
                seen,
                *["two intervals"] * (self.depth_layers == "2"),
            ]
        )


@dataclass(frozen=True)
class SliceTechnique(Technique, abstract=True):
    """Techniques that march slices of the hemisphere over the depth buffer: what they have in common. See
    shaders/common/slices.glsl.
    """

    sample_param: ClassVar[str] = "slices"

    slices: int = param(2, 1, 64, "planes through the view ray at each pixel", log=True)
    steps: int = param(16, 1, 64, "points tried along each side of a slice", log=True)
    radius: float | None = param(
        None, SHORTEST, LONGEST, "how far an occluder may be", unit="m", fraction=0.15, log=True
    )
    bias: float = param(
        0.02, 0.0, 0.5, "an occluder stands above the surface's plane by more than this share of the distance", log=True
    )

    @property
    def fetches_per_sample(self) -> int:
        return 2 * self.steps

    def as_converged(self) -> Self:
        return replace(self, slices=SCREEN_SLICES, steps=SCREEN_STEPS)

    @property
    def count_text(self) -> str:
        return f"{self.slices} {'slice' if self.slices == 1 else 'slices'}"

    @property
    def method_text(self) -> tuple[str, ...]:
        return (f"2 x {self.steps} points", *_reach(self.radius))

    def label(self) -> str:
        return ", ".join([self.display_name, f"{self.count_text} of 2 x {self.steps}", *_reach(self.radius)])


def _reach(radius: float | None) -> tuple[str, ...]:
    return () if radius is None else (f"radius {radius:.3g} m",)
