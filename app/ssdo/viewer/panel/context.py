"""What the panel's sections share."""

from __future__ import annotations

from dataclasses import dataclass, field

from ssdo.viewer.parameter_row import ParameterRows
from ssdo.viewer.preferences import Preferences
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import Session
from ssdo.viewer.theme import THEME
from ssdo.viewer.widgets import Widgets


@dataclass
class PanelContext:
    """Passed to every section."""

    session: Session
    widgets: Widgets
    rows: ParameterRows
    preferences: Preferences
    slot: Slot = "B"  # whose parameters are shown
    search_text: str = ""  # results are shown instead of the sections
    file_to_load: str = ""  # a file or scene, loaded after a frame that has announced it
    pending_actions: list[str] = field(default_factory=list)  # of buttons; run by the viewer before the next frame

    @property
    def scale(self) -> float:
        """Of the user interface."""
        return THEME.scale

    def take_actions(self) -> list[str]:
        """The pending actions, which are removed."""
        actions, self.pending_actions = self.pending_actions, []
        return actions
