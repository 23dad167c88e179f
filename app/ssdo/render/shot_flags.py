"""Shots from the command line: flags for every parameter, presets, and what happens to values without effect."""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ssdo.flags import FlagParser, add_flags
from ssdo.render.antialiasing import PICTURE_FRAMES
from ssdo.render.presets import built_in_presets, preset_path
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.scene.built_in import is_built_in
from ssdo.scene.files.errors import quote_name
from ssdo.settings import UserError
from ssdo.toml_text import parse_toml

ANTIALIASING_PARAMS = ("antialias", "display.fxaa")


def add_shot_flags(parser: FlagParser, defaults: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Add a flag for every parameter of a shot and of every technique.

    `defaults`: of parameters whose default is another one in this command, for the help.
    """
    parser.add_argument(
        "--preset",
        metavar="NAME|FILE",
        help=f"parameters: {', '.join(built_in_presets())}, or a TOML file; flags override them",
    )
    parser.add_argument(
        "--technique",
        default=SUPPRESS,
        metavar="|".join(Technique.known),
        help=f"technique that lights the surfaces [{Shot().technique.group}]",
    )
    add_flags(parser, replace(Shot().with_values(defaults), technique=Technique()))
    for technique in Technique.known.values():
        add_flags(parser, technique())


@dataclass(frozen=True)
class Overrides:
    """Values that replace a shot's defaults, by dotted name.

    A preset or an image may contain values of techniques that are not used. Flags must have an effect, and win.
    """

    preset: Mapping[str, Any]  # of a preset or an image
    cli: Mapping[str, Any]  # of flags

    @property
    def technique(self) -> str:
        name: str = self.cli.get("technique") or self.preset.get("technique") or Shot().technique.group
        return name

    def is_set(self, name: str) -> bool:
        """Whether a parameter has a value here, rather than its default."""
        return name in self.preset or name in self.cli

    def build_shot(self, technique: str) -> Shot:
        """The shot with a technique, without the values of other techniques. Raises UserError."""
        others = tuple(f"{name}." for name in Technique.known if name != Technique.by_name(technique).group)
        values = {**self.preset, **self.cli, "technique": technique}
        return Shot().with_values({name: value for name, value in values.items() if not name.startswith(others)})

    def build_shots(self, techniques: Sequence[str] | None = None) -> list[Shot]:
        """One shot for each technique; None: the technique of these values.

        Raises UserError when a flag has no effect on any of the shots.
        """
        if techniques is not None and "technique" in self.cli:
            raise UserError("--technique has no effect beside --techniques; leave one out")
        names = list(dict.fromkeys(techniques or [self.technique]))
        shots = [self.build_shot(name) for name in names]
        for flag in self.cli:
            owner = flag.partition(".")[0]
            if owner in Technique.known and owner not in names:
                reason = f"the technique is {names[0]}"
                if techniques:
                    reason = f"{owner} is not among --techniques {','.join(names)}"
                raise UserError(f"--{flag} has no effect: {reason}; add {owner} or leave it out")
        self._check_effects(names[0], shots)
        return shots

    def _check_effects(self, technique: str, shots: Sequence[Shot]) -> None:
        """Raise UserError when a flag of the pipeline has no effect on any of the shots."""
        if "up" in self.cli and all(is_built_in(shot.scene) for shot in shots):
            raise UserError(f"--up has no effect: {shots[0].scene} is a built-in scene; leave it out")
        if self.cli.get("probes.enabled") and not any(shot.technique.uses_probes for shot in shots):
            able = " or ".join(name for name, kind in Technique.known.items() if kind.uses_probes)
            raise UserError(
                f"--probes.enabled has no effect: {technique} does not use probes; add {able} or leave it out"
            )
        if self.cli.get("guard_band.size") and not any(shot.technique.sample_param for shot in shots):
            able = " or ".join(name for name, kind in Technique.known.items() if kind.sample_param)
            reason = f"{technique} is not a screen-space technique"
            raise UserError(f"--guard_band.size has no effect: {reason}; add {able} or leave it out")
        if self.cli.get("lighting.resolution") == "half" and all(shot.technique.progressive for shot in shots):
            reason = f"{technique} is always drawn at full resolution"
            raise UserError(f"--lighting.resolution half has no effect: {reason}; leave it out")
        antialias = shots[0].antialias
        if self.cli.get("display.fxaa") and antialias > 1:
            reason = f"--antialias {antialias} smooths edges by averaging frames"
            raise UserError(f"--display.fxaa has no effect: {reason}; add --antialias 1 or leave it out")
        if self.cli.get("temporal.history_length") and not any(shot.uses_history for shot in shots):
            reason = f"{technique} averages its frames"
            if shots[0].accumulated_frames > 1:
                reason = f"--accumulated-frames {shots[0].accumulated_frames} averages them all"
            raise UserError(f"--temporal.history_length has no effect: {reason}; leave it out")


def with_picture_defaults(overrides: Overrides) -> Overrides:
    """The overrides of a picture to look at: antialiased by averaging frames, unless they say otherwise."""
    if overrides.is_set("antialias") or overrides.cli.get("display.fxaa"):
        return overrides
    return replace(overrides, preset={**overrides.preset, "antialias": PICTURE_FRAMES})


def without_antialiasing(overrides: Overrides) -> Overrides:
    """The overrides of a measurement, which takes the light at the pixels' centres.

    Raises UserError for flags of antialiasing; that of a preset is left out.
    """
    values = Shot().values()
    for name in ANTIALIASING_PARAMS:
        if overrides.cli.get(name, values[name]) != values[name]:
            raise UserError(f"--{name} has no effect: measurements use the centres of the pixels; leave it out")
    preset, cli = (
        {name: value for name, value in source.items() if name not in ANTIALIASING_PARAMS}
        for source in (overrides.preset, overrides.cli)
    )
    return Overrides(preset, cli)


def parse_overrides(arguments: dict[str, Any], defaults: Mapping[str, Any] | None = None) -> Overrides:
    """Take the shot's values out of parsed flags; other flags stay in `arguments`.

    `defaults`: values of an image, which a preset overrides. Raises UserError.
    """
    preset_values = dict(defaults or {})
    preset: str | Path | None = arguments.pop("preset", None)
    if preset:
        path = preset_path(preset)
        preset_values |= validate_values(parse_toml(read_text(path), str(path)), path)
    names = {"technique", *(name for name, *_ in Shot().walk())}
    for group, technique in Technique.known.items():
        names |= {f"{group}.{name}" for name, *_ in technique().walk()}
    return Overrides(preset_values, {name: arguments.pop(name) for name in list(arguments) if name in names})


def validate_values(values: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The values, if every technique that they name can be drawn with them. Raises UserError("<file>: ...")."""
    overrides = Overrides(values, {})
    technique_names = [name for name in Technique.known if any(key.startswith(f"{name}.") for key in values)]
    try:
        for name in [overrides.technique, *technique_names]:
            overrides.build_shot(name)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return dict(values)


def with_sample_counts(shots: Sequence[Shot], counts: str) -> list[Shot]:
    """Each screen-space shot with each sample count, written as 8,16,64; the other shots once. Raises UserError."""
    numbers = []
    for word in counts.split(","):
        try:
            numbers.append(int(word))
        except ValueError:
            raise UserError(f"--samples {word}: must be whole numbers, as in 8,16,64") from None
    varied = []
    for shot in shots:
        technique = shot.technique
        variants = [technique]
        if technique.sample_param:
            variants = list(dict.fromkeys(technique.with_budget(number) for number in numbers))
        varied += [replace(shot, technique=variant) for variant in variants]
    return varied


def parse_radii(text: str) -> list[float]:
    """Radii relative to the scene's size, written as 0.05,0.15,0.5. Raises UserError."""
    radii = []
    for word in text.split(","):
        try:
            radius = float(word)
        except ValueError:
            radius = -1.0
        if not 0.001 <= radius <= 10:
            raise UserError(f"--radii {word}: must be numbers from 0.001 to 10, relative to the scene's size")
        radii.append(radius)
    return radii


def read_text(path: Path) -> str:
    """A UTF-8 text file. Raises UserError."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: cannot be read: not UTF-8 text") from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or "bad name"
        raise UserError(f"{quote_name(str(path))}: cannot be read: {reason}") from None
