"""glTF 2.0 (.gltf, .glb) -> Scene, as the diffuse renderer needs it.

Read: the node hierarchy, buffers inside and beside the file, sparse, normalised and quantised accessors, strips and fans, base
colour, emission, one set of UVs for both with its transform baked in, the first perspective camera, the first directional light.
Not read: metalness (base colour is albedo), opacity, samplers (images repeat), vertex colours, skins, morph targets, animation.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html; section numbers below are its own.

Nothing in a file is believed: every number is checked against the data that stands behind it before anything is allocated.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.loading.gltf_document import Document, open_document, read_image, refusal
from app.loading.gltf_geometry import Doubles, Mapping, Part, Spent, joined, placed, read_parts
from app.loading.json_tree import (
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
    get_whole,
    join,
)
from app.scene import Bytes, Image, Material, Scene, Sunlight
from app.settings import Problem, Vec3


class Look(NamedTuple):
    """A material, the same without images for what has no UVs, and the UVs its images want."""

    material: Material
    plain: Material
    mappings: tuple[Mapping, ...]


class Camera(NamedTuple):
    """Where it stands, its own +z in the world (it looks along -z), and its vertical field of view in degrees."""

    eye: Doubles
    back: Doubles
    fov: float


def load(path: Path) -> Scene:
    """The default scene of a .gltf or .glb file: metres, y up, linear colour, images as Material describes.

    A mesh for every material, split where some parts have normals or UVs and others do not. A mesh without UVs loses its images.

    Raises Problem("<file>: <element>: <rule>"), one line, for whatever is wrong with the file or is not read here.
    """
    try:
        with np.errstate(all="ignore"):  # overflow is looked for where it matters, and named
            return _scene(open_document(path), path.stem)
    except Problem as problem:
        raise Problem(" ".join(f"{path}: {problem}".splitlines())) from None
    except MemoryError:
        raise Problem(f"{path}: file: needs more memory than there is") from None


# ---- materials ------------------------------------------------------------------------------------------------------------


def _look(doc: Document, i: int | None) -> Look:
    """A material of the file. Without one, white, as in section 3.9.6."""
    if i is None:
        return Look(Material((1, 1, 1)), Material((1, 1, 1)), ())
    entry, where = get_entry(doc.tree, "materials", i), f"materials[{i}]"
    surface, inside = get_object(entry, "pbrMetallicRoughness", where), f"{where}.pbrMetallicRoughness"
    albedo = _triple(get_numbers(surface, "baseColorFactor", inside, (1, 1, 1, 1), 0, 1))
    strength = get_extension(entry, "KHR_materials_emissive_strength", where) or {}
    gain = get_number(strength, "emissiveStrength", f"{where}.extensions.KHR_materials_emissive_strength", 1, 0)
    emission = _triple(tuple(min(gain * c, MAX_NUMBER) for c in get_numbers(entry, "emissiveFactor", where, (0, 0, 0), 0)))
    name = get_text(entry, "name", where).encode("utf-8", "replace").decode()
    plain = Material(albedo, emission, name=name)
    albedo_image, albedo_mapping = _texture(doc, surface, "baseColorTexture", inside)
    emission_image, emission_mapping = _texture(doc, entry if any(emission) else {}, "emissiveTexture", where)  # black times an image
    if albedo_image is None and emission_image is None:
        return Look(plain, plain, ())
    mappings = tuple(m for m, image in ((albedo_mapping, albedo_image), (emission_mapping, emission_image)) if image is not None)
    found = (("albedo_image", albedo_image), ("emission_image", emission_image))
    images: dict[str, Any] = {name: Image(pixels) for name, pixels in found if pixels is not None}
    return Look(replace(plain, **images), plain, tuple(dict.fromkeys(mappings)))


def _texture(doc: Document, parent: Json, key: str, where: str) -> tuple[Bytes | None, Mapping]:
    """The image of a textureInfo and the UVs it wants; no image where there is no such texture."""
    if key not in parent:
        return None, Mapping()
    info, where = get_object(parent, key, where), join(where, key)
    i = get_reference(doc.tree, "textures", info, "index", where)
    texture, name = get_entry(doc.tree, "textures", i), f"textures[{i}]"
    webp = get_extension(texture, "EXT_texture_webp", name)
    if "source" in texture:
        source = get_reference(doc.tree, "images", texture, "source", name)
    elif webp is not None:
        source = get_reference(doc.tree, "images", webp, "source", f"{name}.extensions.EXT_texture_webp")
    elif get_extension(texture, "KHR_texture_basisu", name) is not None:
        raise Problem(f"{name}: {refusal('KHR_texture_basisu')}")
    else:
        raise Problem(f"{name}.source: must name an image; it is missing")
    return read_image(doc, source), _mapping(info, where)


def _mapping(info: Json, where: str) -> Mapping:
    uv_set = get_whole(info, "texCoord", where, 0)
    transform = get_extension(info, "KHR_texture_transform", where)
    if transform is None:
        return Mapping(uv_set)
    where += ".extensions.KHR_texture_transform"
    (tx, ty), (sx, sy) = get_numbers(transform, "offset", where, (0, 0)), get_numbers(transform, "scale", where, (1, 1))
    angle = get_number(transform, "rotation", where, 0)
    c, s = math.cos(angle), math.sin(angle)
    # v points down: [[c, s], [-s, c]] turns counter-clockwise as seen. The extension's own listing has the other sign, no viewer
    # follows it (KhronosGroup/glTF issue 1563).
    return Mapping(get_whole(transform, "texCoord", where, uv_set), ((c * sx, s * sy, tx), (-s * sx, c * sy, ty)))


def _triple(values: tuple[float, ...]) -> Vec3:
    return values[0], values[1], values[2]


# ---- the scene ------------------------------------------------------------------------------------------------------------


def _scene(doc: Document, name: str) -> Scene:
    """The default scene. Every material and mesh is read once, when something first wants it."""
    spent = Spent()

    @cache
    def look_at(i: int | None) -> Look:
        return _look(doc, i)

    @cache
    def mesh_at(i: int) -> list[Part]:
        return read_parts(doc, i, lambda material: look_at(material).mappings, spent)

    groups: dict[tuple[int | None, bool, bool], list[Part]] = defaultdict(list)
    camera: Camera | None = None
    sun: Sunlight | None = None
    for i, node, world in _nodes(doc):
        where = f"nodes[{i}]"
        camera = camera or _camera(doc, node, world, where)
        sun = sun or _sun(doc, node, world, where)
        for part in mesh_at(get_reference(doc.tree, "meshes", node, "mesh", where)) if "mesh" in node else ():
            spent.add_instance(part, where)
            groups[part.material, part.normals is None, part.uvs is None].append(placed(part, world, where))
    if not groups:
        raise Problem("file: has no triangles")
    meshes = []
    for (material, _, flat), parts in groups.items():
        look = look_at(material)
        meshes.append(joined(parts, look.plain if flat else look.material))
        parts.clear()
    scene = Scene(tuple(meshes), sun=sun or Sunlight(), name=name)
    return scene if camera is None else _seen(scene, camera)


def _nodes(doc: Document) -> Iterator[tuple[int, Json, Doubles]]:
    """Number, node and world_from_node of everything in the scene, in the file's order. No recursion: depth has no limit."""
    stack = [(i, np.eye(4)) for i in reversed(_roots(doc))]
    seen = set()
    while stack:
        i, parent = stack.pop()
        if i in seen:
            raise Problem(f"nodes[{i}]: must have one parent and be in no cycle")
        seen.add(i)
        node, where = get_entry(doc.tree, "nodes", i), f"nodes[{i}]"
        world, local = parent, _local(node, where)
        if local is not None:
            world = parent @ local
            if not np.isfinite(world).all():
                raise Problem(f"{where}: the transform must be finite")
        yield i, node, world
        stack += [(child, world) for child in reversed(_node_list(doc, node, "children", where))]


