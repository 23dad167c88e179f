"""Parameters: each is declared once, with its range, unit and help text.

A `Settings` class is a frozen dataclass whose fields are made by `param()`. From that declaration follow validation,
flag, TOML key, slider, GLSL uniform struct and table row.
"""

from __future__ import annotations

import difflib
import math
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar, NoReturn, Self

Vec3 = tuple[float, float, float]
AUTO = "auto"  # how an unset value is written
MAX_LISTED_NAMES = 40  # in an error message
MAX_SHORT_TEXT = 100  # characters


class UserError(Exception):
    """An error that the user can fix. The message names the thing, the rule and the way out, in one line."""

    code = 2  # exit code


@dataclass(frozen=True)
class Param:
    """The properties of a parameter, besides its name, type and default."""

    min: float | None = None
    max: float | None = None
    help: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    auto_label: str = ""  # how an unset (None) value is shown
    fraction: float | None = None  # unset stands for this fraction of the scene's size
    log: bool = False  # logarithmic slider
    step: int = 1  # integers are multiples of this
    compile_time: bool = False  # a bool that is a constant of the shader: each value compiles to its own program

    def range_text(self) -> str:
        """The allowed values, as in errors, tooltips and tables."""
        if self.choices:
            return ", ".join(self.choices)
        if self.min is None or self.max is None:
            return ""
        multiple = f", a multiple of {self.step}" if self.step > 1 else ""
        return f"{self.min:g} to {self.max:g} {self.unit}".rstrip() + multiple

    def clamp(self, value: float) -> float:
        """The nearest value in range."""
        return value if self.min is None or self.max is None else min(max(value, self.min), self.max)

    def contains(self, value: float) -> bool:
        """Whether a number is in range. NaN is not, unless there is no range."""
        return self.min is None or self.max is None or self.min <= value <= self.max


def param(
    default: Any,
    min: float | None = None,
    max: float | None = None,
    help: str = "",
    *,
    unit: str = "",
    choices: tuple[str, ...] = (),
    auto_label: str = "",
    fraction: float | None = None,
    log: bool = False,
    step: int = 1,
    compile_time: bool = False,
) -> Any:
    """A dataclass field with the properties of a `Param`."""
    if fraction is not None:
        auto_label = f"{fraction:.0%} of the scene's size"
    properties = Param(min, max, help, unit, choices, auto_label, fraction, log, step, compile_time)
    return field(default=default, metadata={"param": properties})


def is_param(f: Field[Any]) -> bool:
    """Whether `param()` made a field."""
    return "param" in f.metadata


def param_of(f: Field[Any]) -> Param:
    """The `Param` of a field that `param()` made."""
    properties: Param = f.metadata["param"]
    return properties


_FIELD_TYPES: dict[tuple[type, str], type] = {}


def field_type(owner: type, name: str) -> type:
    """The type of a field without `| None`: float, int, bool, str or tuple (three floats)."""
    if (owner, name) not in _FIELD_TYPES:
        hint = typing.get_type_hints(owner)[name]
        members = typing.get_args(hint)
        if type(None) in members:
            hint = next(member for member in members if member is not type(None))
        _FIELD_TYPES[owner, name] = typing.get_origin(hint) or hint
    return _FIELD_TYPES[owner, name]


@dataclass(frozen=True)
class Settings:
    """Base class of parameter groups. Values are validated: raises UserError for a wrong type or range."""

    group: ClassVar[str] = ""  # the first part of dotted names; by default the class's name in lower case

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "group" not in cls.__dict__:
            cls.group = cls.__name__.lower()

    def __post_init__(self) -> None:
        for f in fields(self):
            if is_param(f):
                name = f"{self.group}.{f.name}".lstrip(".")
                value = _validate(name, field_type(type(self), f.name), param_of(f), getattr(self, f.name))
                object.__setattr__(self, f.name, value)

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Settings, Field[Any], Any]]:
        """Every parameter, with those of nested settings: (dotted name, its owner, its field, its value)."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Settings):
                yield from value.walk(f"{value.group}.")
            else:
                yield prefix + f.name, self, f, value

    def values(self) -> dict[str, Any]:
        """Every parameter that is set, by dotted name. AUTO for one that is unset, but has another default."""
        return {
            name: AUTO if value is None else value
            for name, _, f, value in self.walk()
            if value is not None or f.default is not None
        }

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with changed parameters, by dotted name. Raises UserError for an unknown name."""
        nested = {v.group: f.name for f in fields(self) if isinstance(v := getattr(self, f.name), Settings)}
        names = [f.name for f in fields(self) if is_param(f)]
        changes: dict[str, Any] = {}
        nested_values: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            group, dot, leaf = name.partition(".")
            if dot and group in nested:
                nested_values.setdefault(nested[group], {})[leaf] = value
            elif not dot and name in names:
                changes[name] = value
            else:
                raise UserError(self._unknown_name(name))
        for name, inner in nested_values.items():
            changes[name] = getattr(self, name).with_values(inner)
        return replace(self, **changes)

    def resolve_lengths(self, scene_size: float) -> Self:
        """A copy whose unset lengths are their fraction of the scene's size, in metres, or the nearest in range."""
        lengths: dict[str, float] = {}
        for f in fields(self):
            p = param_of(f) if is_param(f) else Param()
            if p.fraction is not None and getattr(self, f.name) is None:
                lengths[f.name] = p.fraction * scene_size
        return self.with_lengths(lengths)

    def with_lengths(self, lengths: Mapping[str, float]) -> Self:
        """A copy with lengths that follow from the scene's size, by field name: each the nearest in its range."""
        params = {f.name: param_of(f) for f in fields(self) if is_param(f)}
        values: dict[str, Any] = {name: params[name].clamp(length) for name, length in lengths.items()}
        return replace(self, **values)

    def _unknown_name(self, name: str) -> str:
        prefix = f"{self.group}." if self.group else ""
        names = [f.name for f in fields(self) if is_param(f)]
        for f in fields(self):
            if isinstance(nested := getattr(self, f.name), Settings):
                names += [f"{nested.group}.{n.partition('.')[2]}" for n, *_ in nested.walk(f"{nested.group}.")]
        hint = suggest(prefix + name, [prefix + known_name for known_name in names])
        return f"no parameter {(prefix + name)[:MAX_SHORT_TEXT]}{hint}"


