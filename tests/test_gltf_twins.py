"""Tests of glTF by twins: content in the most complicated legal form reads exactly as in the plainest form."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import gltf_twins as twins
import numpy as np
import pytest
from gltf_files import (
    CORNERS,
    FACES,
    ONE,
    UVS,
    Tree,
    add_accessor,
    add_buffer_view,
    add_mesh,
    add_node,
    assert_near,
    encode_png,
    make_empty,
    make_tetrahedron,
    read_mesh,
    read_scene,
    sort_triangles,
    write_glb,
)
from gltf_twins import CONTAINERS, LAYOUTS, compute_mesh, decode_all, make_nodes, make_numbers, refer_light, write_scene
from ssdo.arrays import Array, Bytes, Doubles, Longs
from ssdo.scene.files import gltf
from ssdo.scene.model import MIN_OPAQUE_ALPHA, DirectionalLight, ImageTexture, Material, Mesh, PunctualLight
from ssdo.settings import Vec3
from test_gltf_features import NORMALS

# ---- arrays and nodes ------------------------------------------------------------------------------------------------


def assert_same_mesh(mesh: Mesh, twin: Mesh, where: str) -> None:
    """Every array is equal bit for bit."""
    for field in dataclasses.fields(Mesh):
        if field.name != "material":
            np.testing.assert_array_equal(
                getattr(mesh, field.name), getattr(twin, field.name), f"{field.name}, {where}"
            )


@pytest.mark.slow
def test_storage_of_arrays(tmp_path: Path) -> None:
    """Component types, strides, offsets, sparse values, interleaving: of every array, each with each.

    The two buffers are in the file, beside it, and in URIs.
    """
    for step in range(twins.MAX_STEPS):
        arrays, kinds = make_numbers(step)
        nodes, plain = make_nodes(step), decode_all(arrays, kinds)
        (twin,) = gltf.read_gltf(write_scene(tmp_path, plain, dict.fromkeys(plain, ""), nodes)).meshes
        for k, layout in enumerate(LAYOUTS):
            layout = layout._replace(container=CONTAINERS[(k + step) % len(CONTAINERS)])
            path = write_scene(tmp_path, arrays, kinds, nodes, layout, second_uvs=(1, 2, 7)[k % 3])
            scene = gltf.read_gltf(path)
            assert_same_mesh(scene.meshes[0], twin, f"{layout}, {kinds}")
            assert len(scene.meshes) == 1


SIGNS = tuple(itertools.product((1, -1), repeat=3))


@pytest.mark.parametrize("as_matrix", tuple(itertools.product((False, True), repeat=2)))
def test_transforms(tmp_path: Path, as_matrix: tuple[bool, bool]) -> None:
    """Translation, rotation and uneven scale in two nested nodes, mirrored or not, of all that a node can carry."""
    arrays = decode_all(*make_numbers(0))
    for seed, (parent_signs, child_signs) in enumerate(itertools.product(SIGNS[:2], SIGNS)):
        nodes = make_nodes(seed, parent_signs, child_signs, as_matrix=as_matrix)
        scene = gltf.read_gltf(write_scene(tmp_path, arrays, dict.fromkeys(arrays, ""), nodes))
        (mesh,) = scene.meshes
        expected = compute_mesh(arrays, nodes)
        np.testing.assert_array_equal(mesh.triangles, expected.pop("triangles"))
        for name, values in expected.items():
            assert_near(getattr(mesh, name), values, atol=4e-6)  # eight times the largest rounding of coordinates to 11
        world = nodes.parent.compute_matrix() @ nodes.child.compute_matrix()
        position, back = world[:3, 3], twins.normalize(world[:3, 2])
        assert scene.eye is not None and scene.target is not None and scene.fov == pytest.approx(math.degrees(0.875))
        assert_near(scene.eye, position)
        assert_near(twins.normalize(np.subtract(scene.target, scene.eye)), -back)
        assert_near(compute_direction(scene.sun), back)
        point, spot = scene.lights
        assert_near((point.position, spot.position), (position, position))
        assert_near(spot.direction, -back)


def compute_direction(sun: DirectionalLight) -> Doubles:
    """The direction to the sun, from its angles: from north (-z) towards east (+x), and above the horizon."""
    azimuth, elevation = math.radians(sun.azimuth), math.radians(sun.elevation)
    x, z = math.sin(azimuth) * math.cos(elevation), -math.cos(azimuth) * math.cos(elevation)
    return np.array((x, math.sin(elevation), z))


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("kind", [None, "u1", "u2", "u4"])
@pytest.mark.parametrize("mode", [4, 5, 6])
def test_modes_and_windings(tmp_path: Path, mode: int, kind: str | None, is_mirrored: bool) -> None:
    """Triangles as section 3.7.2.1 lists them, with and without indices. A mirror reverses their winding."""
    points = np.random.default_rng(mode).uniform(-1, 1, (7, 3)).round(3).astype("f4")
    # Three degenerate triangles join two strips: the winding of those after them alternates by place in the file.
    order = [5, 0, 1, 2, 2, 2, 6, 4, 3] if kind else list(range(7))
    v = order[: len(order) // 3 * 3] if mode == 4 else order
    count = {4: len(v) // 3, 5: len(v) - 2, 6: len(v) - 2}[mode]
    listed = {
        4: [(v[3 * i], v[3 * i + 1], v[3 * i + 2]) for i in range(count)] if mode == 4 else [],
        5: [(v[i], v[i + 1 + i % 2], v[i + 2 - i % 2]) for i in range(count)],
        6: [(v[i + 1], v[i + 2], v[0]) for i in range(count)],
    }[mode]
    triangles = np.array([t for t in listed if mode == 4 or len(set(t)) == 3])
    scale = np.array((-2, 1, 0.5) if is_mirrored else (2, 1, 0.5), "f4")
    twin = Mesh(points * scale, (triangles[:, ::-1] if is_mirrored else triangles).astype("i4"))
    tree, binary = make_empty()
    indices = {"indices": np.array(order, kind)} if kind else {}
    add_mesh(tree, binary, POSITION=points, **indices)["mode"] = mode
    tree["nodes"][0]["scale"] = scale.tolist()
    np.testing.assert_array_equal(sort_triangles(read_mesh(tmp_path, tree, binary)), sort_triangles(twin))


def test_shared_accessors_are_independent(tmp_path: Path) -> None:
    """Meshes that share accessors, some of them morphed, by weights of the mesh or of a node, read as if alone."""
    rng = np.random.default_rng(4)
    offsets = rng.uniform(-1, 1, (3, 4, 3)).astype("f4")
    tree, binary = make_tetrahedron()
    (plain,) = tree["meshes"][0]["primitives"]
    targets = [{"POSITION": add_accessor(tree, binary, values)} for values in offsets]
    own_target = {"POSITION": plain["attributes"]["POSITION"]}  # the positions themselves
    tree["meshes"] = [
        {"primitives": [{**plain, "targets": targets}], "weights": [0.5, 0, -2]},
        {"primitives": [plain]},
        {"primitives": [{**plain, "targets": [own_target]}], "weights": [0.25]},
        {"primitives": [{**plain, "targets": targets}]},
    ]
    weights: list[tuple[int, list[float] | None]] = [
        (0, None), (1, None), (0, [0, 3, 1]), (2, None), (3, None), (0, [1, 0, 0]), (3, [0, 1, 0]), (0, None), (1, None)
    ]  # fmt: skip
    tree["nodes"] = [{"mesh": i, **({"weights": w} if w else {})} for i, w in weights]
    tree["scenes"][0]["nodes"] = list(range(len(weights)))
    actual = read_mesh(tmp_path, tree, binary).positions.reshape(-1, 4, 3)
    defaults = {0: (0.5, 0, -2), 3: (0, 0, 0)}
    for positions, (i, w) in zip(actual, weights, strict=True):
        displacements = np.tensordot(w or defaults[i], offsets, 1) if i in defaults else CORNERS * {1: 0, 2: 0.25}[i]
        assert_near(positions, CORNERS + displacements)


# ---- textures --------------------------------------------------------------------------------------------------------

CLAMP, MIRROR, REPEAT = 33071, 33648, 10497
WRAPS = tuple(itertools.product((None, REPEAT, CLAMP, MIRROR), repeat=2))
PLACEMENTS: tuple[Tree, ...] = ({}, {"offset": [0.3, -0.65], "rotation": 0.7, "scale": [2, -3.5]})
# How a textureInfo names its UV set, and the set.
UV_CHOICES: tuple[tuple[Tree, Tree, int], ...] = (
    ({}, {}, 0),
    ({"texCoord": 1}, {}, 1),
    ({}, {"texCoord": 1}, 1),
    ({"texCoord": 1}, {"texCoord": 0}, 0),  # the extension's wins
)
SPECULAR_GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
GLOSSINESS = 0.75


class Slot(NamedTuple):
    """A texture of a material: where it goes, and what becomes of its pixels."""

    field: str
    make_material: Callable[[Tree], Tree]
    convert: Callable[[Bytes], Array] = lambda pixels: pixels


def convert_glossiness(pixels: Bytes) -> Array:
    """Roughness in green and a metallic factor of 1 in blue, of a glossiness in alpha."""
    full = np.full(pixels.shape[:-1], 255.0)
    return np.stack([0 * full, 255 - GLOSSINESS * pixels[..., 3], full, full], -1)


def convert_strength(pixels: Bytes, channel: int = 3) -> Array:
    """Grey of a linear strength in one channel."""
    linear = pixels[..., channel, None] / 255
    grey = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.concatenate([grey, grey, grey, np.full_like(grey, 255)], -1)


def make_coated(more: Tree) -> Tree:
    return {"extensions": {"KHR_materials_clearcoat": {"clearcoatFactor": 0.5, **more}}}


SLOTS = {
    "baseColorTexture": Slot("albedo_texture", lambda info: {"pbrMetallicRoughness": {"baseColorTexture": info}}),
    "metallicRoughnessTexture": Slot(
        "metallic_roughness_texture", lambda info: {"pbrMetallicRoughness": {"metallicRoughnessTexture": info}}
    ),
    "normalTexture": Slot("normal_texture", lambda info: {"normalTexture": info}),
    "occlusionTexture": Slot("occlusion_texture", lambda info: {"occlusionTexture": info}),
    "emissiveTexture": Slot(
        "emission_texture", lambda info: {"emissiveTexture": info, "emissiveFactor": [0, 0, 0.001]}
    ),
    "unlit": Slot(
        "emission_texture",
        lambda info: {
            "pbrMetallicRoughness": {"baseColorTexture": info},
            "extensions": {"KHR_materials_unlit": {}},
        },
    ),
    "unlit mask": Slot(
        "albedo_texture",
        lambda info: {
            "pbrMetallicRoughness": {"baseColorTexture": info},
            "extensions": {"KHR_materials_unlit": {}},
            "alphaMode": "MASK",
        },
    ),
    "diffuseTexture": Slot(
        "albedo_texture", lambda info: {"extensions": {SPECULAR_GLOSSINESS: {"diffuseTexture": info}}}
    ),
    "specularGlossinessTexture": Slot(
        "metallic_roughness_texture",
        lambda info: {
            "extensions": {SPECULAR_GLOSSINESS: {"specularGlossinessTexture": info, "glossinessFactor": GLOSSINESS}}
        },
        convert_glossiness,
    ),
    "specularGlossinessTexture F0": Slot(
        "f0_texture", lambda info: {"extensions": {SPECULAR_GLOSSINESS: {"specularGlossinessTexture": info}}}
    ),
    "specularColorTexture": Slot(
        "f0_texture", lambda info: {"extensions": {"KHR_materials_specular": {"specularColorTexture": info}}}
    ),
    "specularTexture": Slot(
        "f0_texture",
        lambda info: {"extensions": {"KHR_materials_specular": {"specularTexture": info}}},
        convert_strength,
    ),
    "clearcoatTexture": Slot(
        "coat.f0_texture",
        lambda info: make_coated({"clearcoatTexture": info}),
        lambda pixels: convert_strength(pixels, 0),
    ),
    "clearcoatRoughnessTexture": Slot(
        "coat.metallic_roughness_texture", lambda info: make_coated({"clearcoatRoughnessTexture": info})
    ),
    "clearcoatNormalTexture": Slot("coat.normal_texture", lambda info: make_coated({"clearcoatNormalTexture": info})),
}
IMAGES = [
    np.arange(1, 1 + 4 * h * w, dtype="u1").reshape(h, w, 4) * np.uint8(factor)
    for h, w, factor in ((3, 2, 7), (2, 5, 5), (4, 3, 3))
]


def wrap(p: Doubles, mode: int | None) -> Doubles:
    """Texture coordinates in OpenGL's wrap modes (4.1, table 3.20)."""
    if mode == CLAMP:
        return np.clip(p, 0, 1 - 1e-9)
    return 1 - np.abs(p % 2 - 1) if mode == MIRROR else p % 1


