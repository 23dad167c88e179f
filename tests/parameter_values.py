"""Every parameter of shots and of techniques, with values over its whole range and values just beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import Field, replace
from typing import Any, NamedTuple

from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.settings import AUTO, Param, Settings, field_type, param_of

# What TOML, PNG text, shells and argparse treat specially.
TEXTS = (
    "a b.glb",
    "-dash.glb",
    "blocks:count=9,seed=2",
    "C:\\new\\table.glb",
    "\"'#[=]\n\t$x",
    "\u00e9t\u00e9 \u4e2d \U0001f600.glb",
)
LONG_FRACTIONS = (-1 / 3, 0.1 + 0.2, 12345.678901234567, 1e-17, -2.0)  # with more digits than %g prints


class Parameter(NamedTuple):
    """One parameter, and the technique that it belongs to; an empty text: every technique has it."""

    name: str  # dotted
    owner: Settings
    field: Field[Any]
    technique: str

    @property
    def kind(self) -> type:
        return field_type(type(self.owner), self.field.name)

    @property
    def param(self) -> Param:
        return param_of(self.field)

    @property
    def group(self) -> str:
        """A technique that has the parameter."""
        return self.technique or Shot().technique.group

    @property
    def unset_text(self) -> str | None:
        """How files write an unset value: not at all, unless it has another default."""
        return None if self.field.default is None else AUTO

    @property
    def allowed_values(self) -> list[Any]:
        """Both ends of the range, their neighbours, and values between; all choices; None where it can be unset."""
        values = [None] if self.param.auto_label else []
        return list(dict.fromkeys([*values, *self._set_values()]))

    def _set_values(self) -> list[Any]:
        p = self.param
        if self.kind is bool:
            return [True, False]
        if self.kind is str:
            return list(p.choices or TEXTS)
        if self.kind is tuple:
            numbers = _spread_floats(p)
            return [tuple(numbers[(k + axis) % len(numbers)] for axis in range(3)) for k in range(len(numbers))]
        if self.kind is float:
            return _spread_floats(p)
        assert p.min is not None and p.max is not None
        low, high = int(p.min), int(p.max)
        middle = (low + high) // 2 // p.step * p.step
        return [low, low + p.step, middle, high - p.step, high]

    @property
    def refused_values(self) -> list[Any]:
        """Neighbours of the range, values that are not finite, other types, and text that UTF-8 cannot hold."""
        p = self.param
        if self.kind is bool:
            return [2, "maybe", 1.0]
        if self.kind is str:
            return [1.5, True, "\udcff.glb", *(["no such choice", ""] if p.choices else [])]
        if self.kind is tuple:
            good = _spread_floats(p)[0]
            bad = [math.nan, math.inf, -math.inf, *_beyond_floats(p)]
            return [tuple(b if k == axis else good for k in range(3)) for b in bad for axis in range(3)]
        if self.kind is float:
            return [math.nan, math.inf, -math.inf, *_beyond_floats(p)]
        assert p.min is not None and p.max is not None
        off_step_values = [int(p.min) + 1] if p.step > 1 else []
        return [int(p.min) - 1, int(p.max) + 1, int(p.max) + p.step, p.min + 0.5, math.nan, math.inf, *off_step_values]

    def with_technique(self, value: Any) -> dict[str, Any]:
        """The value by name, and the technique that has it."""
        return {"technique": self.group, self.name: value}


def _spread_floats(p: Param) -> list[float]:
    if p.min is None or p.max is None:
        return list(LONG_FRACTIONS)
    low, high = p.min, p.max
    inner = [low + (high - low) / 3, low + (high - low) / 7e5]
    return [low, math.nextafter(low, math.inf), *inner, math.nextafter(high, -math.inf), high]


def _beyond_floats(p: Param) -> list[float]:
    if p.min is None or p.max is None:
        return []
    return [math.nextafter(p.min, -math.inf), math.nextafter(p.max, math.inf)]


def list_parameters() -> list[Parameter]:
    """Those of shots first, then those of each technique."""
    plain_shot = replace(Shot(), technique=Technique())
    parameters = [Parameter(name, owner, field, "") for name, owner, field, _ in plain_shot.walk()]
    for group, technique in Technique.known.items():
        parameters += [Parameter(name, owner, field, group) for name, owner, field, _ in technique().walk(f"{group}.")]
    return parameters


def list_value_sets() -> Iterator[dict[str, Any]]:
    """Values of all parameters of a shot at once, by name; over all sets each takes each of its allowed values."""
    parameters = list_parameters()
    count = max(len(parameter.allowed_values) for parameter in parameters)
    for group in Technique.known:
        mine = [parameter for parameter in parameters if parameter.technique in ("", group)]
        for number in range(count):
            values = {p.name: p.allowed_values[number % len(p.allowed_values)] for p in mine}
            yield {"technique": group, **values}
