"""A JSON tree that is never trusted: members, numbers and references by checked access.

What is missing, of another type or out of range raises UserError("<element>: <rule>"), the element named as in
nodes[3].scale[0]. `where` is the name of the object that is asked, "" for the root.
"""

from __future__ import annotations

from typing import Any

from ssdo.settings import UserError

Json = dict[str, Any]

MAX_NUMBER = 1e30  # float32 ends at 3e38
MAX_WHOLE = 2**53  # beyond, JSON numbers are not exact


def shown(value: Any) -> str:
    """A value from the file in a message: short, on one line, whatever it holds."""
    text = ascii(
        value[:60] if isinstance(value, str) else value if isinstance(value, (int, float)) else type(value).__name__
    )
    return text if len(text) <= 64 else text[:60] + "..."


def join(where: str, key: str) -> str:
    """The name of a member of the object named `where`."""
    return f"{where}.{key}" if where else key


def _member(parent: Json, key: str, where: str, kind: type, rule: str) -> Any:
    value = parent.get(key)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise UserError(f"{join(where, key)}: must be {rule}")
    return value


def get_object(parent: Json, key: str, where: str) -> Json:
    """An object, {} where there is none."""
    found: Json | None = _member(parent, key, where, dict, "an object")
    return found or {}


def get_list(parent: Json, key: str, where: str) -> list[Any]:
    """A list, [] where there is none."""
    found: list[Any] | None = _member(parent, key, where, list, "a list")
    return found or []


def get_text(parent: Json, key: str, where: str, default: str = "") -> str:
    """Text, the default where there is none."""
    found: str | None = _member(parent, key, where, str, "text")
    return default if found is None else found


def get_flag(parent: Json, key: str, where: str) -> bool:
    """Whether it is set; not, where there is none."""
    value = parent.get(key, False)
    if not isinstance(value, bool):
        raise UserError(f"{join(where, key)}: must be true or false, not {shown(value)}")
    return value


def get_extension(parent: Json, name: str, where: str) -> Json | None:
    """The object's extension of that name, None where there is none."""
    extensions = get_object(parent, "extensions", where)
    return get_object(extensions, name, join(where, "extensions")) if name in extensions else None


def get_whole(parent: Json, key: str, where: str, default: int | None = None) -> int:
    """A whole number from 0. Without a default it has to be there."""
    value = parent.get(key, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_WHOLE:
        raise UserError(
            f"{join(where, key)}: must be a whole number from 0 to 2^53"
            + (f", not {shown(value)}" if key in parent else "; it is missing")
        )
    return value


def _is_real(value: Any, lo: float, hi: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and lo <= value <= hi  # false for NaN too


def get_number(
    parent: Json, key: str, where: str, default: float, lo: float = -MAX_NUMBER, hi: float = MAX_NUMBER
) -> float:
    """A number from `lo` to `hi`, the default where there is none."""
    value = parent.get(key, default)
    if not _is_real(value, lo, hi):
        raise UserError(f"{join(where, key)}: must be a number from {lo:g} to {hi:g}, not {shown(value)}")
    return float(value)


def get_numbers(
    parent: Json, key: str, where: str, default: tuple[float, ...], lo: float = -MAX_NUMBER, hi: float = MAX_NUMBER
) -> tuple[float, ...]:
    """As many numbers as the default has, each from `lo` to `hi`; the default where there are none."""
    values = parent.get(key, default)
    if not isinstance(values, (list, tuple)) or len(values) != len(default):
        raise UserError(f"{join(where, key)}: must be {len(default)} numbers")
    for i, value in enumerate(values):
        if not _is_real(value, lo, hi):
            raise UserError(f"{join(where, key)}[{i}]: must be a number from {lo:g} to {hi:g}, not {shown(value)}")
    return tuple(map(float, values))


def get_reference(owner: Json, kind: str, parent: Json, key: str, where: str) -> int:
    """Which entry of the list owner[kind] is meant by parent[key]."""
    i, present = get_whole(parent, key, where), len(get_list(owner, kind, ""))
    if i >= present:
        raise UserError(f"{join(where, key)}: {kind}[{i}] does not exist, {present} present")
    return i


def get_entry(owner: Json, kind: str, i: int) -> Json:
    """The object owner[kind][i]; that the list is long enough is the caller's to know."""
    entry = get_list(owner, kind, "")[i]
    if not isinstance(entry, dict):
        raise UserError(f"{kind}[{i}]: must be an object")
    return entry
