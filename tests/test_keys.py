"""Keys: a change of any single field changes the key of what depends on it, or a table says why it need not."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
from field_changes import list_changes
from file_scenes import FILE_KINDS, make_file_shot, write_changed, write_scene_files
from parameter_values import Parameter, list_parameters
from ssdo.commands.compare import load_shots
from ssdo.commands.sweep import checkpoint, measure
from ssdo.commands.sweep.measure import SweepTask, Worker
from ssdo.commands.sweep.plan import Point, ReferencePlan, compute_file_digests, compute_sweep_id
from ssdo.commands.tune.scoring import compute_search_id
from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.measure import images, json_lines, reference_cache
from ssdo.measure.csp import csp_hash
from ssdo.measure.reference_cache import cache_key
from ssdo.render.pipeline import FrameResult, LoadedShot, render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.render.techniques.reference import Reference
from ssdo.resources import PACKAGE
from ssdo.scene.environment import Environment
from ssdo.scene.files.file_access import record_file
from ssdo.scene.files.file_cache import FileCache
from ssdo.scene.loader import load_scene
from ssdo.scene.model import DirectionalLight, ImageTexture, Material, Mesh, PunctualLight, Scene, override_materials
from ssdo.settings import UserError
from ssdo.viewer.render_scheduler import RenderScheduler
from ssdo.viewer.result_cache import ResultCache
from tiny_scene import TINY, make_tiny_scene, make_tiny_sky, register_tiny_assets

PARAMETERS = list_parameters()
HISTORY = {"temporal.history_length": 4}  # so that the settings of the history have an effect
OTHER_VALUES: Mapping[str, Any] = {
    "scene": "nook",
    "environment": "half",
    "up": "z",
    "camera.projection": "orthographic",
    "background": "blurred",
    "camera.eye": (1.0, 2.0, 3.0),
    "camera.target": (0.5, 0.0, 0.0),
}


class Pair(NamedTuple):
    """Two shots that differ in one parameter, of a technique for which it has an effect."""

    parameter: str
    first: Shot
    second: Shot


def list_pairs(values: Mapping[str, Any] | None = None) -> Iterator[Pair]:
    """A pair for every parameter of shots and of techniques, and one for the technique itself."""
    base_values = HISTORY | dict(values or {})
    for parameter in PARAMETERS:
        first = Shot().with_values({"technique": parameter.group} | base_values)
        yield Pair(parameter.name, first, first.with_values({parameter.name: choose_other(parameter, first)}))
    first = Shot().with_values(base_values)
    yield Pair("technique", first, first.with_values({"technique": "ssao"}))


def choose_other(parameter: Parameter, shot: Shot) -> Any:
    """A value that differs from the shot's."""
    current = shot.values().get(parameter.name)
    values = [OTHER_VALUES.get(parameter.name), *parameter.allowed_values]
    return next(value for value in values if value is not None and value != current)


def find_equal(pairs: Iterable[Pair], compute_key: Callable[[Shot], object]) -> set[str]:
    """The parameters whose pairs have equal keys."""
    return {name for name, first, second in pairs if compute_key(first) == compute_key(second)}


# ---- reference cache -------------------------------------------------------------------------------------------------

# Fields of a scene that decide no pixel.
IGNORED_SCENE_FIELDS = {
    "name": "a label",
    "warnings": "about the file",
    "background": "what is behind surfaces is not lit",
    "light_units": "of the file; the lights that are drawn are converted",
}
# Fields that a tiny scene has not: what they decide is covered elsewhere.
UNSET_SCENE_FIELDS = {
    "ground": "its mesh is the last one",
    "key_light": "it becomes the sun of the shot",
    "picture_height": "it becomes that of the shot's camera",
}
# Groups of parameters that decide no pixel of the lighting.
IGNORED_GROUPS = {
    "display": "tone mapping comes after the lighting",
    **dict.fromkeys(("background", "background_color"), "what is behind surfaces is not lit"),
    "up": "built-in scenes are y up",
}


ENVIRONMENT = Environment(make_tiny_sky((1.0, 0.0, 0.0)))


def load_tiny(shot: Shot, scene: Scene | None = None, environment: Environment | None = None) -> LoadedShot:
    scene = scene or make_tiny_scene()
    return LoadedShot(shot.resolve(scene), scene, environment or ENVIRONMENT)


