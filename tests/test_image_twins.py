"""Tests of images by twins: HDR and the images of scene files read the same however they are stored."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ssdo.arrays import Array, Bytes, Doubles
from ssdo.scene.files import hdr, images
from ssdo.settings import UserError
from test_hdr import encode_new, encode_old, write_hdr

# ---- HDR -------------------------------------------------------------------------------------------------------------


def decode_rgbe(pixels: Bytes) -> Doubles:
    """Radiance by the definition of the format: mantissa * 2^(exponent - 136), black where the exponent is 0."""
    mantissas, exponents = pixels[..., :3].astype("f8"), pixels[..., 3:].astype(int)
    return np.where(exponents > 0, np.ldexp(mantissas, exponents - 136), 0)


def make_rgbe(h: int, w: int, seed: int = 0) -> Bytes:
    """(h, w, 4) with runs of every length in each channel. Nothing looks like a code: green is above 2."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(3, 256, (h, w, 4), "u1")
    for row, channel in itertools.product(range(h), range(4)):
        start, stop = np.sort(rng.integers(0, w + 1, 2))
        pixels[row, start:stop, channel] = rng.integers(3, 256)
    return pixels


def encode_codes(pixels: Bytes, seed: int = 0) -> list[bytes]:
    """The pixels flat, in the old code, and in the new one where the width allows it."""
    has_new_code = 8 <= pixels.shape[1] <= 32767
    return [pixels.tobytes(), encode_old(pixels), *([encode_new(pixels, seed)] if has_new_code else [])]


def test_every_mantissa_and_exponent_of_hdr(tmp_path: Path) -> None:
    """All exponents, one to a row, and all mantissas of each channel, in every code."""
    ramp = np.arange(256)
    pixels = np.empty((256, 256, 4), "u1")
    # Three different orders, of which no pixel is 1, 1, 1.
    pixels[..., :3] = np.stack([ramp * 7 + 100, ramp * 5 + 3, 255 - ramp], -1)
    pixels[..., 3] = ramp[:, None]
    for body in encode_codes(pixels):
        radiance = hdr.read_hdr(write_hdr(tmp_path / "a.hdr", body, 256, 256))
        np.testing.assert_array_equal(radiance, decode_rgbe(pixels).astype("f4"))


@pytest.mark.parametrize("w", [1, 2, 7, 8, 9, 127, 128, 129, 255, 256, 257, 383, 512])
def test_codes_of_hdr(tmp_path: Path, w: int) -> None:
    """Rows and columns stand where the file has them, for widths around the limits of runs and of the new code."""
    for seed in range(6):
        pixels = make_rgbe(1 + seed, w, seed)
        for body in encode_codes(pixels, seed):
            radiance = hdr.read_hdr(write_hdr(tmp_path / "a.hdr", body, 1 + seed, w))
            np.testing.assert_array_equal(radiance, decode_rgbe(pixels).astype("f4"))


@pytest.mark.parametrize("w", [32767, 32768])
def test_the_widest_rows_of_hdr(tmp_path: Path, w: int) -> None:
    pixels = make_rgbe(2, w)
    pixels[1, 9:] = 200, 100, 50, 130  # a run that takes two bytes to count
    for body in encode_codes(pixels):
        radiance = hdr.read_hdr(write_hdr(tmp_path / "a.hdr", body, 2, w))
        np.testing.assert_array_equal(radiance, decode_rgbe(pixels).astype("f4"))


@pytest.mark.parametrize("channel", range(3))
def test_a_single_channel_of_hdr(tmp_path: Path, channel: int) -> None:
    """The others are black."""
    pixels = make_rgbe(3, 20)
    pixels[..., [c for c in range(3) if c != channel]] = 0
    for body in encode_codes(pixels):
        radiance = hdr.read_hdr(write_hdr(tmp_path / "a.hdr", body, 3, 20))
        np.testing.assert_array_equal(radiance, decode_rgbe(pixels).astype("f4"))
        assert radiance[..., channel].all() and np.count_nonzero(radiance) == 60


# Header lines, and what the stored values are divided by.
LINES: dict[str, tuple[float, float, float]] = {
    "": (1, 1, 1),
    "EXPOSURE=8": (8, 8, 8),
    "EXPOSURE= 2.5e-01 ": (0.25, 0.25, 0.25),
    "EXPOSURE=4\nSOFTWARE=a program\nEXPOSURE=4": (16, 16, 16),
    "COLORCORR=2 4 0.5": (2, 4, 0.5),
    "COLORCORR= 1 2 4\nEXPOSURE=2\nCOLORCORR=8 1 1": (16, 4, 8),
    "# EXPOSURE=9": (1, 1, 1),
    "VIEW=-vtv -vp 0 1 2\nPIXASPECT=1\nPRIMARIES=0.64 0.33 0.3 0.6 0.15 0.06 0.3127 0.329\nGAMMA=1": (1, 1, 1),
}


