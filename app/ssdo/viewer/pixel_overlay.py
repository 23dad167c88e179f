"""Draws an inspected pixel: its samples as rays over the image and as a disc in the panel, and a card beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from imgui_bundle import ImVec2, imgui

from ssdo.arrays import Floats
from ssdo.render.pipeline import FrameResult
from ssdo.settings import Vec3
from ssdo.viewer.overlay import BACKGROUND_COLOR, TEXT_COLOR
from ssdo.viewer.pixel_card import COLOR_KEY, Card, CardLine, place_card
from ssdo.viewer.pixel_inspector import LEAVES_SCREEN, OCCLUDED, PixelInspection
from ssdo.viewer.pixel_values import PixelValues
from ssdo.viewer.theme import SLOT_COLORS, THEME, Color
from ssdo.viewer.widgets import Rect, to_u32, with_alpha

OCCLUDED_RIM: Color = (0.12, 0.12, 0.14, 1.0)
LEAVES_SCREEN_COLOR: Color = (0.55, 0.35, 0.85, 1.0)
KEY_BACKGROUND: Color = (0.62, 0.64, 0.67, 1.0)  # on which a dark rim and light can be seen
KEY_LIGHT: Color = (0.95, 0.90, 0.75, 1.0)
CARD_GAP, CARD_PADDING = 14.0, 8.0  # pixels, before scaling
MIN_DOT_RADIUS, MAX_DOT_RADIUS = 2.5, 7.0  # pixels, before scaling


def draw_sample_rays(
    result: FrameResult, values: PixelValues, inspection: PixelInspection, image_rect: Rect, scale: float
) -> None:
    """A line from the pixel to each occluder, and to the end of each visible direction.

    `image_rect`: where the image lies in the window, in the panel's units.
    """
    if values.position is None:
        return
    draw_list, clip_from_world = imgui.get_background_draw_list(), result.inputs.frame.clip_from_world
    left, top, right, bottom = image_rect
    draw_list.push_clip_rect(ImVec2(left, top), ImVec2(right, bottom))
    origin = _project(clip_from_world, values.position, image_rect)
    ends = np.array(values.position) + inspection.directions * inspection.radius
    for i, state in enumerate(inspection.states):
        color = _sample_color(inspection, i)
        if state == OCCLUDED:
            u, v = inspection.occluders_uv[i]
            occluder = _place(float(u), float(v), image_rect)
            if origin:
                draw_list.add_line(origin, occluder, to_u32(with_alpha(color, 0.9)), 1.5 * scale)
            draw_ray_end(occluder, state, color, scale)
        elif end := _project(clip_from_world, (float(ends[i, 0]), float(ends[i, 1]), float(ends[i, 2])), image_rect):
            if origin:
                draw_list.add_line(origin, end, to_u32(with_alpha(color, 0.35)), scale)
            draw_ray_end(end, state, color, scale)
    draw_list.pop_clip_rect()


def draw_sample_disc(inspection: PixelInspection, size: float, scale: float) -> None:
    """The samples seen from above the surface, each filled with the colour of the light it brings."""
    corner, radius = imgui.get_cursor_screen_pos(), size / 2
    imgui.invisible_button("disc", ImVec2(size, size))
    draw_list, centre = imgui.get_window_draw_list(), ImVec2(corner.x + radius, corner.y + radius)
    draw_list.add_circle_filled(centre, radius, to_u32(with_alpha(THEME.text, 0.06)), 64)
    for angle in (30, 60, 90):  # degrees from the normal
        ring = radius * math.sin(math.radians(angle))
        draw_list.add_circle(centre, ring, to_u32(with_alpha(THEME.text, 0.14)), 64)
    dot_radius = max(MIN_DOT_RADIUS, min(MAX_DOT_RADIUS, 24 / math.sqrt(len(inspection.states)))) * scale
    rims = {OCCLUDED: OCCLUDED_RIM, LEAVES_SCREEN: LEAVES_SCREEN_COLOR}
    for i, state in enumerate(inspection.states):
        x, y = inspection.disc[i]
        position = ImVec2(centre.x + float(x) * radius * 0.97, centre.y - float(y) * radius * 0.97)
        rim = rims.get(int(state), with_alpha(THEME.text, 0.5))
        draw_list.add_circle_filled(position, dot_radius, to_u32(_sample_color(inspection, i)))
        draw_list.add_circle(position, dot_radius, to_u32(rim), 0, 1.5 * scale)


def draw_pixel_card(
    cards: Sequence[Card], pixels: Sequence[tuple[float, float]], bounds: Rect, obstacles: Sequence[Rect], scale: float
) -> Rect | None:
    """Draw the first of the cards that has room beside the first pixel, in the panel's units, and return its place."""
    draw_list = imgui.get_background_draw_list()
    for card in cards:
        place = place_card(_card_size(card, scale), pixels, CARD_GAP * scale, bounds, obstacles)
        if place is None:
            continue
        draw_list.add_rect_filled(ImVec2(*place[:2]), ImVec2(*place[2:]), to_u32(BACKGROUND_COLOR), 5 * scale)
        x, y = place[0] + CARD_PADDING * scale, place[1] + CARD_PADDING * scale
        for line in card:
            if line.key:
                _draw_key(line, x, y, scale)
            else:
                color = SLOT_COLORS[line.slot] if line.slot else TEXT_COLOR
                draw_list.add_text(ImVec2(x, y), to_u32(color), line.text)
            y += imgui.get_text_line_height_with_spacing()
        return place
    return None


