"""A shot: all settings that decide an image. Equal shots make equal images; every image contains its shot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import ssdo.render.techniques  # noqa: F401 - registers them
from ssdo.render import background
from ssdo.render.antialiasing import MAX_ANTIALIAS, subpixel_offsets
from ssdo.render.denoise import Denoiser
from ssdo.render.display import Display
from ssdo.render.frame_uniforms import (
    CameraPose,
    FrameUniforms,
    compute_pattern_offset,
    direction_from_angles,
    fit_camera,
    fit_orthographic_camera,
    jitter_frame,
    make_frame,
)
from ssdo.render.guard_band import GuardBand
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.probes import ProbeSettings
from ssdo.render.punctual_lights import LightSettings
from ssdo.render.sun import SunSettings
from ssdo.render.technique import Technique
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.render.temporal import Temporal
from ssdo.scene import environment
from ssdo.scene.built_in import is_built_in
from ssdo.scene.coordinates import UP_AXES
from ssdo.scene.environment import Environment
from ssdo.scene.loader import SCENE_SUFFIXES_TEXT
from ssdo.scene.model import DirectionalLight, Scene
from ssdo.settings import Settings, UserError, Vec3, param, suggest

T = TypeVar("T")

MAX_COORDINATE = 1e13  # metres, of the camera: squares of distances fit into 32-bit floats
MIN_PICTURE_HEIGHT = 1e-6  # metres, of an orthographic camera
MAX_SUN_IRRADIANCE = 1e9
SEED_STRIDE = 65536  # frames between the sampling patterns of two seeds


@dataclass(frozen=True)
class Camera(Settings):
    """The camera; unset values are those of the scene."""

    eye: Vec3 | None = param(
        None,
        -MAX_COORDINATE,
        MAX_COORDINATE,
        "position in the scene file's coordinates, metres",
        auto_label="the scene's",
    )
    target: Vec3 | None = param(
        None, -MAX_COORDINATE, MAX_COORDINATE, "point that the camera looks at, metres", auto_label="the scene's"
    )
    fov: float | None = param(None, 1.0, 170.0, "vertical field of view", unit="deg", auto_label="the scene's")
    roll: float | None = param(
        None,
        -180.0,
        180.0,
        "rotation about the view axis; larger values turn the picture clockwise",
        unit="deg",
        auto_label="the scene's",
    )
    projection: str | None = param(
        None,
        help="perspective, or orthographic: parallel view rays, and one scale at every depth",
        choices=("perspective", "orthographic"),
        auto_label="the scene's",
    )
    height: float | None = param(
        None,
        MIN_PICTURE_HEIGHT,
        MAX_COORDINATE,
        "orthographic: height of the picture",
        unit="m",
        auto_label="the scene's, or as wide as fov at the target",
        log=True,
    )


@dataclass(frozen=True)
class Sky(Settings):
    """Orientation and intensity of the environment."""

    rotation: float = param(0.0, -360.0, 360.0, "rotation about y, from north to east", unit="deg")
    intensity: float = param(1.0, 0.0, 1e4, "multiplies the environment's radiance", log=True)
    extract_sun: bool = param(False, help="replace the environment's brightest spot by the directional sun")


@dataclass(frozen=True)
class Shot(Settings):
    """All settings that decide an image. Unset values (None) are those of the scene: see `resolve`."""

    group = ""

    scene: str = param(
        "courtyard",
        help=f"a built-in scene, with arguments as name:key=value,..., or a path to a {SCENE_SUFFIXES_TEXT} file",
    )
    up: str | None = param(
        None,
        help="axis of a scene file's coordinates that points up",
        choices=UP_AXES,
        auto_label="z in STL files, else y",
    )
    environment: str | None = param(
        None, help="a built-in environment, or a path to an .hdr or .exr file", auto_label="the scene's"
    )
    time: float = param(0.0, 0.0, 1e6, "time in animated scenes", unit="s")
    width: int = param(1280, 1, 8192, "image width", unit="px")
    height: int = param(720, 1, 8192, "image height", unit="px")
    accumulated_frames: int = param(1, 1, 65536, "frames to average, each with other samples; more reduce noise")
    antialias: int = param(
        1,
        1,
        MAX_ANTIALIAS,
        "sub-pixel positions, one a frame, to average; more smooth edges, 1 disables",
    )
    seed: int = param(0, 0, 65535, "number of the sampling pattern")
    material_override: str = param(
        "full",
        help="materials: as in the scene, diffuse only, all white, or all clay",
        choices=("full", "diffuse", "white", "clay"),
    )
    occlusion_maps: bool = param(False, help="also apply the materials' AO maps (double-counts occlusion)")
    ground: str = param(
        "auto",
        help="a neutral ground below the scene; auto: below files without a camera and a floor of their own",
        choices=("auto", "on", "off"),
    )
    background: str | None = param(
        None,
        help="what is seen where no surface is: the environment, sharp or blurred, a colour, or nothing",
        choices=background.KINDS,
        auto_label="the scene's",
    )
    background_color: Vec3 = param(
        (0.18, 0.18, 0.18), 0.0, 1e4, "linear radiance for --background color, before tone mapping"
    )
    technique: Technique = field(default_factory=Ssdo)
    camera: Camera = field(default_factory=Camera)
    sky: Sky = field(default_factory=Sky)
    sun: SunSettings = field(default_factory=SunSettings)
    lights: LightSettings = field(default_factory=LightSettings)
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
        changes = dict(values)
        name = changes.pop("technique", self.technique.group)
        technique_class = Technique.by_name(name)
        technique = self.technique if isinstance(self.technique, technique_class) else technique_class()
        for other in Technique.known:
            ineffective = [k for k in changes if k.startswith(f"{other}.")]
            if other != name and ineffective:
                raise UserError(
                    f"{ineffective[0]} has no effect: the technique is {name}; add --technique {other} or leave it out"
                )
        names = {n for n, *_ in self.walk()} | {n for n, *_ in technique.walk(f"{name}.")} | {"technique"}
        for k in changes:
            if k not in names:
                raise UserError(f"no parameter {k[:100]}{suggest(k, sorted(names))}")
        return super(Shot, replace(self, technique=technique)).with_values(changes)

    @property
    def uses_history(self) -> bool:
        """Whether lighting of earlier frames is reused. Never beside a mean of frames."""
        return self.temporal.history_length > 0 and self.accumulated_frames == 1 and not self.technique.progressive

    @property
    def frame_count(self) -> int:
        """Frames that an image takes: those of the mean, or of the history and of the mean over its last frames."""
        return self.first_averaged_frame + max(self.antialias, 1 if self.uses_history else self.accumulated_frames)

    @property
    def first_averaged_frame(self) -> int:
        """The frames before it only fill the history."""
        return self.temporal.history_length - 1 if self.uses_history else 0

    def frame_offset(self, index: int) -> tuple[float, float]:
        """Offset of frame `index` from the pixels' centres, in pixels to the right and upwards."""
        return subpixel_offsets(self.antialias)[(index - self.first_averaged_frame) % self.antialias]

    @property
    def effective_display(self) -> Display:
        """How the radiance is shown: a mean of jittered frames is not filtered too."""
        return replace(self.display, fxaa=False) if self.antialias > 1 else self.display

    def can_follow(self, previous: Shot) -> bool:
        """Whether this can be the frame after that one, with its history.

        Only camera, light, time and display may differ.
        """
        return self == replace(
            previous,
            camera=self.camera,
            sky=self.sky,
            sun=self.sun,
            lights=self.lights,
            time=self.time,
            display=self.display,
        )

    def resolve(self, scene: Scene) -> Self:
        """A copy in which no value is left to the scene, and settings without effect have their defaults.

        Raises UserError when the environment whose sun is extracted cannot be read.
        """
        shot = self.drop_ineffective()
        return replace(
            shot,
            up=_or_default(shot.up, scene.coordinates.up),
            environment=_or_default(self.environment, scene.environment),
            background=_or_default(self.background, scene.background),
            technique=self.technique.resolve_lengths(scene.length_scale),
            camera=self.resolve_camera(scene),
            sun=self._resolve_sun(scene),
        )

    def drop_ineffective(self) -> Self:
        """A copy in which settings without effect have their defaults. It makes the same image."""
        technique = self.technique
        return replace(
            self,
            up=None if is_built_in(self.scene) else self.up,
            guard_band=self.guard_band if technique.sample_param else GuardBand(),
            probes=self.probes if technique.uses_probes else ProbeSettings(),
            lighting=LightingResolution() if technique.progressive else self.lighting,
            temporal=self.temporal if self.uses_history else Temporal(),
            display=self.effective_display,
        )

    def resolve_camera(self, scene: Scene) -> Camera:
        """The camera, with the scene's own values where it has none. Raises UserError for a scene that is too large."""
        fov = _or_default(self.camera.fov, scene.fov)
        eye, target = self.camera.eye or scene.eye, self.camera.target or scene.target
        height = self.camera.height or scene.picture_height or None
        if eye is None or target is None:
            framing_camera = self.frame_subject(scene)
            eye, target = eye or framing_camera.eye, target or framing_camera.target
            height = height or framing_camera.height
        assert eye and target
        height = height or 2 * math.tan(math.radians(fov) / 2) * math.dist(eye, target)
        return Camera(
            eye=eye,
            target=target,
            fov=fov,
            roll=_or_default(self.camera.roll, scene.roll),
            projection="orthographic" if self._is_orthographic(scene) else "perspective",
            height=min(max(height, MIN_PICTURE_HEIGHT), MAX_COORDINATE),
        )

    def frame_subject(self, scene: Scene) -> Camera:
        """The camera, moved to where the subject fills the image. `height` is that of an orthographic one."""
        camera, aspect = self.camera, self.width / self.height
        to_file, height, roll = scene.coordinates.point_to_file, camera.height, _or_default(camera.roll, scene.roll)
        if self._is_orthographic(scene):
            eye, target, height = fit_orthographic_camera(scene, aspect, roll=roll)
        else:
            eye, target = fit_camera(scene, _or_default(camera.fov, scene.fov), aspect, roll=roll)
        return replace(camera, eye=to_file(eye), target=to_file(target), height=height)

    def _is_orthographic(self, scene: Scene) -> bool:
        own_projection = "orthographic" if scene.picture_height else "perspective"
        return _or_default(self.camera.projection, own_projection) == "orthographic"

    def uses_key_light(self, scene: Scene) -> bool:
        """Whether the scene's key light, if it has one, shines: it belongs to the scene's own environment."""
        return self.environment in (None, scene.environment)

    def _resolve_sun(self, scene: Scene) -> SunSettings:
        sun, light = self.sun, scene.sun
        if scene.key_light and self.uses_key_light(scene):
            light = scene.key_light
        is_resolved = None not in (sun.azimuth, sun.elevation, sun.irradiance, sun.color, sun.angular_diameter)
        if self.sky.extract_sun and not is_resolved:
            light = self._extract_sun(scene)
        return replace(
            sun,
            azimuth=_or_default(sun.azimuth, light.azimuth),
            elevation=_or_default(sun.elevation, light.elevation),
            irradiance=_or_default(sun.irradiance, min(light.irradiance, MAX_SUN_IRRADIANCE)),
            color=_or_default(sun.color, light.color),
            angular_diameter=_or_default(sun.angular_diameter, light.angular_diameter),
        )

    def _extract_sun(self, scene: Scene) -> DirectionalLight:
        """The environment's sun, rotated with it; the scene's if it has none."""
        azimuth = _or_default(self.sun.azimuth, scene.sun.azimuth)
        elevation = _or_default(self.sun.elevation, scene.sun.elevation)
        source = environment.load_environment(
            self.environment or scene.environment, direction_from_angles(azimuth, elevation)
        )
        extraction = source.sun_extraction
        if extraction.sun is None:
            return scene.sun
        return replace(
            extraction.sun,
            azimuth=(extraction.sun.azimuth + self.sky.rotation) % 360,
            irradiance=min(extraction.sun.irradiance * self.sky.intensity, MAX_SUN_IRRADIANCE),
        )

    def load_environment(self) -> Environment:
        """The environment of this resolved shot, without the sun that was extracted. Raises UserError."""
        sun = self.sun
        assert self.environment and sun.azimuth is not None and sun.elevation is not None, "not resolved"
        source = environment.load_environment(self.environment, direction_from_angles(sun.azimuth, sun.elevation))
        return source.sun_extraction.environment if self.sky.extract_sun else source

    def frame_uniforms(self, scene: Scene, index: int) -> FrameUniforms:
        """The uniforms of frame `index` of this resolved shot."""
        camera, sun = self.camera, self.sun
        assert camera.eye and camera.target and camera.fov and camera.roll is not None, "not resolved"
        assert sun.azimuth is not None and sun.elevation is not None, "not resolved"
        assert sun.irradiance is not None and sun.color and sun.angular_diameter is not None, "not resolved"
        frame = make_frame(
            scene,
            CameraPose(
                scene.coordinates.point_to_world(camera.eye),
                scene.coordinates.point_to_world(camera.target),
                camera.fov,
                camera.roll,
                camera.height if camera.projection == "orthographic" else None,
            ),
            (self.width, self.height),
            pattern_offset=compute_pattern_offset(index, self.seed),
            index=index + SEED_STRIDE * self.seed,
            sun_direction=direction_from_angles(sun.azimuth, sun.elevation),
            sun_irradiance=(
                sun.irradiance * sun.color[0],
                sun.irradiance * sun.color[1],
                sun.irradiance * sun.color[2],
            ),
            sun_angular_diameter=sun.angular_diameter,
            sky_rotation=self.sky.rotation,
            sky_intensity=self.sky.intensity,
        )
        return jitter_frame(frame, self.frame_offset(index))


def _or_default(value: T | None, default: T) -> T:
    return default if value is None else value
