"""The failure gallery: each scene shows its failure, and recovers where screen space has the missing information."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import render_small
from ssdo.commands.bench import failures as bench
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.render.frame_uniforms import world_positions
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import Overrides
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssao import Ssao
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene import built_in
from ssdo.scene.built_in.failures import FAILURES, Failure
from ssdo.scene.loader import load_scene
from ssdo.settings import UserError

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
SMALL: dict[str, Any] = {"width": 80, "height": 45, "sun.resolution": 512, "ssdo.samples": 32, "bitmask.slices": 8}
BIASED_FAILURES = [failure for failure in FAILURES if failure.bias_sign]
METHODS = {method.label: method for layers in "12" for method in bench.list_methods(layers)}


def measure_biases(gpu: Gpu, failure: Failure, values: dict[str, Any], *labels: str) -> tuple[list[float], float]:
    """How far the means of methods are from the reference's in the region, and the reference's standard error."""
    methods = [METHODS[label] for label in labels]
    overrides = Overrides({}, SMALL | values)
    measurement = bench.measure_failure(gpu, failure, overrides, 8, ReferenceCache(None), methods)
    biases = [measurement.means[label] - measurement.means["reference"] for label in labels]
    return biases, measurement.reference_error


@pytest.mark.slow
@pytest.mark.parametrize("failure", BIASED_FAILURES, ids=lambda failure: failure.scene)
def test_ssdo_fails_and_recovers(gpu: Gpu, failure: Failure) -> None:
    """The bias is many times the reference's noise; the remedy leaves at most a quarter of it."""
    (bias,), noise = measure_biases(gpu, failure, {}, "SSDO")
    assert bias * failure.bias_sign > 10 * noise, "measured: 26 (foreground) to 351 (overhang) times"
    (remaining_bias,), noise = measure_biases(gpu, failure, dict(failure.remedy), "SSDO")
    assert abs(remaining_bias) < abs(bias) / 4 + 2 * noise, "measured: 0.01 to 0.12 of it"


@pytest.mark.parametrize(
    "scene, argument",
    [
        ("signpost", "height"),
        ("overhang", "depth"),
        ("bouncer", "distance"),
        ("grazing", "angle"),
        ("scale", "factor"),
    ],
)
def test_scene_arguments_are_checked(scene: str, argument: str) -> None:
    with pytest.raises(UserError, match=f"{argument} = -1: must be"):
        load_scene(f"{scene}:{argument}=-1")


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["ssao", "ssdo", "reference"])
def test_millimetres_and_kilometres_look_the_same(gpu: Gpu, technique: str) -> None:
    """Rays and samples are the same but for rounding, which moves few of them across an edge."""
    methods = (*bench.list_methods(), bench.REFERENCE)
    method = next(method for method in methods if method.technique.group == technique)
    count_param = "rays" if technique == "reference" else "samples"
    values = {"width": 64, "height": 36, f"{technique}.{count_param}": 16, "accumulated_frames": 1}
    small, large = (
        images.read_arrays(gpu, render_all_frames(gpu, bench.create_shot(method, failure, Overrides({}, values))))
        for failure in FAILURES
        if not failure.bias_sign
    )
    for name in ("visibility", "direct", "indirect", "radiance"):
        difference = np.abs(small[name] - large[name])
        assert difference.mean() <= 1e-5 * np.abs(small[name]).mean(), f"{name}; measured: 7e-7 at most"


def test_world_positions_follow_from_depth(gpu: Gpu) -> None:
    scene, values = load_scene("foreground"), {"scene": "foreground", "ssdo.samples": 1, "ssdo.steps": 1}
    result = render_small(gpu, values)
    shot = Shot().with_values({**values, "width": 64, "height": 36, "denoise.radius": 0})
    positions = world_positions(shot.resolve(scene).frame_uniforms(scene, 0), result.depth)
    assert np.isnan(positions[~result.surface_mask]).all()
    assert np.abs(positions - result.position)[result.surface_mask].max() < 1e-6


def test_region_out_of_sight_is_an_error(gpu: Gpu) -> None:
    off_screen_failure = FAILURES[0]._replace(region_min=(90.0, 90.0, 90.0), region_max=(91.0, 91.0, 91.0))
    with pytest.raises(UserError, match="not in the image"):
        bench.measure_failure(
            gpu, off_screen_failure, Overrides({}, SMALL), 8, ReferenceCache(None), bench.list_methods()[:1]
        )


# ---- documents and command ----


def test_readme_lists_the_gallery() -> None:
    scene_list = README[README.index("\nBuilt in: ") : README.index("\nEnvironments: ")]
    names = [name for name, module in built_in.BUILT_IN_SCENES.items() if module == "failures"]
    for name in names:
        build = built_in.get_builder(name)
        (argument,) = inspect.signature(build).parameters
        assert f"`{name}:{argument}`" in scene_list
        assert (build.__doc__ or "").count("\n") == 0
    assert {failure.name for failure in FAILURES} == set(names)


