"""Every key and mouse gesture, declared once. Key events, the help overlay and the README's table use this table."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import ssdo.render.techniques  # noqa: F401 - registers the techniques
from ssdo.render.technique import Technique

CHARACTERS_OF_NAMES = {"EQUAL": "=", "MINUS": "-"}  # by name of the window library


class Key(NamedTuple):
    """A key, a mouse gesture, or one more key of the same table row (without a label)."""

    group: str
    label: str  # as the user reads it
    description: str
    action: str = ""  # run by ssdo.viewer.actions
    names: tuple[str, ...] = ()  # of the window library; a mouse gesture has none
    shift: bool = False
    ctrl: bool = False
    alt: bool = False
    characters: str = ""  # instead of names, if the place of the key depends on the keyboard layout
    while_typing: bool = False  # works in a text field, too


def _scale_keys() -> Iterator[Key]:
    """Of the user interface. The keys depend on the keyboard's layout: = and +, with or without Shift."""
    larger, smaller, default = ("EQUAL", "PLUS", "NUMPAD_ADD"), ("MINUS", "NUMPAD_SUBTRACT"), ("NUMBER_0", "NUMPAD_0")
    for label, action, names in (
        ("Ctrl+=, Ctrl+-, Ctrl+0", "larger-ui", larger),
        ("", "smaller-ui", smaller),
        ("", "default-ui", default),
    ):
        description = "larger, smaller, default text and controls" if label else ""
        yield Key("panel", label, description, action, names, ctrl=True, while_typing=True)
    yield Key("panel", "", "", "larger-ui", larger, ctrl=True, shift=True, while_typing=True)


KEYS: tuple[Key, ...] = (
    Key("compare", "+", "double the samples or slices", "more-samples", characters="+="),
    Key("compare", "-", "halve the samples or slices", "fewer-samples", characters="-"),
    Key("compare", "H", "lighting at half or full resolution", "half-resolution", ("H",)),
    Key("compare", "X", "swap A and B", "swap", ("X",)),
    Key("view", "S, Shift+S", "split with a divider to drag; side by side", "split", ("S",)),
    Key("view", "", "", "view side by side", ("S",), shift=True),
    Key("view", "A, Shift+A", "A only; B only", "view A", ("A",)),
    Key("view", "", "", "view B", ("A",), shift=True),
    Key("view", "Tab", "the other slot, while held", "flip", ("TAB",)),
    Key("view", "D", "difference of A and B; again: x10, x100", "view difference", ("D",)),
    Key("view", "G", "error of A and B against the reference, in false colour", "view error", ("G",)),
    Key("view", "T", "reference in the background, to plot errors", "reference", ("T",)),
    Key("view", "L, Shift+L", "next, previous lighting component", "next-component", ("L",)),
    Key("view", "", "", "previous-component", ("L",), shift=True),
    Key("view", "B, Shift+B", "next, previous buffer", "next-buffer", ("B",)),
    Key("view", "", "", "previous-buffer", ("B",), shift=True),
    Key("view", "V", "final image", "final-image", ("V",)),
    Key("view", "I, Shift+I", "inspect the pixel under the mouse; pin it", "inspect", ("I",)),
    Key("view", "", "", "pin", ("I",), shift=True),
    Key("camera", "left drag", "orbit"),
    Key("camera", "right drag", "look around"),
    Key("camera", "middle drag, Shift+left drag", "pan"),
    Key("camera", "wheel", "dolly to what is under the mouse"),
    Key("camera", "double click", "centre a surface, and orbit about it"),
    Key("camera", "W A S D, Q E", "fly while the right button is held; Shift: faster"),
    Key("camera", "F", "reset the camera; again: fit the scene", "frame", ("F",)),
    Key("scene", "P, Space", "play or pause an animated scene", "play", ("P", "SPACE")),
    Key("scene", "Shift+F", "ground on or off", "ground", ("F",), shift=True),
    Key("window", "F1", "key help", "help", ("F1",), while_typing=True),
    Key("window", "F2", "hide or show the panel", "panel", ("F2",), while_typing=True),
    Key("window", "F5", "reload shaders", "reload", ("F5",), while_typing=True),
    Key("window", "F11", "full screen", "full-screen"),  # the key is handled by moderngl-window
    Key("window", "Ctrl+O", "open a scene, environment, viewer state, preset or screenshot", "open", ("O",), ctrl=True),
    Key(
        "window",
        "F12, Shift+F12",
        "screenshot that stores its settings; with captions",
        "screenshot",
        ("F12",),
        while_typing=True,
    ),
    Key("window", "", "", "screenshot captions", ("F12",), shift=True, while_typing=True),
    Key(
        "window",
        "Ctrl+F12",
        "report: the page of `compare` for A and B",
        "report",
        ("F12",),
        ctrl=True,
        while_typing=True,
    ),
    Key(
        "window",
        "Ctrl+T",
        "turntable: a video that circles an object, or swings in a room",
        "turntable",
        ("T",),
        ctrl=True,
    ),
    Key("window", "Ctrl+S", "save the viewer state as TOML", "save-state", ("S",), ctrl=True),
    Key("window", "Ctrl+C, Ctrl+V", "copy, paste the viewer state", "copy-state", ("C",), ctrl=True),
    Key("window", "", "", "paste-state", ("V",), ctrl=True),
    Key("window", "Ctrl+Z, Ctrl+Y", "undo, redo", "undo", ("Z",), ctrl=True),
    Key("window", "", "", "redo", ("Y",), ctrl=True),
    Key("window", "", "", "redo", ("Z",), ctrl=True, shift=True),
    Key(
        "blind test",
        "Left, Right",
        "blind test: the left or the right image is nearer",
        "choose left",
        ("LEFT",),
    ),
    Key("blind test", "", "", "choose right", ("RIGHT",)),
    Key("blind test", "R", "blind test: show the reference, or the images again", "show-reference", ("R",)),
    Key(
        "window",
        "Escape",
        "close a list, the help, the search, messages; then cancel what runs",
        "close",
        ("ESCAPE",),
        while_typing=True,
    ),
    Key("window", "Ctrl+Q", "quit", "quit", ("Q",), ctrl=True),
    Key(
        "panel",
        "Ctrl+F",
        "search parameters, buffers, scenes and buttons",
        "search",
        ("F",),
        ctrl=True,
        while_typing=True,
    ),
    *_scale_keys(),
    Key("panel", "drag the left edge", "resize the panel"),
    Key("panel", "Ctrl+click", "type a slider's value"),
    Key("panel", "right click", "reset a parameter to its default"),
    Key("panel", "click a name", "link or unlink a parameter of A and B"),
    Key("panel", "drop a file", "load a scene, environment, viewer state, preset or screenshot"),
)


