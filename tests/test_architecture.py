"""Import order between packages, shaders and render targets, and files that must agree with each other."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest
from faults import FAULTS
from ssdo.commands import parameters
from ssdo.gpu.context import Gpu
from ssdo.gpu.glsl import glsl_struct
from ssdo.gpu.shaders import ShaderError, SourceLine, map_compile_errors
from ssdo.render.pipeline import render_frame
from ssdo.render.shot import Shot
from ssdo.render.technique import Technique
from ssdo.viewer import keys

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "app" / "ssdo"
MODULES = sorted(PACKAGE.rglob("*.py"))
SHADERS = sorted((ROOT / "shaders").rglob("*.frag"))

# a layer imports only itself and the layers before it
LAYERS = (
    *("resources", "settings", "optional_packages", "flags", "toml_text", "arrays", "srgb", "scene", "gpu", "render"),
    *("measure", "viewer", "commands", "__main__"),
)
# the viewer's command captures where no window can be opened; a turntable is a capture along a path
ALLOWED_SIBLING_IMPORTS = {("view", "capture"), ("turntable", "capture")}


def imported_names(path: Path) -> set[str]:
    """The modules and the members that a module imports, by dotted name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.slow
def test_imports_go_one_way() -> None:
    for path in MODULES:
        layer = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if layer == "__init__":
            continue
        for name in imported_names(path):
            package, _, submodule = name.partition(".")
            imported_layer = submodule.partition(".")[0]
            if package == "ssdo" and imported_layer in LAYERS:
                assert LAYERS.index(imported_layer) <= LAYERS.index(layer), f"{path} imports {name}"


@pytest.mark.slow
def test_graphics_libraries_are_imported_in_one_package() -> None:
    """moderngl in gpu (and for the window in viewer), the window's libraries in viewer."""
    for path in MODULES:
        libraries = {name.partition(".")[0] for name in imported_names(path)}
        package = path.relative_to(PACKAGE).parts[0]
        assert "moderngl" not in libraries or package in ("gpu", "viewer"), path
        assert package == "viewer" or not libraries & {"imgui_bundle", "moderngl_window", "pyglet"}, path


@pytest.mark.parametrize("folder", ["render/techniques", "commands"])
def test_techniques_and_commands_do_not_import_each_other(folder: str) -> None:
    package = f"ssdo.{folder.replace('/', '.')}"
    entries = sorted((PACKAGE / folder).iterdir())
    siblings = [path for path in entries if path.stem not in ("__init__", "__pycache__") and path.suffix in (".py", "")]
    assert len(siblings) >= 3
    for sibling in siblings:
        names = {name for path in sibling.rglob("*.py") for name in imported_names(path)}
        names |= imported_names(sibling) if sibling.is_file() else set()
        for other in siblings:
            if other != sibling and (sibling.stem, other.stem) not in ALLOWED_SIBLING_IMPORTS:
                assert not [name for name in names if f"{name}.".startswith(f"{package}.{other.stem}.")], sibling


