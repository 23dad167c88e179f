"""Drafts of `compare`: how they lead to the result, what their page says, progress, and ending early."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from labelled_data import NO_CACHE
from ssdo.commands.compare import stages
from ssdo.commands.compare.comparison import ANTIALIASING, CAUSES, COST, FLIP, ComparisonPlan, Draft
from ssdo.commands.compare.report import ReportWriter, describe_draft
from ssdo.gpu.context import Gpu
from ssdo.measure import metrics
from ssdo.measure.progress import Progress, WorkEstimate, parse_progress
from ssdo.measure.reference_cache import ENTRY_SUFFIX, ReferenceCache
from ssdo.measure.references import GrowingReference, render_world_reference
from ssdo.render.pipeline import load_shot_scene
from ssdo.render.shot import Shot
from ssdo.render.techniques.reference import Reference
from test_commands import heed_interrupts

ROOT = Path(__file__).parents[1]
RUN = {"command": "the command", "renderer": "the renderer", "timer": "the timer"}
SMALL = {"scene": "nook", "width": 16, "height": 9, "antialias": 2}


def make_shot(**values: Any) -> Shot:
    shot = Shot().with_values(SMALL | values)
    return shot.resolve(load_shot_scene(shot))


def make_plan(**changes: Any) -> ComparisonPlan:
    shots = [make_shot(technique=technique) for technique in ("off", "ssao")]
    return replace(ComparisonPlan(shots, "reference", Reference(), 16, 4), **changes)


# ---- the reference in steps ----


def test_a_reference_in_steps_is_that_of_one_step(gpu: Gpu, tmp_path: Path) -> None:
    """Bit for bit, and from the cache too. The noise falls from step to step."""
    shot, technique = make_shot(technique="ssao"), Reference()
    expected = render_world_reference(gpu, shot, technique, 24, NO_CACHE)
    growing = GrowingReference(gpu, shot, technique, 24, ReferenceCache(tmp_path))
    counts, noises = [], []
    for pair in growing.render_steps():
        counts.append(growing.frames)
        noises.append(metrics.rmse(*pair.radiance_pair))
    assert counts == [2, 4, 8, 16, 24] and growing.planned_frames == 24
    assert noises == sorted(noises, reverse=True)
    for half in ("first", "second"):
        for name, values in getattr(expected, half).items():
            assert (getattr(pair, half)[name] == values).all(), (half, name)
    again, frames = GrowingReference(gpu, shot, technique, 24, ReferenceCache(tmp_path)), list[Shot]()
    assert again.frames == 24
    (cached,) = again.render_steps(frames.append)
    assert not frames and (cached.first["radiance"] == expected.first["radiance"]).all()


def test_a_closed_reference_continues(gpu: Gpu, tmp_path: Path) -> None:
    """Each half from its own frames, also where one has more of them."""
    shot, technique, cache = make_shot(technique="ssao"), Reference(), ReferenceCache(tmp_path)
    expected = render_world_reference(gpu, shot, technique, 12, NO_CACHE)
    frames: list[Shot] = []

    def interrupt(shot: Shot) -> None:
        frames.append(shot)
        if len(frames) == 3:  # the second frame of the first half
            raise KeyboardInterrupt

    steps = GrowingReference(gpu, shot, technique, 12, cache).render_steps(interrupt)
    next(steps)
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    growing = GrowingReference(gpu, shot, technique, 12, cache)
    assert growing.frames == 3
    counts = []
    for pair in growing.render_steps():  # noqa: B007 - the last one is used
        counts.append(growing.frames)
    assert counts == [3, 4, 8, 12]
    assert all((pair.second[name] == values).all() for name, values in expected.second.items())


# ---- stages ----


def test_drafts_lead_to_the_same_result(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there are many or none; each has more than the last one."""
    for name in ("flip", "flip_hdr"):  # slow, and tested with the other metrics
        monkeypatch.setattr(metrics, name, metrics.rmse)
    plan = make_plan()
    for name in ("DRAFT_INTERVAL", "DRAFT_DEADLINE"):
        monkeypatch.setattr(stages, name, 1e9)
    (expected,) = stages.refine_comparison(gpu, plan, NO_CACHE)
    monkeypatch.setattr(stages, "DRAFT_INTERVAL", 0.0)
    monkeypatch.setattr(stages, "DRAFT_DEADLINE", 0.0)
    *drafts, result = stages.refine_comparison(gpu, plan, NO_CACHE)

    flip = [FLIP] * metrics.has_flip()
    states = [(draft.draft.frames, list(draft.draft.missing)) for draft in drafts if draft.draft]
    assert states == [
        (0, [ANTIALIASING, COST, CAUSES, *flip]),
        (2, [ANTIALIASING, COST, CAUSES, *flip]),
        (2, [CAUSES, *flip]),
        (4, flip),
        (8, flip),
    ]
    assert drafts[0].reference is None and drafts[0].entries[1].errors is None
    assert drafts[1].reference and drafts[1].reference.label.endswith("2 of 16 frames")
    for draft in drafts[1:]:
        for entry in draft.entries:
            assert entry.errors and not any("flip" in name for name in entry.errors)
            assert (entry.cost is None) == (entry.picture is None) == (draft is drafts[1])
    assert [draft.entries[1].error_breakdown is None for draft in drafts] == [True, True, True, False, False]

    assert result.draft is expected.draft is None and result.reference_noise == expected.reference_noise
    assert result.reference and expected.reference and result.reference.label == expected.reference.label
    assert result.reference.label.endswith(" 16 frames")
    for entry, other in zip(result.all_entries, expected.all_entries, strict=True):
        assert (entry.errors, entry.error_breakdown) == (other.errors, other.error_breakdown)
        assert (entry.pixels == other.pixels).all()
        assert all((values == other.components[name]).all() for name, values in entry.components.items())


