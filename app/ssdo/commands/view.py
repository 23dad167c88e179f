"""The interactive viewer: SSAO and SSDO side by side, unless one technique is asked for.

Where no window can be opened, it says why and captures the comparison instead.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ssdo import viewer
from ssdo.commands import capture
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import NoOpenGLError
from ssdo.render.antialiasing import PICTURE_FRAMES
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, with_picture_defaults
from ssdo.render.technique import Technique
from ssdo.scene.files.file_cache import hold_files
from ssdo.settings import UserError
from ssdo.viewer.preferences import MAX_UI_SCALE, MIN_UI_SCALE

COMPARED_TECHNIQUES = ("off", "ssao", "ssdo")
# Moving pictures are filtered, those at rest are means of jittered frames.
PICTURE_DEFAULTS: dict[str, Any] = {"antialias": PICTURE_FRAMES, "display.fxaa": True}


def main(arguments: Sequence[str]) -> int:
    """`view FLAGS`. Returns the exit code. Raises UserError."""
    parser = FlagParser("ssdo view", __doc__)
    parser.add_argument(
        "--ui-scale",
        type=float,
        metavar="V",
        help=f"size of the panel's text and controls, {MIN_UI_SCALE:g} to {MAX_UI_SCALE:g} [as last chosen by Ctrl+=]",
    )
    add_shot_flags(parser, PICTURE_DEFAULTS)
    flags = parse_flags(parser, arguments)
    ui_scale = flags.pop("ui_scale", None)
    if ui_scale is not None and not MIN_UI_SCALE <= ui_scale <= MAX_UI_SCALE:
        raise UserError(f"--ui-scale {ui_scale:g}: must be {MIN_UI_SCALE:g} to {MAX_UI_SCALE:g}")
    overrides = parse_overrides(flags)
    with_defaults = replace(overrides, preset={**PICTURE_DEFAULTS, **overrides.preset})
    shot = with_defaults.build_shot(overrides.technique)
    try:
        viewer.open_viewer(
            shot,
            {name: overrides.build_shot(name).technique for name in Technique.known},
            ui_scale=ui_scale,
            size=(shot.width, shot.height),
            is_split=not overrides.is_set("technique"),
            may_halve_lighting=not overrides.is_set("lighting.resolution"),
        )
    except NoOpenGLError as error:
        print(f"no window: {error}\ncapturing the comparison instead", file=sys.stderr)
        _capture_comparison(overrides, shot)
    return 0


def _capture_comparison(overrides: Overrides, shot: Shot) -> None:
    """Capture the shot with each technique, and print the paths. Flags of other techniques have no effect."""
    flags = {
        name: value
        for name, value in overrides.cli.items()
        if name in shot.values() or name.partition(".")[0] in COMPARED_TECHNIQUES
    }
    flags.pop("technique", None)
    with hold_files():
        picture = with_picture_defaults(Overrides(overrides.preset, flags))
        for path in capture.capture_images(picture, COMPARED_TECHNIQUES, None):
            print(path)