def test_the_tables_of_the_readme_are_up_to_date(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the techniques that the README documents: a new one need not be among them."""
    readme = (ROOT / "README.md").read_text("utf-8")
    documented = {
        name: kind for name, kind in Technique.known.items() if not kind().values() or f"| `{name}." in readme
    }
    assert documented.keys() >= {"off", "ssao", "ssdo", "gtao", "bitmask", "reference"}
    monkeypatch.setattr(Technique, "known", documented)
    assert parameters.main([]) == 0
    assert capsys.readouterr().out.strip() in readme
    assert keys.table().strip() in readme


def test_every_shader_starts_with_a_comment() -> None:
    """The question that it answers, or a sentence."""
    for path in SHADERS:
        first_line = path.read_text("utf-8").splitlines()[0]
        assert first_line.startswith("// "), path
        assert first_line.rstrip().endswith(("?", ".")), path


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("glslangValidator"), reason="glslangValidator is not installed (Debian: glslang-tools)"
)
def test_the_reference_compiler_accepts_every_program(gpu: Gpu) -> None:
    """Mesa alone accepts what other drivers reject."""
    size = {"width": 16, "height": 9}
    for name in Technique.known:
        for probes in (False, True):
            values = {"technique": name, "scene": "cornell", "accumulated_frames": 2, "probes.enabled": probes}
            render_frame(gpu, Shot().with_values(size | values), 1)
    for scene in ("cornell", "atelier"):  # without and with specular reflection
        values = {"technique": "ssdo", "scene": scene, "temporal.history_length": 2}
        render_frame(gpu, Shot().with_values(size | values), 1)
    assert len(gpu.shaders.sources) > 8
    for read_source in gpu.shaders.sources.values():
        for lines, stage in zip(read_source(), ("vert", "frag"), strict=True):
            text = "\n".join(["#version 410 core", *(line.text for line in lines)])
            command = ["glslangValidator", "--stdin", "-S", stage]
            process = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
            assert process.returncode == 0, map_compile_errors(process.stdout, lines)


def test_a_shader_error_names_file_and_line(gpu: Gpu, tmp_path: Path) -> None:
    (tmp_path / "bad.frag").write_text('#include "part.glsl"\nout vec4 c;\nvoid main() { c = vec4(missing); }\n')
    (tmp_path / "part.glsl").write_text("float f() { return 1.0; }\n")
    local_gpu = Gpu(gpu.ctx, folders=(tmp_path,))
    with pytest.raises(ShaderError, match=r"shaders/bad\.frag:3:.*missing"):
        local_gpu.draw("bad.frag", local_gpu.target("t", (4, 4), "rgba8"))
    (tmp_path / "part.glsl").write_text("\nfloat f() { return oops; }\n")
    with pytest.raises(ShaderError, match=r"shaders/part\.glsl:2:.*oops"):
        local_gpu.draw("bad.frag", local_gpu.target("t", (4, 4), "rgba8"))
    with pytest.raises(ShaderError, match=r"no shader shaders/none\.frag"):
        local_gpu.draw("none.frag", local_gpu.target("t", (4, 4), "rgba8"))


def test_a_failed_reload_keeps_the_old_program(gpu: Gpu, tmp_path: Path) -> None:
    good = "out vec4 c;\nvoid main() { c = vec4(0.25, 0.5, 0.75, 1.0); }\n"
    (tmp_path / "x.frag").write_text(good)
    local_gpu = Gpu(gpu.ctx, folders=(tmp_path,))
    target = local_gpu.target("t", (2, 2), "rgba32f")
    local_gpu.draw("x.frag", target)
    (tmp_path / "x.frag").write_text("out vec4 c;\nvoid main() { c = }\n")
    assert "shaders/x.frag:2" in local_gpu.reload_shaders()["x.frag"]
    assert local_gpu.read(local_gpu.draw("x.frag", target)[0])[0, 0, 1] == 0.5
    (tmp_path / "x.frag").write_text(good.replace("0.5", "0.125"))
    assert local_gpu.reload_shaders() == {}
    assert local_gpu.read(local_gpu.draw("x.frag", target)[0])[0, 0, 1] == 0.125


def test_compile_errors_of_all_drivers_are_mapped() -> None:
    lines = [SourceLine("a", "x.frag", 7), SourceLine("b", "common/y.glsl", 3)]
    for log in ("0:3(5): error: boom", "0(3) : error C1008: boom", "ERROR: 0:3: boom"):
        assert "shaders/common/y.glsl:3:" in map_compile_errors(log, lines)


def test_a_struct_that_is_not_bound_is_an_error_unless_it_is_skipped(gpu: Gpu, tmp_path: Path) -> None:
    (tmp_path / "x.frag").write_text("#ifdef OFF\n#include <a>\n#endif\nout vec4 c;\nvoid main() { c = vec4(0.25); }\n")
    (tmp_path / "on.frag").write_text(
        "#ifndef OFF\n#include <a>\n#endif\nout vec4 c;\nvoid main() { c = vec4(1.0); }\n"
    )
    (tmp_path / "always.frag").write_text("#include <a>\nout vec4 c;\nvoid main() { c = vec4(1.0); }\n")
    local_gpu = Gpu(gpu.ctx, folders=(tmp_path,))
    target = local_gpu.target("t", (2, 2), "rgba32f")
    assert (local_gpu.read(local_gpu.draw("x.frag", target)[0]) == 0.25).all()
    for shader, line in (("on.frag", 2), ("always.frag", 1)):
        with pytest.raises(ShaderError, match=rf"shaders/{shader}:{line}.* includes <a>, but the draw call binds only"):
            local_gpu.draw(shader, target)


def test_a_target_cannot_be_read_while_it_is_drawn(gpu: Gpu, tmp_path: Path) -> None:
    (tmp_path / "x.frag").write_text(
        "uniform sampler2D a;\nout vec4 c;\nvoid main() { c = texelFetch(a, ivec2(0), 0); }\n"
    )
    local_gpu = Gpu(gpu.ctx, folders=(tmp_path,))
    target = local_gpu.target("t", (2, 2), "rgba32f")
    with pytest.raises(ShaderError, match="reads a while drawing into it"):
        local_gpu.draw("x.frag", target, a=target.textures[0])
    with pytest.raises(ShaderError, match="reads a, but the draw call binds only"):
        local_gpu.draw("x.frag", target, b=target.textures[0])


def test_targets_are_recreated_only_when_their_layout_changes(gpu: Gpu) -> None:
    local_gpu = Gpu(gpu.ctx)
    a = local_gpu.target("t", (4, 4), "rgba8")
    assert local_gpu.target("t", (4, 4), "rgba8") is a
    assert local_gpu.target("t", (5, 4), "rgba8") is not a
    with local_gpu.scope("B"):
        assert local_gpu.target("t", (5, 4), "rgba8") is not local_gpu.targets["t"]
    assert set(local_gpu.targets) == {"t", "B/t"}


def test_every_fault_can_be_injected() -> None:
    numbers = {fault.number for fault in FAULTS}
    assert numbers == set(range(1, max(numbers) + 1)), "no number is left out"
    for fault in FAULTS:
        assert fault.original in (ROOT / fault.file).read_text("utf-8"), f"{fault.number} {fault.description}"


def test_every_fault_names_tests_that_exist() -> None:
    for fault in FAULTS:
        for test in fault.tests:
            file, _, name = test.partition("::")
            assert f"def {name.partition('[')[0]}(" in (ROOT / "tests" / file).read_text("utf-8"), test


def test_every_technique_has_its_struct() -> None:
    for name, kind in Technique.known.items():
        technique = kind().resolve_lengths(1.0)
        assert f"}} {name};" in glsl_struct(technique, name) or not technique.values()
