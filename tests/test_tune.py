"""The search for parameters, what it minimises, and the presets that come from it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ssdo.commands import tune
from ssdo.commands.tune import Halves, Row, budget, search
from ssdo.commands.tune.budget import Budget
from ssdo.commands.tune.scoring import Seen, drawn, score
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.benchmark_views import places
from ssdo.measure.reference_cache import Store
from ssdo.measure.references import world
from ssdo.render import presets
from ssdo.render.pipeline import render_accumulated
from ssdo.render.shot import Shot, Wanted, add_shot_flags, checked, take_wanted
from ssdo.render.technique import SliceTechnique, Technique
from ssdo.render.techniques.reference import Reference
from ssdo.scene import built_in
from ssdo.settings import Parser, UserError, format_toml, param_of, parse, parse_toml
from test_commands import call

pytest.importorskip("optuna")

TINY = (
    "--width",
    "32",
    "--height",
    "18",
    "--truth-frames",
    "4",
    "--radii",
    "0.3",
    "--scenes",
    "nook",
    "--held-out",
    "",
)
Errors = Callable[[Mapping[str, Any]], float]


def shot(technique: str, **values: Any) -> Shot:
    return Shot().with_values(
        {"technique": technique} | {f"{technique}.{name}": value for name, value in values.items()}
    )


def silent(_: float) -> None:
    pass


def planted(best: Mapping[str, float]) -> Errors:
    """The squared distance from an optimum, in octaves."""
    return lambda values: sum(math.log2(values[name] / value) ** 2 for name, value in best.items())


BEST = {"ssdo.steps": 20, "ssdo.relative_thickness": 0.3, "ssdo.bias": 0.06, "ssdo.environment_footprint": 1.5}


def found(error: Errors, trials: int = 120, seed: int = 0, log: Path | None = None) -> search.Best:
    start = shot("ssdo")
    return search.search(search.box(start, list(BEST)), start.values(), error, trials, seed, search.Log(log), silent)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_planted_optimum_is_recovered(seed: int) -> None:
    """In four dimensions of 6 to 10 octaves each. Over 8 seeds the root of the error, the distance in octaves, was 0.34
    at most.
    """
    best = found(planted(BEST), seed=seed)
    assert best.tries == 120 and not best.interrupted
    assert math.sqrt(best.error) < 0.7
    assert math.sqrt(planted(BEST)(shot("ssdo").values())) > 3.0  # where it began


def test_choices_and_switches_are_searched() -> None:
    start = shot("ssdo")
    sides = search.box(start, ["ssdo.bounce", "ssdo.visibility", "denoise.radius"])
    best = search.search(
        sides,
        start.values(),
        lambda v: v["ssdo.bounce"] + (v["ssdo.visibility"] == "ray-march") + v["denoise.radius"] / 16,
        60,
        3,
        search.Log(None),
        silent,
    )
    assert best.values == {"ssdo.bounce": False, "ssdo.visibility": "single-sample", "denoise.radius": 0}
    assert all(v["denoise.radius"] % 2 == 0 for v in asked(start, sides))


def asked(start: Shot, sides: list[search.Side]) -> list[dict[str, Any]]:
    tried: list[dict[str, Any]] = []

    def error(values: Mapping[str, Any]) -> float:
        tried.append(dict(values))
        return 1.0

    search.search(sides, start.values(), error, 30, 5, search.Log(None), silent)
    return tried


def test_what_is_tried_is_allowed_and_comes_from_the_declarations() -> None:
    """Every number of every technique: a shot can be made of whatever the box holds, and a preset holds just that."""
    for name in ("ssao", "ssdo", "gtao", "bitmask"):
        start = shot(name)
        sides = search.box(
            start, [f"{name}.{f.name}" for f in fields(start.technique) if f.name not in ("radius", "thickness")]
        )
        for values in asked(start, sides):
            tried = {**values, **parse_toml(format_toml(values), "")}
            assert tried == values and values.items() <= start.with_values(values).values().items()
        for side in sides:
            for end in (side.low, side.high) if not side.choices else side.choices:
                start.with_values({side.name: int(end) if side.step else end})


def test_the_same_seed_asks_the_same_and_another_does_not() -> None:
    assert found(planted(BEST), 30, 4) == found(planted(BEST), 30, 4)
    assert found(planted(BEST), 30, 4).values != found(planted(BEST), 30, 5).values


def test_an_interrupted_search_keeps_its_best_and_goes_on(tmp_path: Path) -> None:
    """As if nothing had happened, and without evaluating again what the log has; a last line that was cut off is tried
    again.
    """
    tried: list[Mapping[str, Any]] = []

    def error(values: Mapping[str, Any]) -> float:
        if len(tried) == 20:
            raise KeyboardInterrupt
        tried.append(values)
        return planted(BEST)(values)

    first = found(error, 40, 6, tmp_path / "log")
    assert first.interrupted and first.tries == 20
    assert first.error == min(planted(BEST)(values) for values in tried)
    text = (tmp_path / "log").read_text()
    (tmp_path / "log").write_text(text[:-20])
    again: list[Mapping[str, Any]] = []

    def counted(values: Mapping[str, Any]) -> float:
        again.append(values)
        return planted(BEST)(values)

    assert found(counted, 40, 6, tmp_path / "log") == found(planted(BEST), 40, 6)
    assert len(again) == 21


def test_no_folder_to_write_to_stops_no_search(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert found(planted(BEST), 5, 1, tmp_path / "file" / "log") == found(planted(BEST), 5, 1)


# ---- what is minimised ----


def view(gpu: Gpu, share: float = 0.3, **size: int) -> Seen:
    values = {"width": 64, "height": 36} | size
    (place, *_), _ = places(Shot().with_values(values), ["nook"], [])
    return drawn(gpu, place, [share], 4, Store(None), lambda: None)


def made_by(gpu: Gpu, seen: Seen, technique: Any) -> Seen:
    """The view, as if the technique's own picture were the truth."""
    (radius,) = seen.truths
    picture = render_accumulated(gpu, replace(seen.place.shot, technique=replace(technique, radius=radius)))
    arrays = {
        name: value
        for name, value in images.arrays(gpu, picture).items()
        if name in ("radiance", "direct", "indirect", "open")
    }
    return replace(seen, truths={radius: seen.truths[radius]._replace(first=arrays, second=arrays)})


