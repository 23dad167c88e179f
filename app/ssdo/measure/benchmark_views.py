"""Views that techniques are tuned on and held against: the built-in scenes from several cameras, in two halves, one of
which no choice has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.measure.metrics import Mask
from ssdo.render.pipeline import draw_surfaces
from ssdo.render.shot import Camera, Shot
from ssdo.render.technique import TechniqueInputs
from ssdo.scene import built_in
from ssdo.scene.built_in import cameras
from ssdo.settings import UserError

TUNED, HELD_OUT = "courtyard,cornell,nook,blocks", "atelier,parlour"  # scenes


class Place(NamedTuple):
    """A view to measure: the shot, resolved, and its name."""

    name: str  # scene and the number of its camera
    shot: Shot


def places(plain: Shot, tuned: Sequence[str], held: Sequence[str]) -> tuple[list[Place], list[Place]]:
    """Views to tune on, and views held out. Of the scenes to tune on the last of three or more cameras is held out, of
    the others all are: what is found must hold from elsewhere, and in scenes it has not seen. Raises UserError.
    """
    if both := set(tuned) & set(held):
        raise UserError(
            f"--held-out {min(both)}: is among --scenes, whose last cameras are held out as it is; leave one out"
        )
    halves: tuple[list[Place], list[Place]] = ([], [])
    for scene in [*tuned, *held]:
        views = cameras.of(scene)
        loaded = built_in.load(scene, plain.time)
        for number, (eye, target) in enumerate(views, 1):
            shot = replace(plain, scene=scene, camera=Camera(eye=eye, target=target)).resolved(loaded)
            halves[scene in held or number == len(views) >= 3].append(Place(f"{scene} {number}", shot))
    if not all(halves):
        raise UserError("no view is held out: the scenes have fewer than three cameras each; add a scene to --held-out")
    return halves


def surfaces_of(gpu: Gpu, place: Place) -> tuple[Shot, TechniqueInputs, Mask]:
    """A view, drawn but for its light, into targets of its own, which stay as they are; and where there is something to
    light. Raises UserError.
    """
    with gpu.scope(place.name):
        shot, view = draw_surfaces(gpu, place.shot)
    mask = gpu.read(view.gbuffer.normal)[..., 3] > 0.5
    if not mask.any():
        raise UserError(f"{place.name}: there is nothing to be seen; choose another scene")
    return shot, view, mask
