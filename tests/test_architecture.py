"""Doors that stay shut, and texts that must agree with one another."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest
from faults import FAULTS
from ssdo.gpu.context import Gpu
from ssdo.gpu.glsl import glsl_struct
from ssdo.gpu.shaders import ShaderError, SourceLine, map_compile_errors
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.viewer import keys

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "app" / "ssdo"
MODULES = sorted(PACKAGE.rglob("*.py"))
SHADERS = sorted((ROOT / "shaders").rglob("*.frag"))


def imported(path: Path, top_level: bool = False) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = tree.body if top_level else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{a.name}" for a in node.names)}
    return found


def test_imports_go_one_way() -> None:
    """settings, arrays -> scene -> gpu -> render -> measure -> viewer -> commands -> __main__."""
    order = ("resources", "settings", "flags", "toml_text", "arrays", "scene", "gpu", "render", "measure", "viewer", "commands", "__main__")
    for path in MODULES:
        layer = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if layer == "__init__":
            continue
        for name in imported(path):
            top, _, rest = name.partition(".")
            if top == "ssdo" and (other := rest.partition(".")[0]) in order:
                assert order.index(other) <= order.index(layer), f"{path} imports {name}"


def test_opengl_is_called_in_one_package() -> None:
    """moderngl in gpu, the window's libraries in the viewer."""
    for path in MODULES:
        names = {n.partition(".")[0] for n in imported(path)}
        package = path.relative_to(PACKAGE).parts[0]
        assert "moderngl" not in names or package in ("gpu", "viewer"), path
        assert package == "viewer" or not names & {"imgui_bundle", "moderngl_window", "pyglet"}, path


def test_techniques_and_commands_do_not_import_one_another() -> None:
    for folder in ("render/techniques", "commands"):
        siblings = [
            p
            for p in sorted((PACKAGE / folder).iterdir())
            if p.suffix in (".py", "") and p.stem != "__init__" and p.name != "__pycache__"
        ]
        assert len(siblings) >= 3
        for sibling in siblings:
            others = tuple(f"ssdo.{folder.replace('/', '.')}.{p.stem}" for p in siblings if p != sibling)
            for path in sibling.rglob("*.py") if sibling.is_dir() else [sibling]:
                assert not [n for n in imported(path) if n.startswith(others)], path


def test_the_tables_in_the_readme_are_the_programs_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ssdo.commands import parameters

    assert parameters.main([]) == 0
    readme = (ROOT / "README.md").read_text("utf-8")
    assert capsys.readouterr().out.strip() in readme
    assert keys.table().strip() in readme


def test_every_shader_opens_with_its_question() -> None:
    for path in SHADERS:
        first = path.read_text("utf-8").splitlines()[0]
        assert first.startswith("// "), path
        assert first.rstrip().endswith(("?", ".")), path


@pytest.mark.skipif(
    not shutil.which("glslangValidator"), reason="glslangValidator is not installed (Debian: glslang-tools)"
)
def test_shaders_are_correct_by_the_reference_compiler(gpu: Gpu) -> None:
    """Every program in use, as the drivers get it: Mesa alone would let pass what others refuse."""
    from ssdo.render.pipeline import render_frame

    for name in Technique.known:
        for field in ("open", "probes"):
            render_frame(
                gpu,
                Shot().with_values(
                    {
                        "technique": name,
                        "scene": "cornell",
                        "width": 16,
                        "height": 9,
                        "accumulated_frames": 2,
                        "probes.enabled": field,
                    }
                ),
                1,
            )
    for scene in ("cornell", "atelier"):  # matte, glossy
        render_frame(
            gpu,
            Shot().with_values(
                {"technique": "ssdo", "scene": scene, "width": 16, "height": 9, "temporal.history_length": 2}
            ),
            1,
        )
    assert len(gpu.shaders.sources) > 8
    for source in gpu.shaders.sources.values():
        for lines, stage in zip(source(), ("vert", "frag"), strict=True):
            text = "\n".join(["#version 410 core", *(line.text for line in lines)])
            done = subprocess.run(
                ["glslangValidator", "--stdin", "-S", stage], input=text, text=True, capture_output=True, check=False
            )
            assert done.returncode == 0, map_compile_errors(done.stdout, lines)


