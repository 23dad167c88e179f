"""The status line: what is shown, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from ssdo.render.shot import Shot
from ssdo.viewer.render_scheduler import Slot
from ssdo.viewer.session import Session

SEPARATOR = "   |   "


def format_ms(milliseconds: float) -> str:
    """A time with three digits."""
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"


def describe_times(
    slots: Sequence[Slot], lighting: Sequence[float | None], shared: Sequence[float | None], is_shared: bool
) -> str:
    """Milliseconds of the technique in each slot, and of the passes that are the same for all techniques.

    `is_shared`: both slots have the latter in common.
    """
    if None in (*lighting, *shared):
        return "measuring"
    techniques, others = ([format_ms(ms) for ms in times if ms is not None] for times in (lighting, shared))
    if len(slots) == 1:
        return f"technique {techniques[0]}, shared {others[0]}"
    if is_shared:
        return ", ".join([*(f"{slot} {ms}" for slot, ms in zip(slots, techniques, strict=True)), f"shared {others[0]}"])
    return ", ".join(f"{slot} {a} + {b}" for slot, a, b in zip(slots, techniques, others, strict=True))


def describe_slot(session: Session, slot: Slot) -> str:
    """A slot's technique and its sample count, as over its image."""
    technique = session.shot(slot).technique
    if technique.progressive:
        return f"{technique.describe()}, {session.renders[slot].image_convergence.text}"
    label = session.slots.mode_label(slot)
    return f"{label}, {technique.sample_count_text}" if technique.sample_count_text else label


class StatusLine:
    """Composes the status line. Statistics of the images are read only while they do not change."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._shots: tuple[Shot, ...] = ()
        self._statistics: list[str] = []

    @property
    def text(self) -> str:
        return SEPARATOR.join([*self._technique_parts(), *self._update_statistics(), *self._resolution(), self._time()])

    def _technique_parts(self) -> list[str]:
        """Techniques of the visible slots; methods they have in common are a part of their own."""
        session, slots = self.session, self.session.visible_slots
        labels = [f"{slot}: " * (len(slots) > 1) + describe_slot(session, slot) for slot in slots]
        methods = [self._method(slot) for slot in slots]
        if len(slots) == 2 and methods[0] == methods[1]:
            return [*labels, *filter(None, [", ".join(methods[0])])]
        return [", ".join([label, *method]) for label, method in zip(labels, methods, strict=True)]

    def _method(self, slot: Slot) -> list[str]:
        session = self.session
        technique = session.slots.techniques[slot].resolve_lengths(session.scene.length_scale)
        return [*["half resolution"] * session.shot(slot).lighting.is_half, *technique.method_text]

    def _update_statistics(self) -> list[str]:
        """Difference of A and B and invalid pixels, of the last images that were complete.

        Reading them waits for the GPU. Converging images are read at frames 1, 2, 4, ... only.
        """
        session, slots = self.session, self.session.visible_slots
        shots = tuple(session.shot(slot) for slot in slots)
        if shots != self._shots:
            self._shots, self._statistics = shots, []
        if all(self._is_readable(slot, shot) for slot, shot in zip(slots, shots, strict=True)):
            self._statistics = self._read_statistics()
        return self._statistics

    def _is_readable(self, slot: Slot, shot: Shot) -> bool:
        render = self.session.renders[slot]
        is_complete = render.requested == shot and render.scale >= self.session.scheduler.idle_scale(slot, shot)
        if shot.technique.progressive:
            frame_count = render.image_convergence.frame_count
            return is_complete and not frame_count & (frame_count - 1)
        return is_complete and (render.antialiased is None or render.antialiased.is_complete)

    def _read_statistics(self) -> list[str]:
        metrics, slots = self.session.metrics, self.session.visible_slots
        parts = []
        if len(slots) == 2 and (fraction := metrics.changed_fraction()) is not None:
            parts.append(f"A and B differ in {100 * fraction:.0f} % of pixels" if fraction else "A and B look the same")
        if invalid := sum(metrics.invalid_pixels(slot) for slot in slots):
            parts.append(f"{invalid} NaN or infinite pixels (magenta)")
        return parts

    def _resolution(self) -> list[str]:
        session, slots = self.session, self.session.visible_slots
        if not any(session.renders[slot].result for slot in slots):
            return []
        renders, scheduler = session.renders, session.scheduler
        is_idle = all(renders[slot].scale >= scheduler.idle_scale(slot, session.shot(slot)) for slot in slots)
        percent = f"{100 * min(renders[slot].scale for slot in slots):.3g} %"
        size = "{}x{}".format(*session.image_size)
        return [f"{size} at {percent}" if is_idle else f"{size}, preview at {percent}"]

    def _time(self) -> str:
        scheduler, slots = self.session.scheduler, self.session.visible_slots
        lighting = [scheduler.lighting_ms(slot) for slot in slots]
        shared = [scheduler.shared_ms(slot) for slot in slots]
        return f"{describe_times(slots, lighting, shared, scheduler.shares_passes)}, {scheduler.timer_text}"
