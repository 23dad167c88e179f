"""The shader compiler: includes, uniform structs, programs, and what is bound to them.

A shader file has no `#version` and declares no uniforms but samplers. What a draw call binds decides the rest. Bindings
go by their names in GLSL:

    "ssao": Ssao(...)         becomes `uniform struct Ssao {...} ssao` where the shader says `#include <ssao>`
    "gbuffer": GBuffer(...)   becomes the samplers gbuffer_normal, gbuffer_depth, ...
    "history": texture        becomes the sampler history
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import moderngl

from ssdo.gpu.glsl import UniformStruct, glsl_struct, variant_key
from ssdo.gpu.target import Texture
from ssdo.resources import SHADERS
from ssdo.settings import UserError

# A triangle that covers the screen; drawn with three vertices and no attributes.
FULLSCREEN_VERTEX_SHADER = (
    "void main() { gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0); }"
)

# What a draw call binds to a GLSL name:
# a texture (one sampler), a NamedTuple of textures (samplers NAME_FIELD; None: no sampler), or a frozen dataclass (a
# uniform struct and its compile-time constants).
Binding = Texture | tuple[Texture | None, ...] | UniformStruct
Bindings = dict[str, Binding]


class ShaderError(UserError):
    """A shader does not compile, or a draw call does not bind what the shader reads."""


class SourceLine(NamedTuple):
    """A line to compile, and the file it comes from."""

    text: str
    file: str
    number: int


ProgramSource = tuple[list[SourceLine], list[SourceLine]]  # vertex and fragment shader


@dataclass(eq=False)
class Program:
    """A compiled program with its uniforms."""

    program: moderngl.Program
    fullscreen: moderngl.VertexArray  # without attributes, for FULLSCREEN_VERTEX_SHADER
    structs: dict[str, list[tuple[str, moderngl.Uniform]]]  # by struct: its members
    samplers: list[str]  # by texture unit
    files: frozenset[str]  # of its source, relative to the folders of shaders
    # by geometry
    vertex_arrays: WeakKeyDictionary[Any, moderngl.VertexArray] = field(default_factory=WeakKeyDictionary)
    # by struct: the value its uniforms hold, as OpenGL keeps them from draw to draw
    uploaded: dict[str, UniformStruct] = field(default_factory=dict)

    def set_structs(self, structs: Mapping[str, UniformStruct]) -> None:
        """Upload the members that changed since the last call."""
        for name, members in self.structs.items():
            value, previous = structs[name], self.uploaded.pop(name, None)
            if value is not previous:
                for member, uniform in members:
                    component = getattr(value, member)
                    if previous is None or component != getattr(previous, member):
                        uniform.value = component
            self.uploaded[name] = value

    def bind_textures(self, shader: str, textures: Mapping[str, Texture], render_targets: Sequence[Texture]) -> None:
        """Bind every sampler's texture. Raises ShaderError for a missing one and for a render target."""
        for unit, name in enumerate(self.samplers):
            texture = textures.get(name)
            if texture is None:
                names = ", ".join(textures) or "no textures"
                raise ShaderError(f"shaders/{shader} reads {name}, but the draw call binds only {names}")
            if texture in render_targets:
                raise ShaderError(f"shaders/{shader} reads {name} while drawing into it")
            texture.use(unit)


class ShaderCompiler:
    """Compiles shader files of some folders; every variant once."""

    def __init__(self, ctx: moderngl.Context, folders: Sequence[Path] = (SHADERS,)) -> None:
        self.ctx = ctx
        self.folders = tuple(folders)
        self.programs: dict[Hashable, Program] = {}  # by shader, entry and compile-time values
        self.sources: dict[Hashable, Callable[[], ProgramSource]] = {}  # reads the files again
        self.reload_errors: dict[str, str] = {}  # by shader
        self._failed: set[Hashable] = set()  # programs that could not be compiled again

    def fullscreen_program(self, shader: str, structs: Mapping[str, UniformStruct]) -> Program:
        """The program that runs `file.frag`, or `file.frag:entry`, on every pixel. Raises ShaderError."""

        def read_source() -> ProgramSource:
            return [SourceLine(FULLSCREEN_VERTEX_SHADER, "fullscreen vertex shader", 1)], self.expand(shader, structs)

        return self._program((shader, variant_key(structs)), read_source)

    def raster_program(self, shader: str, entry: str, structs: Mapping[str, UniformStruct]) -> Program:
        """The program of `file.vert` and `file.frag`, or `file.frag:entry`. Raises ShaderError."""
        suffix = f":{entry}" if entry else ""

        def read_source() -> ProgramSource:
            return self.expand(f"{shader}.vert", structs), self.expand(f"{shader}.frag{suffix}", structs)

        return self._program((shader + suffix, variant_key(structs)), read_source)

    def reload(self, files: Collection[str] | None = None) -> dict[str, str]:
        """Compile programs again, and return the errors by shader. Where that fails the old program stays.

        `files`: only those whose source has one of these files, and those that failed before. None: all.
        """
        self.reload_errors = {}
        for key in self.find_programs(files):
            try:
                self.programs[key] = self.compile(*self.sources[key]())
                self._failed.discard(key)
            except UserError as error:
                assert isinstance(key, tuple)
                self.reload_errors[key[0]] = str(error)
                self._failed.add(key)
        return self.reload_errors

    def find_programs(self, files: Collection[str] | None) -> list[Hashable]:
        """The programs that `reload` compiles again. One that has never been compiled has no file."""
        if files is None:
            return list(self.sources)
        empty: frozenset[str] = frozenset()
        names = {key: program.files for key, program in self.programs.items()}
        return [key for key in self.sources if key in self._failed or not names.get(key, empty).isdisjoint(files)]

    def expand(self, shader: str, structs: Mapping[str, UniformStruct]) -> list[SourceLine]:
        """The lines to compile for `file`, or `file:entry` with ENTRY_... defined. Raises ShaderError."""
        path, _, entry = shader.partition(":")
        lines = _Includes(self.folders, structs).expand(path, "draw")
        if not entry:
            return lines
        define = SourceLine(f"#define ENTRY_{entry.upper()}", path, 0)
        main = SourceLine(f"void main() {{ {entry}(); }}", path, 0)
        return [define, *lines, main]

    def compile(self, vertex: list[SourceLine], fragment: list[SourceLine]) -> Program:
        """Raises ShaderError with the file and line of each compile error."""
        texts = ["\n".join(["#version 410 core", *(line.text for line in lines)]) for lines in (vertex, fragment)]
        try:
            program = self.ctx.program(vertex_shader=texts[0], fragment_shader=texts[1])
        except moderngl.Error as error:
            lines = vertex if "vertex_shader" in str(error) else fragment
            raise ShaderError(map_compile_errors(str(error), lines)) from None
        structs: dict[str, list[tuple[str, moderngl.Uniform]]] = {}
        samplers: list[str] = []
        for name in program:
            member = program[name]
            if not isinstance(member, moderngl.Uniform):
                continue
            struct, dot, leaf = name.partition(".")
            if dot:
                structs.setdefault(struct, []).append((leaf, member))
            else:
                member.value = len(samplers)
                samplers.append(name)
        files = frozenset(line.file for line in (*vertex, *fragment))
        return Program(program, self.ctx.vertex_array(program, []), structs, samplers, files)

    def _program(self, key: Hashable, read_source: Callable[[], ProgramSource]) -> Program:
        if key not in self.programs:
            self.sources[key] = read_source
            self.programs[key] = self.compile(*read_source())
        return self.programs[key]


