"""Read glTF 2.0 (.gltf, .glb) as a static scene.

Read: the node hierarchy, instances, skins and morph targets in their rest pose; buffers inside and beside the file;
sparse, normalised, quantised and (through DracoPy) compressed accessors; triangles, strips and fans; materials with all
textures, two sets of UVs, vertex colours, tangents; cameras, directional, point and spot lights. Not read: animation,
and what gltf_materials lists. Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html; section numbers
are its own.

Modules, each of which imports only modules above it:

    gltf_extensions which are read                       gltf_images     pixels
    gltf_document   JSON, buffers, accessors             gltf_materials  factors and textures
    gltf_draco      compressed primitives                gltf_geometry   primitives in the mesh's own space
    gltf_nodes      hierarchy, instances, joints         gltf_meshes     primitives placed in the world, joined
    gltf_lights     cameras, sun, punctual lights        gltf            the scene
    gltf_tangents   tangents for files without them

Files are not trusted: every number is checked against the data behind it before anything is allocated. What is wrong
in a material, a light, a node or a primitive is one of the scene's warnings: the rest is shown. A UserError remains for
a file that is not whole, that has no triangles, or that is beyond a limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ssdo.arrays import Doubles, to_vec3
from ssdo.scene.coordinates import IDENTITY, FileCoordinates, compute_roll, find_origin
from ssdo.scene.files.errors import name_file_in_errors, quote_value
from ssdo.scene.files.gltf_document import Document, open_document
from ssdo.scene.files.gltf_extensions import list_approximated
from ssdo.scene.files.gltf_geometry import (
    GeometryLimits,
    GetBinding,
    Primitive,
    limit_joints,
    read_primitives,
    read_weights,
)
from ssdo.scene.files.gltf_images import read_textures
from ssdo.scene.files.gltf_layers import drop_hidden_coat
from ssdo.scene.files.gltf_lights import GltfCamera, read_camera, read_lights
from ssdo.scene.files.gltf_materials import read_material
from ssdo.scene.files.gltf_meshes import Placement, join_placements, sample_vertices
from ssdo.scene.files.gltf_nodes import Node, read_instances, read_joints, read_nodes
from ssdo.scene.files.json_tree import find_reference, get_list, get_reference, use_defaults
from ssdo.scene.files.opacity import simplify_blending
from ssdo.scene.files.progress import track_progress
from ssdo.scene.model import DirectionalLight, Material, Mesh, Scene
from ssdo.settings import UserError, Vec3

# Primitives that become one mesh: by material index and layout.
MeshKey = tuple[int | None, tuple[bool, ...]]
Groups = Mapping[MeshKey, list[Placement]]


def read_gltf(
    path: Path, scene: int | None = None, camera: int | None = None, light: int | None = None, up: str = "y"
) -> Scene:
    """Read a scene from a .gltf or .glb file: metres, linear colour.

    `scene`, `camera` and `light` (the sun) are indices into the file's lists. By default: the file's default scene, its
    first perspective (else orthographic) camera and its first directional light. Every material becomes one mesh, or
    several if only some of its primitives have normals, UVs, colours or tangents. Textures whose UVs a mesh lacks are
    left out. `up` is the file's axis that points up, y or z; the scene is y up and near the origin.

    What cannot be read is left out with a warning. Raises UserError("<file>: <element>: <rule>"), one line, if no
    triangles are left, and for what is beyond a limit or is not supported.
    """
    # Overflow is checked where it matters, with a message that names the element.
    with name_file_in_errors(path), np.errstate(all="ignore"):
        doc = open_document(path)
        with use_defaults(doc.warn):
            return _read_scene(doc, path.stem, scene, camera, light, up)


def _read_scene(doc: Document, name: str, scene: int | None, camera: int | None, light: int | None, up: str) -> Scene:
    nodes: Mapping[int, Node] = read_nodes(doc, scene)
    get_binding = cache(lambda i: read_material(doc, i))
    groups: Groups = _place_primitives(doc, nodes, get_binding)
    if not groups:
        raise doc.make_empty_error()
    view = read_camera(doc, nodes.values(), camera)
    coordinates = FileCoordinates(_find_origin(groups), up == "z")
    if coordinates != IDENTITY:
        groups, nodes = _move_to_world(groups, nodes, coordinates.world_from_file)
    sun, punctual_lights = read_lights(doc, nodes.values(), light)
    meshes = _build_meshes(doc, groups, get_binding)
    _warn_of_unsupported(doc)
    result = Scene(
        meshes,
        sun=sun or DirectionalLight(),
        name=name,
        lights=punctual_lights,
        warnings=doc.format_warnings(),
        coordinates=coordinates,
    )
    return result if view is None else _set_camera(result, view)


def _find_origin(groups: Groups) -> Vec3:
    """The origin of a world near the primitives, from some of their vertices."""
    placements = [placement for group in groups.values() for placement in group]
    samples = [sample_vertices(placement) for placement in placements]
    weights = [
        np.full(len(points), len(p.primitive.positions) * len(p.instances) / max(len(points), 1))
        for p, points in zip(placements, samples, strict=True)
    ]
    return find_origin(np.concatenate(samples), np.concatenate(weights))


def _move_to_world(
    groups: Groups, nodes: Mapping[int, Node], world_from_file: Doubles
) -> tuple[Groups, Mapping[int, Node]]:
    """Placements and nodes in the world instead of the file's coordinates."""
    moved_groups = {key: [placement.transform(world_from_file) for placement in group] for key, group in groups.items()}
    moved_nodes = {
        i: node._replace(world_from_node=world_from_file @ node.world_from_node) for i, node in nodes.items()
    }
    return moved_groups, moved_nodes


