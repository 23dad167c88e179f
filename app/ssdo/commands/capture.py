"""Draws images without a window: one shot, or a shot with several techniques and a contact sheet of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssdo.flags import FlagParser, parse_flags
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.measure import images
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides, add_shot_flags, parse_overrides, validate_values
from ssdo.scene.loader import preload_scene


def main(arguments: Sequence[str]) -> int:
    """`capture FLAGS`. Returns the exit code; raises UserError."""
    flags = parse_flags(_create_parser(), arguments)
    source, techniques, overwrite = flags.pop("from_image"), flags.pop("techniques"), flags.pop("overwrite")
    output = flags.pop("output")
    stored_values = images.load_shot_values(source) if source else {}
    stored_techniques = stored_values.pop("techniques", None)  # of a contact sheet
    if "technique" not in flags:
        techniques = techniques or stored_techniques
    overrides = parse_overrides(flags, validate_values(stored_values, source) if source else stored_values)
    for path in capture_images(overrides, str(techniques).split(",") if techniques else None, output, overwrite):
        print(path)
    return 0


def _create_parser() -> FlagParser:
    parser = FlagParser("ssdo capture", __doc__)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="image to write: .png, .exr (linear) or .npz (arrays) [captures/SCENE-TECHNIQUE.png]",
    )
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing file")
    parser.add_argument(
        "--from-image", type=Path, metavar="FILE.png", help="repeat the shot stored in an image; flags override it"
    )
    parser.add_argument(
        "--techniques", metavar="T,T,...", help="draw the shot with each technique, and a contact sheet of them"
    )
    add_shot_flags(parser)
    return parser


def capture_images(
    overrides: Overrides, techniques: Sequence[str] | None, output: Path | None, overwrite: bool = False
) -> list[Path]:
    """Draw and write images; returns their absolute paths.

    With `techniques` one image of each, and a contact sheet. Raises UserError, before drawing where possible.
    """
    shots = overrides.build_shots(techniques)
    paths = choose_paths(shots, output, has_contact_sheet=bool(techniques))
    for path in paths:
        images.check_output_path(path)
        images.require_absent([path] if output else [], overwrite)
    preload_scene(shots[0].scene, shots[0].time)
    labelled = []
    with Gpu(create_headless_context()) as gpu:
        gpu.low_memory = len(shots) == 1 and shots[0].frame_count == 1
        for shot, path in zip(shots, paths, strict=False):
            result = render_all_frames(gpu, shot)
            images.save_result(path, gpu, result, shot.values())
            if techniques:
                labelled.append((result.shot.technique.describe(), images.read_display(result)))
    if techniques:
        values: dict[str, Any] = {**overrides.preset, **overrides.cli, "techniques": ",".join(techniques)}
        images.save_png(paths[-1], images.make_contact_sheet(labelled), values)
    return [path.absolute() for path in paths]


def choose_paths(shots: Sequence[Shot], output: Path | None, has_contact_sheet: bool) -> list[Path]:
    """A file for each shot. The contact sheet is the last, named `output`; the others are named after it."""
    scene = Path(shots[0].scene.partition(":")[0]).stem
    if not has_contact_sheet:
        return [output or images.unique_path(Path("captures"), f"{scene}-{shots[0].technique.group}", ".png")]
    sheet = output or images.unique_path(Path("captures"), f"{scene}-comparison", ".png")
    paths = [sheet.with_name(f"{sheet.stem}-{shot.technique.group}{sheet.suffix}") for shot in shots]
    is_image = sheet.suffix.lower() in images.IMAGE_SUFFIXES
    return [*paths, sheet.with_suffix(".png") if is_image else sheet]
