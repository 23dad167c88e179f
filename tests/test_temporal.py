"""Light that is remembered: a still camera has the mean of its frames, a moving one finds what it saw, and nothing
else; off unless asked.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import SMALL, Bools, Doubles, lights, register
from ssdo.commands.bench import steady
from ssdo.commands.capture import main as capture
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.render.frame_uniforms import FrameUniforms, positions
from ssdo.render.gbuffer import BACKGROUND
from ssdo.render.pipeline import FrameResult, render_accumulated, render_frame
from ssdo.render.shot import Shot, Wanted
from ssdo.render.temporal import Kept
from ssdo.scene import built_in
from ssdo.scene.model import Floats, Material, Scene
from ssdo.scene.modelling.shapes import box, quad
from ssdo.settings import UserError
from ssdo.viewer.preferences import screenshot_sides
from ssdo.viewer.session import Session

GREY = Material(albedo=(0.5, 0.5, 0.5))
ON = {"temporal.history_length": 8, "temporal.clip_sigma": 100.0, "denoise.radius": 4}
FLOAT = 1e-5  # of sums of a few single floats, and of pixels found again a hair aside: measured 2e-6


def shot_of(values: dict[str, Any]) -> Shot:
    return Shot().with_values(SMALL | ON | values)


def light(gpu: Gpu, p: FrameResult) -> Floats:
    """(h, w, 8): direct and indirect."""
    return np.concatenate(lights(gpu, p.lighting), -1)


def surface(gpu: Gpu, p: FrameResult) -> Bools:
    return gpu.read(p.lit_view.gbuffer.depth)[..., 0] < BACKGROUND


def kept(gpu: Gpu, index: int) -> Kept:
    return Kept(*gpu.targets[f"temporal.{index % 2}"].textures)


def counts(gpu: Gpu, index: int) -> Floats:
    """(h, w) frames that are in the direct light of what was drawn last, at that index."""
    return gpu.read(kept(gpu, index).counted)[..., 0]


def moved(shot: Shot, eye: tuple[float, float, float], target: tuple[float, float, float]) -> Shot:
    return replace(shot, camera=replace(shot.camera, eye=eye, target=target))


def rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype="f8"))))


def posts() -> Scene:
    """A post before a wall, both of which fill the picture's middle."""
    wall = quad((-9, -9, -3), (9, -9, -3), (9, 9, -3), (-9, 9, -3), GREY)
    back = quad((9, -9, 9), (-9, -9, 9), (-9, 9, 9), (9, 9, 9), GREY)
    return Scene((wall, back, box((-0.3, -5.0, -0.3), (0.3, 5.0, 0.3), GREY)), (0.0, 0.0, 4.0), (0.0, 0.0, 0.0), 45.0)


register("posts", posts)

# ---- off ----------------------------------------------------------------------------------------------------------------


def test_nothing_is_remembered_unless_asked(gpu: Gpu) -> None:
    """And then nothing is drawn for it: a frame without it is the same to the bit, whatever its index, and so is the
    first of those with it.
    """
    own = Gpu(gpu.ctx)
    assert Shot().temporal.history_length == 0 and not Shot().remembers
    off = shot_of({"scene": "cornell", "technique": "ssdo", "temporal.history_length": 0})
    plain = light(own, render_frame(own, off))
    light(own, render_frame(own, off, 1))
    np.testing.assert_array_equal(light(own, render_frame(own, off)), plain)
    assert not [name for name in own.targets if "temporal" in name] and not [
        name for name in own.written if "temporal:" in name
    ]
    on = replace(off, temporal=shot_of({}).temporal)
    np.testing.assert_array_equal(light(own, render_frame(own, on)), plain)
    assert [name for name in own.written if "temporal:" in name]


def test_a_mean_of_frames_needs_no_memory() -> None:
    """Averaging, and techniques that average, are as without; who asks for both is told."""
    for values in ({"technique": "reference"}, {"accumulated_frames": 4}):
        shot = shot_of(values)
        assert not shot.remembers and shot.drawn == shot.accumulated_frames
        with pytest.raises(UserError, match=r"--temporal\.frames has no effect: .*leave it out"):
            Wanted({}, values | {"temporal.history_length": 8}).shots()
        assert not Wanted({"temporal.history_length": 8}, values).shots()[0].remembers  # a preset may hold more
    assert Wanted({}, {"temporal.history_length": 8}).shots(["ssao", "reference"])[0].drawn == 8
    with pytest.raises(UserError, match=r"temporal\.frames = 65: must be 0 to 64"):
        shot_of({"temporal.history_length": 65})


