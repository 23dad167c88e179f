"""Triangle meshes in OpenGL buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import moderngl

from ssdo.gpu.shaders import Bindings


@dataclass(frozen=True, eq=False)
class Geometry:
    """Interleaved vertices and the indices of their triangles."""

    vertices: moderngl.Buffer
    layout: str  # in moderngl's notation: "3f 3f 2f"
    attributes: tuple[str, ...]  # names, in the order of the layout
    indices: moderngl.Buffer


class DrawRange(NamedTuple):
    """Consecutive indices of a geometry, with the shader entry and the bindings that draw them."""

    first_index: int
    index_count: int
    bindings: Bindings
    entry: str = ""
    single_sided: bool = False  # culls back faces


def create_vertex_array(ctx: moderngl.Context, geometry: Geometry, program: moderngl.Program) -> moderngl.VertexArray:
    """The geometry as input of a program. Attributes that the program does not read are skipped."""
    layout, names = [], []
    for attribute, name in zip(geometry.layout.split(), geometry.attributes, strict=True):
        if name in program:
            layout.append(attribute)
            names.append(name)
        else:
            layout.append(f"{_byte_size(attribute)}x")
    return ctx.vertex_array(program, [(geometry.vertices, " ".join(layout), *names)], geometry.indices)


def _byte_size(attribute: str) -> int:
    """Bytes of an attribute in moderngl's notation: 3f is three floats, 4f2 four halves."""
    count, size = attribute.split("f")
    return int(count) * int(size or 4)
