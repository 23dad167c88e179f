"""Data that is recognised when it is read back: images of a colour each, numbers that occur once, and a fake renderer.

The tests of labels put such data in, read tables, pages and files, and see which data stands with a label.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ssdo.arrays import Bytes, Floats
from ssdo.measure import images, references
from ssdo.measure.reference_cache import ReferenceCache
from ssdo.measure.references import ReferencePair
from ssdo.render.shot import Camera, Shot
from ssdo.render.techniques.reference import Reference
from ssdo.scene.coordinates import IDENTITY

NO_CACHE = ReferenceCache(None)
SIZE = (16, 360)  # (h, w) of images, wide enough for their labels


def make_solid(number: int, size: tuple[int, int] = SIZE) -> Bytes:
    """An image of one colour: another for each number, and never that of a sheet's background or text."""
    return np.broadcast_to(np.array([250, 7 * number, 255 - 11 * number], "u1"), (*size, 3)).copy()


def find_solid(contact_sheet: Bytes, image: Bytes) -> tuple[int, int]:
    """(x, y) of the only place where a sheet shows an image of one colour."""
    rows, columns = np.nonzero((contact_sheet == image[0, 0]).all(-1))
    assert rows.size, "the sheet does not show the image"
    x, y = int(columns.min()), int(rows.min())
    height, width = image.shape[:2]
    assert (contact_sheet[y : y + height, x : x + width] == image).all() and rows.size == height * width
    return x, y


def assert_sheet_shows(contact_sheet: Bytes, labelled_images: Sequence[tuple[str, Bytes]]) -> None:
    """Each image is in the sheet once, in the order of the entries, and above it is its own label."""
    positions = []
    for label, image in labelled_images:
        single_sheet = images.make_contact_sheet([(label, image)])
        x_alone, height = find_solid(single_sheet, image)
        x, y = find_solid(contact_sheet, image)
        width = image.shape[1]
        assert (
            contact_sheet[y - height : y, x : x + width] == single_sheet[:height, x_alone : x_alone + width]
        ).all(), label
        positions.append((y, x))
    assert positions == sorted(positions)
    assert len({label for label, _ in labelled_images}) == len(labelled_images)