@pytest.mark.slow
def test_reference_keys_cover_every_field_of_a_scene(gpu: Gpu) -> None:
    """By the smallest change that there is: one bit of an array, of the first or of the last element."""
    scene = make_tiny_scene()
    shot, key = Shot(), cache_key(gpu, load_tiny(Shot(), scene))
    changes = list(list_changes(scene))
    for kind in (Scene, Mesh, Material, ImageTexture, PunctualLight, DirectionalLight):
        missing = {f.name for f in fields(kind)} - {name for change in changes for name in change.fields}
        missing -= UNSET_SCENE_FIELDS.keys()
        assert not missing, f"no mesh or light has {kind.__name__}.{missing}"
    keys = {change.path: cache_key(gpu, load_tiny(shot, change.value)) for change in changes}
    equal = {path for path, changed in keys.items() if changed == key}
    assert {path.partition("[")[0] for path in equal} <= IGNORED_SCENE_FIELDS.keys(), equal
    assert len(set(keys.values()) - {key}) == len(keys) - len(equal), "each change has a key of its own"


@pytest.mark.parametrize("name", ["positions", "triangles", "normals", "uvs", "colors"])
def test_reference_keys_cover_large_arrays_to_their_end(gpu: Gpu, name: str) -> None:
    """A change in the last of 200 000 rows, and in rows of the middle."""
    count = 200_000
    arrays = {
        "positions": np.zeros((count, 3), "f4"),
        "triangles": np.zeros((count, 3), "i4"),
        "normals": np.ones((count, 3), "f4"),
        "uvs": np.zeros((count, 2), "f4"),
        "colors": np.ones((count, 4), "f4"),
    }
    keys = set()
    for row in (0, count // 3, count // 2, count - 1):
        changed = arrays[name].copy()
        changed[row, -1] += 1
        scene = replace(make_tiny_scene(), meshes=(Mesh(**(arrays | {name: changed})),))  # type: ignore[arg-type]
        keys.add(cache_key(gpu, load_tiny(Shot(), scene)))
    assert len(keys) == 4


def test_reference_keys_cover_the_environment(gpu: Gpu) -> None:
    key = cache_key(gpu, load_tiny(Shot()))
    for path, changed in list_changes(ENVIRONMENT):
        assert cache_key(gpu, load_tiny(Shot(), environment=changed)) != key, path


def test_reference_keys_cover_every_parameter(gpu: Gpu) -> None:
    scene = make_tiny_scene()
    equal = find_equal(list_pairs(), lambda shot: cache_key(gpu, load_tiny(shot, scene)))
    assert {name.partition(".")[0] for name in equal} <= IGNORED_GROUPS.keys(), equal


def test_reference_keys_do_not_depend_on_who_sets_a_value(gpu: Gpu) -> None:
    """The scene or the shot; and nothing that is left out of the resolved shot counts."""
    scene = make_tiny_scene()
    for name in Technique.known:
        shot = Shot().with_values({"technique": name})
        assert cache_key(gpu, load_tiny(shot, scene)) == cache_key(gpu, load_tiny(shot.resolve(scene), scene))


def test_reference_keys_cover_program_and_driver(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_tiny(Shot())
    key = cache_key(gpu, loaded)
    with monkeypatch.context() as patch:
        patch.setattr(reference_cache, "source_digest", lambda: "another version")
        assert cache_key(gpu, loaded) != key
    for name in ("GL_RENDERER", "GL_VERSION"):
        other_gpu = Gpu(gpu.ctx)
        monkeypatch.setattr(other_gpu, "ctx", FakeContext({**gpu.ctx.info, name: "another driver"}))
        assert cache_key(other_gpu, loaded) != key
    assert cache_key(gpu, loaded) == key


class FakeContext(NamedTuple):
    info: Mapping[str, Any]


# ---- digests ---------------------------------------------------------------------------------------------------------

CONTENT_BYTES = (3 << 20) + 1000  # more than readers take at once


def digest_array(content: bytes, gpu: Gpu, folder: Path) -> str:
    radiance = np.frombuffer(content, "u1").reshape(1, -1, 1)
    return cache_key(gpu, LoadedShot(Shot(), make_tiny_scene(), cast(Any, SimpleNamespace(radiance=radiance))))


def digest_source(content: bytes, gpu: Gpu, folder: Path) -> str:
    (folder / "source.py").write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_cache, "PACKAGE", folder)
        patch.setattr(reference_cache, "SHADERS", folder / "none")
        return reference_cache.compute_source_digest()


def digest_entry(content: bytes, gpu: Gpu, folder: Path) -> str:
    """The checksum that stands before an entry of the reference cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "savez", lambda stream, **_: stream.write(content))
        entry = reference_cache._encode_entry(cast(Any, SimpleNamespace(frames=1, textures={})))
    assert entry.endswith(content)
    return entry[: reference_cache.CHECKSUM_BYTES].hex()


def digest_file(content: bytes, gpu: Gpu, folder: Path) -> str:
    (folder / "file").write_bytes(content)
    return FileCache[None](1).compute_digest("file", lambda: record_file(folder / "file"))


def digest_search(content: bytes, gpu: Gpu, folder: Path) -> str:
    return compute_search_id(gpu, Technique.by_name("ssao")(), [], 8, content.decode())


def digest_sweep(content: bytes, gpu: Gpu, folder: Path) -> str:
    return make_sweep_id([], files=((content.decode(), "1"),))


def digest_line(content: bytes, gpu: Gpu, folder: Path) -> str:
    return json_lines.format_line({"text": content.decode()}).rpartition(b'"checksum"')[2].decode()


# Every module that computes digests, and those of a content.
DIGESTS: Mapping[str, tuple[Callable[[bytes, Gpu, Path], str], ...]] = {
    "scene/files/file_cache.py": (digest_file,),
    "measure/reference_cache.py": (digest_array, digest_source, digest_entry),
    "measure/json_lines.py": (digest_line,),
    "measure/csp.py": (lambda content, gpu, folder: csp_hash(content.decode()),),
    "commands/sweep/checkpoint.py": (lambda content, gpu, folder: checkpoint._digest(content),),
    "commands/sweep/plan.py": (digest_sweep,),
    "commands/tune/scoring.py": (digest_search,),
}


def test_every_module_that_computes_digests_is_tested() -> None:
    paths = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    assert {name for name, path in paths.items() if "import hashlib" in path.read_text("utf-8")} == DIGESTS.keys()


@pytest.mark.parametrize("module", DIGESTS)
def test_digests_cover_large_contents_to_their_end(gpu: Gpu, tmp_path: Path, module: str) -> None:
    """One bit in each MiB, at both ends of it, and the length."""
    content = b"a" * CONTENT_BYTES
    positions = sorted({p for start in range(0, CONTENT_BYTES, 1 << 20) for p in (start - 1, start)} - {-1})
    for compute_digest in DIGESTS[module]:
        contents = [content, content[:-1], content[:-1] + b"c"]
        contents += [content[:p] + b"c" + content[p + 1 :] for p in positions]
        digests = [compute_digest(changed, gpu, tmp_path) for changed in contents]
        assert len(set(digests)) == len(contents), compute_digest.__name__
        assert compute_digest(content, gpu, tmp_path) == digests[0]


# ---- sweep -----------------------------------------------------------------------------------------------------------

# Parameters on which points with one reference may differ.
NOT_IN_REFERENCES = {
    **dict.fromkeys(Technique.known, "belongs to the measured technique"),
    "technique": "the reference has its own",
    "denoise": "references are not denoised",
    "display": "errors are those of linear radiance",
    "temporal": "references average their frames",
    "lighting": "references have the full resolution",
    "accumulated_frames": "the reference has its own number",
    "antialias": "measured are the centres of the pixels",
}


def make_sweep_id(
    shots: list[Shot],
    reference: Reference | None = None,
    frames: int = 8,
    source: str = "source",
    files: tuple[tuple[str, str], ...] = (("a.glb", "1"), ("b.hdr", "2")),
) -> str:
    points = [Point(number, 1, "", {}, shot) for number, shot in enumerate(shots)]
    return compute_sweep_id(points, ReferencePlan(reference or Reference(), frames), source, files)


def test_sweep_ids_cover_every_parameter_of_every_point() -> None:
    equal = find_equal(list_pairs(), lambda shot: make_sweep_id([Shot(), shot]))
    assert not equal


def test_sweep_ids_cover_references_files_and_program() -> None:
    shots, limited = [Shot(), Shot(seed=1)], Reference(max_distance=2.0)
    ids = [
        make_sweep_id(shots),
        make_sweep_id(shots, limited),
        *(make_sweep_id(shots, changed) for _, changed in list_changes(limited) if changed != Reference()),
        make_sweep_id(shots, frames=9),
        make_sweep_id(shots, source="another"),
        make_sweep_id(shots, files=()),
        make_sweep_id(shots, files=(("a.glb", "1"), ("b.hdr", "3"))),
        make_sweep_id(shots, files=(("a.glb", "2"), ("b.hdr", "1"))),
        make_sweep_id(shots, files=(("a.glb", "1"), ("c.hdr", "2"))),
        make_sweep_id(shots[:1]),
        make_sweep_id(shots[::-1]),
        make_sweep_id([*shots, Shot()]),
    ]
    assert len(set(ids)) == len(ids)


def test_points_share_a_reference_only_if_it_is_the_same() -> None:
    plan = ReferencePlan(Reference(rays=3), 8)
    equal = find_equal(list_pairs(), plan.build_shot)
    assert {name.partition(".")[0] for name in equal} <= NOT_IN_REFERENCES.keys(), equal


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_file_digests_cover_every_file(tmp_path: Path, kind: str) -> None:
    """A changed bit of any file changes the digest, or the file cannot be read any more. Names do not count."""
    name, files = write_scene_files(tmp_path, kind)
    points = [Point(0, 1, "", {}, make_file_shot(name))]
    digests = compute_file_digests(points)
    assert [digest_name for digest_name, _ in digests] == [name]
    for path in files:
        content = path.read_bytes()
        for position in (0, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[position] ^= 1
            write_changed(path, changed)
            with contextlib.suppress(UserError):
                assert compute_file_digests(points) != digests, f"{path.name}, byte {position}"
        write_changed(path, content)
        assert compute_file_digests(points) == digests
    other_name, _ = write_scene_files(tmp_path / "copy", kind)
    ((_, other_digest),) = compute_file_digests([points[0]._replace(shot=make_file_shot(other_name))])
    assert other_digest == digests[0][1]


def test_file_digests_have_no_built_in_scenes() -> None:
    """These follow from the program's source, which has a digest of its own."""
    assert compute_file_digests([Point(0, 1, "", {}, Shot())]) == ()


@pytest.fixture
def make_worker(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Worker]:
    """Workers that draw with the tests' context."""
    monkeypatch.setattr(measure, "create_headless_context", lambda: gpu.ctx)

    def make(file_digests: tuple[tuple[str, str], ...]) -> Worker:
        plan = ReferencePlan(Reference(rays=1), 4)
        return Worker(SweepTask(plan, 3, "wall", None, reference_cache.source_digest(), file_digests))

    return make


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILE_KINDS)
def test_workers_refuse_other_files_than_the_plans(
    tmp_path: Path, make_worker: Callable[..., Worker], kind: str
) -> None:
    name, files = write_scene_files(tmp_path, kind)
    shot = replace(make_file_shot(name), width=16, height=9)
    worker = make_worker(compute_file_digests([Point(0, 1, "", {}, shot)]))
    reference = worker.load_reference(worker.task.reference_plan.build_shot(shot))
    assert worker.measure(shot, reference)["reference noise"] >= 0
    write_changed(files[-1], files[-1].read_bytes() + b" ")
    for measure_again in (
        lambda: worker.measure(shot, reference),
        lambda: worker.load_reference(worker.task.reference_plan.build_shot(replace(shot, seed=7))),
        lambda: make_worker(()).measure(shot, reference),
    ):
        with pytest.raises(UserError, match="reads another content than the sweep was planned with") as caught:
            measure_again()
        assert str(caught.value).startswith(f"{name}: ") and "\n" not in str(caught.value)


