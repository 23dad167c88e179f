"""Parameters. Each is declared once, with its range, unit and meaning; everything else is derived from that.

A `Settings` class is a frozen dataclass whose fields are made by `param()`. From the one declaration come the check,
the flag, the TOML key, the slider, the GLSL uniform struct and the row of the README's table. Standard library and
tomli-w only.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import math
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar, NoReturn, Self

import tomli_w

Vec3 = tuple[float, float, float]
MANY = 40  # names that are too many for a line


class UserError(Exception):  # noqa: N818 - what it is to the user, not to the program
    """Something the user can put right: what, the rule, the way out, in one line. Printed without a traceback."""

    code = 2


@dataclass(frozen=True)
class Param:
    """What is known of a parameter besides its name, type and default."""

    min: float | None = None
    max: float | None = None
    help: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    auto_label: str = ""  # what an unset (None) value stands for, in words
    fraction: float | None = None  # unset stands for this share of the scene's size
    log: bool = False  # a slider moves in ratios
    step: int = 1  # whole numbers must be a multiple of this
    compile_time: bool = False  # a switch that is a constant of the shader: each value is a program of its own

    def range_text(self) -> str:
        """The allowed values in words, as in errors, tooltips and the README's table."""
        if self.choices:
            return ", ".join(self.choices)
        if self.min is None or self.max is None:
            return ""
        multiple = f", a multiple of {self.step}" if self.step > 1 else ""
        return f"{self.min:g} to {self.max:g} {self.unit}".rstrip() + multiple


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
    """A dataclass field that knows its range, unit and meaning."""
    if fraction is not None:
        auto_label = f"{fraction:.0%} of the scene's size"
    return field(
        default=default,
        metadata={"param": Param(min, max, help, unit, choices, auto_label, fraction, log, step, compile_time)},
    )


def param_of(f: Field[Any]) -> Param:
    """The `Param` of a field of a Settings class."""
    found: Param = f.metadata["param"]
    return found


_KINDS: dict[tuple[type, str], type] = {}


def kind_of(owner: type, name: str) -> type:
    """The type of a field without its `| None`: float, int, bool, str or tuple (three floats)."""
    if (owner, name) not in _KINDS:
        hint = typing.get_type_hints(owner)[name]
        options = (
            [t for t in typing.get_args(hint) if t is not type(None)] if type(None) in typing.get_args(hint) else [hint]
        )
        _KINDS[owner, name] = typing.get_origin(options[0]) or options[0]
    return _KINDS[owner, name]


def suggest(name: str, known: Iterable[str]) -> str:
    """'; did you mean X?' where X is close, else what there is; more than a line holds are parameters and their
    flags.
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, 1, 0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(known)}" if len(known) <= MANY else "; `python -m ssdo parameters` lists them"


@dataclass(frozen=True)
class Settings:
    """A value made of parameters. Equal when they are equal; a wrong value cannot be built.

    Raises UserError when a value has the wrong type or is out of range.
    """

    group: ClassVar[str] = ""  # the first part of the dotted name; the class's own name in lower case

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "group" not in cls.__dict__:
            cls.group = cls.__name__.lower()

    def __post_init__(self) -> None:
        for f in fields(self):
            if "param" in f.metadata:
                name = f"{self.group}.{f.name}".lstrip(".")
                object.__setattr__(self, f.name, _checked(name, kind_of(type(self), f.name), f, getattr(self, f.name)))

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Settings, Field[Any], Any]]:
        """Every parameter as (dotted name, the settings it belongs to, its field, its value)."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Settings):
                yield from value.walk(f"{value.group}.")
            else:
                yield prefix + f.name, self, f, value

    def values(self) -> dict[str, Any]:
        """Every parameter that is set, by dotted name."""
        return {name: value for name, _, _, value in self.walk() if value is not None}

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """A copy with dotted names changed. Raises UserError for a name that does not exist."""
        groups = {v.group: f.name for f in fields(self) if isinstance(v := getattr(self, f.name), Settings)}
        plain = [f.name for f in fields(self) if "param" in f.metadata]
        changes: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            head, dot, rest = name.partition(".")
            if dot and head in groups:
                inner.setdefault(groups[head], {})[rest] = value
            elif not dot and name in plain:
                changes[name] = value
            else:
                known = [
                    *plain,
                    *(f"{g}.{n.partition('.')[2]}" for g in groups for n, *_ in getattr(self, groups[g]).walk(f"{g}.")),
                ]
                mine = [f"{self.group}.{k}" if self.group else k for k in known]
                full = f"{self.group}.{name}" if self.group else name
                raise UserError(f"no parameter {full[:100]}{suggest(full, mine)}")
        for owner, rest_values in inner.items():
            changes[owner] = getattr(self, owner).with_values(rest_values)
        return replace(self, **changes)

    def resolve_lengths(self, size: float) -> Self:
        """A copy in which lengths left unset become their share of a scene of that size (metres)."""
        lengths = {
            f.name: param_of(f).fraction
            for f in fields(self)
            if "param" in f.metadata and getattr(self, f.name) is None
        }
        return replace(self, **{k: share * size for k, share in lengths.items() if share is not None})


