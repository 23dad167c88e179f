"""The panel's buttons for actions: where each stands, its label and its tooltip. Keys for the same actions: keys.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ssdo.viewer import keys


class ActionButton(NamedTuple):
    """A button that runs an action."""

    action: str  # run by ssdo.viewer.actions
    label: str
    help: str
    while_held: bool = False  # acts while the button is held, and is not run

    @property
    def tooltip(self) -> str:
        shortcut = keys.describe_shortcut(self.action)
        return f"{self.help} ({shortcut})" if shortcut else self.help


def _bookmark_buttons(action: str, help_text: str) -> tuple[ActionButton, ...]:
    return tuple(ActionButton(f"{action} {number}", str(number), f"{help_text} {number}") for number in range(1, 10))


BUTTONS: Mapping[str, tuple[ActionButton, ...]] = {
    "toolbar": (
        ActionButton("open", "Open", "open a scene, environment, viewer state, preset or screenshot"),
        ActionButton("choose-preset", "Preset", "quality presets, from fast to slow"),
        ActionButton("screenshot", "Screenshot", "save a PNG that stores its settings"),
        ActionButton("report", "Report", "the page of `compare` for A and B, against the reference"),
        ActionButton("help", "Help", "all keys and mouse gestures"),
        ActionButton("undo", "Undo", "undo the last change"),
        ActionButton("redo", "Redo", "redo what was undone"),
        ActionButton("save-state", "Save", "save the viewer state as TOML in captures/"),
        ActionButton("copy-state", "Copy", "copy the viewer state to the clipboard"),
        ActionButton("paste-state", "Paste", "paste a viewer state from the clipboard"),
    ),
    "view": (
        ActionButton("view A", "A", "A only"),
        ActionButton("view B", "B", "B only"),
        ActionButton("split", "split", "split with a divider to drag; again: B only"),
        ActionButton("view side by side", "side", "side by side"),
        ActionButton("view difference", "diff", "difference of A and B"),
        ActionButton("view error", "error", "error against the reference, in false colour"),
    ),
    "copy": (
        ActionButton("copy-to-A", "A = B", "copy B to A"),
        ActionButton("copy-to-B", "B = A", "copy A to B"),
        ActionButton("swap", "swap", "swap A and B"),
        ActionButton("flip", "other", "show the other slot, while held", while_held=True),
    ),
    "samples": (
        ActionButton("fewer-samples", "samples / 2", "halve the samples or slices of what is shown"),
        ActionButton("more-samples", "samples x 2", "double the samples or slices of what is shown"),
    ),
    "buffer": (
        ActionButton("previous-component", "< light", "previous lighting component"),
        ActionButton("next-component", "light >", "next lighting component"),
        ActionButton("previous-buffer", "< buffer", "previous buffer"),
        ActionButton("next-buffer", "buffer >", "next buffer"),
        ActionButton("final-image", "final", "final image"),
    ),
    "pixel": (ActionButton("pin", "pin the last pixel", "pin the pixel that was last under the mouse; again: unpin"),),
    "camera": (ActionButton("frame", "frame scene", "reset the camera; again: fit the scene"),),
    "save bookmark": _bookmark_buttons("save-bookmark", "save the camera of this scene as bookmark"),
    "restore bookmark": _bookmark_buttons("restore-bookmark", "restore the camera of bookmark"),
    "screenshot": (
        ActionButton("screenshot", "save", "save what is seen as a PNG that stores its settings"),
        ActionButton("screenshot captions", "save with captions", "the same with labels and legends"),
    ),
    "turntable": (ActionButton("turntable", "start", "a video that circles an object, or swings in a room"),),
    "choose": (
        ActionButton("choose left", "left", "the left image is nearer to the reference"),
        ActionButton("choose right", "right", "the right image is nearer to the reference"),
    ),
    "show": (ActionButton("show-reference", "reference", "show the reference in both halves"),),
    "blind test": (ActionButton("end-blind-test", "stop", "end the test and restore all settings"),),
    "help": (ActionButton("help", "close", "close the help"),),
    "scale": (
        ActionButton("smaller-ui", "smaller", "smaller text and controls"),
        ActionButton("default-ui", "100 %", "default size of text and controls"),
        ActionButton("larger-ui", "larger", "larger text and controls"),
    ),
    "window": (
        ActionButton("theme", "theme", "light or dark panel"),
        ActionButton("panel", "hide panel", "hide the panel, or show it again"),
        ActionButton("full-screen", "full screen", "full screen on or off"),
        ActionButton("reload", "reload shaders", "compile the shaders again"),
        ActionButton("search", "search", "search parameters, buffers, scenes and buttons"),
        ActionButton("close", "dismiss", "close the help, the search or messages; else cancel what runs"),
        ActionButton("cancel", "cancel", "cancel an experiment, turntable or report"),
        ActionButton("quit", "quit", "close the viewer"),
    ),
}
BLIND_TEST_PLACES = ("choose", "show", "blind test")  # of buttons that are there only during a blind test
CHECKBOXES: Mapping[str, ActionButton] = {
    button.action: button
    for button in (
        ActionButton("reference", "error against the reference", "accumulate a path-traced reference while idle"),
        ActionButton("inspect", "inspect pixel under the mouse", "values and sampled directions of a pixel"),
    )
}
# Actions that change a parameter: its row is their control.
PARAMETER_ACTIONS: Mapping[str, str] = {"lighting.resolution": "half-resolution", "ground": "ground"}
