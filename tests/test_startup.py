"""From a command to its picture, and the work of frames that nothing changes: what is not done again, and that what
must be is.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest
from PIL import Image
from ssdo.gpu import upload
from ssdo.gpu.context import Gpu
from ssdo.gpu.mipmaps import compute_mips
from ssdo.measure import images
from ssdo.render.pipeline import FrameResult, render_frame
from ssdo.render.shot import Shot
from ssdo.scene import built_in
from ssdo.scene.built_in import failures, fixtures

SMALL = {"width": 24, "height": 16}
MADE = ("texture", "depth_texture", "framebuffer", "depth_renderbuffer", "buffer", "program", "vertex_array", "query")


class Counted:
    """A uniform that tells when it is given a value."""

    def __init__(self, name: str, uniform: moderngl.Uniform, written: list[str]) -> None:
        self.name, self.uniform, self.written = name, uniform, written

    def give(self, value: Any) -> None:
        self.written.append(self.name)
        self.uniform.value = value

    value = property(None, give)


def counted(gpu: Gpu) -> list[str]:
    """The names of uniforms, as they are written from now on by the programs that there are."""
    written: list[str] = []
    for program in gpu.shaders.programs.values():
        for name, members in program.structs.items():
            counting: list[Any] = [
                (member, Counted(f"{name}.{member}", uniform, written)) for member, uniform in members
            ]
            program.structs[name] = counting
    return written


def drawn(gpu: Gpu, picture: FrameResult) -> list[np.ndarray[Any, Any]]:
    return [
        gpu.read(t)
        for t in (
            picture.inputs.gbuffer.depth,
            picture.inputs.direct_lighting.irradiance,
            picture.unfiltered.direct,
            picture.unfiltered.indirect,
            picture.radiance,
            picture.display,
        )
    ]


@pytest.mark.parametrize("technique", ["off", "ssao", "ssdo"])
def test_a_frame_that_nothing_changes_gives_no_uniform_and_makes_nothing(
    gpu: Gpu, technique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, shot = Gpu(gpu.ctx), Shot().with_values(SMALL | {"technique": technique, "scene": "plane"})
    render_frame(own, shot)
    written, programs = counted(own), len(own.shaders.programs)
    made: list[str] = []
    for name in MADE:
        monkeypatch.setattr(moderngl.Context, name, lambda *_, name=name, **__: made.append(name))
    render_frame(own, shot)
    assert not made and len(own.shaders.programs) == programs
    assert not written


def test_materials_that_share_a_program_give_it_what_they_differ_in(gpu: Gpu) -> None:
    own, shot = Gpu(gpu.ctx), Shot().with_values(SMALL | {"technique": "off", "scene": "cornell"})
    render_frame(own, shot)
    written = counted(own)
    own.pass_cache.invalidate()
    render_frame(own, shot)
    assert set(written) == {"material.albedo", "material.emission"}


CHANGES: tuple[dict[str, Any], ...] = (
    {"ssdo.radius": 0.4},
    {"ssdo.samples": 5},
    {"ssdo.indirect_intensity": 3.0},
    {"ssdo.visibility": "single-sample"},
    {"camera.eye": (0.2, 1.2, 3.0)},
    {"camera.fov": 70.0},
    {"sun.irradiance": 2.0, "sun.azimuth": 30.0, "sun.elevation": 60.0},
    {"sky.rotation": 77.0, "environment": "sky"},
    {"denoise.radius": 2},
    {"denoise.plane_distance": 9.0},
    {"display.exposure": 1.5},
    {"seed": 3},
    {"technique": "ssao"},
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: ",".join(change))
def test_what_changes_is_drawn_as_if_it_had_always_been_so(gpu: Gpu, change: dict[str, Any]) -> None:
    """In a scope of its own between two frames of another, as the viewer's halves are; then back."""
    before = Shot().with_values(SMALL | {"scene": "cornell"})
    after = before.with_values(change)
    own, fresh = Gpu(gpu.ctx), Gpu(gpu.ctx)
    first = drawn(own, render_frame(own, before))
    with own.scope("B"):
        other = drawn(own, render_frame(own, after))
    again = drawn(own, render_frame(own, before))
    wanted = drawn(fresh, render_frame(fresh, after))
    assert all(np.array_equal(a, b) for a, b in zip(other, wanted, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_program_that_is_compiled_again_is_given_everything(gpu: Gpu) -> None:
    own, shot = Gpu(gpu.ctx), Shot().with_values(SMALL | {"scene": "cornell"})
    first = drawn(own, render_frame(own, shot))
    assert own.reload_shaders() == {}
    again = drawn(own, render_frame(own, shot))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_scenes_are_listed_as_their_modules_have_them() -> None:
    listed = [
        "courtyard",
        "parlour",
        "atelier",
        "cornell",
        "nook",
        "blocks",
        "million",
        *(
            name.removeprefix("build_")
            for module in (fixtures, failures)
            for name, function in vars(module).items()
            if name.startswith("build_") and function.__module__ == module.__name__
        ),
    ]
    assert list(built_in.BUILT_IN_SCENES)[: len(listed)] == listed  # behind them those of other tests
    assert all(built_in.get_builder(name).__doc__ for name in listed)


def modules(script: str) -> set[str]:
    """What a process has imported after these lines."""
    command = [sys.executable, "-c", f"import sys\n{script}\nprint(*sys.modules)"]
    return set(
        subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
        ).stdout.split()
    )


def test_a_picture_imports_only_what_it_needs() -> None:
    """Of processor time Pillow takes 35 ms, tqdm 25, readers of files 60 and the other scenes 30; all that is left
    takes 180.
    """
    spared = {
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
    assert not spared & modules(
        "import ssdo.commands.capture; from ssdo.scene.loader import load_scene; load_scene('courtyard')"
    )
    assert not {"numpy", "moderngl", "ssdo.render.shot"} & modules(
        "sys.argv = ['ssdo', '--help']; from ssdo.__main__ import main; main()"
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (64, 3), (65, 2), (200, 20)])
@pytest.mark.parametrize("kind", ["noise", "even", "steps"])
def test_a_png_holds_the_pixels_and_the_shot(shape: tuple[int, int], kind: str, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(3), tmp_path / "a.png"
    pixels = {
        "noise": rng.integers(0, 256, (*shape, 3)),
        "even": np.full((*shape, 3), 200),
        "steps": np.arange(np.prod(shape) * 3).reshape(*shape, 3) * 85 % 256,
    }[kind].astype("u1")
    images.save_png(path, pixels, {"scene": "Stühle: 椅子", "width": 3})
    with Image.open(path) as image:
        image.load()
        assert image.mode == "RGB" and np.array_equal(np.asarray(image), pixels)
    assert images.shot_values(path) == {"scene": "Stühle: 椅子", "width": 3}
    images.save_png(path, pixels)
    with Image.open(path) as image:
        assert not getattr(image, "text", None)


def test_levels_of_an_image_are_means_of_light() -> None:
    rng = np.random.default_rng(4)
    image = rng.integers(0, 256, (6, 16, 4)).astype("u1")
    plain, lit = compute_mips(image, False), compute_mips(image, True)
    assert [level.shape for level in plain] == [(3, 8, 4), (1, 4, 4), (1, 2, 4), (1, 1, 4)]
    assert np.abs(plain[-1][0, 0] - image.mean((0, 1))).max() <= 0.5 + 1e-3
    c = image[..., :3] / 255
    light = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4).mean((0, 1))
    assert np.abs(lit[-1][0, 0, :3] - 255 * (1.055 * light ** (1 / 2.4) - 0.055)).max() <= 0.5 + 1e-3
    assert np.array_equal(lit[-1][0, 0, 3], plain[-1][0, 0, 3])


def test_levels_made_here_are_those_that_opengl_makes(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """To 4 of 255: llvmpipe rounds down in every level."""
    pixels = np.random.default_rng(5).integers(0, 256, (32, 8, 4)).astype("u1")
    monkeypatch.setattr(upload, "upload_mips", lambda *_: False)
    for linear in (True, False):
        made = gpu.upload.image(pixels, linear=linear)
        for number, level in enumerate(compute_mips(pixels, not linear), 1):
            theirs = np.frombuffer(made.read(level=number, alignment=1), "u1").reshape(level.shape)
            assert np.abs(theirs.astype(int) - level).max() <= 4


@pytest.mark.parametrize("by", ["hand", "OpenGL"])
def test_shaders_read_the_levels_that_were_given(
    gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    own, rng = Gpu(gpu.ctx, folders=(tmp_path,)), np.random.default_rng(6)
    if by == "OpenGL":
        monkeypatch.setattr(upload, "upload_mips", lambda *_: False)
    levels = [rng.random((16 >> i, 32 >> i, 3)).astype("f4") for i in range(4)]  # fewer than down to one texel
    pixels = rng.integers(0, 256, (16, 32, 4)).astype("u1")
    image, map_ = own.upload.image(pixels, linear=True), own.upload.latlong_texture(*levels)
    for number, (level, means) in enumerate(zip(levels, [pixels, *compute_mips(pixels, False)], strict=False)):
        (tmp_path / f"{number}.frag").write_text(
            "uniform sampler2D a, b; layout(location = 0) out vec4 c; layout(location = 1) out vec4 d;\n"
            f"void main() {{ ivec2 p = ivec2(gl_FragCoord.xy); c = texelFetch(a, p, {number}); d = texelFetch(b, p, {number}); }}\n"
        )
        found = own.draw(f"{number}.frag", own.target("t", level.shape[1::-1], "rgba32f", "rgba32f"), a=map_, b=image)
        assert np.array_equal(own.read(found[0])[::-1, :, :3], level)
        assert np.abs(own.read(found[1])[::-1] * 255 - means).max() <= (1e-4 if by == "hand" else 4)
