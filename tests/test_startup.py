"""Startup and unchanged frames: imports, uploads, PNG files and mip levels; nothing is repeated or missed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest
from PIL import Image
from ssdo.arrays import Floats
from ssdo.gpu import upload
from ssdo.gpu.context import Gpu
from ssdo.gpu.mipmaps import compute_mips
from ssdo.measure import images
from ssdo.render.pipeline import FrameResult, render_frame
from ssdo.render.shot import Shot
from ssdo.scene import built_in
from ssdo.scene.built_in import failures, fixtures

SMALL = {"width": 24, "height": 16}
CREATED = (
    "texture",
    "depth_texture",
    "framebuffer",
    "depth_renderbuffer",
    "buffer",
    "program",
    "vertex_array",
    "query",
)


class RecordedUniform:
    """A uniform that records its name when its value is set."""

    def __init__(self, name: str, uniform: moderngl.Uniform, uploaded: list[str]) -> None:
        self.name, self.uniform, self.uploaded = name, uniform, uploaded

    def set_value(self, value: Any) -> None:
        self.uploaded.append(self.name)
        self.uniform.value = value

    value = property(None, set_value)


def record_uniforms(gpu: Gpu) -> list[str]:
    """The names of uniforms that existing programs upload from now on."""
    uploaded: list[str] = []
    for program in gpu.shaders.programs.values():
        for struct, members in program.structs.items():
            recorded: list[Any] = [
                (member, RecordedUniform(f"{struct}.{member}", uniform, uploaded)) for member, uniform in members
            ]
            program.structs[struct] = recorded
    return uploaded


def read_textures(gpu: Gpu, result: FrameResult) -> list[Floats]:
    textures = (
        result.inputs.gbuffer.depth,
        result.inputs.direct_lighting.irradiance,
        result.unfiltered.direct,
        result.unfiltered.indirect,
        result.radiance,
        result.display,
    )
    return [gpu.read(texture) for texture in textures]


def are_equal(a: Sequence[Floats], b: Sequence[Floats]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["off", "ssao", "ssdo"])
def test_an_unchanged_frame_uploads_and_creates_nothing(
    gpu: Gpu, technique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_gpu, shot = Gpu(gpu.ctx), Shot().with_values(SMALL | {"technique": technique, "scene": "plane"})
    render_frame(local_gpu, shot)
    uploaded, program_count = record_uniforms(local_gpu), len(local_gpu.shaders.programs)
    created: list[str] = []
    for name in CREATED:
        monkeypatch.setattr(moderngl.Context, name, lambda *_, name=name, **__: created.append(name))
    render_frame(local_gpu, shot)
    assert not created and len(local_gpu.shaders.programs) == program_count
    assert not uploaded


def test_materials_of_one_program_upload_only_their_differences(gpu: Gpu) -> None:
    local_gpu, shot = Gpu(gpu.ctx), Shot().with_values(SMALL | {"technique": "off", "scene": "cornell"})
    render_frame(local_gpu, shot)
    uploaded = record_uniforms(local_gpu)
    local_gpu.pass_cache.invalidate()
    render_frame(local_gpu, shot)
    assert set(uploaded) == {"material.albedo", "material.emission"}


CHANGES: tuple[dict[str, Any], ...] = (
    {"ssdo.radius": 0.4},
    {"ssdo.samples": 5},
    {"ssdo.indirect_intensity": 3.0},
    {"ssdo.visibility": "single-sample"},
    {"camera.eye": (0.2, 1.2, 3.0)},
    {"camera.fov": 70.0},
    {"sun.irradiance": 2.0, "sun.azimuth": 150.0, "sun.elevation": 30.0},
    {"sky.rotation": 77.0, "environment": "sky"},
    {"denoise.radius": 4},
    {"denoise.plane_distance": 9.0},
    {"display.exposure": 1.5},
    {"seed": 3},
    {"technique": "ssao"},
)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: ",".join(change))
def test_a_change_draws_as_in_a_new_context(gpu: Gpu, change: dict[str, Any]) -> None:
    """In another scope, as the viewer's slots are, between two frames of the original shot."""
    original_shot = Shot().with_values(SMALL | {"scene": "cornell"})
    changed_shot = original_shot.with_values(change)
    local_gpu, new_gpu = Gpu(gpu.ctx), Gpu(gpu.ctx)
    original = read_textures(local_gpu, render_frame(local_gpu, original_shot))
    with local_gpu.scope("B"):
        changed = read_textures(local_gpu, render_frame(local_gpu, changed_shot))
    restored = read_textures(local_gpu, render_frame(local_gpu, original_shot))
    expected = read_textures(new_gpu, render_frame(new_gpu, changed_shot))
    assert are_equal(changed, expected)
    assert are_equal(original, restored)
    assert not are_equal(original, changed)