# ---- a still camera -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", ["full", "half"])
@pytest.mark.parametrize("scene", ["cornell", "atelier"])  # diffuse; glossy
def test_a_still_camera_has_the_mean_of_its_frames(gpu: Gpu, scene: str, resolution: str) -> None:
    """Where light may differ by anything: of blurred pixels those with no spread at all, which may not, are left
    out.
    """
    values = {"scene": scene, "technique": "ssdo", "lighting.resolution": resolution}
    steady = render_accumulated(gpu, shot_of(values))
    found, number, seen = light(gpu, steady), counts(gpu, 7), surface(gpu, steady)
    mean = render_accumulated(gpu, shot_of(values | {"accumulated_frames": 8, "temporal.history_length": 0}))
    one = light(gpu, render_frame(gpu, shot_of(values | {"temporal.history_length": 0})))
    expected = light(gpu, mean)
    assert (number[seen] > 7.99).mean() > 0.9
    assert (number <= 8).all()
    free = np.ones(found.shape[:2], bool) if resolution == "half" else number > 7.99
    whole = gpu.read(mean.view.gbuffer.depth)[..., 0] < BACKGROUND
    assert rms((found - expected)[free & whole][:, :4]) < (
        1e-4 if resolution == "full" else 0.1 * rms((one - expected)[whole][:, :4])
    )


def test_noise_falls_as_of_a_mean(gpu: Gpu) -> None:
    """Against 64 other frames, the error of one frame, of 4 and of 16: the pattern goes on from frame to frame, and the
    mean of n of its frames errs less than n independent ones would, 1 / sqrt(n).
    """
    values = {"scene": "cornell", "technique": "ssdo", "denoise.radius": 2}
    truth = light(
        gpu,
        render_accumulated(gpu, shot_of(values | {"accumulated_frames": 64, "temporal.history_length": 0, "seed": 9})),
    )
    errors = {
        n: rms(light(gpu, render_accumulated(gpu, shot_of(values | {"temporal.history_length": n}))) - truth)
        for n in (1, 4, 16)
    }
    assert errors[4] < 0.6 * errors[1]
    assert errors[16] < 0.35 * errors[1]
    clamped = rms(
        light(
            gpu, render_accumulated(gpu, shot_of(values | {"temporal.history_length": 16, "temporal.clip_sigma": 1.0}))
        )
        - truth
    )
    assert errors[16] < clamped < 0.75 * errors[1]


def test_it_flickers_less(gpu: Gpu) -> None:
    values = {"scene": "cornell", "technique": "ssdo", "temporal.clip_sigma": 1.0}
    change = {}
    for frames in (0, 8):
        last = [
            light(gpu, render_frame(gpu, shot_of(values | {"temporal.history_length": frames}), index))
            for index in range(12)
        ][-2:]
        change[frames] = rms(last[1] - last[0])
    assert change[8] < 0.5 * change[0]


def test_the_same_frames_twice_are_the_same_to_the_bit(gpu: Gpu) -> None:
    """Also with others drawn between, in a scope of their own; and index 0 knows nothing of what was kept before."""
    shot, other = (
        shot_of({"scene": scene, "technique": "ssao", "temporal.clip_sigma": 1.0}) for scene in ("cornell", "nook")
    )
    first = [light(gpu, render_frame(gpu, shot, index)) for index in range(5)]
    with gpu.scope("other"):
        render_frame(gpu, other)
    for index in range(5):
        np.testing.assert_array_equal(light(gpu, render_frame(gpu, shot, index)), first[index])
        with gpu.scope("other"):
            render_frame(gpu, other, index + 1)
    assert (
        np.abs(
            first[4]
            - light(gpu, render_frame(gpu, replace(shot, temporal=replace(shot.temporal, history_length=0)), 4))
        ).max()
        > 1e-3
    )


