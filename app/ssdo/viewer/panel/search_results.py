"""What the search finds: parameters of what is shown, and entries that lead to everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import Field
from functools import partial
from typing import Any, NamedTuple

from imgui_bundle import imgui

from ssdo.render import presets
from ssdo.render.technique import Technique
from ssdo.scene.built_in import BUILT_IN_SCENES, describe_builder
from ssdo.scene.skies import BUILT_IN_SKIES
from ssdo.settings import Settings, param_of
from ssdo.viewer.action_buttons import BLIND_TEST_PLACES, BUTTONS, CHECKBOXES
from ssdo.viewer.buffers import TARGET_SUFFIX
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.slots import HIDDEN_PARAMS

SCENE_PARAMS = ("scene", "environment", "time")  # without a plain row: found as scenes, environments, section Scene
ParameterRow = tuple[str, Settings, Field[Any], Any]  # dotted name, owner, field, value


class SearchEntry(NamedTuple):
    """A line of the results."""

    caption: str  # what it is; above the first of them
    label: str
    help: str
    choose: Callable[[], object]  # what a click does


def matches(text: str, query: str) -> bool:
    """Whether a text contains all words of a query, whatever their case."""
    text = text.lower().replace("_", " ")
    return all(word in text for word in query.lower().replace("_", " ").split())


class SearchResults:
    """Drawn instead of the sections while there is a search text."""

    def __init__(self, context: PanelContext) -> None:
        self.context = context

    def draw(self) -> None:
        query = self.context.search_text
        row_count = sum(self._draw_rows(caption, slot, rows) for caption, slot, rows in self._find_rows(query))
        entries = [entry for entry in self.list_entries() if self._is_match(entry, query)]
        for number, entry in enumerate(entries):
            if number == 0 or entries[number - 1].caption != entry.caption:
                self._draw_caption(entry.caption)
            if imgui.selectable(f"{entry.label}##{entry.caption}{number}", False)[0]:
                entry.choose()
            self.context.widgets.store_rect(f"found {entry.label}")
            imgui.set_item_tooltip(entry.help)
        if not entries and not row_count:
            self.context.widgets.muted_text(f'no match for "{query.strip()}"')
            self.context.widgets.store_rect("no match")

    @staticmethod
    def _is_match(entry: SearchEntry, query: str) -> bool:
        return matches(f"{entry.caption} {entry.label} {entry.help}", query)

    def _draw_caption(self, text: str) -> None:
        imgui.spacing()
        self.context.widgets.heading(text)

    # ---- parameters of what is shown ----

    def _find_rows(self, query: str) -> Iterator[tuple[str, Slot, list[ParameterRow]]]:
        """Rows by caption: each visible slot's technique, then each group of the other settings."""
        session, slot = self.context.session, self.context.slot
        for visible_slot in session.visible_slots:
            technique = session.slots.techniques[visible_slot]
            rows = list(technique.walk(f"{technique.group}."))
            yield f"{visible_slot}: {technique.label}", visible_slot, self._filter(rows, technique.label, query)
        groups: dict[str, list[ParameterRow]] = {}
        for row in session.shot(slot).walk():
            name, owner = row[:2]
            if not isinstance(owner, Technique) and name not in (*HIDDEN_PARAMS, *SCENE_PARAMS, "technique"):
                group = name.partition(".")[0] if "." in name else "scene"
                groups.setdefault(group.replace("_", " ").capitalize(), []).append(row)
        for caption, rows in groups.items():
            yield caption, slot, self._filter(rows, caption, query)

    @staticmethod
    def _filter(rows: list[ParameterRow], caption: str, query: str) -> list[ParameterRow]:
        return [row for row in rows if matches(f"{caption} {row[0]} {param_of(row[2]).help}", query)]

    def _draw_rows(self, caption: str, slot: Slot, rows: list[ParameterRow]) -> int:
        """Returns how many there are."""
        if rows:
            self._draw_caption(caption)
        for row in rows:
            self.context.rows.draw(slot, *row)
        return len(rows)

    # ---- everything else ----

    def list_entries(self) -> Iterator[SearchEntry]:
        """Everything that a search can lead to, in the order of the results."""
        yield from self._list_technique_params()
        yield from self._list_buffers()
        yield from self._list_files()
        for title in list(self.context.widgets.section_titles):
            yield SearchEntry("Sections", title, "", partial(self._open_section, title))
        yield from self._list_buttons()

    def _list_technique_params(self) -> Iterator[SearchEntry]:
        """Parameters of techniques that no visible slot has. A click selects the technique."""
        session = self.context.session
        visible_groups = {session.slots.techniques[slot].group for slot in session.visible_slots}
        for group, technique in session.slots.last_used.items():
            for _, _, f, _ in technique.walk() if group not in visible_groups else ():
                label = f"{technique.label} > {f.name.replace('_', ' ')}"
                yield SearchEntry("Other techniques", label, param_of(f).help, partial(self._choose_technique, group))

    def _list_buffers(self) -> Iterator[SearchEntry]:
        session = self.context.session
        for name in session.view_renderer.buffers(session.display.active_slot):
            yield SearchEntry("Buffers", name.removesuffix(TARGET_SUFFIX), "", partial(self._show_buffer, name))

    def _list_files(self) -> Iterator[SearchEntry]:
        recent = self.context.preferences.recent_scenes
        for name in dict.fromkeys((*BUILT_IN_SCENES, *recent)):
            help_text = describe_builder(name) if name in BUILT_IN_SCENES else ""
            yield SearchEntry("Scenes", name, help_text, partial(self._load_file, name))
        for sky in BUILT_IN_SKIES:
            choose = partial(self.context.session.change, {"environment": sky}, self.context.slot)
            yield SearchEntry("Environments", sky, "", choose)
        for name, path in presets.built_in_presets().items():
            yield SearchEntry("Presets", name, "", partial(self._load_file, str(path)))

    def _list_buttons(self) -> Iterator[SearchEntry]:
        run = self.context.pending_actions.append
        for _, mode in Technique.all_modes():
            yield SearchEntry("Techniques", mode.label, mode.description, partial(run, f"mode {mode.label}"))
        for place, buttons in (*BUTTONS.items(), ("panel", tuple(CHECKBOXES.values()))):
            for button in buttons:
                if not button.while_held and place not in BLIND_TEST_PLACES:
                    label = f"{place.capitalize()} > {button.label}"
                    yield SearchEntry("Buttons", label, button.tooltip, partial(run, button.action))

    # ---- what a click does ----

    def _choose_technique(self, group: str) -> None:
        session, slot = self.context.session, self.context.slot
        session.slots.choose_technique(slot, group)
        session.error, session.message = "", f"{slot}: {session.slots.mode_label(slot)}"

    def _show_buffer(self, name: str) -> None:
        session = self.context.session
        session.display.buffer = name
        session.message = f"buffer: {name}"

    def _load_file(self, name: str) -> None:
        self.context.file_to_load = name

    def _open_section(self, title: str) -> None:
        self.context.search_text = ""
        self.context.widgets.open_section(title)