def find_texels(uvs: Doubles, shape: tuple[int, ...], placement: Tree, modes: Sequence[int | None]) -> Longs:
    """(n, 2) rows and columns of an image that (n, 2) UVs show: scaled, rotated and moved, then wrapped.

    A texel is -1 where rounding decides.
    """
    angle = placement.get("rotation", 0)
    # v points down: counter-clockwise as seen
    rotation = np.array([(math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))])
    transformed_uvs = (uvs * placement.get("scale", 1)) @ rotation.T + placement.get("offset", 0)
    wrapped = np.stack([wrap(transformed_uvs[:, k], modes[k]) for k in range(2)], 1) * (shape[1], shape[0])
    is_edge = np.abs(wrapped - np.rint(wrapped)) < 1e-6
    is_edge[:, 0] &= modes[0] != CLAMP  # clamped values are edges, but certain
    is_edge[:, 1] &= modes[1] != CLAMP
    texels = np.where(is_edge.any(1, keepdims=True), -1, np.floor(wrapped))
    return texels[:, ::-1].astype(np.int64)


def sample_texture(texture: ImageTexture, uvs: Doubles) -> Bytes:
    """(n, 4) pixels at (n, 2) UVs, as ImageTexture defines them."""
    h, w = texture.pixels.shape[:2]
    rows = np.array(texture.transform)
    x, y = (
        np.clip(p, 0, 1 - 1e-9) if clamp else p % 1
        for p, clamp in zip((uvs @ rows[:, :2].T + rows[:, 2]).T, texture.clamp, strict=True)
    )
    pixels: Bytes = texture.pixels[(y * h).astype(int), (x * w).astype(int)]
    return pixels


