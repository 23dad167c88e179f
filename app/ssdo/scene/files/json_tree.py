"""Checked access to a JSON tree from an untrusted file: members, numbers, references.

A member that is missing, of another type or out of range raises UserError("<element>: <rule>"). The element is named
as in nodes[3].scale[0]. The parameter `where` is the name of the object that is read, "" for the root.
"""

from __future__ import annotations

from typing import Any

from ssdo.scene.files.errors import quote_value
from ssdo.settings import UserError

Json = dict[str, Any]

MAX_NUMBER = 1e30  # float32 ends at 3e38
MAX_INTEGER = 2**53  # larger numbers are not exact in JSON


def join_name(where: str, key: str) -> str:
    """The name of a member of the object named `where`."""
    return f"{where}.{key}" if where else key


def _get_member(parent: Json, key: str, where: str, kind: type, rule: str) -> Any:
    value = parent.get(key)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise UserError(f"{join_name(where, key)}: must be {rule}")
    return value


def get_object(parent: Json, key: str, where: str) -> Json:
    """An object; {} if it is missing."""
    value: Json | None = _get_member(parent, key, where, dict, "an object")
    return value or {}


def get_list(parent: Json, key: str, where: str) -> list[Any]:
    """A list; [] if it is missing."""
    value: list[Any] | None = _get_member(parent, key, where, list, "a list")
    return value or []


def get_string(parent: Json, key: str, where: str, default: str = "") -> str:
    """A string; the default if it is missing."""
    value: str | None = _get_member(parent, key, where, str, "text")
    return default if value is None else value


def get_bool(parent: Json, key: str, where: str) -> bool:
    """A boolean; False if it is missing."""
    value = parent.get(key, False)
    if not isinstance(value, bool):
        raise UserError(f"{join_name(where, key)}: must be true or false, not {quote_value(value)}")
    return value


def get_extension(parent: Json, name: str, where: str) -> Json | None:
    """The object's extension of that name; None if it is missing."""
    extensions = get_object(parent, "extensions", where)
    return get_object(extensions, name, join_name(where, "extensions")) if name in extensions else None


def get_unsigned(parent: Json, key: str, where: str, default: int | None = None) -> int:
    """An integer from 0; the default if it is missing. Without a default it must be present."""
    value = parent.get(key, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        problem = f", not {quote_value(value)}" if key in parent else "; it is missing"
        raise UserError(f"{join_name(where, key)}: must be a whole number from 0 to 2^53{problem}")
    return value


def _is_number_in_range(value: Any, minimum: float, maximum: float) -> bool:
    # False for NaN, too.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and minimum <= value <= maximum


def get_number(
    parent: Json, key: str, where: str, default: float, minimum: float = -MAX_NUMBER, maximum: float = MAX_NUMBER
) -> float:
    """A number from `minimum` to `maximum`; the default if it is missing."""
    value = parent.get(key, default)
    if not _is_number_in_range(value, minimum, maximum):
        rule = f"must be a number from {minimum:g} to {maximum:g}"
        raise UserError(f"{join_name(where, key)}: {rule}, not {quote_value(value)}")
    return float(value)


def get_numbers(
    parent: Json,
    key: str,
    where: str,
    default: tuple[float, ...],
    minimum: float = -MAX_NUMBER,
    maximum: float = MAX_NUMBER,
) -> tuple[float, ...]:
    """As many numbers as the default has, each from `minimum` to `maximum`; the default if they are missing."""
    values = parent.get(key, default)
    if not isinstance(values, (list, tuple)) or len(values) != len(default):
        raise UserError(f"{join_name(where, key)}: must be {len(default)} numbers")
    for i, value in enumerate(values):
        if not _is_number_in_range(value, minimum, maximum):
            rule = f"must be a number from {minimum:g} to {maximum:g}"
            raise UserError(f"{join_name(where, key)}[{i}]: {rule}, not {quote_value(value)}")
    return tuple(map(float, values))


def get_reference(root: Json, kind: str, parent: Json, key: str, where: str) -> int:
    """The index parent[key] into the list root[kind]. Raises UserError for an index beyond its end."""
    i, count = get_unsigned(parent, key, where), len(get_list(root, kind, ""))
    if i >= count:
        raise UserError(f"{join_name(where, key)}: {kind}[{i}] does not exist, {count} present")
    return i


def get_entry(root: Json, kind: str, i: int) -> Json:
    """The object root[kind][i]. The caller has checked that `i` is below the list's length."""
    entry = get_list(root, kind, "")[i]
    if not isinstance(entry, dict):
        raise UserError(f"{kind}[{i}]: must be an object")
    return entry
