"""Cameras and lights of a glTF document's nodes: from where its scene is seen, the sun, and lamps
(KHR_lights_punctual).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ssdo.scene.files.gltf_document import Document
from ssdo.scene.files.gltf_nodes import Doubles, Node, back
from ssdo.scene.files.json_tree import (
    MAX_NUMBER,
    Json,
    get_entry,
    get_extension,
    get_list,
    get_number,
    get_numbers,
    get_object,
    get_reference,
    get_text,
    shown,
)
from ssdo.scene.model import Lamp, Sunlight
from ssdo.settings import UserError

LIGHTS = "KHR_lights_punctual"
MAX_LAMPS = 64


class Camera(NamedTuple):
    """Where it stands, its own +z in the world (it looks along -z), and its vertical field of view in degrees."""

    eye: Doubles
    back: Doubles
    fov: float


def read_camera(doc: Document, nodes: Iterable[Node], chosen: int | None) -> Camera | None:
    """cameras[chosen] where it first stands in the scene; unless chosen, the first that is perspective. None: there is
    none.
    """
    found: dict[int, Node] = {}
    for node in nodes:
        if "camera" in node.entry:
            found.setdefault(get_reference(doc.tree, "cameras", node.entry, "camera", node.where), node)
    cameras = {i: _camera(doc, i, node) for i, node in found.items()}
    if chosen is not None:
        _check_choice("camera", "cameras", chosen, len(get_list(doc.tree, "cameras", "")), found)
        return cameras[chosen]
    return next((camera for camera in cameras.values() if camera is not None), None)


def _check_choice(name: str, kind: str, chosen: int, count: int, found: Iterable[int]) -> None:
    """Raises UserError for what does not exist, or not in the scene."""
    if chosen >= count:
        raise UserError(f"{name}: {kind}[{chosen}] does not exist, {count} present")
    if chosen not in found:
        raise UserError(
            f"{name}: {kind}[{chosen}] is not in this scene, which has {', '.join(map(str, sorted(found)[:9])) or 'none'}"
        )


def _camera(doc: Document, i: int, node: Node) -> Camera | None:
    """None for one that is not perspective."""
    entry, where = get_entry(doc.tree, "cameras", i), f"cameras[{i}]"
    kind = get_text(entry, "type", where)
    if kind != "perspective":
        doc.note(
            where,
            "is orthographic and cannot be used"
            if kind == "orthographic"
            else f"is of type {shown(kind)} and cannot be used",
        )
        return None
    angle = get_number(get_object(entry, "perspective", where), "yfov", f"{where}.perspective", 0)
    if not 0 < angle < math.pi:
        raise UserError(f"{where}.perspective.yfov: must be above 0 and below pi")
    _check_place(node)
    return Camera(node.world[:3, 3], back(node), math.degrees(angle))


def read_lights(doc: Document, nodes: Iterable[Node], chosen: int | None) -> tuple[Sunlight | None, tuple[Lamp, ...]]:
    """The sun and the lamps. The sun is lights[chosen] where it first stands, unless chosen the first that is
    directional.
    """
    owner = get_extension(doc.tree, LIGHTS, "") or {}
    suns: dict[int, Sunlight] = {}
    lamps: list[Lamp] = []
    places: dict[int, str] = {}
    for node in nodes:
        light = get_extension(node.entry, LIGHTS, node.where)
        if light is None:
            continue
        i = get_reference(owner, "lights", light, "light", f"{node.where}.extensions.{LIGHTS}")
        entry, where = get_entry(owner, "lights", i), f"lights[{i}]"
        kind = get_text(entry, "type", where)
        places.setdefault(i, kind)
        if kind == "directional":
            suns.setdefault(i, _sun(entry, node, where))
        elif kind not in ("point", "spot"):
            raise UserError(f"{where}.type: must be directional, point or spot, not {shown(kind)}")
        elif len(lamps) < MAX_LAMPS:
            lamps.append(_lamp(entry, node, kind, where))
        else:
            doc.note(node.where, f"is a lamp beyond the first {MAX_LAMPS}, and does not shine")
    if chosen is not None:
        _check_choice("light", "lights", chosen, len(get_list(owner, "lights", "")), places)
        if chosen not in suns:
            raise UserError(
                f"light: lights[{chosen}] is a {places[chosen]} light; the sun must be directional: {', '.join(map(str, suns)) or 'none is'}"
            )
    sun = next(iter(suns), None) if chosen is None else chosen
    for i in suns:
        if i != sun:
            doc.note(
                f"lights[{i}]",
                f"does not shine: lights[{sun}] is the sun, and there is one; the argument light chooses",
            )
    return None if sun is None else suns[sun], tuple(lamps)


def _sun(entry: Json, node: Node, where: str) -> Sunlight:
    """Lux are taken as they are, colour is linear."""
    x, y, z = (float(v) for v in back(node))
    r, g, b = get_numbers(entry, "color", where, (1, 1, 1), 0)
    irradiance = get_number(entry, "intensity", where, 1, 0)
    return Sunlight(
        math.degrees(math.atan2(x, -z)) % 360, math.degrees(math.atan2(y, math.hypot(x, z))), irradiance, (r, g, b)
    )


def _lamp(entry: Json, node: Node, kind: str, where: str) -> Lamp:
    """Candela are taken as they are."""
    power = get_number(entry, "intensity", where, 1, 0)
    r, g, b = (min(power * c, MAX_NUMBER) for c in get_numbers(entry, "color", where, (1, 1, 1), 0))
    reach = get_number(entry, "range", where, MAX_NUMBER) if "range" in entry else math.inf
    if not reach > 0:
        raise UserError(f"{where}.range: must be above 0, not {reach:g}")
    _check_place(node)
    x, y, z = node.world[:3, 3].tolist()
    lamp = Lamp((x, y, z), (r, g, b), reach=reach)
    if kind == "point":
        return lamp
    spot, inside = get_object(entry, "spot", where), f"{where}.spot"
    inner, outer = (
        get_number(spot, "innerConeAngle", inside, 0, 0),
        get_number(spot, "outerConeAngle", inside, math.pi / 4, 0),
    )
    if not inner < outer <= math.pi / 2 + 1e-6:
        raise UserError(
            f"{inside}: must have innerConeAngle below outerConeAngle, and that at most pi / 2, not {inner:g} and {outer:g}"
        )
    dx, dy, dz = (-back(node)).tolist()
    return Lamp((x, y, z), (r, g, b), (dx, dy, dz), math.degrees(inner), math.degrees(outer), reach)


def _check_place(node: Node) -> None:
    if np.abs(node.world[:3, 3]).max() > MAX_NUMBER:
        raise UserError(f"{node.where}: stands beyond what float32 holds")
