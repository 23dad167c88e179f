"""Runs a blind test in a session: sets up each trial, waits until it is rendered, measures, and restores everything."""

from __future__ import annotations

import math
from typing import NamedTuple

from ssdo.measure.references import MIN_REFERENCE_FRAMES
from ssdo.render.technique import Technique
from ssdo.scene.built_in.cameras import get_cameras
from ssdo.viewer import controls
from ssdo.viewer.blind_test import TRIAL_COUNT, BlindTest, Side, View, plan_trials
from ssdo.viewer.display_state import DisplayState
from ssdo.viewer.render_scheduler import PAIR, SLOTS
from ssdo.viewer.session import Session
from ssdo.viewer.settings_snapshot import SettingsSnapshot

ORBIT_DEGREES = (0, 120, 240)  # of the views of a scene that has one camera only
PROBES = "probes.enabled"


class Method(NamedTuple):
    """What a trial may show."""

    mode: str  # its label
    has_probes: bool


def list_methods() -> dict[str, Method]:
    """Every mode but the reference, by label; those that can use probes also with them."""
    methods = {}
    for kind, mode in Technique.all_modes():
        if not kind.progressive:
            methods[mode.label] = Method(mode.label, False)
            if kind.uses_probes:
                methods[f"{mode.label} + probes"] = Method(mode.label, True)
    return methods


class BlindTestRun:
    """A blind test that runs or is done. Slot A is the left image, B the right one."""

    def __init__(self, session: Session, seed: int | None, trial_count: int = TRIAL_COUNT) -> None:
        """Start. `seed`: of the trials; None: a random one."""
        self._methods = list_methods()
        self.test = BlindTest(plan_trials(list_views(session), list(self._methods), trial_count, seed))
        self.is_done = False
        self.is_ready = False  # both images and the reference can be seen
        self._snapshot = SettingsSnapshot(session)
        self._user_display, self._display = session.display, DisplayState(view="side by side")
        session.display, session.reference_enabled = self._display, True
        session.error = session.message = ""
        # both images and the reference have the same settings, but for the technique and its probes
        self._overrides = dict(session.slots.overrides["B"])
        self._show_trial(session)

    @property
    def shows_reference(self) -> bool:
        return self._display.shows_reference

    def toggle_reference(self) -> None:
        """Show the reference in place of both images, or the images again."""
        self._display.shows_reference = not self._display.shows_reference and self.is_ready

    def _show_trial(self, session: Session) -> None:
        trial = self.test.current
        assert trial
        self.is_ready = self._display.shows_reference = False
        for slot, label in zip(PAIR, trial.labels, strict=True):
            method = self._methods[label]
            session.slots.choose_mode(slot, method.mode)
            session.slots.overrides[slot] = self._overrides | {PROBES: method.has_probes}
        session.set_pose(trial.view.pose)
        self._snapshot.accept(session)

    def step(self, session: Session) -> None:
        """Call after each frame."""
        if self.is_done:
            return
        if reason := self._find_interruption(session):
            self.end(session, f"blind test: ended, {reason}")
            return
        reference = session.renders["reference"].convergence
        has_reference = session.is_idle("reference") and reference.frame_count >= MIN_REFERENCE_FRAMES
        self.is_ready = has_reference and all(session.is_idle(slot) for slot in PAIR)

    def _find_interruption(self, session: Session) -> str:
        """Why the test cannot go on; empty: it can."""
        if change := self._snapshot.find_change(session):
            return change
        if session.display is not self._display:
            return "a viewer state was loaded"
        failed = any(session.renders[slot].failed_shot == session.shot(slot) for slot in SLOTS)
        return "an image cannot be rendered" if failed else ""

    def choose(self, side: Side, session: Session) -> None:
        """Answer the current trial, and show the next one. Ignored while a trial is prepared."""
        if self.is_done or not self.is_ready:
            return
        left, right = (session.metrics.rmse(slot) for slot in PAIR)
        self.test.answer(side, (math.nan if left is None else left, math.nan if right is None else right))
        if self.test.is_complete:
            self.end(session, "blind test: done")
        else:
            self._show_trial(session)

    def end(self, session: Session, message: str = "blind test: cancelled") -> None:
        """Restore the settings and the view from before; at the end, or to cancel."""
        if self.is_done:
            return
        self.is_done = True
        if session.display is self._display:
            session.display = self._user_display
        self._snapshot.restore(session)
        session.message = message


def list_views(session: Session) -> list[View]:
    """The cameras of a built-in scene that measurements use; else the current one, and others around its target."""
    scene, pose = session.slots.shared.scene, session.file_pose
    cameras = [(eye, target) for eye, target in get_cameras(scene) if eye and target]
    if len(cameras) > 1:
        return [
            View(f"{scene} {number}", pose._replace(eye=eye, target=target))
            for number, (eye, target) in enumerate(cameras, 1)
        ]
    return _orbit_views(session)


def _orbit_views(session: Session) -> list[View]:
    """Views around the target. One that lies behind a wall is left out."""
    start, coordinates = session.pose, session.scene.coordinates
    views = []
    for degrees in ORBIT_DEGREES:
        pose = controls.orbit(start, degrees, 0.0) if degrees else start
        if not degrees or not session.collision.is_blocked(session.scene, start, pose):
            views.append(View(f"orbit {degrees} degrees", pose.to_file(coordinates)))
    return views