# ---- --from-image ----------------------------------------------------------------------------------------------------

# What images to compare need not have in common: how light is computed, sampled and shown.
COMPARABLE_GROUPS = ("guard_band.", "probes.", "lighting.", "denoise.", "temporal.", "display.")
COMPARABLE = (*COMPARABLE_GROUPS, "up", "seed", "accumulated_frames", "antialias")
COMPARABLE_SHADOWS = ("sun.resolution", "lights.shadows", "lights.resolution")


@pytest.mark.slow
def test_images_to_compare_show_one_view(tmp_path: Path) -> None:
    """In one light: all are compared with the reference of the first."""
    pixels = np.zeros((1, 1, 3), "u1")
    for name, *shots in list_pairs({"scene": "blocks"}):  # it has a sun
        is_of_technique = name.partition(".")[0] in ("technique", *Technique.known)
        is_comparable = is_of_technique or name.startswith(COMPARABLE) or name in COMPARABLE_SHADOWS
        for number, shot in enumerate(shots):
            images.save_png(tmp_path / f"{number}.png", pixels, shot.values(), overwrite=True)
        paths = [tmp_path / "0.png", tmp_path / "1.png"]
        try:
            first, second = load_shots(paths)
        except UserError as error:
            # other units change the sun, too
            group = "sun" if name == "lights.units" else name.partition(".")[0]
            assert f"1.png and {paths[0]} differ in {group}" in str(error) and not is_comparable
        else:
            assert is_comparable, name
            resolved = [shot.resolve(load_scene(shot.scene)) for shot in shots]
            assert [first, second] == resolved, name


