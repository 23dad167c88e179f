"""The reference cache, references with their noise, the breakdown of errors, and equal sample counts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import register_scene
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics, reference_cache, references
from ssdo.measure.reference_cache import Accumulation, ReferenceCache, cache_key
from ssdo.render.pass_times import measure_cost
from ssdo.render.pipeline import render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import with_sample_counts
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.resources import SHADERS
from ssdo.scene.loader import load_scene

SMALL = {"scene": "cornell", "width": 48, "height": 27, "technique": "reference"}
NO_CACHE = ReferenceCache(None)


def make_shot(**values: Any) -> Shot:
    return Shot().with_values(SMALL | values)


# ---- cache ----


def test_keys_depend_on_everything_that_decides_the_lighting(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    key = cache_key(gpu, make_shot())
    display = {"display.exposure": 3.0, "display.tone_mapper": "none"}
    assert cache_key(gpu, make_shot(**display)) == key, "the display does not decide it"
    assert cache_key(gpu, make_shot().resolve(load_scene("cornell"))) == key, "nor who set a value"
    changes = (
        {"reference.rays": 2},
        {"accumulated_frames": 2},
        {"seed": 1},
        {"width": 49},
        {"sun.irradiance": 1.0},
        {"sky.rotation": 1.0},
        {"camera.fov": 41.0},
        {"environment": "half"},
        {"scene": "ball"},
        {"denoise.radius": 0},
    )
    keys = {key, *(cache_key(gpu, make_shot(**change)) for change in changes)}
    assert len(keys) == 1 + len(changes)

    # a scene of the same name with another content
    cornell = load_scene("cornell")
    mesh = replace(cornell.meshes[0], positions=cornell.meshes[0].positions + np.float32(1e-6))
    name = register_scene("changing", lambda: cornell)
    unchanged = cache_key(gpu, make_shot(scene=name))
    register_scene("changing", lambda: replace(cornell, meshes=(mesh, *cornell.meshes[1:])))
    assert cache_key(gpu, make_shot(scene=name)) != unchanged

    monkeypatch.setattr(reference_cache, "source_digest", lambda: "another version")
    assert cache_key(gpu, make_shot()) != key


def test_the_source_digest_includes_shaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = reference_cache.source_digest()
    for path in SHADERS.rglob("*.*"):
        copy = tmp_path / path.relative_to(SHADERS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(reference_cache, "SHADERS", tmp_path)
    reference_cache.source_digest.cache_clear()
    assert reference_cache.source_digest() == digest
    with (tmp_path / "common" / "ray_scene.glsl").open("a") as file:
        file.write("\n")
    reference_cache.source_digest.cache_clear()
    assert reference_cache.source_digest() != digest
    monkeypatch.undo()
    reference_cache.source_digest.cache_clear()


def test_damaged_entries_are_ignored(tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path)
    accumulation = Accumulation(3, np.ones((2, 3, 4), "f4"), np.zeros((2, 3, 4), "f4"))
    cache.save("a", accumulation)
    loaded = cache.load("a")
    assert loaded and loaded.frames == 3 and (loaded.direct == accumulation.direct).all()
    content = (tmp_path / "a.npz").read_bytes()
    for damaged in (b"", content[:100], content[:-30], content[:200] + b"\xff" * 40 + content[240:]):
        (tmp_path / "a.npz").write_bytes(damaged)
        assert cache.load("a") is None
    assert cache.load("b") is None and NO_CACHE.load("a") is None
    # A folder that cannot be written to does not stop the program.
    (tmp_path / "file").write_text("")
    ReferenceCache(tmp_path / "file").save("a", accumulation)
    assert (tmp_path / "file").read_text() == ""


def test_the_least_recently_used_entries_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, accumulation = ReferenceCache(tmp_path), Accumulation(1, np.ones((8, 8, 4), "f4"), np.ones((8, 8, 4), "f4"))
    for age, name in enumerate("bca"):
        cache.save(name, accumulation)
        os.utime(tmp_path / f"{name}.npz", (age, age))
    cache.load("b")
    monkeypatch.setattr(reference_cache, "MAX_CACHE_BYTES", 2.5 * (tmp_path / "a.npz").stat().st_size)
    cache.save("d", accumulation)
    assert {path.stem for path in tmp_path.iterdir()} == {"b", "d"}


# ---- references ----


@pytest.mark.parametrize(
    "values", [{}, {"technique": "ssao"}, {"technique": "ssdo", "ssdo.bounce": False, "scene": "atelier"}]
)
def test_an_interrupted_accumulation_continues(gpu: Gpu, tmp_path: Path, values: dict[str, Any]) -> None:
    """Bit for bit; with indirect light, without, and with specular light alone."""
    shot = make_shot(accumulated_frames=7).with_values(values)
    expected = images.read_arrays(gpu, render_all_frames(gpu, shot))
    frames: list[Shot] = []

    def interrupt(shot: Shot) -> None:
        frames.append(shot)
        if len(frames) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        references.accumulate(gpu, shot, ReferenceCache(tmp_path), interrupt)
    accumulation = ReferenceCache(tmp_path).load(cache_key(gpu, shot))
    assert accumulation and accumulation.frames == 3
    render_all_frames(gpu, make_shot(accumulated_frames=2, seed=5))  # something else in between
    for frame_count in (4, 0):
        frames.clear()
        arrays = images.read_arrays(gpu, references.accumulate(gpu, shot, ReferenceCache(tmp_path), frames.append))
        assert len(frames) == frame_count
        for name in references.REFERENCE_ARRAYS:
            assert (arrays[name] == expected[name]).all(), name


def test_the_noise_of_a_reference_is_known(gpu: Gpu) -> None:
    """As its standard error, against a much longer render."""
    shot = make_shot(technique="ssdo", environment="sky")
    noisy = references.render_world_reference(gpu, shot, Reference(rays=2), 16, NO_CACHE)
    long = references.render_world_reference(gpu, replace(shot, seed=9), Reference(rays=16), 64, NO_CACHE)
    mask = np.ones((27, 48), bool)
    error = metrics.rmse(noisy.mean["radiance"], long.mean["radiance"], mask)
    assert noisy.noise(mask) == pytest.approx(error, rel=0.2)  # six seeds: standard deviation of 5 %
    assert long.noise(mask) < noisy.noise(mask) / 3
    # RMSE against either is equal except for chance: a standard deviation of 3.4 % over six seeds.
    radiance = images.read_arrays(gpu, render_all_frames(gpu, shot))["radiance"]
    assert noisy.rmse(radiance, mask) == pytest.approx(long.rmse(radiance, mask), rel=0.1)
    assert metrics.rmse(radiance, noisy.first["radiance"], mask) > 1.2 * long.rmse(radiance, mask)


def break_down(gpu: Gpu, shot: Shot) -> references.ErrorBreakdown:
    arrays = images.read_arrays(gpu, render_all_frames(gpu, shot))
    without_denoiser = replace(shot, denoise=replace(shot.denoise, radius=0))
    noisy = images.read_arrays(gpu, render_all_frames(gpu, without_denoiser))["radiance"]
    converged = references.render_converged(gpu, shot, 8, NO_CACHE)
    world = references.render_world_reference(gpu, shot, Reference(rays=8), 8, NO_CACHE)
    return references.break_down_error(arrays["radiance"], noisy, converged, world, references.surface_mask(arrays))


def test_error_breakdown(gpu: Gpu) -> None:
    """A plane under a white sky has no error. Without denoiser nothing is denoised. Samples change sampling alone."""
    assert max(break_down(gpu, make_shot(technique="ssdo", scene="plane"))) < 1e-6
    few, many = (
        break_down(gpu, make_shot(technique="ssdo", **{"ssdo.samples": count, "denoise.radius": 0}))
        for count in (4, 64)
    )
    assert few.denoising == many.denoising == 0
    assert few.remaining == few.sampling > 3 * many.sampling
    assert few.screen_space == many.screen_space > 0
    denoised = break_down(gpu, make_shot(technique="ssdo", **{"ssdo.samples": 4}))
    assert denoised.screen_space == few.screen_space and denoised.sampling == few.sampling
    assert denoised.denoising > 0 and denoised.remaining != few.remaining


@pytest.mark.parametrize("technique", ["gtao", "bitmask"])
def test_error_breakdown_of_slices(gpu: Gpu, technique: str) -> None:
    """Slices and steps change sampling alone."""
    few, many = (
        break_down(
            gpu,
            make_shot(
                technique=technique,
                **{f"{technique}.slices": slices, f"{technique}.steps": steps, "denoise.radius": 0},
            ),
        )
        for slices, steps in ((1, 4), (16, 64))
    )
    assert few.sampling > 8 * many.sampling  # measured: 17 (gtao) and 28 times (bitmask)
    assert few.screen_space == many.screen_space > 0 and few.denoising == 0


@pytest.mark.parametrize("technique", ["ssdo", "bitmask"])
def test_both_references_agree_where_the_image_shows_everything(gpu: Gpu, technique: str) -> None:
    """In a corner that the camera sees entirely, with rays as long as the radius."""
    params = {"radius": 1.0, "thickness": 100.0, "steps": 32}
    values = {"technique": technique, "scene": "corner", "environment": "ramp-x"}
    shot = make_shot(**values, **{f"{technique}.{name}": value for name, value in params.items()})
    converged = references.render_converged(gpu, shot, 8, NO_CACHE)
    world = references.render_world_reference(gpu, shot, Reference(rays=16, max_distance=1.0), 8, NO_CACHE)
    depth = images.read_arrays(gpu, render_all_frames(gpu, shot))["depth"]
    near = np.abs(depth - 6.0) < 0.7
    difference = metrics.noise_free_rmse(converged.radiance_pair, world.radiance_pair, near)
    assert difference < 0.04 * world.mean["radiance"][near].mean()


# ---- sample counts and cost ----


def test_equal_sample_counts_make_equal_fetches() -> None:
    """16 directions of 8 steps are 4 slices of 2 x 16. Where that is impossible, the nearest count is taken."""
    fetches = {name: kind().with_budget(16).fetches for name, kind in Technique.known.items() if kind.sample_param}
    assert fetches.items() >= {"ssao": 128, "ssdo": 128, "gtao": 128, "bitmask": 128}.items()
    assert Bitmask(steps=8).with_budget(16).slices == 8
    assert Bitmask().with_budget(1).slices == 1
    assert Gtao().with_budget(256).slices == 64
    # A direction counts as one, whatever it fetches.
    assert Ssdo(steps=3).with_budget(16).samples == 16
    assert Ssdo(visibility="single-sample").fetches == 16
    assert Ssdo(steps=4).with_fetches(Bitmask().fetches).samples == 16
    assert Bitmask().with_fetches(Ssdo().fetches).slices == 4
    assert Ssdo().with_samples(1e6).samples == 256 and Gtao().with_samples(0.1).slices == 1
    for name in ("off", "reference"):
        technique = Technique.known[name]()
        assert technique.fetches == technique.sample_count == 0
        for changed in (technique.with_budget(4), technique.with_fetches(4), technique.with_samples(4)):
            assert changed == technique
    shots = [Shot(technique=Technique.known[name]()) for name in ("off", "bitmask")]
    # 1 and 4 directions are the same slice.
    assert [shot.technique.sample_count for shot in with_sample_counts(shots, "1,4,8")] == [0, 1, 2]


def test_cost_is_measured_by_pass(gpu: Gpu) -> None:
    """And the context's timer is restored."""
    timer = gpu.timer
    passes = measure_cost(gpu, make_shot(technique="ssdo"), frames=3)
    assert gpu.timer is timer
    assert {"gbuffer", "ssdo:direct", "ssdo:indirect", "composite:diffuse"} <= passes.keys()
    assert all(milliseconds > 0 for milliseconds in passes.values())