def _build_meshes(doc: Document, groups: Groups, get_binding: GetBinding) -> tuple[Mesh, ...]:
    present_slots = {key: tuple(slot for slot in (0, 1) if key[1][1 + slot]) for key in groups}
    used_textures = [
        use.image
        for key in groups
        for use in get_binding(key[0]).textures.values()
        if get_binding(key[0]).uv_slots.get(use.uv_set) in present_slots[key]
    ]
    pixels = read_textures(doc, used_textures)

    @cache
    def bind_material(i: int | None, slots: tuple[int, ...]) -> Material:
        return get_binding(i).bind(slots, pixels)

    def build_mesh(key: MeshKey, placements: list[Placement]) -> Mesh:
        material = bind_material(key[0], present_slots[key])
        mesh = simplify_blending(join_placements(placements, material, doc.warn))
        return replace(mesh, material=drop_hidden_coat(doc, mesh.material, f"materials[{key[0]}]"))

    meshes = (
        build_mesh(key, placements) for key, placements in track_progress("geometry", groups.items(), len(groups))
    )
    present = tuple(mesh for mesh in meshes if len(mesh.triangles))
    if not present:
        raise doc.make_empty_error()
    return present


def _place_primitives(
    doc: Document, nodes: Mapping[int, Node], get_binding: GetBinding
) -> dict[MeshKey, list[Placement]]:
    """Place the meshes of all nodes, grouped by the mesh that they become. Meshes and skins are read once."""
    limits = GeometryLimits()

    @cache
    def get_primitives(i: int, weights: tuple[float, ...] | None, is_skinned: bool) -> list[Primitive]:
        return read_primitives(doc, i, weights, is_skinned, get_binding, limits)

    @cache
    def get_joints(i: int) -> Doubles | None:
        try:
            return read_joints(doc, i, nodes)
        except UserError as error:
            doc.leave_out(error)
            return None

    def place(node: Node) -> Iterator[Placement]:
        """The placements of a node's mesh. Raises UserError for a mesh or for instances that cannot be read."""
        entry, where = node.entry, node.where
        mesh = get_reference(doc.tree, "meshes", entry, "mesh", where)
        weights = read_weights(doc, entry, where) if "weights" in entry else None
        skin = find_reference(doc.tree, "skins", entry, "skin", where) if "skin" in entry else None
        joints = None if skin is None else get_joints(skin)
        instances = read_instances(doc, node)
        for primitive in get_primitives(mesh, weights, joints is not None) if len(instances) else ():
            if joints is not None and primitive.joints is not None:
                primitive = limit_joints(doc, primitive, len(joints))
                yield Placement(primitive, node.world_from_node[None], joints, where)
            else:
                yield Placement(primitive, instances, None, where)

    groups: dict[MeshKey, list[Placement]] = defaultdict(list)
    for node in track_progress("nodes", nodes.values(), len(nodes)):
        if "mesh" not in node.entry or not node.is_visible:
            continue
        try:
            for placement in place(node):
                limits.add_instances(placement.primitive, len(placement.instances), node.where)
                groups[placement.primitive.material, placement.primitive.layout].append(placement)
        except UserError as error:
            doc.leave_out(error)
    return groups


def _warn_of_unsupported(doc: Document) -> None:
    if get_list(doc.tree, "animations", ""):
        doc.warn("animations", "are not shown; everything stands at rest")
    warnings = " ".join(doc.warnings)
    for key in ("extensionsRequired", "extensionsUsed"):
        for name in list_approximated(doc.tree, key):
            if quote_value(name) not in warnings:
                doc.warn(key, f"the extension {quote_value(name)} is not read; what it changes is not shown")
                warnings += quote_value(name)


def _set_camera(scene: Scene, camera: GltfCamera) -> Scene:
    """The scene seen by a camera. The target lies ahead, as far away as the centre of the bounds."""
    center = scene.coordinates.to_file(np.mean(scene.bounds, 0, dtype=np.float64))
    distance = np.linalg.norm(center - camera.eye) or scene.bounding_radius
    target = camera.eye - camera.back * distance
    forward, up = (scene.coordinates.rotate_to_world(axis) for axis in (-camera.back, camera.up))
    framed = replace(
        scene,
        eye=to_vec3(camera.eye),
        target=to_vec3(target),
        roll=compute_roll(forward, up),
        picture_height=camera.height or 0.0,
    )
    return framed if camera.fov is None else replace(framed, fov=camera.fov)
