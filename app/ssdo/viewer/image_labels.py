"""What the window shows, in words: a label for each image, as over it and in captions, and why an image is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ssdo.viewer.buffers import FINAL_IMAGE, TARGET_SUFFIX
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session
from ssdo.viewer.status import describe_slot

ELLIPSIS = "..."


class ImageLabel(NamedTuple):
    """The label of an image, for different widths."""

    slots: tuple[Slot, ...]  # one; both of a difference
    texts: tuple[str, ...]  # from the longest to the shortest, which has two lines


def list_labels(session: Session) -> list[ImageLabel]:
    """The labels of the shown images, from the left to the right: one, or two."""
    display = session.display
    return [make_label(session, slot) for slot in dict.fromkeys(display.shown_slots)]


def describe_shown(session: Session, slot: Slot) -> str:
    """What is shown of a slot, such as `A: SSAO, 16 directions, direct light`."""
    return make_label(session, slot).texts[0]


def make_label(session: Session, slot: Slot) -> ImageLabel:
    """The label of a slot's image. First the technique, then its samples if there is room, then what is shown of it."""
    if session.display.view == "difference" and _has_results(session):
        return _label_difference(session)
    technique = describe_slot(session, slot)
    name = _without_samples(technique)
    contents = _describe_content(session, slot)
    if not contents:
        return ImageLabel((slot,), (f"{slot}: {technique}", f"{slot}: {name}"))
    texts = [f"{slot}: {technique}, {contents[0]}"]
    texts += [f"{slot}: {name}, {content}" for content in contents]
    texts += [f"{slot}: {name}\n{content}" for content in contents]
    return ImageLabel((slot,), tuple(texts))


def _label_difference(session: Session) -> ImageLabel:
    display = session.display
    operation = f"{'A - B' if display.is_signed else '|A - B|'} x{display.gain:.3g}"
    a, b = (describe_slot(session, slot) for slot in PAIR)
    short_a, short_b = _without_samples(a), _without_samples(b)
    lines = f"{operation}\n{short_a}, {short_b}"
    return ImageLabel(PAIR, (f"{operation}, A: {a}, B: {b}", f"{operation}, A: {short_a}, B: {short_b}", lines))


def _without_samples(technique: str) -> str:
    return technique.partition(",")[0]


def _describe_content(session: Session, slot: Slot) -> list[str]:
    """The buffer of a slot, or its error, from the longest to the shortest text; empty for the final image."""
    display, renderer = session.display, session.view_renderer
    if session.renders[slot].result is None:
        return ["not rendered yet"]
    if display.view == "error":
        if not _has_results(session):
            return [FINAL_IMAGE]
        text = session.metrics.estimate_error(slot).text
        return list(dict.fromkeys([f"error: {text}", text, text.partition(",")[0].removeprefix("RMSE ")]))
    if display.buffer == FINAL_IMAGE:
        return []
    name = display.buffer.removesuffix(TARGET_SUFFIX)
    if display.buffer not in renderer.buffers(slot):
        return [f"{FINAL_IMAGE} (no {name})", FINAL_IMAGE]
    buffer = renderer.buffer(slot, display)
    is_alpha = display.show_alpha and buffer is not None and buffer.texture.components == 4
    return [f"{name}, alpha" if is_alpha else name]


def _has_results(session: Session) -> bool:
    """Whether a difference or an error can be shown."""
    has_pair = all(session.renders[slot].result for slot in PAIR)
    return has_pair and (session.display.view != "error" or session.has_reference)


def describe_missing(session: Session) -> tuple[str, ...]:
    """Why final images are shown instead of errors, from the longest to the shortest text; empty if they are not."""
    if session.display.view != "error" or _has_results(session):
        return ()
    if not session.reference_enabled:
        return "No reference of this view: final images are shown. T renders one.", "No reference: final images"
    if session.renders["reference"].failed_shot == session.shot("reference"):
        return "The reference cannot be rendered: final images are shown.", "No reference: final images"
    text = "No reference of this view yet: final images are shown until its first frame is rendered."
    return text, "No reference yet: final images"


def shorten_label(texts: tuple[str, ...], fits: Callable[[str], bool]) -> str:
    """The longest text that fits, else the shortest with the ends of its lines cut off; empty if nothing fits."""
    for text in texts:
        if fits(text):
            return text
    return "\n".join(filter(None, (_shorten_line(line, fits) for line in texts[-1].split("\n"))))


def _shorten_line(line: str, fits: Callable[[str], bool]) -> str:
    candidates = [line[:length].rstrip(" ,:") + ELLIPSIS for length in range(len(line) - 1, 1, -1)]
    return next((text for text in (line, *candidates, line[0]) if fits(text)), "")
