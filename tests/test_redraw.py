"""The panel is drawn again within a slow frame: the frame stays as it would be, and so do the times of its passes."""

from __future__ import annotations

from typing import Any

import moderngl
import numpy as np
import pytest
from ssdo.gpu import context
from ssdo.gpu.context import Gpu
from ssdo.gpu.timer import PassTimer
from ssdo.measure import images
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot

VALUES = {"scene": "corner", "width": 24, "height": 16, "guard_band.size": 0.2}


def make_disturbance(gpu: Gpu) -> tuple[Any, list[int]]:
    """A function that changes what drawing leaves bound, as Dear ImGui does, and the number of its calls."""
    ctx: Any = gpu.ctx
    target = ctx.framebuffer([ctx.texture((8, 8), 4)])
    white = ctx.texture((1, 1), 4, b"\xff" * 4)
    program = ctx.program(
        vertex_shader="#version 410 core\nvoid main() { gl_Position = vec4(gl_VertexID - 1, gl_VertexID % 2, 0, 1); }",
        fragment_shader="#version 410 core\nout vec4 c;\nvoid main() { c = vec4(0.5); }",
    )
    triangle, calls = ctx.vertex_array(program, []), [0]

    def disturb() -> None:
        calls[0] += 1
        target.use()
        target.scissor = 1, 1, 3, 3
        ctx.enable_only(moderngl.BLEND)
        ctx.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        for unit in range(12):
            white.use(unit)
        triangle.render(moderngl.TRIANGLES, vertices=3)

    return disturb, calls


@pytest.mark.parametrize("technique", ["ssdo", "ssao", "reference"])
def test_a_redraw_within_a_frame_changes_no_pixel_of_it(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, technique: str
) -> None:
    shot = Shot().with_values(VALUES | {"technique": technique})
    expected = images.read_arrays(gpu, render_frame(gpu, shot))
    gpu.pass_cache.invalidate()
    monkeypatch.setattr(context, "BAND_SECONDS", 1e-12)  # a row of pixels
    disturb, calls = make_disturbance(gpu)
    with gpu.in_bands(disturb):
        actual = images.read_arrays(gpu, render_frame(gpu, shot))
    assert calls[0] > 20
    for name in expected:
        assert np.array_equal(actual[name], expected[name], equal_nan=True), name


def test_its_time_is_no_part_of_a_pass(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0

    def wait() -> None:
        nonlocal seconds
        seconds += 100.0

    timer = PassTimer(gpu.ctx, clock=lambda: seconds)
    timer.enabled, timer.is_software_renderer = True, True
    monkeypatch.setattr(gpu, "timer", timer)
    monkeypatch.setattr(context, "BAND_SECONDS", 1e-12)
    with gpu.in_bands(wait):
        render_frame(gpu, Shot().with_values(VALUES | {"ssdo.samples": 3}))
    assert seconds > 1000 and len(timer.samples) > 4
    assert {sample for samples in timer.samples.values() for sample in samples} == {0.0}


def test_drawing_that_is_counted_says_so(gpu: Gpu) -> None:
    """A redraw would add to the number of pixels."""
    assert not gpu.is_counting
    with gpu.count_samples() as query:
        assert gpu.is_counting
    assert not gpu.is_counting and query.samples == 0