# ---- history ---------------------------------------------------------------------------------------------------------

# What may change while the history is kept: what it shows moves or is lit in another way.
FOLLOWED = ("camera", "sky", "sun", "lights", "time", "display")


def test_a_history_is_kept_only_over_camera_light_time_and_display() -> None:
    followed_names = {name for name, first, second in list_pairs() if second.can_follow(first)}
    assert all(second.can_follow(first) == first.can_follow(second) for _, first, second in list_pairs())
    assert {name.partition(".")[0] for name in followed_names} == set(FOLLOWED)
    assert followed_names == {p.name for p in PARAMETERS if p.name.partition(".")[0] in FOLLOWED}


def test_the_viewer_starts_a_history_anew_where_it_must(gpu: Gpu) -> None:
    """At the first frame; also after an error, at another preview size, and where there was no history."""
    scheduler = RenderScheduler(gpu, lambda: 0.0)
    render = scheduler.renders["A"]

    def next_index(previous: Shot | None, shot: Shot, scale: float = 1.0, failed_shot: Shot | None = None) -> int:
        render.requested, render.scale, render.failed_shot, render.frame_index = previous, 1.0, failed_shot, 6
        return scheduler._next_frame_index(render, shot, scale, previous != shot)

    for name, first, second in list_pairs():
        is_kept = name.partition(".")[0] in FOLLOWED
        assert next_index(first, second) == (7 if is_kept and second.uses_history else 0), name
    shot = Shot().with_values(HISTORY)
    assert next_index(shot, shot) == 7
    assert [next_index(None, shot), next_index(shot, shot, 0.5), next_index(shot, shot, failed_shot=shot)] == [0, 0, 0]


