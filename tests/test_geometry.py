"""Frustum culling of meshes."""

from __future__ import annotations

import numpy as np
import pytest
from ssdo.gpu.context import Gpu
from ssdo.render import mesh_buffers
from ssdo.render.frame_uniforms import CameraPose, make_frame
from ssdo.scene.model import Scene
from ssdo.scene.modelling.shapes import make_box


def test_frustum_culling_keeps_every_visible_mesh(gpu: Gpu) -> None:
    """Boxes all around the camera, and one that contains it. A box is visible if a random point inside it is."""
    rng = np.random.default_rng(3)
    centers = rng.uniform(-6, 6, (200, 3))
    sizes = rng.uniform(0.05, 2.0, (200, 3))
    boxes = [make_box(center - size, center + size) for center, size in zip(centers, sizes, strict=True)]
    boxes.append(make_box((-8, -8, -8), (8, 8, 8)))
    scene = Scene(tuple(boxes))
    frame = make_frame(scene, CameraPose((0.0, 0.0, 0.0), (0.4, 0.1, -1.0), 50.0), (64, 36))
    buffers = mesh_buffers.upload_scene(gpu, scene)
    first_indices = {part.first_index for part in mesh_buffers.visible_ranges(buffers, frame)}
    clip = np.array(frame.clip_from_world).reshape(4, 4)
    fractions = rng.random((4000, 3))
    visible = set()
    for mesh, part in zip(scene.meshes, buffers.material_ranges, strict=True):
        low, high = mesh.positions.min(0), mesh.positions.max(0)
        points = np.column_stack([low + fractions * (high - low), np.ones(len(fractions))]) @ clip
        if (abs(points[:, :3]) <= points[:, 3:]).all(1).any():
            visible.add(part.first_index)
    assert visible <= first_indices
    assert 0.1 * len(boxes) < len(first_indices) < 0.5 * len(boxes)
    # near an edge of the frustum a box may be outside without being outside one plane; measured 2 of 47
    assert len(first_indices - visible) < 0.1 * len(boxes)


@pytest.mark.parametrize("count", [0, 1])
def test_culling_of_no_mesh_and_of_one(gpu: Gpu, count: int) -> None:
    scene = Scene(tuple([make_box((-1, -1, -1), (1, 1, 1))] * count))
    frame = make_frame(scene, CameraPose((0.0, 0.0, 5.0), (0.0, 0.0, 0.0), 50.0), (8, 8))
    assert len(mesh_buffers.visible_ranges(mesh_buffers.upload_scene(gpu, scene), frame)) == count