class _Includes:
    """Expands `#include "file"` and `#include <struct>`, each once.

    A struct that is not bound is an error, unless the preprocessor skips its include.
    """

    def __init__(self, folders: Sequence[Path], structs: Mapping[str, UniformStruct]) -> None:
        self.folders = folders
        self.structs = structs
        self.included: set[str] = set()
        self.open_conditions = 0  # #if, #ifdef and #ifndef without their #endif

    def expand(self, path: str, includer: str) -> list[SourceLine]:
        if path in self.included:
            return []
        self.included.add(path)
        lines: list[SourceLine] = []
        for number, text in enumerate(self._find(path, includer).read_text("utf-8").splitlines(), 1):
            if directive := re.match(r"\s*#\s*(if|endif)", text):
                self.open_conditions += 1 if directive[1] == "if" else -1
            if match := re.match(r'\s*#include\s+"(.+)"', text):
                lines += self.expand(match[1], f"shaders/{path}:{number}")
            elif match := re.match(r"\s*#include\s+<(\w+)>", text):
                declaration = self._declare(match[1], f"shaders/{path}:{number}")
                lines += [SourceLine(line, path, number) for line in declaration]
            else:
                lines.append(SourceLine(text, path, number))
        return lines

    def _find(self, path: str, includer: str) -> Path:
        for folder in self.folders:
            if (folder / path).is_file():
                return folder / path
        raise ShaderError(f"{includer}: no shader shaders/{path}")

    def _declare(self, name: str, includer: str) -> list[str]:
        """The lines that declare a struct, unless it has been declared."""
        if name not in self.structs:
            names = ", ".join(self.structs) or "no structs"
            message = f"{includer} includes <{name}>, but the draw call binds only {names}"
            if self.open_conditions:
                return [f"#error {message}"]
            raise ShaderError(message)
        if name in self.included:
            return []
        self.included.add(name)
        return glsl_struct(self.structs[name], name).splitlines()


def split_bindings(bindings: Mapping[str, Binding]) -> tuple[dict[str, UniformStruct], dict[str, Texture]]:
    """Uniform structs by name, and textures by sampler."""
    structs: dict[str, UniformStruct] = {}
    textures: dict[str, Texture] = {}
    for name, value in bindings.items():
        if isinstance(value, Texture):
            textures[name] = value
        elif isinstance(value, tuple):
            for part, texture in zip(value._fields, value, strict=True):  # type: ignore[attr-defined]
                if texture is not None:
                    textures[f"{name}_{part}"] = texture
        else:
            structs[name] = value
    return structs, textures


def pass_name(shader: str) -> str:
    """The name of a shader's pass in timings: `passes/sun.frag:diffuse` is `sun:diffuse`."""
    return shader.rpartition("/")[2].replace(".frag", "")


def map_compile_errors(log: str, lines: list[SourceLine]) -> str:
    """A compiler's log in one line, with its line numbers as shaders/file:line.

    Mesa writes `0:5(21): error`, NVIDIA `0(5) : error`, AMD, Intel and Apple `ERROR: 0:5:`. Line 1 is #version. The
    text has no #line directives: Mesa reports the wrong source for some errors.
    """

    def locate(match: re.Match[str]) -> str:
        index = int(match["a"] or match["b"]) - 2
        return f"shaders/{lines[index].file}:{lines[index].number}:" if 0 <= index < len(lines) else match[0]

    log = re.sub(r"(?m)^(?:ERROR: |WARNING: )?\d+(?::(?P<a>\d+)(?:\(\d+\))?|\((?P<b>\d+)\))\s*:", locate, log)
    headings = ("GLSL Compiler", "fragment_shader", "vertex_shader")
    messages = [line.strip() for line in log.splitlines() if not line.startswith(headings)]
    return "; ".join(message for message in messages if not set(message) <= set("=-"))
