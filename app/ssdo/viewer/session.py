"""The viewer's state without a window: slots, camera, time, display, undo, and the rendering of what is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import moderngl
import numpy as np

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Size
from ssdo.render.collision import CameraCollision
from ssdo.render.display import Display
from ssdo.render.half_resolution import LightingResolution
from ssdo.render.pipeline import freeze_exposure
from ssdo.render.shot import MAX_COORDINATE, MIN_PICTURE_HEIGHT, Shot
from ssdo.render.technique import Technique
from ssdo.scene.files.file_cache import count_changes, list_changed_files
from ssdo.scene.loader import is_animated, load_scene
from ssdo.scene.model import Scene
from ssdo.settings import UserError
from ssdo.viewer import budget, controls
from ssdo.viewer.buffers import FINAL_IMAGE
from ssdo.viewer.controls import Pose
from ssdo.viewer.display_state import DisplayState
from ssdo.viewer.frame_metrics import FrameMetrics
from ssdo.viewer.history import History
from ssdo.viewer.pixel_values import PixelValues, read_pixel_values
from ssdo.viewer.render_scheduler import PAIR, RenderScheduler, Shots, Slot, SlotRender
from ssdo.viewer.result_cache import ResultCache
from ssdo.viewer.shader_watch import ShaderWatch, join_names
from ssdo.viewer.slots import SlotSettings, SlotState, check_assets
from ssdo.viewer.toasts import Toasts
from ssdo.viewer.view_renderer import ViewRenderer

MAX_TIME = 1e6  # seconds, the largest time of a shot
FILE_CHECK_INTERVAL = 0.25  # seconds between looks for changed files, while nothing is rendered


def initial_shot(gpu: Gpu, shot: Shot, may_halve_lighting: bool) -> Shot:
    """The shot that the viewer starts with: lighting at half resolution on a software renderer, if allowed."""
    if may_halve_lighting and gpu.is_software_renderer:
        return replace(shot, lighting=LightingResolution("half"))
    return shot


class Session:
    """State and rendering. Raises UserError if the scene or the environment cannot be loaded."""

    def __init__(
        self, gpu: Gpu, shot: Shot, techniques: Mapping[str, Technique], now: Callable[[], float] = time.perf_counter
    ) -> None:
        """`techniques`: initial settings of the techniques, by name. `now`: a clock, in seconds."""
        self.gpu = gpu
        self.now = now
        self.slots = SlotSettings(shot, techniques)
        self.scheduler = RenderScheduler(gpu, now)
        cache = ResultCache(self.scheduler)
        self.metrics = FrameMetrics(gpu, self.scheduler, cache)
        self.view_renderer = ViewRenderer(gpu, self.scheduler, self.metrics, cache, lambda: self.has_reference)
        self.display = DisplayState()
        self.history = History(self.slots.state())
        self.collision = CameraCollision()
        self.size: Size = (0, 0)  # of the viewport, pixels
        self.reference_enabled = False  # accumulate a reference in the background, to measure errors
        self.is_playing = False
        self.toasts = Toasts(now)
        self._tried_counts = budget.TriedCounts()  # of B, to match A's time
        self.is_measuring = False  # an experiment changes settings: no undo steps, no matched samples, no antialiasing
        self._exposure: tuple[Hashable, Display] | None = None  # metered, and what it was metered for
        check_assets(self.slots.shared)
        # the name of the last scene that could be loaded, and the scene
        shared = self.slots.shared
        self._scene = shared.scene, load_scene(shared.scene, shared.time, shared.up)
        self._last_file_check, self._change_count = now(), count_changes()
        self._has_broken_file = False  # of the scene or an environment
        self._shader_watch = ShaderWatch(gpu.shaders)

    @property
    def message(self) -> str:
        """What the last action did: the text of a toast. Empty once it has ended. Setting it posts one, or ends it."""
        return self.toasts.read_latest("notice")

    @message.setter
    def message(self, text: str) -> None:
        if text:
            self.toasts.post(text)
        else:
            self.toasts.end_latest("notice")

    @property
    def error(self) -> str:
        """The last error, one line. Empty once its toast has ended, at the latest with the next successful change."""
        return self.toasts.read_latest("error")

    @error.setter
    def error(self, text: str) -> None:
        if text:
            self.toasts.post(text, "error")
        else:
            self.toasts.end_kind("error")

    def copy(self) -> Session:
        """A session with the same settings and view, which renders for itself. Raises UserError."""
        copy = Session(self.gpu, self.slots.shared, {}, self.now)
        copy.slots.restore(self.slots.state()._replace(budget="samples"))
        copy.display = replace(self.display)
        copy.reference_enabled = self.display.view == "error"
        copy._exposure = self._exposure
        return copy

    @property
    def renders(self) -> dict[Slot, SlotRender]:
        return self.scheduler.renders

    @property
    def visible_slots(self) -> tuple[Slot, ...]:
        return self.display.visible_slots

    @property
    def scene(self) -> Scene:
        """The scene; while its file is missing or cannot be read, the one that is still shown."""
        shared = self.slots.shared
        name = shared.scene
        try:
            scene = load_scene(name, shared.time, shared.up)
        except UserError:
            if self._scene[0] != name:
                raise
            return self._scene[1]
        self._scene = name, scene
        return scene

    def shot(self, slot: Slot) -> Shot:
        """The shot to render for a slot, at the size that it has in the viewport."""
        return self._freeze_exposure(self.slots.shot(slot, self.image_size))

    @property
    def image_size(self) -> Size:
        """The size of a slot's image in the viewport, in pixels."""
        return self.display.image_size(self.size)

    def _freeze_exposure(self, shot: Shot) -> Shot:
        """The shot with the exposure that was metered when scene or light last changed: both slots have the same."""
        if shot.display.exposure is not None:
            return shot
        names = ("scene", "up", "environment", "ground", "material_override", "sky", "sun", "lights")
        key = tuple(getattr(shot, name) for name in names)
        if self._exposure is None or self._exposure[0] != key:
            with self.gpu.scope("metering"):
                (metered,) = freeze_exposure(self.gpu, [shot])
            self._exposure = key, metered.display
        return replace(shot, display=replace(shot.display, exposure=self._exposure[1].exposure))

    # ---- changes ----

    def change(self, values: Mapping[str, Any], slot: Slot = "B") -> bool:
        """Set parameters by dotted name.

        Parameters of a technique apply to `slot`; others to both slots, unless unlinked. If this fails, nothing
        changes, `error` is set, and False is returned.
        """
        return self._try(lambda: self.slots.change(values, slot))

    def set_linked(self, name: str, is_linked: bool) -> None:
        """Link a parameter of A and B: both take B's value. Or unlink it: they may differ."""
        self._try(lambda: self.slots.set_linked(name, is_linked))

    def _try(self, change: Callable[[], None]) -> bool:
        try:
            change()
        except UserError as error:
            self.error = str(error)
            return False
        self.error = ""
        return True

    def choose_mode(self, slot: Slot, label: str) -> None:
        """Give a slot a technique's mode, by its label."""
        self.slots.choose_mode(slot, label)
        self.error = ""

    def copy_slot(self, source: Slot, target: Slot) -> None:
        self.slots.copy(source, target)
        self.message = f"{source} copied to {target}"

    def multiply_samples(self, ratio: float) -> None:
        """Multiply the sample counts of the visible slots."""
        had_samples = any(self.slots.techniques[slot].sample_param for slot in self.visible_slots)
        self.slots.multiply_samples(self.visible_slots, ratio)
        techniques = [self.slots.techniques[slot] for slot in self.visible_slots]
        counts = ", ".join(technique.sample_count_text or "no samples" for technique in techniques)
        label = self.slots.techniques[self.display.active_slot].label
        self.message = counts if had_samples else f"{label} has no samples"

    def toggle_half_resolution(self) -> None:
        """Toggle lighting at half and full resolution in the visible slots."""
        slots = [slot for slot in self.visible_slots if not self.slots.techniques[slot].progressive]
        is_half = any(self.shot(slot).lighting.is_half for slot in slots)
        for slot in slots:
            self.change({"lighting.resolution": "full" if is_half else "half"}, slot)
        if slots:
            self.message = f"lighting at {'full' if is_half else 'half'} resolution"
        else:
            self.message = "the reference is always at full resolution"

    def toggle_split(self) -> None:
        """Toggle the split view. It starts with different techniques in A and B."""
        display, slots = self.display, self.slots
        display.view = "B" if display.view == "split" else "split"
        if display.shows_two_images and slots.mode_label("A") == slots.mode_label("B"):
            if slots.mode_label("A") != "SSAO":
                self.choose_mode("A", "SSAO")
            else:
                self.choose_mode("B", "SSDO")

    def choose_view(self, view: str) -> None:
        """Change the view, one of VIEWS."""
        self.message = self.display.choose_view(view)
        self.reference_enabled = self.reference_enabled or view == "error"

    def toggle_reference(self) -> None:
        self.reference_enabled = not self.reference_enabled
        self.message = "reference: accumulated while idle" if self.reference_enabled else "reference: off"

    def step_component(self, step: int) -> None:
        """Show the next or a previous lighting component."""
        self.message = self.display.step_component(step)

    def step_buffer(self, step: int) -> None:
        """Show the next or a previous buffer."""
        renderer, display = self.view_renderer, self.display
        names = list(renderer.buffers(display.active_slot)) or [FINAL_IMAGE]
        is_listed = display.buffer in names
        display.buffer = names[(names.index(display.buffer) + step) % len(names)] if is_listed else names[0]
        self.message = f"buffer: {display.buffer}"

    def toggle_ground(self) -> None:
        """Toggle the ground below the scene."""
        mode = self.slots.shared.ground
        is_on = mode == "on" or (mode == "auto" and self.scene.wants_ground)
        if self.change({"ground": "off" if is_on else "on"}):
            self.message = f"ground {'off' if is_on else 'on'}"

    def reload_shaders(self, files: Collection[str] | None = None) -> None:
        """Compile the shaders again, or those that read one of some files. If that fails, the old ones stay."""
        errors = self.gpu.reload_shaders(files)
        self.error = next(iter(errors.values()), "")
        reloaded = "shaders reloaded" if files is None else f"reloaded {join_names(files)}"
        self.message = "" if errors else reloaded
        self.scheduler.invalidate()

    # ---- undo ----

    def undo(self) -> None:
        self._restore_step(self.history.undo, "undone", "nothing to undo")

    def redo(self) -> None:
        self._restore_step(self.history.redo, "redone", "nothing to redo")

    def _restore_step(self, step: Callable[[], SlotState | None], done: str, nothing: str) -> None:
        if not self.is_measuring:
            self.history.record(self.slots.state(), self.now(), end_step=True)
        state = step()
        if state is not None:
            self.slots.restore(state)
        self.message = done if state is not None else nothing

    # ---- camera and time ----

    @property
    def pose(self) -> Pose:
        """The camera in the world."""
        return self.file_pose.to_world(self.scene.coordinates)

    @property
    def file_pose(self) -> Pose:
        """The camera in the coordinates of the scene's file, as it is typed and stored."""
        camera = self.shot("B").resolve_camera(self.scene)
        assert camera.eye and camera.target and camera.fov and camera.roll is not None
        height = camera.height if camera.projection == "orthographic" else None
        return Pose(camera.eye, camera.target, camera.fov, camera.roll, height)

    def move_camera(self, pose: Pose) -> None:
        """Set eye and target, in the world, and the height of an orthographic camera's picture.

        A pose that is not finite, or out of a camera's range, is ignored.
        """
        old_height = self.file_pose.height
        pose = pose.to_file(self.scene.coordinates)
        is_in_range = (np.abs([*pose.eye, *pose.target]) <= MAX_COORDINATE).all()
        if is_in_range and pose.eye != pose.target:
            shared = self.slots.shared
            camera = replace(shared.camera, eye=pose.eye, target=pose.target)
            if pose.height and pose.height != old_height and MIN_PICTURE_HEIGHT <= pose.height <= MAX_COORDINATE:
                camera = replace(camera, height=pose.height)
            self.slots.shared = replace(shared, camera=camera)

    def set_pose(self, pose: Pose) -> bool:
        """Set the whole camera, in the file's coordinates, as a bookmark does.

        If this fails, `error` is set, and False is returned.
        """
        values = {"eye": pose.eye, "target": pose.target, "fov": pose.fov, "roll": pose.roll}
        values |= {"projection": "orthographic" if pose.height else "perspective", "height": pose.height}
        return self.change({f"camera.{name}": value for name, value in values.items()})

    def frame_scene(self) -> None:
        """Reset the camera to the scene's own; if it is there already, fit the whole scene."""
        shared = self.slots.shared
        scene_camera = replace(shared.camera, eye=None, target=None, roll=None, height=None)
        if shared.camera != scene_camera:
            self.slots.shared = replace(shared, camera=scene_camera)
        else:
            width, height = self.image_size
            self.move_camera(controls.fit_scene(self.pose, self.scene, width / max(height, 1)))

    def orbit(self, heading: float, pitch: float) -> None:
        """Orbit about the target, but not through a wall of the room that the camera is in."""
        pose = self.pose
        for part in ((heading, pitch), (heading, 0.0), (0.0, pitch)):
            moved = controls.orbit(pose, *part)
            if any(part) and not self.collision.is_blocked(self.scene, pose, moved):
                self.move_camera(moved)
                return

    def dolly(self, ratio: float, pixel: tuple[int, int] | None = None) -> None:
        """Move towards the target, or towards what is at a pixel of the viewport, row 0 on top."""
        cursor = (0.0, 0.0)
        if pixel is not None:
            (width, height), (x, y) = self.image_size, self.display.find_pixel(pixel, self.size[0])[1]
            cursor = (x + 0.5 - width / 2) / max(height, 1), (height / 2 - y - 0.5) / max(height, 1)
        self.move_camera(controls.dolly(self.pose, ratio, self.scene, cursor))

    def center_on(self, pixel: tuple[int, int]) -> None:
        """Pan to the surface at a pixel of the viewport, row 0 on top, and orbit about it."""
        position = self.read_pixel(self.display.find_pixel(pixel, self.size[0])[1]).position
        if position is not None:
            self.move_camera(controls.center_on(self.pose, position))
            self.message = "orbit centre set"

    @property
    def is_animated(self) -> bool:
        return is_animated(self.slots.shared.scene)

    def toggle_playing(self) -> None:
        self.is_playing = not self.is_playing
        self.message = "" if self.is_animated else f"{self.slots.shared.scene} is not animated"

    def advance_time(self, seconds: float) -> None:
        """Advance an animated scene, if it plays."""
        if self.is_playing and self.is_animated:
            shared = self.slots.shared
            self.slots.shared = replace(shared, time=min(MAX_TIME, shared.time + seconds))

    # ---- rendering ----

    def step(self, size: Size, is_interacting: bool = False) -> bool:
        """Render what has changed since the last step. Returns whether anything was rendered.

        `size`: of the viewport, pixels. `is_interacting`: more changes are about to come.
        """
        self.size = size
        if min(self.image_size) < 1:
            return False
        shots: Shots = {slot: self.shot(slot) for slot in self.visible_slots}
        idle_shots: Shots = {"reference": self.shot("reference")} if self.reference_enabled else {}
        self._follow_files([*shots.values(), *idle_shots.values()])
        has_drawn = self.scheduler.step(
            shots,
            idle_shots,
            is_interacting or (self.is_playing and self.is_animated),
            self.display.shows_final_images and not self.is_measuring,
        )
        if self.scheduler.error:
            hint = "; the last version stays until a file changes" if self._has_broken_file else ""
            self.error, self.scheduler.error = f"{self.scheduler.error}{hint}", ""
        if not is_interacting and not self.is_measuring:
            self.history.record(self.slots.state(), self.now())
            self._match_budget()
        return has_drawn

    def _follow_files(self, shots: Sequence[Shot]) -> None:
        """Render everything again when a file of the scene, of an environment or of a shader has changed."""
        if self.now() - self._last_file_check >= FILE_CHECK_INTERVAL:
            self._last_file_check = self.now()
            self._follow_shaders()
            self._has_broken_file = not self._can_load(shots)
        if count_changes() != self._change_count:
            names = [path.name for path in list_changed_files(self._change_count)]
            self._change_count = count_changes()
            self.error = ""  # it may have been about the file
            if self._can_load(shots):
                self.message = f"reloaded {join_names(names)}"
            self.scheduler.invalidate()

    def _can_load(self, shots: Sequence[Shot]) -> bool:
        """Whether scenes and environments can be loaded. If not, rendering reports why."""
        try:
            for shot in shots:
                check_assets(shot)
        except UserError:
            return False
        return True

    def _follow_shaders(self) -> None:
        files = self._shader_watch.find_changed()
        if files and self.gpu.shaders.find_programs(files):
            self.reload_shaders(files)

    def _match_budget(self) -> None:
        """Set B's sample count to match A's time or error, once both are rendered and measured."""
        b = self.slots.techniques["B"]
        if self.slots.budget == "samples" or self.visible_slots != PAIR or not b.sample_param:
            return
        for slot in PAIR:
            if self.renders[slot].requested != self.shot(slot) or self.renders[slot].scale < 1:
                return
        sample_count = self._match_time() if self.slots.budget == "time" else self._match_error()
        if sample_count != b.sample_count:
            self.slots.set_sample_count("B", sample_count)
            self.history.amend(self.slots.state())

    def _match_time(self) -> int:
        """B's sample count for A's time."""
        b, scheduler = self.slots.techniques["B"], self.scheduler
        value, target = scheduler.lighting_ms("B"), scheduler.lighting_ms("A")
        if not value or not target:
            return b.sample_count
        shots = self.shot("A"), replace(self.shot("B"), technique=b.with_samples(1))
        proposal = budget.match_time(b.sample_count, value, target, scheduler.fixed_ms("B"))
        return self._tried_counts.choose(shots, b.sample_count, proposal)

    def _match_error(self) -> int:
        """B's sample count for A's error."""
        count, value, target = self.slots.techniques["B"].sample_count, self.metrics.rmse("B"), self.metrics.rmse("A")
        return budget.match_error(count, value, target) if value and target else count

    def is_idle(self, slot: Slot) -> bool:
        """Whether a slot's result is up to date and at full size, and more history frames would not change it."""
        render, shot = self.renders[slot], self.shot(slot)
        if shot.uses_history and self.scheduler.can_improve(slot, shot):
            return False
        is_current = render.failed_shot is None and render.requested == shot
        return is_current and render.scale >= self.scheduler.idle_scale(slot, shot)

    @property
    def has_reference(self) -> bool:
        """Whether the reference has a result that belongs to what is shown now."""
        render = self.renders["reference"]
        return render.result is not None and render.requested == self.shot("reference")

    def draw_view(self, framebuffer: moderngl.Framebuffer) -> None:
        """Draw the current view into the lower left of a framebuffer, at the viewport's size."""
        self.view_renderer.draw(framebuffer, self.size, self.display)

    def read_pixel(self, pixel: tuple[int, int]) -> PixelValues:
        """Values of a pixel of an image, row 0 on top, in the visible slots."""
        results = {slot: self.renders[slot].result for slot in self.visible_slots}
        return read_pixel_values(self.gpu, results, self.image_size, pixel)
