"""The reference cache, references with their noise, the breakdown of errors, and equal sample counts."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import time
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_scenes import make_file_shot, write_changed, write_scene_files
from gltf_files import encode_png
from ssdo.gpu.context import Gpu
from ssdo.measure import images, metrics, reference_cache, references
from ssdo.measure.accumulation import Accumulator, ProgressCallback, no_progress
from ssdo.measure.reference_cache import CHECKSUM_BYTES, ENTRY_SUFFIX, Accumulation, ReferenceCache, cache_key
from ssdo.render.pass_times import measure_cost
from ssdo.render.pipeline import load_shot, render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.shot_flags import with_sample_counts
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.resources import SHADERS

SMALL = {"scene": "cornell", "width": 48, "height": 27, "technique": "reference"}
NO_CACHE = ReferenceCache(None)


def make_shot(**values: Any) -> Shot:
    return Shot().with_values(SMALL | values)


# ---- cache ----


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


KEY = "0123456789" * 4
SHOT = Shot(width=3, height=2, accumulated_frames=5)


def make_accumulation(*, frames: int = 3, shape: tuple[int, ...] = (2, 3, 4), **changes: Any) -> Accumulation:
    direct, indirect, specular = np.random.default_rng(3).random((3, *shape), "f4")
    return Accumulation(frames, direct, indirect, specular)._replace(**changes)


def are_equal(a: Accumulation, b: Accumulation) -> bool:
    return a.frames == b.frames and all(np.array_equal(a.textures[name], b.textures[name]) for name in b.textures)


@pytest.mark.parametrize(
    "accumulation",
    [
        make_accumulation(),
        make_accumulation(frames=1, specular=None),
        make_accumulation(frames=5, specular=None, indirect=np.zeros((1, 1, 4), "f4")),
    ],
    ids=["specular", "diffuse", "without bounce"],
)
def test_an_entry_is_loaded_as_it_was_saved(tmp_path: Path, accumulation: Accumulation) -> None:
    ReferenceCache(tmp_path).save(KEY, SHOT, accumulation)
    entry = ReferenceCache(tmp_path).load(KEY, SHOT)
    assert entry and are_equal(entry, accumulation) and entry.textures.keys() == accumulation.textures.keys()
    assert ReferenceCache(tmp_path).load(KEY[::-1], SHOT) is None and NO_CACHE.load(KEY, SHOT) is None


@pytest.mark.slow
def test_a_damaged_entry_is_removed(tmp_path: Path) -> None:
    """Whichever bit is flipped, and wherever the file ends."""
    cache, path = ReferenceCache(tmp_path), tmp_path / f"{KEY}{ENTRY_SUFFIX}"
    cache.save(KEY, SHOT, make_accumulation())
    content = path.read_bytes()
    rng = np.random.default_rng(1)
    assert len(content) > 500
    for position in {*range(64), *range(len(content) - 64, len(content)), *rng.integers(0, len(content), 300)}:
        flipped_content = bytearray(content)
        flipped_content[position] ^= 1 << int(rng.integers(8))
        for damaged_content in (bytes(flipped_content), content[:position], content + content[:position]):
            if damaged_content != content:
                path.write_bytes(damaged_content)
                assert cache.load(KEY, SHOT) is None and not path.exists(), position


NOT_FINITE = (np.nan, np.inf, -np.inf)


def put_value(value: float, name: str) -> Accumulation:
    """An accumulation with a value in the last element of an array."""
    accumulation = make_accumulation()
    accumulation.textures[name][-1, -1, -1] = value
    return accumulation


INVALID: dict[str, Accumulation] = {
    "no frames": make_accumulation(frames=0),
    "negative frames": make_accumulation(frames=-1),
    "more frames than the shot has": make_accumulation(frames=6),
    "10^9 frames": make_accumulation(frames=10**9),
    "another size": make_accumulation(shape=(3, 2, 4)),
    "one row more": make_accumulation(shape=(3, 3, 4)),
    "three channels": make_accumulation(shape=(2, 3, 3)),
    "two dimensions": make_accumulation(shape=(6, 4)),
    "no bounce beside specular": make_accumulation(indirect=np.zeros((1, 1, 4), "f4")),
    "one texel of direct light": make_accumulation(direct=np.zeros((1, 1, 4), "f4")),
    "64 bits": make_accumulation(direct=np.zeros((2, 3, 4))),
    "integers": make_accumulation(indirect=np.zeros((2, 3, 4), "i4")),
    "objects": make_accumulation(direct=np.array([None])),
    **{f"{value} in {name}": put_value(value, name) for value in NOT_FINITE for name in Accumulation._fields[1:]},
}


@pytest.mark.parametrize("name", INVALID)
def test_an_entry_that_does_not_fit_is_removed(tmp_path: Path, name: str) -> None:
    """Although its checksum is right. It is not saved, either."""
    cache, path = ReferenceCache(tmp_path), tmp_path / f"{KEY}{ENTRY_SUFFIX}"
    cache.save(KEY, SHOT, INVALID[name])
    assert not path.exists()
    path.write_bytes(reference_cache._encode_entry(INVALID[name]))
    assert cache.load(KEY, SHOT) is None and not path.exists()


def encode_arrays(**arrays: Any) -> bytes:
    """The bytes of an entry of any arrays, with the right checksum."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return add_checksum(stream.getvalue())