def test_a_technique_recovers_the_parameters_that_made_the_truth(gpu: Gpu) -> None:
    """At 64 x 36. Over 6 seeds thickness was found to 0.26 octaves and the bounce's weight to 0.06, with a tenth of the
    error or less.
    """
    hidden = {"ssdo.relative_thickness": 0.2, "ssdo.indirect_intensity": 2.5}
    seen = made_by(gpu, view(gpu), shot("ssdo").with_values(hidden).technique)
    halves, start = Halves([seen], [seen]), shot("ssdo")
    row, interrupted = tune.tuned(
        gpu, start, search.box(start, list(hidden)), Budget(points=128), halves, 60, 1, 4, Store(None)
    )
    assert not interrupted
    assert score(gpu, start.with_values(hidden), [seen]) == 0.0
    assert row.tuned[1] < row.tuned[0] / 5
    for name, value in hidden.items():
        assert abs(math.log2(getattr(row.shot.technique, name.partition(".")[2]) / value)) < 0.5


def test_a_score_is_that_of_the_pictures(gpu: Gpu) -> None:
    """Measured anew, by hand: the radius is the view's, thickness a share of it."""
    seen = view(gpu)
    (radius, true), *_ = seen.truths.items()
    assert radius == pytest.approx(0.3 * built_in.load("nook").size)
    assert np.array_equal(
        world(gpu, seen.place.shot, Reference(rays=4, max_distance=radius), 4, Store(None)).pair, true.pair
    )
    values = {"ssdo.relative_thickness": 0.4, "ssdo.samples": 5}
    by_hand = {"ssdo.samples": 5, "ssdo.radius": radius, "ssdo.thickness": 0.4 * radius}
    arrays = images.arrays(
        gpu, render_accumulated(gpu, Shot().with_values({"scene": "nook", "width": 64, "height": 36, **by_hand}))
    )
    mask = np.isfinite(arrays["depth"])
    expected = true.error(arrays["radiance"], mask) / true.mean["radiance"][mask].mean()
    assert score(gpu, shot("ssdo").with_values(values), [seen]) == pytest.approx(expected, rel=1e-6)


def test_views_do_not_disturb_one_another(gpu: Gpu) -> None:
    """Each keeps its surfaces, whatever is drawn after it."""
    seen, before = [], []
    for place in places(Shot().with_values({"width": 32, "height": 18}), ["nook", "corner"], [])[0]:
        seen.append(drawn(gpu, place, [0.3], 4, Store(None), lambda: None))
        before.append(score(gpu, shot("ssao"), seen[-1:]))
    assert len(set(before)) == 3
    assert [score(gpu, shot("ssao"), [one]) for one in reversed(seen)] == before[::-1]


