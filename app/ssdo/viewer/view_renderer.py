"""Draws the window's image from the slots' results: one image, a split, a difference or an error map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import moderngl
import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.gpu.shaders import Bindings
from ssdo.gpu.target import Size, Texture, framebuffer_target
from ssdo.render.gbuffer import BACKGROUND_DEPTH
from ssdo.render.pipeline import FrameResult
from ssdo.settings import param
from ssdo.viewer.buffers import FINAL_IMAGE, Buffer, MakeBuffer, draw_unoccluded, list_buffers
from ssdo.viewer.color_maps import COLOR_MAPS
from ssdo.viewer.display_state import DisplayState
from ssdo.viewer.frame_metrics import FrameMetrics
from ssdo.viewer.render_scheduler import RenderScheduler, Slot
from ssdo.viewer.result_cache import ResultCache

MAPPINGS = ("display", "light", "normal", "depth", "alpha", "ratio", "difference", "signed", "error")
DEPTH_PERCENTILES = (0.5, 99.5)  # of the displayed range, so that a few distant surfaces do not decide it


@dataclass(frozen=True)
class ViewUniforms:
    """Passed to shaders/passes/buffer_view.frag and shaders/passes/difference.frag as `view`."""

    size: tuple[float, float]  # of the viewport, or of its half side by side; pixels
    divider: float  # pixels from the left; -1: one image
    is_side_by_side: bool  # each half shows a whole image
    divider_half_width: float  # half the divider's width, pixels
    gain: float  # of light and of differences
    left_range: tuple[float, float]  # of depth, metres
    right_range: tuple[float, float]
    mapping: str = param("display", choices=MAPPINGS)


class ViewRenderer:
    """Draws the window's image. Everything derived from a result is cached until the result changes."""

    def __init__(
        self,
        gpu: Gpu,
        scheduler: RenderScheduler,
        metrics: FrameMetrics,
        cache: ResultCache,
        has_reference: Callable[[], bool],
    ) -> None:
        """`has_reference`: whether the reference's result belongs to what is shown now."""
        self.gpu = gpu
        self.scheduler = scheduler
        self.metrics = metrics
        self.cache = cache
        self.has_reference = has_reference

    def result(self, slot: Slot) -> FrameResult | None:
        return self.scheduler.renders[slot].result

    def draw(self, framebuffer: moderngl.Framebuffer, size: Size, state: DisplayState) -> None:
        """Fill the lower left of a framebuffer: a viewport of that size, in pixels."""
        framebuffer.viewport = (0, 0, *size)
        sides = self.shown_buffers(state)
        if sides is None:
            return
        left, right = sides
        target = framebuffer_target(framebuffer)
        bindings: Bindings = {
            "left_image": left.texture,
            "right_image": right.texture,
            "color_map": self._color_map(right.mapping),
        }
        if right.compared_to is not None and left.compared_to is not None:
            bindings |= {
                "view": self._make_uniforms(size, state, sides, right),
                "left_reference": left.compared_to,
                "right_reference": right.compared_to,
            }
            self.gpu.draw("passes/difference.frag", target, bindings)
            return
        uniforms = self._make_uniforms(size, state, sides, right)
        self.gpu.draw("passes/buffer_view.frag", target, bindings, view=uniforms)
        if (left.mapping, left.gain) != (right.mapping, right.gain):  # one slot has no such buffer: its final image
            left_uniforms = self._make_uniforms(size, state, sides, left)
            left_side = 0, 0, int(uniforms.divider), size[1]
            bindings |= {"color_map": self._color_map(left.mapping)}
            self.gpu.draw("passes/buffer_view.frag", target, bindings, view=left_uniforms, scissor=left_side)

    def _make_uniforms(
        self, size: Size, state: DisplayState, sides: tuple[Buffer, Buffer], buffer: Buffer
    ) -> ViewUniforms:
        """Both sides, with the mapping and the gain of one buffer."""
        left_range, right_range = (
            self.depth_range(slot, state, side) for slot, side in zip(state.shown_slots, sides, strict=True)
        )
        width, height = state.image_size(size)
        return ViewUniforms(
            size=(float(width), float(height)),
            divider=state.divider_px(size[0]) if state.shows_two_images else -1.0,
            is_side_by_side=state.view == "side by side",
            divider_half_width=max(1.5, size[1] / 480),
            gain=total_gain(buffer, state),
            left_range=left_range,
            right_range=right_range,
            mapping=buffer.mapping,
        )

    def shown_buffers(self, state: DisplayState) -> tuple[Buffer, Buffer] | None:
        """What is drawn on the left and on the right, equal in a view of one image; None before the first result."""
        return self._comparison_buffers(state) or self._side_buffers(state)

    def _comparison_buffers(self, state: DisplayState) -> tuple[Buffer, Buffer] | None:
        """Left and right of a difference or an error view, if all its results are there."""
        a, b, reference = (self.result(slot) for slot in ("A", "B", "reference"))
        if state.view == "difference" and a and b:
            mapping = "signed" if state.is_signed else "difference"
            difference = Buffer(a.radiance, mapping, state.gain, compared_to=b.radiance)
            return difference, difference
        if state.view == "error" and a and b and reference and self.has_reference():
            errors = {"A": self._error_buffer("A", a, reference), "B": self._error_buffer("B", b, reference)}
            left_slot, right_slot = state.side_slots
            return errors[left_slot], errors[right_slot]
        return None

    def _error_buffer(self, slot: Slot, result: FrameResult, reference: FrameResult) -> Buffer:
        relit = self.metrics.relight(slot, result, reference)
        exposure = result.shot.display.exposure
        assert exposure is not None, "not metered"
        return Buffer(result.radiance, "error", 2.0**exposure, compared_to=relit)

    def _side_buffers(self, state: DisplayState) -> tuple[Buffer, Buffer] | None:
        """Left and right of the other views. A slot without a result shows the other's."""
        left, right = (self.buffer(slot, state) for slot in state.shown_slots)
        if left and right:
            return left, right
        available = left or right or self.buffer("B", state) or self.buffer("A", state)
        return (available, available) if available else None

    # ---- buffers ----

    def buffers(self, slot: Slot) -> dict[str, MakeBuffer]:
        """Everything that can be shown of a slot, by name."""
        result = self.result(slot)
        if result is None:
            return {}
        buffers = list_buffers(
            self.gpu, self.scheduler.renders[slot].scope, result, lambda: self._unoccluded(slot, result)
        )
        image = self.scheduler.renders[slot].image or result
        return buffers | {FINAL_IMAGE: lambda: Buffer(image.display, "display")}

    def _unoccluded(self, slot: Slot, result: FrameResult) -> Texture:
        return self.cache.get(f"unoccluded {slot}", (result,), lambda: draw_unoccluded(self.gpu, slot, result))

    def buffer(self, slot: Slot, state: DisplayState) -> Buffer | None:
        """The chosen buffer of a slot; its final image if it has no such buffer."""
        buffers = self.buffers(slot)
        make_buffer: Callable[[], Buffer] | None = buffers.get(state.buffer) or buffers.get(FINAL_IMAGE)
        if make_buffer is None:
            return None
        buffer = make_buffer()
        if state.show_alpha and state.buffer != FINAL_IMAGE and buffer.texture.components == 4:
            return buffer._replace(mapping="alpha")
        return buffer

    def depth_range(self, slot: Slot, state: DisplayState, buffer: Buffer) -> tuple[float, float]:
        """Range of depth that is displayed of a slot's buffer, metres."""
        if buffer.mapping != "depth":
            return 0.0, 1.0

        def compute() -> tuple[float, float]:
            depth = self.gpu.read(buffer.texture)[..., 0]
            depth = depth[depth < BACKGROUND_DEPTH]
            low, high = np.percentile(depth, DEPTH_PERCENTILES) if depth.size else (0.0, 1.0)
            return float(low), float(high)

        return self.cache.get(f"depth range {slot} {state.buffer}", (self.result("A"), self.result("B")), compute)

    def _color_map(self, mapping: str) -> Texture:
        """The table of a mapping; a black texel if it has none."""
        stops = COLOR_MAPS.get(mapping)
        if stops is None:
            return self.gpu.black_texture
        return self.cache.get(
            f"color map {mapping}", (), lambda: self.gpu.upload.nearest_texture(stops[None].astype("f4"))
        )


def total_gain(buffer: Buffer, state: DisplayState) -> float:
    """What a buffer's values are multiplied by before they are displayed."""
    return buffer.gain * (2.0**state.exposure if buffer.mapping in ("light", "ratio") else 1.0)