@pytest.mark.slow
@pytest.mark.parametrize("depth_layers", ["1", "2"])
def test_recompiled_programs_draw_the_same(gpu: Gpu, depth_layers: str) -> None:
    """With new vertex arrays and all uniforms uploaded again."""
    local_gpu, shot = Gpu(gpu.ctx), Shot().with_values(SMALL | {"scene": "cornell", "ssdo.depth_layers": depth_layers})
    original = read_textures(local_gpu, render_frame(local_gpu, shot))
    assert local_gpu.reload_shaders() == {}
    assert are_equal(original, read_textures(local_gpu, render_frame(local_gpu, shot)))


def test_the_scene_table_lists_the_scenes_of_its_modules() -> None:
    listed = [
        "courtyard",
        "parlour",
        "cornell",
        "nook",
        "atelier",
        "blocks",
        "million",
        *(
            name.removeprefix("build_")
            for module in (fixtures, failures)
            for name, function in vars(module).items()
            if name.startswith("build_") and function.__module__ == module.__name__
        ),
    ]
    assert list(built_in.BUILT_IN_SCENES)[: len(listed)] == listed  # scenes of other tests follow
    assert all(built_in.get_builder(name).__doc__ for name in listed)


def test_each_scene_has_a_group_and_a_line() -> None:
    groups = {group: list(scenes) for group, scenes in built_in.SCENE_GROUPS.items()}
    assert list(groups) == ["outdoors", "rooms", "objects", "known light", "failure gallery"]
    assert len(groups["known light"]) == 12 and "corner" in groups["known light"]
    assert groups["rooms"] == ["parlour", "cornell", "nook"]
    names = [name for names in groups.values() for name in names]
    assert len(set(names)) == len(names) == 27
    lines = [built_in.describe_builder(name) for name in names]
    assert all(10 < len(line) < 120 and "\n" not in line for line in lines)
    assert lines[0].startswith("A court of 12 x 13 m") and len(set(lines)) == len(lines)


def imported_modules(script: str) -> set[str]:
    """The modules that a process imports for a script."""
    command = [sys.executable, "-c", f"import sys\n{script}\nprint(*sys.modules)"]
    folder = Path(__file__).parents[1]
    process = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return set(process.stdout.split())


@pytest.mark.slow
def test_a_capture_imports_only_what_it_needs() -> None:
    """Together, these imports would nearly double the time to start."""
    avoided = {
        "PIL",
        "tqdm",
        "ssdo.scene.files.gltf",
        "ssdo.scene.files.mesh_builder",
        "ssdo.scene.files.obj",
        "ssdo.scene.files.hdr",
        "ssdo.scene.built_in.parlour",
        "ssdo.scene.built_in.failures",
        "ssdo.viewer",
    }
    script = "import ssdo.commands.capture; from ssdo.scene.loader import load_scene; load_scene('courtyard')"
    assert not avoided & imported_modules(script)


def test_help_imports_neither_numpy_nor_opengl() -> None:
    script = "sys.argv = ['ssdo', '--help']; from ssdo.__main__ import main; main()"
    assert not {"numpy", "moderngl", "ssdo.render.shot"} & imported_modules(script)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (64, 3), (65, 2), (200, 20)])