def test_readme_has_both_tables() -> None:
    assert "\n".join(bench.format_header()) in README
    for failure in FAILURES:
        assert " | ".join(bench.describe_failure(failure)) in README
    layers_table = README[README.index("\n".join(bench.format_layers_header())) :]
    for failure in FAILURES:
        assert f"\n| `{failure.scene}` | {bench._label_component(failure)} | " in layers_table


@pytest.mark.slow
def test_command_prints_tables_and_writes_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size_flags = ["--width", "48", "--height", "27", "--reference-frames", "4", "--no-cache"]
    sample_flags = ["--ssdo.samples", "4", "--ssao.samples", "4", "--gtao.slices", "1", "--bitmask.slices", "1"]
    flags = ["--only", "signpost,scale", *size_flags, *sample_flags, "--output", str(tmp_path)]
    assert bench.main(flags) == 0
    output = capsys.readouterr()
    lines, paths = output.out.splitlines(), [Path(line) for line in output.err.splitlines()]
    failures = [failure for failure in FAILURES if failure.name in ("signpost", "scale")]
    table, layers_table = lines[: 2 + len(failures)], lines[3 + len(failures) :]
    assert table[:2] == bench.format_header()
    assert layers_table[:2] == bench.format_layers_header()
    assert not lines[2 + len(failures)]
    for line, layers_line, failure in zip(table[2:], layers_table[2:], failures, strict=True):
        assert line.startswith(f"| {' | '.join(bench.describe_failure(failure))} |")
        assert layers_line.startswith(f"| `{failure.scene}` | {bench._label_component(failure)} | ")
        assert line.count(" | ") == table[0].count(" | ")
        assert layers_line.count(" | ") == layers_table[0].count(" | ")
    _, ssdo_means = re.findall(r"([0-9.]+) → ([0-9.]+)", layers_table[2])[:2]
    assert ssdo_means[0] == table[2].split(" | ")[4]
    # the second layer shows the back of the post; measured: 0.17
    assert abs(float(ssdo_means[1]) - float(ssdo_means[0])) > 0.1
    assert [path.name for path in paths] == ["signpost.png", "scale-factor-0.001.png", "scale-factor-1000.png"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    with pytest.raises(UserError, match="exists; add --overwrite"):
        bench.main(flags)


def test_every_technique_is_measured() -> None:
    measured_techniques = {method.technique.group for method in (*bench.list_methods(), bench.REFERENCE)}
    assert measured_techniques == set(Technique.known) - {"off"}
    with_layers = {name for name, technique in Technique.known.items() if hasattr(technique, "depth_layers")}
    assert {single.technique.group for single, _ in bench.list_layer_pairs()} == with_layers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--only", "signpots"], "did you mean signpost"),
        (["--scene", "ball"], "--scene has no effect"),
        (["--technique", "ssao"], "--technique has no effect"),
        (
            ["--bitmask.depth_layers", "2"],
            "--bitmask.depth_layers has no effect: the gallery has one and two; leave it out",
        ),
        (
            ["--reference-frames", "3", "--width", "16", "--height", "9", "--no-cache", "--only", "overhang"],
            "ask for 4 or more",
        ),
        (["--ssdo.radus", "1"], "unknown flag --ssdo.radus; did you mean --ssdo.radius"),
    ],
)
def test_usage_errors(flags: list[str], message: str) -> None:
    with pytest.raises(UserError) as error:
        bench.main(flags)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_flags_override_the_gallery() -> None:
    failure = FAILURES[0]
    preset = {"ssdo.steps": 3, "height": 30, "ssdo.depth_layers": "2"}
    cli = {"ssdo.radius": 0.5, "ssao.radius": 0.25, "width": 40, "reference.rays": 2}
    methods = (*METHODS.values(), bench.REFERENCE)
    shots = {method.label: bench.create_shot(method, failure, Overrides(preset, cli)) for method in methods}
    thickness, radius = failure.thickness, failure.radius
    assert shots["SSDO"].technique == Ssdo(samples=256, steps=3, radius=0.5, thickness=thickness)
    assert shots["SSDO, two depth layers"].technique == replace(shots["SSDO"].technique, depth_layers="2")
    assert shots["SSAO"].technique == Ssao(samples=256, steps=64, radius=0.25, thickness=thickness)
    assert shots["reference"].technique == Reference(rays=2)
    assert shots["bitmask"].technique == Bitmask(
        slices=64, steps=64, environment_samples=32, radius=radius, thickness=thickness
    )
    assert shots["GTAO"].technique == Gtao(slices=64, steps=64, radius=radius)
    for shot in shots.values():
        assert (shot.scene, shot.width, shot.height, shot.denoise.radius) == ("signpost", 40, 30, 0)
