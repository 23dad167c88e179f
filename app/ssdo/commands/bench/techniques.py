"""Which techniques a measurement covers: all that are known, so that a new one needs no entry anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

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


def highest_values(technique: type[Technique], names: Sequence[str], limit: int) -> dict[str, int]:
    """The largest allowed value of whole-number parameters, at most `limit`; of those that the technique has."""
    params = {name: get_param(technique, name) for name in names}
    return {name: min(int(p.max), limit) for name, p in params.items() if p and p.max is not None}
