"""`capture --path`: a video, or a sequence of images, along a camera path."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ssdo.flags import FlagParser
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images
from ssdo.measure.animation import DEFAULT_FPS, DEFAULT_FRAMES, PATHS, Picture, PictureSequence, Timing, make_path
from ssdo.measure.output_files import CAPTURES, NumberedFiles, OutputFiles
from ssdo.measure.video import VIDEO_SUFFIXES, VideoWriter, check_video_path, has_mp4
from ssdo.render.pipeline import freeze_exposure, preload_shot
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.settings import UserError

FLAGS = ("path", "frames", "seconds", "fps")


class AnimationSettings(NamedTuple):
    """What `capture --path` adds to a shot."""

    path: str
    timing: Timing


def add_animation_flags(parser: FlagParser) -> None:
    """Add the flags of `AnimationSettings`."""
    group = parser.add_argument_group(
        "animation", "A video along a camera path (.mp4, .webp), or numbered images (.png)"
    )
    group.add_argument(
        "--path",
        metavar=f"{'|'.join(PATHS)}|FILE",
        help="camera path; turntable: swing in a room, else orbit; FILE: key poses, TOML or JSON",
    )
    group.add_argument("--frames", type=int, metavar="N", help=f"number of frames [{DEFAULT_FRAMES}]")
    group.add_argument("--seconds", type=float, metavar="S", help="duration [frames / fps]")
    group.add_argument("--fps", type=float, metavar="F", help=f"frames a second [{DEFAULT_FPS}, or frames / seconds]")


def take_animation(flags: dict[str, Any], stored: Mapping[str, Any]) -> AnimationSettings | None:
    """Take the values out of parsed flags. `stored`: of a video, which flags override. None: no path.

    Raises UserError.
    """
    path, frames, seconds, fps = (flags.pop(name) for name in FLAGS)
    if not (path := path or stored.get("path")):
        for name, value in (("frames", frames), ("seconds", seconds), ("fps", fps)):
            if value is not None:
                raise UserError(f"--{name} has no effect without a camera path; add --path or leave it out")
        return None
    if frames is None and (seconds is None or fps is None):
        frames = stored.get("frames")
    if fps is None and seconds is None:
        fps = stored.get("fps")
    return AnimationSettings(str(path), Timing.from_flags(frames, seconds, fps))


def capture_animation(
    overrides: Overrides,
    techniques: Sequence[str] | None,
    settings: AnimationSettings,
    output: Path | None,
    overwrite: bool,
) -> list[Path]:
    """Draw and write a video, or images; returns their absolute paths. With `techniques` side by side.

    Raises UserError, before drawing where possible.
    """
    shots = overrides.build_shots(techniques)
    files = choose_animation_files(shots, settings, output, overwrite)
    preload_shot(shots[0])
    poses = make_path(settings.path, shots[0]).poses(settings.timing.frame_count)
    with Gpu(create_headless_context()) as gpu:
        shots = freeze_exposure(gpu, shots)
        values = collect_sheet_values(overrides, techniques, shots[0]) if techniques else shots[0].values()
        video_values = values | settings.timing.describe(settings.path)
        suffix = files.endings[0]
        pictures = _draw_pictures(PictureSequence(gpu, shots, poses))
        if suffix.lower() in VIDEO_SUFFIXES:
            with VideoWriter(suffix, settings.timing.fps, video_values) as writer:
                for picture in pictures:
                    writer.add(picture.pixels)
                files.save(suffix, writer.save)
        else:
            _save_images(files, pictures, values)
    return [path.absolute() for path in files.paths]


def collect_sheet_values(overrides: Overrides, techniques: Sequence[str], shot: Shot) -> dict[str, Any]:
    """The settings that repeat an image of several techniques. `shot`: one of them, with the exposure of all."""
    values = {name: value for name, value in {**overrides.preset, **overrides.cli}.items() if value is not None}
    return values | {"techniques": ",".join(techniques), "display.exposure": shot.display.exposure}


def choose_animation_files(
    shots: Sequence[Shot], settings: AnimationSettings, output: Path | None, overwrite: bool
) -> OutputFiles:
    """A video, or an image for each frame: stem-0001.png. Without `output` a video under a free name.

    Raises UserError where they cannot be saved.
    """
    if output is None:
        scene = Path(shots[0].scene.partition(":")[0]).stem
        name = "comparison" if len(shots) > 1 else shots[0].technique.group
        suffix = ".mp4" if has_mp4() else ".webp"
        return NumberedFiles(CAPTURES, f"{scene}-{name}-{Path(settings.path).stem}", [suffix])
    if output.suffix.lower() == ".png":
        digits = max(4, len(str(settings.timing.frame_count)))
        endings = [f"-{number:0{digits}}{output.suffix}" for number in range(1, settings.timing.frame_count + 1)]
        return OutputFiles(output.parent, output.stem, endings, overwrite)
    if output.suffix.lower() not in VIDEO_SUFFIXES:
        raise UserError(f"--output {output}: a camera path makes a video (.mp4, .webp) or numbered images (.png)")
    check_video_path(output)
    return OutputFiles(output.parent, output.stem, [output.suffix], overwrite)


def _draw_pictures(sequence: PictureSequence) -> Iterator[Picture]:
    """All pictures, under a progress bar with the time left."""
    from tqdm import tqdm  # slow to import; an image needs none

    with tqdm(total=len(sequence.cameras), desc="frames", unit="frame", disable=None, leave=False) as progress:
        while not sequence.is_complete:
            if picture := sequence.draw_frame():
                yield picture
                progress.update()


def _save_images(files: OutputFiles, pictures: Iterator[Picture], values: Mapping[str, Any]) -> None:
    """Save an image for each picture, with its camera among the values. None stays if they are not complete."""
    with contextlib.ExitStack() as stack:
        for ending, path, picture in zip(files.endings, files.paths, pictures, strict=True):
            camera = {f"camera.{name}": value for name, value in picture.camera.values().items()}
            files.save(ending, _make_saver(picture, {**values, **camera}))
            stack.callback(path.unlink, missing_ok=True)
        stack.pop_all()


def _make_saver(picture: Picture, values: Mapping[str, Any]) -> Callable[[Path, bool], None]:
    return lambda path, overwrite: images.save_png(path, picture.pixels, values, overwrite=overwrite)