def add_checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=CHECKSUM_BYTES).digest() + content


ONES = np.ones((2, 3, 4), "f4")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        add_checksum(b""),
        add_checksum(b"PK"),
        add_checksum(b"\x80\x04."),
        encode_arrays(),
        encode_arrays(frames=np.array(3), direct=ONES),
        encode_arrays(frames=np.array(3), direct=ONES, indirect=ONES, other=ONES),
        encode_arrays(direct=ONES, indirect=ONES),
        *(encode_arrays(frames=frames, direct=ONES, indirect=ONES) for frames in ([3], "3", 3.0, np.nan, None)),
    ],
)
def test_an_entry_with_other_content_is_removed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / f"{KEY}{ENTRY_SUFFIX}"
    path.write_bytes(data)
    assert ReferenceCache(tmp_path).load(KEY, SHOT) is None and not path.exists()


ERRORS: list[type[Exception]] = [OSError, KeyError, ValueError, EOFError, TypeError, MemoryError, RecursionError]
ERRORS += [NotImplementedError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error]
ERRORS += [UnicodeDecodeError, SyntaxError]


@pytest.mark.parametrize("error", ERRORS)
def test_no_error_of_the_decoder_escapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    cache, path = ReferenceCache(tmp_path), tmp_path / f"{KEY}{ENTRY_SUFFIX}"
    cache.save(KEY, SHOT, make_accumulation())
    arguments = ("utf-8", b"", 0, 1, "") if error is UnicodeDecodeError else ("",)

    def fail(*_: Any, **__: Any) -> None:
        raise error(*arguments)

    monkeypatch.setattr(np, "load", fail)
    assert cache.load(KEY, SHOT) is None and not path.exists()


def test_a_huge_entry_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / f"{KEY}{ENTRY_SUFFIX}"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert ReferenceCache(tmp_path).load(KEY, SHOT) is None and not path.exists()


def test_a_folder_that_cannot_be_written_to_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    ReferenceCache(tmp_path / "file").save(KEY, SHOT, make_accumulation())
    assert (tmp_path / "file").read_text() == ""
    # Entries of a read-only folder are used.
    cache = ReferenceCache(tmp_path)
    cache.save(KEY, SHOT, make_accumulation())
    monkeypatch.setattr(os, "utime", lambda *_: (_ for _ in ()).throw(PermissionError()))
    entry = cache.load(KEY, SHOT)
    assert entry and are_equal(entry, make_accumulation())


