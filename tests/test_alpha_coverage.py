"""Alpha masks cover as much of a surface at every distance, in pictures and in shadows, as rays find.

Rays sample the finest mip level. So all coverage is compared with that of the interpolated image, computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from render_small import register_scene, render_small
from ssdo.arrays import Bytes, Doubles
from ssdo.gpu import upload
from ssdo.gpu.context import Gpu
from ssdo.gpu.mipmaps import _sample_alpha, compute_mips, preserve_coverage
from ssdo.render.mesh_buffers import upload_scene
from ssdo.scene.model import ImageTexture, Material, Mesh, Scene
from ssdo.scene.modelling.shapes import make_quad

SIZE = 128  # of the images, texels
MAX_ERROR = 0.05  # of coverage, relative


def make_coordinates() -> tuple[Doubles, Doubles]:
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    return x, y


def wrap(offset: Doubles) -> Doubles:
    """To the nearest repetition of the image."""
    wrapped: Doubles = (offset + SIZE / 2) % SIZE - SIZE / 2
    return wrapped


def draw_discs() -> Doubles:
    x, y = make_coordinates()
    centers = np.random.default_rng(1).uniform(0, SIZE, (40, 2))
    distance: Doubles = np.min([np.hypot(wrap(x - cx), wrap(y - cy)) for cx, cy in centers], 0)
    return np.clip(6.5 - distance, 0, 1)


def draw_blades() -> Doubles:
    """Blades of grass: 24 to 50 texels long and 3 wide."""
    x, y = make_coordinates()
    rng = np.random.default_rng(2)
    alpha = np.zeros((SIZE, SIZE))
    for cx, cy, half_length, angle in rng.uniform((0, 0, 12, 0), (SIZE, SIZE, 25, np.pi), (50, 4)):
        dx, dy = wrap(x - cx), wrap(y - cy)
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        width = 1.5 * (1 - np.abs(along) / half_length) + 0.5
        alpha = np.maximum(alpha, np.clip(width - np.abs(across), 0, 1) * (np.abs(along) < half_length))
    return alpha


def draw_stripes() -> Doubles:
    x, y = make_coordinates()
    return np.clip(0.5 + 3 * np.sin(2 * np.pi * (3 * x + 5 * y) / SIZE), 0, 1)


def draw_noise() -> Doubles:
    return np.random.default_rng(3).random((SIZE, SIZE))


def draw_leaves() -> Doubles:
    """Soft blotches of several sizes."""
    x, y = make_coordinates()
    rng = np.random.default_rng(4)
    waves = rng.integers(-9, 10, (60, 2))
    phases = rng.uniform(0, 2 * np.pi, 60)
    values = np.zeros((SIZE, SIZE))
    for (i, j), phase in zip(waves, phases, strict=True):
        values += np.sin(2 * np.pi * (i * x + j * y) / SIZE + phase)
    return np.clip(0.5 + 0.15 * values, 0, 1)


def draw_pixels() -> Doubles:
    return (np.random.default_rng(6).random((SIZE, SIZE)) < 0.3).astype("f8")


PATTERNS = {
    "pixels": draw_pixels,
    "discs": draw_discs,
    "blades": draw_blades,
    "stripes": draw_stripes,
    "noise": draw_noise,
    "leaves": draw_leaves,
}


def make_image(pattern: str) -> Bytes:
    image = np.full((SIZE, SIZE, 4), 200, "u1")
    image[..., 3] = np.rint(255 * PATTERNS[pattern]())
    return image


def measure_coverage(image: Bytes, cutoff: float, samples: int = 8) -> float:
    """The fraction of a repeated image whose bilinear alpha is at least the cutoff: `samples`^2 points per texel."""
    alpha = image[..., 3].astype("f8") / 255
    right = np.roll(alpha, -1, 1)
    counts = []
    for fy in (np.arange(samples) + 0.5) / samples:
        for fx in (np.arange(samples) + 0.5) / samples:
            row = (1 - fx) * alpha + fx * right
            counts.append(np.mean((1 - fy) * row + fy * np.roll(row, -1, 0) >= cutoff))
    return float(np.mean(counts))


# ---- mip levels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("cutoff", [0.1, 0.5, 0.9])
def test_mip_levels_cover_as_much(pattern: str, cutoff: float) -> None:
    """All that are kept, and those that are left out are small; colours stay."""
    image = make_image(pattern)
    levels = compute_mips(image, srgb=True)
    kept = preserve_coverage(image, levels, cutoff)
    coverage = measure_coverage(image, cutoff)
    for level, plain in zip(kept, levels, strict=False):
        np.testing.assert_array_equal(level[..., :3], plain[..., :3])
        # chosen at 16384 points, within 2 % there
        assert abs(measure_coverage(level, cutoff, min(512 // len(level), 32)) - coverage) < 0.04 * coverage + 0.002
    assert pattern == "pixels" or len(kept) >= (4 if coverage > 0.05 else 2)


def test_images_without_an_edge_keep_their_mip_levels() -> None:
    """Those that are opaque or empty at the cutoff. A level as even as one texel covers all or nothing."""
    image = make_image("leaves")
    levels = compute_mips(image, srgb=True)
    image[..., 3] = 255 - image[..., 3] // 4
    for cutoff in (0.3, 0.999):
        opaque = np.maximum(image, (0, 0, 0, 255)).astype("u1") if cutoff > 0.5 else image
        for kept, level in zip(preserve_coverage(opaque, levels, cutoff), levels, strict=True):
            assert kept is level
    checker = np.full((16, 16, 4), 255, "u1")
    checker[np.indices((16, 16)).sum(0) % 2 == 0, 3] = 0
    assert not preserve_coverage(checker, compute_mips(checker, srgb=True), 0.5)
    texel = checker[:1, :1]
    assert not preserve_coverage(texel, compute_mips(texel, srgb=True), 0.5)


@pytest.mark.parametrize("clamp", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("is_column", [False, True])
def test_coverage_counts_what_clamping_shows(clamp: tuple[bool, bool], is_column: bool) -> None:
    """An opaque row or column at the image's end: repeated, it has two edges, clamped one."""
    image = np.zeros((4, 4, 4), "u1")
    if is_column:
        image[:, 3, 3] = 255
    else:
        image[3, :, 3] = 255
    # Alpha is 0.25 at three quarters of a texel from the centre of the opaque one.
    exact = (0.5 + 0.75) / 4 if clamp[0 if is_column else 1] else 2 * 0.75 / 4
    assert abs(np.mean(_sample_alpha(image, clamp) >= 0.25 * 255) - exact) < 0.001