@pytest.mark.parametrize("name", SLOTS)
def test_textures(tmp_path: Path, name: str) -> None:
    """Wrap modes in u and v, transforms, UV sets and images of every texture, each with each."""
    slot = SLOTS[name]
    second_uvs = UVS[::-1] * np.float32(0.5) + ONE
    tree, binary = make_tetrahedron(NORMAL=NORMALS, TEXCOORD_0=UVS, TEXCOORD_1=second_uvs)
    (primitive,) = tree["meshes"][0]["primitives"]
    tree["images"] = [{"bufferView": add_buffer_view(tree, binary, encode_png(pixels))} for pixels in IMAGES]
    tree["samplers"] = [
        {key: mode for key, mode in zip(("wrapS", "wrapT"), modes, strict=True) if mode} for modes in WRAPS[::-1]
    ]
    tree["textures"] = [
        {"source": (k + image) % 3, "sampler": len(WRAPS) - 1 - k}
        for k, image in itertools.product(range(len(WRAPS)), range(3))
    ]
    cases = tuple(itertools.product(range(len(WRAPS)), PLACEMENTS, UV_CHOICES))
    materials, primitives = [], []
    for i, (k, placement, (info, override, _)) in enumerate(cases):
        extension = placement | override
        info = {**info, "index": 3 * k + i % 3}
        if extension:
            info["extensions"] = {"KHR_texture_transform": extension}
        materials.append(slot.make_material(info))
        primitives.append({**primitive, "material": i})
    tree["materials"], tree["meshes"][0]["primitives"] = materials, primitives
    points = np.random.default_rng(3).uniform(-2.5, 2.5, (60, 2))
    meshes = read_scene(tmp_path, tree, binary).meshes
    for i, (mesh, (k, placement, (_, _, uv_set))) in enumerate(zip(meshes, cases, strict=True)):
        texture, uvs = attrgetter(slot.field)(mesh.material), None
        assert texture is not None
        uvs = (mesh.uvs, mesh.uvs2)[texture.uv_set]
        assert uvs is not None
        np.testing.assert_array_equal(uvs[mesh.triangles], (UVS, second_uvs)[uv_set][FACES])
        image = slot.convert(IMAGES[(k + i % 3) % 3])
        texels = find_texels(points, image.shape, placement, WRAPS[k])
        certain = texels[:, 0] >= 0
        rows, columns = texels[certain].T
        assert certain.sum() > 50
        # Half a step, where pixels are converted.
        assert_near(sample_texture(texture, points[certain]), image[rows, columns], atol=0.5)