def test_nothing_is_saved_after_the_program_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key holds the digest of the source from which the first shader was compiled."""
    monkeypatch.setattr(reference_cache, "compute_source_digest", lambda: "edited meanwhile")
    ReferenceCache(tmp_path).save(KEY, SHOT, make_accumulation())
    assert not list(tmp_path.iterdir())


def test_the_least_recently_used_entries_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, keys = ReferenceCache(tmp_path), {letter: letter * 40 for letter in "abcd"}
    for age, letter in enumerate("bca"):
        cache.save(keys[letter], SHOT, make_accumulation())
        os.utime(tmp_path / f"{keys[letter]}{ENTRY_SUFFIX}", (age, age))
    cache.load(keys["b"], SHOT)
    entry_bytes = (tmp_path / f"{keys['a']}{ENTRY_SUFFIX}").stat().st_size
    monkeypatch.setattr(reference_cache, "MAX_CACHE_BYTES", 2.5 * entry_bytes)
    cache.save(keys["d"], SHOT, make_accumulation())
    assert {path.stem for path in tmp_path.iterdir()} == {keys["b"], keys["d"]}


def test_only_files_of_the_cache_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries of the old format, and temporary files older than a day. The folder may hold files of the user."""
    monkeypatch.setattr(reference_cache, "MAX_CACHE_BYTES", 0)
    old_entry, temporary = f"{'a' * 40}.npz", f".{'b' * 40}{ENTRY_SUFFIX}.12345678"
    removed_names = {old_entry, temporary, f".{'c' * 40}.npz.12345678", f"{'d' * 40}{ENTRY_SUFFIX}"}
    kept_names = {
        "picture.npz",
        "a.mean",
        f"{'a' * 39}.npz",
        f"{'g' * 40}.npz",
        ".hidden",
        f"{'a' * 40}.npz.bak",
    }
    recent_names = {f".{'e' * 40}{ENTRY_SUFFIX}.87654321"}
    for name in (*removed_names, *kept_names, *recent_names):
        (tmp_path / name).write_bytes(b"content")
        if name not in recent_names:
            two_days_ago = time.time() - 2 * 24 * 3600
            os.utime(tmp_path / name, (two_days_ago, two_days_ago))
    (tmp_path / f"{'f' * 40}.npz").mkdir()  # cannot be removed as a file
    ReferenceCache(tmp_path).save(KEY, SHOT, make_accumulation())
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == kept_names | recent_names


# ---- references ----


@pytest.mark.parametrize("kind", [pytest.param("gltf", marks=pytest.mark.slow), "obj", "hdr"])
def test_a_file_that_changes_meanwhile_does_not_change_a_reference(gpu: Gpu, tmp_path: Path, kind: str) -> None:
    """Neither the frames that are still to be drawn, nor the second half, nor what the cache holds under the old key.

    The next reference is that of the new file.
    """
    name, files = write_scene_files(tmp_path, kind)
    shot = replace(make_file_shot(name), width=16, height=9, technique=Reference(rays=1))
    path, content = files[-1], files[-1].read_bytes()
    changed_content = encode_png(np.full((1, 1, 4), 255, "u1")) if path.suffix == ".png" else content[:-32] + bytes(32)

    def render(cache: ReferenceCache, on_frame: ProgressCallback = no_progress) -> references.ReferencePair:
        return references.render_world_reference(gpu, shot, Reference(rays=1), 6, cache, on_frame)

    def replace_file(_: Shot) -> None:
        if path.read_bytes() == content:
            write_changed(path, changed_content)

    expected_pair, cache = render(NO_CACHE), ReferenceCache(tmp_path / "cache")
    actual_pair = render(cache, replace_file)
    later_pair = render(cache)
    write_changed(path, content)
    cached_pair = render(cache)
    for name in references.REFERENCE_ARRAYS:
        for half in ("first", "second"):
            assert (getattr(actual_pair, half)[name] == getattr(expected_pair, half)[name]).all(), (half, name)
            assert (getattr(cached_pair, half)[name] == getattr(expected_pair, half)[name]).all(), (half, name)
    assert (later_pair.first["radiance"] != expected_pair.first["radiance"]).any()
    assert (later_pair.second["radiance"] != expected_pair.second["radiance"]).any()


