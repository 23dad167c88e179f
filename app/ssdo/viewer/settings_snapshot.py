"""The settings before an experiment, and how they are restored after it, or when the user changes something in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ssdo.settings import UserError
from ssdo.viewer.session import Session
from ssdo.viewer.slots import SlotState


class SettingsSnapshot:
    """The settings of a session when this was made. Until `restore`, no change is recorded for undo."""

    def __init__(self, session: Session) -> None:
        self._initial = session.slots.state()
        self._applied = self._initial
        self._view = self._applied_view = session.display.view
        self._had_reference, self._was_playing = session.reference_enabled, session.is_playing
        session.is_measuring, session.is_playing = True, False

    def accept(self, session: Session) -> None:
        """Call after the experiment's own changes: they are not the user's."""
        self._applied, self._applied_view = session.slots.state(), session.display.view

    def find_change(self, session: Session) -> str:
        """What the user has changed since `accept`, in words; empty: nothing."""
        return describe_change(self._applied, session.slots.state())

    def restore(self, session: Session) -> None:
        """Restore what the experiment has changed. What the user has changed meanwhile stays."""
        session.is_measuring = False
        session.slots.assign(keep_user_changes(self._initial, self._applied, session.slots.state()))
        if session.display.view == self._applied_view:
            session.display.view = self._view
        session.reference_enabled, session.is_playing = self._had_reference, self._was_playing


def describe_change(applied: SlotState, current: SlotState) -> str:
    """What differs between two states, in words; empty: nothing."""
    if current == applied:
        return ""
    old, new = applied.shared, current.shared
    if (old.scene, old.up) != (new.scene, new.up):
        return "the scene was changed"
    if old.camera != new.camera:
        return "the camera was moved"
    if old.time != new.time:
        return "the time was changed"
    if any(type(current.techniques[slot]) is not type(applied.techniques[slot]) for slot in applied.techniques):
        return "a technique was changed"
    return "the settings were changed"


def keep_user_changes(initial: Any, applied: Any, current: Any) -> Any:
    """`current`, with what is as in `applied` taken from `initial`. Of settings, mappings and named tuples."""
    if current == applied:
        return initial
    if not type(initial) is type(applied) is type(current):
        return current
    if is_dataclass(current) and not isinstance(current, type):
        names = [field.name for field in fields(current)]
        merged = {n: keep_user_changes(getattr(initial, n), getattr(applied, n), getattr(current, n)) for n in names}
        try:
            return replace(current, **merged)
        except UserError:  # the values do not go together
            return current
    if isinstance(current, tuple) and hasattr(current, "_fields"):
        return type(current)(*map(keep_user_changes, initial, applied, current))
    if isinstance(current, Mapping):
        return _merge_mappings(initial, applied, current)
    return current


def _merge_mappings(initial: Mapping[Any, Any], applied: Mapping[Any, Any], current: Mapping[Any, Any]) -> Any:
    """Entries that the user has added or removed stay so."""
    missing = object()
    merged = {}
    for key in {**initial, **current}:
        values = (mapping.get(key, missing) for mapping in (initial, applied, current))
        merged[key] = keep_user_changes(*values)
    return {key: value for key, value in merged.items() if value is not missing}
