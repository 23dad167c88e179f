"""Draws the sampled directions of an inspected pixel: as rays over the image, and as a disc in the panel."""

from __future__ import annotations

import math

import numpy as np
from imgui_bundle import ImVec2, imgui

from ssdo.arrays import Floats
from ssdo.render.pipeline import FrameResult
from ssdo.settings import Vec3
from ssdo.viewer.overlay import TEXT_COLOR
from ssdo.viewer.pixel_inspector import LEAVES_SCREEN, OCCLUDED, PixelInspection
from ssdo.viewer.pixel_values import PixelValues
from ssdo.viewer.theme import THEME, Color
from ssdo.viewer.widgets import Rect, to_u32, with_alpha

OCCLUDED_RIM: Color = (0.12, 0.12, 0.14, 1.0)
LEAVES_SCREEN_COLOR: Color = (0.55, 0.35, 0.85, 1.0)
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
            draw_list.add_circle_filled(occluder, 3.2 * scale, to_u32(color))
            draw_list.add_circle(occluder, 3.2 * scale, to_u32(OCCLUDED_RIM), 0, scale)
        elif end := _project(clip_from_world, (float(ends[i, 0]), float(ends[i, 1]), float(ends[i, 2])), image_rect):
            if origin:
                draw_list.add_line(origin, end, to_u32(with_alpha(color, 0.35)), scale)
            dot_color = LEAVES_SCREEN_COLOR if state == LEAVES_SCREEN else color
            draw_list.add_circle_filled(end, 2.6 * scale, to_u32(dot_color))
    if origin:
        draw_list.add_circle(origin, 6 * scale, to_u32(TEXT_COLOR), 0, 1.6 * scale)
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