# ---- pictures --------------------------------------------------------------------------------------------------------

# At 2 a picture shows the image once. Mip levels are a factor of 2 apart.
TEXELS_PER_PIXEL = [0.5, 1, 2, 3, 5, 6, 10, 14, 22, 34, 70, 138]
MATERIALS = {  # image, cutoff, opacity
    "discs": (0.5, 1.0),
    "blades": (0.4, 0.8),
    "stripes": (0.9, 1.0),
    "noise": (0.6, 1.0),
    "leaves": (0.15, 0.5),
}


def make_masked_quad(
    pattern: str, width: float, repeats: float, height: float = 0.0, offset: tuple[float, float] = (0.0, 0.0)
) -> Mesh:
    """A horizontal square, `width` metres wide. `offset`: of the UVs."""
    cutoff, opacity = MATERIALS[pattern]
    material = Material(
        (0.5, 0.5, 0.5), albedo_texture=ImageTexture(make_image(pattern)), opacity=opacity, alpha_cutoff=cutoff
    )
    w = width / 2
    quad = make_quad((-w, height, w), (w, height, w), (w, height, -w), (-w, height, -w), material)
    uvs = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], "f4") * np.float32(repeats)
    return Mesh(quad.positions, quad.triangles, material, quad.normals, uvs + np.array(offset, "f4"))


def expected_coverage(pattern: str) -> float:
    cutoff, opacity = MATERIALS[pattern]
    return measure_coverage(make_image(pattern), cutoff / opacity)


