"""The panel without a window: toolbar, search, buttons for keys, help, size and scale of the interface."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from ssdo import viewer
from ssdo.gpu.context import Gpu
from ssdo.render.technique import Technique
from ssdo.settings import UserError
from ssdo.viewer import keys
from ssdo.viewer.action_buttons import BLIND_TEST_PLACES, BUTTONS, CHECKBOXES

# Dear ImGui needs libX11.
runner_module = pytest.importorskip("panel_runner", exc_type=ImportError)
from imgui_bundle import imgui  # noqa: E402
from panel_runner import IMAGE_SIZE, PanelRunner, open_panel  # noqa: E402
from ssdo.commands import view  # noqa: E402
from ssdo.viewer import actions as actions_module  # noqa: E402
from ssdo.viewer import theme  # noqa: E402
from ssdo.viewer.file_dialog import FileDialog  # noqa: E402
from ssdo.viewer.panel.panel import MAX_WIDTH_FRACTION  # noqa: E402
from ssdo.viewer.panel.search_results import matches  # noqa: E402
from ssdo.viewer.preferences import (  # noqa: E402
    DEFAULT_PANEL_WIDTH,
    MAX_UI_SCALE,
    MIN_PANEL_WIDTH,
    MIN_UI_SCALE,
    Preferences,
)
from ssdo.viewer.render_scheduler import PAIR  # noqa: E402
from ssdo.viewer.saved_state import load_state  # noqa: E402
from ssdo.viewer.theme import SCALED_SIZES, THEME, set_scale  # noqa: E402
from ssdo.viewer.widgets import Rect, arrange_rows  # noqa: E402

SIZES = [(640, 360, 1.0), (640, 360, 2.0), (1366, 768, 1.0), (1280, 720, 2.0), (3840, 2160, 2.0), (320, 200, 1.0)]
TALL = (1280, 4000)  # a window that shows all sections
ACTIONS = sorted({key.action for key in keys.all_keys() if key.action})
ROUNDING = 1.0  # pixels: Dear ImGui rounds positions


@pytest.fixture
def runner(gpu: Gpu, tmp_path: Path) -> Iterator[PanelRunner]:
    with open_panel(gpu, tmp_path) as panel_runner:
        panel_runner.session.display.view = "split"
        panel_runner.draw()
        yield panel_runner


def overlap(a: Rect, b: Rect) -> bool:
    return min(a[2], b[2]) - max(a[0], b[0]) > ROUNDING and min(a[3], b[3]) - max(a[1], b[1]) > ROUNDING


# ---- buttons for keys ----


def collect_controls(runner: PanelRunner) -> dict[str, str]:
    """Items by action, of all sections in a split, of both slots, and of the help."""
    runner.size = TALL
    runner.open_sections()
    items: dict[str, str] = {}
    for slot in ("A", "B"):
        runner.click(f"tab {slot}")
        runner.draw()
        items |= runner.panel.widgets.action_items
    return items


def collect_blind_test_controls(runner: PanelRunner) -> dict[str, str]:
    """Items by action of the panel during a blind test."""
    blind_test = runner.panel.experiments.blind_test
    blind_test.start(seed=0)
    runner.draw()
    items = dict(runner.panel.widgets.action_items)
    blind_test.cancel()
    return items


def test_every_key_has_a_control(runner: PanelRunner) -> None:
    controls = collect_controls(runner) | collect_blind_test_controls(runner)
    assert not [action for action in ACTIONS if action not in controls]
    assert all(key.action for key in keys.all_keys() if key.names or key.characters)
    assert all(key.while_typing for key in keys.all_keys() for name in key.names if name.startswith("F") and name[1:])


@pytest.mark.slow
def test_controls_run_the_action_of_their_key(runner: PanelRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    controls = collect_controls(runner)
    monkeypatch.setattr(runner.actions, "run", lambda action: None)
    rows = {action for action in controls if controls[action].startswith("row ")}
    assert rows == {"half-resolution", "ground"}, "changed by the control of their parameter"
    for action in sorted(set(controls) - rows - {"flip"}, key=lambda action: action.startswith("mode-A")):
        if action.startswith("mode-A"):
            runner.click("tab A")
        runner.run_actions.clear()
        runner.click(controls[action])
        assert runner.run_actions == [action], controls[action]


def test_a_held_button_shows_the_other_slot(runner: PanelRunner) -> None:
    runner.press("copy other")
    assert runner.session.display.is_flipped
    runner.draw()
    assert runner.session.display.is_flipped
    runner.release()
    assert not runner.session.display.is_flipped and not runner.run_actions


def test_buttons_are_declared_once() -> None:
    repeated = ("help", "screenshot", *BLIND_TEST_PLACES)  # beside what they belong to
    places = [button.action for place, row in BUTTONS.items() if place not in repeated for button in row]
    assert len(places) == len(set(places)) and not CHECKBOXES.keys() & set(places)
    assert keys.describe_shortcut("save-state") == "Ctrl+S" and keys.describe_shortcut("") == ""
    assert keys.describe_shortcut("mode-A SSDO") == "Shift+4" and keys.describe_shortcut("larger-ui") == "Ctrl+="
    assert [keys.describe_shortcut(a) for a in ("flip", "more-samples", "full-screen")] == ["Tab", "+", "F11"]


# ---- keys act on what is shown ----


@pytest.mark.parametrize(
    ("view_name", "is_flipped", "slot"),
    [("A", False, "A"), ("B", False, "B"), ("split", False, "B"), ("error", True, "B"), ("A", True, "B")],
)
def test_number_keys_change_what_is_shown(runner: PanelRunner, view_name: str, is_flipped: bool, slot: str) -> None:
    """4: the slot that is shown, or B if both are. With Shift: A."""
    session = runner.session
    session.display.view, session.display.is_flipped = view_name, is_flipped
    key_4, shift_4 = keys.find_key("NUMBER_4"), keys.find_key("NUMBER_4", shift=True)
    assert key_4 and shift_4
    for name in PAIR:
        session.choose_mode(name, "GTAO")
    runner.run(key_4.action)
    assert [name for name in PAIR if session.slots.mode_label(name) == "SSDO"] == [slot]
    runner.run("mode bitmask")
    runner.run(shift_4.action)
    assert session.slots.mode_label("A") == "SSDO"


def test_buffers_samples_and_presets_are_those_of_what_is_shown(runner: PanelRunner) -> None:
    session = runner.session
    session.choose_mode("A", "off")
    session.choose_mode("B", "SSDO")
    runner.draw()
    session.display.view = "A"
    runner.draw()
    shown = set()
    for _ in range(len(session.view_renderer.buffers("B")) + 1):
        runner.run("next-buffer")
        shown.add(session.display.buffer)
    assert shown == set(session.view_renderer.buffers("A")) != set(session.view_renderer.buffers("B"))
    runner.run("more-samples")
    assert session.message == "off has no samples"
    session.choose_mode("A", "SSDO")
    b = session.slots.techniques["B"]
    session.slots.unlinked.add("radius")
    load_state(session, "technique = 'ssdo'\n[ssdo]\nradius = 0.25\n", "a preset")
    values = {slot: session.shot(slot).values().get("ssdo.radius") for slot in session.slots.techniques}
    assert values["A"] == 0.25 != values["B"] and session.slots.techniques["B"] == b


def test_environments_are_those_of_what_is_shown_while_the_panel_is_hidden(runner: PanelRunner) -> None:
    runner.run("panel")
    runner.session.display.view = "A"
    runner.draw()
    assert runner.panel.context.slot == "A"


# ---- layout ----


@pytest.mark.parametrize(
    ("widths", "available", "rows"),
    [
        ((10, 10, 10), 34, [[0, 1, 2]]),
        ((10, 10, 10), 33.9, [[0, 1], [2]]),
        ((50, 10, 10), 20, [[0], [1], [2]]),
        ((), 20, []),
    ],
)
def test_items_are_arranged_in_rows(widths: tuple[float, ...], available: float, rows: list[list[int]]) -> None:
    assert arrange_rows(widths, available, 2.0) == rows


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height", "scale"), SIZES)
def test_nothing_is_clipped_or_overlaps(runner: PanelRunner, width: int, height: int, scale: float) -> None:
    """Items of the toolbar, and all others, which may be below the window."""
    runner.open_sections()
    runner.draw_at((width, height), scale)
    widgets = runner.panel.widgets
    margin = (
        imgui.get_style().item_spacing.x / 2 + ROUNDING
    )  # by which the frame of a selectable is wider than its text
    for name, (left, top, right, bottom) in runner.rects.items():
        clip = widgets.clip_rects[name]
        is_label = name.startswith("label ")  # as wide as its text
        tolerance = margin if name.startswith("pass ") else ROUNDING
        assert left >= clip[0] - tolerance and (right <= clip[2] + tolerance or is_label), f"{name} is clipped"
        assert right > left and bottom > top, name
    for (a, rect_a), (b, rect_b) in combinations(runner.rects.items(), 2):
        is_same = rect_a == rect_b  # an item with two names
        is_same_window = widgets.clip_rects[a] == widgets.clip_rects[b]
        assert is_same or not is_same_window or not overlap(rect_a, rect_b), f"{a} overlaps {b}"
    toolbar = [name for name in runner.rects if name.startswith("toolbar ")]
    bottom = runner.rects["clear search"][3]
    assert bottom < (0.5 if height > 200 else 0.75) * height
    assert all(runner.rects[name][3] <= bottom for name in toolbar)


@pytest.mark.parametrize(("size", "scale"), [((640, 360), 2.0), ((250, 130), 1.0)])
def test_all_buttons_of_the_toolbar_are_in_reach(runner: PanelRunner, size: tuple[int, int], scale: float) -> None:
    """In a small window most are in a list."""
    runner.draw_at(size, scale)
    direct = {button.label for button in BUTTONS["toolbar"] if f"toolbar {button.label}" in runner.rects}
    runner.click("toolbar More")
    listed = {button.label for button in BUTTONS["toolbar"] if f"more {button.label}" in runner.rects}
    assert listed and direct | listed == {button.label for button in BUTTONS["toolbar"]} and not direct & listed
    runner.click("more Preset")
    runner.draw()
    assert "preset ultra" in runner.rects
    runner.click("preset ultra")
    assert runner.panel.context.file_to_load.endswith("ultra.toml")


def test_the_toolbar_stays_while_sections_scroll(runner: PanelRunner) -> None:
    old = dict(runner.rects)
    left, top = runner.rects["view A"][:2]
    runner.scroll(left, top + 200, -3)
    assert runner.rects["view A"][1] < old["view A"][1] - 50
    names = [name for name in old if name.startswith("toolbar ")]
    assert len(names) == len(BUTTONS["toolbar"])
    assert {name: runner.rects[name] for name in (*names, "search")} == {name: old[name] for name in (*names, "search")}


def test_opening_sections_and_lists_moves_nothing_sideways(runner: PanelRunner) -> None:
    """The scroll bar is always there. (A list of passes outside of the window has no rows.)"""

    def list_sides() -> dict[str, tuple[float, float]]:
        return {name: (rect[0], rect[2]) for name, rect in runner.rects.items() if not name.startswith("pass ")}

    runner.size = TALL
    runner.draw()
    wide = list_sides()
    runner.size = (1280, 400)
    runner.draw()
    assert list_sides() == wide


# ---- search ----


def search(runner: PanelRunner, text: str) -> set[str]:
    """Names of the results."""
    runner.panel.context.search_text = text
    runner.draw()
    return {name for name in runner.rects if name.startswith(("row ", "found ", "no match"))}


def test_search_finds_what_has_all_words(runner: PanelRunner) -> None:
    assert "row display.exposure" in search(runner, "EXPOSURE")
    assert search(runner, "falloff range") == {"found GTAO > falloff range"}
    assert "found parlour" in search(runner, "parlour") and "found ultra" in search(runner, "ultra")
    assert "found depth" in search(runner, "depth") and "found Denoise" in search(runner, "denoise")
    assert "found Turntable > start" in search(runner, "video circles")
    assert search(runner, "no such words") == {"no match"}
    assert search(runner, "  ") >= {"row ssdo.samples"}, "the sections"
    assert matches("Bent_normal of GTAO", "gtao bent normal") and not matches("radius", "radius x")


@pytest.mark.slow
def test_search_finds_every_parameter_of_every_technique(runner: PanelRunner) -> None:
    for group, kind in Technique.known.items():
        visible = group in {technique.group for technique in runner.session.slots.techniques.values()}
        for name, *_ in kind().walk():
            words = f"{kind.label} {name}"
            expected = f"row {group}.{name}" if visible else f"found {kind.label} > {name.replace('_', ' ')}"
            assert expected in search(runner, words), words


def test_results_lead_to_what_they_name(runner: PanelRunner) -> None:
    session, context = runner.session, runner.panel.context
    search(runner, "falloff range")
    runner.click("found GTAO > falloff range")
    assert session.slots.techniques["B"].group == "gtao"
    runner.draw()
    assert "row gtao.falloff_range" in runner.rects, "which can be changed at once"
    search(runner, "normals")
    runner.click("found normals")
    assert session.display.buffer == "normals"
    search(runner, "parlour")
    runner.click("found parlour")
    assert context.file_to_load == "parlour"
    search(runner, "view > side")
    runner.click("found View > side")
    assert session.display.view == "side by side"
    search(runner, "denoise")
    runner.click("found Denoise")
    runner.draw()
    assert not context.search_text and "row denoise.radius" in runner.rects
    assert runner.rects["section Denoise"][1] < runner.size[1]


def test_the_search_is_focused_and_cleared(runner: PanelRunner) -> None:
    """By Ctrl+F, and by Escape or x. Escape closes the help first, and cancels only if nothing is searched."""
    context, panel = runner.panel.context, runner.panel
    panel.is_visible = False
    key = keys.find_key("F", ctrl=True)
    assert key and key.while_typing
    runner.run(key.action)
    runner.draw()
    assert runner.io.want_text_input and panel.is_visible
    runner.type_text("radius")
    assert context.search_text == "radius" and "row ssdo.radius" in runner.rects
    panel.is_help_open = True
    runner.run("close")
    assert context.search_text == "radius" and not panel.is_help_open
    runner.run("close")
    runner.io.add_key_event(imgui.Key.escape, True)
    runner.draw(1)
    runner.io.add_key_event(imgui.Key.escape, False)
    runner.draw()
    assert context.search_text == "" and "section Denoise" in runner.rects
    runner.click("tab B")
    search(runner, "radius")
    assert not runner.io.want_text_input
    runner.run("close")
    assert context.search_text == "", "also while the field has no focus"
    search(runner, "radius")
    runner.click("clear search")
    assert context.search_text == ""


# ---- file dialog ----


class FakeDialog:
    """A dialog that is answered by setting `paths`."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        self.is_killed = False

    def ready(self, timeout_ms: int) -> bool:
        assert timeout_ms == 0, "the viewer does not wait"
        return self.paths is not None

    def result(self) -> list[str]:
        return self.paths or []

    def kill(self) -> bool:
        self.is_killed = True
        return True


