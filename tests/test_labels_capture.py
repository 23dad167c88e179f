"""`capture`: images, arrays and contact sheets are those of the shots and techniques that their names say."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from labelled_data import FAKE_GPU, SIZE, FakeFrame, assert_sheet_shows, make_solid, read_pixels
from ssdo.commands import capture
from ssdo.measure import images
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique
from ssdo.scene.loader import load_scene
from ssdo.toml_text import parse_toml


def test_arrays_and_images_of_a_frame_are_those_of_its_textures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In NPZ, EXR and PNG files, with the shot inside."""
    openexr = pytest.importorskip("OpenEXR")
    frame: Any = FakeFrame()
    monkeypatch.setattr(images, "read_raw", lambda texture: texture.astype("u1"))
    gbuffer = frame.inputs.gbuffer
    expected = {
        "radiance": frame.radiance[..., :3],
        "direct": frame.lighting.direct[..., :3],
        "visibility": frame.lighting.direct[..., 3],
        "indirect": frame.lighting.indirect[..., :3],
        "sun_and_lights": frame.inputs.direct_lighting.irradiance[..., :3],
        "albedo": gbuffer.albedo[..., :3],
        "emission": gbuffer.emission[..., :3],
        "normal": gbuffer.normal[..., :3],
        "depth": gbuffer.depth[..., 0],
    }
    values = Shot().with_values({"seed": 7, "camera.eye": (1 / 3, -2.0, 1e-9)}).values()
    for suffix in images.IMAGE_SUFFIXES:
        images.save_result(tmp_path / f"a{suffix}", FAKE_GPU, frame, values)
    with np.load(tmp_path / "a.npz") as arrays:
        assert set(arrays) == {*expected, "shot"}
        for name, array in expected.items():
            assert np.array_equal(arrays[name], array), name
        assert parse_toml(str(arrays["shot"]), "npz") == values
    with openexr.File(str(tmp_path / "a.exr")) as file:
        assert (file.channels()["RGB"].pixels == expected["radiance"]).all()
        assert parse_toml(file.header()["shot"], "exr") == values
    assert (read_pixels(tmp_path / "a.png") == frame.display[..., :3].astype("u1")).all()
    assert images.load_shot_values(tmp_path / "a.png") == values


@pytest.mark.parametrize("suffix", [".png", ".exr"])
def test_files_of_capture_are_named_after_their_techniques(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds the image and the shot of its technique, and so does the contact sheet, which repeats all of them."""
    pytest.importorskip("OpenEXR")
    names = list(Technique.known)
    pixels = {name: make_solid(number) for number, name in enumerate(names, 1)}

    def render(gpu: Any, shot: Shot) -> Any:
        frame = FakeFrame(10.0 * names.index(shot.technique.group))
        return SimpleNamespace(shot=shot.resolve(load_scene("nook")), radiance=frame.radiance)

    monkeypatch.setattr(capture, "create_headless_context", lambda: None)
    monkeypatch.setattr(capture, "Gpu", lambda _: contextlib.nullcontext(FAKE_GPU))
    monkeypatch.setattr(capture, "render_all_frames", render)
    monkeypatch.setattr(images, "read_display", lambda result: pixels[result.shot.technique.group])
    samples = {f"{name}.{kind.sample_param}": 3 + k for k, (name, kind) in enumerate(Technique.known.items())}
    flags = {name: value for name, value in samples.items() if not name.endswith(".")}
    overrides = Overrides({"scene": "nook"}, {"width": SIZE[1], "height": SIZE[0], **flags})
    *paths, sheet = capture.capture_images(overrides, names, tmp_path / f"it{suffix}")
    assert sheet == tmp_path / "it.png"
    assert paths == [tmp_path / f"it-{name}{suffix}" for name in names]
    shots = {name: overrides.build_shot(name) for name in names}
    for name, path in zip(names, paths, strict=True):
        if suffix == ".png":
            assert (read_pixels(path) == pixels[name]).all()
            assert Shot().with_values(images.load_shot_values(path)) == shots[name]
        else:
            assert (images.load_radiance(path)[0, 0] == 10 * names.index(name) + 1 + np.arange(3) / 8).all()
    labels = {name: shot.resolve(load_scene("nook")).technique.describe() for name, shot in shots.items()}
    assert_sheet_shows(read_pixels(sheet), [(labels[name], pixels[name]) for name in names])
    values = images.load_shot_values(sheet)
    techniques = values.pop("techniques").split(",")
    assert Overrides(values, {}).build_shots(techniques) == list(shots.values())


@pytest.mark.parametrize("scene, stem", [("blocks:count=9", "blocks"), ("some/where/table.v2.glb", "table.v2")])
def test_images_are_named_after_scene_and_technique(
    scene: str, stem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Technique.known:
        shot = Shot().with_values({"scene": scene, "technique": name})
        (path,) = capture.choose_files([shot], None, has_contact_sheet=False).paths
        assert path == Path("captures") / f"{stem}-{name}.png"
    sheet = capture.choose_files([shot, shot], None, has_contact_sheet=True).paths[-1]
    assert sheet == Path("captures") / f"{stem}-comparison.png"