# ---- pass cache ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_pass_keys_cover_every_uniform_and_every_texture(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every cached pass of a frame."""
    register_tiny_assets(monkeypatch)
    calls: list[tuple[str, dict[str, Any], dict[str, Texture]]] = []
    compute_key = gpu.pass_cache.key

    def record_key(shader: str, structs: dict[str, Any], textures: dict[str, Texture]) -> object:
        calls.append((shader, structs, textures))
        return compute_key(shader, structs, textures)

    with monkeypatch.context() as patch:
        patch.setattr(gpu.pass_cache, "key", record_key)
        padded_and_halved = {"lighting.resolution": "half", "guard_band.size": 0.25}
        render_frame(gpu, Shot().with_values(TINY | padded_and_halved | {"technique": "ssao"}))
        render_frame(gpu, Shot().with_values(TINY | {"ssdo.depth_layers": "2", "probes.enabled": True}))
    passes = {shader: (structs, textures) for shader, structs, textures in calls}
    assert len(passes) >= 7, passes.keys()
    for shader, (structs, textures) in passes.items():
        key = compute_key(shader, structs, textures)
        assert compute_key(shader, dict(structs), dict(textures)) == key != compute_key(f"{shader}x", structs, textures)
        for name, struct in structs.items():
            for path, changed in list_changes(struct):
                assert compute_key(shader, structs | {name: changed}, textures) != key, f"{shader}: {name}.{path}"
        for name, texture in textures.items():
            gpu.pass_cache.bump_version([texture])
            assert compute_key(shader, structs, textures) != key, f"{shader}: {name}"
            key = compute_key(shader, structs, textures)