class Fail(typing.Protocol):
    """Raises the UserError of a value that breaks a rule."""

    def __call__(self, rule: str) -> NoReturn: ...


def _validate(name: str, kind: type, p: Param, value: Any) -> Any:
    """The value in the type `kind`. Raises UserError."""

    def fail(rule: str) -> NoReturn:
        raise UserError(f"{name} = {shorten(value)}: must be {rule}")

    if value is None or (value == AUTO and p.auto_label and kind is not str):
        if not p.auto_label:
            fail(p.range_text() or kind.__name__)
        return None
    if kind is bool:
        if not isinstance(value, bool):
            fail("true or false")
        return value
    if kind is tuple:
        return _validate_vector(p, value, fail)
    if kind is str:
        return _validate_text(p, value, fail)
    return _validate_number(kind, p, value, fail)


def _validate_vector(p: Param, value: Any, fail: Fail) -> Vec3:
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        fail("three numbers X,Y,Z")
    if not all(isinstance(component, (int, float)) for component in value):
        fail("three numbers X,Y,Z")
    x, y, z = (_convert(component, float) for component in value)
    if not all(math.isfinite(component) for component in (x, y, z)):
        fail("three finite numbers")
    if not all(p.contains(component) for component in (x, y, z)):
        fail(f"three numbers, each {p.range_text()}")
    return x, y, z


def _validate_text(p: Param, value: Any, fail: Fail) -> str:
    if isinstance(value, int) and str(value) in p.choices:
        return str(value)  # `depth_layers = 2` in TOML
    if not isinstance(value, str):
        fail("text")
    if any("\ud800" <= character <= "\udfff" for character in value):  # bytes of a file name that are no UTF-8
        fail("text in UTF-8, which images and presets can store; rename the file")
    if p.choices and value not in p.choices:
        fail(f"one of {p.range_text()}")
    return value


def _validate_number(kind: type, p: Param, value: Any, fail: Fail) -> Any:
    # value % 1 is not 0 for NaN and infinity
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (kind is int and value % 1 != 0):
        fail(f"{'a whole number' if kind is int else 'a number'}, {p.range_text()}")
    number = _convert(value, kind)
    if not p.contains(number) or (p.step > 1 and number % p.step):
        fail(p.range_text())
    return number


def _convert(value: float, kind: type) -> Any:
    """The number in another type, or NaN."""
    try:
        return kind(value)
    except (OverflowError, ValueError):
        return math.nan


# ---- text ----------------------------------------------------------------------------------------------------------


def format_value(value: Any) -> str:
    """A value as flags take it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(f"{component:g}" for component in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe_os_error(error: OSError) -> str:
    """The file and the reason, in one line."""
    reason = error.strerror or str(error) or type(error).__name__
    return " ".join(f"{error.filename}: {reason}".split() if error.filename else reason.split())


def shorten(value: Any) -> str:
    """A value's representation, short enough for a message."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4300 digits
        return "a number that is too long"
    return text if len(text) <= MAX_SHORT_TEXT else f"{text[: MAX_SHORT_TEXT - 3]}..."


def suggest(name: str, names: Iterable[str]) -> str:
    """'; did you mean X?' for the closest known name, else the known names, unless they are too many."""
    names = list(names)
    closest = difflib.get_close_matches(name, names, 1, 0.5)
    if closest:
        return f"; did you mean {closest[0]}?"
    return f"; there are {', '.join(names)}" if len(names) <= MAX_LISTED_NAMES else "; `ssdo parameters` lists them"
