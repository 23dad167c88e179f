"""Materials of OBJ files (.mtl), as glTF would have them.

Format: Wavefront's MTL specification, and what Blender writes beyond it (Pr, Pm, as P. Exoplex and C. Schied proposed).
Read: Kd, map_Kd, Ke, map_Ke, Ks (whether there is gloss at all), Ns or Pr, Pm, d or Tr, and of the images' options -s,
-o and -clamp. Colours are linear, images sRGB. Everything else that changes what is seen is noted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ssdo.scene.files import beside, check_no_url, file_bytes, images
from ssdo.scene.files.json_tree import MAX_NUMBER, shown
from ssdo.scene.files.mesh_builder import lines_of
from ssdo.scene.model import Bytes, Image, Material
from ssdo.settings import UserError, Vec3

MAX_FILE = 2**24  # bytes
MAX_PICTURE = 2**29  # bytes of an image's file
MOST_NOTES = 20  # of one file
# Options of images, and how many values each takes at most; -o, -s and -t may have fewer.
OPTIONS = {
    "-blendu": 1,
    "-blendv": 1,
    "-boost": 1,
    "-bm": 1,
    "-cc": 1,
    "-clamp": 1,
    "-colorspace": 1,
    "-imfchan": 1,
    "-mm": 2,
    "-o": 3,
    "-s": 3,
}
OPTIONS |= {"-t": 3, "-texres": 1, "-type": 1}
NOT_READ = {"map_d", "map_ks", "map_ns", "map_pr", "map_pm", "map_bump", "bump", "norm", "disp", "refl"}


@dataclass
class Library:
    """Materials by name, and what they need: a folder, images that were read, notes that were made."""

    folder: Path
    notes: list[str]
    materials: dict[str, Material] = field(default_factory=dict)
    decoded: dict[Path, Bytes | None] = field(default_factory=dict)
    spent: images.Spent = field(default_factory=images.Spent)
    read: set[Path] = field(default_factory=set)

    def note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)


def read_library(library: Library, name: str, where: str) -> bool:
    """Adds the materials of a file; whether there is such a file. Raises UserError("<element>: <rule>")."""
    name = name.replace("\\", "/")
    check_no_url(name, where)
    path = beside(library.folder, name, where)
    if path in library.read:
        return True
    try:
        if not path.exists():
            return False
    except OSError:  # a name that no file can have
        return False
    library.read.add(path)
    entries: dict[str, dict[str, tuple[str, str]]] = {}
    entry: dict[str, tuple[str, str]] = {}
    for number, line in lines_of(file_bytes(path, f"{where} {shown(name)}", MAX_FILE)):
        key, _, rest = decoded(line).strip().replace("\t", " ").partition(" ")
        if key.lower() == "newmtl":
            entry = entries.setdefault(rest.strip(), {})
        elif key and key[0] != "#":
            entry[key.lower()] = rest.strip(), f"{shown(name)} line {number}: {key}"
    for title, found in entries.items():
        library.materials.setdefault(title, _material(library, title, found))
    return True


def decoded(line: bytes) -> str:
    """Text in UTF-8, or as Windows has long written it."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _material(library: Library, name: str, entry: dict[str, tuple[str, str]]) -> Material:
    for key in sorted(NOT_READ & entry.keys()):
        library.note(f"{entry[key][1]}: is not read")
    albedo_image, emission_image = _image(library, entry, "map_kd"), _image(library, entry, "map_ke")
    opacity = _number(entry, "d", 0, 1, 1 - _number(entry, "tr", 0, 1, 0))
    phong = _number(entry, "ns", 0, MAX_NUMBER, 0)
    return Material(
        albedo=_tint(entry, "kd", 1.0, (0.8, 0.8, 0.8), albedo_image),
        emission=_tint(entry, "ke", MAX_NUMBER, (0, 0, 0), emission_image),
        albedo_image=albedo_image,
        emission_image=emission_image,
        metallic=_number(entry, "pm", 0, 1, 0),
        # Phong's exponent as the width of GGX: Walter, Marschner, Li, Torrance: Microfacet Models for Refraction, EGSR
        # 2007, section 5.2.
        roughness=_number(entry, "pr", 0, 1, (2 / (phong + 2)) ** 0.25),
        reflectance=0.04 if any(_color(entry, "ks", MAX_NUMBER, (0, 0, 0))) else 0.0,
        opacity=opacity,
        name=name.encode("utf-8", "replace").decode(),
    )