def _roots(doc: Document) -> list[int]:
    """Where the default scene begins. Without scenes: every node that is nobody's child."""
    if get_list(doc.tree, "scenes", ""):
        i = get_reference(doc.tree, "scenes", doc.tree if "scene" in doc.tree else {"scene": 0}, "scene", "")
        return _node_list(doc, get_entry(doc.tree, "scenes", i), "nodes", f"scenes[{i}]")
    count = len(get_list(doc.tree, "nodes", ""))
    children = {c for i in range(count) for c in _node_list(doc, get_entry(doc.tree, "nodes", i), "children", f"nodes[{i}]")}
    if count and len(children) == count:
        raise Problem("nodes: every one is another's child, which is a cycle")
    return [i for i in range(count) if i not in children]


def _node_list(doc: Document, parent: Json, key: str, where: str) -> list[int]:
    return [get_reference(doc.tree, "nodes", {key: i}, key, where) for i in get_list(parent, key, where)]


def _local(node: Json, where: str) -> Doubles | None:
    """parent_from_node, 4x4; None where nothing moves."""
    if "matrix" in node:
        matrix = np.array(get_numbers(node, "matrix", where, (0.0,) * 16)).reshape(4, 4).T  # stored by columns
        if not np.allclose(matrix[3], (0, 0, 0, 1)):
            raise Problem(f"{where}.matrix: must have 0, 0, 0, 1 as its last row")
        return matrix
    if not {"translation", "rotation", "scale"} & node.keys():
        return None
    x, y, z, w = get_numbers(node, "rotation", where, (0, 0, 0, 1), -2, 2)
    size = math.hypot(x, y, z, w)
    if size < 1e-3:
        raise Problem(f"{where}.rotation: must be a quaternion of length 1")
    x, y, z, w = x / size, y / size, z / size, w / size
    m = np.eye(4)
    m[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    m[:3, :3] *= get_numbers(node, "scale", where, (1, 1, 1))
    m[:3, 3] = get_numbers(node, "translation", where, (0, 0, 0))
    return m


def _back(world: Doubles, where: str) -> Doubles:
    """The node's +z in the world, unit length: cameras look and lights shine along -z."""
    back = world[:3, 2]
    length = np.linalg.norm(back)
    if not 0 < length < math.inf:
        raise Problem(f"{where}: a camera or light must not be scaled to nothing")
    unit: Doubles = back / length
    return unit


def _camera(doc: Document, node: Json, world: Doubles, where: str) -> Camera | None:
    """A perspective camera, None for anything else."""
    if "camera" not in node:
        return None
    i = get_reference(doc.tree, "cameras", node, "camera", where)
    entry = get_entry(doc.tree, "cameras", i)
    if get_text(entry, "type", f"cameras[{i}]") != "perspective":
        return None
    angle = get_number(get_object(entry, "perspective", f"cameras[{i}]"), "yfov", f"cameras[{i}].perspective", 0)
    if not 0 < angle < math.pi:
        raise Problem(f"cameras[{i}].perspective.yfov: must be above 0 and below pi")
    return Camera(world[:3, 3], _back(world, where), math.degrees(angle))


def _sun(doc: Document, node: Json, world: Doubles, where: str) -> Sunlight | None:
    """A directional light of KHR_lights_punctual, None for anything else. Lux are taken as they are, colour is linear."""
    light = get_extension(node, "KHR_lights_punctual", where)
    if light is None:
        return None
    owner = get_extension(doc.tree, "KHR_lights_punctual", "") or {}
    i = get_reference(owner, "lights", light, "light", f"{where}.extensions.KHR_lights_punctual")
    entry, name = get_entry(owner, "lights", i), f"lights[{i}]"
    if get_text(entry, "type", name) != "directional":
        return None
    x, y, z = (float(v) for v in _back(world, where))
    irradiance, color = get_number(entry, "intensity", name, 1, 0), _triple(get_numbers(entry, "color", name, (1, 1, 1), 0))
    return Sunlight(math.degrees(math.atan2(x, -z)) % 360, math.degrees(math.atan2(y, math.hypot(x, z))), irradiance, color)


def _seen(scene: Scene, camera: Camera) -> Scene:
    """The scene from a camera. The target lies ahead, as far away as the middle of everything."""
    middle = np.mean(scene.bounds, 0, dtype=np.float64)
    target = camera.eye - camera.back * (np.linalg.norm(middle - camera.eye) or scene.size)
    return replace(scene, eye=_triple(tuple(camera.eye.tolist())), target=_triple(tuple(target.tolist())), fov=camera.fov)
