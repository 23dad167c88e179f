"""What the viewer keeps: screenshots that hold their shots, its whole state as a text that is loaded again, bookmarks
and recent scenes.
"""

from __future__ import annotations

import contextlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from ssdo.measure import images
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.scene.model import Bytes
from ssdo.settings import UserError, flatten, format_toml, shorten, toml_tree
from ssdo.viewer.budget import KINDS
from ssdo.viewer.buffers import PICTURE
from ssdo.viewer.controls import Pose
from ssdo.viewer.display_state import GAINS, VIEWS, Look
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import ALWAYS, COMMON, ODDS, Session, State

MODE_WORDS = {1: "off", 2: "ssao", 3: "ssdo-direct", 4: "ssdo"}
RECENT = 12  # scenes that are remembered
WINDOW = ("width", "height", "frames")  # of a shot, but decided by the window and by what goes on in it


# ---- screenshots --------------------------------------------------------------------------------------------------------


def screenshot(session: Session, folder: Path = Path("captures")) -> list[Path]:
    """Save what is seen, at the size that it rests at, with its shot inside; where both slots are seen, each too, since
    a file holds one shot. Raises UserError.
    """
    look = session.look
    for slot in session.shown:
        shot = session.shot(slot)
        session.stage.settle(slot, shot)
    stem = Path(session.base.scene.partition(":")[0]).stem
    names = [MODE_WORDS.get(session.mode(slot), session.techniques[slot].group) for slot in session.shown]
    suffix = "" if look.buffer == PICTURE else "-" + "".join(c if c.isalnum() else "-" for c in look.buffer).strip("-")
    suffix += f"-{look.view.replace(' ', '-')}" if look.view in ("difference", "error", "side by side") else ""
    one = len(session.shown) == 1
    # its shot makes a picture of its own size
    smaller = one and not suffix and session.stage.rest(look.single, session.shot(look.single)) < 1
    paths = [images.free_name(folder, "-".join([stem, *names]) + suffix, ".png")]
    _save(session, paths[0], look.single, alone=smaller)
    if not one:
        paths += screenshot_sides(session, folder, paths[0].stem)
    session.note = f"saved {paths[0].absolute()}" + ("" if one else " and each side")
    return [path.absolute() for path in paths]


def screenshot_sides(session: Session, folder: Path, stem: str = "") -> list[Path]:
    """The pictures of A and B, each with its shot inside. Raises UserError."""
    stem = stem or Path(session.base.scene.partition(":")[0]).stem
    paths = []
    for slot, word in zip(PAIR, ("left", "right"), strict=True):
        shot = session.shot(slot)
        session.stage.settle(slot, shot)
        paths.append(images.free_name(folder, f"{stem}-{word}", ".png"))
        _save(session, paths[-1], slot, alone=True)
    return paths


def seen(session: Session) -> Bytes:
    """The window's pixels without the panel: (h, w, 3), row 0 on top."""
    gpu = session.gpu
    with gpu.scope("window"):
        target = gpu.target("screenshot", session.size, "rgba8")
        session.show(target.framebuffer)
        pixels = images.shown(gpu, target.textures[0])
        gpu.sweep()
        gpu.sweep()  # it is not needed until the next one
    return pixels


def _save(session: Session, path: Path, slot: Slot, alone: bool) -> None:
    picture = session.sides[slot].picture
    if picture is None:
        raise UserError("there is no picture to save yet")
    images.save_png(path, images.pixels(session.gpu, picture) if alone else seen(session), picture.shot.values())


# ---- the whole state ----------------------------------------------------------------------------------------------------

LOOKS = ("view", "gain", "buffer", "exposure", "alpha")


def state_text(session: Session) -> str:
    """All that decides what is seen, as TOML: a table for what both slots share, one for each slot, one for how it is
    looked at.
    """
    base = session.base
    common = {
        name: value
        for name, owner, _, value in base.walk()
        if value is not None and name not in WINDOW and not isinstance(owner, Technique)
    }
    tree: dict[str, Any] = {"both": tomllib.loads(format_toml(common))}
    for slot, technique in session.techniques.items():
        own = {name: value for name, value in session.own[slot].items() if value is not None}
        values = {name: value for name, _, _, value in technique.walk(f"{technique.group}.") if value is not None}
        tree[slot] = tomllib.loads(format_toml({"technique": technique.group} | values | own))
    look = {name: getattr(session.look, name) for name in LOOKS}
    look |= {"divider": session.look.divider} if session.look.divider is not None else {}
    tree["look"] = look | {"apart": sorted(session.apart), "budget": session.budget, "truth": session.truth}
    return tomli_w.dumps(tree)


