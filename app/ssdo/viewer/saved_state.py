"""The viewer's state as TOML: saved, loaded again, copied and pasted. Presets and shots can be loaded too.

Tables: `shared` (parameters of both slots), `A` and `B` (technique and overrides), `techniques` (settings of those that
no slot shows, such as the reference's), `viewer` (view, links, budget).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import tomli_w

from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.settings import UserError, param_of, shorten
from ssdo.toml_text import flatten, format_toml, parse_toml_tree
from ssdo.viewer import budget
from ssdo.viewer.display_state import GAIN_RANGE, VIEWS, DisplayState
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session
from ssdo.viewer.slots import HIDDEN_PARAMS, WINDOW_PARAMS, SlotState, unlinkable_params

DISPLAY_FIELDS = ("view", "gain", "is_signed", "buffer", "exposure", "show_alpha", "divider")


def format_state(session: Session) -> str:
    """The state as TOML text."""
    slots, display = session.slots, session.display
    shared = {
        name: value
        for name, owner, _, value in slots.shared.walk()
        if value is not None and name not in WINDOW_PARAMS and not isinstance(owner, Technique)
    }
    tree: dict[str, Any] = {"shared": tomllib.loads(format_toml(shared))}
    for slot, technique in slots.techniques.items():
        of_technique = {name: value for name, _, _, value in technique.walk(f"{technique.group}.")}
        values = {"technique": technique.group} | of_technique | slots.overrides[slot]
        tree[slot] = tomllib.loads(format_toml({name: value for name, value in values.items() if value is not None}))
    in_slots = _last_used(slots.techniques)
    tree["techniques"] = {
        name: technique.values() for name, technique in slots.last_used.items() if technique != in_slots.get(name)
    }
    display_values = {name: getattr(display, name) for name in DISPLAY_FIELDS}
    tree["viewer"] = {name: value for name, value in display_values.items() if value is not None} | {
        "unlinked": sorted(slots.unlinked),
        "budget": slots.budget,
        "reference": session.reference_enabled,
    }
    return tomli_w.dumps(tree)


def _last_used(techniques: Mapping[Slot, Technique]) -> dict[str, Technique]:
    """Each technique's settings when it was last used, as far as the slots tell; else its defaults."""
    defaults = {name: kind() for name, kind in Technique.known.items()}
    return defaults | {techniques[slot].group: techniques[slot] for slot in PAIR}


def load_state(session: Session, text: str, source: str) -> None:
    """Load a state, or a preset or a shot into the active slot. `source`: what the text comes from, for messages.

    Raises UserError, and changes nothing then.
    """
    tree = parse_toml_tree(text, source)
    try:
        if "shared" in tree:
            _load_viewer_state(session, tree)
        else:
            _load_shot(session, flatten(tree))
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    session.error, session.message = "", f"loaded {source}"


def _load_viewer_state(session: Session, tree: Mapping[str, Any]) -> None:
    for name in ("shared", *PAIR, "techniques", "viewer"):
        if not isinstance(tree.get(name, {}), Mapping):
            raise UserError(f"{name}: must be a table, not {shorten(tree[name])}")
    viewer = tree.get("viewer", {})
    state = _parse_slots(tree, viewer, session.slots.shared)
    display = _parse_display(viewer, session.display)
    session.slots.restore(state)
    session.display, session.reference_enabled = display, bool(viewer.get("reference", False))


def _load_shot(session: Session, values: dict[str, Any]) -> None:
    """Set a preset's or a screenshot's values in the active slot; those of other techniques are ignored."""
    slot = session.display.active_slot
    group = values.get("technique", session.slots.techniques[slot].group)
    other_techniques = tuple(f"{name}." for name in Technique.known if name != group)
    values = {k: v for k, v in values.items() if k not in HIDDEN_PARAMS and not k.startswith(other_techniques)}
    # The scene first: a change of the scene resets the camera, which the other values may set.
    scene = {"scene": values.pop("scene")} if "scene" in values else {}
    previous = session.slots.state()
    if not ((not scene or session.change(scene)) and session.change(values, slot)):
        session.slots.restore(previous)
        raise UserError(session.error)


def _parse_slots(tree: Mapping[str, Any], viewer: Mapping[str, Any], current: Shot) -> SlotState:
    plain_shot = replace(Shot(), technique=current.technique, width=current.width, height=current.height)
    shared = plain_shot.with_values(flatten(tree["shared"]))
    techniques: dict[Slot, Technique] = {}
    overrides: dict[Slot, dict[str, Any]] = {}
    for slot in PAIR:
        values = flatten(tree.get(slot, {}))
        kind = Technique.by_name(str(values.pop("technique", "ssdo")))
        overrides[slot] = {k: v for k, v in values.items() if not k.startswith(f"{kind.group}.")}
        techniques[slot] = replace(shared, technique=kind()).with_values(values).technique
    last_used = _last_used(techniques)
    for group, values in tree.get("techniques", {}).items():
        if not isinstance(values, Mapping):
            raise UserError(f"techniques.{group[:100]}: must be a table, not {shorten(values)}")
        dotted_values = {f"{group}.{name}": value for name, value in flatten(values).items()}
        last_used[group] = replace(shared, technique=Technique.by_name(group)()).with_values(dotted_values).technique
    unlinked = viewer.get("unlinked", [])
    if not isinstance(unlinked, list) or not unlinkable_params().issuperset(map(str, unlinked)):
        rule = "must be a list of parameters that may differ in A and B"
        raise UserError(f"viewer.unlinked = {shorten(unlinked)}: {rule}")
    for values in overrides.values():
        values |= {name: value for name, value in _missing_overrides(shared, unlinked).items() if name not in values}
    kind_of_budget = str(viewer.get("budget", budget.KINDS[0]))
    if kind_of_budget not in budget.KINDS:
        raise UserError(f"viewer.budget = {shorten(kind_of_budget)}: must be one of {', '.join(budget.KINDS)}")
    return SlotState(shared, techniques, last_used, overrides, frozenset(unlinked), kind_of_budget)


def _missing_overrides(shared: Shot, unlinked: Sequence[str]) -> dict[str, Any]:
    """What unlinked parameters are in a slot that has no value of them: unset where they can be, else as in both."""
    parameters = {name: (param_of(field), value) for name, _, field, value in shared.walk()}
    return {
        name: None if parameters[name][0].auto_label else parameters[name][1] for name in unlinked if name in parameters
    }


def _parse_display(viewer: Mapping[str, Any], current: DisplayState) -> DisplayState:
    """A display state with the given values and defaults; the panel's width stays."""
    display = DisplayState()
    for name in DISPLAY_FIELDS:
        if name in viewer:
            value, default = viewer[name], getattr(display, name)
            if not _is_like(value, default):
                raise UserError(f"viewer.{name} = {shorten(value)}: must be like {default!r}")
            setattr(display, name, value)
    if display.view not in VIEWS:
        raise UserError(f"viewer.view = {shorten(display.view)}: must be one of {', '.join(VIEWS)}")
    low, high = GAIN_RANGE
    if not low <= display.gain <= high:
        raise UserError(f"viewer.gain = {shorten(display.gain)}: must be {low:g} to {high:g}")
    return display


def _is_like(value: Any, default: Any) -> bool:
    """Whether a value has the type of a default, where None stands for an optional number. Numbers must be finite."""
    if default is None or isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is type(default)
