"""Video files, encoded frame by frame: MP4 (H.264) with the package av, animated WebP without.

A video is encoded into a temporary file, and published under its name when it is complete. The settings that repeat it
are TOML in the file's metadata: the comment of an MP4, the EXIF user comment of a WebP.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ssdo.arrays import Bytes
from ssdo.measure.output_files import atomic_write
from ssdo.optional_packages import make_missing_error
from ssdo.settings import UserError
from ssdo.toml_text import format_toml, parse_toml

VIDEO_SUFFIXES = (".mp4", ".webp")
H264_QUALITY = "18"  # constant rate factor of x264: nearly lossless to the eye
WEBP_QUALITY = 90
MAX_WEBP_SIZE = 16383  # pixels
ANIMATION_FLAG, EXIF_FLAG = 0x02, 0x08  # of a WebP file
NO_BLENDING = b"\x02"  # flag of a WebP frame
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNICODE_COMMENT = b"UNICODE\0"  # what a user comment in UTF-16 begins with


def check_video_path(path: Path) -> None:
    """Raise UserError where `VideoWriter` would for the format, before anything is rendered."""
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        raise UserError(f"--output {path}: unknown video format; use .mp4 or .webp")
    if path.suffix.lower() == ".mp4":
        _import_av()


def has_mp4() -> bool:
    """Whether MP4 files can be written."""
    try:
        _import_av()
    except UserError:
        return False
    return True


def _import_av() -> Any:
    try:
        import av
    except ImportError:
        alternative = "; or write an animated WebP with --output FILE.webp"
        raise make_missing_error("an .mp4 file needs", "av", alternative) from None
    return av


class VideoWriter:
    """Encodes frames, (h, w, 3) 8 bit sRGB of one size, and saves the video. Close it, or use it as a context.

    `suffix`: the format. `values`: settings by dotted name, for the metadata. Raises UserError.
    """

    def __init__(self, suffix: str, fps: Fraction, values: Mapping[str, Any]) -> None:
        check_video_path(Path(f"video{suffix}"))
        self._folder = tempfile.TemporaryDirectory(prefix="ssdo-video-")
        self._path = Path(self._folder.name) / f"video{suffix}"
        encoder = _Mp4Encoder if suffix.lower() == ".mp4" else _WebpEncoder
        self._encoder: _Mp4Encoder | _WebpEncoder = encoder(self._path, fps, format_toml(values))
        self._is_complete = False

    def add(self, frame: Bytes) -> None:
        """Encode the next frame. Raises UserError."""
        with self._reporting_errors():
            self._encoder.add(frame)

    def save(self, path: Path, overwrite: bool = False) -> None:
        """Save the video of the frames so far, which are then all. Raises UserError as `atomic_write` does."""
        if not self._is_complete:
            with self._reporting_errors():
                self._encoder.finish()
            self._is_complete = True
        with self._path.open("rb") as source, atomic_write(path, overwrite) as target:
            shutil.copyfileobj(source, target)

    def close(self) -> None:
        """Remove the temporary file."""
        try:
            with contextlib.suppress(OSError):  # the disk is full: `add` has said so
                self._encoder.close()
        finally:
            self._folder.cleanup()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # FFmpeg's errors are such, too
            reason = error.strerror or error
            raise UserError(f"the video cannot be encoded in {self._folder.name}: {reason}") from None


def load_video_values(path: Path) -> dict[str, Any]:
    """The settings in a video's metadata, by dotted names. Raises UserError."""
    text = _read_mp4_comment(path) if path.suffix.lower() == ".mp4" else _read_webp_comment(path)
    if not text:
        raise UserError(f"{path}: no settings inside; give a video that this program wrote")
    return parse_toml(text, str(path))


# ---- MP4 -------------------------------------------------------------------------------------------------------------


