"""Screenshots: PNG files that store the shot they were rendered from."""

from __future__ import annotations

from pathlib import Path

from ssdo.arrays import Bytes
from ssdo.measure import images
from ssdo.settings import UserError
from ssdo.viewer.buffers import FINAL_IMAGE
from ssdo.viewer.render_scheduler import PAIR, Slot
from ssdo.viewer.session import Session

CAPTURES = Path("captures")  # the folder of everything that the viewer saves


def scene_stem(session: Session) -> str:
    """The scene's name as the first part of a file name."""
    return Path(session.slots.shared.scene.partition(":")[0]).stem


def save_screenshot(session: Session, folder: Path = CAPTURES) -> list[Path]:
    """Save the window's image at its idle resolution, and return the absolute paths.

    A file stores one shot, so that views of A and B also save each slot. Raises UserError.
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
    paths = [images.unique_path(folder, name, ".png")]
    _save(session, paths[0], slot, window_pixels=not is_reduced)
    if not is_single:
        paths += save_slot_screenshots(session, folder, paths[0].stem)
    session.message = f"saved {paths[0].absolute()}" + ("" if is_single else " and each side")
    return [path.absolute() for path in paths]


def save_slot_screenshots(session: Session, folder: Path, stem: str = "") -> list[Path]:
    """Save the images of A and B, each with its shot. Raises UserError."""
    stem = stem or scene_stem(session)
    paths = []
    for slot, side in zip(PAIR, ("left", "right"), strict=True):
        session.scheduler.render_idle(slot, session.shot(slot))
        paths.append(images.unique_path(folder, f"{stem}-{side}", ".png"))
        _save(session, paths[-1], slot, window_pixels=False)
    return paths


def read_window_pixels(session: Session) -> Bytes:
    """The window's image without the panel: (h, w, 3), row 0 on top."""
    gpu = session.gpu
    with gpu.scope("window"):
        target = gpu.target("screenshot", session.size, "rgba8")
        session.draw_view(target.framebuffer)
        pixels = images.read_rgb8(target.textures[0])
        gpu.free_unused()
        gpu.free_unused()  # a target is freed by the second call after its last use
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


def _save(session: Session, path: Path, slot: Slot, window_pixels: bool) -> None:
    result = session.renders[slot].result
    if result is None:
        raise UserError("nothing is rendered yet; try again")
    pixels = read_window_pixels(session) if window_pixels else images.read_display(result)
    images.save_png(path, pixels, result.shot.values())
