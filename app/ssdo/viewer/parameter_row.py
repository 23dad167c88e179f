"""A row of the panel for a parameter: label, control, and a switch for values that the scene may decide."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass
from typing import Any

from imgui_bundle import ImVec2, imgui

from ssdo.render.shot import Shot
from ssdo.scene.files.file_cache import count_changes
from ssdo.settings import Param, Settings, UserError, field_type, param_of
from ssdo.viewer import keys
from ssdo.viewer.action_buttons import PARAMETER_ACTIONS
from ssdo.viewer.number_slider import NumberSliders
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import Session
from ssdo.viewer.theme import SLOT_COLORS, THEME
from ssdo.viewer.widgets import Widgets, style_color, with_alpha

EXPOSURE_RANGE = (-8.0, 8.0)  # stops, of an exposure slider; others can be typed
WIDE_LOG_RATIO, WIDE_RANGE = 1e5, 1e3  # sliders with wider ranges are narrowed around the default
DEFAULT_FACTORS = 1 / 50, 20.0  # of the default: the ends of a narrowed slider


def slider_range(param: Param, value: float, default: float) -> tuple[float, float]:
    """The ends of a slider: the parameter's range, narrowed around its default if it is very wide.

    The range always includes the value. Any allowed value can be typed.
    """
    assert param.min is not None and param.max is not None
    low, high = param.min, param.max
    if param.unit == "EV":
        low, high = max(low, EXPOSURE_RANGE[0]), min(high, EXPOSURE_RANGE[1])
    elif param.log and low > 0 and high / low > WIDE_LOG_RATIO:
        low, high = max(low, default * DEFAULT_FACTORS[0]), min(high, default * DEFAULT_FACTORS[1])
    elif high - low > WIDE_RANGE and low >= 0:
        high = min(high, DEFAULT_FACTORS[1] * default or DEFAULT_FACTORS[1])
    return min(low, value), max(high, value)


def format_value(value: Any, param: Param) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(f"{v:.3g}" for v in value)
    return (f"{value:.4g} {param.unit}" if isinstance(value, float) else f"{value} {param.unit}").strip()


def format_help(name: str, f: Field[Any]) -> str:
    """A parameter's tooltip: meaning, range, default, flag."""
    param = param_of(f)
    default = param.auto_label if f.default is None else format_value(f.default, param)
    range_text = param.range_text()
    shortcut = keys.describe_shortcut(PARAMETER_ACTIONS.get(name, ""))
    flag = f"--{name} ({shortcut})" if shortcut else f"--{name}"
    lines = [param.help, f"{range_text}; default {default}" if range_text else f"default {default}", flag]
    return "\n".join(line for line in lines if line)


@dataclass(frozen=True)
class Row:
    """A parameter as the panel shows it."""

    slot: Slot
    name: str  # dotted
    field: Field[Any]
    kind: type
    value: Any  # None: automatic
    auto_value: Any  # what an automatic value stands for now; None if that is no number
    start_value: Any  # what replaces an automatic value that is no number

    @property
    def param(self) -> Param:
        return param_of(self.field)

    @property
    def label(self) -> str:
        """The field's name; of a switch for a whole group, such as probes.enabled, the group's."""
        return self.name.partition(".")[0] if self.field.name == "enabled" else self.field.name

    @property
    def is_auto(self) -> bool:
        return self.value is None

    @property
    def has_auto_number(self) -> bool:
        return self.auto_value is not None or self.kind not in (int, float)

    @property
    def default(self) -> Any:
        """The value that a slider's range is centred at."""
        return next((v for v in (self.auto_value, self.field.default, self.start_value) if v is not None), None)


