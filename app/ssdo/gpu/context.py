"""The only module that touches OpenGL: programs, targets and timings, all found by name.

A shader has no `#version` and no uniforms but samplers: what `draw` and `raster` are given decides the rest. A keyword
is the name a thing has in GLSL: `ssao=Ssao(...)` becomes `uniform struct Ssao {...} ssao` where the shader says
`#include <ssao>`, `gbuffer=GBuffer(...)` becomes the samplers gbuffer_normal, gbuffer_depth, ...
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import re
import sys
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self, TypeVar

import moderngl
import numpy as np
import numpy.typing as npt

from ssdo.gpu.mipmaps import halved
from ssdo.resources import SHADERS
from ssdo.scene.model import Bytes, Floats, Ints
from ssdo.settings import UserError, glsl, variants_of

T = TypeVar("T")
Size = tuple[int, int]
Box = tuple[int, int, int, int]  # pixels: left, below, width, height
Texture = moderngl.Texture

EVERY_PIXEL = "void main() { gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0); }"
FORMATS = {"rgba8": (4, "f1"), "r32f": (1, "f4"), "rgba16f": (4, "f2"), "rgba32f": (4, "f4")}
SRGB8_ALPHA8, RGBA8, RGBA32F, RGB32F = 0x8C43, 0x8058, 0x8814, 0x8815
GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, GL_RGB, GL_RGBA, GL_FLOAT, GL_UNSIGNED_BYTE = (
    0x0DE1,
    0x813D,
    0x1907,
    0x1908,
    0x1406,
    0x1401,
)
SMALL = 512  # pixels a side of images that are halved here, where that is worth it
ROW = 4096  # texels in a row of a long list, as in shaders/common/ray_scene.glsl
# readings of a timer query until the first that counts: three frames late, and each of three begins with nonsense
LATE = 6
SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software", "basic render")
NO_OPENGL = "this program needs OpenGL 4.1; `python -m ssdo doctor` tells what is missing and how to get it"


class NoOpenGL(UserError):
    """There is no usable OpenGL."""

    code = 3


class ShaderError(UserError):
    """A shader does not compile, or is not given what it reads."""


def headless() -> moderngl.Context:
    """A context without a window: EGL on Linux, the system's own elsewhere. Raises NoOpenGL."""
    reasons = []
    for backend in ("egl", "") if sys.platform == "linux" else ("",):
        chosen: dict[str, Any] = {"backend": backend} if backend else {}
        try:
            return moderngl.create_context(standalone=True, require=410, **chosen)
        except Exception as error:  # moderngl raises plain Exception for every cause
            reasons.append(f"{backend or 'default'}: {error}")
    raise NoOpenGL(f"no OpenGL ({'; '.join(reasons)}); {NO_OPENGL}")


class Target(NamedTuple):
    """Textures to draw into. `parts` has a framebuffer for each texture alone."""

    textures: tuple[Texture, ...]
    framebuffer: moderngl.Framebuffer
    parts: tuple[moderngl.Framebuffer, ...]
    name: str = ""


@dataclass(frozen=True, eq=False)
class Geometry:
    """Vertices in one buffer, and ranges of its indices."""

    vertices: moderngl.Buffer
    layout: str  # as moderngl writes it: "3f 3f 2f"
    names: tuple[str, ...]
    indices: moderngl.Buffer
    arrays: dict[int, moderngl.VertexArray] = field(default_factory=dict)  # by program


class Part(NamedTuple):
    """A range of a geometry's indices, which of a shader's entries draws it, and what that is given besides."""

    first: int
    length: int
    bound: dict[str, Any]
    entry: str = ""
    one_sided: bool = False  # what faces away is not drawn


class Line(NamedTuple):
    text: str
    file: str
    number: int


class Program(NamedTuple):
    program: moderngl.Program
    array: moderngl.VertexArray  # without attributes: the corners of the screen are made in the vertex shader
    blocks: dict[str, list[tuple[str, moderngl.Uniform]]]  # by struct its members
    samplers: list[str]  # in the order of their texture units
    # by struct what its uniforms were last given: a program keeps them from draw to draw, whoever draws
    held: dict[str, Any]


