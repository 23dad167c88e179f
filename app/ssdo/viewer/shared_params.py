"""Parameters that techniques have in common, derived from their base classes."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import Field, fields, replace
from typing import Any

from ssdo.render.technique import Technique
from ssdo.settings import param_of


def shared_params() -> frozenset[str]:
    """Fields that techniques inherit from an abstract family, such as HemisphereTechnique."""
    return _family_params(tuple(Technique.known.values()))


def sampling_params() -> frozenset[str]:
    """Those of them that change the number of texture fetches per pixel: samples, steps and the like."""
    return _sampling_params(tuple(Technique.known.values()))


@functools.cache
def _family_params(techniques: tuple[type[Technique], ...]) -> frozenset[str]:
    families = {
        base
        for technique in techniques
        for base in technique.__mro__
        if issubclass(base, Technique) and base is not Technique and base not in techniques
    }
    return frozenset(f.name for family in families for f in fields(family))


@functools.cache
def _sampling_params(techniques: tuple[type[Technique], ...]) -> frozenset[str]:
    family_params = _family_params(techniques)
    return frozenset(
        f.name
        for technique in techniques
        for f in fields(technique)
        if f.name in family_params and _changes_fetches(technique(), f)
    )


def _changes_fetches(technique: Technique, f: Field[Any]) -> bool:
    return any(replace(technique, **{f.name: value}).fetches != technique.fetches for value in _example_values(f))


def _example_values(f: Field[Any]) -> Iterator[Any]:
    """Values of a parameter: its choices, or its range's ends."""
    param = param_of(f)
    if param.choices:
        yield from param.choices
    elif isinstance(f.default, bool):
        yield from (True, False)
    elif param.min is not None and param.max is not None:
        yield from (param.min, param.max)
