"""Command-line flags of parameters: `--ssao.radius 0.8`, `--display.dither off`, `--no-display.dither`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterable
from dataclasses import Field
from typing import Any, NoReturn

from ssdo.settings import AUTO, Param, Settings, UserError, field_type, format_value, param_of, shorten, suggest

TRUE, FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")
METAVARS = {tuple: "X,Y,Z", int: "N", float: "V", str: "NAME"}


class FlagParser(argparse.ArgumentParser):
    """An argument parser that raises UserError. The description is printed as it stands."""

    def __init__(self, prog: str | None = None, description: str | None = None) -> None:
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, description=description, formatter_class=formatter, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; {self.prog} --help lists the flags")


def parse_flags(parser: FlagParser, arguments: Iterable[str]) -> dict[str, Any]:
    """The values of flags, by name. Raises UserError, with a suggestion for an unknown flag."""
    arguments = list(arguments)
    for word in arguments:
        if any("\ud800" <= character <= "\udfff" for character in word):  # bytes of a file name
            raise UserError(f"{shorten(word)}: must be text in UTF-8; rename the file")
    values, unknown = parser.parse_known_args(_join_negative_values(arguments))
    if unknown:
        flag = unknown[0]
        flags = [name for action in parser._actions for name in action.option_strings]
        hint = suggest(flag.partition("=")[0], flags) if flag.startswith("-") else ""
        raise UserError(f"unknown flag {flag}{hint}")
    return vars(values)


def _join_negative_values(arguments: Iterable[str]) -> list[str]:
    """`--camera.eye -1,2,3` as `--camera.eye=-1,2,3`: argparse takes a value that starts with a minus for a flag."""
    joined: list[str] = []
    for word in arguments:
        is_negative = word[:1] == "-" and (word[1:2].isdigit() or word[1:2] == ".")
        if is_negative and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def add_flags(parser: FlagParser, settings: Settings) -> None:
    """Add a flag for every parameter, grouped by settings."""
    groups: dict[str, Any] = {}
    for name, owner, f, value in settings.walk(f"{settings.group}." if settings.group else ""):
        group = name.rpartition(".")[0]
        if group not in groups:
            description = (type(owner).__doc__ or "").split("\n")[0]
            groups[group] = parser.add_argument_group(group, description) if group else parser
        _add_flag(groups[group], name, owner, f, value)


def _add_flag(group: Any, name: str, owner: Settings, f: Field[Any], value: Any) -> None:
    kind, p = field_type(type(owner), f.name), param_of(f)
    default = p.auto_label if value is None else format_value(value)
    text = f"{p.help} ({p.range_text()}) [{default}]".replace(" ()", "").replace("%", "%%")
    flags = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
    add = functools.partial(group.add_argument, dest=name, default=argparse.SUPPRESS)
    convert = functools.partial(parse_value, name, owner, f)
    if kind is bool:
        add(*flags, type=convert, nargs="?", const=True, help=text, metavar="BOOL")
        add(*(f"--no-{flag[2:]}" for flag in flags), action="store_const", const=False, help=argparse.SUPPRESS)
    else:
        add(*flags, type=convert, help=text, metavar="|".join(p.choices) or p.unit or METAVARS[kind])


def parse_value(name: str, owner: Settings, f: Field[Any], text: str) -> Any:
    """The value of a flag's text; `auto` is None where a parameter can be unset. Raises UserError."""
    kind, p = field_type(type(owner), f.name), param_of(f)
    if p.auto_label and text == AUTO:
        return None
    try:
        if kind is bool:
            return _parse_bool(text)
        if kind is tuple:
            return tuple(float(component) for component in text.split(","))
        return kind(text)
    except ValueError:
        raise UserError(f"--{name} {text}: must be {_describe_type(kind, p)}") from None


def _parse_bool(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise ValueError
    return text.lower() in TRUE


def _describe_type(kind: type, p: Param) -> str:
    return {
        bool: "true or false",
        tuple: "three numbers X,Y,Z",
        int: f"a whole number, {p.range_text()}",
        float: f"a number, {p.range_text()}",
    }[kind]
