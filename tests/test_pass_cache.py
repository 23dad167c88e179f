"""What does not change is not drawn again; what does, is. Pictures are held against those of a `Gpu` that has kept
nothing, to the last bit.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from render_small import SMALL, register
from ssdo.arrays import Floats
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Target, Texture
from ssdo.gpu.timer import PassTimer
from ssdo.render.pass_times import measure_passes
from ssdo.render.pipeline import FrameResult, render_accumulated, render_frame
from ssdo.render.shot import Shot
from ssdo.scene.model import DirectionalLight, Material, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_box, make_quad
from ssdo.viewer.render_scheduler import PAIR, Stage

KEPT = ("gbuffer", "sun:diffuse", "punctual_lights:diffuse")


def lit(albedo: float = 0.5, height: float = 1.0) -> Scene:
    """A box on a floor, in the light of the sun and of a lamp."""
    material = Material((albedo, 0.5, 0.5))
    floor, thing = (
        make_quad((-4, 0, 4), (4, 0, 4), (4, 0, -4), (-4, 0, -4), material),
        make_box((-1, 0, -1), (0, height, 0), material),
    )
    lamps = (PunctualLight((1.5, 2.0, 1.0), (3.0, 3.0, 2.0)), PunctualLight((-2.0, 2.0, 1.0), (1.0, 2.0, 3.0)))
    return Scene((floor, thing), (2.0, 2.5, 5.0), (0.0, 0.4, 0.0), 45.0, DirectionalLight(120.0, 40.0, 4.0), "sky", lights=lamps)


for name, made in {"lit": lit, "lit, red": lambda: lit(0.9), "lit, low": lambda: lit(height=0.3)}.items():
    register(name, made)

BASE = SMALL | {"scene": "lit", "technique": "off", "lights.resolution": 64, "sun.resolution": 256}


class Names(PassTimer):
    """Writes down what is drawn."""

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        self.drawn.append(name)
        yield

    drawn: list[str]


@pytest.fixture
def own(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """With nothing kept, in whose clock is written what it draws."""
    clock = Names(gpu.ctx)
    clock.drawn = []
    gpu.pass_cache.invalidate()
    monkeypatch.setattr(gpu, "timer", clock)
    return gpu


def drawn(gpu: Gpu, shot: Shot, index: int = 0) -> tuple[list[str], dict[str, Floats]]:
    """Which passes a frame drew of those that may be kept, and the arrays it made."""
    assert isinstance(gpu.timer, Names)
    gpu.timer.drawn.clear()
    picture = render_frame(gpu, shot, index)
    return [name for name in gpu.timer.drawn if name in KEPT], arrays(gpu, picture)


def arrays(gpu: Gpu, picture: FrameResult) -> dict[str, Floats]:
    made = picture.inputs.gbuffer._asdict() | {"sun and lamps": picture.inputs.direct_lighting.irradiance, "picture": picture.display}
    return {name: gpu.read(texture) for name, texture in made.items() if texture is not None}


def equal(a: dict[str, Floats], b: dict[str, Floats]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


SUN = {"sun:diffuse", "punctual_lights:diffuse"}  # lamps are added to the sun's light
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "camera": ({"camera.eye": (1.0, 2.5, 5.0)}, set(KEPT)),
    "lens": ({"camera.fov": 30.0}, set(KEPT)),
    "scene": ({"scene": "lit, low"}, set(KEPT)),
    "another scene's material": ({"scene": "lit, red"}, set(KEPT)),
    "material": ({"material_override": "clay"}, set(KEPT)),
    "size": ({"width": 80}, set(KEPT)),
    "sun's place": ({"sun.azimuth": 200.0}, SUN),
    "sun's size": ({"sun.angular_diameter": 5.0}, SUN),
    "sun's light": ({"sun.irradiance": 2.0}, SUN),
    "sun's map": ({"sun.resolution": 512}, SUN),
    "lamps": ({"lights.intensity": 2.0}, {"punctual_lights:diffuse"}),
    "shadows of lamps": ({"lights.shadows": 1}, {"punctual_lights:diffuse"}),
    "maps of lamps": ({"lights.resolution": 128}, {"punctual_lights:diffuse"}),
    "technique": ({"technique": "ssao"}, set()),
    "sky": ({"sky.rotation": 90.0, "sky.intensity": 2.0}, set()),
    "seed": ({"seed": 7}, set()),
    "exposure": ({"display.exposure": 1.0}, set()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_44_what_a_change_concerns_is_drawn_anew_and_nothing_else(own: Gpu, what: str) -> None:
    values, concerned = CHANGES[what]
    shot = Shot().with_values(BASE)
    changed = shot.with_values(values)
    own.pass_cache.invalidate()
    _, fresh = drawn(own, changed)
    before = drawn(own, shot)[1]
    passes, after = drawn(own, changed)
    back, again = drawn(own, shot)
    assert set(passes) == set(back) == concerned and len(passes) == len(concerned)
    assert equal(after, fresh) and equal(again, before)
    assert what in ("technique", "seed") or not equal(after, before)  # two that nobody sees in such a picture


def test_44_a_sun_that_sets_and_rises_again(own: Gpu) -> None:
    shot = Shot().with_values(BASE)
    _, day = drawn(own, shot)
    night = drawn(own, shot.with_values({"sun.irradiance": 0.0}))[1]
    assert not equal(day, night)
    assert equal(drawn(own, shot)[1], day)


def test_44_what_does_not_change_is_drawn_once(own: Gpu) -> None:
    """In another frame, in all frames of a mean, and for the other of two sides, to which it is copied."""
    shot = Shot().with_values(BASE)
    first, made = drawn(own, shot)
    assert set(first) == set(KEPT)
    assert drawn(own, shot)[0] == [] and drawn(own, shot, 1)[0] == []
    assert isinstance(own.timer, Names)
    own.timer.drawn.clear()
    render_accumulated(own, replace(shot, accumulated_frames=8))
    assert not set(own.timer.drawn) & set(KEPT) and own.timer.drawn.count("off") == 8
    with own.scope("other side"):
        passes, copied = drawn(own, shot)
        assert passes == [] and equal(copied, made)
        moved, _ = drawn(own, shot.with_values({"camera.fov": 30.0}))
        assert set(moved) == set(KEPT)
        own.free_unused()
        own.free_unused()
    assert drawn(own, shot)[0] == []  # what is drawn over on one side stays on the other


def test_44_what_was_drawn_over_is_drawn_again(own: Gpu) -> None:
    shot = Shot().with_values(BASE)
    _, made = drawn(own, shot)
    own.clear(own.targets["sun"])
    assert set(drawn(own, shot)[0]) == SUN
    own.clear(own.targets["gbuffer"])
    passes, again = drawn(own, shot)
    assert set(passes) == set(KEPT) and equal(again, made)


def test_44_shaders_that_are_loaded_again_draw_again(gpu: Gpu, tmp_path: Path) -> None:
    text = "out vec4 c;\nvoid main() { c = vec4(0.25, 0.5, 0.75, 1.0); }\n"
    own = Gpu(gpu.ctx, folders=(tmp_path,))
    into = own.target("t", (2, 2), "rgba32f")
    for green in ("0.5", "0.125"):
        (tmp_path / "x.frag").write_text(text.replace("0.5", green))
        assert not own.reload_shaders()
        assert own.read(own.draw("x.frag", into, cache=True)[0])[0, 0, 1] == float(green)


def test_44_a_time_is_that_of_a_whole_frame(gpu: Gpu) -> None:
    """Passes are measured drawing, and those that need not be drawn stay in the list with the time they would have
    taken.
    """
    shot = Shot().with_values(BASE)
    render_frame(gpu, shot)
    times = measure_passes(gpu, lambda: render_frame(gpu, shot), 3)
    assert set(KEPT) < set(times) and all(len(t) == 3 for t in times.values())
    gpu.timer.enabled = True
    try:
        for _ in range(8 if not gpu.is_software_renderer else 1):
            gpu.timer.begin_frame()
            gpu.pass_cache.invalidate()
            render_frame(gpu, shot)
        before = gpu.timer.samples
        gpu.timer.begin_frame()
        render_frame(gpu, shot)
        after = gpu.timer.samples
    finally:
        gpu.timer.enabled = False
    assert set(after) == set(before) and all(after[name] == before[name] for name in KEPT)
    assert gpu.timer.skipped_ms == pytest.approx(sum(np.median(before[name]) for name in KEPT))


def test_44_what_another_clock_s_frame_drew_is_listed_without_a_time(gpu: Gpu) -> None:
    """So that the list is of the same passes, in the order of the frame, whichever side drew them."""
    shot = Shot().with_values(BASE)
    render_frame(gpu, shot)
    whole, kept = PassTimer(gpu.ctx), PassTimer(gpu.ctx)
    before = gpu.timer
    try:
        for gpu.timer in (whole, kept):
            if gpu.timer is whole:
                gpu.pass_cache.invalidate()
            gpu.timer.enabled = True
            gpu.timer.begin_frame()
            render_frame(gpu, shot)
    finally:
        gpu.timer = before
    assert list(whole.last_frame) == list(kept.last_frame) and {name for name, ms in kept.last_frame.items() if ms is None} >= set(
        KEPT
    )
    assert not whole.is_software_renderer or None not in whole.last_frame.values()


def test_44_both_sides_of_the_viewer_have_the_time_of_whole_frames(gpu: Gpu) -> None:
    """Also the one for which surfaces and light are copied."""
    stage, shot = Stage(gpu, lambda: 0.0), Shot().with_values(BASE)
    try:
        for fov in range(30, 40):
            for slot in PAIR:
                stage.draw(slot, shot.with_values({"camera.fov": float(fov)}), 1.0)
        a, b = (stage.sides[slot].clock for slot in PAIR)
        assert set(a.medians) == set(b.medians) >= set(KEPT)
        assert a.skipped_ms == 0.0 and b.skipped_ms == pytest.approx(sum(b.medians[name] for name in KEPT))
    finally:
        for slot in PAIR:
            with gpu.scope(slot):
                gpu.free_unused()
                gpu.free_unused()


SPARED: tuple[dict[str, Any], ...] = (
    {"technique": "off"},
    {"technique": "ssao", "lighting.resolution": "half", "guard_band.size": 0.25},
    {"technique": "ssdo", "lighting.resolution": "half"},
    {"technique": "ssdo", "ssdo.depth_layers": "2", "probes.enabled": True},
    {"technique": "gtao", "guard_band.size": 0.25},
    {"technique": "bitmask", "scene": "parlour"},
    {"technique": "reference", "denoise.radius": 0},
)


@pytest.mark.parametrize("values", SPARED, ids=str)
def test_sparing_memory_changes_no_picture(own: Gpu, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    shot = Shot().with_values(BASE | {"scene": "cornell"} | values)

    def made() -> list[Floats]:
        p = render_frame(own, shot)
        return [
            own.read(texture) for texture in (*p.lighting, *p.unfiltered, p.radiance, p.display) if texture is not None
        ]

    plain = made()
    monkeypatch.setattr(own, "low_memory", True)
    for one, other in zip(plain, made(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_no_later_pass_reads_goes_where_memory_is_spared(own: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, list[weakref.ref[Texture]]] = {}
    ask = own.target

    def target(name: str, *spec: Any, **more: Any) -> Target:
        found = ask(name, *spec, **more)
        made[name] = [weakref.ref(texture) for texture in found.textures]
        return found

    own.free_unused()
    own.free_unused()
    monkeypatch.setattr(own, "target", target)
    monkeypatch.setattr(own, "low_memory", True)
    picture = render_frame(own, Shot().with_values(BASE | {"technique": "ssdo", "denoise.radius": 2}))
    there = {name: [ref() is not None for ref in refs] for name, refs in made.items()}
    assert not any(there["bounce_sources"] + there["inverse_depth"] + there["denoise.horizontal"]) and there["ssdo.direct"] == [
        True,
        False,
    ]
    assert all(there["gbuffer"] + there["punctual_lights"] + there["ssdo.indirect"] + there["denoise.vertical"] + there["radiance"])
    assert own.target_bytes == picture.inputs.size[0] * picture.inputs.size[1] * (16 + 4) + 2 * 4