def test_all_textures_have_a_slot() -> None:
    fields = {field.name for field in dataclasses.fields(Material) if "ImageTexture" in str(field.type)}
    assert fields == {slot.field for slot in SLOTS.values() if not slot.field.startswith("coat.")}


# ---- factors ---------------------------------------------------------------------------------------------------------

FACTORS: tuple[Tree, ...] = (
    {"name": "polished Öl"},
    {"pbrMetallicRoughness": {"baseColorFactor": [0.125, 0.5, 0.75, 0.25]}},
    {"pbrMetallicRoughness": {"metallicFactor": 0.375}},
    {"pbrMetallicRoughness": {"metallicFactor": 0}},
    {"pbrMetallicRoughness": {"roughnessFactor": 0.625}},
    {"pbrMetallicRoughness": {"roughnessFactor": 0}},
    {"emissiveFactor": [0.25, 0.5, 1]},
    {"emissiveFactor": [0, 0, 0.125]},
    *({"extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": s}}} for s in (0, 0.5, 20, 6e4)),
    {"extensions": {"KHR_materials_ior": {"ior": 1.75}}},
    {"extensions": {"KHR_materials_specular": {"specularFactor": 0.25}}},
    {"extensions": {"KHR_materials_specular": {"specularColorFactor": [0.125, 0.25, 1.5]}}},
    {"extensions": {"KHR_materials_clearcoat": {"clearcoatFactor": 0.25, "clearcoatRoughnessFactor": 0.75}}},
    {"normalTexture": {"scale": 1.5}},
    {"normalTexture": {"scale": -0.75}},
    {"occlusionTexture": {"strength": 0.25}},
    {"alphaMode": "MASK"},
    {"alphaMode": "MASK", "alphaCutoff": 0.75},
    {"alphaMode": "BLEND"},
    {"alphaMode": "OPAQUE"},
    {"doubleSided": True},
    {"extensions": {"KHR_materials_unlit": {}}},
)
TEXTURES: Tree = {
    "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicRoughnessTexture": {"index": 1}},
    **{key: {"index": i} for i, key in enumerate(("normalTexture", "occlusionTexture", "emissiveTexture"), 2)},
}


