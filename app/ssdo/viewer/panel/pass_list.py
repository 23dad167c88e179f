"""The passes of each slot's technique, and those that A and B share, with their times. Its height is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from imgui_bundle import ImVec2, imgui

from ssdo.viewer.buffers import TARGET_SUFFIX
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.slot_times import UNTIMED_PASSES, PassTimes
from ssdo.viewer.status import describe_slot, format_ms
from ssdo.viewer.theme import SLOT_COLORS, THEME, Color
from ssdo.viewer.widgets import style_color, to_u32, with_alpha

LIST_HEIGHT = 196.0  # pixels, before scaling
TIME_COLUMN_WIDTH = 70.0
OPEN_WITHOUT_INDENT = imgui.TreeNodeFlags_.default_open.value | imgui.TreeNodeFlags_.no_tree_push_on_open.value
MEASURING = "measuring"
HELP = (
    "Median pass times of images at rest, over several frames. Frames that compile shaders do not count. "
    "Passes that A and B share count once."
)


class PassGroup(NamedTuple):
    """Passes under one heading."""

    tag: str  # of the slot, or "shared"
    title: str
    slot: Slot  # whose output a click shows
    total_ms: float | None  # None: not enough frames yet
    times: PassTimes
    color: Color


class PassList:
    def __init__(self, context: PanelContext) -> None:
        self.context = context

    def draw(self) -> None:
        widgets, scale = self.context.widgets, self.context.scale
        groups = self.list_groups()
        self._draw_totals(groups)
        is_open = imgui.tree_node_ex("passes", OPEN_WITHOUT_INDENT)
        widgets.store_rect("pass times")
        imgui.set_item_tooltip(HELP)
        with style_color(imgui.Col_.text, THEME.muted_text):
            widgets.right_aligned_text(describe_frame_counts(groups))
        if is_open:
            if imgui.begin_child("pass list", ImVec2(0, LIST_HEIGHT * scale), imgui.ChildFlags_.borders.value):
                self._draw_list(groups)
            imgui.end_child()
            widgets.store_rect("pass list")
        widgets.muted_text(f"{self.context.session.scheduler.timer_text}. Click a pass to show its output.")

    def list_groups(self) -> list[PassGroup]:
        """The technique's passes of each visible slot, then the passes that do not depend on it."""
        session = self.context.session
        scheduler, slots = session.scheduler, session.visible_slots
        groups, others = [], []
        for slot in slots:
            times, technique = session.renders[slot].times, session.shot(slot).technique
            is_current = times.frame is not None and times.frame.shot.technique.group == technique.group
            lighting, shared = (times.lighting, times.shared) if is_current else (PassTimes({}), PassTimes({}))
            title = describe_slot(session, slot).partition(",")[0]
            title, color = (f"{slot}: {title}", SLOT_COLORS[slot]) if len(slots) > 1 else (title, THEME.text)
            groups.append(PassGroup(slot, title, slot, scheduler.lighting_ms(slot), lighting, color))
            others.append(PassGroup(f"shared {slot}", f"{slot}: other", slot, scheduler.shared_ms(slot), shared, color))
        if len(slots) == 1 or scheduler.shares_passes:
            others = [others[-1]._replace(tag="shared", title="shared", color=THEME.text)]
        return [*groups, *others]

    def _draw_totals(self, groups: Sequence[PassGroup]) -> None:
        """A line for each slot and one for the other passes, however many groups there are."""
        count = len(self.context.session.visible_slots)
        for group in groups[:count]:
            self._draw_total(group.title, format_total(group), group.color)
        others = groups[count:]
        total = " + ".join(map(format_total, others)) if all(g.total_ms is not None for g in others) else MEASURING
        self._draw_total("shared" if len(others) == 1 else "other", total, THEME.text)

    def _draw_list(self, groups: Sequence[PassGroup]) -> None:
        known = [ms for group in groups if group.total_ms is not None for ms in group.times.medians.values() if ms]
        longest = max(known, default=1.0)
        for group in groups:
            with style_color(imgui.Col_.text, group.color):
                imgui.text(group.title)
            for name, ms in group.times.medians.items():
                if name.startswith(UNTIMED_PASSES):
                    self._draw_pass(group, name, "once", 0.0)
                elif ms is None or group.total_ms is None:
                    self._draw_pass(group, name, "", 0.0)
                else:
                    self._draw_pass(group, name, format_ms(ms), ms / longest)

    def _draw_total(self, title: str, total: str, color: Color) -> None:
        with style_color(imgui.Col_.text, color):
            imgui.text(title)
        self.context.widgets.right_aligned_text(total)

    def _draw_pass(self, group: PassGroup, name: str, time_text: str, bar_fraction: float) -> None:
        widgets, scale = self.context.widgets, self.context.scale
        width, line_height = imgui.get_content_region_avail().x, imgui.get_text_line_height_with_spacing()
        corner = imgui.get_cursor_screen_pos()
        bar_end = ImVec2(corner.x + width * bar_fraction, corner.y + line_height - 3 * scale)
        imgui.get_window_draw_list().add_rect_filled(corner, bar_end, to_u32(with_alpha(group.color, 0.22)), 3.0)
        with style_color(imgui.Col_.text, THEME.muted_text):
            text = f"  {name.replace(':', ' ')}##{group.tag}{name}"
            if imgui.selectable(text, False, 0, ImVec2(width - TIME_COLUMN_WIDTH * scale, 0))[0]:
                self._show_pass(group.slot, name)
            widgets.store_rect(f"pass {group.tag} {name}")
            is_once = name.startswith(UNTIMED_PASSES)
            imgui.set_item_tooltip(
                "drawn when the scene or its light changes; not in the total" if is_once else "show its output"
            )
            widgets.right_aligned_text(time_text)

    def _show_pass(self, slot: Slot, name: str) -> None:
        """Show the first texture that a pass has drawn into."""
        session = self.context.session
        path = session.gpu.last_target_name.get(f"{session.renders[slot].scope}/{name.partition(' ')[0]}", "")
        target = path.partition("/")[2]
        for buffer in session.view_renderer.buffers(slot):
            label = buffer.removesuffix(TARGET_SUFFIX)
            if buffer.endswith(TARGET_SUFFIX) and (label == target or label.startswith(f"{target} ")):
                session.display.buffer = buffer
                session.message = f"output of {name}: {label}"
                return


def format_total(group: PassGroup) -> str:
    return MEASURING if group.total_ms is None else format_ms(group.total_ms)


def describe_frame_counts(groups: Sequence[PassGroup]) -> str:
    """Over how many frames the medians are taken."""
    if any(group.total_ms is None for group in groups):
        return MEASURING
    counts = [group.times.frame_count for group in groups]
    low, high = min(counts), max(counts)
    return f"medians of {low} frames" if low == high else f"medians of {low} to {high} frames"
