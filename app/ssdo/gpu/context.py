"""The OpenGL context, and the `Gpu`: render targets, draw calls and reads."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import moderngl
import numpy as np

from ssdo.arrays import Floats
from ssdo.gpu.geometry import DrawRange, Geometry, create_vertex_array
from ssdo.gpu.glsl import UniformStruct
from ssdo.gpu.pass_cache import PassCache
from ssdo.gpu.readback import read_floats, read_pixel
from ssdo.gpu.shaders import Binding, Program, ShaderCompiler, pass_name, split_bindings
from ssdo.gpu.target import Box, Size, Target, Texture, create_depth_target, create_target
from ssdo.gpu.timer import PassTimer
from ssdo.gpu.upload import Uploader
from ssdo.resources import SHADERS
from ssdo.settings import UserError

T = TypeVar("T")

OPENGL_REQUIRED = "this program needs OpenGL 4.1; `ssdo doctor` lists what is missing and how to get it"
NO_BINDINGS: Mapping[str, Binding] = {}
BAND_SECONDS = 0.03  # of a pass that is drawn in bands
UNKNOWN_PIXEL_SECONDS = 1e-6  # of its first band


class NoOpenGLError(UserError):
    """There is no usable OpenGL."""

    code = 3


def create_headless_context() -> moderngl.Context:
    """A context without a window: EGL on Linux, the system's own elsewhere. Raises NoOpenGLError."""
    reasons = []
    for backend in ("egl", "") if sys.platform == "linux" else ("",):
        options: dict[str, Any] = {"backend": backend} if backend else {}
        try:
            return moderngl.create_context(standalone=True, require=410, **options)
        except Exception as error:  # moderngl raises plain Exception for every cause
            reasons.append(f"{backend or 'default'}: {error}")
    raise NoOpenGLError(f"no OpenGL ({'; '.join(reasons)}); {OPENGL_REQUIRED}")