def test_open_loads_the_file_that_is_chosen(runner: PanelRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    dialogs: list[FakeDialog] = []

    def create() -> FakeDialog:
        dialogs.append(FakeDialog())
        return dialogs[-1]

    monkeypatch.setattr(actions_module, "has_file_dialog", lambda: True)
    runner.actions.file_dialog = FileDialog(create)
    for answer, expected in (([], ""), (["a.glb"], "a.glb")):
        runner.click("toolbar Open")
        runner.click("toolbar Open")
        runner.actions.poll_file_dialog()
        assert runner.panel.context.file_to_load == ""
        dialogs[-1].paths = answer
        runner.actions.poll_file_dialog()
        assert runner.panel.context.file_to_load == expected
    assert len(dialogs) == 2, "one at a time"
    runner.click("toolbar Open")
    runner.actions.file_dialog.close()
    assert dialogs[-1].is_killed
    runner.actions.poll_file_dialog()


def test_open_focuses_the_path_without_a_dialog(runner: PanelRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions_module, "has_file_dialog", lambda: False)
    search(runner, "radius")
    runner.click("toolbar Open")
    runner.draw()
    assert "no file dialog" in runner.session.message and "type a path" in runner.session.message
    _, top, _, bottom = runner.rects["path"]
    clip = runner.panel.widgets.clip_rects["path"]
    assert clip[1] <= top and bottom <= clip[3], "scrolled into view"
    assert runner.io.want_text_input
    runner.type_text("ball")
    runner.io.add_key_event(imgui.Key.enter, True)
    runner.draw(2)
    assert runner.panel.context.file_to_load == "ball"


# ---- help ----


@pytest.mark.parametrize(("width", "height", "scale"), SIZES)
def test_help_fits_into_the_window(runner: PanelRunner, width: int, height: int, scale: float) -> None:
    """In one column if two are too wide. What is too high scrolls."""
    runner.panel.is_help_open = True
    runner.draw_at((width, height), scale)
    rect = runner.panel._help_rect
    assert rect and rect[0] >= 0 and rect[1] >= 0 and rect[2] <= width and rect[3] <= height
    labels = {name: r for name, r in runner.rects.items() if name.startswith("key ")}
    texts = {name: r for name, r in runner.rects.items() if name.startswith("description ")}
    assert len(labels) == len(texts) == len([key for key in keys.all_keys() if key.label])
    assert all(rect[0] <= r[0] and r[2] <= rect[2] for r in (*labels.values(), *texts.values()))
    columns = {r[0] for r in labels.values()}
    assert len(columns) == (2 if width / scale > 1200 else 1)
    assert not [names for names in combinations(texts, 2) if overlap(*(texts[name] for name in names))]
    lowest = max(r[3] for r in texts.values())
    if lowest > height:
        runner.scroll((rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2, -1000)
        assert max(r[3] for name, r in runner.rects.items() if name.startswith("description ")) <= height


def test_a_click_outside_the_help_is_known(runner: PanelRunner) -> None:
    assert not runner.panel.is_outside_help(1, 1)
    runner.run("help")
    runner.draw()
    rect = runner.panel._help_rect
    assert rect and runner.panel.is_outside_help(rect[0] - 1, rect[1] + 5)
    assert not runner.panel.is_outside_help(rect[0] + 1, rect[1] + 5)
    runner.click("help close")
    assert not runner.panel.is_help_open and not runner.panel.is_outside_help(1, 1)


# ---- size and scale ----


def read_sizes() -> dict[str, Any]:
    style = imgui.get_style()
    names = (*SCALED_SIZES, "window_padding", "frame_padding", "item_spacing", "scrollbar_size", "grab_min_size")
    values = {name: getattr(style, name) for name in names}
    return {name: (v.x, v.y) if isinstance(v, imgui.ImVec2) else v for name, v in values.items()}


def test_scales_do_not_compound(runner: PanelRunner) -> None:
    """A scale gives the same sizes whatever was chosen before."""
    start = read_sizes()
    set_scale(2.0)
    double = read_sizes()
    for name, size in start.items():
        pairs = zip(*(v if isinstance(v, tuple) else (v,) for v in (size, double[name])), strict=True)
        assert all(b == 2 * a for a, b in pairs), name
    for scale in (0.8, 1.1, 3.0, 2.0):
        set_scale(scale)
    assert read_sizes() == double
    set_scale(1.0)
    assert read_sizes() == start


def test_everything_follows_the_scale(runner: PanelRunner) -> None:
    panel, size = runner.panel, (2560, 1440)
    runner.draw_at(size, 1.0)
    width, height = panel._width(size[0]), runner.rects["toolbar Open"][3] - runner.rects["toolbar Open"][1]
    runner.draw_at(size, 2.0)
    assert THEME.scale == panel.context.scale == panel.widgets.scale == panel.overlay.scale == 2.0
    assert panel._width(size[0]) == 2 * width
    _, top, _, bottom = runner.rects["toolbar Open"]
    assert bottom - top == pytest.approx(2 * height, abs=ROUNDING), "font and padding"


def test_keys_step_through_the_scales(runner: PanelRunner, tmp_path: Path) -> None:
    def press(name: str) -> float:
        key = keys.find_key(name, ctrl=True)
        assert key and key.while_typing
        runner.run(key.action)
        assert Preferences(tmp_path).ui_scale == THEME.scale, "remembered"
        return THEME.scale

    assert press("EQUAL") > 1.0 and press("MINUS") == 1.0 and press("MINUS") < 1.0 and press("NUMBER_0") == 1.0
    for _ in range(20):
        press("EQUAL")
    assert THEME.scale == MAX_UI_SCALE and "largest" in runner.session.message
    for _ in range(20):
        press("MINUS")
    assert THEME.scale == MIN_UI_SCALE and "smallest" in runner.session.message


def test_the_edge_is_dragged_within_limits(runner: PanelRunner) -> None:
    panel, (width, _) = runner.panel, runner.size
    edge = width - DEFAULT_PANEL_WIDTH
    assert panel.is_at_edge(edge) and not panel.is_at_edge(edge - 20) and not panel.is_at_edge(edge + 20)
    for x, expected in ((width - 400, 400), (width - 10, MIN_PANEL_WIDTH), (0, MAX_WIDTH_FRACTION * width)):
        panel.move_edge(x)
        runner.draw()
        assert panel._width(width) == pytest.approx(expected) == panel.width, "the edge follows the mouse back at once"
        assert runner.rects["toolbar Open"][0] == pytest.approx(width - expected + 14, abs=ROUNDING)
    runner.draw_at((400, 300), 2.0)
    old_width = panel.width
    panel.move_edge(300)
    assert panel.width == old_width, "there is no room for any choice"
    panel.is_visible = False
    assert not panel.is_at_edge(runner.size[0])


def test_only_the_user_changes_the_width(runner: PanelRunner) -> None:
    panel = runner.panel
    panel.move_edge(runner.size[0] - 400)
    for view_name in ("A", "split", "difference"):
        runner.run(f"view {view_name}")
        runner.panel.widgets.open_section("Camera")
        runner.draw()
        search(runner, "radius")
        panel.context.search_text = ""
        assert panel._width(runner.size[0]) == 400


def test_preferences_keep_size_and_scale(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path)
    assert (preferences.ui_scale, preferences.panel_width) == (1.0, DEFAULT_PANEL_WIDTH)
    preferences.save_ui_scale(1.25)
    preferences.save_panel_width(410.5)
    preferences.add_recent_scene("a.glb")
    other = Preferences(tmp_path)
    assert (other.ui_scale, other.panel_width, other.recent_scenes) == (1.25, 410.5, ["a.glb"])


@pytest.mark.parametrize(
    ("text", "scale", "width"),
    [
        ("ui_scale = 99.0\npanel_width = 1\n", MAX_UI_SCALE, MIN_PANEL_WIDTH),
        ("ui_scale = 'big'\npanel_width = nan\n", 1.0, DEFAULT_PANEL_WIDTH),
        ("ui_scale = 2\n", 2.0, DEFAULT_PANEL_WIDTH),
    ],
)
def test_invalid_sizes_are_ignored(tmp_path: Path, text: str, scale: float, width: float) -> None:
    (tmp_path / "viewer.toml").write_text(text)
    preferences = Preferences(tmp_path)
    assert (preferences.ui_scale, preferences.panel_width) == (scale, width)


def test_the_flag_overrides_the_remembered_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    scales: list[float | None] = []
    monkeypatch.setattr(viewer, "open_viewer", lambda *_, ui_scale, **__: scales.append(ui_scale))
    view.main([])
    view.main(["--ui-scale", "2"])
    assert scales == [None, 2.0]
    with pytest.raises(UserError, match=r"must be 0\.5 to 4"):
        view.main(["--ui-scale", "9"])


def test_the_panel_can_be_shown_again(runner: PanelRunner) -> None:
    runner.size = TALL
    runner.draw()
    runner.click("window hide panel")
    assert not runner.panel.is_visible
    runner.draw()
    x, y = runner.size[0] - 12, runner.size[1] - 12
    assert runner.panel.covers(x, y) and not runner.panel.covers(x, y - 30) and not runner.panel.covers(x - 100, y)
    runner.click("show panel")
    assert runner.panel.is_visible


def test_the_theme_changes(runner: PanelRunner) -> None:
    runner.size = TALL
    runner.draw()
    was_dark = THEME.is_dark
    runner.click("window theme")
    assert THEME.is_dark != was_dark
    theme.apply_theme(was_dark)
    assert runner.session.size == IMAGE_SIZE


# ---- turntable ----


def test_the_turntable_takes_typed_numbers_within_their_ranges(runner: PanelRunner) -> None:
    runner.size = TALL
    runner.open_sections()
    settings = runner.panel.turntable.settings
    for name, text, value in (("frames", "24", 24), ("seconds", "900", 120.0), ("size", "1", 10)):
        runner.click(f"number turntable {name}")
        runner.type_text(text)
        for is_down in (True, False):
            runner.io.add_key_event(imgui.Key.enter, is_down)
            runner.draw(1)
        assert getattr(settings, {"frames": "frame_count", "size": "percent"}.get(name, name)) == value