@pytest.mark.parametrize("pattern", ["noise", "constant", "steps"])
def test_a_png_contains_the_pixels_and_the_shot(shape: tuple[int, int], pattern: str, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(3), tmp_path / "a.png"
    pixels = {
        "noise": rng.integers(0, 256, (*shape, 3)),
        "constant": np.full((*shape, 3), 200),
        "steps": np.arange(np.prod(shape) * 3).reshape(*shape, 3) * 85 % 256,
    }[pattern].astype("u1")
    images.save_png(path, pixels, {"scene": "Stühle: 椅子", "width": 3})
    with Image.open(path) as image:
        image.load()
        assert image.mode == "RGB" and np.array_equal(np.asarray(image), pixels)
    assert images.load_shot_values(path) == {"scene": "Stühle: 椅子", "width": 3}
    images.save_png(path, pixels, overwrite=True)
    with Image.open(path) as image:
        assert not getattr(image, "text", None)


def test_mip_levels_average_linear_light() -> None:
    image = np.random.default_rng(4).integers(0, 256, (6, 16, 4)).astype("u1")
    linear, srgb = compute_mips(image, False), compute_mips(image, True)
    assert [level.shape for level in linear] == [(3, 8, 4), (1, 4, 4), (1, 2, 4), (1, 1, 4)]
    assert np.abs(linear[-1][0, 0] - image.mean((0, 1))).max() <= 0.5 + 1e-3
    color = image[..., :3] / 255
    mean = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4).mean((0, 1))
    assert np.abs(srgb[-1][0, 0, :3] - 255 * (1.055 * mean ** (1 / 2.4) - 0.055)).max() <= 0.5 + 1e-3
    assert np.array_equal(srgb[-1][0, 0, 3], linear[-1][0, 0, 3])


def test_computed_mips_equal_those_of_opengl(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 4 of 255: llvmpipe rounds down in every level."""
    pixels = np.random.default_rng(5).integers(0, 256, (32, 8, 4)).astype("u1")
    monkeypatch.setattr(upload, "upload_mips", lambda *_: False)
    for linear in (True, False):
        texture = gpu.upload.image(pixels, linear=linear)
        for number, level in enumerate(compute_mips(pixels, not linear), 1):
            opengl_level = np.frombuffer(texture.read(level=number, alignment=1), "u1").reshape(level.shape)
            assert np.abs(opengl_level.astype(int) - level).max() <= 4


FETCH_LEVEL = """
uniform sampler2D latlong, image;
layout(location = 0) out vec4 latlong_texel;
layout(location = 1) out vec4 image_texel;

void main() {
    latlong_texel = texelFetch(latlong, ivec2(gl_FragCoord.xy), LEVEL);
    image_texel = texelFetch(image, ivec2(gl_FragCoord.xy), LEVEL);
}
"""


@pytest.mark.parametrize("by_opengl", [False, True])
def test_shaders_fetch_the_uploaded_mip_levels(
    gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_opengl: bool
) -> None:
    local_gpu, rng = Gpu(gpu.ctx, folders=(tmp_path,)), np.random.default_rng(6)
    if by_opengl:
        monkeypatch.setattr(upload, "upload_mips", lambda *_: False)
    levels = [rng.random((16 >> i, 32 >> i, 3)).astype("f4") for i in range(4)]  # fewer than down to one texel
    pixels = rng.integers(0, 256, (16, 32, 4)).astype("u1")
    image, latlong = local_gpu.upload.image(pixels, linear=True), local_gpu.upload.latlong_texture(*levels)
    for number, (level, mip) in enumerate(zip(levels, [pixels, *compute_mips(pixels, False)], strict=False)):
        (tmp_path / f"{number}.frag").write_text(FETCH_LEVEL.replace("LEVEL", str(number)))
        target = local_gpu.target("t", level.shape[1::-1], "rgba32f", "rgba32f")
        textures = local_gpu.draw(f"{number}.frag", target, latlong=latlong, image=image)
        assert np.array_equal(local_gpu.read(textures[0])[::-1, :, :3], level)
        assert np.abs(local_gpu.read(textures[1])[::-1] * 255 - mip).max() <= (4 if by_opengl else 1e-4)
