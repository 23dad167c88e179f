"""Checked access to a JSON tree from an untrusted file: members, numbers, references.

A member that is missing, of another type or out of range raises UserError("<element>: <rule>"). The element is named
as in nodes[3].scale[0]. The parameter `where` is the name of the object that is read, "" for the root. Within
`use_defaults`, members that have a default raise nothing.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

from ssdo.scene.files.errors import quote_value
from ssdo.settings import UserError

Json = dict[str, Any]
Value = TypeVar("Value")
Warn = Callable[[str, str], None]  # element, text

MAX_NUMBER = 1e30  # float32 ends at 3e38
MAX_INTEGER = 2**53  # larger numbers are not exact in JSON
MAX_ROUNDING = 1e-4  # up to which a number beyond its range is taken for one that was rounded

_warn: ContextVar[Warn | None] = ContextVar("warn", default=None)


@contextlib.contextmanager
def use_defaults(warn: Warn) -> Iterator[None]:
    """Within the context, a member of a wrong type gets its default, a number out of range the nearest in range.

    Both call `warn` with the element's name and a text, but for numbers that rounding put out of range.
    """
    token = _warn.set(warn)
    try:
        yield
    finally:
        _warn.reset(token)


def _use_default(default: Value, element: str, rule: str) -> Value:
    """The default of a member that breaks a rule, with a warning. Raises UserError outside of `use_defaults`."""
    warn = _warn.get()
    if warn is None:
        raise UserError(f"{element}: {rule}")
    warn(element, f"{rule}; the default is used")
    return default


def split_error(error: UserError) -> tuple[str, str]:
    """The element and the rule of a reader's error."""
    element, _, rule = str(error).partition(": ")
    return element, rule


def join_name(where: str, key: str) -> str:
    """The name of a member of the object named `where`."""
    return f"{where}.{key}" if where else key


def _get_member(parent: Json, key: str, where: str, kind: type, rule: str) -> Any:
    value = parent.get(key)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        return _use_default(None, join_name(where, key), f"must be {rule}")
    return value


def get_object(parent: Json, key: str, where: str) -> Json:
    """An object; {} if it is missing."""
    value = parent.get(key)
    if type(value) is dict:  # the common case first: large files have millions of members
        return value
    return _get_member(parent, key, where, dict, "an object") or {}


def get_list(parent: Json, key: str, where: str) -> list[Any]:
    """A list; [] if it is missing."""
    value = parent.get(key)
    if type(value) is list:
        return value
    return _get_member(parent, key, where, list, "a list") or []


def get_string(parent: Json, key: str, where: str, default: str = "") -> str:
    """A string; the default if it is missing."""
    value: str | None = _get_member(parent, key, where, str, "text")
    return default if value is None else value


def get_bool(parent: Json, key: str, where: str, default: bool = False) -> bool:
    """A boolean; the default if it is missing."""
    value = parent.get(key, default)
    if not isinstance(value, bool):
        return _use_default(default, join_name(where, key), f"must be true or false, not {quote_value(value)}")
    return value


def get_extension(parent: Json, name: str, where: str) -> Json | None:
    """The object's extension of that name; None if it is missing."""
    extensions = get_object(parent, "extensions", where)
    return get_object(extensions, name, join_name(where, "extensions")) if name in extensions else None


def get_unsigned(parent: Json, key: str, where: str, default: int | None = None) -> int:
    """An integer from 0; the default if it is missing. Without a default it must be present."""
    value = parent.get(key, default)
    if type(value) is int and 0 <= value <= MAX_INTEGER:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        problem = f", not {quote_value(value)}" if key in parent else "; it is missing"
        element, rule = join_name(where, key), f"must be a whole number from 0 to 2^53{problem}"
        if default is None:
            raise UserError(f"{element}: {rule}")
        return _use_default(default, element, rule)
    return value


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf  # False for NaN


def _clamp_number(value: Any, default: float, element: str, minimum: float, maximum: float) -> float:
    """The number as it is, if it is one in range. Else as `use_defaults` says; outside of it, raises UserError."""
    if _is_finite_number(value) and minimum <= value <= maximum:
        return float(value)
    rule = f"must be a number from {minimum:g} to {maximum:g}"
    warn = _warn.get()
    if warn is None or not _is_finite_number(value):
        return _use_default(default, element, f"{rule}, not {quote_value(value)}")
    nearest = minimum if value < minimum else maximum
    if not nearest - MAX_ROUNDING <= value <= nearest + MAX_ROUNDING:
        warn(element, f"{rule}, and is clamped")
    return float(nearest)


def get_number(
    parent: Json, key: str, where: str, default: float, minimum: float = -MAX_NUMBER, maximum: float = MAX_NUMBER
) -> float:
    """A number from `minimum` to `maximum`; the default if it is missing."""
    value = parent.get(key, default)
    return _clamp_number(value, default, join_name(where, key), minimum, maximum)


def get_numbers(
    parent: Json,
    key: str,
    where: str,
    default: tuple[float, ...],
    minimum: float = -MAX_NUMBER,
    maximum: float = MAX_NUMBER,
) -> tuple[float, ...]:
    """As many numbers as the default has, each from `minimum` to `maximum`; the default if they are missing."""
    if key not in parent:
        return default
    values, element = parent[key], join_name(where, key)
    if not isinstance(values, (list, tuple)) or len(values) != len(default):
        return _use_default(default, element, f"must be {len(default)} numbers")
    if all(type(value) in (int, float) and minimum <= value <= maximum for value in values):
        return tuple(map(float, values))
    return tuple(
        _clamp_number(value, default[i], f"{element}[{i}]", minimum, maximum) for i, value in enumerate(values)
    )


def get_reference(root: Json, kind: str, parent: Json, key: str, where: str) -> int:
    """The index parent[key] into the list root[kind]. Raises UserError for an index beyond its end."""
    i, count = get_unsigned(parent, key, where), len(get_list(root, kind, ""))
    if i >= count:
        raise UserError(f"{join_name(where, key)}: {kind}[{i}] does not exist, {count} present")
    return i


def find_reference(root: Json, kind: str, parent: Json, key: str, where: str) -> int | None:
    """The index parent[key] into the list root[kind]. Within `use_defaults` None, with a warning, if it is wrong."""
    try:
        return get_reference(root, kind, parent, key, where)
    except UserError as error:
        warn = _warn.get()
        if warn is None:
            raise
        element, rule = split_error(error)
        warn(element, f"{rule}; it is left out")
        return None


def get_entry(root: Json, kind: str, i: int) -> Json:
    """The object root[kind][i]. The caller has checked that `i` is below the list's length."""
    entry: Json = get_list(root, kind, "")[i]
    return entry if isinstance(entry, dict) else _use_default({}, f"{kind}[{i}]", "must be an object")
