"""Dear ImGui backend for moderngl: textures, triangles and input events.

moderngl-window's own integration does not know the texture protocol of Dear ImGui 1.92, and loses a click whose press
and release fall into one slow frame.
"""

from __future__ import annotations

import ctypes
import math
import time
from typing import Any

import moderngl
import numpy as np
from imgui_bundle import ImVec2, imgui
from moderngl_window.context.base import BaseWindow, KeyModifiers

from ssdo.viewer.theme import apply_theme, load_fonts, set_scale

VERTEX_SHADER = """#version 410 core
uniform vec4 scale_bias;
in vec2 position;
in vec2 uv;
in vec4 color;
out vec2 vertex_uv;
out vec4 vertex_color;
void main() {
    vertex_uv = uv;
    vertex_color = color;
    gl_Position = vec4(position * scale_bias.xy + scale_bias.zw, 0.0, 1.0);
}
"""
FRAGMENT_SHADER = """#version 410 core
uniform sampler2D atlas;
in vec2 vertex_uv;
in vec4 vertex_color;
out vec4 color;
void main() { color = vertex_color * texture(atlas, vertex_uv); }
"""
EDITING_KEYS = {
    "LEFT": "left_arrow",
    "RIGHT": "right_arrow",
    "UP": "up_arrow",
    "DOWN": "down_arrow",
    "LEFT_SHIFT": "left_shift",
    "RIGHT_SHIFT": "right_shift",
    "LEFT_CTRL": "left_ctrl",
    **{
        name: name.lower()
        for name in ("TAB", "PAGE_UP", "PAGE_DOWN", "HOME", "END", "INSERT", "DELETE", "SPACE", "BACKSPACE")
        + ("ENTER", "ESCAPE")
    },
    **{letter.upper(): letter for letter in "abcdefghijklmnopqrstuvwxyz"},
}


