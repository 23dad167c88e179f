"""Every key and mouse gesture, once. The window acts by this table; the help overlay and the README are made from
it.
"""

from __future__ import annotations

from typing import NamedTuple

from ssdo.scene.files import SCENES_IN_WORDS


class Key(NamedTuple):
    """`shown` is what the user reads. `names` are the window library's names of the keys; a mouse gesture has none."""

    group: str
    shown: str
    words: str
    action: str = ""
    names: tuple[str, ...] = ()
    shift: bool = False
    ctrl: bool = False
    alt: bool = False
    characters: str = ""  # instead of names where the place of the key depends on the keyboard


TECHNIQUES = (  # as session.MODES
    "off",
    "SSAO",
    "SSDO, direct light only",
    "SSDO with bounce",
    "ground truth, which goes on growing smoother",
    "GTAO, ambient occlusion from horizons",
    "visibility bitmask, directional occlusion by sectors",
)


def _techniques() -> list[Key]:
    found = []
    for number, words in enumerate(TECHNIQUES, 1):
        names = (f"NUMBER_{number}", f"NUMPAD_{number}")
        found.append(Key("compare", str(number), words, f"right {number}", names))
        once = number == 1
        shown = f"Shift+1 ... {len(TECHNIQUES)}" * once
        found.append(Key("compare", shown, "the same on the left side" * once, f"left {number}", names[:1], shift=True))
    return sorted(found, key=lambda key: key.shift)


def _bookmarks() -> list[Key]:
    found = []
    for number in range(1, 10):
        shown = number == 1
        found.append(
            Key(
                "camera",
                "Ctrl+1 ... 9" * shown,
                "keep the camera, for this scene" * shown,
                f"keep {number}",
                (f"NUMBER_{number}",),
                ctrl=True,
            )
        )
        found.append(
            Key(
                "camera",
                "Alt+1 ... 9" * shown,
                "go back to a camera that was kept" * shown,
                f"recall {number}",
                (f"NUMBER_{number}",),
                alt=True,
            )
        )
    return found


KEYS: tuple[Key, ...] = (
    *_techniques(),
    Key("compare", "+", "twice as many samples, or slices", "more", characters="+="),
    Key("compare", "-", "half as many samples, or slices", "fewer", characters="-"),
    Key("compare", "H", "light at half the resolution, or at every pixel", "half", ("H",)),
    Key("compare", "X", "exchange A and B", "exchange", ("X",)),
    Key("view", "S, Shift+S", "split by a divider to drag; each in its half", "split", ("S",)),
    Key("view", "", "", "view side by side", ("S",), shift=True),
    Key("view", "A, Shift+A", "A alone, B alone", "view A", ("A",)),
    Key("view", "", "", "view B", ("A",), shift=True),
    Key("view", "Tab", "the other one, as long as it is held", "flip", ("TAB",)),
    Key("view", "D", "difference of A and B; again: x10, x100", "view difference", ("D",)),
    Key("view", "G", "errors of A and B against the truth, in false colour", "view error", ("G",)),
    Key("view", "T", "the truth behind: errors in numbers, over time", "truth", ("T",)),
    Key("view", "L, Shift+L", "the terms of the light, from the surface's colour to the picture", "climb", ("L",)),
    Key("view", "", "", "descend", ("L",), shift=True),
    Key("view", "B, Shift+B", "the next, the previous buffer instead of the picture", "next buffer", ("B",)),
    Key("view", "", "", "previous buffer", ("B",), shift=True),
    Key("view", "V", "back to the picture", "picture", ("V",)),
    Key("view", "I, Shift+I", "inspect the pixel under the mouse; hold on to it", "inspect", ("I",)),
    Key("view", "", "", "pin", ("I",), shift=True),
    Key("camera", "left drag", "go round what the camera looks at"),
    Key("camera", "right drag", "look around"),
    Key("camera", "middle drag, Shift+left drag", "shift the picture"),
    Key("camera", "wheel", "nearer, farther"),
    Key("camera", "W A S D, Q E", "fly, down and up, while the right button is held; Shift: faster"),
    Key("camera", "F", "frame the scene: its own view, then all of it", "frame", ("F",)),
    *_bookmarks(),
    Key("scene", "P, Space", "let time run, in scenes that move", "play", ("P", "SPACE")),
    Key("window", "F1", "this help", "help", ("F1",)),
    Key("window", "F2", "hide or show the panel", "panel", ("F2",)),
    Key("window", "F5", "compile the shaders again", "reload", ("F5",)),
    Key("window", "F11", "full screen"),  # moderngl-window's own
    Key("window", "F12", "save what is seen as a PNG that holds its shot", "screenshot", ("F12",)),
    Key("window", "Ctrl+F12", "the page of `compare` for A and B", "report", ("F12",), ctrl=True),
    Key("window", "Ctrl+T", "once around the scene, as an animated image", "turntable", ("T",), ctrl=True),
    Key(
        "window",
        "Ctrl+S",
        "save the whole state as TOML; drop it on the window to load it",
        "save state",
        ("S",),
        ctrl=True,
    ),
    Key("window", "Ctrl+C, Ctrl+V", "copy the state, and paste it", "copy state", ("C",), ctrl=True),
    Key("window", "", "", "paste state", ("V",), ctrl=True),
    Key("window", "Ctrl+Z, Ctrl+Y", "undo, and do again", "undo", ("Z",), ctrl=True),
    Key("window", "", "", "redo", ("Y",), ctrl=True),
    Key("window", "", "", "redo", ("Z",), ctrl=True, shift=True),
    Key("window", "Escape", "end an experiment, a turntable, a report; close help and menus", "close", ("ESCAPE",)),
    Key("window", "Ctrl+Q", "quit", "quit", ("Q",), ctrl=True),
    Key("panel", "Ctrl+click", "type a slider's value"),
    Key("panel", "right click", "a parameter back to its default"),
    Key("panel", "click a name", "a parameter's own value for A and for B, or one for both"),
    Key(
        "panel",
        "drop a file",
        f"a {SCENES_IN_WORDS} scene, an .hdr or .exr environment, a .toml state, a .png with a shot",
    ),
)


def action(name: str, *, shift: bool = False, ctrl: bool = False, alt: bool = False) -> str:
    """What pressing a key does; empty when it does nothing."""
    exact = [k.action for k in KEYS if name in k.names and (k.shift, k.ctrl, k.alt) == (shift, ctrl, alt)]
    return exact[0] if exact else ""


def action_of_character(character: str) -> str:
    """What typing a character does; empty when it does nothing."""
    return next((k.action for k in KEYS if k.characters and character in k.characters), "")


def groups() -> dict[str, list[Key]]:
    """What the user reads, by group."""
    found: dict[str, list[Key]] = {}
    for key in KEYS:
        if key.shown:
            found.setdefault(key.group, []).append(key)
    return found


def table() -> str:
    """The README's table of keys, in Markdown."""
    rows = [f"| {key.shown} | {key.words} |" for keys in groups().values() for key in keys]
    return "\n".join(["| key | does |", "|---|---|", *rows])
