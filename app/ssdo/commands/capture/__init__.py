"""Draws images without a window: one shot, a shot with several techniques and a contact sheet of them, or a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ssdo.commands.capture.animation import add_animation_flags, capture_animation, collect_sheet_values, take_animation
from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images
from ssdo.measure.animation import STORED_VALUES
from ssdo.measure.output_files import CAPTURES, NumberedFiles, OutputFiles
from ssdo.measure.video import VIDEO_SUFFIXES, load_video_values
from ssdo.render.antialiasing import PICTURE_FRAMES
from ssdo.render.pipeline import FrameResult, freeze_exposure, preload_shot, render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import (
    Overrides,
    add_shot_flags,
    parse_overrides,
    validate_values,
    with_picture_defaults,
)
from ssdo.settings import UserError, shorten

CONTACT_SHEET = ".png"  # ending of its name
ARRAYS = ".npz"  # of the centres of the pixels, unless antialiasing is asked for
LOW_MEMORY_PIXELS = 1 << 22  # pictures of more frames and fewer pixels keep the shadow maps from frame to frame


def main(arguments: Sequence[str]) -> int:
    """`capture FLAGS`. Returns the exit code; raises UserError."""
    return capture(parse_flags(create_parser("ssdo capture", __doc__), arguments))


def capture(flags: dict[str, Any], default_path: str = "") -> int:
    """Draw what parsed flags ask for, and print the paths of the files. Returns the exit code; raises UserError.

    `default_path`: a camera path.
    """
    source, techniques, overwrite = flags.pop("from_image"), flags.pop("techniques"), flags.pop("overwrite")
    output = flags.pop("output")
    stored_values, stored_animation = _load_values(source) if source else ({}, {})
    animation = take_animation(flags, {"path": default_path, **stored_animation})
    stored_techniques = stored_values.pop("techniques", None)  # of a contact sheet
    if "technique" not in flags:
        techniques = techniques or stored_techniques
    overrides = parse_overrides(flags, validate_values(stored_values, source) if source else stored_values)
    if not output or output.suffix.lower() != ARRAYS:
        overrides = with_picture_defaults(overrides)
    names = str(techniques).split(",") if techniques else None
    if animation:
        paths = capture_animation(overrides, names, animation, output, overwrite)
    else:
        paths = capture_images(overrides, names, output, overwrite)
    for path in paths:
        print(path)
    return 0


def _load_values(source: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The shot stored in an image or a video, and the animation of a video, by name. Raises UserError."""
    if source.suffix.lower() not in VIDEO_SUFFIXES:
        values = images.load_shot_values(source)
        values.setdefault("antialias", 1)  # of images that are older than the parameter
        return values, {}
    values = load_video_values(source)
    animation = {}
    for name, kind in STORED_VALUES.items():
        if name in values:
            value = values.pop(name)
            if not isinstance(value, kind):
                raise UserError(f"{source}: {name} = {shorten(value)}: must be of type {kind.__name__}")
            animation[name.partition(".")[2]] = value
    return values, animation


def create_parser(program: str = "ssdo capture", description: str | None = __doc__) -> FlagParser:
    parser = FlagParser(program, description)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="image to write: .png, .exr (linear) or .npz (arrays) [captures/SCENE-TECHNIQUE.png]",
    )
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing file")
    parser.add_argument(
        "--from-image",
        type=Path,
        metavar="FILE",
        help="repeat the shot stored in a .png image, or in a video; flags override it",
    )
    parser.add_argument(
        "--techniques", metavar="T,T,...", help="draw the shot with each technique, and a contact sheet of them"
    )
    add_animation_flags(parser)
    add_shot_flags(parser, {"antialias": PICTURE_FRAMES})
    return parser


def capture_images(
    overrides: Overrides, techniques: Sequence[str] | None, output: Path | None, overwrite: bool = False
) -> list[Path]:
    """Draw and write images; returns their absolute paths.

    With `techniques` one image of each, and a contact sheet. Raises UserError, before drawing where possible.
    """
    shots = overrides.build_shots(techniques)
    files = choose_files(shots, output, has_contact_sheet=bool(techniques), overwrite=overwrite)
    preload_shot(shots[0])
    labelled = []
    with Gpu(create_headless_context()) as gpu:
        gpu.low_memory = len(shots) == 1 and _needs_low_memory(shots[0])
        shots = freeze_exposure(gpu, shots)
        for shot, ending in zip(shots, files.endings, strict=False):
            result = render_all_frames(gpu, shot)
            _save_shot(files, ending, gpu, result, shot)
            if techniques:
                labelled.append((result.shot.technique.describe(), images.read_opaque(result)))
    if techniques:
        values = collect_sheet_values(overrides, techniques, shots[0])
        sheet = images.make_contact_sheet(labelled)
        files.save(CONTACT_SHEET, lambda path, overwrite: images.save_png(path, sheet, values, overwrite=overwrite))
    return [path.absolute() for path in files.paths]


def choose_files(
    shots: Sequence[Shot], output: Path | None, has_contact_sheet: bool, overwrite: bool = False
) -> OutputFiles:
    """A file for each shot. The contact sheet is the last, named `output`; the others are named after it.

    Without `output` under a free name. Raises UserError where they cannot be saved.
    """
    if output:
        images.check_output_path(output)
    suffix = output.suffix if output else ".png"
    endings = [suffix]
    if has_contact_sheet:
        endings = [*(f"-{shot.technique.group}{suffix}" for shot in shots), CONTACT_SHEET]
    if output:
        return OutputFiles(output.parent, output.stem, endings, overwrite)
    scene = Path(shots[0].scene.partition(":")[0]).stem
    name = "comparison" if has_contact_sheet else shots[0].technique.group
    return NumberedFiles(CAPTURES, f"{scene}-{name}", endings)


def _needs_low_memory(shot: Shot) -> bool:
    """Whether targets are freed during a frame, which a history and the mean of lighting do not survive."""
    if shot.uses_history or shot.accumulated_frames > 1:
        return False
    return shot.frame_count == 1 or shot.width * shot.height > LOW_MEMORY_PIXELS


def _save_shot(files: OutputFiles, ending: str, gpu: Gpu, result: FrameResult, shot: Shot) -> None:
    if ending.lower().endswith(ARRAYS) and shot.antialias > 1:
        result = draw_centered_buffers(gpu, result, shot)

    def save(path: Path, overwrite: bool) -> None:
        images.save_result(path, gpu, result, shot.values(), overwrite=overwrite)

    files.save(ending, save)


def draw_centered_buffers(gpu: Gpu, result: FrameResult, shot: Shot) -> FrameResult:
    """The result with all but its radiance and its picture drawn at the centres of the pixels."""
    with gpu.scope("centered"):
        centered = render_all_frames(gpu, replace(shot, antialias=1))
    return centered._replace(shot=result.shot, radiance=result.radiance, display=result.display)
