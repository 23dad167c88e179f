"""The blind test in the panel: its start, the question of each trial, and the score with the list of trials."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from ssdo.settings import UserError
from ssdo.viewer.blind_test import SIDES, BlindTest, Side
from ssdo.viewer.blind_test_run import BlindTestRun
from ssdo.viewer.csv_files import list_trial_rows, save_csv
from ssdo.viewer.overlay import BACKGROUND_COLOR, TEXT_COLOR
from ssdo.viewer.panel.action_row import draw_action_row
from ssdo.viewer.panel.context import PanelContext
from ssdo.viewer.screenshots import scene_stem
from ssdo.viewer.theme import THEME
from ssdo.viewer.widgets import to_u32, with_alpha

BUTTON = "blind test"
START_TOOLTIP = "ten trials: which of two hidden techniques is nearer to the reference?"
QUESTION = "Which image is nearer to the reference?"
KEYS_TEXT = "Left, Right: choose. R: show the reference. Escape: end the test."
ALLOWED_ACTIONS = (
    "choose",
    "show-reference",
    "end-blind-test",
    "close",
    "help",
    "panel",
    "quit",
)  # others reveal techniques


class BlindTestSection:
    def __init__(self, context: PanelContext) -> None:
        self.context = context
        self.run: BlindTestRun | None = None  # runs or is done
        self._scrolls_to_score = False

    @property
    def is_running(self) -> bool:
        return self.run is not None and not self.run.is_done

    def step(self) -> None:
        """Continue the running test. Call each frame."""
        if self.run:
            self.run.step(self.context.session)

    def start(self, seed: int | None = None) -> None:
        """Start a test. `seed`: of its trials; None: a random one."""
        try:
            self.run = BlindTestRun(self.context.session, seed)
        except UserError as error:
            self.context.session.error = str(error)

    def cancel(self) -> None:
        if self.run:
            self.run.end(self.context.session)

    def choose(self, side: Side) -> None:
        """Answer the current trial, if one waits for an answer."""
        if self.run:
            self.run.choose(side, self.context.session)

    def toggle_reference(self) -> None:
        if self.run and self.is_running:
            self.run.toggle_reference()

    def may_run(self, action: str) -> bool:
        """Whether a key may run an action. During a test it must not reveal which technique is where."""
        if not self.is_running or action.partition(" ")[0] in ALLOWED_ACTIONS:
            return True
        self.context.session.message = f"blind test: {KEYS_TEXT}"
        return False

    # ---- panel ----

    def draw_start(self) -> None:
        """The button that starts a test, and the result of the last one."""
        widgets = self.context.widgets
        if widgets.button_row([BUTTON], None, [START_TOOLTIP], "experiments"):
            self.start()
        elif self.run and self.run.test.answers:
            self._draw_result(self.run.test)

    def _draw_result(self, test: BlindTest) -> None:
        widgets = self.context.widgets
        imgui.text_wrapped(test.score_text)
        widgets.store_rect("blind test score")
        if self._scrolls_to_score:
            self._scrolls_to_score = False
            imgui.set_scroll_here_y(0.1)
        for number, answer in enumerate(test.answers, 1):
            widgets.muted_text(f"{number}. {answer.text}")
        if widgets.button_row(["save CSV"], None, (), "blind test"):
            self._save(test)

    def _save(self, test: BlindTest) -> None:
        session = self.context.session
        try:
            path = save_csv(f"{scene_stem(session)}-blind-test", list_trial_rows(test))
        except UserError as error:
            session.error = str(error)
            return
        session.message = f"saved {path.absolute()}"

    def draw_trial(self) -> None:
        """The question of the current trial. Nothing else is in the panel during a test."""
        assert self.run
        self._scrolls_to_score = True
        widgets, test, scale = self.context.widgets, self.run.test, self.context.scale
        widgets.heading("Blind test")
        widgets.muted_text(f"trial {len(test.answers) + 1} of {len(test.trials)}")
        imgui.progress_bar(len(test.answers) / len(test.trials), ImVec2(-1, 6 * scale), "")
        imgui.text_wrapped(QUESTION if self.run.is_ready else self._preparing_text)
        imgui.begin_disabled(not self.run.is_ready)
        draw_action_row(self.context, "choose")
        draw_action_row(self.context, "show", "reference" if self.run.shows_reference else None)
        imgui.end_disabled()
        widgets.muted_text(KEYS_TEXT)
        draw_action_row(self.context, "blind test")

    @property
    def _preparing_text(self) -> str:
        frames = self.context.session.renders["reference"].convergence.frame_count
        return f"preparing ... (reference: {frames} frames)"

    # ---- over the image ----

    def draw_overlay(self, viewport_width: float, height: float) -> None:
        """What each half shows; a cover while a trial is prepared, since how fast each half appears tells its cost."""
        assert self.run
        if not self.run.is_ready:
            low, high = ImVec2(0, 0), ImVec2(viewport_width, height)
            imgui.get_background_draw_list().add_rect_filled(low, high, to_u32(with_alpha(BACKGROUND_COLOR, 1.0)))
            self._draw_tag("preparing ...", 0, viewport_width, height / 2)
            return
        names = ("reference", "reference") if self.run.shows_reference else SIDES
        for number, name in enumerate(names):
            self._draw_tag(
                name, number * viewport_width / 2, (number + 1) * viewport_width / 2, 12 * self.context.scale
            )

    def _draw_tag(self, text: str, left: float, right: float, top: float) -> None:
        """Text on a dark background, in the middle between left and right."""
        scale, draw_list = self.context.scale, imgui.get_background_draw_list()
        size = imgui.calc_text_size(text)
        x = (left + right - size.x) / 2
        low, high = ImVec2(x - 9 * scale, top), ImVec2(x + size.x + 9 * scale, top + size.y + 10 * scale)
        draw_list.add_rect_filled(low, high, to_u32(BACKGROUND_COLOR), 5 * scale)
        color = THEME.accent if text == "reference" else TEXT_COLOR
        draw_list.add_text(ImVec2(x, top + 5 * scale), to_u32(color), text)
