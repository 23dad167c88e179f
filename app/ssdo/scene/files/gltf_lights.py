"""Cameras and lights of a glTF document (KHR_lights_punctual)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ssdo.arrays import Doubles, to_vec3
from ssdo.scene.files.errors import quote_value
from ssdo.scene.files.gltf_document import Document
from ssdo.scene.files.gltf_nodes import Node, get_back_axis, get_up_axis
from ssdo.scene.files.json_tree import (
    MAX_NUMBER,
    MAX_ROUNDING,
    Json,
    find_reference,
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
from ssdo.settings import UserError, Vec3

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

    Without an index, the first perspective camera, else the first orthographic one, if any. Raises UserError if the
    camera of that index cannot be used.
    """
    first_nodes: dict[int, Node] = {}
    for node in nodes:
        if "camera" in node.entry:
            i = find_reference(doc.tree, "cameras", node.entry, "camera", node.where)
            if i is not None:
                first_nodes.setdefault(i, node)
    if index is not None:
        _check_index("camera", "cameras", index, len(get_list(doc.tree, "cameras", "")), first_nodes)
        return _read_camera(doc, index, first_nodes[index])
    usable = []
    for i, node in first_nodes.items():
        try:
            usable.append(_read_camera(doc, i, node))
        except UserError as error:
            doc.leave_out(error)
    return next((camera for camera in usable if camera.fov is not None), usable[0] if usable else None)


def _check_index(name: str, kind: str, index: int, count: int, in_scene: Collection[int]) -> None:
    """Raises UserError for an index that does not exist in the file, or not in the scene."""
    if index >= count:
        raise UserError(f"{name}: {kind}[{index}] does not exist, {count} present")
    if index not in in_scene:
        present = ", ".join(map(str, sorted(in_scene)[:9])) or "none"
        raise UserError(f"{name}: {kind}[{index}] is not in this scene, which has {present}")


def _read_camera(doc: Document, i: int, node: Node) -> GltfCamera:
    """Raises UserError for a camera that cannot be used."""
    entry, where = get_entry(doc.tree, "cameras", i), f"cameras[{i}]"
    kind = get_string(entry, "type", where)
    if kind not in ("perspective", "orthographic"):
        raise UserError(f"{where}.type: must be perspective or orthographic, not {quote_value(kind)}")
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
        if not node.is_visible:
            continue
        try:
            reference = get_extension(node.entry, EXTENSION, node.where)
            if reference is None:
                continue
            i = get_reference(extension, "lights", reference, "light", f"{node.where}.extensions.{EXTENSION}")
            entry, where = get_entry(extension, "lights", i), f"lights[{i}]"
            kinds[i] = kind = get_string(entry, "type", where)
            if kind == "directional":
                if i not in suns:
                    suns[i] = _read_directional_light(doc, entry, node, where)
            elif kind not in ("point", "spot"):
                raise UserError(f"{where}.type: must be directional, point or spot, not {quote_value(kind)}")
            elif len(punctual_lights) < MAX_PUNCTUAL_LIGHTS:
                punctual_lights.append(_read_punctual_light(doc, entry, node, kind, where))
            else:
                doc.warn(node.where, f"is a light beyond the first {MAX_PUNCTUAL_LIGHTS}, and is left out")
        except UserError as error:
            doc.leave_out(error)
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


def _read_color(doc: Document, entry: Json, where: str) -> tuple[float, Vec3]:
    """Intensity and colour of a light. Of a colour above 1 the largest component becomes part of the intensity."""
    intensity = get_number(entry, "intensity", where, 1, 0)
    r, g, b = get_numbers(entry, "color", where, (1, 1, 1), 0)
    largest = max(r, g, b, 1.0)
    if largest > 1 + MAX_ROUNDING:
        doc.warn(f"{where}.color", "is above 1, and is kept as part of the intensity")
    return min(intensity * largest, MAX_NUMBER), (r / largest, g / largest, b / largest)


def _read_directional_light(doc: Document, entry: Json, node: Node, where: str) -> DirectionalLight:
    """The intensity, in lux, is taken as irradiance."""
    x, y, z = (float(v) for v in get_back_axis(node))
    irradiance, color = _read_color(doc, entry, where)
    azimuth = math.degrees(math.atan2(x, -z)) % 360
    elevation = math.degrees(math.atan2(y, math.hypot(x, z)))
    return DirectionalLight(azimuth, elevation, irradiance, color)


def _read_punctual_light(doc: Document, entry: Json, node: Node, kind: str, where: str) -> PunctualLight:
    """The intensity, in candela, is taken as radiant intensity."""
    intensity, (r, g, b) = _read_color(doc, entry, where)
    light_range = get_number(entry, "range", where, math.inf) if "range" in entry else math.inf
    if not light_range > 0:
        doc.warn(f"{where}.range", f"must be above 0, not {light_range:g}; the light has no limit")
        light_range = math.inf
    _check_position(node)
    light = PunctualLight(
        to_vec3(node.world_from_node[:3, 3]), (intensity * r, intensity * g, intensity * b), range=light_range
    )
    if kind == "point":
        return light
    inner, outer = _read_cone(doc, entry, where)
    direction = to_vec3(-get_back_axis(node))
    return replace(
        light, direction=direction, inner_cone_angle=math.degrees(inner), outer_cone_angle=math.degrees(outer)
    )


def _read_cone(doc: Document, entry: Json, where: str) -> tuple[float, float]:
    """Half angles of a spot light, the inner one at most the outer one, in radians."""
    spot, where = get_object(entry, "spot", where), f"{where}.spot"
    outer = get_number(spot, "outerConeAngle", where, math.pi / 4, 0, math.pi / 2)
    inner = get_number(spot, "innerConeAngle", where, 0, 0, math.pi / 2)
    if outer <= 0:
        raise UserError(f"{where}.outerConeAngle: must be above 0")
    if inner >= outer:
        rule = "must have innerConeAngle below outerConeAngle; its edge is as sharp as can be shown"
        doc.warn(where, rule)
    return min(inner, outer), outer


def _check_position(node: Node) -> None:
    if np.abs(node.world_from_node[:3, 3]).max() > MAX_NUMBER:
        raise UserError(f"{node.where}: stands beyond what float32 holds")
