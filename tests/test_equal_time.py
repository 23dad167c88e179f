"""`bench equal`: who may win, by what is known of whom, and whether its figures are those of the pictures."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ssdo.commands.bench import equal, equal_time
from ssdo.commands.bench.equal_time import (
    PROBES,
    PUBLISHED,
    QUANTITIES,
    SSAO,
    UNLIMITED,
    Candidate,
    Contender,
    Figures,
    Key,
    Outcome,
)
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.benchmark_views import places
from ssdo.measure.metrics import noise_free_rmse
from ssdo.measure.reference_cache import Store
from ssdo.measure.references import screen, world
from ssdo.render import probes
from ssdo.render.pipeline import render_accumulated
from ssdo.render.probe_grid import ProbeSettings
from ssdo.render.shot import Shot
from ssdo.render.techniques.bitmask import Bitmask
from ssdo.render.techniques.reference import Reference
from ssdo.render.techniques.ssao import Ssao
from ssdo.render.techniques.ssdo import Ssdo
from ssdo.scene import built_in
from test_commands import call

SSDO = "SSDO"
BUDGETS = {"1x": 4.0}


def candidate(contender: str, number: int) -> Candidate:
    return Candidate(contender, Ssdo(samples=number), 0.15)


def figures(one: Candidate, ms: float, *errors: float) -> Figures:
    """In as many views as there are errors; of final light and of direct light the same."""
    return Figures(one, (ms,) * len(errors), dict.fromkeys(QUANTITIES, errors))


def outcome(*found: tuple[Figures, Figures]) -> Outcome:
    """Of figures in the views tuned on and in those held out."""
    tuned = [first for first, _ in found]
    picked = equal_time.chosen(tuned, BUDGETS)
    held = {one.candidate: one for _, one in found}
    names = [[f"nook {n}" for n, _ in enumerate(half.errors["direct"], 1)] for half in found[0]]
    return Outcome(
        (names[0], names[1]),
        BUDGETS,
        tuned,
        {key: held[one] for key, one in picked.items()},
        dict.fromkeys(QUANTITIES, 1.0),
        {8: [0.2]},
        [0.1],
    )


# ---- who is chosen ----


def test_what_takes_longer_is_never_chosen() -> None:
    """However little it errs; time is the mean over views."""
    fast, slow, even = (candidate(SSDO, n) for n in (1, 2, 3))
    found = [
        figures(fast, 3.0, 0.5, 0.7),
        figures(slow, 4.1, 0.0, 0.0),
        Figures(even, (7.0, 1.0), dict.fromkeys(QUANTITIES, (0.4, 0.7))),
    ]
    assert equal_time.best(found, SSDO, "direct", 4.0) == even
    assert equal_time.best(found[:2], SSDO, "direct", 4.0) == fast
    assert equal_time.best(found, SSDO, "direct", 5.0) == slow
    assert equal_time.best(found, SSDO, "direct", 2.0) is None
    assert equal_time.best(found, SSAO, "direct", 5.0) is None


def test_each_quantity_has_a_choice_of_its_own() -> None:
    one, other = candidate(SSDO, 1), candidate(SSDO, 2)
    found = [
        Figures(one, (1.0,), {"radiance": (0.1,), "direct": (0.4,)}),
        Figures(other, (1.0,), {"radiance": (0.2,), "direct": (0.3,)}),
    ]
    assert equal_time.chosen(found, BUDGETS) == {Key("radiance", "1x", SSDO): one, Key("direct", "1x", SSDO): other}


def test_views_held_out_decide_nothing() -> None:
    """Neither which settings a contender has, nor which contender is called the best; they do decide whether enough was
    reached.
    """
    best, good, ssao, published = (
        candidate(SSDO, 1),
        candidate("bitmask", 2),
        candidate(SSAO, 3),
        candidate(PUBLISHED, 4),
    )
    rivals = [(figures(one, 1.0, 1.0, 1.0), figures(one, 1.0, 1.0)) for one in (ssao, published)]
    found = outcome(
        *rivals,
        (figures(best, 1.0, 0.1, 0.2), figures(best, 1.0, 0.6)),
        (figures(good, 1.0, 0.2, 0.3), figures(good, 1.0, 0.1)),
    )
    assert found.first("direct", "1x") == SSDO
    # of all three views, and of the one held out
    assert found.ratios(Key("direct", "1x", SSDO), SSAO) == pytest.approx((0.3, 0.6))
    assert equal_time.verdict(found, "direct", "1x").endswith(
        "errs by 0.30 of SSAO (held out 0.60) and 0.30 of SSDO as published (held out 0.60); at most 0.5 is asked for: no."
    )
    found = outcome(*rivals, (figures(best, 1.0, 0.1, 0.2), figures(best, 1.0, 0.4)))
    assert equal_time.verdict(found, "direct", "1x").endswith("asked for: yes.")
    assert equal_time.by_scene(found)[2] == "| nook | 1.000 | 1.000 | 0.233 | 1.000 | 1.000 | 0.233 |"


def test_in_unlimited_time_direct_light_is_what_more_is_asked_of() -> None:
    one, ssao = candidate(SSDO, 1), candidate(SSAO, 2)
    tuned = [Figures(ssao, (), dict.fromkeys(QUANTITIES, (1.0,))), Figures(one, (), dict.fromkeys(QUANTITIES, (0.45,)))]
    held = {
        key: next(f for f in tuned if f.candidate == c)
        for key, c in equal_time.chosen(tuned, {UNLIMITED: math.inf}).items()
    }
    found = Outcome(
        (["nook 1"], ["nook 3"]), {UNLIMITED: math.inf}, tuned, held, dict.fromkeys(QUANTITIES, 1.0), {8: [0.2]}, [0.1]
    )
    assert (
        equal_time.verdict(found, "direct", UNLIMITED)
        == "Direct light, unlimited: SSDO errs by 0.45 of SSAO (held out 0.45); at most 0.4 is asked for: no."
    )
    assert (
        equal_time.verdict(found, "radiance", UNLIMITED)
        == "Final light, unlimited: SSDO errs by 0.45 of SSAO (held out 0.45)."
    )


def test_who_has_nothing_so_fast_is_said() -> None:
    slow, fast = candidate(SSAO, 1), candidate(SSDO, 2)
    found = outcome(
        (figures(slow, 9.0, 1.0), figures(slow, 9.0, 1.0)), (figures(fast, 1.0, 0.1), figures(fast, 1.0, 0.1))
    )
    assert (
        equal_time.table(found, "direct")[-1].startswith("| 1x, 4.0 ms | SSAO; GTAO; SSDO as published; ")
        and "none is as fast" in equal_time.table(found, "direct")[-1]
    )
    assert "SSAO is not as fast" in equal_time.verdict(found, "direct", "1x")
    assert equal_time.verdict(found, "direct", "9x") == "Direct light, 9x: nothing is as fast."


def test_all_have_the_same_radii_and_resolutions() -> None:
    """And the one that budgets are multiples of is among them."""
    found = equal_time.candidates([0.15, 0.5])
    assert len(set(found)) == len(found)
    assert replace(equal_time.DEFAULT, contender=SSAO) in found
    for one in equal_time.CONTENDERS:
        assert {(f.share, f.resolution) for f in found if f.contender == one.name} == {
            (s, r) for s in (0.15, 0.5) for r in ("full", "half")
        }
    assert all(
        f.technique == f.technique.as_converged() and f.resolution == "full" for f in equal_time.unlimited([0.15])
    )


# ---- what is measured ----


def seen(gpu: Gpu) -> equal.Seen:
    (place, *_), _ = places(Shot().with_values({"technique": "off", "width": 48, "height": 27}), ["nook"], [])
    return equal.drawn(gpu, place, 8, Store(None), lambda: None)


def test_an_error_is_that_of_the_pictures(gpu: Gpu) -> None:
    """Measured anew, by hand; direct light is irradiance over pi."""
    size = built_in.load("nook").size
    values = {
        "scene": "nook",
        "width": 48,
        "height": 27,
        "lighting.resolution": "half",
        "probes.enabled": True,
        "probes.grid_size": 8,
    }
    shot = Shot().with_values(values | {"ssdo.samples": 4, "ssdo.radius": 0.3 * size, "ssdo.thickness": 0.3 * size})
    (found,) = equal.measured(gpu, seen(gpu), [Candidate(SSDO, Ssdo(samples=4), 0.3, "half", PROBES)], 3, lambda: None)
    arrays, truth = (
        images.arrays(gpu, render_accumulated(gpu, shot)),
        world(gpu, shot.resolved(built_in.load("nook")), Reference(rays=4), 8, Store(None)),
    )
    mask = np.isfinite(arrays["depth"])
    assert found.errors["radiance"] == (noise_free_rmse(arrays["radiance"], truth.pair, mask),)
    direct = noise_free_rmse(arrays["direct"], (truth.first["direct"], truth.second["direct"]), mask) / math.pi
    assert found.error("direct") == pytest.approx(direct, rel=1e-5)


def test_in_unlimited_time_nothing_is_left_of_the_samples(gpu: Gpu) -> None:
    """Against its own screen truth a technique errs by its noise, which is taken out: what is left came to -0.004 to 0
    of the MSE of one sample's frame, and to 0.024 to 0.032 with one picture given twice.
    """
    view = seen(gpu)
    for technique in (Ssao(samples=1), Ssdo(samples=1)):
        one = Candidate("", technique.as_converged(), 0.3)
        true = screen(gpu, one.shot(view.place.shot, view.view.scene.size), 64, Store(None))
        own = view._replace(truths=equal.twice(true))
        (frame,) = equal.measured(gpu, own, [replace(one, technique=technique)], 3, lambda: None)
        patient = equal.converged(gpu, own, one, lambda: None)
        assert not patient.ms and all((patient.error(q) / frame.error(q)) ** 2 < 0.012 for q in QUANTITIES)


def test_time_is_of_what_lights(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is drawn anew for every frame but what all share; the probes are not, they stay. The clock here counts
    passes.
    """
    view, one = seen(gpu), Candidate("bitmask", Bitmask(slices=1), 0.3, "half", PROBES)
    equal.draw(gpu, view, one)
    target = gpu.targets[f"{one.scope}/{probes.TARGET}"].textures[0]
    before, passes = target.extra, {"subsample:matte", "bitmask:direct", "bounce_sources:matte", "bitmask:indirect"}
    passes |= {"denoise:across", "denoise:down", "upsample:matte"}
    measured: list[dict[str, list[float]]] = []

    def summed(readings: dict[str, list[float]], counts: object) -> dict[str, float]:
        measured.append({name: times for name, times in readings.items() if counts(name)})  # type: ignore[operator]
        return {"median": 1.0}

    monkeypatch.setattr(equal, "summed", summed)
    equal.measured(gpu, view, [one], 3, lambda: None)
    assert measured[0].keys() == passes and all(len(times) == 3 and min(times) > 0 for times in measured[0].values())
    assert target.extra == before