def _checked(name: str, kind: type, f: Field[Any], value: Any) -> Any:
    """The value in the field's type, or UserError."""
    p = param_of(f)

    def wrong(rule: str) -> NoReturn:
        raise UserError(f"{name} = {shorten(value)}: must be {rule}")

    if value is None:
        if not p.auto_label:
            wrong(p.range_text() or kind.__name__)
        return None
    if kind is bool:
        if not isinstance(value, bool):
            wrong("true or false")
    elif kind is tuple:
        if not isinstance(value, (tuple, list)) or len(value) != 3:
            wrong("three numbers X,Y,Z")
        value = tuple(_number(v, float) if isinstance(v, (int, float)) else wrong("three numbers X,Y,Z") for v in value)
        if not all(math.isfinite(v) for v in value):
            wrong("three finite numbers")
        if p.min is not None and p.max is not None and not all(p.min <= v <= p.max for v in value):
            wrong(f"three numbers, each {p.range_text()}")
    elif kind is str:
        if p.choices and isinstance(value, int) and str(value) in p.choices:
            value = str(value)  # depth_layers = 2 in TOML
        if not isinstance(value, str):
            wrong("text")
        if p.choices and value not in p.choices:
            wrong(f"one of {p.range_text()}")
    else:
        # true for NaN and infinity
        if isinstance(value, bool) or not isinstance(value, (int, float)) or (kind is int and value % 1 != 0):
            wrong(f"{'a whole number' if kind is int else 'a number'}, {p.range_text()}")
        number = _number(value, kind)
        if p.min is not None and p.max is not None and not p.min <= number <= p.max:  # false for NaN too
            wrong(p.range_text())
        if number % p.step and p.step > 1:
            wrong(p.range_text())
        value = number
    return value


def _number(value: float, kind: type) -> Any:
    try:
        return kind(value)
    except (OverflowError, ValueError):
        return math.nan


# ---- text: flags, TOML, tables ------------------------------------------------------------------------------------------

TRUE, FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")


def from_text(name: str, owner: Settings, f: Field[Any], text: str) -> Any:
    """The value a flag's text stands for. `auto` means unset where that is allowed. Raises UserError."""
    kind, p = kind_of(type(owner), f.name), param_of(f)
    if p.auto_label and text == "auto":
        return None
    try:
        if kind is bool:
            if text.lower() not in TRUE + FALSE:
                raise ValueError
            return text.lower() in TRUE
        if kind is tuple:
            return tuple(float(v) for v in text.split(","))
        return kind(text)
    except ValueError:
        rule = {
            bool: "true or false",
            tuple: "three numbers X,Y,Z",
            int: f"a whole number, {p.range_text()}",
            float: f"a number, {p.range_text()}",
        }[kind]
        raise UserError(f"--{name} {text}: must be {rule}") from None


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UserError."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {self.prog} --help lists the flags")


