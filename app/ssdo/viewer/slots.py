"""Settings of the slots A and B: shared ones, each slot's technique, and parameters that differ between them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any, NamedTuple

from ssdo.gpu.target import Size
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.shot import Camera, Shot
from ssdo.render.technique import Mode, Technique
from ssdo.render.techniques.off import Off
from ssdo.scene.loader import load_scene
from ssdo.settings import UserError
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.shared_params import sampling_params, shared_params

MAX_SIZE = 8192  # pixels, the largest width and height of a shot
# parameters of a shot that the viewer sets itself: the window's size, and the frame that converges
WINDOW_PARAMS = ("width", "height", "accumulated_frames")
HIDDEN_PARAMS = (*WINDOW_PARAMS, "seed")  # without a row in the panel
# Prefixes of names: a comparison needs the same image content.
ALWAYS_LINKED = ("scene", "up", "time", "camera.", "ground")


class SlotState(NamedTuple):
    """Everything that decides the images of A, B and the reference: what undo restores."""

    shared: Shot
    techniques: Mapping[Slot, Technique]
    last_used: Mapping[str, Technique]
    overrides: Mapping[Slot, Mapping[str, Any]]
    unlinked: frozenset[str]
    budget: str


class SlotSettings:
    """Two slots over one scene and camera.

    A change of a linked parameter applies to both slots, and a shared parameter of techniques to all techniques.
    """

    def __init__(self, shot: Shot, techniques: Mapping[str, Technique]) -> None:
        """Start with a shot in slot B and SSAO in A. `techniques`: their initial settings, by name."""
        # everything but the techniques and the overrides; its own technique is not used
        self.shared = replace(shot, accumulated_frames=1, technique=Off())
        # each technique's settings when it was last used
        self.last_used = {name: techniques.get(name) or kind() for name, kind in Technique.known.items()}
        self.last_used[shot.technique.group] = shot.technique
        self._equalize_fetches(shot.technique)
        self.techniques: dict[Slot, Technique] = {"A": self.last_used["ssao"], "B": shot.technique}
        self.overrides: dict[Slot, dict[str, Any]] = {"A": {}, "B": {}}  # by dotted name
        self.unlinked: set[str] = set()  # dotted names, and plain ones of parameters that techniques share
        self.budget = "samples"  # of budget.KINDS: what is equal in A and B

    def _equalize_fetches(self, source: Technique) -> None:
        """Give techniques with default settings, but another sample parameter, as many fetches as the source."""
        for name, technique in self.last_used.items():
            is_default = technique == type(technique)()
            if is_default and technique.sample_param != source.sample_param and source.fetches:
                self.last_used[name] = technique.with_fetches(source.fetches)

    def shot(self, slot: Slot, window_size: Size) -> Shot:
        """The shot to render for a slot. The reference has the overrides of B."""
        width, height = (max(1, min(MAX_SIZE, n)) for n in window_size)
        technique = self.last_used["reference"] if slot == "reference" else self.techniques[slot]
        shot = replace(self.shared, technique=technique, width=width, height=height)
        if overrides := self.overrides["B" if slot == "reference" else slot]:
            shot = shot.with_values(overrides)
        if technique.progressive:
            return replace(shot, denoise=replace(shot.denoise, radius=0), lighting=LightingResolution())
        return shot

    # ---- undo ----

    def state(self) -> SlotState:
        overrides = {slot: dict(values) for slot, values in self.overrides.items()}
        techniques, last_used = dict(self.techniques), dict(self.last_used)
        return SlotState(self.shared, techniques, last_used, overrides, frozenset(self.unlinked), self.budget)

    def restore(self, state: SlotState) -> None:
        """Raises UserError if the scene or the environment cannot be loaded any more."""
        check_assets(state.shared)
        self.assign(state)

    def assign(self, state: SlotState) -> None:
        """Restore a state whose scene and environment are loaded, or were until their files were changed."""
        self.shared, self.techniques, self.last_used = state.shared, dict(state.techniques), dict(state.last_used)
        self.overrides = {slot: dict(values) for slot, values in state.overrides.items()}
        self.unlinked, self.budget = set(state.unlinked), state.budget

    # ---- parameters ----

    def change(self, values: Mapping[str, Any], slot: Slot) -> None:
        """Set parameters by dotted name.

        Parameters of a technique apply to `slot`; others to both slots, unless unlinked.
        Raises UserError, and changes nothing then.
        """
        technique = self.techniques[slot]
        group = values.get("technique", technique.group)
        of_technique = {k: v for k, v in values.items() if k == "technique" or k.startswith(f"{group}.")}
        of_shot = {k: v for k, v in values.items() if k not in of_technique}
        overrides = {k: v for k, v in of_shot.items() if k in self.unlinked}
        shared_values = {k: v for k, v in of_shot.items() if k not in overrides}

        shot = replace(self.shared, technique=technique).with_values(of_technique)
        shot.with_values(of_shot)  # checks the overrides too
        shared = shot.with_values(shared_values)
        if "scene" in of_shot:
            shared = replace(shared, camera=Camera(fov=None), time=0.0, up=of_shot.get("up"))
        if {"scene", "up", "environment"} & of_shot.keys():
            check_assets(shared.with_values(overrides))

        self.shared = replace(shared, technique=self.shared.technique)
        self.techniques[slot] = self.last_used[shot.technique.group] = shot.technique
        self.overrides[slot] |= overrides
        if technique.group == shot.technique.group:
            self._apply_links(technique, shot.technique)

    def _apply_links(self, old: Technique, new: Technique) -> None:
        """Apply changes of linked parameters to all techniques."""
        old_values, new_values = old.values(), new.values()
        linked = shared_params() - self.unlinked
        changed = {name for name in linked if old_values.get(name) != new_values.get(name)}
        if self.budget != "samples":
            changed.discard(new.sample_param)  # B's sample count follows from time or error
        self._copy_params(new, changed)

    def _copy_params(self, source: Technique, names: Set[str]) -> None:
        """Copy parameters to all techniques that have them.

        Techniques with another sample parameter, slices instead of directions, get as many texture fetches instead.
        """
        self.last_used = {name: self._follow(technique, source, names) for name, technique in self.last_used.items()}
        self.techniques = {slot: self._follow(technique, source, names) for slot, technique in self.techniques.items()}

    def _follow(self, technique: Technique, source: Technique, names: Set[str]) -> Technique:
        """A technique with the source's values of some parameters."""
        has_same_samples = technique.sample_param == source.sample_param
        copied = names if has_same_samples else names - sampling_params()
        for name in copied:
            if hasattr(technique, name):
                with contextlib.suppress(UserError):  # a value outside of this technique's range
                    technique = replace(technique, **{name: getattr(source, name)})
        is_linked = not self.unlinked & {technique.sample_param, source.sample_param}
        if has_same_samples or not is_linked or self.budget != "samples" or not names & sampling_params():
            return technique
        return technique.with_fetches(source.fetches)

    # ---- links ----

    def can_unlink(self, name: str) -> bool:
        """Whether a parameter, by dotted name, may differ in A and B."""
        group, _, field_name = name.rpartition(".")
        return not name.startswith(ALWAYS_LINKED) and (group not in Technique.known or field_name in shared_params())

    def is_linked(self, name: str) -> bool:
        return _link_name(name) not in self.unlinked

    def set_linked(self, name: str, is_linked: bool) -> None:
        """Link a parameter of A and B, which then have B's value, or unlink it."""
        link_name = _link_name(name)
        is_technique_param = link_name != name
        if not is_linked:
            self.unlinked.add(link_name)
            if not is_technique_param:
                value = {dotted: value for dotted, _, _, value in self.shared.walk()}[name]
                self.overrides = {slot: {**values, name: value} for slot, values in self.overrides.items()}
            return
        self.unlinked.discard(link_name)
        if not is_technique_param:
            value = self.overrides["B"].get(name)
            for overrides in self.overrides.values():
                overrides.pop(name, None)
            self.change({name: value}, "B")
        elif hasattr(b := self.techniques["B"], link_name):
            self._copy_params(b, {link_name})

    # ---- techniques ----

    def choose_technique(self, slot: Slot, name: str, **values: Any) -> None:
        """Give a slot a technique with its last used settings, and some values changed."""
        self.techniques[slot] = self.last_used[name] = replace(self.last_used[name], **values)

    def choose_mode(self, slot: Slot, label: str) -> None:
        """Give a slot a technique's mode, by its label."""
        kind, mode = next(entry for entry in Technique.all_modes() if entry[1].label == label)
        self.choose_technique(slot, kind.group, **mode.values)

    def mode(self, slot: Slot) -> Mode | None:
        """The mode that a slot's technique is in; None if its parameters are those of none."""
        technique = self.techniques[slot]
        for kind, mode in Technique.all_modes():
            if technique.group == kind.group and all(getattr(technique, k) == v for k, v in mode.values.items()):
                return mode
        return None

    def mode_label(self, slot: Slot) -> str:
        """Label of a slot's mode; without one the technique's label, and how it differs from its last mode."""
        if mode := self.mode(slot):
            return mode.label
        technique = self.techniques[slot]
        differences = [
            f"no {name}" if getattr(technique, name) is False else f"{name} {getattr(technique, name)}"
            for name, value in technique.modes[-1].values.items()
            if getattr(technique, name) != value
        ]
        return ", ".join([technique.label, *differences])

    def swap(self) -> None:
        """Exchange A and B."""
        self.techniques = {"A": self.techniques["B"], "B": self.techniques["A"]}
        self.overrides = {"A": self.overrides["B"], "B": self.overrides["A"]}

    def copy(self, source: Slot, target: Slot) -> None:
        """Copy a slot's technique and overrides to the other."""
        self.techniques[target], self.overrides[target] = self.techniques[source], dict(self.overrides[source])

    def set_sample_count(self, slot: Slot, count: int) -> None:
        """Set the sample count of one slot, ignoring links."""
        technique = self.techniques[slot].with_samples(count)
        self.techniques[slot] = self.last_used[technique.group] = technique

    def multiply_samples(self, slots: Iterable[Slot], ratio: float) -> None:
        """Multiply sample counts, within their ranges.

        Slots with equal texture fetches keep them equal: nothing changes if one of them is at the end of its range.
        """
        old = {slot: self.techniques[slot] for slot in slots}
        new = {slot: technique.with_samples(technique.sample_count * ratio) for slot, technique in old.items()}
        if len(_distinct_fetches(old.values())) == 1 < len(_distinct_fetches(new.values())):
            return
        for slot, technique in new.items():
            self.techniques[slot] = self.last_used[technique.group] = technique
            if len(new) == 1:
                self._apply_links(old[slot], technique)


def check_assets(shot: Shot) -> None:
    """Load the scene and the environment of a shot. Raises UserError if one cannot be loaded."""
    shot.resolve(load_scene(shot.scene, shot.time, shot.up)).load_environment()


def unlinkable_params() -> frozenset[str]:
    """Names that may be in SlotSettings.unlinked."""
    of_shot = {name for name, owner, *_ in Shot().walk() if not isinstance(owner, Technique)}
    return shared_params() | {name for name in of_shot if not name.startswith(ALWAYS_LINKED)}


def _link_name(name: str) -> str:
    """A technique's parameter is linked by its plain name, others by their dotted name."""
    return name.rpartition(".")[2] if name.partition(".")[0] in Technique.known else name


def _distinct_fetches(techniques: Iterable[Technique]) -> set[int]:
    return {technique.fetches for technique in techniques if technique.sample_param}
