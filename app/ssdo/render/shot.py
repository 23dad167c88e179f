"""A shot is everything that decides an image. Equal shots make equal images; it is written into every image it
makes.
"""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import ssdo.render.techniques  # noqa: F401 - so that they are known
from ssdo.render import frame_uniforms, presets
from ssdo.render.denoise import Denoiser
from ssdo.render.display import Display
from ssdo.render.guard_band import GuardBand
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.probe_grid import ProbeSettings
from ssdo.render.punctual_lights import PunctualLightSettings
from ssdo.render.sun import SunSettings
from ssdo.render.technique import Technique
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.render.temporal import Temporal
from ssdo.scene import environment
from ssdo.scene.environment import Environment
from ssdo.scene.files import SCENES_IN_WORDS
from ssdo.scene.model import Scene, Sunlight
from ssdo.settings import Parser, Settings, UserError, Vec3, add_flags, param, parse_toml, suggest

SUN_SIZE = 0.53  # degrees, of the sun as it is seen from the earth
BRIGHTEST = 1e6  # irradiance that a sun may have


@dataclass(frozen=True)
class Camera(Settings):
    """From where the scene is seen."""

    eye: Vec3 | None = param(None, help="where the camera is, metres", auto_label="the scene's")
    target: Vec3 | None = param(None, help="what it looks at, metres", auto_label="the scene's")
    fov: float | None = param(None, 1.0, 170.0, "vertical field of view", unit="deg", auto_label="the scene's")


@dataclass(frozen=True)
class Sky(Settings):
    """How the environment hangs."""

    rotation: float = param(0.0, -360.0, 360.0, "turns the environment about y, from north to east", unit="deg")
    intensity: float = param(1.0, 0.0, 1e4, "multiplies the environment", log=True)
    extract_sun: bool = param(False, help="takes the sun out of the environment: its brightest spot becomes the sun")


