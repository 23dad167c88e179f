"""Which techniques a measurement covers: all that are known, so that a new one needs no entry anywhere."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from ssdo.render.technique import Technique
from ssdo.settings import Param, param_of


def list_techniques() -> list[type[Technique]]:
    """All techniques, in the order of the viewer's keys."""
    return list(dict.fromkeys(technique for technique, _ in Technique.all_modes()))


def list_screen_space_techniques() -> list[type[Technique]]:
    """Those with a sample count, in the order of the viewer's keys."""
    return [technique for technique in list_techniques() if technique.sample_param]


def get_param(technique: type[Technique], name: str) -> Param | None:
    """A parameter's declaration; None where the technique has no such parameter."""
    return next((param_of(field) for field in fields(technique) if field.name == name), None)


def highest_quality(technique: type[Technique], max_samples: int) -> dict[str, Any]:
    """The largest sample count up to `max_samples` and the largest step count that the technique allows."""
    values = {}
    for name, limit in ((technique.sample_param, max_samples), ("steps", max_samples)):
        if (param := get_param(technique, name)) and param.max is not None:
            values[name] = min(int(param.max), limit)
    return values
