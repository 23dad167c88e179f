"""Read the materials of OBJ files (.mtl) as glTF would have them.

Format: Wavefront's MTL specification, and the extensions Pr, Pm and norm. Read are Kd, map_Kd, Ke, map_Ke, Ks (whether
there is a specular lobe at all), Ns or Pr, map_Pr, Pm, map_Pm, d or Tr, map_d, norm, and the texture options -s, -o and
-clamp, of map_d, map_Pr and map_Pm also -mm and -imfchan, of normal maps -bm. Colours are linear, images sRGB. A bump
map that looks like a normal map is one, as Blender writes them; heights are not read.

Opacity is d, else 1 - Tr, times map_d, else times the alpha of map_Kd. d wins over Tr, as in tinyobjloader: some
programs write `Tr 1` beside `d 1`.

Everything else that changes the look of a material is a warning. So is a value that cannot be read, and a file that is
missing or outside of the scene's folder, which is never opened: the geometry is drawn all the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssdo.arrays import Bytes
from ssdo.scene.files import images
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.file_access import check_no_url, file_exists, read_file_bytes, resolve_beside
from ssdo.scene.files.json_tree import MAX_NUMBER, MAX_ROUNDING
from ssdo.scene.files.opacity import (
    Alpha,
    classify_alpha,
    fill_empty_alpha,
    get_channel,
    is_normal_map,
    replace_alpha,
    scale_values,
    set_blending,
    stack_channels,
)
from ssdo.scene.files.text import decode_text, iterate_lines
from ssdo.scene.model import DIELECTRIC_F0, ImageTexture, Material
from ssdo.settings import UserError, Vec3

MAX_FILE_BYTES = 2**24
MAX_WARNINGS = 20  # of one file
# Texture options, and the number of their values; -o, -s and -t may have fewer.
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
    "-t": 3,
    "-texres": 1,
    "-type": 1,
}
UNSUPPORTED = {"map_tr", "map_ks", "map_ns", "disp", "refl"}
NORMAL_MAP_KEYWORDS = ("norm", "map_bump", "bump")

# Of a material: by lower-case keyword, the arguments and their place in the file.
Statements = dict[str, tuple[str, str]]


@dataclass
class MaterialLibrary:
    """The materials of an OBJ file by name, and what reading them shares: folder, warnings, decoded images."""

    folder: Path
    warnings: list[str]
    materials: dict[str, Material] = field(default_factory=dict)
    decoded_images: dict[Path, Bytes | None] = field(default_factory=dict)  # None: could not be read
    limits: images.ImageLimits = field(default_factory=images.ImageLimits)
    files: set[Path] = field(default_factory=set)  # .mtl files that have been read
    # By the identity of decoded images, which `decoded_images` keeps.
    alphas: dict[int, Alpha] = field(default_factory=dict)
    combined_images: dict[tuple[object, ...], Bytes | None] = field(default_factory=dict)

    def warn(self, text: str) -> None:
        if text not in self.warnings and len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(text)


def read_material_file(library: MaterialLibrary, name: str, where: str) -> bool:
    """Add the materials of a file to the library. Returns whether there is such a file.

    One that cannot be read is a warning.
    """
    name = name.replace("\\", "/")
    try:
        check_no_url(name, where)
        path = resolve_beside(library.folder, name, where)
        if path in library.files:
            return True
        if not file_exists(path):
            return False
        library.files.add(path)
        data = read_file_bytes(path, f"{where} {quote_value(name)}", MAX_FILE_BYTES)
        lines = _split_lines(data, f"{where} {quote_value(name)}")
    except UserError as error:
        if " " in name:  # several names, which are tried one by one
            return False
        library.warn(f"{error}; drawn without its materials")
        return True
    materials: dict[str, Statements] = {}
    statements: Statements = {}
    for number, line in lines:
        keyword, _, arguments = remove_comment(decode_text(line)).strip().replace("\t", " ").partition(" ")
        if keyword.lower() == "newmtl":
            statements = materials.setdefault(arguments.strip(), {})
        elif keyword:
            statements[keyword.lower()] = arguments.strip(), f"{quote_value(name)} line {number}: {keyword}"
    for material_name, statements in materials.items():
        reader = _MaterialReader(library, path.parent, statements)
        library.materials.setdefault(material_name, reader.read(material_name))
    return True


def _split_lines(data: bytes, where: str) -> list[tuple[int, bytes]]:
    """Lines with their numbers. Raises UserError for binary data."""
    try:
        lines = list(iterate_lines(data))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    if any(b"\0" in line for _, line in lines):
        raise UserError(f"{where}: must be text, in ASCII or UTF-8")
    return lines


def remove_comment(line: str) -> str:
    """The line before a # that stands alone or begins a word: file names may contain others."""
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0]