def merge_trees(*trees: Tree) -> Tree:
    """One tree with the members of all; later trees win."""
    merged: Tree = {}
    for tree in trees:
        for key, value in tree.items():
            both = isinstance(value, dict) and key in merged
            merged[key] = merge_trees(merged[key], value) if both else copy.deepcopy(value)
    return merged


def compute_factors(material: Tree) -> Tree:
    """The fields of Material without textures, by the definitions of the specification and its extensions."""
    pbr, extensions = material.get("pbrMetallicRoughness", {}), material.get("extensions", {})
    *albedo, opacity = pbr.get("baseColorFactor", (1, 1, 1, 1))
    mode = material.get("alphaMode", "OPAQUE")
    ior = extensions.get("KHR_materials_ior", {}).get("ior", 1.5)
    specular = extensions.get("KHR_materials_specular", {})
    strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1)
    fields = {
        "albedo": albedo,
        "emission": [strength * c for c in material.get("emissiveFactor", (0, 0, 0))],
        "metallic": pbr.get("metallicFactor", 1),
        "roughness": pbr.get("roughnessFactor", 1),
        "f0": [
            min(((ior - 1) / (ior + 1)) ** 2 * c, 1) * specular.get("specularFactor", 1)
            for c in specular.get("specularColorFactor", (1, 1, 1))
        ],
        "normal_scale": material.get("normalTexture", {}).get("scale", 1),
        "occlusion_strength": material.get("occlusionTexture", {}).get("strength", 1),
        "opacity": 1 if mode == "OPAQUE" else opacity,
        "alpha_cutoff": {"OPAQUE": 0, "BLEND": MIN_OPAQUE_ALPHA, "MASK": material.get("alphaCutoff", 0.5)}[mode],
        "double_sided": material.get("doubleSided", False),
        "blending": "alpha" if mode == "BLEND" else "none",
        "has_tinted_emission": "KHR_materials_unlit" in extensions,
        "name": material.get("name", ""),
        "coat": compute_coat(material),
    }
    if "KHR_materials_unlit" in extensions:  # emits its base colour, and reflects nothing
        fields |= {"albedo": (0, 0, 0), "emission": albedo, "metallic": 0, "f0": (0, 0, 0)}
    return fields