def test_a_shader_error_names_file_and_line(gpu: Gpu, tmp_path: Path) -> None:
    (tmp_path / "bad.frag").write_text('#include "part.glsl"\nout vec4 c;\nvoid main() { c = vec4(missing); }\n')
    (tmp_path / "part.glsl").write_text("float f() { return 1.0; }\n")
    own = Gpu(gpu.ctx, folders=(tmp_path,))
    with pytest.raises(ShaderError, match=r"shaders/bad\.frag:3:.*missing"):
        own.draw("bad.frag", own.target("t", (4, 4), "rgba8"))
    (tmp_path / "part.glsl").write_text("\nfloat f() { return oops; }\n")
    with pytest.raises(ShaderError, match=r"shaders/part\.glsl:2:.*oops"):
        own.draw("bad.frag", own.target("t", (4, 4), "rgba8"))
    with pytest.raises(ShaderError, match=r"no shader shaders/none\.frag"):
        own.draw("none.frag", own.target("t", (4, 4), "rgba8"))


def test_a_failed_reload_keeps_the_old_program(gpu: Gpu, tmp_path: Path) -> None:
    good = "out vec4 c;\nvoid main() { c = vec4(0.25, 0.5, 0.75, 1.0); }\n"
    (tmp_path / "x.frag").write_text(good)
    own = Gpu(gpu.ctx, folders=(tmp_path,))
    into = own.target("t", (2, 2), "rgba32f")
    own.draw("x.frag", into)
    (tmp_path / "x.frag").write_text("out vec4 c;\nvoid main() { c = }\n")
    assert "shaders/x.frag:2" in own.reload_shaders()["x.frag"]
    assert own.read(own.draw("x.frag", into)[0])[0, 0, 1] == 0.5
    (tmp_path / "x.frag").write_text(good.replace("0.5", "0.125"))
    assert own.reload_shaders() == {}
    assert own.read(own.draw("x.frag", into)[0])[0, 0, 1] == 0.125


def test_drivers_write_errors_differently() -> None:
    lines = [SourceLine("a", "x.frag", 7), SourceLine("b", "common/y.glsl", 3)]
    for log in ("0:3(5): error: boom", "0(3) : error C1008: boom", "ERROR: 0:3: boom"):
        assert "shaders/common/y.glsl:3:" in map_compile_errors(log, lines)


def test_a_target_cannot_be_read_while_it_is_drawn(gpu: Gpu, tmp_path: Path) -> None:
    (tmp_path / "x.frag").write_text(
        "uniform sampler2D a;\nout vec4 c;\nvoid main() { c = texelFetch(a, ivec2(0), 0); }\n"
    )
    own = Gpu(gpu.ctx, folders=(tmp_path,))
    into = own.target("t", (2, 2), "rgba32f")
    with pytest.raises(ShaderError, match="reads a while drawing into it"):
        own.draw("x.frag", into, a=into.textures[0])
    with pytest.raises(ShaderError, match="reads a, but the draw call binds only"):
        own.draw("x.frag", into, b=into.textures[0])


def test_targets_are_remade_only_when_they_change(gpu: Gpu) -> None:
    own = Gpu(gpu.ctx)
    a = own.target("t", (4, 4), "rgba8")
    assert own.target("t", (4, 4), "rgba8") is a
    assert own.target("t", (5, 4), "rgba8") is not a
    with own.scope("B"):
        assert own.target("t", (5, 4), "rgba8") is not own.targets["t"]
    assert set(own.targets) == {"t", "B/t"}


def test_every_fault_can_be_planted() -> None:
    assert {fault.number for fault in FAULTS} == set(range(1, 50))
    for fault in FAULTS:
        assert fault.good in (ROOT / fault.file).read_text("utf-8"), f"{fault.number} {fault.what}"


def test_every_technique_has_its_struct() -> None:
    for name, kind in Technique.known.items():
        fitted = kind().resolve_lengths(1.0)
        assert f"}} {name};" in glsl_struct(fitted, name) or not fitted.values()
