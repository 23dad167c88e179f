"""What is swept: parameters over values, techniques, scenes and cameras, and the shots that follow, each complete in
itself.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import Field, replace
from typing import Any, NamedTuple

import numpy as np

from ssdo.measure import references
from ssdo.render.denoise import Denoiser
from ssdo.render.display import Display
from ssdo.render.shot import Shot, Wanted
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene import built_in
from ssdo.scene.built_in.cameras import CAMERAS
from ssdo.settings import Settings, UserError, format_toml, from_text, kind_of, param_of, suggest

MOST = 100_000  # points: a week at six seconds each
ELSEWHERE = {"scene": "--scenes", "technique": "--techniques", "camera.eye": "--cameras", "camera.target": "--cameras"}


class Share(float):
    """A length as a share of the scene's size."""

    def __str__(self) -> str:
        return f"{100 * self:.6g}%"


class Axis(NamedTuple):
    """A parameter and the values it takes."""

    name: str
    kind: type  # float, int, bool or str
    values: tuple[Any, ...]

    @property
    def owner(self) -> str:
        """The technique whose parameter it is; empty: it is everyone's."""
        head = self.name.partition(".")[0]
        return head if head in Technique.known else ""


class Point(NamedTuple):
    """One shot to measure. What it leaves unset the scene decides."""

    number: int
    camera: int
    line: str  # of the plot: the technique, and what of it is chosen among names
    varied: Mapping[str, Any]
    shot: Shot

    @property
    def command(self) -> str:
        """What draws the same picture."""
        start = Shot().with_values({"technique": self.shot.technique.group}).values()
        words = [
            word
            for name, value in self.shot.values().items()
            if start.get(name) != value
            for word in (f"--{name}", shown(value))
        ]
        return shlex.join(["ssdo", "capture", "--technique", self.shot.technique.group, *words])


class Truths(NamedTuple):
    """What pictures are measured against."""

    reference: Reference
    frames: int

    def of(self, shot: Shot) -> Shot:
        """What is drawn for a shot's truth: equal for all shots that have the same."""
        return references.halves(
            replace(
                shot, technique=self.reference, denoise=Denoiser(radius=0), display=Display(), accumulated_frames=1
            ),
            self.frames,
        )[0]


def shown(value: Any) -> str:
    """A value as a flag takes it, to the last digit."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Share):
        return str(value)
    if isinstance(value, tuple):
        return ",".join(map(repr, value))
    return "auto" if value is None else value if isinstance(value, str) else repr(value)


# ---- what was asked for ----


def parameters() -> dict[str, tuple[Settings, Field[Any]]]:
    """By dotted name the settings that a parameter belongs to, and its field."""
    found = {name: (owner, f) for name, owner, f, _ in Shot().walk()}
    for name, kind in Technique.known.items():
        found |= {full: (owner, f) for full, owner, f, _ in kind().walk(f"{name}.")}
    return found


def axis(text: str) -> Axis:
    """`ssdo.samples=4,8,16`, `ssao.radius=0.1..2:5log`, `sky.rotation=0..270:4`, `ssdo.bounce=on,off`. Raises
    UserError.
    """
    name, equals, words = text.partition("=")
    known = parameters()
    if name in ELSEWHERE:
        raise UserError(f"--vary {name} has no effect: {ELSEWHERE[name]} says what is swept; leave it out")
    if name not in known:
        raise UserError(f"--vary {name[:100]}: no such parameter{suggest(name, sorted(known))}")
    if not equals or not words:
        raise UserError(
            f"--vary {text}: must be NAME=V,V,... or NAME=FIRST..LAST:COUNT, with log behind it for equal ratios"
        )
    owner, f = known[name]
    kind = kind_of(type(owner), f.name)
    first, dots, rest = words.partition("..")
    spanned = dots and kind in (int, float)
    values = (
        _between(text, kind, first, rest)
        if spanned
        else [_read(name, owner, f, word.strip()) for word in words.split(",")]
    )
    checked = [
        value if isinstance(value, Share) else getattr(replace(owner, **{f.name: value}), f.name) for value in values
    ]
    return Axis(name, kind, tuple(dict.fromkeys(checked)))


def _read(name: str, owner: Settings, f: Field[Any], word: str) -> Any:
    """A value, or a share of the scene's size. Raises UserError."""
    if not word.endswith("%"):
        return from_text(name, owner, f, word)
    if param_of(f).fraction is None:
        raise UserError(f"--vary {name}={word}: does not follow the scene's size; leave out the %")
    try:
        share = float(word[:-1])
    except ValueError:
        share = -1.0
    if not 0.1 <= share <= 1000:
        raise UserError(f"--vary {name}={word}: must be 0.1% to 1000% of the scene's size")
    return Share(share / 100)


