"""Fonts, colours, spacing and scale of the user interface."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import imgui_bundle
from imgui_bundle import ImVec2, imgui

from ssdo.viewer.color_maps import SLOT_RGB
from ssdo.viewer.render_scheduler import Slot

Color = tuple[float, float, float, float]  # red, green, blue, alpha; 0 to 1
FONT_SIZE = 15.0  # pixels, before scaling
# Sizes of Dear ImGui's style that `_set_spacing` leaves at their defaults.
SCALED_SIZES = (
    *("cell_padding", "columns_min_spacing", "indent_spacing", "input_text_cursor_size", "log_slider_deadzone"),
    *("scrollbar_padding", "separator_size", "tab_bar_border_size", "tab_min_width_base", "tab_min_width_shrink"),
    *("window_border_hover_padding", "window_min_size"),
)
SLOT_COLORS: Mapping[Slot, Color] = {slot: (*rgb, 1.0) for slot, rgb in SLOT_RGB.items()}


class Theme:
    """Current text colours, and the scale of the user interface. Changed by `apply_theme` and `set_scale`."""

    scale = 1.0  # of text, controls and spacing
    text: Color = (0.87, 0.88, 0.90, 1.0)
    muted_text: Color = (0.56, 0.59, 0.64, 1.0)
    accent: Color = (0.36, 0.62, 0.86, 1.0)
    is_dark = True


THEME = Theme()


def load_fonts() -> imgui.ImFont:
    """Load the fonts and return the bold one. Call once, before the first frame."""
    folder = Path(imgui_bundle.__file__).parent / "assets" / "fonts" / "Roboto"
    try:
        atlas = imgui.get_io().fonts
        atlas.add_font_from_file_ttf(str(folder / "Roboto-Regular.ttf"), FONT_SIZE)
        return atlas.add_font_from_file_ttf(str(folder / "Roboto-Bold.ttf"), FONT_SIZE)
    except RuntimeError:  # some packages of imgui-bundle lack the fonts
        return imgui.get_io().fonts.add_font_default()


def set_scale(scale: float) -> None:
    """Scale text, controls and spacing. Call between frames. Fonts are rasterised again as they are drawn."""
    THEME.scale = scale
    style = imgui.get_style()
    style.font_scale_dpi = scale
    scaled = imgui.Style()
    scaled.scale_all_sizes(scale)  # of a new style: the current one would be scaled once more
    for name in SCALED_SIZES:
        setattr(style, name, getattr(scaled, name))
    _set_spacing(scale)


def apply_theme(is_dark: bool) -> None:
    """Set the colours. May be called between frames."""
    THEME.is_dark = is_dark
    THEME.text = (0.87, 0.88, 0.90, 1.0) if is_dark else (0.10, 0.11, 0.13, 1.0)
    THEME.muted_text = (0.56, 0.59, 0.64, 1.0) if is_dark else (0.38, 0.40, 0.44, 1.0)
    THEME.accent = (0.36, 0.62, 0.86, 1.0) if is_dark else (0.10, 0.42, 0.74, 1.0)
    if is_dark:
        imgui.style_colors_dark()
    else:
        imgui.style_colors_light()
    _set_colors(is_dark)


def _set_spacing(scale: float) -> None:
    style = imgui.get_style()
    style.window_rounding = 0.0
    style.frame_rounding = 4.0 * scale
    style.grab_rounding = 3.0 * scale
    style.popup_rounding = 6.0 * scale
    style.scrollbar_rounding = 6.0 * scale
    style.tab_rounding = 4.0 * scale
    style.window_padding = ImVec2(14 * scale, 12 * scale)
    style.frame_padding = ImVec2(8 * scale, 4 * scale)
    style.item_spacing = ImVec2(8 * scale, 6 * scale)
    style.item_inner_spacing = ImVec2(6 * scale, 4 * scale)
    style.window_border_size, style.frame_border_size, style.popup_border_size = 0.0, 0.0, 1.0
    style.scrollbar_size, style.grab_min_size = 10.0 * scale, 5.0 * scale


def _set_colors(is_dark: bool) -> None:
    style, color = imgui.get_style(), imgui.Col_
    accent = THEME.accent[:3]
    overlay = (1.0, 1.0, 1.0) if is_dark else (0.0, 0.0, 0.0)
    for entry, rgba in {
        color.text: THEME.text,
        color.text_disabled: THEME.muted_text,
        color.window_bg: (0.085, 0.09, 0.105, 0.97) if is_dark else (0.965, 0.968, 0.975, 0.97),
        color.popup_bg: (0.11, 0.117, 0.135, 0.98) if is_dark else (1.0, 1.0, 1.0, 0.98),
        color.border: (*overlay, 0.08),
        color.frame_bg: (*overlay, 0.065),
        color.frame_bg_hovered: (*overlay, 0.11),
        color.frame_bg_active: (*overlay, 0.15),
        color.button: (*overlay, 0.075),
        color.button_hovered: (*overlay, 0.14),
        color.button_active: (*accent, 0.75),
        color.header: (*overlay, 0.0),
        color.header_hovered: (*overlay, 0.07),
        color.header_active: (*overlay, 0.11),
        color.slider_grab: (*accent, 0.7),
        color.slider_grab_active: (*accent, 1.0),
        color.check_mark: THEME.accent,
        color.separator: (*overlay, 0.08),
        color.scrollbar_bg: (0, 0, 0, 0),
        color.scrollbar_grab: (*overlay, 0.13),
        color.plot_histogram: (*accent, 0.55),
        color.tab: (*overlay, 0.05),
        color.tab_hovered: (*overlay, 0.14),
        color.tab_selected: (*accent, 0.45),
        color.text_selected_bg: (*accent, 0.4),
    }.items():
        style.set_color_(entry, rgba)