def _card_size(card: Card, scale: float) -> tuple[float, float]:
    width = max(_key_width(line, scale) if line.key else imgui.calc_text_size(line.text).x for line in card)
    height = len(card) * imgui.get_text_line_height_with_spacing() - imgui.get_style().item_spacing.y
    return width + 2 * CARD_PADDING * scale, height + 2 * CARD_PADDING * scale


def _key_width(line: CardLine, scale: float) -> float:
    chip, gap = imgui.get_text_line_height(), 12 * scale
    texts = sum(imgui.calc_text_size(COLOR_KEY[state]).x for state in line.key)
    return float(texts + len(line.key) * (chip + 5 * scale) + (len(line.key) - 1) * gap)


def _draw_key(line: CardLine, x: float, y: float, scale: float) -> None:
    """Entries of the colour key: how the ends of rays are drawn, and what that means."""
    draw_list, chip = imgui.get_background_draw_list(), imgui.get_text_line_height()
    for state in line.key:
        centre = ImVec2(x + chip / 2, y + chip / 2)
        draw_list.add_rect_filled(ImVec2(x, y), ImVec2(x + chip, y + chip), to_u32(KEY_BACKGROUND), 3 * scale)
        draw_ray_end(centre, state, KEY_LIGHT, scale)
        x += chip + 5 * scale
        draw_list.add_text(ImVec2(x, y), to_u32(TEXT_COLOR), COLOR_KEY[state])
        x += imgui.calc_text_size(COLOR_KEY[state]).x + 12 * scale


def draw_ray_end(place: ImVec2, state: float, color: Color, scale: float) -> None:
    """The end of a sample's ray, in the colour of its light."""
    draw_list = imgui.get_background_draw_list()
    if state == OCCLUDED:
        draw_list.add_circle_filled(place, 3.2 * scale, to_u32(color))
        draw_list.add_circle(place, 3.2 * scale, to_u32(OCCLUDED_RIM), 0, scale)
    else:
        end_color = LEAVES_SCREEN_COLOR if state == LEAVES_SCREEN else color
        draw_list.add_circle_filled(place, 2.6 * scale, to_u32(end_color))


def draw_pixel_mark(place: tuple[float, float], scale: float) -> None:
    """A ring around a pixel."""
    imgui.get_background_draw_list().add_circle(ImVec2(*place), 6 * scale, to_u32(TEXT_COLOR), 0, 1.6 * scale)


def _sample_color(inspection: PixelInspection, index: int) -> Color:
    """Colour of the light that a sample brings, relative to the brightest one."""
    brightest = max(float(inspection.direct.max(initial=0)), float(inspection.indirect.max(initial=0)), 1e-9)
    is_occluded = inspection.states[index] == OCCLUDED
    return _to_display((inspection.indirect if is_occluded else inspection.direct)[index] / brightest)


def _to_display(light: Floats) -> Color:
    """A display colour of light from 0 to 1, with gamma 2.2."""
    c = np.clip(light, 0, 1) ** (1 / 2.2)
    return float(c[0]), float(c[1]), float(c[2]), 1.0


def _place(u: float, v: float, rect: Rect) -> ImVec2:
    """The position of (u, v) of an image in the window; (0, 0) is its lower left corner."""
    left, top, right, bottom = rect
    return ImVec2(left + u * (right - left), bottom - v * (bottom - top))


def _project(clip_from_world: tuple[float, ...], p_ws: Vec3, image_rect: Rect) -> ImVec2 | None:
    """Position of a point in the window, in the panel's units; None behind the camera."""
    x, y, _, w = np.array((*p_ws, 1.0)) @ np.array(clip_from_world).reshape(4, 4)
    if w <= 1e-6:
        return None
    return _place(float(0.5 + 0.5 * x / w), float(0.5 + 0.5 * y / w), image_rect)