def compute_coat(material: Tree) -> Tree | None:
    """The fields of the coat; None without one, or where it is not shown."""
    extensions = material.get("extensions", {})
    coat = extensions.get("KHR_materials_clearcoat", {})
    if not coat or "KHR_materials_unlit" in extensions or material.get("alphaMode", "OPAQUE") != "OPAQUE":
        return None
    plain = compute_factors({"doubleSided": material.get("doubleSided", False)})
    return plain | {
        "f0": [0.04 * coat["clearcoatFactor"]] * 3,
        "metallic": 0,
        "roughness": coat["clearcoatRoughnessFactor"],
        "opacity": 0,
        "alpha_cutoff": MIN_OPAQUE_ALPHA,
        "blending": "transmission",
    }


def assert_factors(material: Material, tree: Tree) -> None:
    """Every field that is no texture has the value that the tree gives it."""
    assert_fields(material, compute_factors(tree), tree)


def assert_fields(material: Material, expected: Tree, tree: Tree) -> None:
    names = {field.name for field in dataclasses.fields(Material) if not field.name.endswith("texture")}
    assert names == expected.keys()
    for name, value in expected.items():
        actual = getattr(material, name)
        if name == "coat":
            assert (actual is None) == (value is None), tree
            if value is not None:
                assert_fields(actual, value, tree)
            continue
        assert actual == (value if isinstance(value, (str, bool)) else pytest.approx(value, rel=1e-9)), (name, tree)