class ImguiRenderer:
    """Draws what was submitted between `begin_frame` and `end_frame` into the window."""

    def __init__(self, wnd: BaseWindow, scale: float) -> None:
        """`scale`: of the user interface, at the start."""
        self.wnd, self.ctx = wnd, wnd.ctx
        imgui.create_context()
        self.io = io = imgui.get_io()
        io.backend_flags |= (
            imgui.BackendFlags_.renderer_has_textures.value | imgui.BackendFlags_.renderer_has_vtx_offset.value
        )
        io.set_ini_filename("")  # no imgui.ini in the user's folder
        io.config_drag_click_to_input_text = False
        max_size = int(self.ctx.info["GL_MAX_TEXTURE_SIZE"])
        platform = imgui.get_platform_io()
        platform.renderer_texture_max_width = platform.renderer_texture_max_height = max_size
        self.bold_font = load_fonts()
        set_scale(scale)
        apply_theme(is_dark=True)

        self._textures: dict[int, moderngl.Texture] = {}
        self._program = self.ctx.program(vertex_shader=VERTEX_SHADER, fragment_shader=FRAGMENT_SHADER)
        self._vertices = self.ctx.buffer(reserve=imgui.VERTEX_SIZE * 8192, dynamic=True)
        self._indices = self.ctx.buffer(reserve=imgui.INDEX_SIZE * 16384, dynamic=True)
        self._vertex_array = self._create_vertex_array()
        self._last_frame = time.perf_counter()
        self._keys = map_keys(wnd.keys)
        self.resize()

    def _create_vertex_array(self) -> moderngl.VertexArray:
        layout = [(self._vertices, "2f4 2f4 4f1", "position", "uv", "color")]
        return self.ctx.vertex_array(
            self._program, layout, index_buffer=self._indices, index_element_size=imgui.INDEX_SIZE
        )

    # ---- frame ----

    def begin_frame(self) -> None:
        now = time.perf_counter()
        self.io.delta_time = max(now - self._last_frame, 1e-4)
        self._last_frame = now
        imgui.new_frame()

    def discard_frame(self) -> None:
        """End a frame without drawing it."""
        imgui.end_frame()

    def end_frame(self, framebuffer: Any) -> None:
        """Draw into a framebuffer. (moderngl's types of viewport and scissor are wrong.)"""
        imgui.render()
        data = imgui.get_draw_data()
        for texture in imgui.get_platform_io().textures:
            if texture.status != imgui.ImTextureStatus.ok:
                self._update_texture(texture)
        (width, height), (scale_x, scale_y) = data.display_size, data.framebuffer_scale
        if width <= 0 or height <= 0:
            return
        rows = int(height * scale_y)
        framebuffer.use()
        framebuffer.viewport = (0, 0, int(width * scale_x), rows)
        self._set_state(data)
        left, top = data.display_pos
        for commands in data.cmd_lists:
            self._upload(commands)
            for command in commands.cmd_buffer:
                x0, y0, x1, y1 = command.clip_rect
                x0, y0 = (x0 - left) * scale_x, (y0 - top) * scale_y
                x1, y1 = (x1 - left) * scale_x, (y1 - top) * scale_y
                if x1 <= x0 or y1 <= y0 or not command.elem_count:
                    continue
                framebuffer.scissor = int(x0), int(rows - y1), math.ceil(x1 - x0), math.ceil(y1 - y0)
                self._textures[command.get_tex_id()].use(0)
                self._vertex_array.render(moderngl.TRIANGLES, vertices=command.elem_count, first=command.idx_offset)
        framebuffer.scissor = None
        self.ctx.enable_only(moderngl.NOTHING)

    def _set_state(self, data: imgui.ImDrawData) -> None:
        state: Any = self.ctx  # moderngl's types of blend_equation and blend_func are wrong
        state.enable_only(moderngl.BLEND)
        state.blend_equation = moderngl.FUNC_ADD
        state.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA, moderngl.ONE, moderngl.ONE_MINUS_SRC_ALPHA
        (width, height), (left, top) = data.display_size, data.display_pos
        self._program["scale_bias"] = 2 / width, -2 / height, -1 - 2 * left / width, 1 + 2 * top / height
        self._program["atlas"] = 0

    def _upload(self, commands: imgui.ImDrawList) -> None:
        if any(command.vtx_offset for command in commands.cmd_buffer):  # moderngl has no base vertex
            raise RuntimeError("more vertices in a window than 16-bit indices reach")

        def raw_bytes(buffer: Any, item_size: int) -> ctypes.Array[ctypes.c_ubyte]:
            array_type = ctypes.c_ubyte * int(buffer.size() * item_size)
            return array_type.from_address(buffer.data_address())

        vertices = raw_bytes(commands.vtx_buffer, imgui.VERTEX_SIZE)
        indices = raw_bytes(commands.idx_buffer, imgui.INDEX_SIZE)
        if self._vertices.size < len(vertices) or self._indices.size < len(indices):
            self._vertices = self.ctx.buffer(reserve=max(self._vertices.size, 2 * len(vertices)), dynamic=True)
            self._indices = self.ctx.buffer(reserve=max(self._indices.size, 2 * len(indices)), dynamic=True)
            self._vertex_array = self._create_vertex_array()
        for buffer, data in ((self._vertices, vertices), (self._indices, indices)):
            buffer.orphan()
            buffer.write(data)

    def _update_texture(self, request: imgui.ImTextureData) -> None:
        """Create, update or destroy a texture, as Dear ImGui requests."""
        if request.status == imgui.ImTextureStatus.want_create:
            texture = self.ctx.texture((request.width, request.height), 4, request.get_pixels_array().tobytes())
            texture.repeat_x = texture.repeat_y = False
            self._textures[texture.glo] = texture
            request.set_tex_id(texture.glo)
            request.status = imgui.ImTextureStatus.ok
        elif request.status == imgui.ImTextureStatus.want_updates:
            pixels = request.get_pixels_array().reshape(request.height, request.width, 4)
            for r in request.updates:
                block = np.ascontiguousarray(pixels[r.y : r.y + r.h, r.x : r.x + r.w])
                self._textures[request.tex_id].write(block, viewport=(r.x, r.y, r.w, r.h))
            request.status = imgui.ImTextureStatus.ok
        elif request.status == imgui.ImTextureStatus.want_destroy and request.unused_frames > 0:
            self._destroy_texture(request)

    def _destroy_texture(self, request: imgui.ImTextureData) -> None:
        self._textures.pop(request.tex_id, None)
        request.set_tex_id(0)
        request.status = imgui.ImTextureStatus.destroyed

    def close(self) -> None:
        """Release everything. Call while the OpenGL context exists."""
        for texture in imgui.get_platform_io().textures:
            if texture.ref_count == 1 and texture.tex_id in self._textures:
                self._destroy_texture(texture)
        self.io.backend_flags &= ~imgui.BackendFlags_.renderer_has_textures.value
        imgui.destroy_context()

    # ---- events: Dear ImGui queues them, so that slow frames lose none ----

    def resize(self) -> None:
        (width, height), (buffer_width, buffer_height) = self.wnd.size, self.wnd.buffer_size
        self.io.display_size = ImVec2(width, height)
        self.io.display_framebuffer_scale = ImVec2(buffer_width / max(width, 1), buffer_height / max(height, 1))

    def add_mouse_move(self, x: float, y: float) -> None:
        self.io.add_mouse_pos_event(x, y)

    def add_mouse_button(self, x: float, y: float, button: int, is_down: bool) -> None:
        mouse = self.wnd.mouse
        index = {mouse.left: 0, mouse.right: 1, mouse.middle: 2}.get(button)
        if index is None:
            return
        if is_down:  # on X11, the modifier keys' own events come one event late
            modifiers = self.wnd.modifiers
            self._add_modifiers(bool(modifiers.ctrl), bool(modifiers.shift), bool(modifiers.alt))
        self.io.add_mouse_pos_event(x, y)
        self.io.add_mouse_button_event(index, is_down)

    def add_scroll(self, x: float, y: float) -> None:
        self.io.add_mouse_wheel_event(x, y)

    def add_text(self, text: str) -> None:
        self.io.add_input_characters_utf8(text)

    def add_key(self, key: Any, is_down: bool, modifiers: KeyModifiers) -> None:
        keys = self.wnd.keys
        ctrl = is_down if key == keys.LEFT_CTRL else bool(modifiers.ctrl)
        shift = is_down if key in (keys.LEFT_SHIFT, keys.RIGHT_SHIFT) else bool(modifiers.shift)
        self._add_modifiers(ctrl, shift, bool(modifiers.alt))
        # Dear ImGui handles text and keys in separate frames, so that letters would take two frames each. Only those
        # with Ctrl edit text.
        if key in self._keys and (ctrl or not is_down or len(imgui.get_key_name(self._keys[key])) > 1):
            self.io.add_key_event(self._keys[key], is_down)

    def _add_modifiers(self, ctrl: bool, shift: bool, alt: bool) -> None:
        self.io.add_key_event(imgui.Key.mod_ctrl, ctrl)
        self.io.add_key_event(imgui.Key.mod_shift, shift)
        self.io.add_key_event(imgui.Key.mod_alt, alt)


def map_keys(keys: Any) -> dict[Any, imgui.Key]:
    """Dear ImGui's key for each of the window library's keys that edit text."""
    return {
        getattr(keys, name): getattr(imgui.Key, imgui_name)
        for name, imgui_name in EDITING_KEYS.items()
        if hasattr(keys, name)
    }
