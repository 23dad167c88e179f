"""Dear ImGui on moderngl: its textures, its triangles, and the window's events as it wants them.

moderngl-window's own integration does not know the texture protocol of Dear ImGui 1.92, and loses a click whose press
and release fall into one slow frame.
"""

from __future__ import annotations

import ctypes
import math
import time
from pathlib import Path
from typing import Any

import imgui_bundle
import moderngl
import numpy as np
from imgui_bundle import ImVec2, imgui
from moderngl_window.context.base import BaseWindow, KeyModifiers

VERTEX = """#version 410 core
uniform vec4 scale_bias;
in vec2 position; in vec2 uv; in vec4 color;
out vec2 at; out vec4 tint;
void main() { at = uv; tint = color; gl_Position = vec4(position * scale_bias.xy + scale_bias.zw, 0.0, 1.0); }
"""
FRAGMENT = """#version 410 core
uniform sampler2D atlas;
in vec2 at; in vec4 tint;
out vec4 shown;
void main() { shown = tint * texture(atlas, at); }
"""
FONT_SIZE = 15.0  # pixels, before scaling


class Theme:
    """The panel's colours: of text, of what matters less, of what is chosen. Changed by `theme`."""

    ink: tuple[float, float, float, float] = (0.87, 0.88, 0.90, 1.0)
    quiet: tuple[float, float, float, float] = (0.56, 0.59, 0.64, 1.0)
    accent: tuple[float, float, float, float] = (0.36, 0.62, 0.86, 1.0)
    dark = True


THEME = Theme()