def test_one_scene_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [
        (SSAO, (Ssao(samples=2, steps=2), Ssao(samples=4, steps=4))),
        (PUBLISHED, (Ssdo(samples=4, visibility="single-sample", bounce_estimator="form-factor"),)),
    ]
    probes = Contender("SSDO, probes", (Ssdo(samples=4, steps=4),), ProbeSettings(enabled=True, grid_size=4))
    monkeypatch.setattr(equal_time, "CONTENDERS", (*(Contender(*one) for one in few), probes))
    monkeypatch.setattr(equal_time, "PATIENT", 4)
    out = tmp_path / "equal.json"
    small = (
        "--scenes",
        "nook",
        "--held-out",
        "",
        "--radii",
        "0.3",
        "--width",
        "32",
        "--height",
        "18",
        "--truth-frames",
        "4",
        "--no-cache",
    )
    arguments = ("bench", "equal", *small, "--budgets", "1000ms,0.0001ms", "--clock", "cpu", "--output", out)
    assert call(monkeypatch, *arguments) == 0
    lines, found = capsys.readouterr().out.splitlines(), json.loads(out.read_text())
    assert found["views"] == {"tuned on": ["nook 1", "nook 2"], "held out": ["nook 3"]} and found["budgets"] == {
        "1000ms": 1000.0,
        "0.0001ms": 0.0001,
    }
    rows = [line.split(" | ")[:2] for line in lines if line.startswith(("| 1000ms", "| 0.0001ms", "| unlimited"))]
    names = [SSAO, PUBLISHED, "SSDO, probes"]
    expected = [[f"| {time}", name] for time in ("1000ms, 1000.0 ms", UNLIMITED) for name in names]
    assert rows == 2 * [*expected[:3], ["| 0.0001ms, 0.0 ms", "; ".join(names)], *expected[3:]]
    means = {
        row["settings"]: np.mean(row["tuned on"]["radiance"])
        for row in found["rows"]
        if row["contender"] == SSAO and row["time"] != UNLIMITED
    }
    settings = min(means, key=lambda name: means[name])
    assert {"quantity": "radiance", "budget": "1000ms", "contender": SSAO, "settings": settings} in found[
        "chosen"
    ] and len(means) == 4
    (held,) = (
        row["held out"]["radiance"]
        for row in found["rows"]
        if (row["contender"], row["settings"], row["time"]) == (SSAO, settings, "limited")
    )
    assert [lines[4].split(" | ")[n] for n in (2, 4, 5)] == [settings, f"{means[settings]:.3f}", f"{held[0]:.3f}"]
    assert {one["budget"] for one in found["chosen"]} == {"1000ms", UNLIMITED}
    assert call(monkeypatch, *arguments) == 2
    assert "exists; add --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ["--budgets", "5"],
            "--budgets 5: must be milliseconds, as in 5ms, or multiples of what SSAO takes, as in 0.25x",
        ),
        (["--budgets", "0x"], "--budgets 0x: must be milliseconds"),
        (["--radii", "0"], "--radii 0: must be numbers from 0.001 to 10"),
        (["--runs", "2"], "--runs 2: must be 3 to 1000"),
        (["--clock", "sun"], "argument --clock: invalid choice: 'sun'"),
        (["--scenes", "nok"], "no scene nok; did you mean nook?"),
        (["--scenes", "nook", "--held-out", "nook"], "--held-out nook: is among --scenes"),
        (["--scenes", "ball", "--held-out", ""], "no view is held out"),
        (
            ["--ssdo.radius", "1"],
            "--ssdo.radius has no effect: the bench chooses views, techniques and how they light itself; leave it out",
        ),
        (["--probes.enabled", "probes"], "--probes.enabled has no effect"),
        (["--lighting.resolution", "half"], "--lighting.resolution has no effect"),
    ],
)
def test_mistakes(
    arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "bench", "equal", *arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out