@pytest.mark.slow
def test_factors(tmp_path: Path) -> None:
    """Every factor alone and every two, with and without textures and vertex colours.

    The meshes name the materials in another order than the file.
    """
    colors = np.random.default_rng(1).random((4, 4)).astype("f4")
    tree, binary = make_tetrahedron(NORMAL=NORMALS, TEXCOORD_0=UVS, COLOR_0=colors)
    tree["images"] = [{"bufferView": add_buffer_view(tree, binary, encode_png(pixels))} for pixels in IMAGES]
    tree["textures"] = [{"source": i % 3} for i in range(5)]
    (primitive,) = tree["meshes"][0]["primitives"]
    factor_sets = [(), *itertools.combinations(FACTORS, 1), *itertools.combinations(FACTORS, 2)]
    materials = [merge_trees(*factors, *more) for factors in factor_sets for more in ((), (TEXTURES,))]
    for material in materials:  # only a texture has a scale or a strength
        for i, key in enumerate(("normalTexture", "occlusionTexture"), 2):
            if key in material:
                material[key]["index"] = i
    order = np.random.default_rng(2).permutation(len(materials)).tolist()
    tree["materials"] = materials
    tree["meshes"][0]["primitives"] = [{**primitive, "material": i} for i in order]
    meshes = read_scene(tmp_path, tree, binary).meshes
    for i, mesh in zip(order, meshes, strict=True):
        material, m = materials[i], mesh.material
        assert_factors(m, material)
        assert mesh.colors is not None
        np.testing.assert_array_equal(mesh.colors[mesh.triangles], colors[FACES])
        if "KHR_materials_unlit" not in material.get("extensions", {}):
            textures = [m.albedo_texture, m.metallic_roughness_texture, m.normal_texture, m.occlusion_texture]
            keys = ("normalTexture", "occlusionTexture")
            has_base = "baseColorTexture" in material.get("pbrMetallicRoughness", {})
            assert [t is not None for t in textures] == [has_base, has_base, *(key in material for key in keys)]
            assert (m.emission_texture is not None) == ("emissiveTexture" in material and any(m.emission))


@pytest.mark.parametrize("has_texture", [False, True])
def test_specular_glossiness(tmp_path: Path, has_texture: bool) -> None:
    """Its factors with each of the others, which keep their meaning; only metallic-roughness has none beside it."""
    tree, binary = make_tetrahedron(TEXCOORD_0=UVS)
    tree["images"] = [{"bufferView": add_buffer_view(tree, binary, encode_png(IMAGES[0]))}]
    tree["textures"] = [{"source": 0}]
    (primitive,) = tree["meshes"][0]["primitives"]
    speculars, diffuses = ([0, 0, 0], [0.03, 0.04, 0.05], [0.9, 0.75, 0.5]), ([0, 0, 0, 1], [0.3, 0.2, 0.6, 0.75])
    cases = (
        *itertools.product(speculars, diffuses, (0, 0.25, 1), ({},)),
        *itertools.product(speculars, diffuses[1:], (0.25,), FACTORS),
    )
    for specular, diffuse, glossiness, factor in cases:
        extension: Tree = {"specularFactor": specular, "diffuseFactor": diffuse, "glossinessFactor": glossiness}
        more: Tree = {"diffuseTexture": {"index": 0}} if has_texture else {}
        tree["materials"].append(merge_trees(factor, {"extensions": {SPECULAR_GLOSSINESS: extension | more}}))
    for material in tree["materials"]:
        for key in ("normalTexture", "occlusionTexture"):
            if key in material:
                material[key]["index"] = 0
    tree["meshes"][0]["primitives"] = [{**primitive, "material": i} for i in range(len(cases))]
    meshes = read_scene(tmp_path, tree, binary).meshes
    for mesh, (specular, diffuse, glossiness, factor) in zip(meshes, cases, strict=True):
        twin = {"baseColorFactor": diffuse, "metallicFactor": 0, "roughnessFactor": 1 - glossiness}
        is_unlit = "KHR_materials_unlit" in factor.get("extensions", {})
        expected = compute_factors(merge_trees(factor, {"pbrMetallicRoughness": twin}))
        expected["f0"] = (0,) * 3 if is_unlit else specular
        assert_fields(mesh.material, expected, factor)
        if not is_unlit:
            assert (mesh.material.albedo_texture is not None) == has_texture