class _Mp4Encoder:
    """H.264 in 4:2:0 with even sizes, tagged as Rec. 709, and the index in front: it plays everywhere, and streams."""

    def __init__(self, path: Path, fps: Fraction, comment: str) -> None:
        self._av, self._fps = _import_av(), fps
        self._container = self._av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = comment
        self._stream: Any = None
        self._converter = self._av.video.reformatter.VideoReformatter()

    def add(self, frame: Bytes) -> None:
        pixels = pad_to_even(frame)
        if self._stream is None:
            self._stream = self._open_stream(pixels.shape[1], pixels.shape[0])
        picture = self._av.VideoFrame.from_ndarray(pixels, format="rgb24")
        picture = self._converter.reformat(
            picture, format="yuv420p", src_colorspace="ITU709", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        self._container.mux(self._stream.encode(picture))

    def _open_stream(self, width: int, height: int) -> Any:
        stream = self._container.add_stream("libx264", rate=self._fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": H264_QUALITY}
        context = stream.codec_context
        context.colorspace, context.color_range = 1, 1  # Rec. 709, limited range
        context.color_primaries, context.color_trc = 1, 13  # Rec. 709, sRGB
        return stream

    def finish(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def close(self) -> None:
        self._container.close()


def pad_to_even(frame: Bytes) -> Bytes:
    """The frame with its last row and column repeated where their number is odd."""
    height, width = frame.shape[:2]
    return np.ascontiguousarray(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), "edge"))


def _read_mp4_comment(path: Path) -> str:
    av = _import_av()
    try:
        with av.open(str(path)) as container:
            return str(container.metadata.get("comment", ""))
    except av.error.FFmpegError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


# ---- animated WebP ---------------------------------------------------------------------------------------------------


class _WebpEncoder:
    """An animated WebP that repeats for ever. Pillow encodes each frame; it would write a file from all at once only.

    The container is that of https://developers.google.com/speed/webp/docs/riff_container.
    """

    def __init__(self, path: Path, fps: Fraction, comment: str) -> None:
        self._file, self._fps, self._comment = path.open("wb"), fps, comment
        self._frame_count = 0

    def add(self, frame: Bytes) -> None:
        from PIL import Image

        height, width = frame.shape[:2]
        size = _uint24(width - 1) + _uint24(height - 1)
        if self._frame_count == 0:
            if max(width, height) > MAX_WEBP_SIZE:
                raise UserError(f"WebP: {width} x {height} pixels: at most {MAX_WEBP_SIZE} are possible; write .mp4")
            self._file.write(b"RIFF\0\0\0\0WEBP")
            self._write_chunk(b"VP8X", struct.pack("<I", ANIMATION_FLAG | EXIF_FLAG) + size)
            self._write_chunk(b"ANIM", b"\0\0\0\0" + struct.pack("<H", 0))  # background, repeats for ever
        still = io.BytesIO()
        Image.fromarray(frame).save(still, "webp", quality=WEBP_QUALITY, method=2)
        chunks = still.getvalue()[12:]  # behind RIFF, size, WEBP: one chunk of the pixels
        duration = self._milliseconds(self._frame_count + 1) - self._milliseconds(self._frame_count)
        header = _uint24(0) + _uint24(0) + size + _uint24(duration) + NO_BLENDING
        self._write_chunk(b"ANMF", header + chunks)
        self._frame_count += 1

    def finish(self) -> None:
        self._write_chunk(b"EXIF", _make_exif(self._comment))
        size = self._file.tell() - 8
        self._file.seek(4)
        self._file.write(struct.pack("<I", size))
        self._file.close()

    def close(self) -> None:
        self._file.close()

    def _milliseconds(self, frame: int) -> int:
        """When a frame begins. Durations are whole milliseconds; so their sum does not drift."""
        return round(1000 * frame / self._fps)

    def _write_chunk(self, name: bytes, content: bytes) -> None:
        self._file.write(name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2))


def _uint24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def _make_exif(comment: str) -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = UNICODE_COMMENT + comment.encode("utf-16-be")
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _read_webp_comment(path: Path) -> str:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT, b"")
    except UnidentifiedImageError:
        raise UserError(f"{path}: cannot be read: not an image") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(comment, bytes) or not comment.startswith(UNICODE_COMMENT):
        return ""
    return comment.removeprefix(UNICODE_COMMENT).decode("utf-16-be", "replace")