def measure_picture(gpu: Gpu, pattern: str, texels_per_pixel: float) -> float:
    """The fraction of 64 x 64 pixels that a mask covers, seen from above with a picture a metre wide.

    Mean of so many pictures that all parts of the image are shown as often, at several offsets below a pixel.
    """
    values: dict[str, Any] = {"technique": "off", "sun.irradiance": 0.0, "width": 64, "height": 64}
    shown = 64 * texels_per_pixel / SIZE  # images
    pictures = next(n for n in (2, 4) if (n * shown).is_integer())
    coverages = []
    for i, j in np.ndindex(pictures, pictures):
        offset = [0.137 + k * (shown + shown / 64 / pictures) for k in (i, j)]
        quad = make_masked_quad(pattern, 1.2, 1.2 * shown, offset=(offset[0], offset[1]))
        scene = Scene((quad,), (0.0, 2.0, 0.0), (0.0, 0.0, 0.0), float(np.degrees(2 * np.arctan(0.25))))
        name = register_scene("mask", lambda scene=scene: scene)  # type: ignore[misc]
        coverages.append(render_small(gpu, values | {"scene": name}).surface_mask.mean())
    return float(np.mean(coverages))


@pytest.mark.slow
@pytest.mark.parametrize("pattern", MATERIALS)
def test_coverage_stays_over_distance(gpu: Gpu, pattern: str) -> None:
    """Over eight octaves, magnified and minified; between mip levels, too."""
    exact = expected_coverage(pattern)
    assert 0.1 < exact < 0.9
    errors = [measure_picture(gpu, pattern, t) / exact - 1 for t in TEXELS_PER_PIXEL]
    assert np.abs(errors).max() < MAX_ERROR, errors


@pytest.mark.parametrize("limit", [0, 512])
def test_coverage_is_the_same_whoever_makes_the_mip_levels(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """OpenGL, as for large images and on GPUs, or the CPU."""
    monkeypatch.setattr(upload, "CPU_MIPMAP_MAX_SIZE", limit)
    exact = expected_coverage("blades")
    assert abs(measure_picture(gpu, "blades", 14) / exact - 1) < MAX_ERROR


@pytest.mark.parametrize("pattern", MATERIALS)
def test_shadows_cover_as_much(gpu: Gpu, pattern: str) -> None:
    """Of a mask whose texels are smaller than those of the shadow map, on the floor below."""
    mask = make_masked_quad(pattern, 2.0, 2 * 6.25, height=0.5)  # 5 images in the picture
    floor = make_quad((-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1), Material((0.5, 0.5, 0.5)))
    scene = Scene((floor, mask), (0.0, 0.4, 0.0), (0.0, 0.0, 0.0), 90.0)
    values: dict[str, Any] = {
        "technique": "off",
        "sun.irradiance": 1.0,
        "sun.elevation": 90.0,
        "sun.angular_diameter": 0.0,
        "sun.resolution": 256,
        "width": 64,
        "height": 64,
    }
    p = render_small(gpu, values | {"scene": register_scene("shadow of a mask", lambda: scene)})
    exact = expected_coverage(pattern)
    assert p.surface_mask.all() and p.depth.max() < 0.41
    assert abs(1 - float(p.sun_and_lights[..., 0].mean()) - exact) < MAX_ERROR * exact


def test_only_masks_have_mip_levels_of_their_own(gpu: Gpu) -> None:
    """An image is uploaded once for all opaque and blended materials, and once for each cutoff."""
    texture = ImageTexture(make_image("leaves"))

    def make(**values: Any) -> Mesh:
        return make_quad((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), Material(albedo_texture=texture, **values))

    meshes = {
        "opaque": make(),
        "blended": make(alpha_cutoff=0.99, blending="alpha"),
        "transparent": make(alpha_cutoff=0.5, opacity=0.0),
        "below the cutoff": make(alpha_cutoff=0.5, opacity=0.4),
        "mask": make(alpha_cutoff=0.5),
        "the same": make(alpha_cutoff=0.25, opacity=0.5),
        "another": make(alpha_cutoff=0.25),
    }
    buffers = upload_scene(gpu, Scene(tuple(meshes.values())))
    used = {name: part.bindings["albedo_texture"] for name, part in zip(meshes, buffers.mask_ranges, strict=True)}
    assert used["opaque"] is used["blended"] is used["transparent"] is used["below the cutoff"]
    assert used["mask"] is used["the same"]
    assert len({id(used[name]) for name in ("opaque", "mask", "another")}) == 3
    for part, name in zip(buffers.material_ranges, meshes, strict=True):
        assert part.bindings["albedo_texture"] is used[name]
