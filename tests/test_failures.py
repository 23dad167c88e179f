"""The failure gallery: each scene fails, in the way it says, for want of what the camera does not see, and recovers
when it sees it.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import shoot
from ssdo.commands.bench import failures as bench
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.reference_cache import Store
from ssdo.render.frame_uniforms import positions
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot, Wanted
from ssdo.render.technique import Technique
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.gtao import Gtao
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssao import Ssao
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene import built_in
from ssdo.scene.built_in import failures
from ssdo.scene.built_in.failures import FAILURES, Failure
from ssdo.settings import UserError

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
SMALL: dict[str, Any] = {"width": 80, "height": 45, "sun.resolution": 512, "ssdo.samples": 32, "bitmask.slices": 8}
FAILING = [f for f in FAILURES if f.sign]
ENTRIES = {entry.name: entry for entry in bench.ENTRIES}


def gaps(gpu: Gpu, failure: Failure, values: dict[str, Any], *names: str) -> tuple[list[float], float]:
    """How far each of the gallery's entries is from the truth, mean of the region, and the truth's standard error."""
    found = bench.measured(gpu, failure, Wanted({}, SMALL | values), 8, Store(None), [ENTRIES[name] for name in names])
    return [found.mean[name] - found.mean["truth"] for name in names], found.error


@pytest.mark.parametrize("failure", FAILING, ids=lambda f: f.scene)
def test_it_fails_and_recovers(gpu: Gpu, failure: Failure) -> None:
    """SSDO errs as the gallery says, by many times the noise of the truth; where it can know, a quarter of that is left
    at most.
    """
    (error,), noise = gaps(gpu, failure, {}, "SSDO")
    assert error * failure.sign > 10 * noise, "measured: 26 (foreground) to 351 (overhang) times"
    (cured,), noise = gaps(gpu, failure, dict(failure.cure), "SSDO")
    assert abs(cured) < abs(error) / 4 + 2 * noise, "measured: 0.01 to 0.12 of it"


def test_every_argument_of_the_gallery_is_checked() -> None:
    for name, argument in (
        ("signpost", "height"),
        ("overhang", "depth"),
        ("bouncer", "distance"),
        ("grazing", "angle"),
        ("scale", "factor"),
    ):
        with pytest.raises(UserError, match=f"{argument} = -1: must be"):
            built_in.load(f"{name}:{argument}=-1")


@pytest.mark.parametrize("technique", ["ssao", "ssdo", "reference"])
def test_scale_has_no_unit(gpu: Gpu, technique: str) -> None:
    """Millimetres and kilometres: rays and samples are the same but for rounding, which moves few of them across an
    edge.
    """
    small, large = (f for f in FAILURES if not f.sign)
    entry = next(e for e in (*bench.ENTRIES, bench.TRUTH) if e.technique == technique)
    values = {
        "width": 64,
        "height": 36,
        f"{technique}.{'rays' if technique == 'reference' else 'samples'}": 16,
        "accumulated_frames": 1,
    }
    one, other = (
        images.arrays(gpu, render_accumulated(gpu, bench.shot_of(entry, f, Wanted({}, values)))) for f in (small, large)
    )
    for name in ("open", "direct", "indirect", "radiance"):
        apart = np.abs(one[name] - other[name])
        assert apart.mean() <= 1e-5 * np.abs(one[name]).mean(), f"{name}; measured: 7e-7 at most"


def test_positions_are_those_of_the_probe(gpu: Gpu) -> None:
    shot = Shot().with_values(
        {"scene": "foreground", "width": 64, "height": 36, "denoise.radius": 0, "ssdo.samples": 1, "ssdo.steps": 1}
    )
    p, scene = shoot(gpu, {"scene": "foreground", "ssdo.samples": 1, "ssdo.steps": 1}), built_in.load("foreground")
    found = positions(shot.resolved(scene).frame(scene, 0), p.depth)
    assert np.isnan(found[~p.surface]).all()
    assert np.abs(found - p.position)[p.surface].max() < 1e-6


def test_the_region_is_what_lies_in_the_box(gpu: Gpu) -> None:
    """A region out of sight, or a picture it does not lie in, is no measurement."""
    nowhere = FAILURES[0]._replace(low=(90.0, 90.0, 90.0), high=(91.0, 91.0, 91.0))
    with pytest.raises(UserError, match="not in the picture"):
        bench.measured(gpu, nowhere, Wanted({}, SMALL), 8, Store(None), bench.ENTRIES[:1])


def test_the_gallery_stands_in_the_readme() -> None:
    listed = README[README.index("\nBuilt in: ") : README.index("\nEnvironments: ")]
    for function in failures.ALL:
        (argument,) = inspect.signature(function).parameters
        assert f"`{function.__name__}:{argument}`" in listed
        assert (function.__doc__ or "").count("\n") == 0
    assert {f.scene.partition(":")[0] for f in FAILURES} == {f.__name__ for f in failures.ALL}
    assert bench.HEAD in README
    for failure in FAILURES:
        assert bench.head(failure) in README
    listed = README[README.index(bench.HEAD_PAIRS) :]
    assert all(f"\n| `{failure.scene}` | {bench.TITLES[failure.term]} | " in listed for failure in FAILURES)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [
        "--only",
        "signpost,scale",
        "--width",
        "48",
        "--height",
        "27",
        "--truth-frames",
        "4",
        "--no-cache",
        "--ssdo.samples",
        "4",
        "--ssao.samples",
        "4",
    ]
    flags += ["--gtao.slices", "1", "--bitmask.slices", "1"]
    assert bench.main([*flags, "--output", str(tmp_path)]) == 0
    said = capsys.readouterr()
    lines, paths = said.out.splitlines(), [Path(line) for line in said.err.splitlines()]
    chosen = [f for f in FAILURES if f.scene.startswith(("signpost", "scale"))]
    once, twice = lines[: 2 + len(chosen)], lines[3 + len(chosen) :]
    assert "\n".join(once[:2]) == bench.HEAD and "\n".join(twice[:2]) == bench.HEAD_PAIRS and not lines[2 + len(chosen)]
    assert all(line.startswith(bench.head(f)) for line, f in zip(once[2:], chosen, strict=True))
    assert all(
        line.startswith(f"| `{f.scene}` | {bench.TITLES[f.term]} | ") for line, f in zip(twice[2:], chosen, strict=True)
    )
    assert all(line.count(" | ") == table[0].count(" | ") for table in (once, twice) for line in table[2:])
    assert {entry.technique for entry in (*bench.ONE, bench.TRUTH)} == set(Technique.known) - {"off"}
    assert {one.technique for one, _ in bench.PAIRS} == {
        name for name, kind in Technique.known.items() if hasattr(kind, "depth_layers")
    }
    of_ssdo = [cell.split(" → ") for cell in re.findall(r"[0-9.]+ → [0-9.]+", twice[2])][1]
    # the post has a back; measured: 0.17
    assert of_ssdo[0] == once[2].split(" | ")[4] and abs(float(of_ssdo[1]) - float(of_ssdo[0])) > 0.1
    assert [p.name for p in paths] == ["signpost.png", "scale-factor-0.001.png", "scale-factor-1000.png"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    with pytest.raises(UserError, match="exists; add --overwrite"):
        bench.main([*flags, "--output", str(tmp_path)])


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--only", "signpots"], "did you mean signpost"),
        (["--scene", "ball"], "--scene has no effect"),
        (["--technique", "ssao"], "--technique has no effect"),
        (
            ["--bitmask.depth_layers", "2"],
            "--bitmask.depth_layers has no effect: the gallery has one and two; leave it out",
        ),
        (
            ["--truth-frames", "3", "--width", "16", "--height", "9", "--no-cache", "--only", "overhang"],
            "ask for 4 or more",
        ),
        (["--ssdo.radus", "1"], "unknown flag --ssdo.radus; did you mean --ssdo.radius"),
    ],
)
def test_a_wrong_flag_is_one_line(flags: list[str], words: str) -> None:
    with pytest.raises(UserError) as problem:
        bench.main(flags)
    assert words in str(problem.value)
    assert "\n" not in str(problem.value)


def test_flags_win_over_the_gallery() -> None:
    typed = {"ssdo.radius": 0.5, "ssao.radius": 0.25, "width": 40, "reference.rays": 2}
    wanted = Wanted({"ssdo.steps": 3, "height": 30, "ssdo.depth_layers": "2"}, typed)
    shots = {entry.name: bench.shot_of(entry, FAILURES[0], wanted) for entry in (*bench.ENTRIES, bench.TRUTH)}
    thickness, radius = FAILURES[0].thickness, FAILURES[0].radius
    assert shots["SSDO"].technique == Ssdo(samples=256, steps=3, radius=0.5, thickness=thickness)
    assert shots["SSDO, two intervals"].technique == replace(shots["SSDO"].technique, depth_layers="2")
    assert shots["SSAO"].technique == Ssao(samples=256, steps=64, radius=0.25, thickness=thickness)
    assert shots["truth"].technique == Reference(rays=2)
    assert shots["bitmask"].technique == Bitmask(
        slices=64, steps=64, environment_samples=32, radius=radius, thickness=thickness
    )
    assert shots["GTAO"].technique == Gtao(slices=64, steps=64, radius=radius)
    assert {(shot.scene, shot.width, shot.height, shot.denoise.radius) for shot in shots.values()} == {
        ("signpost", 40, 30, 0)
    }
