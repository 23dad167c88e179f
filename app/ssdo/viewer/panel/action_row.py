"""Buttons and checkboxes of the panel that run an action, as its key does."""

from __future__ import annotations

from imgui_bundle import imgui

from ssdo.viewer.action_buttons import BUTTONS, CHECKBOXES
from ssdo.viewer.panel.context import PanelContext


def draw_action_row(context: PanelContext, place: str, selected: str | None = None) -> None:
    """The buttons of a place in BUTTONS. `selected`: the label of the one that is on."""
    buttons, widgets = BUTTONS[place], context.widgets
    labels = [button.label for button in buttons]
    pressed = widgets.button_row(labels, selected, [button.tooltip for button in buttons], place)
    for button in buttons:
        widgets.action_items[button.action] = f"{place} {button.label}"
        if pressed == button.label and not button.while_held:
            context.pending_actions.append(button.action)


def draw_action_checkbox(context: PanelContext, action: str, value: bool) -> None:
    """The checkbox of an action in CHECKBOXES. `value`: whether it is ticked."""
    checkbox = CHECKBOXES[action]
    imgui.begin_group()
    is_changed = imgui.checkbox(f"##{action}", value)[0]
    imgui.same_line(0, imgui.get_style().item_inner_spacing.x)
    imgui.align_text_to_frame_padding()
    imgui.text_wrapped(checkbox.label)  # the checkbox's own label would be clipped in a narrow panel
    is_changed = is_changed or imgui.is_item_clicked(0)
    imgui.end_group()
    if is_changed:
        context.pending_actions.append(action)
    context.widgets.store_rect(action)
    context.widgets.action_items[action] = action
    imgui.set_item_tooltip(checkbox.tooltip)