def test_what_is_not_of_the_frame_before_is_not_used(gpu: Gpu) -> None:
    """After a gap, another size, or a sweep of what nobody asked for, a frame stands alone."""
    shot = shot_of({"scene": "cornell", "technique": "ssao"})
    alone = {
        index: light(gpu, render_frame(gpu, replace(shot, temporal=replace(shot.temporal, history_length=0)), index))
        for index in (2, 5)
    }
    for index in (0, 1):
        render_frame(gpu, shot, index)
    assert np.abs(light(gpu, render_frame(gpu, shot, 2)) - alone[2]).max() > 1e-3
    np.testing.assert_array_equal(light(gpu, render_frame(gpu, shot, 5)), alone[5])
    render_frame(gpu, shot, 1)
    render_frame(gpu, replace(shot, width=32), 1)
    np.testing.assert_array_equal(light(gpu, render_frame(gpu, shot, 2)), alone[2])
    own = Gpu(gpu.ctx)
    render_frame(own, shot, 1)
    own.sweep()
    own.sweep()
    assert not own.notes
    np.testing.assert_array_equal(light(own, render_frame(own, shot, 2)), alone[2])


# ---- a moving camera ----------------------------------------------------------------------------------------------------


def taps(now: FrameUniforms, depth: Floats, before: FrameUniforms, past: Floats) -> tuple[Doubles, Bools]:
    """Of each pixel seen at `depth`: how far off its own are the places that the four pixels around where it was show,
    as shares of a pixel's width there, (4, h, w), infinite out of the picture; and whether the point lay within the
    picture. By double arithmetic alone.
    """
    h, w = depth.shape
    p = positions(now, depth)
    clip = np.concatenate([p, np.ones((h, w, 1))], -1) @ np.array(before.clip_from_world).reshape(4, 4)
    x, y = (clip[..., 0] / clip[..., 3] + 1) / 2 * w - 0.5, (1 - clip[..., 1] / clip[..., 3]) / 2 * h - 0.5
    then = positions(before, past)
    pixel = 2 * now.tangent[1] * depth / h
    found = []
    for k in range(4):
        i, j = (
            np.floor(np.nan_to_num(x, nan=-9.0)).astype(int) + (k & 1),
            np.floor(np.nan_to_num(y, nan=-9.0)).astype(int) + (k >> 1),
        )
        inside = (i >= 0) & (i < w) & (j >= 0) & (j < h)
        there = then[np.clip(j, 0, h - 1), np.clip(i, 0, w - 1)]
        found.append(np.where(inside, np.linalg.norm(there - p, axis=-1) / pixel, np.inf))
    return np.array(found), (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)


@pytest.mark.parametrize("resolution", ["full", "half"])
@pytest.mark.parametrize("target", [(0.0, 0.0, 0.0), (1.6, 0.2, 0.0)])  # aside; aside and turned
@pytest.mark.parametrize("technique", ["off", "ssao"])
def test_what_was_hidden_is_not_remembered(
    gpu: Gpu, technique: str, target: tuple[float, float, float], resolution: str
) -> None:
    """A post moves before a wall. What was seen in the frame before is found again, and what the post hid, or the
    picture's edge, is not.
    """
    shot = shot_of(
        {"scene": "posts", "technique": technique, "width": 96, "height": 54, "lighting.resolution": resolution}
    )
    before = render_frame(gpu, shot)
    past, frame = gpu.read(before.lit_view.gbuffer.depth)[..., 0], before.lit_view.frame
    now = render_frame(gpu, moved(shot, (0.9, 0.1, 4.0), target), 1)
    depth, number = gpu.read(now.lit_view.gbuffer.depth)[..., 0], counts(gpu, 1)
    with np.errstate(invalid="ignore"):
        off, inside = taps(now.lit_view.frame, depth, frame, np.where(past < BACKGROUND, past, np.inf).astype("f4"))
    # on the wall a pixel away is one pixel wide, across its corner 1.5
    gone, known = off.min(0) > 8, inside & (off.max(0) < 2)
    assert gone.sum() > 0.05 * gone.size and known.sum() > 0.3 * known.size
    assert (number[gone] == 1).all()
    # light that differs must be near enough, too
    assert (number[known] > 1.99).mean() > (0.9 if technique == "ssao" else 0.9999)
    light_now = gpu.read(kept(gpu, 1).direct)
    alone = render_frame(
        gpu, replace(moved(shot, (0.9, 0.1, 4.0), target), temporal=replace(shot.temporal, history_length=0)), 1
    )
    if resolution == "full":
        np.testing.assert_array_equal(light_now[gone], gpu.read(alone.lighting.direct)[gone])