@pytest.mark.parametrize("is_first", [False, True])
def test_header_lines_of_hdr(tmp_path: Path, is_first: bool) -> None:
    """Exposures and colour corrections of all lines are divided out, before and behind the format."""
    pixels = np.minimum(make_rgbe(4, 20), (255, 255, 255, 200)).astype("u1")
    for (lines, factors), line_end in itertools.product(LINES.items(), ("\n", "\r\n")):
        parts = ["#?RADIANCE", *lines.split("\n"), "FORMAT=32-bit_rle_rgbe"]
        if not is_first:
            parts[1:] = parts[:0:-1]
        top = line_end.join([*filter(None, parts), ""]).encode()
        for body in encode_codes(pixels):
            (tmp_path / "a.hdr").write_bytes(top + f"{line_end}-Y 4 +X 20{line_end}".encode() + body)
            radiance = hdr.read_hdr(tmp_path / "a.hdr")
            np.testing.assert_array_equal(radiance, (decode_rgbe(pixels) / factors).astype("f4"), lines)


# ---- images of scene files -------------------------------------------------------------------------------------------

SHAPE = 5, 3


def make_samples(channels: int, seed: int = 0) -> Bytes:
    """(5, 3, channels) values of 8 bits, all different."""
    return np.random.default_rng(seed).permutation(256)[: 15 * channels].reshape(*SHAPE, channels).astype("u1")


def decode(data: bytes) -> Bytes:
    return images.decode_image(data, "image", images.ImageLimits(), images.MESH_FORMATS)


def save_image(pixels: Bytes, file_format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, file_format, **options)
    return stream.getvalue()


