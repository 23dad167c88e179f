"""Every key and mouse gesture, once. The window acts by this table; the help overlay and the README are made from it."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """`shown` is what the user reads. `names` are the window library's names of the keys; a mouse gesture has none."""

    group: str
    shown: str
    words: str
    action: str = ""
    names: tuple[str, ...] = ()
    shift: bool = False
    ctrl: bool = False
    characters: str = ""  # instead of names where the place of the key depends on the keyboard


def _techniques() -> list[Key]:
    found = []
    for number, words in enumerate(("off", "SSAO", "SSDO, direct light only", "SSDO with bounce", "ground truth, which goes on growing smoother"), 1):
        names = (f"NUMBER_{number}", f"NUMPAD_{number}")
        found.append(Key("compare", str(number), words, f"right {number}", names))
        found.append(Key("compare", f"Shift+{number}", f"the same on the left side: {words}", f"left {number}", names[:1], shift=True))
    return sorted(found, key=lambda key: key.shift)


KEYS: tuple[Key, ...] = (
    *_techniques(),
    Key("compare", "S", "split screen: two techniques, with a divider to drag", "split", ("S",)),
    Key("compare", "X", "exchange the two sides", "exchange", ("X",)),
    Key("compare", "+", "twice as many samples", "more", characters="+="),
    Key("compare", "-", "half as many samples", "fewer", characters="-"),
    Key("compare", "B, Shift+B", "the next, the previous buffer instead of the picture", "next buffer", ("B",)),
    Key("compare", "", "", "previous buffer", ("B",), shift=True),
    Key("compare", "V", "back to the picture", "picture", ("V",)),
    Key("camera", "left drag", "go round what the camera looks at"),
    Key("camera", "right drag", "look around"),
    Key("camera", "middle drag, Shift+left drag", "shift the picture"),
    Key("camera", "wheel", "nearer, farther"),
    Key("camera", "W A S D, Q E", "fly, down and up, while the right button is held; Shift: faster"),
    Key("camera", "F", "frame the scene: its own view, then all of it", "frame", ("F",)),
    Key("scene", "P, Space", "let time run, in scenes that move", "play", ("P", "SPACE")),
    Key("window", "F1", "this help", "help", ("F1",)),
    Key("window", "F2", "hide or show the panel", "panel", ("F2",)),
    Key("window", "F5", "compile the shaders again", "reload", ("F5",)),
    Key("window", "F11", "full screen"),  # moderngl-window's own
    Key("window", "F12", "save what is seen as a PNG that holds its shot", "screenshot", ("F12",)),
    Key("window", "Escape", "close help and menus", "close", ("ESCAPE",)),
    Key("window", "Ctrl+Q", "quit", "quit", ("Q",), ctrl=True),
    Key("panel", "Ctrl+click", "type a slider's value"),
    Key("panel", "right click", "a parameter back to its default"),
    Key("panel", "drop a file", "a .glb or .gltf scene, an .hdr environment"),
)


def action(name: str, *, shift: bool = False, ctrl: bool = False) -> str:
    """What pressing a key does; empty when it does nothing."""
    exact = [k.action for k in KEYS if name in k.names and (k.shift, k.ctrl) == (shift, ctrl)]
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