class ParameterRows:
    """Draws rows, and changes the session."""

    def __init__(self, session: Session, widgets: Widgets) -> None:
        self.session = session
        self.widgets = widgets
        self.sliders = NumberSliders(widgets)
        # by name, of a shot and the state of its files
        self._auto_values: dict[Slot, tuple[tuple[Shot, int], dict[str, Any]]] = {}

    def draw(self, slot: Slot, name: str, owner: Settings, f: Field[Any], value: Any) -> None:
        """Draw a parameter. A click on its label links or unlinks it."""
        row = self._make_row(slot, name, owner, f, value)
        if row is None:
            return
        self._draw_label(row)
        is_changed, new_value = self._draw_value(row)
        if row.param.auto_label:
            is_toggled, toggled_value = self._draw_auto_button(row)
            if is_toggled:
                is_changed, new_value = True, toggled_value
        if is_changed and new_value != value:
            self.session.change({name: new_value}, slot)

    def _make_row(self, slot: Slot, name: str, owner: Settings, f: Field[Any], value: Any) -> Row | None:
        """None if an automatic value cannot be resolved, as of a file that is gone."""
        param, kind = param_of(f), field_type(type(owner), f.name)
        auto_value = start_value = None
        if param.auto_label:
            try:
                auto_value = self._resolve_auto_value(slot, name)
            except UserError:
                return None
        if auto_value is None and kind in (int, float) and param.min is not None and param.max is not None:
            start_value = kind(min(max(self.session.scene.bounding_radius, param.min), param.max))
        return Row(slot, name, f, kind, value, auto_value, start_value)

    def _resolve_auto_value(self, slot: Slot, name: str) -> Any:
        shot = self.session.shot(slot)
        key = shot, count_changes()
        if slot not in self._auto_values or self._auto_values[slot][0] != key:
            self._auto_values[slot] = key, {}
        values = self._auto_values[slot][1]
        if name not in values:
            resolved: Mapping[str, Any] = shot.with_values({name: None}).resolve(self.session.scene).values()
            values[name] = resolved.get(name)
        return values[name]

    def _draw_label(self, row: Row) -> None:
        slots, tooltip = self.session.slots, format_help(row.name, row.field)
        can_unlink, is_linked = slots.can_unlink(row.name), slots.is_linked(row.name)
        is_unlinked = can_unlink and not is_linked
        can_click = can_unlink and (is_unlinked or len(self.session.visible_slots) == 2)
        if can_click:
            tooltip += "\nunlinked; click to link A and B" if is_unlinked else "\nlinked in A and B; click to unlink"
        color = SLOT_COLORS[row.slot] if is_unlinked else None
        if self.widgets.label(row.label, tooltip, color) and can_click:
            self.session.set_linked(row.name, is_unlinked)
        self.widgets.store_rect(f"label {row.name}")

    def _draw_value(self, row: Row) -> tuple[bool, Any]:
        """The control of the value, or a button with the meaning of an automatic value. A right click resets it."""
        tag = f"##{row.slot}{row.name}"
        if row.param.auto_label:
            imgui.set_next_item_width(-self._auto_button_width - 6 * self.widgets.scale)
        with style_color(imgui.Col_.text, with_alpha(THEME.text, 0.62), row.is_auto):
            if row.is_auto and not row.has_auto_number:
                width = imgui.calc_item_width()
                is_changed, new_value = imgui.button(f"{row.param.auto_label}{tag}", ImVec2(width, 0)), row.start_value
                self.widgets.store_rect(f"row {row.name}")
            else:
                is_changed, new_value = self._draw_control(row, tag, row.auto_value if row.is_auto else row.value)
        if action := PARAMETER_ACTIONS.get(row.name):
            self.widgets.action_items[action] = f"row {row.name}"
        if imgui.is_item_clicked(1):
            is_changed, new_value = True, row.field.default
        imgui.set_item_tooltip(format_help(row.name, row.field))
        return is_changed, new_value

    @property
    def _auto_button_width(self) -> float:
        return float(imgui.calc_text_size("auto").x + 12 * self.widgets.scale)

    def _draw_auto_button(self, row: Row) -> tuple[bool, Any]:
        """The switch between an automatic value and one of the user's."""
        imgui.same_line(0, 6 * self.widgets.scale)
        imgui.push_style_var(imgui.StyleVar_.frame_padding.value, ImVec2(2, imgui.get_style().frame_padding.y))
        with style_color(imgui.Col_.button, with_alpha(THEME.accent, 0.45), row.is_auto):
            is_pressed = imgui.button(f"auto##{row.slot}{row.name}", ImVec2(self._auto_button_width, 0))
            self.widgets.store_rect(f"auto {row.name}")
        imgui.pop_style_var()
        imgui.set_item_tooltip(f"{'on' if row.is_auto else 'off'}: {row.param.auto_label}")
        if not row.is_auto:
            return is_pressed, None
        return is_pressed, row.auto_value if row.has_auto_number else row.start_value

    # ---- controls by type ----

    def _draw_control(self, row: Row, tag: str, value: Any) -> tuple[bool, Any]:
        """Returns whether the value was changed, and the new value."""
        kind, param = row.kind, row.param
        if kind in (int, float) and not param.choices:
            return self._draw_slider(row, tag, value)
        is_changed, new_value = self._draw_other_control(tag, kind, param, value)
        self.widgets.store_rect(f"row {row.name}")
        return is_changed, new_value

    def _draw_other_control(self, tag: str, kind: type, param: Param, value: Any) -> tuple[bool, Any]:
        if kind is bool:
            return imgui.checkbox(tag, value)
        if param.choices:
            return self._draw_choice(tag, param, value)
        if kind is tuple:
            return self._draw_vector(tag, param, value)
        return imgui.input_text(tag, str(value or ""), imgui.InputTextFlags_.enter_returns_true.value)

    def _draw_choice(self, tag: str, param: Param, value: str) -> tuple[bool, str]:
        new_value = value
        if self.widgets.begin_list(tag, value):
            for choice in param.choices:
                if imgui.selectable(choice, choice == value)[0]:
                    new_value = choice
            imgui.end_combo()
        return new_value != value, new_value

    def _draw_vector(self, tag: str, param: Param, value: tuple[float, ...]) -> tuple[bool, tuple[float, ...]]:
        """A colour if the range is 0 to 1, else three numbers."""
        if param.min == 0 and param.max == 1:
            flags = imgui.ColorEditFlags_.float.value | imgui.ColorEditFlags_.no_inputs.value
            is_changed, components = imgui.color_edit3(tag, list(value), flags)
        else:
            speed = max(1e-3, 0.005 * self.session.scene.bounding_radius)
            is_changed, components = imgui.drag_float3(tag, list(value), speed, format="%.3g")
        new_value = tuple(_clamp(v, param) for v in components)
        return is_changed and all(map(math.isfinite, new_value)), new_value

    def _draw_slider(self, row: Row, tag: str, value: Any) -> tuple[bool, Any]:
        param = row.param
        is_changed, number = self.sliders.draw(tag, row.name, param, value, *slider_range(param, value, row.default))
        if row.kind is int:
            return is_changed, int(_clamp(round(number / param.step) * param.step, param))
        return is_changed, _clamp(number, param)


def _clamp(value: float, param: Param) -> float:
    return min(max(value, param.min), param.max) if param.min is not None and param.max is not None else value