# ---- cameras and lights ----------------------------------------------------------------------------------------------


def test_lenses(tmp_path: Path) -> None:
    """The vertical field of view is that of the camera, whatever its other members."""
    others: tuple[Tree, ...] = ({}, {"aspectRatio": 2.5}, {"aspectRatio": 0.4, "zfar": 7})
    cases = tuple(itertools.product((0.1, 0.9, 2.9), others))
    tree, binary = make_tetrahedron()
    for i, (yfov, more) in enumerate(cases):
        tree["cameras"].append({"type": "perspective", "perspective": {"yfov": yfov, "znear": 0.25, **more}})
        add_node(tree, camera=i, translation=[i, 0, 9])
        add_node(tree, camera=i, translation=[5, 5, 5])  # a camera stands at its first node
    path = write_glb(tmp_path / "a.glb", tree, binary)
    for i, (yfov, _) in enumerate(cases):
        scene = gltf.read_gltf(path, camera=i)
        assert scene.fov == pytest.approx(math.degrees(yfov)) and scene.eye == (i, 0, 9)


COLORS: tuple[Tree, ...] = ({}, {"color": [1, 0.5, 0.25]})
INTENSITIES: tuple[Tree, ...] = ({}, {"intensity": 0.125}, {"intensity": 54321})
RANGES: tuple[Tree, ...] = ({}, {"range": 2.5})
CONES: tuple[Tree, ...] = (
    {}, {"innerConeAngle": 0.25}, {"outerConeAngle": 0.5}, {"innerConeAngle": 1, "outerConeAngle": 1.5}
)  # fmt: skip


def test_members_of_lights(tmp_path: Path) -> None:
    """Every kind of light with every member, alone and together."""
    lights: list[Tree] = [
        {"type": kind, **color, **intensity, **light_range, **({"spot": cone} if kind == "spot" else {})}
        for kind, cones in (("point", CONES[:1]), ("spot", CONES))
        for color, intensity, light_range, cone in itertools.product(COLORS, INTENSITIES, RANGES, cones)
    ]
    suns: list[Tree] = [{"type": "directional", **c, **i} for c, i in itertools.product(COLORS, INTENSITIES)]
    tree, binary = make_tetrahedron()
    tree["extensions"] = {"KHR_lights_punctual": {"lights": suns + lights}}
    count = len(suns + lights)
    for i in reversed(range(count)):
        add_node(tree, translation=[i, 2 * i, 3], extensions=refer_light(i))
    path = write_glb(tmp_path / "a.glb", tree, binary)
    for i, sun in enumerate(suns):
        expected = DirectionalLight(180, 0, sun.get("intensity", 1), tuple(sun.get("color", (1, 1, 1))))
        assert gltf.read_gltf(path, light=i).sun == expected
    scene = gltf.read_gltf(path)
    for i, actual, light in zip(range(count - 1, len(suns) - 1, -1), scene.lights, lights[::-1], strict=True):
        twin = make_light(light, (i, 2 * i, 3))
        for field in dataclasses.fields(PunctualLight):
            assert getattr(actual, field.name) == pytest.approx(getattr(twin, field.name)), (field.name, light)


def make_light(light: Tree, position: Vec3) -> PunctualLight:
    """A light in a node without a rotation, by the extension's definitions."""
    intensity = np.multiply(light.get("intensity", 1), light.get("color", (1, 1, 1)))
    point = PunctualLight(position, tuple(intensity.tolist()), range=light.get("range", math.inf))
    if light["type"] == "point":
        return point
    inner, outer = (
        light["spot"].get(f"{k}ConeAngle", default) for k, default in (("inner", 0), ("outer", math.pi / 4))
    )
    return dataclasses.replace(
        point, direction=(0, 0, -1), inner_cone_angle=math.degrees(inner), outer_cone_angle=math.degrees(outer)
    )