class ImguiRenderer:
    """Draws what was said between `begin` and `end` into the window."""

    def __init__(self, wnd: BaseWindow, scale: float) -> None:
        self.wnd, self.ctx = wnd, wnd.ctx
        imgui.create_context()
        self.io = io = imgui.get_io()
        io.backend_flags |= (
            imgui.BackendFlags_.renderer_has_textures.value | imgui.BackendFlags_.renderer_has_vtx_offset.value
        )
        io.set_ini_filename("")  # no imgui.ini in the user's folder
        io.config_drag_click_to_input_text = False
        limit = int(self.ctx.info["GL_MAX_TEXTURE_SIZE"])
        platform = imgui.get_platform_io()
        platform.renderer_texture_max_width = platform.renderer_texture_max_height = limit
        self.bold = fonts(scale)
        theme(scale, True)

        self._textures: dict[int, moderngl.Texture] = {}
        self._program = self.ctx.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self._vertices = self.ctx.buffer(reserve=imgui.VERTEX_SIZE * 8192, dynamic=True)
        self._indices = self.ctx.buffer(reserve=imgui.INDEX_SIZE * 16384, dynamic=True)
        self._array = self._made()
        self._last = time.perf_counter()
        self._keys = key_map(wnd.keys)
        self.resize()

    def _made(self) -> moderngl.VertexArray:
        layout = [(self._vertices, "2f4 2f4 4f1", "position", "uv", "color")]
        return self.ctx.vertex_array(
            self._program, layout, index_buffer=self._indices, index_element_size=imgui.INDEX_SIZE
        )

    # ---- a frame ----

    def begin(self) -> None:
        now = time.perf_counter()
        self.io.delta_time = max(now - self._last, 1e-4)
        self._last = now
        imgui.new_frame()

    def end(self, into: Any) -> None:  # a framebuffer; its declared types for viewport and scissor are wrong
        imgui.render()
        data = imgui.get_draw_data()
        for texture in imgui.get_platform_io().textures:
            if texture.status != imgui.ImTextureStatus.ok:
                self._update(texture)
        (width, height), (sx, sy) = data.display_size, data.framebuffer_scale
        if width <= 0 or height <= 0:
            return
        rows = int(height * sy)
        into.use()
        into.viewport = (0, 0, int(width * sx), rows)
        state: Any = self.ctx  # of which two types are declared wrong
        state.enable_only(moderngl.BLEND)
        state.blend_equation = moderngl.FUNC_ADD
        state.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        px, py = data.display_pos
        self._program["scale_bias"] = 2 / width, -2 / height, -1 - 2 * px / width, 1 + 2 * py / height
        self._program["atlas"] = 0
        for commands in data.cmd_lists:
            self._upload(commands)
            for command in commands.cmd_buffer:
                x0, y0, x1, y1 = command.clip_rect
                x0, y0, x1, y1 = (x0 - px) * sx, (y0 - py) * sy, (x1 - px) * sx, (y1 - py) * sy
                if x1 <= x0 or y1 <= y0 or not command.elem_count:
                    continue
                into.scissor = int(x0), int(rows - y1), math.ceil(x1 - x0), math.ceil(y1 - y0)
                self._textures[command.get_tex_id()].use(0)
                self._array.render(moderngl.TRIANGLES, vertices=command.elem_count, first=command.idx_offset)
        into.scissor = None
        self.ctx.enable_only(moderngl.NOTHING)

    def _upload(self, commands: imgui.ImDrawList) -> None:
        if any(command.vtx_offset for command in commands.cmd_buffer):  # moderngl has no base vertex
            raise RuntimeError("more vertices in a window than 16-bit indices reach")

        def raw(buffer: Any, size: int) -> ctypes.Array[ctypes.c_ubyte]:
            kind = ctypes.c_ubyte * int(buffer.size() * size)
            return kind.from_address(buffer.data_address())

        vertices, indices = raw(commands.vtx_buffer, imgui.VERTEX_SIZE), raw(commands.idx_buffer, imgui.INDEX_SIZE)
        if self._vertices.size < len(vertices) or self._indices.size < len(indices):
            self._vertices = self.ctx.buffer(reserve=max(self._vertices.size, 2 * len(vertices)), dynamic=True)
            self._indices = self.ctx.buffer(reserve=max(self._indices.size, 2 * len(indices)), dynamic=True)
            self._array = self._made()
        for buffer, data in ((self._vertices, vertices), (self._indices, indices)):
            buffer.orphan()
            buffer.write(data)

    def _update(self, texture: imgui.ImTextureData) -> None:
        """What Dear ImGui asks for its atlas: create, change parts, destroy."""
        if texture.status == imgui.ImTextureStatus.want_create:
            made = self.ctx.texture((texture.width, texture.height), 4, texture.get_pixels_array().tobytes())
            made.repeat_x = made.repeat_y = False
            self._textures[made.glo] = made
            texture.set_tex_id(made.glo)
            texture.status = imgui.ImTextureStatus.ok
        elif texture.status == imgui.ImTextureStatus.want_updates:
            pixels = texture.get_pixels_array().reshape(texture.height, texture.width, 4)
            for r in texture.updates:
                block = np.ascontiguousarray(pixels[r.y : r.y + r.h, r.x : r.x + r.w])
                self._textures[texture.tex_id].write(block, viewport=(r.x, r.y, r.w, r.h))
            texture.status = imgui.ImTextureStatus.ok
        elif texture.status == imgui.ImTextureStatus.want_destroy and texture.unused_frames > 0:
            self._drop(texture)

    def _drop(self, texture: imgui.ImTextureData) -> None:
        self._textures.pop(texture.tex_id, None)
        texture.set_tex_id(0)
        texture.status = imgui.ImTextureStatus.destroyed

    def close(self) -> None:
        """Call while the context lives."""
        for texture in imgui.get_platform_io().textures:
            if texture.ref_count == 1 and texture.tex_id in self._textures:
                self._drop(texture)
        self.io.backend_flags &= ~imgui.BackendFlags_.renderer_has_textures.value
        imgui.destroy_context()

    # ---- events: queued, so that nothing is lost between two slow frames ----

    def resize(self) -> None:
        (width, height), (across, down) = self.wnd.size, self.wnd.buffer_size
        self.io.display_size = ImVec2(width, height)
        self.io.display_framebuffer_scale = ImVec2(across / max(width, 1), down / max(height, 1))

    def mouse_move(self, x: float, y: float) -> None:
        self.io.add_mouse_pos_event(x, y)

    def mouse_button(self, x: float, y: float, button: int, down: bool) -> None:
        mouse = self.wnd.mouse
        index = {mouse.left: 0, mouse.right: 1, mouse.middle: 2}.get(button)
        if index is None:
            return
        if down:  # the button's event knows the modifiers; on X11 their own keys' events come one late
            held = self.wnd.modifiers
            self._modifiers(bool(held.ctrl), bool(held.shift), bool(held.alt))
        self.io.add_mouse_pos_event(x, y)
        self.io.add_mouse_button_event(index, down)

    def scroll(self, x: float, y: float) -> None:
        self.io.add_mouse_wheel_event(x, y)

    def character(self, text: str) -> None:
        self.io.add_input_characters_utf8(text)

    def key(self, key: Any, down: bool, modifiers: KeyModifiers) -> None:
        keys = self.wnd.keys
        ctrl = down if key == keys.LEFT_CTRL else bool(modifiers.ctrl)
        shift = down if key in (keys.LEFT_SHIFT, keys.RIGHT_SHIFT) else bool(modifiers.shift)
        self._modifiers(ctrl, shift, bool(modifiers.alt))
        if key in self._keys:
            self.io.add_key_event(self._keys[key], down)

    def _modifiers(self, ctrl: bool, shift: bool, alt: bool) -> None:
        self.io.add_key_event(imgui.Key.mod_ctrl, ctrl)
        self.io.add_key_event(imgui.Key.mod_shift, shift)
        self.io.add_key_event(imgui.Key.mod_alt, alt)


