"""Benchmark views: the built-in scenes from several cameras, in a tuning set and a held-out set.

Parameters are chosen on the tuning set. The held-out set shows whether the choice holds for other cameras and scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.measure.metrics import Mask
from ssdo.render.pipeline import PreparedFrame, load_shot, load_shot_scene, prepare_frame
from ssdo.render.shot import Camera, Shot
from ssdo.scene.built_in import cameras
from ssdo.settings import UserError

# Scene names, as flags take them.
TUNING_SCENES, HELD_OUT_SCENES = "courtyard,cornell,nook,blocks", "atelier,parlour"
# Of a tuning scene with so many cameras or more, the last one is held out.
MIN_CAMERAS_TO_HOLD_OUT = 3


class BenchmarkView(NamedTuple):
    """A resolved shot of a scene from one of its cameras."""

    name: str  # "nook 1": scene and number of the camera
    shot: Shot


class BenchmarkSets(NamedTuple):
    """Benchmark views by purpose."""

    tuning: list[BenchmarkView]
    held_out: list[BenchmarkView]


def select_views(base_shot: Shot, tuning_scenes: Sequence[str], held_out_scenes: Sequence[str]) -> BenchmarkSets:
    """Make the views of some scenes, which differ from `base_shot` in scene and camera. Raises UserError."""
    if common := set(tuning_scenes) & set(held_out_scenes):
        raise UserError(
            f"--held-out {min(common)}: is among --scenes, whose last cameras are held out anyway; leave one out"
        )
    sets = BenchmarkSets([], [])
    for scene_name in [*tuning_scenes, *held_out_scenes]:
        views = cameras.get_cameras(scene_name)
        for number, (eye, target) in enumerate(views, 1):
            shot = replace(base_shot, scene=scene_name, camera=Camera(eye=eye, target=target))
            shot = shot.resolve(load_shot_scene(shot))
            is_last = number == len(views) >= MIN_CAMERAS_TO_HOLD_OUT
            is_held_out = scene_name in held_out_scenes or is_last
            (sets.held_out if is_held_out else sets.tuning).append(BenchmarkView(f"{scene_name} {number}", shot))
    if not all(sets):
        raise UserError("no view is held out: the scenes have fewer than three cameras each; add a scene to --held-out")
    return sets


def draw_view_surfaces(gpu: Gpu, view: BenchmarkView) -> tuple[PreparedFrame, Mask]:
    """Draw the surfaces of a view, in a scope of its own, and return them with the mask of pixels that show any.

    Raises UserError.
    """
    with gpu.scope(view.name):
        surfaces = prepare_frame(gpu, load_shot(view.shot))
    mask = gpu.read(surfaces.inputs.gbuffer.normal)[..., 3] > 0.5
    if not mask.any():
        raise UserError(f"{view.name}: no surface is visible; choose another scene")
    return surfaces, mask
