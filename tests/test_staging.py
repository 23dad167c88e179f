"""What a scene file leaves open: light, ground, background, units of light, exposure."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gltf_files import add_node, make_tetrahedron, write_glb
from PIL import Image
from render_small import SmallRender, render_small
from ssdo.commands import capture
from ssdo.gpu.context import Gpu
from ssdo.measure import images
from ssdo.measure.benchmark_views import select_views
from ssdo.render.background import KINDS
from ssdo.render.pipeline import list_notes, load_shot, load_shot_scene, prepare_frame, render_all_frames
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.scene.loader import load_scene
from ssdo.scene.model import Scene
from ssdo.scene.staging import GROUND_FADE_START, GROUND_RADIUS, LUMENS_PER_WATT
from test_subject import CUBE, CUBE_TRIANGLES

CUBE_FACES = [tuple(corner + 1 for corner in triangle) for triangle in CUBE_TRIANGLES]


def write_boxes(path: Path, *boxes: tuple[tuple[float, ...], tuple[float, ...]]) -> str:
    """An OBJ file of boxes, each given by its lowest corner and its size. Returns its path."""
    lines: list[str] = []
    for number, (low, size) in enumerate(boxes):
        lines += ["v {} {} {}".format(*(np.array(low) + corner * np.array(size))) for corner in CUBE]
        lines += ["f {} {} {}".format(*(index + 8 * number for index in face)) for face in CUBE_FACES]
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


def write_cube(tmp_path: Path) -> str:
    return write_boxes(tmp_path / "cube.obj", ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))


def write_light(tmp_path: Path, *lights: dict[str, Any], **camera: Any) -> str:
    """A glTF file of a tetrahedron within 1 m, and lights 2 m above it that shine down."""
    tree, binary = make_tetrahedron()
    if lights:
        tree["extensions"] = {"KHR_lights_punctual": {"lights": list(lights)}}
        tree["extensionsUsed"] = ["KHR_lights_punctual"]
    for number in range(len(lights)):
        reference = {"KHR_lights_punctual": {"light": number}}
        add_node(tree, translation=[0, 2, 0], rotation=[-math.sqrt(0.5), 0, 0, math.sqrt(0.5)], extensions=reference)
    if camera:
        tree["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1.0, "znear": 0.1}}]
        add_node(tree, translation=[0, 0, 4], camera=0)
    return str(write_glb(tmp_path / f"lights{len(list(tmp_path.iterdir()))}.glb", tree, binary))


def resolve(**values: Any) -> Shot:
    shot = Shot().with_values(values)
    return shot.resolve(load_shot_scene(shot))


# ---- light -----------------------------------------------------------------------------------------------------------


def test_a_file_without_lights_gets_a_key_light(tmp_path: Path) -> None:
    """Under its own environment only: another one, as an image of a sky, brings its own light."""
    scene = write_cube(tmp_path)
    staged = resolve(scene=scene)
    assert staged.environment == "studio" and staged.background == "blurred"
    assert staged.sun.irradiance and (staged.sun.angular_diameter or 0) > 2, "a soft light"
    assert resolve(scene=scene, environment="studio").sun == staged.sun
    assert resolve(scene=scene, environment="white").sun.irradiance == 0
    assert resolve(scene=scene, **{"sun.irradiance": 0.0}).sun.irradiance == 0


@pytest.mark.parametrize("kind", ["directional", "point", "spot"])
def test_a_file_keeps_its_lights(tmp_path: Path, kind: str) -> None:
    spot = {"spot": {"outerConeAngle": 1.0}} if kind == "spot" else {}
    scene = write_light(tmp_path, {"type": kind, "intensity": 7.0, **spot})
    staged, loaded = resolve(scene=scene), load_scene(scene)
    assert staged.environment == "dim" and staged.sun.irradiance == loaded.sun.irradiance
    assert (loaded.sun.irradiance == 7.0) == (kind == "directional") and len(loaded.lights) == (kind != "directional")


def test_built_in_scenes_are_not_staged() -> None:
    for name in ("courtyard", "plane", "ball"):
        scene = load_scene(name)
        assert load_shot_scene(Shot(scene=name)) is scene
        assert scene.background == "environment" and scene.key_light is None and not list_notes(Shot(scene=name))


# ---- units of light --------------------------------------------------------------------------------------------------


def find_intensities(scene: str, units: str) -> list[float]:
    """Of the sun and of every punctual light."""
    shot = Shot().with_values({"scene": scene, "lights.units": units})
    staged = load_shot_scene(shot)
    return [staged.sun.irradiance, *(light.intensity[0] for light in staged.lights)]


@pytest.mark.parametrize(
    ("kind", "intensity", "expected"),
    [
        ("directional", 3.0 * LUMENS_PER_WATT, "photometric"),  # Blender's sun of 3 W/m2
        ("directional", 0.1 * LUMENS_PER_WATT, "photometric"),
        ("directional", 10.0, "radiometric"),  # by hand
        ("point", 150.0 / (4 * math.pi) * LUMENS_PER_WATT, "photometric"),  # Blender's lamp of 150 W, 2 m away
        ("point", 70.0, "radiometric"),  # 31 W/m2 in the middle of the tetrahedron, 1.5 m below
    ],
)
def test_units_are_chosen_by_brightness(tmp_path: Path, kind: str, intensity: float, expected: str) -> None:
    scene = write_light(tmp_path, {"type": kind, "intensity": intensity}, {"type": "point", "intensity": 1.0})
    radiometric, photometric, automatic = (
        find_intensities(scene, units) for units in ("radiometric", "photometric", "auto")
    )
    assert intensity in np.round(radiometric, 6) or intensity == pytest.approx(max(radiometric))
    np.testing.assert_allclose(np.array(radiometric) / 683.0, photometric, rtol=1e-12)
    assert automatic == (photometric if expected == "photometric" else radiometric)
    notes = " ".join(list_notes(Shot(scene=scene)))
    assert ("--lights.units" in notes) == (expected == "photometric")


def test_units_do_not_change_what_flags_say(tmp_path: Path) -> None:
    scene = write_light(tmp_path, {"type": "directional", "intensity": 3000.0})
    assert resolve(scene=scene).sun.irradiance == pytest.approx(3000.0 / LUMENS_PER_WATT)
    assert resolve(scene=scene, **{"sun.irradiance": 5.0}).sun.irradiance == 5.0


def test_lights_that_stay_too_bright_are_noted(tmp_path: Path) -> None:
    scene = write_light(tmp_path, {"type": "directional", "intensity": 100000.0})
    assert any("--display.exposure auto" in note for note in list_notes(Shot(scene=scene)))


# ---- ground ----------------------------------------------------------------------------------------------------------

SLAB = ((-2.0, -0.1, -2.0), (5.0, 0.1, 5.0))
CUBE_BOX = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("boxes", "wants_ground"),
    [
        ([CUBE_BOX], True),
        ([CUBE_BOX, SLAB], False),  # a floor
        ([CUBE_BOX, ((-40.0, -1.0, -40.0), (80.0, 1.0, 80.0))], False),  # much wider than the subject
        ([CUBE_BOX, ((0.2, 1.0, 0.2), (0.3, 2.0, 0.3))], True),
        (
            [((0.0, 1.0, 0.0), (1.0, 0.1, 1.0)), *(((x, 0.0, z), (0.1, 1.0, 0.1)) for x in (0, 0.9) for z in (0, 0.9))],
            True,
        ),
    ],
    ids=["cube", "slab", "wide ground", "stack", "table"],
)
def test_auto_adds_a_ground_below_what_has_none(tmp_path: Path, boxes: Any, wants_ground: bool) -> None:
    scene = write_boxes(tmp_path / "a.obj", *boxes)
    modes = {mode: load_shot_scene(Shot(scene=scene, ground=mode)).ground is not None for mode in ("auto", "on", "off")}
    assert modes == {"auto": wants_ground, "on": True, "off": False}


def test_a_camera_of_its_own_needs_no_ground(tmp_path: Path) -> None:
    assert load_shot_scene(Shot(scene=write_light(tmp_path))).ground is not None
    assert load_shot_scene(Shot(scene=write_light(tmp_path, camera=True))).ground is None


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e5, 1e12])
def test_the_ground_fits_the_subject(tmp_path: Path, size: float) -> None:
    """Radius, camera and default lengths stay those of the subject."""
    boxes = [((3 * size, -size, 2 * size), (size, 2 * size, size)), ((3.2 * size, size, 2.2 * size), (size / 9,) * 3)]
    name = write_boxes(tmp_path / "a.obj", *boxes)
    scene, with_ground = (load_shot_scene(Shot(scene=name, ground=mode)) for mode in ("off", "on"))
    ground = with_ground.ground
    assert ground is not None
    np.testing.assert_allclose(ground.center, (3.5 * size, -size, 2.5 * size), rtol=1e-3)
    assert ground.center[1] < -size, "faces that lie on it do not flicker"
    assert ground.fade_start == pytest.approx(GROUND_FADE_START * scene.bounding_radius)
    assert with_ground.bounding_radius == scene.bounding_radius
    shots = [Shot(scene=name).resolve(s) for s in (scene, with_ground)]
    assert shots[0].camera == shots[1].camera and shots[0].technique == shots[1].technique
    low, high = with_ground.meshes[-1].compute_bounds()
    assert high[0] - low[0] == pytest.approx(2 * GROUND_RADIUS * scene.bounding_radius, rel=0.02)


def test_objects_have_a_longer_radius_than_rooms(tmp_path: Path) -> None:
    """Half of their size instead of 15 %, with or without the ground."""
    for boxes, ratio in (([CUBE_BOX], 0.5), ([CUBE_BOX, SLAB], 0.15)):
        name = write_boxes(tmp_path / f"{ratio}.obj", *boxes)
        for technique, mode in ((t, m) for t in ("ssao", "bitmask") for m in ("on", "off")):
            shot = resolve(scene=name, technique=technique, ground=mode)
            radius = shot.values()[f"{technique}.radius"]
            assert radius == pytest.approx(ratio * load_scene(name).bounding_radius)


def test_only_the_ground_fades(gpu: Gpu, tmp_path: Path) -> None:
    """Not what stands far above it."""
    name = write_boxes(tmp_path / "a.obj", CUBE_BOX, *[((2.0 + x, 0.0, 0.0), (0.5, 0.5, 0.5)) for x in range(10)])
    with Path(name).open("a", encoding="utf-8") as file:
        file.write("\nv 300 100 0\nv 500 100 0\nv 400 300 0\nf -3 -2 -1\n")
    shot = {"scene": name, "ground": "on", "background": "transparent", "technique": "off", "width": 64, "height": 36}
    shot |= {"camera.eye": (0.0, 3.0, 300.0), "camera.target": (400.0, 170.0, 0.0)}
    result = render_all_frames(gpu, Shot().with_values(shot))
    assert load_scene(name).subject.stray_count == 1 and gpu.read(result.radiance)[18, 32, 3] == 1


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_the_ground_is_seen_in_front_of_the_subject(gpu: Gpu, tmp_path: Path, projection: str) -> None:
    """Down to the lower edge of the image; from below it is not seen, and hides nothing."""
    shot = {"scene": write_cube(tmp_path), "technique": "off", "width": 64, "height": 48, "background": "transparent"}
    from_above = render_all_frames(gpu, Shot().with_values(shot | {"camera.projection": projection}))
    assert (gpu.read(from_above.radiance)[-1, :, 3] > 0.99).all()
    below = {"camera.eye": (2.0, -3.0, 3.0), "camera.target": (0.5, 0.5, 0.5), "camera.projection": projection}
    alpha = gpu.read(render_all_frames(gpu, Shot().with_values(shot | below)).radiance)[..., 3]
    assert alpha[24, 32] == 1 and alpha[0, 0] == alpha[-1, 0] == 0


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("fov", [1.0, 50.0, 170.0])
@pytest.mark.parametrize("thickness", [1e-4, 0.1])
def test_the_near_plane_cuts_nothing_of_a_framed_subject(
    tmp_path: Path, axis: int, fov: float, thickness: float
) -> None:
    """Also of one that reaches almost to the camera."""
    size = [thickness, thickness, thickness]
    size[axis] = 1.0
    name = write_boxes(tmp_path / "a.obj", ((0.0, 0.0, 0.0), tuple(size)))
    loaded = load_shot(Shot().with_values({"scene": name, "camera.fov": fov}))
    frame = loaded.shot.frame_uniforms(loaded.scene, 0)
    corners = np.column_stack([CUBE * size, np.ones(8)]) @ np.array(frame.clip_from_world).reshape(4, 4)
    assert (np.abs(corners[:, :3]) <= corners[:, 3:]).all()


def test_a_contact_sheet_shows_transparent_pictures_over_its_background(tmp_path: Path) -> None:
    """Blended by their alpha, so that the ground does not end in a hard edge."""
    flags = ["--scene", write_cube(tmp_path), "--techniques", "off,ssao", "--background", "transparent"]
    flags += ["--width", "64", "--height", "48", "--environment", "white", "--no-display.dither"]
    assert capture.main([*flags, "--output", str(tmp_path / "s.png")]) == 0
    with Image.open(tmp_path / "s.png") as sheet, Image.open(tmp_path / "s-off.png") as picture:
        cell, pixels = np.asarray(sheet)[-56:-8, 8:72].astype(float), np.asarray(picture).astype(float)
    alpha = pixels[..., 3:] / 255
    assert {0, 1} <= set(alpha.ravel()) and len(set(alpha.ravel())) > 5
    blended = pixels[..., :3] * alpha + np.array(images.SHEET_BACKGROUND) * (1 - alpha)
    assert np.abs(cell - blended).max() <= 0.51


def render_cube(gpu: Gpu, tmp_path: Path, **values: Any) -> SmallRender:
    camera = {"camera.eye": (2.5, 1.5, 3.5), "camera.target": (0.5, 0.3, 0.5), "environment": "white"}
    return render_small(gpu, {"scene": write_cube(tmp_path), **camera, **values})


@pytest.mark.slow
@pytest.mark.parametrize("technique", [name for name in Technique.known if name != "off"])
def test_the_ground_takes_part_in_all_light(gpu: Gpu, tmp_path: Path, technique: str) -> None:
    """The cube occludes it, it sends light to the cube's walls, and receives the sun's shadow."""
    sun = {"sun.irradiance": 3.0, "sun.azimuth": 90.0, "sun.elevation": 35.0, "sun.angular_diameter": 0.0}
    frames = 16 if technique == "reference" else 1
    if technique != "reference":
        sun[f"{technique}.radius"] = 1.0
    result, without = (
        render_cube(gpu, tmp_path, technique=technique, ground=mode, accumulated_frames=frames, **sun)
        for mode in ("on", "off")
    )
    is_ground = result.surface_mask & (np.abs(result.position[..., 1]) < 1e-3)
    distance = np.linalg.norm(result.position[..., (0, 2)] - 0.5, axis=-1)
    near, far = (result.visibility[is_ground & mask] for mask in (distance < 0.8, distance > 2.5))
    assert near.size and far.size and near.mean() < 0.9 * far.mean()
    sunlit = result.sun_and_lights[is_ground].mean(-1) > 0.5 * result.sun_and_lights.max()
    assert 0.01 < 1 - sunlit.mean() < 0.5, "a shadow"
    walls = result.surface_mask & without.surface_mask & (np.abs(result.normal[..., 1]) < 0.1)
    if technique in ("ssdo", "bitmask", "reference"):
        assert result.indirect[walls].mean() > without.indirect[walls].mean() + 0.1


# ---- background ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("technique", ["off", "ssdo"])
def test_the_ground_fades_into_every_background(gpu: Gpu, tmp_path: Path, kind: str, technique: str) -> None:
    """Continuously, before its edge; the cube and the ground around it do not."""
    values = {"scene": write_cube(tmp_path), "ground": "on", "environment": "ramp-y", "width": 64, "height": 128}
    values |= {"camera.eye": (0.5, 2.0, 4.0), "camera.target": (0.5, 1.0, 0.0), "technique": technique}
    values |= {"background": kind, "background_color": (0.1, 0.2, 0.3), "material_override": "white"}
    result = render_all_frames(gpu, Shot().with_values(values))
    radiance, depth = gpu.read(result.radiance), images.read_arrays(gpu, result)["depth"]
    column, ends = radiance[:, 3], np.flatnonzero(np.isinf(depth[:, 3]))
    first_ground = int(ends.max()) + 1  # the ground's edge, from above
    assert 10 < first_ground < 100
    np.testing.assert_allclose(column[first_ground], column[first_ground - 1], atol=0.03)
    assert np.abs(np.diff(column[first_ground:], axis=0)).max() < 0.1, "no step"
    assert radiance[-1, 3, 3] == 1 and radiance[100, 32, 3] == 1
    expected = {"color": (0.1, 0.2, 0.3, 1.0), "transparent": (0.0, 0.0, 0.0, 0.0)}
    if kind in expected:
        np.testing.assert_allclose(column[0], expected[kind], atol=1e-6)
    if kind == "blurred":  # 1 + y averaged with a cosine: 1 + 2/3 y
        y = result.inputs.frame
        ray = np.array((*(np.array((3.5 / 64 * 2 - 1, 1 - 0.5 / 128 * 2)) * y.tan_half_fov), -1.0))
        direction = ray @ np.array(y.world_from_view).reshape(4, 4)[:3, :3]
        assert column[0, 0] == pytest.approx(1 + 2 / 3 * direction[1] / np.linalg.norm(direction), abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_the_background_does_not_light(gpu: Gpu, kind: str) -> None:
    shot = {"scene": "atelier", "technique": "ssdo"}
    plain, changed = render_small(gpu, shot), render_small(gpu, shot | {"background": kind})
    np.testing.assert_array_equal(changed.radiance[plain.surface_mask], plain.radiance[plain.surface_mask])


def test_transparent_images_have_straight_and_premultiplied_alpha(gpu: Gpu, tmp_path: Path) -> None:
    """PNG and EXR: over black, both are the opaque image over black; opaque pixels are those of any background."""
    openexr = pytest.importorskip("OpenEXR")
    flags = ["--scene", write_cube(tmp_path), "--ground", "on", "--width", "64", "--height", "48", "--technique", "off"]
    flags += ["--display.tone_mapper", "none", "--no-display.dither"]
    for name in ("t.png", "t.exr"):
        assert capture.main([*flags, "--background", "transparent", "--output", str(tmp_path / name)]) == 0
    black = ["--background", "color", "--background-color", "0,0,0"]
    assert capture.main([*flags, *black, "--output", str(tmp_path / "b.exr")]) == 0
    assert capture.main([*flags, *black, "--output", str(tmp_path / "b.png")]) == 0
    with openexr.File(str(tmp_path / "t.exr")) as file:
        premultiplied = file.channels()["RGBA"].pixels
    np.testing.assert_allclose(premultiplied[..., :3], images.load_radiance(tmp_path / "b.exr"), atol=1e-6)
    with Image.open(tmp_path / "t.png") as image, Image.open(tmp_path / "b.png") as opaque:
        assert (image.mode, opaque.mode) == ("RGBA", "RGB")
        straight, pixels = np.asarray(image).astype(int), np.asarray(opaque).astype(int)
    alpha = premultiplied[..., 3]
    assert np.abs(straight[..., 3] - alpha * 255).max() <= 0.51
    assert {0, 255} <= set(straight[..., 3].ravel()) and len(set(straight[..., 3].ravel())) > 5, "partly transparent"
    assert np.abs(straight[alpha == 1][..., :3] - pixels[alpha == 1]).max() <= 1


def test_partly_transparent_ground_keeps_its_colour(tmp_path: Path) -> None:
    """Straight alpha: under white light a ground without occlusion has one colour, however transparent it is."""
    flags = ["--scene", write_cube(tmp_path), "--environment", "white", "--technique", "off", "--antialias", "1"]
    flags += ["--width", "64", "--height", "48", "--background", "transparent", "--no-display.dither"]
    assert capture.main([*flags, "--output", str(tmp_path / "t.png")]) == 0
    with Image.open(tmp_path / "t.png") as image:
        pixels = np.asarray(image).astype(int)
    partly = pixels[(pixels[..., 3] > 60) & (pixels[..., 3] < 250)]
    assert len(partly) > 50 and np.ptp(partly[:, :3], axis=0).max() <= 2


# ---- exposure --------------------------------------------------------------------------------------------------------


def meter(gpu: Gpu, **values: Any) -> float:
    shot = Shot(width=64, height=36).with_values({"display.exposure": None} | values)
    exposure = prepare_frame(gpu, load_shot(shot)).shot.display.exposure
    assert exposure is not None
    return exposure


@pytest.mark.parametrize("scene", ["courtyard", "blocks", "atelier"])
def test_automatic_exposure_adapts_to_the_light(gpu: Gpu, scene: str) -> None:
    """By a stop for twice the light; it does not depend on the technique or on the materials."""
    sky, sun = {"environment": "white"}, {"sun.irradiance": 0.0, "lights.intensity": 0.0}
    assert meter(gpu, scene=scene, **sky, **sun) == pytest.approx(0.0, abs=1e-3)
    for intensity in (0.25, 16.0):
        exposure = meter(gpu, scene=scene, **sky, **sun, **{"sky.intensity": intensity})
        assert exposure == pytest.approx(-math.log2(intensity), abs=1e-3)
    base = meter(gpu, scene=scene)
    for name in Technique.known:
        assert meter(gpu, scene=scene, technique=name) == base
    if scene != "atelier":  # without emission
        assert meter(gpu, scene=scene, material_override="clay") == pytest.approx(base, abs=0.05)


def test_automatic_exposure_of_scenes_without_light(gpu: Gpu) -> None:
    dark: dict[str, Any] = {"environment": "black", "sun.irradiance": 0.0, "lights.intensity": 0.0}
    assert meter(gpu, scene="blocks", **dark) == 0.0
    assert -20 <= meter(gpu, scene="room", **dark) < 1, "only surfaces emit"
    assert meter(gpu, scene="blocks", **{"camera.eye": (0.0, 99.0, 0.0), "camera.target": (0.0, 100.0, 0.0)}) == 0.0


def test_automatic_exposure_is_stored_and_repeated(gpu: Gpu, tmp_path: Path) -> None:
    """As it was metered, so that an image repeats bit for bit; all techniques have the same."""
    flags = ["--scene", "blocks", "--width", "64", "--height", "36", "--sun.irradiance", "200"]
    output = tmp_path / "a.png"
    assert (
        capture.main([*flags, "--display.exposure", "auto", "--techniques", "ssao,ssdo", "--output", str(output)]) == 0
    )
    values = [images.load_shot_values(tmp_path / f"a-{name}.png") for name in ("ssao", "ssdo")]
    assert values[0]["display.exposure"] == values[1]["display.exposure"] < -2
    repeated = tmp_path / "b.png"
    assert capture.main(["--from-image", str(tmp_path / "a-ssdo.png"), "--output", str(repeated)]) == 0
    with Image.open(tmp_path / "a-ssdo.png") as first, Image.open(repeated) as second:
        np.testing.assert_array_equal(np.asarray(first), np.asarray(second))


def test_the_viewer_freezes_the_exposure(gpu: Gpu) -> None:
    """While the camera moves and for both slots; another light is metered anew."""
    session_module = pytest.importorskip("ssdo.viewer.session", exc_type=ImportError)
    shot = Shot().with_values({"scene": "blocks", "display.exposure": None, "sun.irradiance": 90.0})
    session = session_module.Session(gpu, shot, {})
    session.size = (64, 36)
    exposure = session.shot("A").display.exposure
    assert exposure < -1 and session.shot("B").display.exposure == exposure
    session.move_camera(replace_pose(session.pose))
    assert session.shot("B").display.exposure == exposure
    assert session.change({"sun.irradiance": 900.0})
    assert session.shot("A").display.exposure < exposure - 1


def replace_pose(pose: Any) -> Any:
    x, y, z = pose.eye
    return pose._replace(eye=(x + 1.0, y + 3.0, z))


def test_the_viewer_toggles_the_ground(gpu: Gpu, tmp_path: Path) -> None:
    session_module = pytest.importorskip("ssdo.viewer.session", exc_type=ImportError)
    session = session_module.Session(gpu, Shot(scene=write_cube(tmp_path)), {})
    session.size = (64, 36)
    grounds = []
    for _ in range(3):
        grounds.append([load_shot_scene(session.shot(slot)).ground is not None for slot in ("A", "B", "reference")])
        session.toggle_ground()
    assert grounds == [[True] * 3, [False] * 3, [True] * 3]


def test_staged_scenes_are_made_once(tmp_path: Path) -> None:
    shot = Shot(scene=write_cube(tmp_path))
    staged = load_shot_scene(shot)
    assert load_shot_scene(replace(shot, seed=3)) is staged
    assert isinstance(staged, Scene) and load_shot_scene(replace(shot, ground="off")) is load_scene(shot.scene)


def test_benchmark_views_of_a_file_have_its_converted_lights(tmp_path: Path) -> None:
    """As any other shot of the file has."""
    scene = write_light(tmp_path, {"type": "directional", "intensity": 3.0 * LUMENS_PER_WATT})
    sets = select_views(Shot(), ["nook"], [scene])
    assert [view.shot.sun.irradiance for view in sets.held_out if view.shot.scene == scene] == [pytest.approx(3.0)]