@dataclass
class _MaterialReader:
    """Reads one material. What cannot be read is left out with a warning."""

    library: MaterialLibrary
    folder: Path  # of the .mtl file
    statements: Statements

    def read(self, name: str) -> Material:
        for keyword in sorted(UNSUPPORTED & self.statements.keys()):
            self.library.warn(f"{self.statements[keyword][1]}: is not read")
        albedo_texture, emission_texture = self._read_texture("map_kd"), self._read_texture("map_ke")
        phong_exponent = self._read_number("ns", 0, MAX_NUMBER, 0)
        albedo = self._read_factor("kd", 1.0, (0.8, 0.8, 0.8), albedo_texture)
        opacity = self._read_number("d", 0, 1, 1 - self._read_number("tr", 0, 1, 0))
        if "map_d" in self.statements:
            albedo_texture = self._add_opacity_texture(albedo_texture)
            opacity = opacity or 1.0  # as of colours: many programs write 0 there
        surface_texture = self._read_metallic_roughness_texture()
        normal_texture, normal_scale = self._read_normal_map()
        has_specular = any(self._read_color("ks", MAX_NUMBER, (0, 0, 0) if surface_texture is None else (1, 1, 1)))
        material = Material(
            albedo=albedo,
            emission=self._read_factor("ke", MAX_NUMBER, (0, 0, 0), emission_texture),
            albedo_texture=albedo_texture,
            emission_texture=emission_texture,
            metallic=self._read_map_factor("map_pm", "pm", 0),
            # GGX width of a Phong exponent: Walter, Marschner, Li, Torrance: Microfacet Models for Refraction, EGSR
            # 2007, section 5.2.
            roughness=self._read_map_factor("map_pr", "pr", (2 / (phong_exponent + 2)) ** 0.25),
            f0=DIELECTRIC_F0 if has_specular else (0.0, 0.0, 0.0),
            metallic_roughness_texture=surface_texture,
            normal_texture=normal_texture,
            normal_scale=normal_scale,
            opacity=opacity,
            name=name.encode("utf-8", "replace").decode(),
        )
        return set_blending(material, self._classify_alpha(albedo_texture))

    def _add_opacity_texture(self, albedo_texture: ImageTexture | None) -> ImageTexture | None:
        """The albedo texture with map_d as its alpha. An image that lies otherwise is left out with a warning."""
        texture = self._read_texture("map_d")
        if texture is None:
            return albedo_texture
        where = self.statements["map_d"][1]
        if albedo_texture and albedo_texture.layout != texture.layout:
            self.library.warn(f"{where}: must have the options of map_Kd; left out")
            return albedo_texture
        albedo_pixels = None if albedo_texture is None else albedo_texture.pixels
        # An image that is both colour and opacity has the opacity in its alpha.
        channel, base, gain = self._read_channel_options("map_d", "m" if albedo_pixels is texture.pixels else "")
        key = id(albedo_pixels), id(texture.pixels), channel, base, gain
        combined_images = self.library.combined_images
        if key not in combined_images:
            try:
                alpha = scale_values(get_channel(texture.pixels, channel), base, gain)
                combined_images[key] = replace_alpha(albedo_pixels, alpha, where, self.library.limits)
            except UserError as error:
                self.library.warn(f"{error}; drawn without it")
                return albedo_texture
        pixels = combined_images[key]
        return None if pixels is None else replace(texture, pixels=pixels)

    def _read_channel_options(self, keyword: str, default_channel: str) -> tuple[str, float, float]:
        """The channel of an image, and what its values are added to and multiplied by."""
        text, where = self.statements[keyword]
        options = _split_options(text)[1]
        base, gain = self._read_option(options, "-mm", (0.0, 1.0), where)
        return options.get("-imfchan", [default_channel])[0].lower(), base, gain

    def _read_metallic_roughness_texture(self) -> ImageTexture | None:
        """map_Pr as green and map_Pm as blue. An image that both name is as in glTF already."""
        maps = {keyword: self._read_texture(keyword) for keyword in ("map_pr", "map_pm")}
        roughness, metallic = maps.values()
        if roughness and metallic and roughness.layout != metallic.layout:
            self.library.warn(f"{self.statements['map_pm'][1]}: must have the options of map_Pr; left out")
            metallic = maps["map_pm"] = None
        texture = roughness or metallic
        if texture is None:
            return None
        is_shared = roughness is not None and metallic is not None and roughness.pixels is metallic.pixels
        key: list[object] = []
        channels: list[Bytes | None] = []
        for (keyword, image), default in zip(maps.items(), "gb" if is_shared else "ll", strict=True):
            if image is None:
                key.append(None)
                channels.append(None)
                continue
            channel, base, gain = self._read_channel_options(keyword, default)
            key.append((id(image.pixels), channel, base, gain))
            channels.append(scale_values(get_channel(image.pixels, channel), base, gain))
        combined_images = self.library.combined_images
        if tuple(key) not in combined_images:
            combined_images[tuple(key)] = stack_channels(None, *channels)
        pixels = combined_images[tuple(key)]
        assert pixels is not None
        return replace(texture, pixels=pixels)

    def _read_map_factor(self, map_keyword: str, keyword: str, default: float) -> float:
        """The number that a map is multiplied by: as of colours, none or 0 means 1."""
        has_map = self._read_texture(map_keyword) is not None
        return self._read_number(keyword, 0, 1, 1.0 if has_map else default) or float(has_map)

    def _read_normal_map(self) -> tuple[ImageTexture | None, float]:
        """The normal map and its scale. A bump map is a warning unless it holds normals."""
        for keyword in NORMAL_MAP_KEYWORDS:
            texture = self._read_texture(keyword)
            if texture is None:
                continue
            text, where = self.statements[keyword]
            if keyword == "norm" or is_normal_map(texture.pixels):
                return texture, self._read_option(_split_options(text)[1], "-bm", (1.0, 1.0), where)[0]
            self.library.warn(f"{where}: heights are not read")
        return None, 1.0

    def _classify_alpha(self, texture: ImageTexture | None) -> Alpha:
        if texture is None:
            return "opaque"
        key = id(texture.pixels)
        if key not in self.library.alphas:
            self.library.alphas[key] = classify_alpha(texture.pixels)
        return self.library.alphas[key]

    def _read_factor(self, keyword: str, maximum: float, default: Vec3, texture: ImageTexture | None) -> Vec3:
        """The colour that a texture is multiplied by.

        Beside a texture, a missing or black colour means white: many programs write black there.
        """
        factor = self._read_color(keyword, maximum, default if texture is None else (1, 1, 1))
        return factor if any(factor) or texture is None else (1, 1, 1)

    def _read_color(self, keyword: str, maximum: float, default: Vec3) -> Vec3:
        """Three numbers from 0 to `maximum`, or one for all three. A fourth is ignored: some programs add alpha."""
        if keyword not in self.statements:
            return default
        text, where = self.statements[keyword]
        words = _split_numbers(text)
        try:
            if len(words) not in (1, 3, 4):
                raise UserError(f"{where}: must be three numbers, not {quote_value(text)}")
            values = [self._parse_clamped(word, where, 0, maximum) for word in words[:3]]
        except UserError as error:
            self.library.warn(f"{error}; left out")
            return default
        return values[0], values[-2 % len(values)], values[-1]

    def _read_number(self, keyword: str, minimum: float, maximum: float, default: float) -> float:
        if keyword not in self.statements:
            return default
        text, where = self.statements[keyword]
        words = [word for word in _split_numbers(text)[:2] if word != "-halo"] or [""]
        return self._parse(words[0], where, minimum, maximum, default)

    def _parse(self, word: str, where: str, minimum: float, maximum: float, default: float) -> float:
        try:
            return self._parse_clamped(word, where, minimum, maximum)
        except UserError as error:
            self.library.warn(f"{error}; left out")
            return default

    def _parse_clamped(self, word: str, where: str, minimum: float, maximum: float) -> float:
        """Parse a number and clamp it, with a note unless it is rounded. Raises UserError for NaN or no number."""
        try:
            value = float(word)
        except ValueError:
            raise UserError(f"{where}: must be a number, not {quote_value(word)}") from None
        if value != value:
            raise UserError(f"{where}: must be a number, not {quote_value(word)}")
        clamped = min(max(value, minimum), maximum)
        if not clamped - MAX_ROUNDING <= value <= clamped + MAX_ROUNDING:
            self.library.warn(f"{where}: must be a number from {minimum:g} to {maximum:g}, and is clamped")
        return clamped

    def _read_texture(self, keyword: str) -> ImageTexture | None:
        """The texture of a map statement; None if it cannot be read."""
        if keyword not in self.statements:
            return None
        text, where = self.statements[keyword]
        name, options = _split_options(text)
        pixels = self._read_image(name.strip().strip('"').replace("\\", "/"), where)
        if pixels is None:
            return None
        scale_u, scale_v = self._read_option(options, "-s", (1.0, 1.0), where)
        offset_u, offset_v = self._read_option(options, "-o", (0.0, 0.0), where)
        clamp = options.get("-clamp", [""])[0].lower() == "on"
        # The options are for v that points up from the lower edge; ours points down from the upper.
        transform = (scale_u, 0.0, offset_u), (0.0, scale_v, 1 - scale_v - offset_v)
        return ImageTexture(pixels, transform=transform, clamp=(clamp, clamp))

    def _read_image(self, name: str, where: str) -> Bytes | None:
        """The image beside the OBJ file or the .mtl file; None if it cannot be read. Others are never opened."""
        decoded_images = self.library.decoded_images
        try:
            path = self._find_image(name, where)
            if path not in decoded_images:
                decoded_images[path] = None
                data = read_file_bytes(path, f"{where} {quote_value(name)}", images.MAX_FILE_BYTES)
                pixels = images.decode_image(data, where, self.library.limits, images.MESH_FORMATS)
                if fill_empty_alpha(pixels):
                    self.library.warn(f"{where}: alpha is 0 everywhere; drawn opaque")
                decoded_images[path] = pixels
            return decoded_images[path]
        except UserError as error:
            self.library.warn(f"{error}; drawn without it")
            return None

    def _find_image(self, name: str, where: str) -> Path:
        """Raises UserError for a path outside of the OBJ file's folder."""
        check_no_url(name, where)
        folder = self.library.folder
        beside_library = str(self.folder.relative_to(folder.resolve()) / name)
        paths, errors = [], []
        for candidate in dict.fromkeys((name, beside_library)):
            try:
                paths.append(resolve_beside(folder, candidate, where))
            except UserError as error:
                errors.append(error)
        if not paths:
            raise errors[0]
        return next(filter(file_exists, paths), paths[0])

    def _read_option(
        self, options: dict[str, list[str]], option: str, defaults: tuple[float, float], where: str
    ) -> tuple[float, float]:
        """The first two numbers of an option."""
        words = options.get(option, [])[:2]
        words += [str(default) for default in defaults[len(words) :]]
        first, second = (
            self._parse(word, where, -MAX_NUMBER, MAX_NUMBER, default)
            for word, default in zip(words, defaults, strict=True)
        )
        return first, second


def _split_numbers(text: str) -> list[str]:
    """The words before a # that follows a digit: a comment, unlike that of 1.#IND."""
    return re.split(r"(?<=\d)#", text, maxsplit=1)[0].split()


def _split_options(text: str) -> tuple[str, dict[str, list[str]]]:
    """The file's name, which may contain spaces, and the options before it."""
    words = text.split(" ")
    for k, word in enumerate(words[1:], 1):  # some programs write options behind the name
        if word.lower() in OPTIONS and "." in words[k - 1] and not _is_number(words[k - 1]):
            words = words[k:] + words[:k]
            break
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
