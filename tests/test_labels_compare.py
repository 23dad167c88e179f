"""`compare`: every number, image, layer and caption is that of the entry that it stands with."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_data import NO_CACHE, SIZE, FakeRenderer, assert_sheet_shows, make_solid, read_pixels
from ssdo.arrays import Floats
from ssdo.commands.compare import errors, page, report, stages
from ssdo.commands.compare.comparison import Comparison, ComparisonEntry, ComparisonPlan
from ssdo.measure import images, metrics
from ssdo.measure.references import ErrorBreakdown
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene.loader import load_scene
from test_page import unpack_layer

# ---- report ----

COMPARED = ("off", "ssao", "ssdo", "gtao", "bitmask")


def make_components(number: int, size: tuple[int, int]) -> dict[str, Floats]:
    rng = np.random.default_rng(number)
    components = {name: rng.random((*size, 3), "f4") for name in ("final", "direct", "indirect")}
    return components | {"visibility": rng.random(size, "f4")}


def make_entry(number: int, group: str, **changes: Any) -> ComparisonEntry:
    shot = Shot().with_values({"technique": group, "width": SIZE[1], "height": SIZE[0], "seed": 50 + number})
    values: dict[str, Any] = {
        "name": f"{group}-file",
        "label": f"label of {group}",
        "shot": shot,
        "components": make_components(number, SIZE),
        "pixels": make_solid(number),
        "errors": {name: number + 0.01 * k for k, name in enumerate(page.METRICS, 1)},
        "error_breakdown": ErrorBreakdown(*(100 * number + k for k in range(1, 5))),
        "cost": {f"{group}:first": 10.0 * number, f"{group}:second": 10.0 * number + 1, "composite": 0.5},
    }
    return ComparisonEntry(**values | changes)


@pytest.fixture
def saved_comparison(tmp_path: Path) -> tuple[Comparison, Path]:
    """A comparison of five techniques with a reference, and the folder of its files."""
    entries = [make_entry(number, group) for number, group in enumerate(COMPARED, 1)]
    reference = make_entry(9, "reference", errors=None, error_breakdown=None, cost=None)
    mask = np.indices(SIZE)[1] > SIZE[1] // 4
    albedo, unoccluded = (np.random.default_rng(k).random((*SIZE, 3), "f4") for k in (20, 21))
    result = Comparison(entries, reference, 0.125, albedo, unoccluded, mask)
    run = {"command": "the command", "renderer": "the renderer", "timer": "the timer"}
    paths = report.ReportWriter(tmp_path, run).write(result)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    return result, tmp_path


def test_numbers_of_a_comparison_stand_with_their_entries(saved_comparison: tuple[Comparison, Path]) -> None:
    result, folder = saved_comparison
    summary = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert {name: summary[name] for name in ("command", "renderer", "timer")} == {
        name: f"the {name}" for name in ("command", "renderer", "timer")
    }
    assert (summary["width"], summary["height"]) == (SIZE[1], SIZE[0])
    assert summary["reference"] | {"error_max": 0} == {
        "entry": "reference-file",
        "label": "label of reference",
        "noise": 0.125,
        "from_file": False,
        "error_max": 0,
    }
    assert len(summary["entries"]) == len(result.all_entries)
    for entry, original in zip(summary["entries"], result.all_entries, strict=True):
        group = original.shot.technique.group
        assert (entry["id"], entry["label"], entry["technique"]) == (f"{group}-file", f"label of {group}", group)
        assert entry["errors"] == original.errors
        assert {name.partition(".")[0] for name in entry["settings"]} <= {group}
        assert entry["settings"].items() <= original.shot.values().items()
        if original.error_breakdown:
            assert entry["error_breakdown"] == {
                "sampling": original.error_breakdown.sampling,
                "sampling, denoised": original.error_breakdown.remaining,
                "denoising": original.error_breakdown.denoising,
                "screen space": original.error_breakdown.screen_space,
            }
        if original.cost:
            assert entry["cost"] == {"total": sum(original.cost.values()), "passes": original.cost}


def test_images_of_a_comparison_are_those_of_their_entries(saved_comparison: tuple[Comparison, Path]) -> None:
    """PNG and EXR files with their shots, error maps, and the contact sheet."""
    result, folder = saved_comparison
    openexr = pytest.importorskip("OpenEXR")
    summary = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert result.reference
    expected = result.reference.components["final"]
    mask = result.surface_mask
    errors_in_mask = [metrics.error_map(e.components["final"], expected)[mask] for e in result.entries]
    top = summary["reference"]["error_max"]
    worst = max(float(np.percentile(values, 99)) for values in errors_in_mask)
    assert worst <= top <= worst + 0.1 and top == round(top, 1), "rounded up to one digit"
    for entry, original in zip(summary["entries"], result.all_entries, strict=True):
        is_reference = original is result.reference
        files = {kind: folder / name for kind, name in entry["files"].items()}
        assert all(path.name.startswith(original.name) for path in files.values())
        assert (read_pixels(files["png"]) == original.pixels).all()
        with openexr.File(str(files["exr"])) as file:
            assert (file.channels()["RGB"].pixels == original.components["final"]).all()
            assert ("shot" in file.header()) != is_reference
        assert ("error" in files) != is_reference
        if not is_reference:
            assert images.load_shot_values(files["png"]) == original.shot.values()
            error_map = metrics.error_map(original.components["final"], expected)
            assert (read_pixels(files["error"]) == metrics.false_colour(error_map, top, mask)).all()
    captions = [f"{e.label}  RMSE {e.errors['rmse']:.4f}" if e.errors else e.label for e in result.all_entries]
    labelled = [(caption, e.pixels) for caption, e in zip(captions, result.all_entries, strict=True)]
    assert_sheet_shows(read_pixels(folder / "sheet.png"), labelled)


def read_page_data(text: str) -> Any:
    return json.loads(text.partition('id="data">')[2].partition("</script>")[0])


def test_the_page_of_a_comparison_has_the_layers_of_its_entries(saved_comparison: tuple[Comparison, Path]) -> None:
    result, folder = saved_comparison
    text = (folder / "index.html").read_text("utf-8")
    data = read_page_data(text)
    assert data["comparison"] == json.loads((folder / "metrics.json").read_text("utf-8"))
    assert data["error_max"] == data["comparison"]["reference"]["error_max"]

    def read_layer(name: str) -> Floats:
        layer = data["layers"][name]
        content = text.partition(f'id="{layer["id"]}">')[2].partition("</script>")[0]
        return unpack_layer(content, SIZE if layer["channels"] == 1 else (*SIZE, 3), layer["bits"])

    shared = data["comparison"]["shared_layers"]
    expected_layers = {("", "albedo"): result.albedo, ("", "unoccluded"): result.unoccluded}
    names = {("", name): layer for name, layer in shared.items()}
    for entry, original in zip(data["comparison"]["entries"], result.all_entries, strict=True):
        assert entry["layers"].keys() == original.components.keys()
        expected_layers |= {(entry["id"], component): values for component, values in original.components.items()}
        names |= {(entry["id"], component): layer for component, layer in entry["layers"].items()}
    assert names.keys() == expected_layers.keys()
    for key, layer in names.items():
        assert np.allclose(read_layer(layer), expected_layers[key], rtol=2.0**-11, atol=0), key


def test_metrics_on_the_page_have_their_own_names_and_directions() -> None:
    """An image that is worse has a worse value, and the help is that of the metric."""
    labels = {name: label for name, (label, _) in page.METRICS.items()}
    assert labels == {
        "rmse": "RMSE",
        "bias": "bias",
        "relmse": "relMSE",
        "psnr": "PSNR, dB",
        "ssim": "SSIM",
        "flip": "FLIP",
        "flip_hdr": "HDR-FLIP",
    }
    expected = 0.5 + 0.5 * np.random.default_rng(1).random((12, 12, 3), "f4")
    good, bad = (metrics.compute_metrics(expected + np.float32(e), expected) for e in (0.01, 0.2))
    assert good.keys() <= labels.keys()
    for name, value in good.items():
        better = page.METRICS[name][1]
        assert better == ("zero" if name == "bias" else "higher" if value > bad[name] else "lower"), name
        first_words = (getattr(metrics, name).__doc__ or "").partition(".")[0].replace("`", "")
        assert page.describe_metric(name).startswith(" ".join(first_words.split())), name


# ---- measurements ----


def test_what_compare_measures_is_of_the_entrys_own_shot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors by their causes, each from the images that its name says; components, cost, and the reference.

    Shots of one technique differ in the denoiser, the probes, the guard band and the history.
    """
    renderer = FakeRenderer(monkeypatch, stages, errors)
    monkeypatch.setattr(stages, "estimate_frame_seconds", lambda gpu, shot: 1.0)
    for name in ("flip", "flip_hdr"):  # slow, and tested with the other metrics
        monkeypatch.setattr(metrics, name, metrics.rmse)
    monkeypatch.setattr(stages, "measure_cost", lambda gpu, shot: {"pass": renderer.radiance(shot)})
    scene = load_scene("nook")
    changes: list[dict[str, Any]] = [
        {"technique": "off"},
        {"technique": "ssao"},
        {},
        {"ssdo.samples": 4},
        {"denoise.radius": 4},
        {"denoise.radius": 4, "denoise.max_normal_angle": 9.0},
        {"probes.enabled": True},
        {"guard_band.size": 0.1},
        {"lighting.resolution": "half"},
        {"temporal.history_length": 4},
        {"ssdo.steps": 3},
        {"seed": 9},
    ]
    shots = [Shot().with_values({"scene": "nook"} | change).resolve(scene) for change in changes]
    plan = ComparisonPlan(shots, "reference", Reference(rays=3), 8, 6)
    *_, result = stages.refine_comparison(None, plan, NO_CACHE)  # type: ignore[arg-type]

    def root(product: float) -> Any:
        return pytest.approx(math.sqrt(product), rel=1e-6)

    (first_shot, *_), (world, *_) = shots, [level for (start, _), level in renderer.levels.items() if start == 1.0]
    assert len([start for start, _ in renderer.levels if start == 1.0]) == 1
    assert result.reference_noise == pytest.approx(4 / 2)
    assert result.reference and result.reference.components["final"] == pytest.approx(np.full((3, 4, 3), world + 2))
    for entry, shot in zip(result.entries, shots, strict=True):
        assert entry.shot == shot
        level = renderer.radiance(shot)
        assert entry.cost == {"pass": level}
        assert entry.label == shot.technique.describe() and entry.name.partition("-")[0] == shot.technique.group
        assert entry.pixels[0, 0, 0] == round(level)
        inside = {name: values[1:] for name, values in entry.components.items()}
        assert inside["final"] == pytest.approx(np.full((2, 4, 3), level))
        assert inside["direct"] == pytest.approx(np.full((2, 4, 3), 2 * level / np.pi))
        assert inside["indirect"] == pytest.approx(np.full((2, 4, 3), 3 * level / np.pi))
        assert inside["visibility"] == pytest.approx(np.full((2, 4), level / 1000))
        assert entry.errors
        assert entry.errors["rmse"] == root((level - world) * (level - world - 4))
        assert entry.errors["bias"] == pytest.approx(level - world - 2, rel=1e-6)
        assert entry.errors["psnr"] == pytest.approx(-20 * math.log10(entry.errors["rmse"]))
        if not shot.technique.sample_param:
            assert entry.error_breakdown is None
            continue
        noisy = renderer.radiance(replace(shot, denoise=replace(shot.denoise, radius=0)))
        first, denoised = renderer.converged_levels(shot, plan.converged_frames)
        second = first + 2
        assert entry.error_breakdown
        assert entry.error_breakdown.sampling == root((noisy - first) * (noisy - second))
        assert entry.error_breakdown.remaining == root((level - first) * (level - second))
        assert entry.error_breakdown.denoising == root((denoised - first) * (denoised + 0.125 - second))
        assert entry.error_breakdown.screen_space == root((first - world) * (second - world - 4))
    off = replace(first_shot, technique=Technique.by_name("off")(), accumulated_frames=1)
    assert result.albedo[1:] == pytest.approx(np.full((2, 4, 3), 4 * renderer.radiance(off)))
    assert result.unoccluded[1:] == pytest.approx(np.full((2, 4, 3), 2 * renderer.radiance(off) / np.pi))


def test_files_of_compare_have_a_name_each() -> None:
    """Also where techniques, sample counts or all of it are given twice, or the reference is among the techniques."""
    variants = [
        Technique.by_name(group)().with_samples(count)
        for group, count in (("ssao", 4), ("ssao", 16), ("ssdo", 4), ("off", 1), ("reference", 1))
    ]
    for techniques in itertools.product(variants, repeat=3):
        shots = [replace(Shot(), technique=technique) for technique in techniques]
        names = ComparisonPlan(shots, "reference", Reference(), 4, 4).names
        assert len(set(names)) == len(names) == 4 and names[-1] == "reference"
        for name, technique in zip(names, techniques, strict=False):
            group, *numbers = name.split("-")
            assert group == technique.group
            if sum(other.group == group for other in techniques) > 1 and technique.sample_param:
                assert int(numbers[0]) == technique.sample_count