def _between(text: str, kind: type, first: str, rest: str) -> list[Any]:
    """The values of a range, its ends as they were typed and six digits of those between: they can be read, and typed
    again.
    """
    found = re.fullmatch(r"([^:]+):(\d{1,4})(log)?", rest)
    try:
        lo, hi = float(first), float(found[1] if found else "")
        count = int(found[2]) if found else 0
    except ValueError:
        found, lo, hi, count = None, 0.0, 0.0, 0
    if not found or not (math.isfinite(lo) and math.isfinite(hi)) or lo == hi or not 2 <= count <= 1000:
        raise UserError(
            f"--vary {text}: a range is FIRST..LAST:COUNT, of two different numbers and 2 to 1000 values, as in 0.1..2:5 or 0.1..2:5log"
        )
    if found[3] and not (lo > 0 and hi > 0):
        raise UserError(f"--vary {text}: both ends must be above 0 where values grow in equal ratios; leave log out")
    inner = (np.geomspace if found[3] else np.linspace)(lo, hi, count)[1:-1]
    values = [lo, *(float(f"{value:.6g}") for value in inner), hi]
    return [round(value) for value in values] if kind is int else values


def scenes_of(text: str) -> list[str]:
    """Names with their arguments: `cornell,blocks:count=9,nook`. Raises UserError where one cannot be loaded."""
    found: list[str] = []
    for word in text.split(","):
        if found and ":" in found[-1] and "=" in word and ":" not in word:  # one more argument of the scene before
            found[-1] += f",{word}"
        else:
            found.append(word.strip())
    for name in found:
        built_in.load(name)
    return list(dict.fromkeys(found))


def cameras_of(text: str, scene: str) -> list[int]:
    """Their numbers: 1 is the scene's own. Raises UserError."""
    there = len(CAMERAS.get(scene, (None,)))
    if text == "all":
        return list(range(1, there + 1))
    for word in text.split(","):
        if not word.isdecimal() or not 1 <= int(word) <= there:
            raise UserError(
                f"--cameras {word}: must be all, or numbers; {scene} has {'1 to ' if there > 1 else 'only '}{there}, and 1 is its own"
            )
    return list(dict.fromkeys(map(int, text.split(","))))


def points(
    wanted: Wanted, techniques: Sequence[str], axes: Sequence[Axis], names: Sequence[str], cameras: str
) -> list[Point]:
    """Every point, scene by scene. Raises UserError where what was asked for has no effect, or a value cannot be."""
    typed = {
        name: value
        for name, value in wanted.typed.items()
        if not name.startswith("reference.") or "reference" in techniques
    }
    wanted = Wanted(wanted.found, typed)
    wanted.shots(techniques)  # what was typed has an effect
    for name in ("scene", *(("camera.eye", "camera.target") if cameras != "1" else ())):
        if name in wanted.typed:
            raise UserError(f"--{name} has no effect: {ELSEWHERE[name]} says what is swept; leave it out")
    if twice := [a.name for i, a in enumerate(axes) if a.name in [b.name for b in axes[:i]]]:
        raise UserError(f"--vary {twice[0]}: named twice; give all its values in one list")
    for a in axes:
        if a.name in wanted.typed:
            raise UserError(f"--{a.name} has no effect: --vary {a.name} says what is swept; leave one out")
        if a.owner and a.owner not in techniques:
            raise UserError(
                f"--vary {a.name} has no effect: {a.owner} is not among --techniques {','.join(techniques)}; add it or leave it out"
            )
    ordered = sorted(axes, key=lambda a: a.kind not in (str, bool))  # the points of a line one after the other
    of = {name: [a for a in ordered if a.owner in ("", name)] for name in dict.fromkeys(techniques)}
    places = [(scene, camera) for scene in names for camera in cameras_of(cameras, scene)]
    if (count := len(places) * sum(math.prod(len(a.values) for a in mine) for mine in of.values())) > MOST:
        raise UserError(f"{count} points: must be at most {MOST}; vary less")
    found: list[Point] = []
    for scene, camera in places:
        size = built_in.load(scene).size
        for name, mine in of.items():
            for values in itertools.product(*(a.values for a in mine)):
                varied = {a.name: value for a, value in zip(mine, values, strict=True)}
                metres = {k: size * value if isinstance(value, Share) else value for k, value in varied.items()}
                shot = replace(Wanted(wanted.found, {**wanted.typed, **metres}).shot(name), scene=scene)
                if camera > 1:
                    eye, target = CAMERAS[scene][camera - 1]
                    shot = replace(shot, camera=replace(shot.camera, eye=eye, target=target))
                words = [name.upper(), *(_chosen(a, varied[a.name]) for a in mine if a.kind in (str, bool))]
                found.append(Point(len(found), camera, " ".join(words), varied, shot))
    return found


def _chosen(a: Axis, value: Any) -> str:
    """How a line of the plot names what was chosen among names."""
    return shown(value) if a.kind is str else f"{a.name.rpartition('.')[2]} {shown(value)}"


def digest(found: Sequence[Point], truths: Truths, program: str) -> str:
    """What tells this sweep from others: all that decides its errors."""
    text = "\0".join(
        [
            program,
            format_toml(truths.reference.values()),
            str(truths.frames),
            *(format_toml(point.shot.values()) for point in found),
        ]
    )
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
