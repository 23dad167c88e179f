"""Tests of what readers of radiance share: conversion to Rec. 709 against published matrices, and clipping."""

from __future__ import annotations

import numpy as np
import pytest
from ssdo.arrays import Doubles
from ssdo.scene.files import radiance

# Primaries and white, and the published matrix to linear Rec. 709, with the Bradford adaptation for ACES:
# ITU-R BT.2407 (Rec. 2020), CSS Color 4 (P3 and CIE XYZ), the OpenColorIO configurations of ACES 1.2.
SPACES: dict[str, tuple[radiance.Chromaticities, Doubles]] = {
    "Rec. 2020": (
        (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
        np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
    ),
    "P3 D65": (
        (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
        np.array([[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]]),
    ),
    "ACES AP0": (
        (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
        np.array([[2.5217, -1.1341, -0.3876], [-0.2765, 1.3727, -0.0962], [-0.0154, -0.1530, 1.1684]]),
    ),
    "ACES AP1": (
        (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
        np.array([[1.7051, -0.6218, -0.0833], [-0.1303, 1.1408, -0.0105], [-0.0240, -0.1290, 1.1530]]),
    ),
    "CIE XYZ": (  # not adapted
        (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),
        np.array([[3.2410, -1.5374, -0.4986], [-0.9692, 1.8760, 0.0416], [0.0556, -0.2040, 1.0570]]),
    ),
    "Rec. 709": ((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329), np.eye(3)),
}
# Primaries that make no colour space.
UNUSABLE = {
    "zeros": (0.0,) * 8,
    "on a line": (0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.3127, 0.329),
    "two alike": (0.64, 0.33, 0.64, 0.33, 0.15, 0.06, 0.3127, 0.329),
    "white without luminance": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.0),
    "white on an edge": (0.6, 0.3, 0.2, 0.7, 0.2, 0.1, 0.2, 0.4),
    "no number": (np.nan,) * 8,
    "infinite": (np.inf, *radiance.REC_709[1:]),
    "huge": (1e30, *radiance.REC_709[1:]),
}


@pytest.mark.parametrize("name", SPACES)
def test_conversion_agrees_with_published_matrices(name: str) -> None:
    """To the four decimals that are published. White stays white, except that of CIE XYZ."""
    primaries, published = SPACES[name]
    np.testing.assert_allclose(radiance.compute_rec_709_matrix(primaries), published, atol=6e-5)
    image = np.random.default_rng(0).random((7, 5, 3)).astype("f4")
    expected = np.einsum("ij,hwj->hwi", published, image)
    radiance.convert_primaries(image, primaries)
    np.testing.assert_allclose(image, expected, atol=2e-4)
    white = np.ones((1, 1, 3), "f4")
    radiance.convert_primaries(white, primaries)
    np.testing.assert_allclose(white[0, 0], (1.2050, 0.9483, 0.9086) if name == "CIE XYZ" else 1, atol=6e-5)


def test_rec_709_is_unchanged_bit_by_bit() -> None:
    """Also if the file rounds its primaries to three decimals."""
    image = np.random.default_rng(0).random((7, 5, 3)).astype("f4")
    for primaries in (radiance.REC_709, tuple(np.round(radiance.REC_709, 3)), tuple(np.array(radiance.REC_709, "f4"))):
        converted = image.copy()
        radiance.convert_primaries(converted, primaries)
        np.testing.assert_array_equal(converted, image)


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_primaries(name: str) -> None:
    """Nothing is converted, and nothing is warned of."""
    image = np.ones((2, 2, 3), "f4")
    with pytest.raises(ValueError):
        radiance.convert_primaries(image, UNUSABLE[name])
    np.testing.assert_array_equal(image, 1)


def test_batches_have_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).random((11, 5, 3)).astype("f4")
    at_once, batched = image.copy(), image.copy()
    radiance.convert_primaries(at_once, SPACES["ACES AP0"][0])
    monkeypatch.setattr(radiance, "BATCH_PIXELS", 12)
    radiance.convert_primaries(batched, SPACES["ACES AP0"][0])
    np.testing.assert_array_equal(batched, at_once)


def test_negative_values_are_clipped() -> None:
    """With a note above 1 % of the positive values. Infinite values become the largest finite ones."""
    for negative, has_note in ((-0.005, False), (-0.02, True)):
        image, notes = np.array([[[1, negative, 0]]], "f4"), list[str]()
        radiance.clip_negative(image, notes)
        np.testing.assert_array_equal(image, [[[1, 0, 0]]])
        assert bool(notes) == has_note, notes
    image = np.array([[[np.inf, -np.inf, -1]]], "f4")
    radiance.clip_negative(image, [])
    np.testing.assert_array_equal(image, [[[radiance.MAX_FLOAT, 0, 0]]])
    notes = []
    radiance.clip_negative(np.full((1, 1, 3), -1, "f4"), notes)
    assert notes == ["negative values are clipped to 0: there are no others"]


@pytest.mark.parametrize(("brightest", "expected"), [(20.0, radiance.MAX_HALF), (7e4, 7e4)])
def test_infinite_values_become_the_brightest(brightest: float, expected: float) -> None:
    """Or the largest half float, which brighter suns exceed. NaN is black. The note names the first pixel."""
    image, notes = np.full((3, 4, 3), brightest, "f4"), list[str]()
    image[1, 2] = np.inf, -np.inf, np.nan
    image[2, 3, 0] = np.inf
    radiance.replace_non_finite(image, notes)
    np.testing.assert_array_equal(image[1, 2], (expected, 0, 0))
    np.testing.assert_array_equal(image[2, 3], (expected, brightest, brightest))
    np.testing.assert_array_equal(image[0], np.float32(brightest))
    assert len(notes) == 1 and notes[0].startswith("2 pixels are NaN or infinite, first at column 2, row 1; ")
    radiance.replace_non_finite(image, notes)
    assert len(notes) == 1
