"""Screenshots: PNG files that store the shot they were rendered from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ssdo.arrays import Bytes
from ssdo.gpu.target import Size
from ssdo.measure import images
from ssdo.measure.output_files import CAPTURES, NumberedFiles
from ssdo.settings import UserError, shorten
from ssdo.viewer.buffers import FINAL_IMAGE
from ssdo.viewer.captions import draw_captions
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session

SIDES = ("-left.png", "-right.png")  # endings of the names of A's and B's images
WINDOW_SIZE = "window"
SIZES = (WINDOW_SIZE, "1280x720", "1920x1080", "3840x2160")
SIZE_PATTERN = re.compile(r"(\d{1,6}) *[x\u00d7*] *(\d{1,6})", re.IGNORECASE)


def scene_stem(session: Session) -> str:
    """The scene's name as the first part of a file name."""
    return Path(session.slots.shared.scene.partition(":")[0]).stem


@dataclass
class ScreenshotSettings:
    """What the panel offers."""

    size: str = WINDOW_SIZE  # or such as 1920x1080
    has_captions: bool = False  # labels and legends


def parse_size(text: str, limit: int) -> Size | None:
    """The pixels of a size such as `1920x1080`; None for the window's. `limit`: of width and height.

    Raises UserError.
    """
    if text.strip().lower() in ("", WINDOW_SIZE):
        return None
    match = SIZE_PATTERN.fullmatch(text.strip())
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (1 <= width <= limit and 1 <= height <= limit):
        raise UserError(f"size {shorten(text)}: must be {WINDOW_SIZE}, or width x height up to {limit}: 1920x1080")
    return width, height


def save_screenshot(session: Session, folder: Path = CAPTURES, has_captions: bool = False) -> list[Path]:
    """Save the window's image at its idle resolution, and return the absolute paths.

    A file stores one shot, so that views of A and B also save each slot, without captions. Raises UserError.
    """
    display, slots = session.display, session.visible_slots
    for slot in slots:
        session.scheduler.render_idle(slot, session.shot(slot))
    is_single = len(slots) == 1
    suffix = _view_suffix(session)
    # An image that is smaller than the window is saved as it is, so that its shot reproduces it.
    slot = display.single_slot
    is_reduced = is_single and not suffix and session.scheduler.idle_scale(slot, session.shot(slot)) < 1
    name = "-".join([scene_stem(session), *(_file_label(session, slot) for slot in slots)]) + suffix
    files = NumberedFiles(folder, name, [".png"] if is_single else [".png", *SIDES])
    _save(session, files, ".png", slot, not is_reduced, has_captions)
    if not is_single:
        _save_slots(session, files)
    paths = [path.absolute() for path in files.paths]
    session.message = f"saved {paths[0]}" + ("" if is_single else " and each side")
    return paths


def save_slot_screenshots(session: Session, folder: Path) -> list[Path]:
    """Save the images of A and B, each with its shot; returns their paths. Raises UserError."""
    files = NumberedFiles(folder, scene_stem(session), SIDES)
    _save_slots(session, files)
    return files.paths


def _save_slots(session: Session, files: NumberedFiles) -> None:
    for slot, side in zip(PAIR, SIDES, strict=True):
        session.scheduler.render_idle(slot, session.shot(slot))
        _save(session, files, side, slot, window_pixels=False)


def read_window_pixels(session: Session) -> Bytes:
    """The window's image without the panel: (h, w, 3), row 0 on top."""
    gpu = session.gpu
    with gpu.scope("window"):
        target = gpu.target("screenshot", session.size, "rgba8")
        session.draw_view(target.framebuffer)
        pixels = images.read_rgb8(target.textures[0])
    gpu.free_scope("window")
    return pixels


def _file_label(session: Session, slot: Slot) -> str:
    mode = session.slots.mode(slot)
    return _as_file_name(mode.label.lower() if mode else session.slots.techniques[slot].group)


def _as_file_name(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text).strip("-")


def _view_suffix(session: Session) -> str:
    """End of the file name: the buffer and the view, unless they are the final image of one or both slots."""
    display = session.display
    suffix = ""
    if display.buffer != FINAL_IMAGE:
        suffix = f"-{_as_file_name(display.buffer)}"
    if display.view in ("difference", "error", "side by side"):
        suffix += f"-{_as_file_name(display.view)}"
    return suffix


def _save(
    session: Session, files: NumberedFiles, ending: str, slot: Slot, window_pixels: bool, has_captions: bool = False
) -> None:
    # Buffers, differences and errors are those of the pixels' centres.
    is_final_image = session.display.shows_final_images or not window_pixels
    result = session.renders[slot].image if is_final_image else session.renders[slot].result
    if result is None:
        raise UserError("nothing is rendered yet; try again")
    pixels = read_window_pixels(session) if window_pixels else images.read_display(result)
    if has_captions:
        pixels = draw_captions(session, pixels)
    values = result.shot.values()
    files.save(ending, lambda path, overwrite: images.save_png(path, pixels, values, overwrite=overwrite))