def test_a_cut_forgets_everything(gpu: Gpu) -> None:
    shot = shot_of({"scene": "posts", "technique": "ssao"})
    other = moved(shot, (0.0, 0.0, 6.0), (0.0, 0.0, 9.0))
    for index in range(4):
        render_frame(gpu, shot, index)
    found = light(gpu, render_frame(gpu, other, 4))
    assert (counts(gpu, 4) == 1).all()
    np.testing.assert_array_equal(
        found, light(gpu, render_frame(gpu, replace(other, temporal=replace(shot.temporal, history_length=0)), 4))
    )


def test_light_stays_on_its_surface(gpu: Gpu) -> None:
    """The camera turns and goes; light that hardly depends on it, of many samples, is where it was on its surface:
    nearer to what it is there than light of the pixel that was in its place.
    """
    values = {
        "scene": "cornell",
        "technique": "ssao",
        "ssao.samples": 128,
        "width": 128,
        "height": 72,
        "temporal.history_length": 64,
    }
    shot = shot_of(values)
    shot = shot.resolved(built_in.load("cornell", 0.0))
    for motion in steady.motions(3.0, 0.0)[1:4]:
        first = gpu.read(render_frame(gpu, motion.moved(shot, 0)).lighting.direct)[..., 3]
        for index in range(1, 6):
            picture = render_frame(gpu, motion.moved(shot, index), index)
        seen = gpu.read(picture.view.gbuffer.depth)[..., 0] < BACKGROUND
        found, known = gpu.read(picture.lighting.direct)[..., 3], seen & (counts(gpu, 5) > 4)
        alone = gpu.read(
            render_frame(
                gpu, replace(motion.moved(shot, 5), temporal=replace(shot.temporal, history_length=0)), 5
            ).lighting.direct
        )[..., 3]
        assert known.mean() > 0.4
        assert rms((found - alone)[known]) < 0.35 * rms((first - alone)[known]), motion.words


@pytest.mark.parametrize("resolution", ["full", "half"])
@pytest.mark.parametrize("technique", ["ssao", "ssdo", "gtao", "bitmask"])
def test_a_plane_stays_open(gpu: Gpu, technique: str, resolution: str) -> None:
    """To the last bit, wherever the camera goes; and under a constant sky light is what it was."""
    shot = shot_of(
        {
            "scene": "plane:tilt=60",
            "technique": technique,
            "lighting.resolution": resolution,
            "temporal.clip_sigma": 1.0,
        }
    )
    shot = shot.resolved(built_in.load("plane:tilt=60", 0.0))
    first = gpu.read(render_frame(gpu, shot).lighting.direct)
    for index in range(1, 6):
        p = render_frame(gpu, steady.motions(3.0, 0.0)[2].moved(shot, index), index)
        found, seen = gpu.read(p.lighting.direct), gpu.read(p.view.gbuffer.depth)[..., 0] < BACKGROUND
        assert (found[..., 3] == 1).all()
        assert np.abs(found - np.median(first[seen], axis=0))[seen].max() < 4 * FLOAT
    assert counts(gpu, 5).max() > 5.9


# ---- moving light -------------------------------------------------------------------------------------------------------