def add_flags(parser: Parser, settings: Settings) -> None:
    """A flag for every parameter: `--ssao.radius 0.8`, `--display.dither off`, `--no-display.dither`."""
    sections: dict[str, Any] = {}
    for name, owner, f, value in settings.walk(f"{settings.group}." if settings.group else ""):
        head = name.rpartition(".")[0]
        if head not in sections:
            doc = (type(owner).__doc__ or "").split("\n")[0]
            sections[head] = parser.add_argument_group(head, doc) if head else parser
        p = param_of(f)
        default = p.auto_label if value is None else format_value(value)
        text = f"{p.help} ({p.range_text()}) [{default}]".replace(" ()", "").replace("%", "%%")
        names = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
        kind = kind_of(type(owner), f.name)
        add = functools.partial(sections[head].add_argument, dest=name, default=argparse.SUPPRESS)
        convert = functools.partial(from_text, name, owner, f)
        if kind is bool:
            add(*names, type=convert, nargs="?", const=True, help=text, metavar="BOOL")
            add(*(f"--no-{n[2:]}" for n in names), action="store_const", const=False, help=argparse.SUPPRESS)
        else:
            add(
                *names,
                type=convert,
                help=text,
                metavar="|".join(p.choices) or p.unit or {tuple: "X,Y,Z", int: "N", float: "V", str: "NAME"}[kind],
            )


def parse(parser: Parser, arguments: Iterable[str]) -> dict[str, Any]:
    """What the flags say, by name. Raises UserError, with a suggestion where a flag is unknown."""
    joined: list[str] = []
    for word in arguments:  # `--camera.eye -1,2,3`: argparse takes the value for a flag
        if (
            joined
            and joined[-1].startswith("--")
            and "=" not in joined[-1]
            and word[:1] == "-"
            and (word[1:2].isdigit() or word[1:2] == ".")
        ):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    given, unknown = parser.parse_known_args(joined)
    if unknown:
        known = [s for a in parser._actions for s in a.option_strings]
        raise UserError(
            f"unknown flag {unknown[0]}{suggest(unknown[0].partition('=')[0], known) if unknown[0].startswith('-') else ''}"
        )
    return vars(given)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"ssao": {"radius": 1}} as {"ssao.radius": 1}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= (
            flatten(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else {prefix + key: tuple(value) if isinstance(value, list) else value}
        )
    return flat


def shorten(value: Any) -> str:
    """A value in a message, not longer than a line."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more than 4300 digits
        return "a number that is too long"
    return text if len(text) <= 100 else f"{text[:97]}..."


def toml_tree(text: str, where: str) -> dict[str, Any]:
    """What a TOML text says. Raises UserError naming `where` it came from."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not TOML: {error}") from None
    except (ValueError, RecursionError) as error:  # numbers of more than 4300 digits, a thousand brackets
        raise UserError(
            f"{where}: not TOML that is read here: {'a number is too long' if isinstance(error, ValueError) else 'nested too deep'}"
        ) from None


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Dotted names and values of a TOML text. Raises UserError naming `where` it came from."""
    return flatten(toml_tree(text, where))


def format_toml(values: Mapping[str, Any]) -> str:
    """Dotted names and values as TOML text, a table for each group."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        head, _, leaf = name.rpartition(".")
        (tree.setdefault(head, {}) if head else tree)[leaf] = list(value) if isinstance(value, tuple) else value
    return tomli_w.dumps(tree)


def format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(f"{v:g}" for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def markdown_table(settings: Settings) -> str:
    """The README's rows for these settings: parameter, default, values, meaning."""
    rows = []
    for name, _, f, value in settings.walk(f"{settings.group}." if settings.group else ""):
        p = param_of(f)
        default = p.auto_label if value is None else format_value(value)
        rows.append(
            f"| `{name}` | {default} | {p.range_text() or ('on, off' if isinstance(value, bool) else p.unit)} | {p.help} |"
        )
    return "\n".join(["| parameter | default | values | meaning |", "|---|---|---|---|", *rows])
