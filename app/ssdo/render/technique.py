"""What a technique is, and how to add one.

A technique is a frozen dataclass with a method `draw`. Its fields are its parameters, its docstring is its
documentation. Its name in lower case is the flag, the TOML table, the group of sliders, the shader file and the GLSL
struct. It holds no state.

A new technique, say Hbao, is two files and nothing else:

1. `render/techniques/hbao.py`: a class under `@dataclass(frozen=True)`, derived from `SliceTechnique` or
   `HemisphereTechnique` (screen_space.py), which have samples, steps and radius, or from `Technique`. Declare further
   parameters with `param`; draw with `inputs.draw`. gtao.py is a good start. Every module in that folder is imported.
   Flags, presets, viewer, benches and tests find the class by `Technique.known`, its buttons and keys by `modes`.
2. `shaders/techniques/hbao.frag`: `#include <hbao>` declares the parameters as the uniform struct `hbao`. The files in
   `shaders/common` read the G-buffer (screen.glsl) and the environment (environment.glsl), and march the depth buffer
   (ray_march.glsl, slices.glsl). gtao.frag is a good start.
   A file has `main`, or entries: functions between `#ifdef ENTRY_NAME`, drawn as `hbao.frag:name`. Before it includes
   ray_march.glsl or slices.glsl it defines `const bool TWO_DEPTH_LAYERS`.
   An entry `inspect`, named by `inspect_pass`, lets the viewer inspect a pixel; without it the viewer says so.

Techniques are compared at an equal number of depth-buffer fetches per pixel. A sample is a direction or a slice, so
sample counts are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Self

from ssdo.gpu.context import NO_BINDINGS, Gpu
from ssdo.gpu.shaders import Binding, Bindings
from ssdo.gpu.target import Box, Size, Target, Texture
from ssdo.render.background import BackgroundUniforms
from ssdo.render.environment_maps import EnvironmentMaps, SpecularIBL
from ssdo.render.frame_uniforms import FrameUniforms
from ssdo.render.gbuffer import BlendedSurfaces, GBuffer
from ssdo.render.probes import ProbeSettings
from ssdo.render.punctual_lights import LightSettings
from ssdo.render.sun import DirectLighting, SunSettings
from ssdo.scene.environment import Environment
from ssdo.scene.model import Scene
from ssdo.settings import Settings, UserError, param, param_of, shorten, suggest

# Half floats hold pi with an error of 3e-4: a white furnace would miss by one 8-bit step.
LIGHTING_FORMAT = "rgba32f"
MIN_SAMPLES, MAX_SAMPLES = 1, 256  # directions
DEFAULT_STEPS = 8  # steps per direction that `with_budget` assumes


class TechniqueInputs(NamedTuple):
    """What a technique may read: everything that the frame draws before it."""

    scene: Scene
    frame: FrameUniforms
    gbuffer: GBuffer
    environment_maps: EnvironmentMaps
    environment: Environment  # the source of the maps, as arrays
    direct_lighting: DirectLighting  # sun and punctual lights, shadowed
    specular_ibl: SpecularIBL | None  # None: no surface of the scene has specular reflection
    sun: SunSettings
    lights: LightSettings
    probes: ProbeSettings
    background: BackgroundUniforms
    blended: BlendedSurfaces | None = None  # in front of the G-buffer; for compositing. None: there are none
    scissor: Box | None = None  # the pixels to shade; the others are the guard band, for reading only. None: all

    @property
    def size(self) -> Size:
        """Pixels, guard band included."""
        width, height = self.gbuffer.depth.size
        return width, height

    def target(self, gpu: Gpu, name: str, textures: int = 1) -> Target:
        """The render target of this name, as large as the G-buffer, of 32-bit RGBA textures."""
        return gpu.target(name, self.size, *[LIGHTING_FORMAT] * textures)

    def draw(
        self,
        gpu: Gpu,
        shader: str,
        target: Target,
        bindings: Mapping[str, Binding] = NO_BINDINGS,
        /,
        **more_bindings: Binding,
    ) -> tuple[Texture, ...]:
        """Run a shader on every pixel to shade, and return the target's textures.

        The shader may read `frame`, `gbuffer` and `environment`, and the bindings. The name of a binding is that of the
        struct or sampler in GLSL: see ssdo/gpu/shaders.py.
        """
        inputs: Bindings = {"frame": self.frame, "gbuffer": self.gbuffer, "environment": self.environment_maps}
        return gpu.draw(shader, target, {**inputs, **bindings, **more_bindings}, scissor=self.scissor)


@dataclass(frozen=True)
class LightingFeatures:
    """Passed to shaders as `has`; see shaders/common/lighting.glsl."""

    indirect: bool = param(True, compile_time=True)


class Lighting(NamedTuple):
    """What every technique returns: light at every pixel of its inputs.

    Irradiance excludes the albedo, so that denoising never blurs textures. It excludes the light of the sun and of
    punctual lights. On the background direct is (0, 0, 0, 1) and indirect 0. A direction is unoccluded if the technique
    finds no occluder on the screen within the radius. With probes, it must also find none off the screen or beyond the
    radius.
    """

    direct: Texture  # rgb: irradiance from the environment, by unoccluded directions; a: ambient visibility, 0 to 1
    # rgb: irradiance from the occluders, which emit and reflect direct light once; one black texel without a bounce
    indirect: Texture
    # Optional. Set only by techniques that know which directions are occluded, and only in scenes with specular
    # reflection. rgb: mean radiance of the reflection lobe from occluders; a: visibility of the lobe. None: the ambient
    # visibility dims the reflection.
    specular: Texture | None = None

    @property
    def has_indirect(self) -> bool:
        return self.indirect.size == self.direct.size

    @property
    def bindings(self) -> Bindings:
        """What shaders/common/lighting.glsl reads."""
        return {"lighting": self, "has": LightingFeatures(self.has_indirect)}

    @property
    def formats(self) -> list[str]:
        """Formats of a target for the same textures.

        Specular is always the third texture, so `indirect` gets a full texture where specular exists.
        """
        if self.specular is not None:
            return [LIGHTING_FORMAT] * 3
        return [LIGHTING_FORMAT] * (2 if self.has_indirect else 1)

    def with_textures(self, textures: Sequence[Texture]) -> Lighting:
        """The same lighting in the textures of a target of `formats`."""
        return self._replace(direct=textures[0]) if len(textures) == 1 else Lighting(*textures)


class Mode(NamedTuple):
    """A technique as the viewer offers it: a button and a number key."""

    label: str  # of the button
    description: str  # one line, for help and tooltips
    values: Mapping[str, Any] = {}  # parameters of the technique that the mode sets, by field name
    key: int | None = None  # number key, 1 to 9; None: the next free one


class InspectPass(NamedTuple):
    """How the viewer inspects one pixel: a shader that draws a column for each sample of the pixel.

    The shader is an entry `inspect` in the technique's own file. It includes common/inspect.glsl, which declares what
    it writes. See shaders/techniques/ssdo.frag.
    """

    shader: str  # file.frag:inspect
    bindings: Bindings  # besides those of `TechniqueInputs.draw` and the bounce sources
    columns_per_sample: int = 1  # 32 where a sample is a slice of 32 sectors
    # Whether each direction has its own light. False: each unoccluded one has an equal part of the irradiance.
    is_directional: bool = False


@dataclass(frozen=True)
class Technique(Settings):
    """A way to light the surfaces that the camera sees."""

    known: ClassVar[dict[str, type[Technique]]] = {}  # every technique, by name
    label: ClassVar[str] = ""  # display name; by default the class's name
    modes: ClassVar[tuple[Mode, ...]] = ()  # by default one: the label and the docstring's first line
    uses_probes: ClassVar[bool] = False  # reads probes about directions that are unoccluded on the screen
    progressive: ClassVar[bool] = False  # needs the mean of many frames, without denoising and at full resolution
    sample_param: ClassVar[str] = ""  # the parameter that counts samples per pixel; empty: reads no depth buffer

    def __init_subclass__(cls, abstract: bool = False, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if abstract:
            return
        if "label" not in cls.__dict__:
            cls.label = cls.__name__
        if "modes" not in cls.__dict__:
            cls.modes = (Mode(cls.label, (cls.__doc__ or "").partition("\n")[0]),)
        Technique.known[cls.group] = cls

    @staticmethod
    def by_name(name: Any) -> type[Technique]:
        """The technique of that name. Raises UserError, also for what is not text, as files may hold anything."""
        if not isinstance(name, str):
            raise UserError(f"technique = {shorten(name)}: must be text")
        if name not in Technique.known:
            raise UserError(f"no technique {name[:100]}{suggest(name, Technique.known)}")
        return Technique.known[name]

    @staticmethod
    def all_modes() -> list[tuple[type[Technique], Mode]]:
        """Every mode of every technique, in the order of their keys.

        Modes without a key get the next free ones, 1 to 9; those for which none is left come last.
        """
        modes = [(technique, mode) for technique in Technique.known.values() for mode in technique.modes]
        used_keys = {mode.key for _, mode in modes}
        free_keys = iter([key for key in range(1, 10) if key not in used_keys])
        keyed = [
            (technique, mode if mode.key else mode._replace(key=next(free_keys, None))) for technique, mode in modes
        ]
        return sorted(keyed, key=lambda entry: entry[1].key or 10)

    def draw(self, gpu: Gpu, inputs: TechniqueInputs) -> Lighting:
        """Light every pixel of the inputs that is to be shaded."""
        raise NotImplementedError

    def inspect_pass(self, gpu: Gpu, inputs: TechniqueInputs) -> InspectPass | None:
        """How one pixel is inspected. None: the viewer says that it cannot be."""
        return None

    @property
    def fetches_per_sample(self) -> int:
        """Depth-buffer fetches for each sample."""
        return 0

    @property
    def sample_count(self) -> int:
        """Samples per pixel, directions or slices; 0: the technique reads no depth buffer."""
        return getattr(self, self.sample_param) if self.sample_param else 0

    @property
    def specular_sample_count(self) -> int:
        """Samples per pixel of the reflection lobe."""
        return 0

    @property
    def fetches(self) -> int:
        """Depth-buffer fetches per pixel, which comparisons at equal samples keep equal."""
        return self.sample_count * self.fetches_per_sample

    def with_samples(self, count: float) -> Self:
        """A copy with so many samples, or the nearest number in range."""
        if not self.sample_param:
            return self
        limits = param_of(next(f for f in fields(self) if f.name == self.sample_param))
        assert limits.min is not None and limits.max is not None
        return replace(self, **{self.sample_param: round(min(max(count, limits.min), limits.max))})

    def with_fetches(self, fetches: float) -> Self:
        """A copy with so many fetches per pixel, or the nearest number in range."""
        return self.with_samples(fetches / self.fetches_per_sample) if self.fetches_per_sample else self

    def with_budget(self, samples: int) -> Self:
        """A copy with the fetches of `samples` directions of DEFAULT_STEPS steps. Raises UserError."""
        if not MIN_SAMPLES <= samples <= MAX_SAMPLES:
            raise UserError(f"samples = {samples}: must be {MIN_SAMPLES} to {MAX_SAMPLES}")
        return self.with_fetches(DEFAULT_STEPS * samples)

    def as_converged(self) -> Self:
        """A copy with the samples of the converged screen-space result, in each of its frames."""
        return self

    @property
    def sample_count_text(self) -> str:
        """The number of samples in words; empty: none."""
        return ""

    @property
    def method_text(self) -> tuple[str, ...]:
        """Words for how occluders are found, and how far."""
        return ()

    def describe(self) -> str:
        """The label and the parameters that decide cost and radius, in one line."""
        return self.label