@pytest.mark.slow
def test_the_error_of_a_draft_has_no_noise_of_the_reference(gpu: Gpu) -> None:
    """With 2 frames it is that with 400 frames, within 4 standard errors. The plain error is above it by the noise."""
    growing = GrowingReference(gpu, make_shot(technique="ssao", width=64, height=36), Reference(), 400, NO_CACHE)
    draft, *_, final = growing.render_steps()
    image = final.mean["radiance"]
    errors = [metrics.noise_free_mse(image, pair.radiance_pair) for pair in (draft, final)]
    first, second = ((image - radiance).astype("f8") for radiance in draft.radiance_pair)
    products = (first * second).mean(-1)  # the channels of a pixel share their rays
    standard_error = float(products.std() / products.size**0.5)
    assert abs(errors[0] - errors[1]) < 4 * standard_error
    assert metrics.rmse(image, draft.mean["radiance"]) ** 2 - errors[1] > 8 * standard_error


def test_no_draft_waits_for_a_cached_reference(gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, cache = make_plan(reference_frames=4), ReferenceCache(tmp_path)
    monkeypatch.setattr(stages, "DRAFT_DEADLINE", 0.0)
    first_run = [comparison.draft for comparison in stages.refine_comparison(gpu, plan, cache)]
    assert first_run[0] and first_run[0].frames == 0
    assert [comparison.draft for comparison in stages.refine_comparison(gpu, plan, cache)] == [None]


# ---- pages ----


def write_drafts(gpu: Gpu, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Write each draft and the result; returns the page and the files' inodes after each."""
    monkeypatch.setattr(stages, "DRAFT_INTERVAL", 0.0)
    writer, written = ReportWriter(folder, RUN), []
    for comparison in stages.refine_comparison(gpu, make_plan(reference_frames=8), NO_CACHE):
        paths = writer.write(comparison)
        assert sorted(paths) == sorted(folder.iterdir())
        inodes = {path.name: path.stat().st_ino for path in paths}
        written.append({"page": (folder / "index.html").read_text("utf-8"), "inodes": inodes, "writer": writer})
    return written


def read_refresh(page: str) -> list[str]:
    return re.findall(r'<meta http-equiv="refresh" content="(\d+)">', page)


def test_only_drafts_say_that_they_are(gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And reload themselves. Images that have not changed are not written again."""
    *drafts, result = write_drafts(gpu, tmp_path, monkeypatch)
    for draft in drafts:
        (seconds,) = read_refresh(draft["page"])
        assert 5 <= int(seconds) <= 60
        assert '<p class="notice" id="draft" role="status">Draft: reference of ' in draft["page"]
    assert "reference of 2 of 8 frames, noise 0." in drafts[0]["page"]
    body = result["page"].partition("<style>")[0] + result["page"].partition("</style>")[2].partition("<script")[0]
    assert not read_refresh(result["page"]) and "draft" not in body.lower()
    assert "draft" not in json.loads((tmp_path / "metrics.json").read_text())
    kept, replaced = "ssao.png", "reference.png"
    assert drafts[-1]["inodes"][kept] == result["inodes"][kept]
    assert drafts[-1]["inodes"][replaced] != result["inodes"][replaced]
    assert drafts[0]["inodes"][kept] != drafts[1]["inodes"][kept], "antialiased since"


def test_the_texts_of_drafts() -> None:
    draft = Draft(2, 256, (COST, CAUSES), 12.0)
    assert describe_draft(draft, 0.0312) == (
        "Draft: reference of 2 of 256 frames, noise 0.031; not yet: cost, causes of the error. "
        "This page reloads itself."
    )
    assert describe_draft(replace(draft, frames=0), None).startswith("Draft: no reference; not yet: cost")
    stopped = replace(draft, frames=64, missing=(), is_stopped=True)
    assert describe_draft(stopped, 0.001) == "Stopped early: reference of 64 of 256 frames, noise 0.001."


# ---- progress ----


def test_time_left_is_guessed_and_then_measured() -> None:
    now, seen = [0.0], list[Progress]()
    work = WorkEstimate(clock=lambda: now[0], on_progress=seen.append)
    work.plan("images", 2, 1.0)
    work.plan("reference", 12, 5.0, cached=2)
    work.report("images")
    assert seen[-1] == Progress("images", 0, 2, 0.0, 2 + 50)
    now[0] = 3.0
    work.advance("images")
    assert (seen[-1].done, seen[-1].seconds_left) == (1, 3 + 50)
    now[0] = 7.0
    work.advance("images")
    assert seen[-1].seconds_left == 50 and seen[-1].fraction == pytest.approx(7 / 57)
    work.plan("reference", 12, 40.0, cached=2)  # the share of the work does not fall
    work.report("reference")
    assert seen[-1].seconds_left == 400 and seen[-1].fraction == pytest.approx(7 / 57)
    now[0] = 8.0
    work.skip()  # a draft is written
    now[0] = 10.0
    work.advance("reference")
    assert (seen[-1].done, seen[-1].total, seen[-1].seconds_left) == (3, 12, 9 * 2.0)
    work.finish("reference")
    work.report("reference")
    assert (seen[-1].fraction, seen[-1].seconds_left) == (1.0, 0.0)


def test_progress_as_lines() -> None:
    progress = Progress("reference", 12, 256, 0.34, 130.0, "/tmp/x/index.html", 8)
    assert parse_progress(progress.to_line()) == progress and "\n" not in progress.to_line()
    assert progress.text == "reference 12 of 256 frames, 34 %, 2 min left"
    assert replace(progress, stage="cost", done=1, total=2, seconds_left=41.3).text == "cost 1 of 2, 34 %, 41 s left"
    for line in ("", "a note", "{}", '{"progress": {"stage": "x"}}', '{"progress": 3}', "[1]", "3", '"progress"'):
        assert parse_progress(line) is None, line


# ---- ending early ----

SCRIPT = """
import sys
from ssdo import __main__
from ssdo.commands.compare import stages
from ssdo.measure import accumulation
accumulation.CHECKPOINT_INTERVAL = 0.1
stages.DRAFT_INTERVAL = 0.0
sys.argv = sys.argv[1:]
sys.exit(__main__.main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["interrupt", "stop", "reader gone"])
def test_a_stopped_comparison_leaves_its_last_draft(how: str, tmp_path: Path) -> None:
    """As a page that says how far it is, and no longer reloads itself; the reference continues from the cache."""
    arguments = ["--scene", "nook", "--width", "32", "--height", "18", "--techniques", "ssao"]
    arguments += ["--reference-frames", "60000", "--converged-frames", "4", "--progress", "json"]
    arguments += ["--output", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [sys.executable, "-c", SCRIPT, "ssdo", "compare", *arguments]
    with subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=heed_interrupts, **pipes) as process:
        seen, errors = stop_after_draft(process, tmp_path / "cache", how)
    page = Path(str(seen.page)).read_text("utf-8")
    draft = json.loads((tmp_path / "out" / "metrics.json").read_text())["draft"]
    assert f'role="status">Stopped early: reference of {draft["frames"]} of 60000 frames' in page
    assert draft["stopped"] and draft["frames"] >= seen.page_frames and not read_refresh(page)
    if how != "reader gone":
        assert f"{seen.page} has {draft['frames']} of 60000 frames of the reference" in errors


def stop_after_draft(process: subprocess.Popen[str], cache: Path, how: str) -> tuple[Progress, str]:
    """Stop a comparison whose draft and cache have frames. Returns its progress, and what it printed then."""
    assert process.stderr and process.stdin and process.stdout
    seen: Progress | None = None
    for line in process.stderr:
        seen = parse_progress(line)
        if seen and seen.page_frames >= 4 and list(cache.glob(f"*{ENTRY_SUFFIX}")):
            break
    assert seen and seen.page and 0 < seen.fraction < 1
    if how == "interrupt":
        process.send_signal(signal.SIGINT)
    elif how == "stop":
        process.stdin.write("stop\n")
        process.stdin.flush()
    else:
        process.stderr.close()
    errors = "" if how == "reader gone" else process.stderr.read()
    assert not process.stdout.read() and process.wait(timeout=60) == 130 and "Traceback" not in errors
    return seen, errors
