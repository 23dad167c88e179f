"""Videos: frames come back as they went in, settings are in the metadata, and nothing is left of what was cancelled."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ssdo.arrays import Bytes
from ssdo.measure.output_files import NameTakenError
from ssdo.measure.video import VideoWriter, check_video_path, load_video_values, pad_to_even
from ssdo.settings import UserError

VALUES = {"scene": "größe/ball", "ssao.radius": 0.5, "camera.eye": (1.0, 2.0, 3.0)}
FPS = Fraction(15)
# Mean error of a smooth picture, levels of 255: measured 1.5 to 2.6 for H.264, 2.0 for WebP.
LOSS = 4.0


@pytest.fixture(params=[".mp4", ".webp"])
def suffix(request: pytest.FixtureRequest) -> str:
    if request.param == ".mp4":
        pytest.importorskip("av")
    return str(request.param)


@pytest.fixture(autouse=True)
def temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Where videos are encoded. It is empty at the end of each test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


def make_frames(width: int = 65, height: int = 37, count: int = 5) -> list[Bytes]:
    """Smooth gradients of red and blue that move; green differs from frame to frame."""
    ramp = np.linspace(20, 220, width).astype("u1")
    frames = []
    for number in range(count):
        row = np.stack([np.roll(ramp, 4 * number), np.full(width, 40 * number, "u1"), ramp[::-1]], -1)
        frames.append(np.ascontiguousarray(np.broadcast_to(row, (height, width, 3))))
    return frames


def read_video(path: Path) -> list[Bytes]:
    if path.suffix == ".webp":
        frames = []
        with Image.open(path) as image:
            for number in range(image.n_frames):  # type: ignore[attr-defined]
                image.seek(number)
                frames.append(np.asarray(image.convert("RGB")))
        return frames
    import av

    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), "u1") for frame in container.decode(video=0)]


def write(path: Path, frames: list[Bytes], fps: Fraction = FPS, overwrite: bool = False) -> None:
    with VideoWriter(path.suffix, fps, VALUES) as writer:
        for frame in frames:
            writer.add(frame)
        writer.save(path, overwrite)


def test_frames_come_back(tmp_path: Path, suffix: str) -> None:
    path, frames = tmp_path / f"a{suffix}", make_frames()
    write(path, frames)
    decoded = read_video(path)
    assert len(decoded) == len(frames)
    for before, after in zip(frames, decoded, strict=True):
        difference = np.abs(after[: before.shape[0], : before.shape[1]].astype(int) - before)
        assert difference.mean((0, 1)).max() < LOSS
    assert load_video_values(path) == VALUES


def test_a_webp_lasts_as_long_as_its_frames(tmp_path: Path) -> None:
    """Durations are whole milliseconds; 7 frames a second are 142.86 each."""
    write(tmp_path / "a.webp", make_frames(count=5), Fraction(7))
    with Image.open(tmp_path / "a.webp") as image:
        assert image.info["loop"] == 0
        durations = []
        for number in range(5):
            image.seek(number)
            image.load()
            durations.append(image.info["duration"])
    assert sum(durations) == round(5000 / 7) and set(durations) == {143, 142} - (
        {142} if sum(durations) == 715 else set()
    )


def test_an_mp4_plays_everywhere(tmp_path: Path) -> None:
    """H.264, 4:2:0, even sizes, Rec. 709, the index before the pictures, the frame rate."""
    av = pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    write(path, make_frames(), Fraction(60, 7))
    with av.open(str(path)) as container:
        (stream,) = container.streams
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 66, 38)
        assert (codec.colorspace, codec.color_range, codec.color_primaries) == (1, 1, 1)
        assert stream.average_rate == Fraction(60, 7) and stream.frames == 5
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_odd_sizes_repeat_the_edge() -> None:
    frame = make_frames(3, 5, 2)[1]
    padded = pad_to_even(frame)
    assert padded.shape == (6, 4, 3)
    assert np.array_equal(padded[:5, :3], frame)
    assert np.array_equal(padded[5], padded[4]) and np.array_equal(padded[:, 3], padded[:, 2])
    assert np.array_equal(pad_to_even(padded), padded)


@pytest.mark.parametrize("count", [0, 2])
def test_cancelled_videos_leave_nothing(tmp_path: Path, suffix: str, count: int) -> None:
    with pytest.raises(KeyboardInterrupt), VideoWriter(suffix, FPS, VALUES) as writer:
        for frame in make_frames(count=count):
            writer.add(frame)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]


def test_files_are_not_replaced(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"mine")
    with pytest.raises(NameTakenError):
        write(path, make_frames(count=1))
    assert path.read_bytes() == b"mine"
    write(path, make_frames(count=1), overwrite=True)
    assert len(read_video(path)) == 1


def test_messages(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a.avi: unknown video format; use .mp4 or .webp"):
        check_video_path(Path("a.avi"))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.webp")
    with pytest.raises(UserError, match="no settings inside; give a video that this program wrote"):
        load_video_values(tmp_path / "a.webp")
    (tmp_path / "b.webp").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"b.webp: cannot be read: not an image"):
        load_video_values(tmp_path / "b.webp")
    with pytest.raises(UserError, match=r"none.webp: cannot be read: No such file"):
        load_video_values(tmp_path / "none.webp")


def test_messages_about_mp4(tmp_path: Path) -> None:
    pytest.importorskip("av")
    for name, content in (("none.mp4", None), ("b.mp4", b"nonsense")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=f"{name}: cannot be read: "):
            load_video_values(tmp_path / name)