def key_map(keys: Any) -> dict[Any, imgui.Key]:
    """The window library's keys as Dear ImGui's: those that edit text."""
    names = {"LEFT": "left_arrow", "RIGHT": "right_arrow", "UP": "up_arrow", "DOWN": "down_arrow"}
    names |= {
        n: n.lower()
        for n in (
            "TAB",
            "PAGE_UP",
            "PAGE_DOWN",
            "HOME",
            "END",
            "INSERT",
            "DELETE",
            "SPACE",
            "BACKSPACE",
            "ENTER",
            "ESCAPE",
        )
    }
    names |= {c.upper(): c for c in "abcdefghijklmnopqrstuvwxyz"} | {
        "LEFT_SHIFT": "left_shift",
        "RIGHT_SHIFT": "right_shift",
        "LEFT_CTRL": "left_ctrl",
    }
    return {getattr(keys, ours): getattr(imgui.Key, theirs) for ours, theirs in names.items() if hasattr(keys, ours)}


def fonts(scale: float) -> imgui.ImFont:
    """Loads the fonts; returns the one for headings. Call once, before the first frame."""
    imgui.get_style().scale_all_sizes(scale)
    imgui.get_style().font_scale_dpi = scale
    folder = Path(imgui_bundle.__file__).parent / "assets" / "fonts" / "Roboto"
    try:
        atlas = imgui.get_io().fonts
        atlas.add_font_from_file_ttf(str(folder / "Roboto-Regular.ttf"), FONT_SIZE)
        return atlas.add_font_from_file_ttf(str(folder / "Roboto-Bold.ttf"), FONT_SIZE)
    except RuntimeError:  # a package without its fonts: the built-in one will do
        return imgui.get_io().fonts.add_font_default()


def theme(scale: float, dark: bool) -> None:
    """A calm look, dark or light. Can be called between frames."""
    THEME.dark = dark
    THEME.ink = (0.87, 0.88, 0.90, 1.0) if dark else (0.10, 0.11, 0.13, 1.0)
    THEME.quiet = (0.56, 0.59, 0.64, 1.0) if dark else (0.38, 0.40, 0.44, 1.0)
    THEME.accent = (0.36, 0.62, 0.86, 1.0) if dark else (0.10, 0.42, 0.74, 1.0)
    (imgui.style_colors_dark if dark else imgui.style_colors_light)()
    style, color = imgui.get_style(), imgui.Col_
    style.window_rounding, style.frame_rounding, style.grab_rounding, style.popup_rounding = (
        0.0,
        4.0 * scale,
        3.0 * scale,
        6.0 * scale,
    )
    style.scrollbar_rounding, style.tab_rounding = 6.0 * scale, 4.0 * scale
    style.window_padding, style.frame_padding = ImVec2(14 * scale, 12 * scale), ImVec2(8 * scale, 4 * scale)
    style.item_spacing, style.item_inner_spacing = ImVec2(8 * scale, 6 * scale), ImVec2(6 * scale, 4 * scale)
    style.window_border_size, style.frame_border_size, style.popup_border_size = 0.0, 0.0, 1.0
    style.scrollbar_size, style.grab_min_size = 10.0 * scale, 5.0 * scale
    blue, over = THEME.accent[:3], (1.0, 1.0, 1.0) if dark else (0.0, 0.0, 0.0)
    for entry, rgba in {
        color.text: THEME.ink,
        color.text_disabled: THEME.quiet,
        color.window_bg: (0.085, 0.09, 0.105, 0.97) if dark else (0.965, 0.968, 0.975, 0.97),
        color.popup_bg: (0.11, 0.117, 0.135, 0.98) if dark else (1.0, 1.0, 1.0, 0.98),
        color.border: (*over, 0.08),
        color.frame_bg: (*over, 0.065),
        color.frame_bg_hovered: (*over, 0.11),
        color.frame_bg_active: (*over, 0.15),
        color.button: (*over, 0.075),
        color.button_hovered: (*over, 0.14),
        color.button_active: (*blue, 0.75),
        color.header: (*over, 0.0),
        color.header_hovered: (*over, 0.07),
        color.header_active: (*over, 0.11),
        color.slider_grab: (*blue, 0.7),
        color.slider_grab_active: (*blue, 1.0),
        color.check_mark: THEME.accent,
        color.separator: (*over, 0.08),
        color.scrollbar_bg: (0, 0, 0, 0),
        color.scrollbar_grab: (*over, 0.13),
        color.plot_histogram: (*blue, 0.55),
        color.tab: (*over, 0.05),
        color.tab_hovered: (*over, 0.14),
        color.tab_selected: (*blue, 0.45),
        color.text_selected_bg: (*blue, 0.4),
    }.items():
        style.set_color_(entry, rgba)