class Gpu:
    """Draws into render targets that are found by name. Nothing is resized or released by hand.

    `low_memory` frees targets during a frame: see `release_targets_if_low_memory`.
    """

    def __init__(self, ctx: moderngl.Context, folders: Sequence[Path] = (SHADERS,)) -> None:
        if ctx.version_code < 410:
            raise NoOpenGLError(f"OpenGL {ctx.version_code / 100:.1f} found; {OPENGL_REQUIRED}")
        # objects are released in ctx.gc(), when this context is surely the current one
        ctx.gc_mode = "context_gc"
        self.ctx = ctx
        self.timer = PassTimer(ctx)
        self.shaders = ShaderCompiler(ctx, folders)
        self.upload = Uploader(ctx, self.is_software_renderer)
        self.targets: dict[str, Target] = {}
        self.pass_cache = PassCache(self.targets)
        self.last_target_name: dict[str, str] = {}  # by scope and pass: the target it last drew into
        self.low_memory = False
        # If set, long fullscreen passes are drawn in bands, and it is called after each band and after each range of a
        # raster pass. It may raise an exception, and draw into other framebuffers unless `is_counting`.
        self.after_band: Callable[[], None] | None = None
        self.is_counting = False  # within `count_samples`
        # If set, it decides by name which passes are drawn although their results are cached.
        self.redraws_pass: Callable[[str], bool] | None = None
        self._pixel_seconds: dict[str, float] = {}  # of passes that were drawn in bands: time of a pixel
        self._scope = ""
        self._requested: set[str] = set()  # targets since the last `free_unused`
        self._cache: dict[str, OrderedDict[Hashable, Any]] = defaultdict(OrderedDict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.ctx.release()

    @property
    def is_software_renderer(self) -> bool:
        """Whether OpenGL runs on the CPU."""
        return self.timer.is_software_renderer

    # ---- targets and cached objects ----

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix the names of targets, so that two shots have separate targets."""
        previous, self._scope = self._scope, f"{name}/"
        try:
            yield
        finally:
            self._scope = previous

    def target(self, name: str, size: Size, *formats: str, depth: bool = False) -> Target:
        """The scope's target of this name. Created when size or formats change. Raises UserError."""
        name = self._scope + name
        self._requested.add(name)
        target = self.targets.get(name)
        if target and target.has_layout(size, formats, depth):
            return target
        self.targets.pop(name, None)
        del target
        self.ctx.gc()
        self.targets[name] = create_target(self.ctx, name, size, formats, depth)
        return self.targets[name]

    def depth_target(self, size: Size) -> Target:
        """A new target of one depth texture, which shaders sample as numbers from 0 (near) to 1 (far)."""
        return create_depth_target(self.ctx, size)

    def cached(self, name: str, key: Hashable, make: Callable[[], T], max_entries: int = 4) -> T:
        """The object of this key, made on first use. Each name keeps its most recently used entries."""
        entries = self._cache[name]
        if key not in entries:
            entries[key] = make()
        entries.move_to_end(key)
        while len(entries) > max_entries:
            entries.popitem(last=False)
            self.ctx.gc()
        entry: T = entries[key]
        return entry

    @property
    def black_texture(self) -> Texture:
        """One texel of zeros, in place of a texture that does not exist."""
        return self.cached("black", None, lambda: self.upload.nearest_texture(np.zeros((1, 1, 4), "f4")))

    @property
    def target_bytes(self) -> int:
        """Bytes of all targets."""
        return sum(target.byte_size for target in self.targets.values())

    @contextlib.contextmanager
    def in_bands(self, after_band: Callable[[], None] | None) -> Iterator[None]:
        """Within the context, long fullscreen passes are drawn in bands: see `after_band`."""
        previous, self.after_band = self.after_band, after_band
        try:
            yield
        finally:
            self.after_band = previous

    @contextlib.contextmanager
    def redrawing(self, redraws_pass: Callable[[str], bool] | None) -> Iterator[None]:
        """Within the context, cached passes are drawn again: see `redraws_pass`."""
        previous, self.redraws_pass = self.redraws_pass, redraws_pass
        try:
            yield
        finally:
            self.redraws_pass = previous

    def free_unused(self) -> None:
        """Free the scope's targets that were not requested since the last call. Call once per frame."""
        for name in [name for name in self.targets if name.startswith(self._scope) and name not in self._requested]:
            del self.targets[name]
        self.ctx.gc()
        self._requested = {name for name in self._requested if not name.startswith(self._scope)}

    def free_scope(self, name: str) -> None:
        """Free all targets of a scope. Textures that callers still hold survive."""
        prefix = f"{name}/"
        for target_name in [target_name for target_name in self.targets if target_name.startswith(prefix)]:
            del self.targets[target_name]
        self._requested = {target_name for target_name in self._requested if not target_name.startswith(prefix)}
        self.ctx.gc()

    def release_targets_if_low_memory(self, kept_prefix: str) -> None:
        """With `low_memory`: drop the references to all targets, those of earlier frames too.

        Targets whose names begin with `kept_prefix` stay. Textures that callers still hold survive.
        """
        if not self.low_memory:
            return
        for name in [name for name in self.targets if not name.rpartition("/")[2].startswith(kept_prefix)]:
            del self.targets[name]
        self.last_target_name.clear()
        self.ctx.finish()
        self.ctx.gc()
        # A driver frees textures once a later draw call no longer uses them: a dummy draw makes it do so.
        source, target = (self.target(name, (1, 1), "rgba8") for name in ("flush source", "flush"))
        self.draw("passes/flush.frag", target, source=self.clear(source)[0])
        self.ctx.finish()
        trim_heap()

    # ---- drawing ----

    def draw(
        self,
        shader: str,
        target: Target,
        bindings: Mapping[str, Binding] = NO_BINDINGS,
        /,
        *,
        cache: bool = False,
        scissor: Box | None = None,
        **more_bindings: Binding,
    ) -> tuple[Texture, ...]:
        """Run `file.frag`, or `file.frag:entry` with ENTRY_... defined, on every pixel, and return the textures.

        `bindings` (or keywords): what the shader reads, see `ssdo.gpu.shaders`. `cache`: skip the pass if the target
        holds its result (same shader, uniforms and texture versions). `scissor`: pixels outside are undefined.
        """
        structs, textures = split_bindings({**bindings, **more_bindings})
        key = self.pass_cache.key(shader, structs, textures) if cache else None
        if self._is_cached(shader, target, key):
            return target.textures
        program = self.shaders.fullscreen_program(shader, structs)
        framebuffer: Any = target.framebuffer  # moderngl declares a wrong type for scissor
        framebuffer.scissor = scissor
        self._bind(shader, target, program, structs, textures)

        def rebind() -> None:
            self.ctx.enable_only(moderngl.NOTHING)
            program.bind_textures(shader, textures, target.textures)

        with self.timer.measure(pass_name(shader)):
            if self.after_band is None:
                self._render(program.fullscreen, 3)
            else:
                self._render_in_bands(
                    pass_name(shader), framebuffer, program.fullscreen, scissor, lambda: self._pause(rebind)
                )
        framebuffer.scissor = None
        self._remember(target, key)
        return target.textures

    def _render_in_bands(
        self,
        name: str,
        framebuffer: Any,
        vertex_array: moderngl.VertexArray,
        scissor: Box | None,
        after_band: Callable[[], None],
    ) -> None:
        """Draw rows of pixels at a time, each in about BAND_SECONDS."""
        left, bottom, width, height = scissor or (0, 0, *framebuffer.size)
        row = 0
        while row < height:
            row_seconds = width * self._pixel_seconds.get(name, UNKNOWN_PIXEL_SECONDS)
            rows = min(max(int(BAND_SECONDS / row_seconds), 1), height - row)
            framebuffer.scissor = (left, bottom + row, width, rows)
            framebuffer.use()
            start = time.perf_counter()
            self._render(vertex_array, 3)
            self.ctx.finish()
            self._pixel_seconds[name] = max((time.perf_counter() - start) / (width * rows), 1e-12)
            row += rows
            framebuffer.scissor = None
            after_band()  # may bind another framebuffer

    def _pause(self, rebind: Callable[[], None]) -> None:
        """Call `after_band`, whose time is no part of the pass, and bind again what it may have replaced."""
        assert self.after_band is not None
        start = self.timer.clock()
        self.after_band()
        self.timer.excluded_seconds += self.timer.clock() - start
        rebind()

    def raster(
        self,
        shader: str,
        target: Target,
        geometry: Geometry,
        ranges: Sequence[DrawRange],
        bindings: Mapping[str, Binding] = NO_BINDINGS,
        /,
        *,
        clear_values: Sequence[float] = (),
        viewport: Box | None = None,
        scissor: Box | None = None,
        cache: bool = False,
        cull_front: bool = False,
        **more_bindings: Binding,
    ) -> None:
        """Draw triangles with `file.vert` and `file.frag`, with a depth test. `bindings`, `cache`: see `draw`.

        `clear_values`: one for each texture. `viewport`: the pixels to clear and draw, all by default. `scissor`: those
        of them to draw.
        `cull_front`: of single-sided ranges, cull the front faces instead of the back faces.
        """
        structs, textures = split_bindings({**bindings, **more_bindings})
        key = None
        if cache:
            range_ids = [(draw_range.first_index, draw_range.entry) for draw_range in ranges]
            vertices = self.pass_cache.version(geometry.vertices)
            key = (self.pass_cache.key(shader, structs, textures), vertices, range_ids, cull_front)
        if self._is_cached(shader, target, key):
            return
        self.pass_cache.bump_version(target.textures)
        framebuffer: Any = target.framebuffer  # moderngl declares a wrong type for scissor
        framebuffer.viewport = viewport or (0, 0, *framebuffer.size)
        framebuffer.clear(depth=1.0, viewport=framebuffer.viewport)
        for attachment, value in zip(target.attachments, clear_values, strict=True):
            attachment.clear(value, value, value, value)
        self.ctx.cull_face = "front" if cull_front else "back"
        with self.timer.measure(pass_name(shader)):
            for draw_range in ranges:
                framebuffer.scissor = scissor
                self._raster_range(shader, target, geometry, draw_range, structs, textures)
                if self.after_band is not None:
                    framebuffer.scissor = None
                    self.ctx.finish()
                    self._pause(lambda: None)  # the next range binds all
            framebuffer.scissor = None
            self.ctx.enable_only(moderngl.NOTHING)
        self._remember(target, key)

    def _raster_range(
        self,
        shader: str,
        target: Target,
        geometry: Geometry,
        draw_range: DrawRange,
        structs: dict[str, UniformStruct],
        textures: dict[str, Texture],
    ) -> None:
        range_structs, range_textures = split_bindings(draw_range.bindings)
        structs = structs | range_structs
        program = self.shaders.raster_program(shader, draw_range.entry, structs)
        self._bind(shader, target, program, structs, textures | range_textures)
        self.ctx.enable_only(moderngl.DEPTH_TEST | (moderngl.CULL_FACE if draw_range.single_sided else 0))
        if geometry not in program.vertex_arrays:
            program.vertex_arrays[geometry] = create_vertex_array(self.ctx, geometry, program.program)
        self._render(program.vertex_arrays[geometry], draw_range.index_count, draw_range.first_index)

    @contextlib.contextmanager
    def count_samples(self) -> Iterator[moderngl.Query]:
        """A context in which pixels that are drawn are counted, in `samples`. Reading that waits for the drawing."""
        self.is_counting = True
        try:
            with self.ctx.query(samples=True) as query:
                yield query
        finally:
            self.is_counting = False

    def clear(self, target: Target) -> tuple[Texture, ...]:
        """Set every pixel to zero, and return the textures."""
        self.pass_cache.bump_version(target.textures)
        target.framebuffer.clear()
        return target.textures

    def reload_shaders(self, files: Collection[str] | None = None) -> dict[str, str]:
        """Compile shaders in use again, and return the errors by shader. On an error the old program stays.

        `files`: only those that read one of these, relative to the folders of shaders. None: all.
        """
        errors = self.shaders.reload(files)
        self.pass_cache.invalidate()
        self.ctx.gc()
        return errors

    def _bind(
        self,
        shader: str,
        target: Target,
        program: Program,
        structs: Mapping[str, UniformStruct],
        textures: Mapping[str, Texture],
    ) -> None:
        """Make the target current, and upload the uniforms that changed."""
        if self.low_memory:
            self.ctx.finish()  # a driver holds memory for the draw calls in flight
        program.set_structs(structs)
        program.bind_textures(shader, textures, target.textures)
        target.framebuffer.use()
        self.pass_cache.bump_version(target.textures)
        self.last_target_name[self._scope + pass_name(shader)] = target.name
        self.ctx.enable_only(moderngl.NOTHING)

    def _render(self, vertex_array: moderngl.VertexArray, count: int, first: int = 0) -> None:
        vertex_array.render(moderngl.TRIANGLES, vertices=count, first=first)

    def _is_cached(self, shader: str, target: Target, key: object) -> bool:
        if key is None or (self.redraws_pass is not None and self.redraws_pass(pass_name(shader))):
            return False
        if not self.pass_cache.is_cached(target, key):
            return False
        self.last_target_name[self._scope + pass_name(shader)] = target.name
        self.timer.skip(pass_name(shader))
        return True

    def _remember(self, target: Target, key: object) -> None:
        if key is not None:
            self.pass_cache.remember(target, key)

    # ---- reading and writing ----

    def read(self, texture: Texture) -> Floats:
        """A texture's values, float32 (h, w, components), row 0 on top. 8 bit become 0 to 1."""
        return read_floats(texture)

    def read_pixel(self, texture: Texture, x: int, y: int) -> tuple[float, ...]:
        """The values of one texel, row 0 on top. Waits until drawing is finished."""
        for target in self.targets.values():
            if texture in target.textures:
                return read_pixel(texture, target.attachments[target.textures.index(texture)], x, y)
        return read_pixel(texture, self.ctx.framebuffer([texture]), x, y)

    def write(self, texture: Texture, values: Floats) -> None:
        """Replace the values of a 32-bit texture: (h, w, components), row 0 on top."""
        texture.write(np.ascontiguousarray(values[::-1], "f4").tobytes())
        self.pass_cache.bump_version([texture])


def trim_heap() -> None:
    """Return freed memory to the system, which glibc would keep."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