@pytest.mark.parametrize(
    "values", [{}, {"technique": "ssao"}, {"technique": "ssdo", "ssdo.bounce": False, "scene": "atelier"}]
)
def test_an_interrupted_accumulation_continues(gpu: Gpu, tmp_path: Path, values: dict[str, Any]) -> None:
    """Bit for bit; with indirect light, without, and with specular light alone."""
    shot = make_shot(accumulated_frames=7).with_values(values)
    loaded_shot = load_shot(shot)
    expected = images.read_arrays(gpu, render_all_frames(gpu, shot))
    frames: list[Shot] = []

    def interrupt(shot: Shot) -> None:
        frames.append(shot)
        if len(frames) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Accumulator(gpu, loaded_shot, ReferenceCache(tmp_path)).render_all(interrupt)
    accumulation = ReferenceCache(tmp_path).load(cache_key(gpu, loaded_shot), loaded_shot.shot)
    assert accumulation and accumulation.frames == 3
    render_all_frames(gpu, make_shot(accumulated_frames=2, seed=5))  # something else in between
    for frame_count in (4, 0):
        frames.clear()
        result = Accumulator(gpu, loaded_shot, ReferenceCache(tmp_path)).render_all(frames.append)
        arrays = images.read_arrays(gpu, result)
        assert len(frames) == frame_count
        for name in references.REFERENCE_ARRAYS:
            assert (arrays[name] == expected[name]).all(), name


def test_the_noise_of_a_reference_is_known(gpu: Gpu) -> None:
    """As its standard error, against a much longer render."""
    shot = make_shot(technique="ssdo", environment="sky", scene="corner")
    noisy = references.render_world_reference(gpu, shot, Reference(rays=1), 4, NO_CACHE)
    long = references.render_world_reference(gpu, replace(shot, seed=9), Reference(rays=16), 64, NO_CACHE)
    mask = np.ones((27, 48), bool)
    error = metrics.rmse(noisy.mean["radiance"], long.mean["radiance"], mask)
    assert noisy.noise(mask) == pytest.approx(error, rel=0.2)  # six seeds: standard deviation of 3 %
    assert long.noise(mask) < noisy.noise(mask) / 3
    # RMSE against either is equal except for chance: a standard deviation of 4 % over six seeds.
    radiance = images.read_arrays(gpu, render_all_frames(gpu, shot))["radiance"]
    assert noisy.rmse(radiance, mask) == pytest.approx(long.rmse(radiance, mask), rel=0.1)
    # That against one half has its noise, twice the variance of the mean: a standard deviation of 1.3 %.
    with_noise = np.hypot(long.rmse(radiance, mask), np.sqrt(2) * noisy.noise(mask))
    assert metrics.rmse(radiance, noisy.first["radiance"], mask) == pytest.approx(with_noise, rel=0.06)


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
    denoised_error = break_down(gpu, make_shot(technique="ssdo", **{"ssdo.samples": 4}))
    assert denoised_error.screen_space == few.screen_space and denoised_error.sampling == few.sampling
    assert denoised_error.denoising > 0 and denoised_error.remaining != few.remaining


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
    converged_pair = references.render_converged(gpu, shot, 8, NO_CACHE)
    world_pair = references.render_world_reference(gpu, shot, Reference(rays=16, max_distance=1.0), 8, NO_CACHE)
    depth = images.read_arrays(gpu, render_all_frames(gpu, shot))["depth"]
    near = np.abs(depth - 6.0) < 0.7
    difference = metrics.noise_free_rmse(converged_pair.radiance_pair, world_pair.radiance_pair, near)
    assert difference < 0.04 * world_pair.mean["radiance"][near].mean()


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
        for changed_technique in (technique.with_budget(4), technique.with_fetches(4), technique.with_samples(4)):
            assert changed_technique == technique
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
