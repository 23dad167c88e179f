"""`capture`: images, arrays and contact sheets are those of the shots and techniques that their names say."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from labelled_data import FAKE_GPU, SIZE, FakeFrame, assert_sheet_shows, make_solid, read_pixels
from parameter_values import Parameter
from ssdo.commands import capture
from ssdo.commands.sweep.plan import format_flag_value
from ssdo.measure import images
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique
from ssdo.scene.loader import load_scene
from ssdo.toml_text import format_toml, parse_toml
from test_settings import PARAMETERS, two_values


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


# ---- what a file stores is what was drawn ----------------------------------------------------------------------------

DrawnShots = Callable[[Sequence[str]], list[Shot]]
SOURCES = ("image", "preset", "flag")  # the later ones win
# Which of them give a value: one, two or all.
GIVEN_BY = [sources for count in (1, 2, 3) for sources in itertools.combinations(SOURCES, count)]
EXCLUSIVE = ("accumulated_frames", "temporal.")  # a mean of frames and a history have no effect together


@pytest.fixture
def capture_without_drawing(monkeypatch: pytest.MonkeyPatch) -> DrawnShots:
    """Runs `capture` with arguments, and returns the shots that it would have drawn."""
    drawn_shots: list[Shot] = []

    def render(gpu: Any, shot: Shot) -> Any:
        drawn_shots.append(shot)
        frame: Any = FakeFrame()
        frame.shot = replace(shot, technique=shot.technique.resolve_lengths(4.0), camera=frame.shot.camera)
        return frame

    def run(arguments: Sequence[str]) -> list[Shot]:
        drawn_shots.clear()
        assert capture.main([*arguments, "--overwrite"]) == 0
        return list(drawn_shots)

    monkeypatch.setattr(capture, "create_headless_context", lambda: None)
    monkeypatch.setattr(capture, "Gpu", lambda _: contextlib.nullcontext(FAKE_GPU))
    monkeypatch.setattr(capture, "preload_shot", lambda *_: None)
    monkeypatch.setattr(capture, "render_all_frames", render)
    monkeypatch.setattr(capture, "draw_centered_buffers", lambda gpu, result, shot: result)
    monkeypatch.setattr(images, "read_display", lambda result: np.zeros((*SIZE, 3), "u1"))
    monkeypatch.setattr(images, "read_rgba8", lambda texture: np.zeros((*SIZE, 4), "u1"))
    return run


def choose_values(parameters: Sequence[Parameter], rotation: int) -> dict[str, dict[str, Any]]:
    """By source, values by name. Sources differ, and over all rotations each parameter has all GIVEN_BY."""
    values: dict[str, dict[str, Any]] = {source: {} for source in SOURCES}
    for number, parameter in enumerate(parameters, rotation):
        pair = two_values(parameter)
        for k, source in enumerate(GIVEN_BY[number % len(GIVEN_BY)]):
            values[source][parameter.name] = pair[(k + number) % 2]
    return values


def read_stored_shot(path: Path) -> Shot:
    """The shot inside a .png, .exr or .npz file."""
    if path.suffix == ".png":
        return Shot().with_values(images.load_shot_values(path))
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return Shot().with_values(parse_toml(str(arrays["shot"]), path.name))
    with pytest.importorskip("OpenEXR").File(str(path)) as file:
        return Shot().with_values(parse_toml(file.header()["shot"], path.name))


@pytest.mark.parametrize("exclusive", EXCLUSIVE)
@pytest.mark.parametrize(
    "techniques", [*((n,) for n in Technique.known), pytest.param(tuple(Technique.known), marks=pytest.mark.slow)]
)
def test_every_file_of_capture_repeats_the_shots_that_were_drawn(
    techniques: tuple[str, ...], exclusive: str, tmp_path: Path, capture_without_drawing: DrawnShots
) -> None:
    """Whether an image, a preset, a flag or several of them set a parameter: of all techniques, and of one."""
    pytest.importorskip("OpenEXR")
    parameters = [p for p in PARAMETERS if p.technique in ("", *techniques) and not p.name.startswith(exclusive)]
    single = [f"--technique={name}" for name in techniques if len(techniques) == 1]
    for rotation in range(len(GIVEN_BY)):
        values = choose_values(parameters, rotation)
        # these flags have no effect beside some antialiasing, and on some single techniques
        ineffective = ("display.fxaa", *("probes.", "guard_band.", "lighting.", "temporal.")[: 4 * bool(single)])
        names = [n for n in values["flag"] if n.startswith(ineffective)]
        values["preset"] |= {name: values["flag"].pop(name) for name in names}
        images.save_png(tmp_path / "source.png", np.zeros((1, 1, 3), "u1"), values["image"], overwrite=True)
        (tmp_path / "preset.toml").write_text(format_toml(values["preset"]), "utf-8")
        sources = ["--from-image", str(tmp_path / "source.png"), "--preset", str(tmp_path / "preset.toml")]
        flags = [f"--{name}={format_flag_value(value)}" for name, value in values["flag"].items()]
        output = tmp_path / f"it{images.IMAGE_SUFFIXES[rotation % len(images.IMAGE_SUFFIXES)]}"
        several = [] if single else ["--techniques", ",".join(techniques)]
        drawn_shots = capture_without_drawing([*sources, *flags, *single, *several, "--output", str(output)])
        expected = {name: value for source in SOURCES for name, value in values[source].items()}
        names = [name for name in expected if name.partition(".")[0] not in Technique.known]
        for technique, shot in zip(techniques, drawn_shots, strict=True):
            assert shot.technique.group == technique
            own_names = [*names, *(name for name in expected if name.startswith(f"{technique}."))]
            assert {name: shot.values().get(name) for name in own_names} == {n: expected[n] for n in own_names}
        paths = [output] if single else [output.with_stem(f"it-{name}") for name in techniques]
        for path, shot in zip(paths, drawn_shots, strict=True):
            assert read_stored_shot(path) == shot
        if several or output.suffix == ".png":  # of several, the contact sheet
            again = ["--from-image", str(tmp_path / "it.png"), "--output", str(tmp_path / "again.png")]
            assert capture_without_drawing(again) == drawn_shots
