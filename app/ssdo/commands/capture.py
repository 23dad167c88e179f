"""Pictures without a window: one shot, or the same shot with several techniques and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ssdo.gpu.context import Gpu, headless
from ssdo.measure import images
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot, Wanted, add_shot_flags, checked, take_wanted
from ssdo.scene import built_in
from ssdo.settings import Parser, parse


def main(arguments: Sequence[str]) -> int:
    """`capture FLAGS`. Returns the exit code; raises UserError."""
    parser = Parser("python -m ssdo capture", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where to: .png, .exr (linear) or .npz (arrays) [captures/SCENE-TECHNIQUE.png]",
    )
    parser.add_argument("--overwrite", action="store_true", help="an existing file may be replaced")
    parser.add_argument("--like", type=Path, metavar="FILE.png", help="repeat the shot of a picture; flags win over it")
    parser.add_argument(
        "--techniques", metavar="T,T,...", help="the same shot with each technique, and a contact sheet of them"
    )
    add_shot_flags(parser)
    given = parse(parser, arguments)
    like, output, techniques = given.pop("like"), given.pop("output"), given.pop("techniques")
    overwrite = given.pop("overwrite")
    before = images.shot_values(like) if like else {}
    if "technique" not in given:
        techniques = techniques or before.get("techniques")
    before.pop("techniques", None)  # of a contact sheet
    before = checked(before, like) if like else before
    for path in captured(
        take_wanted(given, before), str(techniques).split(",") if techniques else None, output, overwrite
    ):
        print(path)
    return 0


def captured(
    wanted: Wanted, techniques: Sequence[str] | None, output: Path | None, overwrite: bool = False
) -> list[Path]:
    """Draw and write; the absolute paths of what was written. Raises UserError, before drawing where it can be known."""
    shots = wanted.shots(techniques)
    paths = names_of(shots, output, bool(techniques))
    for path in paths:
        images.check_suffix(path)
        images.check_free([path] if output else [], overwrite)
    built_in.announce(shots[0].scene, shots[0].time)
    with Gpu(headless()) as gpu:
        gpu.sparing = len(shots) == 1 and shots[0].drawn == 1
        labelled = []
        for shot, path in zip(shots, paths, strict=False):
            picture = render_accumulated(gpu, shot)
            images.save(path, gpu, picture, shot.values())
            if techniques:
                labelled.append((picture.shot.technique.label(), images.pixels(gpu, picture)))
    if techniques:
        values = {**wanted.found, **wanted.typed, "techniques": ",".join(techniques)}
        images.save_png(paths[-1], images.contact_sheet(labelled), values)
    return [path.absolute() for path in paths]


def names_of(shots: Sequence[Shot], output: Path | None, sheet: bool) -> list[Path]:
    """A file for each shot; with a sheet, the sheet's last, under the name that was asked for."""
    stem = Path(shots[0].scene.partition(":")[0]).stem
    if not sheet:
        return [output or images.free_name(Path("captures"), f"{stem}-{shots[0].technique.group}", ".png")]
    if not output:
        output = images.free_name(Path("captures"), f"{stem}-comparison", ".png")
    each = [output.with_name(f"{output.stem}-{shot.technique.group}{output.suffix}") for shot in shots]
    return [*each, output.with_suffix(".png") if output.suffix.lower() in images.SUFFIXES else output]