def take_state(session: Session, text: str, where: str) -> None:
    """Bring the viewer into the state that a text tells; where it is a preset or a picture's shot, slot B. Raises
    UserError, and changes nothing then.
    """
    tree = toml_tree(text, where)
    try:
        for name in ("both", *PAIR, "look"):
            if "both" in tree and not isinstance(tree.get(name, {}), Mapping):
                raise UserError(f"{name}: must be a table, not {shorten(tree[name])}")
        if "both" not in tree:
            _take_shot(session, flatten(tree))
        else:
            state, look = _state(tree, session.base), _look(tree.get("look", {}), session.look)
            kind = str(tree.get("look", {}).get("budget", KINDS[0]))
            if kind not in KINDS:
                raise UserError(f"look.budget = {shorten(kind)}: must be one of {', '.join(KINDS)}")
            session.restore(state)
            session.look, session.budget, session.truth = look, kind, bool(tree.get("look", {}).get("truth", False))
    except UserError as problem:
        raise UserError(f"{where}: {problem}") from None
    session.error, session.note = "", f"state of {where}"


def _take_shot(session: Session, values: dict[str, Any]) -> None:
    group = values.get("technique", session.techniques["B"].group)
    others = tuple(f"{name}." for name in Technique.known if name != group)
    values = {name: value for name, value in values.items() if name not in ODDS and not name.startswith(others)}
    # first, as it comes with a camera of its own
    scene = {name: values.pop(name) for name in ("scene",) if name in values}
    before = session.state()
    if not ((not scene or session.change(scene)) and session.change(values)):
        session.restore(before)
        raise UserError(session.error)


def _state(tree: Mapping[str, Any], now: Shot) -> State:
    base = replace(Shot(), technique=now.technique, width=now.width, height=now.height).with_values(
        flatten(tree["both"])
    )
    techniques: dict[Slot, Technique] = {}
    own: dict[Slot, dict[str, Any]] = {}
    for slot in PAIR:
        values = flatten(tree.get(slot, {}))
        kind = Technique.named(str(values.pop("technique", "ssdo")))
        mine = {name: value for name, value in values.items() if name.startswith(f"{kind.group}.")}
        own[slot] = {name: value for name, value in values.items() if name not in mine}
        shot = replace(base, technique=kind()).with_values({**mine, **own[slot]})
        techniques[slot] = shot.technique
    known = {
        *COMMON,
        *(name for name, owner, *_ in base.walk() if not isinstance(owner, Technique) and not name.startswith(ALWAYS)),
    }
    apart = tree.get("look", {}).get("apart", [])
    if not isinstance(apart, list) or not known.issuperset(map(str, apart)):
        raise UserError(f"look.apart = {shorten(apart)}: must be a list of parameters that A and B can have apart")
    return State(base, techniques, own, frozenset(apart))


def _look(told: Mapping[str, Any], now: Look) -> Look:
    """As told, and for the rest as at the start; where the panel is stays."""
    look = Look(free=now.free)
    for name in (*LOOKS, "divider"):
        if name in told:
            value, plain = told[name], getattr(look, name)
            fits = (
                isinstance(value, (int, float)) and not isinstance(value, bool)
                if plain is None or isinstance(plain, float)
                else type(value) is type(plain)
            )
            if not fits or (isinstance(value, float) and not math.isfinite(value)):
                raise UserError(f"look.{name} = {shorten(value)}: must be like {plain!r}")
            setattr(look, name, value)
    if look.view not in VIEWS or look.gain not in GAINS:
        chosen = f"look.view, look.gain = {shorten(look.view)}, {shorten(look.gain)}"
        raise UserError(f"{chosen}: must be one of {', '.join(VIEWS)}, and of {', '.join(map(str, GAINS))}")
    return look


# ---- bookmarks and recent scenes ----------------------------------------------------------------------------------------


class Memory:
    """What is remembered from one time to the next, in a file of the user's: camera bookmarks of each scene, and the
    last scenes.

    A file that cannot be read is as none, and one that cannot be written costs nothing but the memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or platformdirs.user_state_path("ssdo", appauthor=False)) / "viewer.toml"
        try:
            tree = tomllib.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            tree = {}
        recent, marks = tree.get("recent"), tree.get("bookmarks")
        self.recent = [str(name) for name in recent][:RECENT] if isinstance(recent, list) else []
        self._marks: dict[str, Any] = marks if isinstance(marks, dict) else {}

    def visit(self, scene: str) -> None:
        """A scene was opened: it is the first of the recent ones."""
        self.recent = [scene, *(name for name in self.recent if name != scene)][:RECENT]
        self._save()

    def keep(self, scene: str, number: int, pose: Pose) -> None:
        """Store a camera under a digit."""
        self._marks.setdefault(scene, {})[str(number)] = [*pose.eye, *pose.target, pose.fov]
        self._save()

    def recall(self, scene: str, number: int) -> Pose | None:
        """The camera stored under a digit; None where there is none."""
        found = self._marks.get(scene)
        values = found.get(str(number)) if isinstance(found, dict) else None
        if (
            not isinstance(values, list)
            or len(values) != 7
            or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values)
        ):
            return None
        x = [float(v) for v in values]
        return Pose((x[0], x[1], x[2]), (x[3], x[4], x[5]), x[6])

    def _save(self) -> None:
        with contextlib.suppress(UserError), images.written(self.path) as file:
            file.write(tomli_w.dumps({"recent": self.recent, "bookmarks": self._marks}).encode())