def _tint(entry: dict[str, tuple[str, str]], key: str, most: float, default: Vec3, image: Image | None) -> Vec3:
    """What an image is multiplied with: white where the file says nothing or black, as many programs write beside an
    image.
    """
    tint = _color(entry, key, most, default if image is None else (1, 1, 1))
    return tint if any(tint) or image is None else (1, 1, 1)


def _color(entry: dict[str, tuple[str, str]], key: str, most: float, default: Vec3) -> Vec3:
    """Three numbers from 0 to `most`, or one for all three."""
    if key not in entry:
        return default
    text, where = entry[key]
    values = [_in_range(word, where, 0, most) for word in text.split()[:4]]
    if len(values) not in (1, 3):
        raise UserError(f"{where}: must be three numbers, not {shown(text)}")
    return values[0], values[-2 % len(values)], values[-1]


def _number(entry: dict[str, tuple[str, str]], key: str, lo: float, hi: float, default: float) -> float:
    if key not in entry:
        return default
    text, where = entry[key]
    words = [w for w in text.split()[:2] if w != "-halo"] or [""]
    return _in_range(words[0], where, lo, hi)


def _in_range(word: str, where: str, lo: float, hi: float) -> float:
    """A number, brought into the range: many files are slightly beyond. Raises UserError for what is none."""
    try:
        value = float(word)
    except ValueError:
        raise UserError(f"{where}: must be a number, not {shown(word)}") from None
    if value != value:
        raise UserError(f"{where}: must be a number, not {shown(word)}")
    return min(max(value, lo), hi)


def _image(library: Library, entry: dict[str, tuple[str, str]], key: str) -> Image | None:
    """The image of a map, None with a note where it cannot be read. Raises UserError for a name that leads out of the
    folder.
    """
    if key not in entry:
        return None
    text, where = entry[key]
    name, options = _options(text)
    name = name.replace("\\", "/")
    check_no_url(name, where)
    path = beside(library.folder, name, where)
    if path not in library.decoded:
        try:
            library.decoded[path] = images.decoded(
                file_bytes(path, f"{where} {shown(name)}", MAX_PICTURE), where, library.spent, images.MORE_FORMATS
            )
        except UserError as problem:
            library.note(f"{problem}; drawn without it")
            library.decoded[path] = None
    pixels = library.decoded[path]
    if pixels is None:
        return None
    (su, sv), (ou, ov) = (
        _pair(options.get(option, []), default, where) for option, default in (("-s", 1.0), ("-o", 0.0))
    )
    clamp = options.get("-clamp", [""])[0].lower() == "on"
    # The options are for v that points up from the lower edge; ours points down from the upper.
    return Image(pixels, transform=((su, 0.0, ou), (0.0, sv, 1 - sv - ov)), clamp=(clamp, clamp))


def _pair(values: list[str], default: float, where: str) -> tuple[float, float]:
    u, v = (_in_range(values[i], where, -MAX_NUMBER, MAX_NUMBER) if i < len(values) else default for i in range(2))
    return u, v


def _options(text: str) -> tuple[str, dict[str, list[str]]]:
    """The file's name, which may have spaces, and the options before it."""
    words = text.split(" ")
    options: dict[str, list[str]] = {}
    while len(words) > 1 and (words[0] == "" or words[0].lower() in OPTIONS):
        option = words.pop(0).lower()
        while option and len(options.setdefault(option, [])) < OPTIONS[option] and len(words) > 1:
            if option in ("-o", "-s", "-t") and not _is_number(words[0]):
                break
            options[option].append(words.pop(0))
    return " ".join(words), options


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
