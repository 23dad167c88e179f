"""Light adds up: every intensity scales the light of its source, by any factor, in every technique and pass.

The scene's reflectances are grey, and colours and factors powers of two. An image therefore scales bit for bit, and is
its source's colour times grey. Sums are exact to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from closed_forms import HALF_FLOAT_ROUNDING
from gltf_files import PIXELS, UVS, Tree, add_texture, make_tetrahedron, read_mesh
from light_sources import COLORS, SCENE_INTENSITIES, SHOT_INTENSITIES, SOURCES, LightYard, render_yard
from render_small import SmallRender, register_scene, render_small
from ssdo.arrays import Doubles, Floats
from ssdo.gpu.context import Gpu
from ssdo.render import ray_scene
from ssdo.render.punctual_lights import LightSettings
from ssdo.render.shot import Shot, Sky
from ssdo.render.sun import SunSettings
from ssdo.render.technique import Technique
from ssdo.scene.environment import Environment
from ssdo.scene.model import DirectionalLight, ImageTexture, Material, PunctualLight, Scene
from ssdo.scene.modelling.shapes import make_quad

FLOAT_ROUNDING = 1e-5  # of sums of some hundred terms, relative to the largest
TERMS = ("radiance", "direct", "indirect", "sun_and_lights", "emission")
HUGE = 2.0**19  # irradiance of 1 becomes 524288, which half floats do not hold

# Fields of lights and emitters that are no intensities, and why.
OTHER_FIELDS = {
    "Sky": {"rotation": "direction", "extract_sun": "moves light from the environment to the sun"},
    "SunSettings": dict.fromkeys(("azimuth", "elevation", "angular_diameter"), "direction") | {"resolution": "detail"},
    "LightSettings": dict.fromkeys(("shadows", "resolution"), "shadows") | {"units": "a choice"},
    "Environment": {"notes": "text"},
    "DirectionalLight": dict.fromkeys(("azimuth", "elevation", "angular_diameter"), "direction"),
    "PunctualLight": dict.fromkeys(
        ("position", "direction", "inner_cone_angle", "outer_cone_angle", "range"), "distribution"
    ),
    "Material": dict.fromkeys(
        (
            *("albedo", "albedo_texture", "metallic", "roughness", "f0", "f0_texture"),
            "metallic_roughness_texture",
            *("occlusion_texture", "occlusion_strength"),
        ),
        "reflectance",
    )
    | dict.fromkeys(
        ("normal_texture", "normal_scale", "opacity", "alpha_cutoff", "blending", "double_sided"), "geometry"
    )
    | {"emission_texture": "a colour from 0 to 1", "has_tinted_emission": "a colour from 0 to 1"}
    | {"name": "text", "coat": "a material that emits nothing"},
}


def test_every_intensity_is_known() -> None:
    """A new field of a light or an emitter is an intensity, to be tested below, or named here with the reason."""
    shot_groups = {Sky: "sky", SunSettings: "sun", LightSettings: "lights"}
    for owner in (Sky, SunSettings, LightSettings, Environment, DirectionalLight, PunctualLight, Material):
        prefix = shot_groups.get(owner, owner.__name__)
        table = SHOT_INTENSITIES if owner in shot_groups else SCENE_INTENSITIES
        for name in {f.name for f in fields(owner)} - set(OTHER_FIELDS[owner.__name__]):
            assert any(key.startswith(f"{prefix}.{name}") for key in table), f"{prefix}.{name}"
    for table in (SHOT_INTENSITIES, SCENE_INTENSITIES):
        assert {source for intensity in table.values() for source in intensity.sources} <= set(SOURCES)
    assert {source for intensity in SCENE_INTENSITIES.values() for source in intensity.sources} == set(SOURCES)


# ---- passes ----------------------------------------------------------------------------------------------------------


class Pipeline(NamedTuple):
    """Values of a shot, and what of the scene decides which passes are drawn."""

    values: dict[str, Any]
    has_metal: bool = False
    has_bright_texels: bool = False


def list_pipelines() -> dict[str, Pipeline]:
    """Every technique alone, and with all that can be added to it."""
    pipelines = {}
    for name, technique in Technique.known.items():
        values: dict[str, Any] = {"technique": name}
        parameters = {f.name for f in fields(technique)}
        if "radius" in parameters:
            values[f"{name}.radius"] = 0.8
        pipelines[name] = Pipeline(values)
        more: dict[str, Any] = {"accumulated_frames": 2}
        if not technique.progressive:
            more |= {"lighting.resolution": "half", "denoise.radius": 2, "denoise.guide": "variance"}
        if technique.sample_param:
            more["guard_band.size"] = 0.2
        if "depth_layers" in parameters:
            more[f"{name}.depth_layers"] = "2"
        if technique.uses_probes:
            more |= {"probes.enabled": True, "probes.grid_size": 4}
        has_bright_texels = technique.progressive  # others do not sample the environment by its importance
        pipelines[f"{name} with all passes"] = Pipeline(values | more, True, has_bright_texels)
    return pipelines


PIPELINES = list_pipelines()


def render(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, **fields_of_yard: Any) -> SmallRender:
    # Which emitter a path samples depends on all of them, see test_shading_normals.test_sampled_emitters_add_up.
    monkeypatch.setattr(ray_scene, "MAX_EMITTER_AREA", 0.0)
    yard = LightYard(has_metal=pipeline.has_metal, has_bright_texels=pipeline.has_bright_texels, **fields_of_yard)
    return render_yard(gpu, monkeypatch, yard, pipeline.values)


def lit_by(source: str) -> frozenset[str]:
    """The sources that are dark where one shines alone."""
    return frozenset(SOURCES) - {source}


def assert_colored(image: Floats, color: tuple[float, float, float]) -> None:
    """Each channel is the same image times its part of the colour, bit for bit."""
    brightest = int(np.argmax(color))
    grey = image[..., brightest] / np.float32(color[brightest])
    for channel in range(3):
        np.testing.assert_array_equal(image[..., channel], grey * np.float32(color[channel]))


@pytest.mark.slow
@pytest.mark.parametrize("name", PIPELINES)
def test_light_adds_up(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """All sources together bring the sum of what each brings alone, times its intensities."""
    pipeline = PIPELINES[name]
    alone = {source: render(gpu, monkeypatch, pipeline, dark=lit_by(source)) for source in SOURCES}
    for source, single in alone.items():
        assert single.radiance.max() > 0.01
        if source == "environment" and pipeline.has_bright_texels:
            continue  # the part of a channel that is importance-sampled depends on the other channels
        for term in TERMS:
            assert_colored(getattr(single, term), COLORS[source])
    for table in (SHOT_INTENSITIES, SCENE_INTENSITIES):
        scales = tuple((key, intensity.factor) for key, intensity in table.items())
        together = render(gpu, monkeypatch, pipeline, scales=scales)
        factors = dict.fromkeys(SOURCES, 1.0)
        for intensity in table.values():
            for source in intensity.sources:
                factors[source] *= intensity.factor
        for term in TERMS:
            total: Doubles = sum(factors[source] * getattr(alone[source], term).astype("f8") for source in SOURCES)
            error = np.abs(getattr(together, term) - total)
            assert (error <= FLOAT_ROUNDING * total.max(-1, keepdims=True)).all(), (term, float(error.max()))
        if together.indirect.any():
            assert all(single.indirect.any() for single in alone.values()), "light of every source bounces"


def list_unclipped_pipelines() -> dict[str, Pipeline]:
    """All pipelines, and those with a history that can have one. History is clipped, so its light does not add up."""
    with_history = {}
    for name, pipeline in PIPELINES.items():
        values = pipeline.values | {"temporal.history_length": 3, "accumulated_frames": 1}
        if Shot().with_values(values).uses_history:
            with_history[f"{name} and history"] = pipeline._replace(values=values)
    return PIPELINES | with_history


UNCLIPPED_PIPELINES = list_unclipped_pipelines()


@pytest.mark.parametrize("name", UNCLIPPED_PIPELINES)
def test_light_is_not_clipped(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With 524288 times the light, the image is so much brighter, bit for bit. Emission is at most 32768."""
    pipeline = UNCLIPPED_PIPELINES[name]
    scales = {key: 1.0 for key in SCENE_INTENSITIES if key != "DirectionalLight.color"}
    scales |= {key: 2.0**-4 for key in scales if key.startswith("Material.emission")}
    plain, scaled = (
        render(gpu, monkeypatch, pipeline, scales=tuple((key, factor * scale) for key, scale in scales.items()))
        for factor in (1.0, HUGE)
    )
    assert plain.radiance.max() > 0.5
    for term in TERMS:
        np.testing.assert_array_equal(getattr(scaled, term), np.float32(HUGE) * getattr(plain, term), err_msg=term)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_probes_bring_the_light_of_every_source(gpu: Gpu, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """With intensities other than 1. The wall behind the camera, which each source lights, lights the floor."""
    scales = tuple((name, intensity.factor) for name, intensity in SHOT_INTENSITIES.items())
    yard = LightYard(scales, lit_by(source))
    reference = render_yard(gpu, monkeypatch, yard, {"technique": "reference", "reference.rays": 32})
    floor = reference.surface_mask & (reference.position[..., 1] < 1e-3)
    expected = float(reference.indirect[floor].mean())
    for technique in (name for name, technique_type in Technique.known.items() if technique_type.uses_probes):
        values = {"technique": technique, f"{technique}.radius": 0.2}
        without_probes, with_probes = (
            float(render_yard(gpu, monkeypatch, yard, values | more).indirect[floor].mean())
            for more in ({}, {"probes.enabled": True})
        )
        # measured: 0 to 0.20 without probes, 0.60 to 0.98 with them, of what path tracing finds
        assert without_probes < 0.25 * expected, technique
        assert 0.5 < with_probes / expected < 1.1, technique


def list_indirect_intensities() -> list[str]:
    """Parameters of techniques that scale indirect light, by dotted name."""
    return [
        f"{name}.{f.name}" for name, known in Technique.known.items() for f in fields(known) if "intensity" in f.name
    ]


@pytest.mark.parametrize("parameter", list_indirect_intensities())
@pytest.mark.parametrize("has_probes", [False, True])
def test_indirect_intensity_scales_all_that_bounces(
    gpu: Gpu, monkeypatch: pytest.MonkeyPatch, parameter: str, has_probes: bool
) -> None:
    """Of diffuse and specular surfaces, and of probes. Direct light stays."""
    technique = parameter.partition(".")[0]
    values = {"technique": technique, "probes.enabled": has_probes, "probes.grid_size": 4}
    pipeline = Pipeline(values, has_metal=True)

    def render_at(intensity: float) -> SmallRender:
        return render(gpu, monkeypatch, pipeline._replace(values=values | {parameter: intensity}))

    none, once, eightfold = (render_at(intensity) for intensity in (0.0, 1.0, 8.0))
    assert not none.indirect.any() and once.indirect.any()
    np.testing.assert_array_equal(eightfold.indirect, 8 * once.indirect)
    for term in ("direct", "sun_and_lights", "emission"):
        np.testing.assert_array_equal(getattr(eightfold, term), getattr(once, term))
    is_metal = once.surface_mask & ~once.albedo.any(-1)
    assert is_metal.sum() > 20 and (once.radiance > none.radiance)[is_metal].any()
    expected = none.radiance + 8.0 * (once.radiance.astype("f8") - none.radiance)
    assert (np.abs(eightfold.radiance - expected) <= FLOAT_ROUNDING * expected.max(-1, keepdims=True)).all()


# ---- emission --------------------------------------------------------------------------------------------------------

EMISSIONS = (2.0**-10, 1.0, 10.0, 16.0, 100.0, 1000.0, 32768.0, 60000.0, 65504.0, 1e6)
MAX_HALF = 65504.0


def make_emitters(emissions: Sequence[float], material: Material) -> Scene:
    """Emissive squares side by side, before the camera, and one that does not emit."""
    meshes = []
    for i, emission in enumerate((*emissions, 0.0)):
        emitter = replace(material, emission=(emission, emission / 2, 0.0))
        meshes.append(make_quad((i, 0, 0), (i + 1, 0, 0), (i + 1, 1, 0), (i, 1, 0), emitter))
    center = (len(emissions) + 1) / 2
    return Scene(tuple(meshes), (center, 0.5, center), (center, 0.5, 0.0), 60.0, environment="black")


@pytest.mark.parametrize("kind", ["plain", "textured", "metal", "textured metal"])
def test_emission_is_seen_up_to_the_range_of_half_floats(gpu: Gpu, kind: str) -> None:
    """Brighter surfaces are as bright as half floats allow, not infinite."""
    texture = ImageTexture(np.full((2, 2, 4), 255, "u1")) if "textured" in kind else None
    material = Material(metallic=1.0 if "metal" in kind else 0.0, emission_texture=texture)
    scene = make_emitters(EMISSIONS, material)
    p = render_small(gpu, {"scene": register_scene("emitters", scene), "technique": "off"})
    column = np.floor(p.position[..., 0]).astype(int).clip(0, len(EMISSIONS))
    expected = np.array((*EMISSIONS, 0.0))[column][..., None] * (1.0, 0.5, 0.0)
    expected = np.minimum(expected, MAX_HALF)
    # Beside an edge between two squares a pixel may show the other one.
    inside = p.surface_mask & (np.abs(p.position[..., 0] - np.rint(p.position[..., 0])) > 1e-3)
    assert set(column[inside]) == set(range(len(EMISSIONS) + 1))
    for image in (p.emission, p.radiance):
        np.testing.assert_allclose(image[inside], expected[inside], rtol=HALF_FLOAT_ROUNDING)


STRENGTHS = (0.0, 0.25, 1.0, 8.0, 10.0, 16.0, 100.0, 1000.0, 60000.0)


@pytest.mark.parametrize("has_texture", [False, True])
@pytest.mark.parametrize("has_base_texture", [False, True])
def test_emissive_strength_multiplies_the_factor(tmp_path: Path, has_texture: bool, has_base_texture: bool) -> None:
    """A material of KHR_materials_emissive_strength is that of a factor times as large, with the same texture."""
    tree, binary = make_tetrahedron(TEXCOORD_0=UVS)
    tree["meshes"][0]["primitives"][0]["material"] = 0
    texture_index = add_texture(tree, binary)
    factor = (1.0, 0.5, 0.125)
    material: Tree = {"emissiveFactor": factor}
    if has_texture:
        material["emissiveTexture"] = {"index": texture_index}
    if has_base_texture:
        material["pbrMetallicRoughness"] = {"baseColorTexture": {"index": texture_index}}
    for strength in STRENGTHS:
        extension = {"KHR_materials_emissive_strength": {"emissiveStrength": strength}}
        tree["materials"] = [material | {"extensions": extension}]
        mesh = read_mesh(tmp_path, tree, binary)
        expected = tuple(strength * c for c in factor)
        assert mesh.material.emission == pytest.approx(expected, rel=1e-6), strength
        texture = mesh.material.emission_texture
        assert (texture is not None) == (has_texture and strength > 0)
        if texture is not None:
            np.testing.assert_array_equal(texture.pixels, PIXELS)