# ---- smaller caches --------------------------------------------------------------------------------------------------


def test_built_in_scenes_are_kept_by_arguments_and_time() -> None:
    """Time only where it moves something."""
    specs = ("blocks:count=2", "blocks:count=3", "blocks", "plane")
    scenes = {(spec, time): load_scene(spec, time) for spec in specs for time in (0.0, 1.0)}
    contents = {
        key: np.concatenate([mesh.positions for mesh in scene.meshes]).tobytes() for key, scene in scenes.items()
    }
    assert len(set(contents.values())) == 3 * 2 + 1
    assert contents["plane", 0.0] == contents["plane", 1.0]
    for key in list(scenes)[-2:]:
        assert load_scene(*key) is scenes[key]


def test_overridden_materials_are_kept_by_both_settings() -> None:
    scene = make_tiny_scene()
    overrides = [(name, maps) for name in ("full", "diffuse", "white", "clay") for maps in (False, True)]
    contents: dict[tuple[str, bool], list[list[object]]] = {}
    for override in [*overrides, *reversed(overrides)]:
        overridden = override_materials(scene, *override)
        assert override_materials(scene, *override) is overridden
        materials = [_describe(mesh.material) for mesh in overridden.meshes]
        assert contents.setdefault(override, materials) == materials
        assert materials == [_describe(m.material) for m in override_materials(make_tiny_scene(), *override).meshes]
    assert len({str(content) for content in contents.values()}) == 4 + 2, "without diffuse textures maps do not matter"


def _describe(material: Material) -> list[object]:
    values = [getattr(material, f.name) for f in fields(material)]
    values = [_describe(value) if isinstance(value, Material) else value for value in values]
    return [value.pixels.tobytes() if isinstance(value, ImageTexture) else value for value in values]


def test_viewer_values_are_kept_while_all_results_are_the_same(gpu: Gpu) -> None:
    """Results are compared by identity, each of them."""
    scheduler = RenderScheduler(gpu, lambda: 0.0)
    cache, results = ResultCache(scheduler), [cast(FrameResult, object()) for _ in range(4)]
    for result, render in zip(results, scheduler.renders.values(), strict=False):
        render.result = result
    count = itertools.count()

    def get(*frame_results: FrameResult | None, name: str = "value") -> int:
        return cache.get(name, frame_results, lambda: next(count))

    a, b, c, _ = results
    values = [get(a, b), get(a, b), get(c, b), get(c, a), get(c, a), get(c, None), get(a, b), get(a, b, name="other")]
    assert values == [0, 0, 1, 2, 2, 3, 4, 5]


def test_search_ids_cover_what_decides_a_score(gpu: Gpu) -> None:
    class View(NamedTuple):
        shot: Shot
        references: Mapping[float, None]

    def compute_id(technique: Technique, views: list[View], frames: int = 8, conditions: str = "x") -> str:
        return compute_search_id(gpu, technique, cast(Any, views), frames, conditions)

    ssao, shot = Technique.by_name("ssao")(), Shot(scene="plane", width=16, height=9)
    view = View(shot, {1.0: None})
    ids = [
        compute_id(ssao, [view]),
        compute_id(Technique.by_name("gtao")(), [view]),
        compute_id(ssao, [view, view]),
        compute_id(ssao, [view], frames=9),
        compute_id(ssao, [view], conditions="y"),
        compute_id(ssao, [View(shot, {2.0: None})]),
        compute_id(ssao, [View(shot, {1.0: None, 2.0: None})]),
        *(compute_id(ssao, [View(other, {1.0: None})]) for other in (replace(shot, seed=1), replace(shot, width=17))),
    ]
    assert len(set(ids)) == len(ids) and ids[0] == compute_id(ssao, [view])
