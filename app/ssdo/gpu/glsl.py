"""GLSL text of dataclasses: uniform structs and compile-time constants."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol

from ssdo.settings import field_type, param_of

GLSL_SCALARS = {float: "float", int: "int", bool: "bool"}
GLSL_TUPLES = {2: "vec2", 3: "vec3", 4: "vec4", 9: "mat3", 16: "mat4"}  # by length


class UniformStruct(Protocol):
    """A frozen dataclass: each field of a number or a tuple of numbers is a member of a GLSL uniform struct."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def glsl_struct(block: UniformStruct, name: str) -> str:
    """The declaration of a uniform struct, and constants for its compile-time parameters.

    A parameter with choices becomes the constant SSAO_VISIBILITY, beside SSAO_VISIBILITY_RAY_MARCH and so on for every
    choice: each choice compiles to its own program. Other text is omitted. A struct without members gives no text.
    """
    constants: list[str] = []
    members: list[str] = []
    for f in fields(block):
        value = getattr(block, f.name)
        constant = f"{name}_{f.name}"
        param = param_of(f) if "param" in f.metadata else None
        if param and param.choices:
            choices = [f"{constant}_{choice}".upper().replace("-", "_") for choice in param.choices]
            constants += [f"const int {choice} = {number};" for number, choice in enumerate(choices)]
            constants.append(f"const int {constant.upper()} = {param.choices.index(value)};")
        elif param and param.compile_time:
            constants.append(f"const bool {constant.upper()} = {str(value).lower()};")
        elif isinstance(value, tuple):
            members.append(f"    {GLSL_TUPLES[len(value)]} {f.name};")
        # the declared type decides: a float field may hold an int
        elif (kind := field_type(type(block), f.name)) in GLSL_SCALARS:
            members.append(f"    {GLSL_SCALARS[kind]} {f.name};")
    if not members:
        return "\n".join(constants)
    return "\n".join([*constants, f"uniform struct {type(block).__name__} {{", *members, f"}} {name};"])


def variant_key(structs: Mapping[str, UniformStruct]) -> Hashable:
    """What the GLSL text of these structs depends on: programs of equal keys are the same."""
    return tuple((name, type(struct), compile_time_values(struct)) for name, struct in structs.items())


def compile_time_values(struct: UniformStruct) -> tuple[str | bool, ...]:
    """The values of its compile-time parameters."""
    return tuple(getattr(struct, name) for name in _compile_time_fields(type(struct)))


_COMPILE_TIME_FIELDS: dict[type, tuple[str, ...]] = {}  # read at every draw


def _compile_time_fields(kind: type[UniformStruct]) -> tuple[str, ...]:
    if kind not in _COMPILE_TIME_FIELDS:
        params = {f.name: param_of(f) for f in fields(kind) if "param" in f.metadata}
        _COMPILE_TIME_FIELDS[kind] = tuple(name for name, p in params.items() if p.choices or p.compile_time)
    return _COMPILE_TIME_FIELDS[kind]