def test_no_view_is_tuned_on_and_held_out() -> None:
    tuned, held = places(Shot(), ["courtyard", "nook", "corner"], ["parlour"])
    assert [place.name for place in tuned] == ["courtyard 1", "courtyard 2", "nook 1", "nook 2", "corner 1"]
    assert [place.name for place in held] == ["courtyard 3", "nook 3", "parlour 1", "parlour 2", "parlour 3"]
    assert len({place.shot for place in [*tuned, *held]}) == 10
    with pytest.raises(UserError, match="--held-out nook: is among --scenes"):
        places(Shot(), ["nook"], ["nook"])


def test_a_thickness_is_a_share_of_the_radius_unless_it_is_set() -> None:
    for name in ("ssao", "ssdo", "bitmask"):
        technique: Any = Technique.known[name]
        assert technique(radius=2.0).resolve_lengths(9.0).thickness == 2.0
        assert technique(radius=2.0, thickness_share=0.25).resolve_lengths(9.0).thickness == 0.5
        assert technique(thickness_share=0.5).resolve_lengths(10.0).thickness == pytest.approx(0.75)
        assert technique(radius=2.0, thickness=3.0, thickness_share=0.25).resolve_lengths(9.0).thickness == 3.0
        assert technique(radius=1e-4, thickness_share=0.01).resolve_lengths(1.0).thickness == 1e-4


# ---- cost ----


@pytest.mark.parametrize("name", ["ssao", "ssdo", "gtao", "bitmask"])
@pytest.mark.parametrize("points", [2, 5, 32, 128, 16384])
def test_a_budget_of_points_is_kept_and_used(name: str, points: int) -> None:
    for steps in (1, 3, 16, 64):
        filled: Any = Budget(points=points).filled(shot(name, steps=steps).technique)
        assert budget.points(filled) <= points and filled.steps <= steps
        most = 64 if isinstance(filled, SliceTechnique) else 256
        assert budget.points(filled) + budget.each(filled) > points or getattr(filled, budget.count_of(filled)) == most


