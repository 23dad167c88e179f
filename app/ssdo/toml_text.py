"""Parameters as TOML text: a table for each group."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

from ssdo.settings import UserError


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Values by dotted name. Raises UserError, which names the `source` of the text."""
    return flatten(parse_toml_tree(text, source))


def parse_toml_tree(text: str, source: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises UserError, which names the `source` of the text."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source}: not TOML: {error}") from None
    except ValueError:  # Python reads no integer of more than 4300 digits
        raise UserError(f"{source}: not TOML that is read here: a number is too long") from None
    except RecursionError:
        raise UserError(f"{source}: not TOML that is read here: nested too deep") from None


def format_toml(values: Mapping[str, Any]) -> str:
    """Values by dotted name as TOML text."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        group, _, leaf = name.rpartition(".")
        table = tree.setdefault(group, {}) if group else tree
        table[leaf] = list(value) if isinstance(value, tuple) else value
    return tomli_w.dumps(tree)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"ssao": {"radius": 1}} as {"ssao.radius": 1}. Lists become tuples."""
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            values |= flatten(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = tuple(value) if isinstance(value, list) else value
    return values
