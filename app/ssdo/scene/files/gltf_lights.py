"""Cameras and lights of a glTF document (KHR_lights_punctual)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Doubles, to_vec3
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.gltf_document import Document
from ssdo.scene.files.gltf_nodes import Node, get_back_axis, get_up_axis
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
    get_string,
)
from ssdo.scene.model import DirectionalLight, PunctualLight
from ssdo.settings import UserError

EXTENSION = "KHR_lights_punctual"
MAX_PUNCTUAL_LIGHTS = 64


class GltfCamera(NamedTuple):
    """A camera in the file's coordinates. It looks along its own -z."""

    eye: Doubles
    back: Doubles  # its own +z, unit length
    up: Doubles  # its own +y, unit length
    fov: float | None  # vertical, degrees. None: orthographic
    height: float | None = None  # metres: of the picture of an orthographic camera


def read_camera(doc: Document, nodes: Iterable[Node], index: int | None) -> GltfCamera | None:
    """cameras[index] at its first node in the scene.

    Without an index, the first perspective camera, else the first orthographic one, if any.
    """
    first_nodes: dict[int, Node] = {}
    for node in nodes:
        if "camera" in node.entry:
            first_nodes.setdefault(get_reference(doc.tree, "cameras", node.entry, "camera", node.where), node)
    cameras = {i: _read_camera(doc, i, node) for i, node in first_nodes.items()}
    if index is not None:
        _check_index("camera", "cameras", index, len(get_list(doc.tree, "cameras", "")), first_nodes)
        return cameras[index]
    usable = [camera for camera in cameras.values() if camera is not None]
    return next((camera for camera in usable if camera.fov is not None), usable[0] if usable else None)


def _check_index(name: str, kind: str, index: int, count: int, in_scene: Collection[int]) -> None:
    """Raises UserError for an index that does not exist in the file, or not in the scene."""
    if index >= count:
        raise UserError(f"{name}: {kind}[{index}] does not exist, {count} present")
    if index not in in_scene:
        present = ", ".join(map(str, sorted(in_scene)[:9])) or "none"
        raise UserError(f"{name}: {kind}[{index}] is not in this scene, which has {present}")


def _read_camera(doc: Document, i: int, node: Node) -> GltfCamera | None:
    """None for a camera of a type that glTF does not have."""
    entry, where = get_entry(doc.tree, "cameras", i), f"cameras[{i}]"
    kind = get_string(entry, "type", where)
    if kind not in ("perspective", "orthographic"):
        doc.warn(where, f"is of type {quote_value(kind)} and cannot be used")
        return None
    _check_position(node)
    axes = node.world_from_node[:3, 3], get_back_axis(node), get_up_axis(node)
    if kind == "orthographic":
        ymag = get_number(get_object(entry, "orthographic", where), "ymag", f"{where}.orthographic", 0)
        if not ymag:
            raise UserError(f"{where}.orthographic.ymag: must not be 0")
        return GltfCamera(*axes, None, 2 * abs(ymag))
    yfov = get_number(get_object(entry, "perspective", where), "yfov", f"{where}.perspective", 0)
    if not 0 < yfov < math.pi:
        raise UserError(f"{where}.perspective.yfov: must be above 0 and below pi")
    return GltfCamera(*axes, math.degrees(yfov))


def read_lights(
    doc: Document, nodes: Iterable[Node], index: int | None
) -> tuple[DirectionalLight | None, tuple[PunctualLight, ...]]:
    """The sun, and the point and spot lights.

    The sun is lights[index] at its first node in the scene; without an index, the first directional light.
    """
    extension = get_extension(doc.tree, EXTENSION, "") or {}
    suns: dict[int, DirectionalLight] = {}
    punctual_lights: list[PunctualLight] = []
    kinds: dict[int, str] = {}
    for node in nodes:
        reference = get_extension(node.entry, EXTENSION, node.where)
        if reference is None:
            continue
        i = get_reference(extension, "lights", reference, "light", f"{node.where}.extensions.{EXTENSION}")
        entry, where = get_entry(extension, "lights", i), f"lights[{i}]"
        kind = get_string(entry, "type", where)
        kinds.setdefault(i, kind)
        if kind == "directional":
            suns.setdefault(i, _read_directional_light(entry, node, where))
        elif kind not in ("point", "spot"):
            raise UserError(f"{where}.type: must be directional, point or spot, not {quote_value(kind)}")
        elif len(punctual_lights) < MAX_PUNCTUAL_LIGHTS:
            punctual_lights.append(_read_punctual_light(entry, node, kind, where))
        else:
            doc.warn(node.where, f"is a light beyond the first {MAX_PUNCTUAL_LIGHTS}, and is left out")
    if index is not None:
        _check_index("light", "lights", index, len(get_list(extension, "lights", "")), kinds)
        if index not in suns:
            directional = ", ".join(map(str, suns)) or "none is"
            raise UserError(
                f"light: lights[{index}] is a {kinds[index]} light; the sun must be directional: {directional}"
            )
    sun_index = next(iter(suns), None) if index is None else index
    for i in suns:
        if i != sun_index:
            doc.warn(f"lights[{i}]", f"is left out: the sun is lights[{sun_index}]; the argument light chooses another")
    return None if sun_index is None else suns[sun_index], tuple(punctual_lights)


def _read_directional_light(entry: Json, node: Node, where: str) -> DirectionalLight:
    """The intensity, in lux, is taken as irradiance."""
    x, y, z = (float(v) for v in get_back_axis(node))
    r, g, b = get_numbers(entry, "color", where, (1, 1, 1), 0)
    irradiance = get_number(entry, "intensity", where, 1, 0)
    azimuth = math.degrees(math.atan2(x, -z)) % 360
    elevation = math.degrees(math.atan2(y, math.hypot(x, z)))
    return DirectionalLight(azimuth, elevation, irradiance, (r, g, b))


def _read_punctual_light(entry: Json, node: Node, kind: str, where: str) -> PunctualLight:
    """The intensity, in candela, is taken as radiant intensity."""
    intensity = get_number(entry, "intensity", where, 1, 0)
    r, g, b = (min(intensity * c, MAX_NUMBER) for c in get_numbers(entry, "color", where, (1, 1, 1), 0))
    light_range = get_number(entry, "range", where, MAX_NUMBER) if "range" in entry else math.inf
    if not light_range > 0:
        raise UserError(f"{where}.range: must be above 0, not {light_range:g}")
    _check_position(node)
    position = to_vec3(node.world_from_node[:3, 3])
    if kind == "point":
        return PunctualLight(position, (r, g, b), range=light_range)
    spot, inside = get_object(entry, "spot", where), f"{where}.spot"
    inner = get_number(spot, "innerConeAngle", inside, 0, 0)
    outer = get_number(spot, "outerConeAngle", inside, math.pi / 4, 0)
    if not inner < outer <= math.pi / 2 + 1e-6:
        rule = "must have innerConeAngle below outerConeAngle, and that at most pi / 2"
        raise UserError(f"{inside}: {rule}, not {inner:g} and {outer:g}")
    direction = to_vec3(-get_back_axis(node))
    return PunctualLight(position, (r, g, b), direction, math.degrees(inner), math.degrees(outer), light_range)


def _check_position(node: Node) -> None:
    if np.abs(node.world_from_node[:3, 3]).max() > MAX_NUMBER:
        raise UserError(f"{node.where}: stands beyond what float32 holds")
