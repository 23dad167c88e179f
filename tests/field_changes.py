"""Every change of a single field of nested dataclasses: what a key or a digest of them has to notice."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

import numpy as np

# Other values of texts that are not free.
CHOICES: dict[str, Any] = {"background": "blurred", "light_units": "photometric"}


class FieldChange(NamedTuple):
    """A copy of a value in which one number, text or array differs."""

    path: str  # of what differs: `meshes[1].material.albedo[2]`; `meshes[0].uvs.-` is None
    value: Any

    @property
    def fields(self) -> list[str]:
        """The names of all fields on the path, the innermost last."""
        return re.findall(r"[a-z_0-9]*[a-z_][a-z_0-9]*", self.path)


def list_changes(value: Any, path: str = "", is_strong: bool = False) -> Iterator[FieldChange]:
    """Change each leaf of a value by the smallest step that there is, one at a time; strongly, so that it is visible.

    Of arrays the first and the last element, and the shape where the bytes allow it; of tuples each component, and the
    number of components if these are dataclasses or texts; of dataclasses each field that is not None, and None where
    it may be.
    """
    if is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            for change in list_changes(getattr(value, f.name), f"{path}.{f.name}".lstrip("."), is_strong):
                yield FieldChange(change.path, replace(value, **{f.name: change.value}))
            if "None" in str(f.type) and getattr(value, f.name) is not None:
                yield FieldChange(f"{path}.{f.name}.-".lstrip("."), replace(value, **{f.name: None}))
    elif isinstance(value, np.ndarray):
        yield from [FieldChange(path, _change_array(value))] if is_strong else _list_array_changes(value, path)
    elif isinstance(value, tuple):
        for k, item in enumerate(value):
            for change in list_changes(item, f"{path}[{k}]", is_strong):
                yield FieldChange(change.path, (*value[:k], change.value, *value[k + 1 :]))
        if value and (isinstance(value[0], str) or is_dataclass(value[0])):
            yield FieldChange(f"{path}[-1:]", value[:-1])
    elif value is not None:
        yield FieldChange(path, _change_scalar(value, path, is_strong))


def _list_array_changes(array: Any, path: str) -> Iterator[FieldChange]:
    for index in dict.fromkeys((0, array.size - 1)):
        changed = array.copy()
        element = changed.flat[index]
        changed.flat[index] = np.nextafter(element, np.inf) if array.dtype.kind == "f" else element ^ 1
        yield FieldChange(f"{path}[{index}]", changed)
    if array.ndim > 2 and array.shape[0] != array.shape[1]:
        yield FieldChange(f"{path}.shape", array.reshape(array.shape[1], array.shape[0], *array.shape[2:]))


def _change_array(array: Any) -> Any:
    """Other vertices, indices or pixels, in all rows."""
    if array.dtype.kind == "f":
        return (0.8 * np.roll(array, 1, axis=1) + 0.1).astype(array.dtype)
    return 255 - array if array.dtype == np.uint8 else array[:, ::-1].copy()


def _change_scalar(value: Any, path: str, is_strong: bool) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 1 if is_strong and value else value + 1
    if isinstance(value, float) and is_strong:
        return 0.5 * value + 0.3 if math.isfinite(value) else 1.0
    if isinstance(value, float):
        return 1.0 if math.isinf(value) else math.nextafter(value, math.inf)
    if path in CHOICES:
        return CHOICES[path]
    if isinstance(value, str):
        return f"{value}x"
    raise AssertionError(f"{path}: how is {value!r} changed?")