def test_light_that_changes_leaves_no_ghost(gpu: Gpu) -> None:
    """The environment goes from bright to dark between two frames. Clamped, what is too bright in the next frame is a
    small part of what it is in a frame that remembers whatever it may; one where pixels differ less, as on a plane,
    none.
    """
    for scene, share in (("cornell", 0.15), ("plane:tilt=60", 1e-4)):
        excess = []
        for clamping in (1.0, 100.0):
            shot = shot_of(
                {"scene": scene, "technique": "ssdo", "temporal.clip_sigma": clamping, "environment": "white"}
            )
            dark = replace(shot, sky=replace(shot.sky, intensity=0.25))
            for index in range(6):
                render_frame(gpu, shot, index)
            found = light(gpu, render_frame(gpu, dark, 6))
            excess.append(
                rms(
                    (
                        found
                        - light(
                            gpu, render_frame(gpu, replace(dark, temporal=replace(shot.temporal, history_length=0)), 6)
                        )
                    )[..., :3]
                )
            )
        assert excess[0] < share * max(excess[1], 1.0), scene


# ---- programs -----------------------------------------------------------------------------------------------------------


def test_a_picture_repeats_itself(tmp_path: Path) -> None:
    """A capture that is asked for it draws as many frames as are remembered, and says so in what it keeps."""
    first, second, plain = (tmp_path / f"{name}.png" for name in "abc")
    small = ["--scene", "nook", "--width", "65", "--height", "37"]
    assert capture([*small, "--temporal.history_length", "4", "--output", str(first)]) == 0
    assert images.shot_values(first)["temporal.history_length"] == 4
    assert capture(["--like", str(first), "--output", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert capture([*small, "--output", str(plain)]) == 0
    assert images.shot_values(plain)["temporal.history_length"] == 0
    assert plain.read_bytes() != first.read_bytes()


def test_the_viewer_goes_on_until_it_is_steady(gpu: Gpu, tmp_path: Path) -> None:
    """A and B each remember their own; while the camera moves they go on, at rest they come to an end; what is saved
    can be repeated.
    """
    session = Session(
        gpu,
        Shot().with_values(
            {"scene": "cornell", "technique": "ssdo", "temporal.history_length": 6, "temporal.clip_sigma": 1.0}
        ),
        {},
    )
    session.choose_view("split")
    while session.step((64, 36)):
        pass
    stage = session.stage
    assert [stage.sides[slot].rested for slot in ("A", "B")] == [6, 6]
    drawn, index = stage.draws, stage.sides["B"].index
    assert not session.step((64, 36)) and stage.draws == drawn
    pose = session.pose
    for step in range(3):
        session.move(pose._replace(eye=(pose.eye[0] + 0.05 * step + 0.01, *pose.eye[1:])))
        stage.draw("B", session.shot("B"), 1.0)  # at full size however slow this machine is
    side = stage.sides["B"]
    assert side.index == index + 3 and side.rested == 1
    assert {
        f"temporal.{k} {part} *" for k in (0, 1) for part in ("direct", "indirect", "surface", "counted")
    } <= session.lens.buffers("B").keys()
    assert gpu.read(gpu.targets[f"B/temporal.{side.index % 2}"].textures[3]).max() > 3
    session.set_linked("temporal.history_length", False)
    session.change({"temporal.history_length": 0}, "A")
    session.step((64, 36))
    assert not session.shot("A").remembers and session.shot("B").remembers
    saved = screenshot_sides(session, tmp_path)
    again = tmp_path / "again.png"
    assert capture(["--like", str(saved[1]), "--output", str(again)]) == 0
    assert saved[1].read_bytes() == again.read_bytes()


def test_the_bench_measures_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = [
        "--pixels",
        "2",
        "--scene",
        "cornell",
        "--width",
        "32",
        "--height",
        "18",
        "--temporal.history_length",
        "3",
        "--truth-frames",
        "4",
        "--runs",
        "3",
    ]
    assert steady.main([*flags, "--output", str(tmp_path / "a.json")]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "| | none remembered | remembered | without clamping |"
    assert [line.split("|")[1].strip().split(",")[0] for line in told[2:9]] == ["flicker", *["error"] * 6]
    none, some, free = (float(cell) for cell in told[2].split("|")[2:5])
    assert free < some < none
    assert "are spent on remembering" in told[-1]
    for wrong, rule in (
        (["--pixels", "-1"], "0 to 1000"),
        (["--temporal.history_length", "0"], "nothing is remembered"),
        (["--runs", "2"], "3 to 1000"),
    ):
        with pytest.raises(UserError, match=rule):
            steady.main(wrong)