@dataclass(frozen=True)
class Shot(Settings):
    """Everything that decides an image. What is unset (None) the scene decides: `resolved` fills it in."""

    group = ""

    scene: str = param(
        "courtyard",
        help=f"a built-in scene, with arguments as name:key=value,..., or a path to a {SCENES_IN_WORDS} file",
    )
    environment: str | None = param(
        None, help="a built-in environment or a path to an .hdr or .exr file", auto_label="the scene's"
    )
    time: float = param(0.0, 0.0, 1e6, "the moment, in scenes that move", unit="s")
    width: int = param(1280, 1, 8192, "image width", unit="px")
    height: int = param(720, 1, 8192, "image height", unit="px")
    accumulated_frames: int = param(1, 1, 65536, "frames averaged, each with other samples")
    seed: int = param(0, 0, 65535, "which samples the first frame takes")
    material_override: str = param(
        "full",
        help="of what things are made: as the scene says, diffuse only, all white, all clay",
        choices=("full", "diffuse", "white", "clay"),
    )
    occlusion_maps: bool = param(
        False, help="occlusion images of materials dim the light from everywhere too, which counts occlusion twice"
    )
    technique: Technique = field(default_factory=Ssdo)
    camera: Camera = field(default_factory=Camera)
    sky: Sky = field(default_factory=Sky)
    sun: SunSettings = field(default_factory=SunSettings)
    lights: PunctualLightSettings = field(default_factory=PunctualLightSettings)
    guard_band: GuardBand = field(default_factory=GuardBand)
    probes: ProbeSettings = field(default_factory=ProbeSettings)
    lighting: LightingResolution = field(default_factory=LightingResolution)
    denoise: Denoiser = field(default_factory=Denoiser)
    temporal: Temporal = field(default_factory=Temporal)
    display: Display = field(default_factory=Display)

    def values(self) -> dict[str, Any]:
        """Every parameter that is set, by dotted name, and the technique's name."""
        return {"technique": self.technique.group} | super().values()

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with dotted names changed. Raises UserError for a name that does not exist or has no effect."""
        rest = dict(values)
        name = rest.pop("technique", self.technique.group)
        kind = Technique.named(name)
        technique = self.technique if isinstance(self.technique, kind) else kind()
        for other in Technique.known:
            mine = [k for k in rest if k.startswith(f"{other}.")]
            if other != name and mine:
                raise UserError(
                    f"{mine[0]} has no effect: the technique is {name}; add --technique {other} or leave it out"
                )
        known = {n for n, *_ in self.walk()} | {n for n, *_ in technique.walk(f"{name}.")} | {"technique"}
        for k in rest:
            if k not in known:
                raise UserError(f"no parameter {k[:100]}{suggest(k, sorted(known))}")
        return super(Shot, replace(self, technique=technique)).with_values(rest)

    @property
    def remembers(self) -> bool:
        """Whether light of the frames before is used. A mean of frames has no need of it."""
        return self.temporal.history_length > 0 and self.accumulated_frames == 1 and not self.technique.progressive

    @property
    def drawn(self) -> int:
        """Frames that a picture takes: those that are averaged, or remembered."""
        return self.temporal.history_length if self.remembers else self.accumulated_frames

    def follows(self, before: Shot) -> bool:
        """Whether this can be the frame after that one: nothing but the camera, the light and the exposure may have
        changed.
        """
        return self == replace(
            before,
            camera=self.camera,
            sky=self.sky,
            sun=self.sun,
            lights=self.lights,
            time=self.time,
            display=self.display,
        )

    def resolved(self, scene: Scene) -> Self:
        """A copy in which nothing is left to the scene. Raises UserError where the environment cannot be read, if its sun
        is asked for.
        """
        c, s = self.camera, self.sun
        given, size = self._sun(scene)
        fov = scene.fov if c.fov is None else c.fov
        eye, target = c.eye or scene.eye, c.target or scene.target
        if eye is None or target is None:
            outside = frame_uniforms.outside(scene, fov, self.width / self.height)
            eye, target = eye or outside[0], target or outside[1]
        return replace(
            self,
            environment=scene.environment if self.environment is None else self.environment,
            technique=self.technique.resolve_lengths(scene.size),
            guard_band=self.guard_band if self.technique.sample_param else GuardBand(),
            probes=self.probes if self.technique.uses_probes else ProbeSettings(),
            lighting=LightingResolution() if self.technique.progressive else self.lighting,
            temporal=self.temporal if self.remembers else Temporal(),
            camera=Camera(eye=eye, target=target, fov=fov),
            sun=replace(
                s,
                azimuth=given.azimuth if s.azimuth is None else s.azimuth,
                elevation=given.elevation if s.elevation is None else s.elevation,
                irradiance=given.irradiance if s.irradiance is None else s.irradiance,
                color=given.color if s.color is None else s.color,
                angular_diameter=size if s.angular_diameter is None else s.angular_diameter,
            ),
        )

    def _sun(self, scene: Scene) -> tuple[Sunlight, float]:
        """The sun and its angular diameter (degrees) where the shot does not say otherwise: the environment's, where it
        is asked for and there is one, or the scene's.
        """
        given = scene.sun
        if not self.sky.extract_sun:
            return given, SUN_SIZE
        s = self.sun
        azimuth, elevation = (
            of_scene if own is None else own
            for own, of_scene in ((s.azimuth, given.azimuth), (s.elevation, given.elevation))
        )
        found = environment.load(
            self.environment or scene.environment, frame_uniforms.direction(azimuth, elevation)
        ).extracted
        if found.sun is None:
            return given, SUN_SIZE
        irradiance = min(found.sun.irradiance * self.sky.intensity, BRIGHTEST)
        return replace(
            found.sun, azimuth=(found.sun.azimuth + self.sky.rotation) % 360, irradiance=irradiance
        ), found.size

    def surroundings(self) -> Environment:
        """The light from far away, of this resolved shot: without the sun that was taken out of it."""
        s = self.sun
        assert self.environment and s.azimuth is not None and s.elevation is not None, "not resolved"
        whole = environment.load(self.environment, frame_uniforms.direction(s.azimuth, s.elevation))
        return whole.extracted.rest if self.sky.extract_sun else whole

    def frame(self, scene: Scene, index: int) -> frame_uniforms.FrameUniforms:
        """What shaders may know of frame `index` of this resolved shot."""
        c, s = self.camera, self.sun
        assert c.eye and c.target and c.fov, "not resolved"
        assert (
            s.azimuth is not None
            and s.elevation is not None
            and s.irradiance is not None
            and s.color
            and s.angular_diameter is not None
        ), "not resolved"
        return frame_uniforms.frame(
            scene,
            c.eye,
            c.target,
            c.fov,
            (self.width, self.height),
            jitter=frame_uniforms.jitter(index, self.seed),
            index=index + 65536 * self.seed,
            sun_direction=frame_uniforms.direction(s.azimuth, s.elevation),
            sun_irradiance=(s.irradiance * s.color[0], s.irradiance * s.color[1], s.irradiance * s.color[2]),
            sun_size=s.angular_diameter,
            sky_rotation=self.sky.rotation,
            sky_intensity=self.sky.intensity,
        )


def add_shot_flags(parser: Parser) -> None:
    """Every parameter of a shot and of every technique."""
    parser.add_argument(
        "--preset",
        metavar="NAME|FILE",
        help=f"parameters: {', '.join(presets.built_in())}, or a TOML file; flags win over them",
    )
    parser.add_argument(
        "--technique",
        default=SUPPRESS,
        metavar="|".join(Technique.known),
        help=f"how surfaces are lit [{Shot().technique.group}]",
    )
    add_flags(parser, replace(Shot(), technique=Technique()))
    for kind in Technique.known.values():
        add_flags(parser, kind())


def sampled(shots: Sequence[Shot], counts: str) -> list[Shot]:
    """Each shot of a technique that looks at the screen with each of these counts of samples, as in 8,16,64; the others
    once. Raises UserError.
    """
    numbers, found = [], []
    for word in counts.split(","):
        try:
            numbers.append(int(word))
        except ValueError:
            raise UserError(f"--samples {word}: must be whole numbers, as in 8,16,64") from None
    for shot in shots:
        technique = shot.technique
        each = dict.fromkeys(technique.with_budget(n) for n in numbers) if technique.sample_param else (technique,)
        found += [replace(shot, technique=one) for one in each]
    return found


def shares(radii: str) -> list[float]:
    """Radii as shares of the scene's size, as in 0.05,0.15,0.5. Raises UserError."""
    found = []
    for word in radii.split(","):
        try:
            found.append(float(word))
        except ValueError:
            found.append(-1.0)
        if not 0.001 <= found[-1] <= 10:
            raise UserError(f"--radii {word}: must be numbers from 0.001 to 10, shares of the scene's size")
    return found