def to_rgba(samples: Array) -> Array:
    """(h, w, 4) of grey, grey with alpha, RGB or RGBA."""
    color, alpha = (samples, None) if samples.shape[-1] % 2 else (samples[..., :-1], samples[..., -1:])
    opaque = np.full_like(samples[..., :1], 255) if alpha is None else alpha
    return np.concatenate([color.repeat(3 // color.shape[-1], -1), opaque], -1)


LOSSLESS_FORMATS: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "PNG": ("PNG", (1, 2, 3, 4), {}),
    "WebP": ("WEBP", (3, 4), {"lossless": True, "exact": True}),
    "BMP": ("BMP", (1, 3), {}),
    "TGA": ("TGA", (1, 2, 3, 4), {}),
    "TGA from the top": ("TGA", (1, 3, 4), {"orientation": 1}),
    "TGA in runs": ("TGA", (1, 3, 4), {"compression": "tga_rle"}),
    "TIFF": ("TIFF", (1, 2, 3, 4), {}),
    "TIFF, LZW": ("TIFF", (1, 3, 4), {"compression": "tiff_lzw"}),
    "TIFF, deflate": ("TIFF", (1, 3, 4), {"compression": "tiff_adobe_deflate"}),
    "GIF": ("GIF", (1,), {}),
}


@pytest.mark.parametrize("name", LOSSLESS_FORMATS)
def test_lossless_images(name: str) -> None:
    """Row 0 is the upper one and column 0 the left one; channels keep their order."""
    file_format, widths, options = LOSSLESS_FORMATS[name]
    for channels in widths:
        samples = make_samples(channels)
        np.testing.assert_array_equal(
            decode(save_image(samples, file_format, **options)), to_rgba(samples), str(channels)
        )


def encode_png(samples: Array, bits: int, palette: Bytes | None = None, transparency: bytes = b"") -> bytes:
    """A PNG of (h, w, channels) samples of 1 to 16 bits, or of indices into a palette (k, 3)."""
    h, w, channels = samples.shape
    color_type = 3 if palette is not None else {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    shifts = np.arange(bits)[::-1]
    rows = [np.packbits(row.astype("u4").reshape(-1, 1) >> shifts & 1).tobytes() for row in samples]
    header = chunk(b"IHDR", struct.pack(">2I5B", w, h, bits, color_type, 0, 0, 0))
    more = (chunk(b"PLTE", palette.tobytes()) if palette is not None else b"") + (
        chunk(b"tRNS", transparency) if transparency else b""
    )
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + more + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_bits_of_png(bits: int) -> None:
    """Grey of every depth, and the upper 8 of 16 bits. Depths below 8 are for grey and palettes alone."""
    rng = np.random.default_rng(bits)
    for channels in (1, 2, 3, 4) if bits >= 8 else (1,):
        samples = rng.integers(0, 2**bits, (*SHAPE, channels))
        expected = samples >> 8 if bits == 16 else samples * 255 // (2**bits - 1)
        np.testing.assert_array_equal(decode(encode_png(samples, bits)), to_rgba(expected.astype("u1")), str(channels))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_png(bits: int) -> None:
    """With and without alpha, which a file may give for the first colours only."""
    rng = np.random.default_rng(bits)
    count = min(2**bits, 60)
    palette = rng.permutation(256)[: 3 * min(count, 80)].astype("u1").reshape(-1, 3)
    samples = rng.integers(0, len(palette), (*SHAPE, 1))
    for alphas in (b"", bytes((7, 99))):
        alpha = np.frombuffer(alphas.ljust(len(palette), b"\xff"), "u1")
        expected = np.concatenate([palette, alpha[:, None]], 1)[samples[..., 0]]
        np.testing.assert_array_equal(decode(encode_png(samples, bits, palette, alphas)), expected)


@pytest.mark.parametrize(("bits", "channels"), [(1, 1), (2, 1), (4, 1), (8, 1), (8, 3), (16, 1), (16, 3)])
def test_the_transparent_colour_of_png(bits: int, channels: int) -> None:
    """A colour key makes the pixels of that colour transparent, and no others."""
    step = 256 if bits == 16 else 1  # pixels differ in their upper 8 bits
    samples = np.arange(15 * channels).reshape(*SHAPE, channels) % min(2**bits, 256) * step + (77 if bits == 16 else 0)
    key = struct.pack(f">{channels}H", *samples[2, 1].tolist())
    expected = to_rgba((samples >> 8 if bits == 16 else samples * 255 // (2**bits - 1)).astype("u1"))
    expected[(samples == samples[2, 1]).all(-1), 3] = 0
    assert (expected[..., 3] == 255).any()
    np.testing.assert_array_equal(decode(encode_png(samples, bits, transparency=key)), expected)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": "turned"}])
def test_jpeg(options: dict[str, Any]) -> None:
    """Fields of 16 pixels keep their places. Orientation in metadata has no effect, as in glTF (section 3.8.2)."""
    if "exif" in options:
        tags = Image.Exif()
        tags[0x0112] = 6  # to be turned by 90 degrees
        options = {"exif": tags}
    for channels in (1, 3):
        samples = make_samples(channels, seed=4) // 64 * 64 + 32
        fields = samples.repeat(16, 0).repeat(16, 1)
        pixels = decode(save_image(fields.astype("u1"), "JPEG", quality=95, subsampling=0, **options))
        centers = pixels[8::16, 8::16].astype(int)
        # The levels are 64 apart.
        np.testing.assert_array_equal(centers // 64, to_rgba(samples) // 64)


def test_16_bit_and_palette_tiff() -> None:
    """The upper 8 of 16 bits, and the colours of indices."""
    samples = np.random.default_rng(0).integers(0, 65536, (*SHAPE, 1)).astype("u2")
    for pixels in (samples, samples.astype(">u2")):
        np.testing.assert_array_equal(decode(save_image(pixels, "TIFF")), to_rgba((samples >> 8).astype("u1")))
    palette = make_samples(3).reshape(-1, 3)
    indices = np.arange(15, dtype="u1").reshape(SHAPE)
    image = Image.fromarray(indices).convert("P")
    image.putpalette(palette.tobytes())
    for file_format in ("TIFF", "GIF", "BMP", "TGA"):
        stream = io.BytesIO()
        image.save(stream, file_format)
        np.testing.assert_array_equal(decode(stream.getvalue()), to_rgba(palette[indices]), file_format)


@pytest.mark.parametrize("kind", ["f4", "i4"])
def test_tiff_without_8_or_16_bits_is_refused(kind: str) -> None:
    with pytest.raises(UserError, match=r"^image: must be grey or RGB with 8 or 16 bits a channel; save it so$"):
        decode(save_image(np.ones((*SHAPE, 1), kind), "TIFF"))


def test_cmyk_jpeg() -> None:
    """Inks become RGB: full cyan is no red."""
    inks = np.zeros((8 * 16, 16, 4), "u1")
    for i, bits in enumerate(np.ndindex(2, 2, 2)):
        inks[16 * i : 16 * i + 16, :, :3] = np.multiply(bits, 255)
    stream = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(stream, "JPEG", quality=95, subsampling=0)
    centers = decode(stream.getvalue())[8::16, 8]
    expected = [[*(255 - np.multiply(bits, 255)), 255] for bits in np.ndindex(2, 2, 2)]
    np.testing.assert_allclose(centers, expected, atol=3)