def test_a_budget_of_milliseconds(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that tells 0.1 ms for each point: what costs more is not chosen, and the default has as many samples
    as fit.
    """
    monkeypatch.setattr(Budget, "cost", lambda self, gpu, technique, views: 0.1 * budget.points(technique))
    limit, start = Budget.read("5ms"), shot("ssdo")
    assert str(limit) == "5 ms of the technique's own passes"
    reached: Any = limit.reached(gpu, start.technique, [])
    assert reached.samples == 6 and reached.steps == 8  # 48 points, 56 would be 5.6 ms
    free = tune._free(start, None, limit, ["ssdo"])
    assert "ssdo.samples" in free and "ssdo.samples" not in tune._free(start, None, Budget(points=9), ["ssdo"])

    def error(values: Mapping[str, Any]) -> float:
        technique = start.with_values(values).technique
        return -budget.points(technique) if limit.allows(gpu, technique, []) else math.inf

    best = search.search(
        search.box(start, free), replace(start, technique=reached).values(), error, 40, 1, search.Log(None), silent
    )
    assert 48 <= budget.points(start.with_values(best.values).technique) <= 50


def test_milliseconds_are_those_of_the_techniques_passes(gpu: Gpu) -> None:
    """Processor time on a software renderer: 64 samples of 8 steps take longer than one, whatever else runs. Measured
    20 times as long.
    """
    seen = view(gpu)
    few, many = (shot("ssdo", samples=n, radius=0.3).technique for n in (1, 256))
    assert 0 < Budget(ms=1.0).cost(gpu, few, [seen.view]) < Budget(ms=1.0).cost(gpu, many, [seen.view])


# ---- the command ----


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Tunes, writes, goes on from its log, and scores what it wrote as it did before."""
    out, cache = tmp_path / "mine.toml", tmp_path / "cache"
    arguments = (
        "tune",
        *TINY,
        "--techniques",
        "ssao,gtao",
        "--budget",
        "32",
        "--trials",
        "6",
        "--output",
        out,
        "--cache",
        cache,
    )
    assert call(monkeypatch, *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[1] for line in lines[2:]] == ["ssao", "gtao"]
    text = out.read_text()
    assert (
        all(f"# {line}" in text for line in lines)
        and "# python -m ssdo tune --width 32" in text
        and "32 points at each pixel" in text
    )
    values = checked(parse_toml(text, "mine"), out)
    assert values["ssao.samples"] * values["ssao.steps"] <= 32 >= 2 * values["gtao.slices"] * values["gtao.steps"]
    assert not [name for name in values if name.endswith(("radius", ".thickness"))]
    assert len(list(cache.glob("tune-*.jsonl"))) == 2

    monkeypatch.setattr(
        tune,
        "score",
        lambda gpu, shot, seen: (
            score(gpu, shot, seen) if shot.technique.group != "ssao" or len(seen) else pytest.fail("again")
        ),
    )
    assert call(monkeypatch, *arguments) == 2 and "exists; add --overwrite" in capsys.readouterr().err
    assert call(monkeypatch, *arguments, "--overwrite") == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert call(monkeypatch, "tune", *TINY, "--score", out, "--cache", cache) == 0
    again = capsys.readouterr().out.splitlines()
    for line, before in zip(again[2:4], lines[2:], strict=True):
        assert line.split(" | ")[4] == before.split(" | ")[4]
        if "no better" not in text:
            assert line == before


def test_what_does_not_hold_elsewhere_is_not_written(tmp_path: Path) -> None:
    """A preset better where it was tuned and worse on the views held out stands with its figures, but the default's
    values.
    """
    start = shot("ssao")
    better = start.with_values({"ssao.steps": 16, "ssao.bias": 0.3, "denoise.max_normal_angle": 40.0})
    for held, bias, angle in ((0.9, 0.3, 40.0), (1.1, 0.02, 25.0)):
        row = Row("p", better, start, (1.0, 0.8), (1.0, held))
        tune.write(
            tmp_path / "p.toml",
            [row],
            {"ssao": search.box(start, ["ssao.bias", "denoise.max_normal_angle"])},
            Budget(points=128),
            ["how"],
        )
        text = (tmp_path / "p.toml").read_text()
        assert parse_toml(text, "") == {
            "ssao.samples": 16,
            "ssao.steps": 16 if held < 1 else 8,
            "ssao.bias": bias,
            "denoise.max_normal_angle": angle,
        }
        assert ("no better than the default" in text) == (held > 1)


def test_an_interruption_writes_the_best_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: search.Log, values: Mapping[str, Any], evaluate: Errors) -> float:
        if len(self) == 3:
            raise KeyboardInterrupt
        self._errors[str(len(self))] = 1.0
        return evaluate(values)

    monkeypatch.setattr(search.Log, "error", interrupted)
    out = tmp_path / "p.toml"
    assert (
        call(monkeypatch, "tune", *TINY, "--techniques", "ssao,ssdo", "--trials", "9", "--output", out, "--no-cache")
        == 130
    )
    assert "interrupted: the best so far" in out.read_text() and {
        k.partition(".")[0] for k in parse_toml(out.read_text(), "")
    } == {"ssao"}


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((), "--output is missing: the preset is written to a .toml file; add --output my.toml"),
        (("--output", "a.txt"), "--output a.txt: the preset is written to a .toml file"),
        (
            ("--techniques", "off", "--output", "a.toml"),
            "--techniques off: has nothing to tune; there are bitmask, gtao, ssao, ssdo",
        ),
        (("--techniques", "ssa", "--output", "a.toml"), "no technique ssa; did you mean ssao?"),
        (
            ("--budget", "1", "--output", "a.toml"),
            "--budget 1: must be points at each pixel, 2 to 16384, as in 128, or milliseconds, as in 5ms",
        ),
        (("--budget", "0ms", "--output", "a.toml"), "--budget 0ms: must be points"),
        (("--trials", "0", "--output", "a.toml"), "--trials 0: must be 1 to 100000"),
        (("--radii", "0", "--output", "a.toml"), "--radii 0: must be numbers from 0.001 to 10"),
        (("--ssdo.radius", "1", "--output", "a.toml"), "--ssdo.radius has no effect: tune chooses"),
        (("--scene", "ball", "--output", "a.toml"), "--scene has no effect: tune chooses"),
        (
            ("--free", "ssdo.bia", "--techniques", "ssdo", "--output", "a.toml"),
            "--free ssdo.bia: no such parameter of ssdo; did you mean ssdo.bias?",
        ),
        (
            ("--free", "scene", "--techniques", "ssdo", "--output", "a.toml"),
            "--free scene: not a number with ends, a switch or a choice",
        ),
        (
            ("--free", "ssdo.bias,blur.angle", "--techniques", "ssdo,ssao", "--output", "a.toml"),
            "--free blur.angle: a preset has one for all techniques",
        ),
        (
            ("--free", "ssdo.bias", "--techniques", "ssao", "--output", "a.toml"),
            "--free ssdo.bias: nothing of ssao is among it",
        ),
        (
            ("--free", "ssdo.radius", "--techniques", "ssdo", "--output", "a.toml"),
            "--free ssdo.radius: the radii are those of --radii",
        ),
        (
            ("--free", "ssdo.samples", "--techniques", "ssdo", "--output", "a.toml"),
            "--free ssdo.samples: it follows from the budget",
        ),
        (("--score", "low", "--trials", "3"), "--trials has no effect beside --score"),
        (("--score", "lowest"), "no preset lowest; did you mean low?, or give a path to a .toml file"),
        (
            ("--scenes", "corner", "--held-out", "", "--output", "a.toml"),
            "no view is held out: the scenes have fewer than three cameras each",
        ),
        (("--scenes", "nook", "--held-out", "nook", "--output", "a.toml"), "--held-out nook: is among --scenes"),
    ],
)
def test_mistakes(
    arguments: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "tune", *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out
    assert not os.listdir(tmp_path)  # noqa: PTH208 - nothing was written


def test_without_optuna_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    assert call(monkeypatch, "tune", "--output", tmp_path / "a.toml") == 2
    assert "tune needs Optuna, which is not installed; pip install optuna" in capsys.readouterr().err


# ---- presets ----


def test_presets_come_with_the_program_and_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = presets.built_in()
    assert list(known) == ["low", "medium", "high", "ultra"]
    parser = Parser("test")
    add_shot_flags(parser)
    monkeypatch.chdir(tmp_path)
    for name in known:
        wanted = take_wanted(parse(parser, ["--preset", name, "--technique", "gtao"]))
        (one,) = wanted.shots()
        assert one.technique.group == "gtao" and wanted.found["gtao.slices"] == one.technique.slices  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"no preset lo; did you mean low\?, or give a path to a .toml file"):
        take_wanted(parse(parser, ["--preset", "lo"]))
    with pytest.raises(UserError, match="no preset quick; there are low, medium, high, ultra"):
        take_wanted(parse(parser, ["--preset", "quick"]))
    (tmp_path / "low").write_text("width = 77\n")  # a file of that name is meant
    assert take_wanted(parse(parser, ["--preset", "low"])).shots()[0].width == 77