def read_pixels(path: Path) -> Bytes:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def read_table(lines: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a Markdown table by the names of its columns, which must differ."""
    header, rule, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    assert len(set(header)) == len(header) and set(rule) == {"---"}
    return [dict(zip(header, row, strict=True)) for row in rows]


# ---- a renderer without OpenGL ---


class FakeRenderer:
    """Draws each shot as one level of grey that no other shot has, in place of what `compare` and others draw with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
        self.levels: dict[Any, float] = {}
        for module in modules:
            for name, function in (("render_all_frames", self.render), ("render_frame", self.render)):
                if hasattr(module, name):
                    monkeypatch.setattr(module, name, function)
        monkeypatch.setattr(images, "read_arrays", lambda gpu, result: self.arrays(result.shot))
        monkeypatch.setattr(images, "read_display", lambda result: self.pixels(result.shot))
        monkeypatch.setattr(images, "tone_map", lambda gpu, shot, radiance: np.full((3, 4, 3), 200, "u1"))
        monkeypatch.setattr(references, "render_world_reference", self.world)
        monkeypatch.setattr(references, "GrowingReference", partial(FakeGrowingReference, self))
        monkeypatch.setattr(references, "render_converged", self.converged)

    def level(self, key: Any, start: float, step: float) -> float:
        """Levels of one start ascend by the step."""
        count = sum(other[0] == start for other in self.levels)
        return self.levels.setdefault((start, key), start + step * count)

    def render(self, gpu: Any, shot: Shot, *_: Any) -> Any:
        return SimpleNamespace(shot=shot, inputs=SimpleNamespace(frame=None))

    def radiance(self, shot: Shot) -> float:
        return self.level(shot, 100.0, 0.75)

    def arrays(self, shot: Shot) -> dict[str, Floats]:
        level = self.radiance(shot)
        scales = {"radiance": 1.0, "direct": 2.0, "indirect": 3.0, "albedo": 4.0}
        arrays = {name: np.full((3, 4, 3), scale * level, "f4") for name, scale in scales.items()}
        depth = np.ones((3, 4), "f4")
        depth[0] = np.inf  # the background, where another image than the reference's is no error
        for values in arrays.values():
            values[0] *= 5
        return arrays | {"visibility": np.full((3, 4), level / 1000, "f4"), "depth": depth}

    def pixels(self, shot: Shot) -> Bytes:
        return np.full((3, 4, 3), round(self.radiance(shot)), "u1")

    def pair(self, first: float, second: float, denoised: float) -> ReferencePair:
        arrays = [
            {
                name: np.full((3, 4, 3), scale * level, "f4")
                for name, scale in {"radiance": 1.0, "direct": 2.0, "indirect": 3.0}.items()
            }
            | {"visibility": np.full((3, 4), level / 1000, "f4")}
            for level in (first, second)
        ]
        images_of_it = tuple(np.full((3, 4, 3), level, "f4") for level in (denoised, denoised + 0.125))
        return ReferencePair(arrays[0], arrays[1], (images_of_it[0], images_of_it[1]), Shot())

    def world(self, gpu: Any, shot: Shot, reference: Reference, frames: int, cache: Any, *_: Any) -> ReferencePair:
        key = references.independent_shots(replace(shot, technique=reference), frames)
        level = self.level(key, 1.0, 0.25)
        return self.pair(level, level + 4, 0.0)

    def converged_levels(self, shot: Shot, frames: int) -> tuple[float, float]:
        """The level of the first half, and that of its denoised image: both from what decides them."""
        halves = references.independent_shots(replace(shot, technique=shot.technique.as_converged()), frames)
        return self.level(halves, 10.0, 0.5), self.level((halves, shot.denoise), 40.0, 0.5)

    def converged(self, gpu: Any, shot: Shot, frames: int, cache: Any, *_: Any) -> ReferencePair:
        level, denoised = self.converged_levels(shot, frames)
        return self.pair(level, level + 2, denoised)


class FakeGrowingReference:
    """The reference of a `FakeRenderer`. Its first step is far from its last one."""

    def __init__(
        self, renderer: FakeRenderer, gpu: Any, shot: Shot, reference: Reference, frames: int, cache: Any
    ) -> None:
        self.pair = renderer.world(gpu, shot, reference, frames, cache)
        self.draft = renderer.pair(7000.0, 8000.0, 0.0)
        self.frames, self.planned_frames = 0, frames

    def render_steps(self, *_: Any) -> Iterator[ReferencePair]:
        self.frames = 2
        yield self.draft
        self.frames = self.planned_frames
        yield self.pair


class FakeFrame:
    """A frame whose textures are arrays of a number each."""

    def __init__(self, start: float = 0.0, size: tuple[int, int] = (2, 3)) -> None:
        numbers = (np.full((*size, 4), start + k, "f4") + np.arange(4, dtype="f4") / 8 for k in itertools.count(1))
        self.radiance, self.display = next(numbers), next(numbers)
        self.lighting = SimpleNamespace(direct=next(numbers), indirect=next(numbers), specular=next(numbers))
        self.unfiltered = SimpleNamespace(direct=next(numbers), indirect=next(numbers))
        names = ("albedo", "normal", "emission", "depth", "geometric_normal")
        gbuffer = SimpleNamespace(**dict(zip(names, numbers, strict=False)))
        direct_lighting = SimpleNamespace(irradiance=next(numbers), specular=next(numbers))
        frame, scene = SimpleNamespace(eye_ws=(0.0, 0.0, 0.0)), SimpleNamespace(coordinates=IDENTITY)
        self.inputs = SimpleNamespace(gbuffer=gbuffer, direct_lighting=direct_lighting, frame=frame, scene=scene)
        self.shot = Shot(background="environment", camera=Camera(eye=(0.0, 0.0, 0.0)))


FAKE_GPU: Any = SimpleNamespace(read=lambda texture: texture, low_memory=False)


# ---- times ---


FRAME_PASSES = {  # milliseconds of each pass in three frames; all sums differ
    "gbuffer": [1000.0, 2000.0, 3000.0],
    "sun": [100.0, 100.0, 100.0],
    "ssdo:direct": [1.0, 3.0, 2.0],
    "bounce_sources": [10.0, 30.0, 20.0],
    "denoise:horizontal": [0.25, 0.5, 0.75],
    "upsample": [0.125, 0.125, 0.125],
    "composite:diffuse": [500.0, 500.0, 500.0],
    "display": [50.0, 50.0, 50.0],
}


def percentile(values: Sequence[float], share: float) -> float:
    """Linear between neighbours of the sorted values."""
    sorted_values = sorted(values)
    position = share * (len(sorted_values) - 1)
    low = math.floor(position)
    high = min(low + 1, len(sorted_values) - 1)
    return sorted_values[low] + (position - low) * (sorted_values[high] - sorted_values[low])


def sum_frames(*names: str) -> list[float]:
    """The sum of passes in each frame."""
    return [sum(frame) for frame in zip(*(FRAME_PASSES[name] for name in names), strict=True)]


TECHNIQUE_FRAMES = sum_frames("ssdo:direct", "bounce_sources")
DENOISE_FRAMES = sum_frames("denoise:horizontal", "upsample")
