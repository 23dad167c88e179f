"""The Cornell box: coordinates, camera and colours are those that Cornell University measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ssdo.arrays import Doubles
from ssdo.scene.built_in import cornell
from ssdo.scene.built_in.cornell import build_cornell
from ssdo.scene.model import Material, Mesh

# Published spectra: 400 to 700 nm in steps of 4 nm; the light at 400, 500, 600, 700 nm.
WHITE = """
0.343 0.445 0.551 0.624 0.665 0.687 0.708 0.723 0.715 0.710 0.745 0.758 0.739 0.767 0.777 0.765 0.751 0.745 0.748
0.729 0.745 0.757 0.753 0.750 0.746 0.747 0.735 0.732 0.739 0.734 0.725 0.721 0.733 0.725 0.732 0.743 0.744 0.748
0.728 0.716 0.733 0.726 0.713 0.740 0.754 0.764 0.752 0.736 0.734 0.741 0.740 0.732 0.745 0.755 0.751 0.744 0.731
0.733 0.744 0.731 0.712 0.708 0.729 0.730 0.727 0.707 0.703 0.729 0.750 0.760 0.751 0.739 0.724 0.730 0.740 0.737
"""
GREEN = """
0.092 0.096 0.098 0.097 0.098 0.095 0.095 0.097 0.095 0.094 0.097 0.098 0.096 0.101 0.103 0.104 0.107 0.109 0.112
0.115 0.125 0.140 0.160 0.187 0.229 0.285 0.343 0.390 0.435 0.464 0.472 0.476 0.481 0.462 0.447 0.441 0.426 0.406
0.373 0.347 0.337 0.314 0.285 0.277 0.266 0.250 0.230 0.207 0.186 0.171 0.160 0.148 0.141 0.136 0.130 0.126 0.123
0.121 0.122 0.119 0.114 0.115 0.117 0.117 0.118 0.120 0.122 0.128 0.132 0.139 0.144 0.146 0.150 0.152 0.157 0.159
"""
RED = """
0.040 0.046 0.048 0.053 0.049 0.050 0.053 0.055 0.057 0.056 0.059 0.057 0.061 0.061 0.060 0.062 0.062 0.062 0.061
0.062 0.060 0.059 0.057 0.058 0.058 0.058 0.056 0.055 0.056 0.059 0.057 0.055 0.059 0.059 0.058 0.059 0.061 0.061
0.063 0.063 0.067 0.068 0.072 0.080 0.090 0.099 0.124 0.154 0.192 0.255 0.287 0.349 0.402 0.443 0.487 0.513 0.558
0.584 0.620 0.606 0.609 0.651 0.612 0.610 0.650 0.638 0.627 0.620 0.630 0.628 0.642 0.639 0.657 0.639 0.635 0.642
"""
LIGHT = (0.0, 8.0, 15.6, 18.4)
# of daylight, 400 to 700 nm in steps of 10 nm
D65 = """
82.75 91.49 93.43 86.68 104.86 117.01 117.81 114.86 115.92 108.81 109.35 107.80 104.79 107.69 104.41 104.05
100.00 96.33 95.79 88.69 90.01 89.60 87.70 83.29 83.70 80.03 80.21 82.28 78.28 69.72 71.61
"""
XYZ_FROM_RGB = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WAVELENGTHS = np.arange(400.0, 701.0, 4.0)
# Of linear Rec. 709: the fit of the observer is that good. Measured 0.004 for reflectances, 0.4 % for the light.
TOLERANCE = 0.005


def observer() -> Doubles:
    """CIE 1931, (n, 3): the fit of Wyman, Sloan and Shirley 2013."""

    def lobe(mean: float, left: float, right: float) -> Doubles:
        offset = WAVELENGTHS - mean
        return np.asarray(np.exp(-0.5 * (offset / np.where(offset < 0, left, right)) ** 2))

    x = 1.056 * lobe(599.8, 37.9, 31.0) + 0.362 * lobe(442.0, 16.0, 26.7) - 0.065 * lobe(501.1, 20.4, 26.2)
    y = 0.821 * lobe(568.8, 46.9, 40.5) + 0.286 * lobe(530.9, 16.3, 31.1)
    z = 1.217 * lobe(437.0, 11.8, 36.0) + 0.681 * lobe(459.0, 26.0, 13.8)
    return np.stack([x, y, z], -1)


def to_rgb(spectrum: Doubles) -> Doubles:
    """Linear Rec. 709, without a scale."""
    return np.asarray(np.linalg.solve(np.array(XYZ_FROM_RGB), spectrum @ observer()))


@pytest.mark.parametrize(
    "text, material",
    [(WHITE, cornell.WHITE), (GREEN, cornell.GREEN), (RED, cornell.RED)],
    ids=["white", "green", "red"],
)
def test_reflectances_are_those_of_the_spectra(text: str, material: Material) -> None:
    reflectance = np.array(text.split(), "f8")
    daylight = np.interp(WAVELENGTHS, np.arange(400.0, 701.0, 10.0), np.array(D65.split(), "f8"))
    assert to_rgb(reflectance * daylight) / to_rgb(daylight) == pytest.approx(material.albedo, abs=TOLERANCE)


def test_the_light_has_the_published_spectrum() -> None:
    light = np.interp(WAVELENGTHS, (400.0, 500.0, 600.0, 700.0), LIGHT)
    radiance = to_rgb(light) / observer()[:, 1].sum()
    assert radiance == pytest.approx(cornell.CEILING_LIGHT.emission, rel=TOLERANCE)


def to_published(points: Doubles) -> Doubles:
    """Points of the world in the units and axes of the published data."""
    return np.asarray(np.array((278.0, 0.0, 279.6)) + points * (-100.0, 100.0, -100.0))


def get_corners(name: str) -> Doubles:
    (mesh,) = (mesh for mesh in build_cornell().meshes if mesh.material.name == name)
    return to_published(mesh.positions[mesh.triangles].reshape(-1, 3).astype("f8"))


@pytest.mark.parametrize(
    "name, corner",
    [
        *(("white", (130, 165, 65)), ("white", (82, 165, 225)), ("white", (240, 0, 272)), ("white", (290, 0, 114))),
        *(("white", (423, 330, 247)), ("white", (265, 330, 296)), ("white", (314, 0, 456)), ("white", (472, 0, 406))),
        *(("red", (552.8, 0, 0)), ("red", (552.8, 0, 559.2)), ("red", (552.8, 548.8, 0))),
        *(("green", (0, 0, 0)), ("green", (0, 0, 559.2)), ("green", (0, 548.8, 559.2)), ("green", (0, 548.8, 0))),
        *(("lamp", (343, 547.8, 227)), ("lamp", (213, 547.8, 332))),  # a centimetre below the ceiling
    ],
)
def test_corners_are_the_published_ones(name: str, corner: tuple[float, float, float]) -> None:
    assert np.abs(get_corners(name) - corner).max(1).min() < 1e-3


def test_the_box_is_open_to_the_camera_only() -> None:
    """The camera sees into it as the measured one does."""
    scene = build_cornell()
    assert scene.eye and scene.target
    eye, target = to_published(np.array([scene.eye, scene.target]))
    assert eye == pytest.approx((278.0, 273.0, -800.0)) and target[:2] == pytest.approx((278.0, 273.0))
    assert math.tan(math.radians(scene.fov) / 2) == pytest.approx(0.025 / 2 / 0.035)
    assert to_published(np.array(scene.bounds[1]))[2] == pytest.approx(0.0, abs=1e-3)


def test_solids_face_outwards_and_the_light_down() -> None:
    def volume(mesh: Mesh) -> float:
        a, b, c = mesh.positions[mesh.triangles].astype("f8").transpose(1, 0, 2)
        return float((a * np.cross(b, c)).sum() / 6)

    volumes = {mesh.material.name: volume(mesh) for mesh in build_cornell().meshes}
    a, b, c = get_corners("lamp")[:3]
    assert np.cross(b - a, c - a) / (130 * 105) == pytest.approx((0.0, -1.0, 0.0), abs=1e-3)
    short = _area(cornell.SHORT_BLOCK) * 165 / 1e6
    tall = _area(cornell.TALL_BLOCK) * 330 / 1e6
    slabs = 0.12 * (5.528 + 0.24) * (2 * (5.592 + 0.12) + 5.488)  # floor, ceiling and back wall
    assert volumes["white"] == pytest.approx(short + tall + slabs, rel=1e-4)
    assert [volumes["green"], volumes["red"]] == pytest.approx([0.12 * 5.488 * 5.592] * 2, rel=1e-4)


def _area(polygon: object) -> float:
    x, z = np.array(polygon, "f8").T
    return float(abs((x * np.roll(z, -1) - z * np.roll(x, -1)).sum()) / 2)