def _mode_keys() -> list[Key]:
    """Number keys: with Shift for A, else for the slot that is shown, or B if both are."""
    modes = [mode for _, mode in Technique.all_modes() if mode.key]
    keys = [
        Key(
            "compare",
            str(mode.key),
            mode.description,
            f"mode {mode.label}",
            (f"NUMBER_{mode.key}", f"NUMPAD_{mode.key}"),
        )
        for mode in modes
    ]
    for mode in modes:
        is_first = mode is modes[0]
        label = f"Shift+{modes[0].key} ... {modes[-1].key}" if is_first else ""
        description = "the same for A; without Shift: for what is shown, or B if both are" if is_first else ""
        keys.append(Key("compare", label, description, f"mode-A {mode.label}", (f"NUMBER_{mode.key}",), shift=True))
    return keys


def _bookmark_keys() -> list[Key]:
    keys = []
    for number in range(1, 10):
        save_label, restore_label = ("Ctrl+1 ... 9", "Alt+1 ... 9") if number == 1 else ("", "")
        save_text = "save a camera bookmark for this scene" if number == 1 else ""
        restore_text = "restore a camera bookmark" if number == 1 else ""
        names = (f"NUMBER_{number}",)
        keys.append(Key("camera", save_label, save_text, f"save-bookmark {number}", names, ctrl=True))
        keys.append(Key("camera", restore_label, restore_text, f"restore-bookmark {number}", names, alt=True))
    return keys


def all_keys() -> list[Key]:
    """The whole table, with the modes of all techniques known now."""
    return [*_mode_keys(), *KEYS, *_bookmark_keys()]


def find_key(name: str, *, shift: bool = False, ctrl: bool = False, alt: bool = False) -> Key | None:
    """The key of a key press."""
    modifiers = shift, ctrl, alt
    return next((k for k in all_keys() if name in k.names and (k.shift, k.ctrl, k.alt) == modifiers), None)


def describe_shortcut(action: str) -> str:
    """The first key of an action, as the user reads it: `Ctrl+S`; empty if it has none."""
    return _describe_shortcuts(tuple(Technique.known.values())).get(action, "")


@functools.cache
def _describe_shortcuts(techniques: tuple[type[Technique], ...]) -> dict[str, str]:
    """The first key of each action. Cached: tooltips need it each frame."""
    return {key.action: _describe_key(key) for key in reversed(all_keys()) if key.action}


def _describe_key(key: Key) -> str:
    if not key.names:
        return key.characters[:1] or key.label
    name = key.names[0].removeprefix("NUMBER_")
    name = CHARACTERS_OF_NAMES.get(name, name if len(name) < 4 and name != "TAB" else name.capitalize())
    modifiers = zip((key.ctrl, key.alt, key.shift), ("Ctrl+", "Alt+", "Shift+"), strict=True)
    return "".join(text for is_held, text in modifiers if is_held) + name


def find_character_action(character: str) -> str:
    """Action of a typed character; empty if there is none."""
    return next((k.action for k in KEYS if k.characters and character in k.characters), "")


def group_keys() -> dict[str, list[Key]]:
    """Keys with a label, by group."""
    groups: dict[str, list[Key]] = {}
    for key in all_keys():
        if key.label:
            groups.setdefault(key.group, []).append(key)
    return groups


def table() -> str:
    """The README's table of keys, in Markdown."""
    rows = [f"| {key.label} | {key.description} |" for keys in group_keys().values() for key in keys]
    return "\n".join(["| key | does |", "|---|---|", *rows])
