"""glTF 2.0 (.gltf, .glb) -> Scene, as a deferred renderer shows it: everything at rest.

Read: the node hierarchy, instances, skins and morph targets in their rest pose, buffers inside and beside the file,
sparse, normalised, quantised and (through DracoPy) compressed accessors, strips and fans, materials with all their
images, two sets of UVs, colours of vertices, tangents, cameras, sun and lamps. Not read: animation; gltf_materials says
what of materials is not. Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html; section numbers are
its own.

    gltf_document   the file taken apart: JSON, buffers, accessors        gltf_nodes     hierarchy, instances, joints
    gltf_materials  factors and how images lie                            gltf_geometry  primitives in the mesh's own space
    gltf_images     what images show                                      gltf_meshes    placed in the world, joined
    gltf_tangents   tangents where there are none                         gltf_lights    cameras, sun, lamps

Nothing in a file is believed: every number is checked against the data that stands behind it before anything is
allocated. What is wrong is a UserError; what is merely odd, or not shown, is one of the scene's notes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ssdo.scene.files.gltf_document import READ, SILENT, WAYS_OUT, Document, open_document
from ssdo.scene.files.gltf_geometry import Part, Spent, read_parts
from ssdo.scene.files.gltf_images import read_pictures
from ssdo.scene.files.gltf_lights import Camera, read_camera, read_lights
from ssdo.scene.files.gltf_materials import Look, read_look
from ssdo.scene.files.gltf_meshes import Placement, joined
from ssdo.scene.files.gltf_nodes import Doubles, Node, read_instances, read_joints, read_nodes
from ssdo.scene.files.json_tree import get_list, get_numbers, get_reference, shown
from ssdo.scene.files.progress import counted
from ssdo.scene.model import Mesh, Scene, Sunlight
from ssdo.settings import UserError


def load(path: Path, scene: int | None = None, camera: int | None = None, light: int | None = None) -> Scene:
    """A scene of a .gltf or .glb file: metres, y up, linear colour.

    `scene`, `camera` and `light` (which is the sun) are numbers of the file's own lists. Unless they are given: its
    default scene, seen by the first perspective camera, under the first directional light. A mesh for every material,
    split where some parts have normals, UVs, colours or tangents and others do not. A material loses the images for
    which a mesh has no UVs.

    Raises UserError("<file>: <element>: <rule>"), one line, for whatever is wrong with the file or is not read here.
    """
    try:
        with np.errstate(all="ignore"):  # overflow is looked for where it matters, and named
            return _scene(open_document(path), path.stem, scene, camera, light)
    except UserError as problem:
        raise UserError(" ".join(f"{path}: {problem}".splitlines())) from None
    except MemoryError:
        raise UserError(f"{path}: file: needs more memory than there is") from None


def _scene(doc: Document, name: str, scene: int | None, camera: int | None, light: int | None) -> Scene:
    nodes = read_nodes(doc, scene)
    seen = read_camera(doc, nodes.values(), camera)
    sun, lamps = read_lights(doc, nodes.values(), light)
    meshes = _meshes(doc, nodes)
    _note_what_is_not_read(doc)
    found = Scene(meshes, sun=sun or Sunlight(), name=name, lamps=lamps, notes=doc.notes())
    return found if seen is None else _seen(found, seen)


def _meshes(doc: Document, nodes: Mapping[int, Node]) -> tuple[Mesh, ...]:
    """Every material, mesh and skin is read once, when something first wants it; images when it is known which are
    wanted.
    """
    spent = Spent()

    @cache
    def look_at(i: int | None) -> Look:
        return read_look(doc, i)

    @cache
    def parts_of(i: int, weights: tuple[float, ...] | None, skinned: bool) -> list[Part]:
        return read_parts(doc, i, weights, skinned, look_at, spent)

    @cache
    def joints_of(i: int) -> Doubles:
        return read_joints(doc, i, nodes)

    groups: dict[tuple[int | None, tuple[bool, ...]], list[Placement]] = defaultdict(list)
    for node in counted("nodes", nodes.values(), len(nodes)):
        entry, where = node.entry, node.where
        if "mesh" not in entry:
            continue
        i = get_reference(doc.tree, "meshes", entry, "mesh", where)
        weights = (
            get_numbers(entry, "weights", where, (0.0,) * len(get_list(entry, "weights", where)))
            if "weights" in entry
            else None
        )
        joints = joints_of(get_reference(doc.tree, "skins", entry, "skin", where)) if "skin" in entry else None
        worlds = read_instances(doc, node)
        if not len(worlds):
            continue
        for part in parts_of(i, weights, joints is not None):
            placement = Placement(part, worlds, None, where)
            if joints is not None and part.joints is not None:
                if part.joints.max() >= len(joints):
                    raise UserError(f"{part.where}.attributes.JOINTS_0: joint {part.joints.max()} of {len(joints)}")
                placement = Placement(part, node.world[None], joints, where)
            spent.add_instances(part, len(placement.worlds), where)
            groups[part.material, part.kind].append(placement)
    if not groups:
        raise UserError("file: has no triangles")
    present = {key: [slot for slot in (0, 1) if key[1][1 + slot]] for key in groups}
    wanted = [
        use.picture
        for key in groups
        for use in look_at(key[0]).uses.values()
        if look_at(key[0]).slots.get(use.uv_set) in present[key]
    ]
    pixels = read_pictures(doc, wanted)
    dressed = cache(lambda material, slots: look_at(material).dressed(slots, pixels))
    return tuple(
        joined(placements, dressed(key[0], tuple(present[key])))
        for key, placements in counted("geometry", groups.items(), len(groups))
    )


def _note_what_is_not_read(doc: Document) -> None:
    if get_list(doc.tree, "animations", ""):
        doc.note("animations", "are not shown; everything stands at rest")
    known = READ | SILENT | WAYS_OUT.keys()  # where the last can be ignored, there is plain data beside it
    told = " ".join(doc.oddities)
    for name in get_list(doc.tree, "extensionsUsed", ""):
        if isinstance(name, str) and name not in known and shown(name) not in told:
            doc.note("extensionsUsed", f"the extension {shown(name)} is not read; what it changes is not shown")


def _seen(scene: Scene, camera: Camera) -> Scene:
    """The scene from a camera. The target lies ahead, as far away as the middle of everything."""
    middle = np.mean(scene.bounds, 0, dtype=np.float64)
    x, y, z = (camera.eye - camera.back * (np.linalg.norm(middle - camera.eye) or scene.size)).tolist()
    ex, ey, ez = camera.eye.tolist()
    return replace(scene, eye=(ex, ey, ez), target=(x, y, z), fov=camera.fov)
