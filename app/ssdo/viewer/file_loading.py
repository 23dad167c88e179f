"""Loads what is chosen in the panel or dropped on the window: scenes, environments, states, presets, screenshots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ssdo.measure import images
from ssdo.render.pipeline import list_notes
from ssdo.render.shot_flags import read_text
from ssdo.scene.environment import list_environment_notes
from ssdo.scene.files import progress
from ssdo.scene.loader import describe_scene
from ssdo.toml_text import format_toml
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.saved_state import load_state
from ssdo.viewer.session import Session

MAX_WARNINGS = 3  # of a scene's file that are shown


def load_file(
    name: str, session: Session, slot: Slot, preferences: Preferences, report_progress: Callable[[str, int, int], None]
) -> None:
    """Load a file or a built-in scene; the suffix decides what it is.

    `slot`: gets an environment. `report_progress`: is called with a step's name, the part that is done, and the whole.
    Raises UserError.
    """
    path = Path(name)
    match path.suffix.lower():
        case ".toml":
            load_state(session, read_text(path), name)
        case ".png":
            load_state(session, format_toml(images.load_shot_values(path)), name)
        case ".hdr" | ".exr":
            if session.change({"environment": name}, slot) and list_environment_notes(name):
                session.message = f"{name}: {'; '.join(list_environment_notes(name)[:MAX_WARNINGS])}"
        case _:
            with progress.report_progress_to(report_progress):
                is_loaded = session.change({"scene": name})
            if is_loaded:
                preferences.add_recent_scene(name)
                notes = [*session.scene.notes, *list_notes(session.shot(slot))][:MAX_WARNINGS]
                details = "; ".join([describe_scene(session.scene), *notes])
                session.message = f"{session.slots.shared.scene}: {details}"