def test_a_preset_decides_quality_and_nothing_else() -> None:
    """Every technique with a cost, within the points of its tier and its parameters' own ranges; no length, so that it
    suits every scene.
    """
    for tier, points in zip(presets.TIERS, (32, 64, 128, 256), strict=True):
        path = presets.built_in()[tier]
        values = checked(parse_toml(path.read_text("utf-8"), tier), path)
        assert {name.partition(".")[0] for name in values} == {"bitmask", "gtao", "ssao", "ssdo"}
        assert not [name for name in values if name.endswith((".radius", ".thickness", ".bounce_gain"))]
        for name in ("bitmask", "gtao", "ssao", "ssdo"):
            technique = Wanted(values, {}).shot(name).technique
            assert points / 2 < budget.points(technique) <= points, (tier, name)
            assert all(param_of(f).unit == "" for f in fields(technique) if f"{name}.{f.name}" in values)


def test_every_preset_says_how_it_was_found_and_beats_the_defaults_held_out() -> None:
    """As its head and the README say: where the search found nothing better, the default's values stand, with the same
    number of points.
    """
    readme = (presets.FOLDER.parents[1] / "README.md").read_text("utf-8")
    for tier, path in presets.built_in().items():
        head = [line[2:] for line in path.read_text("utf-8").splitlines() if line.startswith("# ")]
        assert any(line.startswith("python -m ssdo tune") for line in head)
        rows = [line.strip("| ").split(" | ") for line in head if line.startswith(f"| {tier} ")]
        assert [row[1] for row in rows] == ["bitmask", "gtao", "ssao", "ssdo"]
        assert all(line in readme for line in head if line.startswith("| "))
        for row in rows:
            default, tuned = (float(cell.rstrip("%")) for cell in row[6:8])
            assert tuned < default or any(line.startswith(f"{row[1]}: no better than the default") for line in head), (
                tier,
                row,
            )