class Gpu:
    """What is drawn with and drawn into. Nothing is resized or released by hand."""

    def __init__(self, ctx: moderngl.Context, folders: Sequence[Path] = (SHADERS,)) -> None:
        if ctx.version_code < 410:
            raise NoOpenGL(f"OpenGL {ctx.version_code / 100:.1f} found; {NO_OPENGL}")
        # what Python lets go of waits for ctx.gc(), when this context is surely the current one
        ctx.gc_mode = "context_gc"
        self.ctx = ctx
        self.folders = tuple(folders)
        self.clock = Clock(ctx)
        self.targets: dict[str, Target] = {}
        self.sparing = False  # where one frame is all that is drawn: see `let_go`
        self.errors: dict[str, str] = {}  # by shader: why its last reload failed
        self.notes: dict[str, Any] = {}  # by target: what is to be known of it in the next frame; goes with it
        self._specs: dict[str, tuple[Size, tuple[str, ...], bool]] = {}
        self._asked: set[str] = set()  # targets since the last sweep
        self._programs: dict[Hashable, Program] = {}
        self._sources: dict[Hashable, Callable[[], tuple[list[Line], list[Line]]]] = {}
        self._cache: dict[str, OrderedDict[Hashable, Any]] = defaultdict(OrderedDict)
        self._scope = ""
        self.written: dict[str, str] = {}  # by scope and shader: the target it last drew into
        self._stamps = itertools.count(1)
        # by target: all that decided what was drawn into it, and the stamps it then had
        self._kept: dict[str, tuple[object, tuple[int, ...]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.ctx.release()

    # ---- things found by name ----

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Targets asked for inside have their own copy: two shots can be kept side by side."""
        before, self._scope = self._scope, f"{name}/"
        try:
            yield
        finally:
            self._scope = before

    def cached(self, name: str, key: Hashable, make: Callable[[], T], keep: int = 4) -> T:
        """The thing made the first time this key was asked for; the `keep` last used of a name stay."""
        shelf = self._cache[name]
        if key not in shelf:
            shelf[key] = make()
        shelf.move_to_end(key)
        while len(shelf) > keep:
            shelf.popitem(last=False)
            self.ctx.gc()
        thing: T = shelf[key]
        return thing

    def target(self, name: str, size: Size, *formats: str, depth: bool = False) -> Target:
        """Textures to draw into; made anew only when size or format change. Raises UserError when there is no room."""
        name, spec = self._scope + name, (size, formats, depth)
        self._asked.add(name)
        if name not in self.targets or self._specs[name] != spec:
            self.targets.pop(name, None)
            self._kept.pop(name, None)
            self.notes.pop(name, None)
            self.ctx.gc()
            limit = min(self.ctx.info["GL_MAX_TEXTURE_SIZE"], *self.ctx.info["GL_MAX_VIEWPORT_DIMS"])
            if max(size) > limit:
                raise UserError(f"{size[0]} x {size[1]} px: this OpenGL draws at most {limit} px a side; ask for less")
            try:
                textures = tuple(self._texture(size, f) for f in formats)
                z = self.ctx.depth_renderbuffer(size) if depth else None
                self.targets[name] = Target(
                    textures,
                    self.ctx.framebuffer(textures, z),
                    tuple(self.ctx.framebuffer([t]) for t in textures),
                    name,
                )
            except moderngl.Error as error:
                raise UserError(f"{size[0]} x {size[1]} px: no memory for {name} ({error}); ask for less") from None
            self._specs[name] = spec
        return self.targets[name]

    def sweep(self) -> None:
        """Let go of this scope's targets that nobody asked for since its last sweep: what stays is what one frame
        draws.
        """
        for name in [n for n in self.targets if n.startswith(self._scope) and n not in self._asked]:
            del self.targets[name], self._specs[name]
            self._kept.pop(name, None)
            self.notes.pop(name, None)
        self.ctx.gc()
        self._asked = {n for n in self._asked if not n.startswith(self._scope)}

    def let_go(self) -> None:
        """Where memory is spared: only textures stay that somebody holds, of targets that are then asked for anew, and
        what was freed goes back to the system. A picture of the courtyard at 1280 x 720 is made in 287 MB instead of
        384, in the same time.
        """
        if not self.sparing:
            return
        for by_target in (self.targets, self._specs, self._kept, self.notes, self.written):
            by_target.clear()
        self.ctx.finish()
        self.ctx.gc()
        little, nothing = (self.target(name, (1, 1), "rgba8") for name in ("little", "nothing"))
        self.draw("passes/flush.frag", nothing, little=self.clear(little)[0])
        self.ctx.finish()
        give_back()

    def _texture(self, size: Size, fmt: str) -> Texture:
        components, dtype = FORMATS[fmt]
        texture = self.ctx.texture(size, components, dtype=dtype)
        texture.filter, texture.repeat_x, texture.repeat_y = (moderngl.NEAREST, moderngl.NEAREST), False, False
        return texture

    @property
    def memory(self) -> int:
        """Bytes of all targets, a depth buffer counted as 32 bit."""
        total = 0
        for name, target in self.targets.items():
            (width, height), _, depth = self._specs[name]
            total += width * height * (sum(t.components * int(t.dtype[1]) for t in target.textures) + 4 * depth)
        return total

    # ---- things made from arrays ----

    def geometry(self, vertices: npt.NDArray[Any], layout: str, names: tuple[str, ...], indices: Ints) -> Geometry:
        """Vertices (n, ...) laid out as `layout` says ("3f 3f 2f"), one name for each part, and indices of corners.
        Raises UserError.
        """
        try:
            buffers = [
                self.ctx.buffer(values if len(values) else bytes(64)) for values in (vertices.view("u1"), indices)
            ]
        except moderngl.Error as error:
            raise UserError(f"no memory for {len(vertices)} vertices ({error}); choose a smaller scene") from None
        return Geometry(buffers[0], layout, names, buffers[1])

    def image(self, pixels: Bytes, *, linear: bool = False, clamp: tuple[bool, bool] = (False, False)) -> Texture:
        """An image (h, w, 4) with mip levels, sRGB unless `linear`: linearised before it is filtered. Repeats, or ends
        where `clamp` says.
        """
        form: dict[str, Any] = {} if linear else {"internal_format": SRGB8_ALPHA8}
        try:
            texture = self.ctx.texture((pixels.shape[1], pixels.shape[0]), 4, np.ascontiguousarray(pixels), **form)
        except moderngl.Error as error:
            raise UserError(
                f"no memory for an image of {pixels.shape[1]} x {pixels.shape[0]} ({error}); choose a smaller scene"
            ) from None
        texture.repeat_x, texture.repeat_y = not clamp[0], not clamp[1]
        if not (
            self.clock.software
            and max(pixels.shape) <= SMALL
            and _give(texture, halved(pixels, not linear), form.get("internal_format", RGBA8))
        ):
            texture.build_mipmaps()
        texture.filter = moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR
        texture.anisotropy = 1.0 if self.clock.software else 8.0  # a software renderer pays for every tap
        return texture

    def texels(self, values: Floats | Bytes) -> Texture:
        """A long list (n, 4) in rows of ROW texels, to be fetched by number: float32 as it is, 8 bit as sRGB. Raises
        UserError.
        """
        rows = max(-(-len(values) // ROW), 1)
        if rows > self.ctx.info["GL_MAX_TEXTURE_SIZE"]:
            raise UserError(
                f"{len(values)} texels: this OpenGL holds {self.ctx.info['GL_MAX_TEXTURE_SIZE'] * ROW} in one texture; choose a smaller scene"
            )
        data = values.tobytes().ljust(rows * ROW * 4 * values.itemsize, b"\0")
        form: dict[str, Any] = {"dtype": "f4"} if values.dtype == np.float32 else {"internal_format": SRGB8_ALPHA8}
        try:
            texture = self.ctx.texture((ROW, rows), 4, data, **form)
        except moderngl.Error as error:
            raise UserError(f"no memory for {len(values)} texels ({error}); choose a smaller scene") from None
        texture.filter = moderngl.NEAREST, moderngl.NEAREST
        return texture

    def sphere_map(self, *levels: Floats) -> Texture:
        """A lat-long map (h, w, 3) float32 with the levels given, each half the one before; goes around in u, ends in
        v.
        """
        if max(levels[0].shape) <= SMALL:  # of larger ones the memory would tell
            levels = tuple(_aligned(level) for level in levels)
        components = levels[0].shape[2]
        texture = self.ctx.texture(levels[0].shape[1::-1], components, levels[0].tobytes(), dtype="f4")
        texture.repeat_x, texture.repeat_y = True, False
        if not (self.clock.software and _give(texture, levels[1:], RGB32F if components == 3 else RGBA32F)):
            texture.build_mipmaps(0, len(levels) - 1)
            for number, level in enumerate(levels):
                texture.write(level.tobytes(), level=number)
        texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR if len(levels) > 1 else moderngl.LINEAR), moderngl.LINEAR
        return texture

    def nearest(self, values: Floats) -> Texture:
        """Values (h, w, 3) or (h, w, 4) float32, each alone; row 0 first, ends at its edges."""
        texture = self.table(values if values.shape[2] == 4 else _aligned(values))
        texture.filter = moderngl.NEAREST, moderngl.NEAREST
        return texture

    def table(self, values: Floats) -> Texture:
        """Values (h, w, k) float32 to be interpolated between their texels; row 0 first, ends at its edges."""
        texture = self.ctx.texture(values.shape[1::-1], values.shape[2], np.ascontiguousarray(values, "f4"), dtype="f4")
        texture.repeat_x, texture.repeat_y, texture.filter = False, False, (moderngl.LINEAR, moderngl.LINEAR)
        return texture

    def depth_map(self, size: Size) -> tuple[Texture, moderngl.Framebuffer]:
        """A depth texture that is read as numbers, 0 near to 1 far, and what to draw into it with."""
        texture = self.ctx.depth_texture(size)
        texture.compare_func, texture.repeat_x, texture.repeat_y = "", False, False
        texture.filter = moderngl.NEAREST, moderngl.NEAREST
        return texture, self.ctx.framebuffer(depth_attachment=texture)

    # ---- drawing ----

    def draw(
        self, shader: str, into: Target, keep: bool = False, within: Box | None = None, **bound: Any
    ) -> tuple[Texture, ...]:
        """Run `file.frag`, or `file.frag:entry` with ENTRY_... defined, over every pixel of a target. `keep`: not where
        that holds the outcome. `within`: over these alone; what the others hold is of no meaning.
        """
        blocks, textures = _sorted_out(bound)
        key = (shader, blocks, {name: self._stamp(t) for name, t in textures.items()}) if keep else None
        if self._held(shader, into, key):
            return into.textures
        program = self._program(
            (shader, _shapes(blocks)), lambda: ([Line(EVERY_PIXEL, "every pixel", 1)], self.source(shader, blocks))
        )
        framebuffer: Any = into.framebuffer  # the declared type of its scissor is wrong
        framebuffer.scissor = within
        self._use(shader, into, program, blocks, textures)
        with self.clock.measure(pass_name(shader)):
            program.array.render(moderngl.TRIANGLES, vertices=3)
        framebuffer.scissor = None
        self._hold(into, key)
        return into.textures

    def raster(
        self,
        shader: str,
        into: Target | moderngl.Framebuffer,
        geometry: Geometry,
        parts: Sequence[Part],
        clear: Sequence[float] = (),
        viewport: Box | None = None,
        keep: bool = False,
        backs: bool = False,
        **bound: Any,
    ) -> None:
        """Draw triangles with `file.vert` and `file.frag`, nearest in front. `clear`: a value for each texture.
        `viewport`: x, y, width, height, all unless given; the rest stays as it is. `keep`: not where the target holds
        the outcome; a geometry's parts are taken to stay. `backs`: of one-sided parts what faces away, and not what
        faces the camera.
        """
        which = [backs, *((part.first, part.entry) for part in parts)]
        shared_blocks, shared_textures = _sorted_out(bound)
        given = {name: self._stamp(t) for name, t in shared_textures.items()}
        key = (shader, self._stamp(geometry.vertices), which, shared_blocks, given) if keep else None
        if isinstance(into, Target):
            if self._held(shader, into, key):
                return
            self._touch(into.textures)
        framebuffer = into.framebuffer if isinstance(into, Target) else into
        framebuffer.viewport = viewport or (0, 0, *framebuffer.size)
        framebuffer.clear(depth=1.0, viewport=framebuffer.viewport)
        for one, value in zip(into.parts if isinstance(into, Target) else (), clear, strict=True):
            one.clear(value, value, value, value)
        self.ctx.cull_face = "front" if backs else "back"
        with self.clock.measure(pass_name(shader)):
            for part in parts:
                own_blocks, own_textures = _sorted_out(part.bound)
                blocks, textures = shared_blocks | own_blocks, shared_textures | own_textures
                entry = f":{part.entry}" if part.entry else ""
                program = self._program(
                    (shader + entry, _shapes(blocks)),
                    lambda b=blocks, e=entry: (self.source(f"{shader}.vert", b), self.source(f"{shader}.frag{e}", b)),  # type: ignore[misc]
                )
                self._use(shader, into, program, blocks, textures)
                self.ctx.enable_only(moderngl.DEPTH_TEST | (moderngl.CULL_FACE if part.one_sided else 0))
                self._array(geometry, program.program).render(
                    moderngl.TRIANGLES, vertices=part.length, first=part.first
                )
            self.ctx.enable_only(moderngl.NOTHING)
        if isinstance(into, Target):
            self._hold(into, key)

    def clear(self, into: Target) -> tuple[Texture, ...]:
        """Zero everywhere."""
        self._touch(into.textures)
        into.framebuffer.clear()
        return into.textures

    # ---- what need not be drawn again ----

    def forget(self, but: str = "") -> None:
        """Draw everything anew, also what is kept, but for what targets of that name hold."""
        self._kept = {name: kept for name, kept in self._kept.items() if but and name.rpartition("/")[2] == but}

    def _held(self, shader: str, into: Target, key: object) -> bool:
        """Whether a target holds what would be drawn, or another scope's does: that is copied."""
        if key is None:
            return False
        for name, (known, stamps) in self._kept.items():
            source = self.targets[name]
            if (
                known != key
                or self._specs[name] != self._specs[into.name]
                or stamps != tuple(t.extra for t in source.textures)
            ):
                continue
            if name != into.name:
                for to, part in zip(into.parts, source.parts, strict=True):
                    self.ctx.copy_framebuffer(to, part)
                for texture, stamp in zip(into.textures, stamps, strict=True):
                    texture.extra = stamp
                self._hold(into, key)
            self.written[self._scope + pass_name(shader)] = into.name
            self.clock.spare(pass_name(shader))
            return True
        return False

    def _hold(self, into: Target, key: object) -> None:
        if key is not None:
            self._kept[into.name] = key, tuple(t.extra for t in into.textures)

    def _stamp(self, thing: Texture | moderngl.Buffer) -> int:
        """The number of what a texture or buffer holds: another whenever that changes, the same where it was copied."""
        if thing.extra is None:
            thing.extra = next(self._stamps)
        stamp: int = thing.extra
        return stamp

    def _touch(self, textures: Sequence[Texture]) -> None:
        for texture in textures:
            texture.extra = next(self._stamps)

    def _array(self, geometry: Geometry, program: moderngl.Program) -> moderngl.VertexArray:
        if program.glo not in geometry.arrays:
            used = [(t, n) for t, n in zip(geometry.layout.split(), geometry.names, strict=True)]
            layout = " ".join(t if n in program else f"{_bytes(t)}x" for t, n in used)
            names = [n for _, n in used if n in program]
            geometry.arrays[program.glo] = self.ctx.vertex_array(
                program, [(geometry.vertices, layout, *names)], geometry.indices
            )
        return geometry.arrays[program.glo]

    def _use(
        self,
        shader: str,
        into: Target | moderngl.Framebuffer,
        program: Program,
        blocks: dict[str, Any],
        textures: dict[str, Texture],
    ) -> None:
        """Make the target current and give the program those of its uniforms that have changed: 2 in a frame of the
        courtyard like the one before, not 625.
        """
        drawn = into.textures if isinstance(into, Target) else (into.depth_attachment,)
        if self.sparing:
            self.ctx.finish()  # a driver keeps what draws need that are under way
        for name, members in program.blocks.items():
            block, before = blocks[name], program.held.pop(name, None)
            if block is not before:
                for member, uniform in members:
                    value = getattr(block, member)
                    if before is None or value != getattr(before, member):
                        uniform.value = value
            program.held[name] = block
        for unit, name in enumerate(program.samplers):
            texture = textures.get(name)
            if texture is None:
                raise ShaderError(
                    f"shaders/{shader} reads {name}, but was given only {', '.join(textures) or 'no textures'}"
                )
            if texture in drawn:
                raise ShaderError(f"shaders/{shader} reads {name} while drawing into it")
            texture.use(unit)
        (into.framebuffer if isinstance(into, Target) else into).use()
        if isinstance(into, Target):
            self._touch(into.textures)
            self.written[self._scope + pass_name(shader)] = into.name
        self.ctx.enable_only(moderngl.NOTHING)

    @property
    def black(self) -> Texture:
        """A texel of 0 in all channels, in place of what is nowhere."""
        return self.cached("black", None, lambda: self.nearest(np.zeros((1, 1, 4), "f4")))

    def read(self, texture: Texture) -> Floats:
        """A texture's values, float32 (h, w, components), row 0 on top."""
        values = self.stored(texture)
        floats: Floats = np.multiply(values, 1 / 255 if values.dtype == np.uint8 else 1, dtype="f4")
        return floats

    def stored(self, texture: Texture) -> npt.NDArray[Any]:
        """The same in the type it is stored in: of 8 bit 0 to 255."""
        dtype = {"f1": "u1", "f2": "f2", "f4": "f4"}[texture.dtype]
        return np.frombuffer(texture.read(alignment=1), dtype).reshape(
            texture.height, texture.width, texture.components
        )[::-1]

    def pixel(self, texture: Texture, x: int, y: int) -> tuple[float, ...]:
        """The values of one texel, row 0 on top. Waits for what is being drawn."""
        part = next(
            (
                f
                for target in self.targets.values()
                for t, f in zip(target.textures, target.parts, strict=True)
                if t is texture
            ),
            None,
        )
        framebuffer = part or self.ctx.framebuffer([texture])
        data = framebuffer.read(
            (x, texture.height - 1 - y, 1, 1), components=texture.components, dtype=texture.dtype, alignment=1
        )
        values = np.frombuffer(data, {"f1": "u1", "f2": "f2", "f4": "f4"}[texture.dtype]).astype("f8")
        return tuple(float(v) / (255 if texture.dtype == "f1" else 1) for v in values)

    def write(self, texture: Texture, values: Floats) -> None:
        """Give a 32-bit texture its values, (h, w, components), row 0 on top: the reverse of `read`."""
        texture.write(np.ascontiguousarray(values[::-1], "f4").tobytes())
        self._touch([texture])

    # ---- programs ----

    def _program(self, key: Hashable, source: Callable[[], tuple[list[Line], list[Line]]]) -> Program:
        if key not in self._programs:
            self._sources[key] = source
            self._programs[key] = self._compiled(*source())
        return self._programs[key]

    @property
    def programs(self) -> set[Hashable]:
        """What tells the programs apart that were compiled: shader, entry, choices."""
        return set(self._programs)

    def _compiled(self, vertex: list[Line], fragment: list[Line]) -> Program:
        texts = ["\n".join(["#version 410 core", *(line.text for line in lines)]) for lines in (vertex, fragment)]
        try:
            program = self.ctx.program(vertex_shader=texts[0], fragment_shader=texts[1])
        except moderngl.Error as error:
            lines = vertex if "vertex_shader" in str(error) else fragment
            raise ShaderError(explained(str(error), lines)) from None
        blocks: dict[str, list[tuple[str, moderngl.Uniform]]] = {}
        samplers: list[str] = []
        for name in program:
            if isinstance(member := program[name], moderngl.Uniform):
                head, dot, leaf = name.partition(".")
                if dot:
                    blocks.setdefault(head, []).append((leaf, member))
                else:
                    member.value = len(samplers)
                    samplers.append(name)
        return Program(program, self.ctx.vertex_array(program, []), blocks, samplers, {})

    def reload(self) -> dict[str, str]:
        """Compile every shader in use again. Where that fails the old program stays; the reasons are returned, by
        shader.
        """
        self.errors = {}
        for key, source in self._sources.items():
            try:
                self._programs[key] = self._compiled(*source())
            except UserError as error:
                assert isinstance(key, tuple)
                self.errors[key[0]] = str(error)
        self.forget()
        self._cache.pop("geometry", None)  # its vertex arrays belong to the old programs
        self.ctx.gc()
        return self.errors

    def source(self, shader: str, blocks: dict[str, Any]) -> list[Line]:
        """The text to compile, each line knowing where it came from. Raises ShaderError."""
        path, _, entry = shader.partition(":")
        seen: set[str] = set()

        def found(path: str, where: str) -> Path:
            for folder in self.folders:
                if (folder / path).is_file():
                    return folder / path
            raise ShaderError(f"{where}: no shader shaders/{path}")

        def expand(path: str, where: str) -> list[Line]:
            if path in seen:
                return []
            seen.add(path)
            out: list[Line] = []
            for number, text in enumerate(found(path, where).read_text("utf-8").splitlines(), 1):
                here = f"shaders/{path}:{number}"
                if m := re.match(r'\s*#include\s+"(.+)"', text):
                    out += expand(m[1], here)
                elif m := re.match(r"\s*#include\s+<(\w+)>", text):
                    if m[1] not in blocks:
                        raise ShaderError(
                            f"{here} includes <{m[1]}>, but was given only {', '.join(blocks) or 'no settings'}"
                        )
                    if m[1] not in seen:
                        seen.add(m[1])
                        out += [Line(t, path, number) for t in glsl(blocks[m[1]], m[1]).splitlines()]
                else:
                    out.append(Line(text, path, number))
            return out

        if not entry:
            return expand(path, "draw")
        return [
            Line(f"#define ENTRY_{entry.upper()}", path, 0),
            *expand(path, "draw"),
            Line(f"void main() {{ {entry}(); }}", path, 0),
        ]


def pass_name(shader: str) -> str:
    """The name under which a shader's pass is timed: `passes/sun.frag:matte` is `sun:matte`."""
    return shader.rpartition("/")[2].replace(".frag", "")


def explained(log: str, lines: list[Line]) -> str:
    """A compiler's log with its line numbers turned into shaders/file:line, in one line.

    Mesa writes `0:5(21): error`, NVIDIA `0(5) : error`, AMD, Intel and Apple `ERROR: 0:5:`. The text has no #line,
    since Mesa reports the wrong source for some errors; line 1 is #version.
    """

    def place(m: re.Match[str]) -> str:
        number = int(m["a"] or m["b"]) - 2
        return f"shaders/{lines[number].file}:{lines[number].number}:" if 0 <= number < len(lines) else m[0]

    told = re.sub(r"(?m)^(?:ERROR: |WARNING: )?\d+(?::(?P<a>\d+)(?:\(\d+\))?|\((?P<b>\d+)\))\s*:", place, log)
    return "; ".join(
        line.strip()
        for line in told.splitlines()
        if line.strip()
        and not set(line.strip()) <= set("=-")
        and not line.startswith(("GLSL Compiler", "fragment_shader", "vertex_shader"))
    )


def give_back() -> None:
    """Memory that was freed goes back to the system, where the C library would keep it: 200 of 750 MB after twenty
    minutes of changing scenes.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # glibc's own
        ctypes.CDLL(None).malloc_trim(0)


def _aligned(values: Floats) -> Floats:
    """With a fourth channel, (h, w, 4): then to fetch a texel is an aligned load."""
    return np.concatenate([values, np.ones_like(values[..., :1])], -1)


def _give(texture: Texture, levels: Sequence[Floats | Bytes], internal: int) -> bool:
    """Give a texture the levels below its first; whether that was possible.

    moderngl makes levels only by having OpenGL halve the texture. To compile what halves takes a software renderer 60
    to 90 ms for each kind of texture, in every process, as Mesa keeps no such program: 260 ms until the courtyard's
    first picture, of 1640 without occlusion.
    """
    try:
        gl = ctypes.CDLL(
            {"win32": "opengl32", "darwin": "/System/Library/Frameworks/OpenGL.framework/OpenGL"}.get(
                sys.platform, "libGL.so.1"
            )
        )
        write, set_parameter = gl.glTexImage2D, gl.glTexParameteri
    except (OSError, AttributeError):
        return False
    texture.use(0)
    for number, level in enumerate(levels, 1):
        pixels = np.ascontiguousarray(level)
        height, width, components = pixels.shape
        form, kind = (
            (GL_RGB if components == 3 else GL_RGBA),
            (GL_FLOAT if pixels.dtype == np.float32 else GL_UNSIGNED_BYTE),
        )
        write(GL_TEXTURE_2D, number, internal, width, height, 0, form, kind, ctypes.c_void_p(pixels.ctypes.data))
    set_parameter(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, len(levels))
    return True


def _sorted_out(bound: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Texture]]:
    """Keywords of a draw as (structs, textures)."""
    blocks: dict[str, Any] = {}
    textures: dict[str, Texture] = {}
    for name, value in bound.items():
        if is_dataclass(value):
            blocks[name] = value
        elif isinstance(value, tuple):
            for part, texture in zip(value._fields, value, strict=True):  # type: ignore[attr-defined]
                if texture is not None:
                    textures[f"{name}_{part}"] = texture
        else:
            textures[name] = value
    return blocks, textures


def _bytes(attribute: str) -> int:
    """Of an attribute as moderngl writes it: 3f, 4f2 (halves)."""
    count, size = attribute.split("f")
    return int(count) * int(size or 4)


def _shapes(blocks: dict[str, Any]) -> Hashable:
    return tuple((name, type(block), variants_of(block)) for name, block in blocks.items())


class Clock:
    """How long each pass takes, in milliseconds; medians over the last frames.

    A GPU has timer queries, read three frames later so that nothing waits; the first reading of a query is meaningless.
    On a software renderer queries mean nothing: there each pass is waited for and measured by the wall clock, or by
    another in seconds.
    """

    def __init__(self, ctx: moderngl.Context, kept: int = 15, seconds: Callable[[], float] = time.perf_counter) -> None:
        self.ctx = ctx
        self.kept = kept  # frames of which times are kept
        self.seconds = seconds
        self.software = any(word in ctx.info["GL_RENDERER"].lower() for word in SOFTWARE)
        self.running = False
        self.frame = 0
        self.spared = 0.0  # milliseconds that this frame's passes which were not drawn would have taken
        self._used: dict[str, int] = {}
        self._times: dict[str, deque[float]] = {}
        self._queries: dict[str, list[moderngl.Query]] = {}
        self._seen: dict[str, int] = defaultdict(int)

    def begin_frame(self) -> None:
        """Call once a frame; passes of the same name are then numbered within it."""
        self.frame += 1
        for gone in self._times.keys() - self._used.keys():
            del self._times[gone]
        self._used, self.spared = {}, 0.0

    def spare(self, name: str) -> None:
        """A pass of this frame that need not be drawn: its last times stay."""
        if self.running:
            self._used[name] = self._used.get(name, 0) + 1
            self.spared += median(self._times.get(name) or [0.0])

    @contextlib.contextmanager
    def measure(self, name: str) -> Iterator[None]:
        if not self.running:
            yield
            return
        self._used[name] = self._used.get(name, 0) + 1
        if self._used[name] > 1:
            name = f"{name} {self._used[name]}"
            self._used[name] = 1
        times = self._times.setdefault(name, deque(maxlen=self.kept))
        if self.software:
            self.ctx.finish()
            start = self.seconds()
            yield
            self.ctx.finish()
            times.append(1e3 * (self.seconds() - start))
            return
        ring = self._queries.setdefault(name, [])
        turn = self._seen[name]
        self._seen[name] += 1
        if len(ring) < 3:
            ring.append(self.ctx.query(time=True))
        elif turn >= LATE:
            times.append(ring[turn % 3].elapsed * 1e-6)
        else:
            ring[turn % 3].elapsed  # noqa: B018 - the first reading is meaningless
        with ring[turn % 3]:
            yield

    @property
    def readings(self) -> dict[str, list[float]]:
        """Milliseconds of each of the last frames by pass, in the order they ran."""
        return {name: list(times) for name, times in self._times.items() if times}

    @property
    def times(self) -> dict[str, float]:
        """Their medians."""
        return {name: median(times) for name, times in self.readings.items()}

    @property
    def passes(self) -> dict[str, float | None]:
        """What the last frame asked for, in order, and its median; None where that is not known, as of what another
        clock's frame drew.
        """
        times = self.times
        return {name: times.get(name) for name in self._used}