@dataclass(frozen=True)
class Wanted:
    """What a shot is asked to be, by dotted names. A preset or a picture may hold more than one technique needs; what
    is typed must have an effect, and wins.
    """

    found: Mapping[str, Any]  # in a preset or a picture
    typed: Mapping[str, Any]  # as flags

    @property
    def technique(self) -> str:
        name: str = self.typed.get("technique") or self.found.get("technique") or Shot().technique.group
        return name

    def asks(self, name: str) -> bool:
        """Whether a value was given, and is not left to the program."""
        return name in self.found or name in self.typed

    def shot(self, technique: str) -> Shot:
        """The shot with that technique, without what others are given. Raises UserError."""
        others = tuple(f"{t}." for t in Technique.known if t != Technique.named(technique).group)
        values = {**self.found, **self.typed, "technique": technique}
        return Shot().with_values({k: v for k, v in values.items() if not k.startswith(others)})

    def shots(self, techniques: Sequence[str] | None = None) -> list[Shot]:
        """The shot with each of them; None: with the one that is asked for. Raises UserError where what was typed has no
        effect.
        """
        if techniques is not None and "technique" in self.typed:
            raise UserError("--technique has no effect beside --techniques; leave one out")
        names = list(dict.fromkeys(techniques or [self.technique]))
        shots = [self.shot(name) for name in names]
        for name in self.typed:
            owner = name.partition(".")[0]
            if owner in Technique.known and owner not in names:
                wanted = (
                    f"{owner} is not among --techniques {','.join(names)}"
                    if techniques
                    else f"the technique is {names[0]}"
                )
                raise UserError(f"--{name} has no effect: {wanted}; add {owner} or leave it out")
        if self.typed.get("probes.enabled") and not any(shot.technique.uses_probes for shot in shots):
            sighted = " or ".join(name for name, kind in Technique.known.items() if kind.uses_probes)
            raise UserError(
                f"--probes.enabled has no effect: {names[0]} asks no probes; add {sighted} or leave it out"
            )
        if self.typed.get("guard_band.size") and not any(shot.technique.sample_param for shot in shots):
            looking = " or ".join(name for name, kind in Technique.known.items() if kind.sample_param)
            raise UserError(
                f"--guard_band.size has no effect: {names[0]} does not look at the screen; add {looking} or leave it out"
            )
        if self.typed.get("lighting.resolution") == "half" and all(shot.technique.progressive for shot in shots):
            raise UserError(
                f"--lighting.resolution half has no effect: {names[0]} is always drawn at full resolution; leave it out"
            )
        if self.typed.get("temporal.history_length") and not any(shot.remembers for shot in shots):
            why = (
                f"--accumulated-frames {shots[0].accumulated_frames} averages them all"
                if shots[0].accumulated_frames > 1
                else f"{names[0]} averages its frames"
            )
            raise UserError(f"--temporal.history_length has no effect: {why}; leave it out")
        return shots


def take_wanted(given: dict[str, Any], before: Mapping[str, Any] | None = None) -> Wanted:
    """The shot's part of what flags gave, over the preset's, over that of a picture before; the rest stays in `given`.
    Raises UserError.
    """
    found = dict(before or {})
    preset: str | Path | None = given.pop("preset", None)
    if preset:
        preset = presets.path_of(preset)
        found |= checked(parse_toml(read_text(preset), str(preset)), preset)
    known = {
        "technique",
        *(n for n, *_ in Shot().walk()),
        *(f"{t}.{n}" for t, kind in Technique.known.items() for n, *_ in kind().walk()),
    }
    return Wanted(found, {name: given.pop(name) for name in list(given) if name in known})


def checked(found: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The values themselves, if each technique they are about can be drawn with them. Raises UserError("<file>: ...")."""
    wanted = Wanted(found, {})
    try:
        for name in [wanted.technique, *(t for t in Technique.known if any(k.startswith(f"{t}.") for k in found))]:
            wanted.shot(name)
    except UserError as problem:
        raise UserError(f"{path}: {problem}") from None
    return dict(found)


def read_text(path: Path) -> str:
    """A text file. Raises UserError."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
