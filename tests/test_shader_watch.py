"""Edited shaders are compiled while the viewer runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from file_scenes import write_changed
from ssdo.gpu.context import Gpu
from ssdo.resources import SHADERS
from ssdo.viewer.shader_watch import ShaderWatch, join_names
from test_viewer import SessionRunner, free_targets

FILE = "passes/display.frag"


def test_new_changed_and_removed_files_are_found(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        (folder / "passes").mkdir(parents=True)
    (second / "passes/a.frag").write_text("a")
    watch = ShaderWatch(cast(Any, SimpleNamespace(folders=(first, second))), is_enabled=True)
    assert watch.find_changed() == set()
    write_changed(second / "passes/a.frag", b"b")
    (second / "lighting.glsl").write_text("c")
    assert watch.find_changed() == {"passes/a.frag", "lighting.glsl"} and watch.find_changed() == set()
    (first / "passes/a.frag").write_text("hides that of the second folder")
    assert watch.find_changed() == {"passes/a.frag"}
    write_changed(second / "passes/a.frag", b"d")
    assert watch.find_changed() == set(), "it is hidden"
    (second / "lighting.glsl").unlink()
    assert watch.find_changed() == {"lighting.glsl"}


def test_the_files_of_a_wheel_are_not_watched(tmp_path: Path) -> None:
    watch = ShaderWatch(cast(Any, SimpleNamespace(folders=(tmp_path,))), is_enabled=False)
    (tmp_path / "a.frag").write_text("a")
    assert watch.find_changed() == set()


def test_names_in_a_message() -> None:
    assert join_names(["b", "a"]) == "a, b" and join_names(iter("dcba")) == "a, b, c and 1 more"


@pytest.mark.slow
def test_the_viewer_follows_an_edited_shader(gpu: Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the programs that read the file are compiled. While it does not compile, the image stays."""
    local_gpu = Gpu(gpu.ctx, (tmp_path, SHADERS))
    runner = SessionRunner(local_gpu)
    session, shaders = runner.session, local_gpu.shaders
    original = runner.render_idle()
    compiled: list[str] = []
    compile_program = shaders.compile

    def record_compile(*source: Any) -> Any:
        compiled.append(source[1][0].file if source[1] else "")
        return compile_program(*source)

    monkeypatch.setattr(shaders, "compile", record_compile)
    assert np.array_equal(runner.render_idle(), original) and not compiled and not session.message
    source = (SHADERS / FILE).read_text("utf-8")
    assert source.count("void main() {") == 1
    inverted = source.replace("void main() {", "void original_main() {") + (
        "\nvoid main() { original_main(); out_color.rgb = 1.0 - out_color.rgb; }\n"
    )
    (tmp_path / "passes").mkdir()
    (tmp_path / FILE).write_text(inverted, "utf-8")
    edited = runner.render_idle()
    assert session.message == f"reloaded {FILE}" and set(compiled) == {FILE}
    assert np.abs(edited.astype(int) - (255 - original.astype(int))).max() <= 1
    write_changed(tmp_path / FILE, b"half of a")
    assert np.array_equal(runner.render_idle(), edited)
    assert session.error.startswith(f"shaders/{FILE}:1") and "\n" not in session.error
    write_changed(tmp_path / FILE, inverted.encode())
    assert np.array_equal(runner.render_idle(), edited) and not session.error
    with_include = '#include "new.glsl"\n' + source
    (tmp_path / "new.glsl").write_text("half of a")
    write_changed(tmp_path / FILE, with_include.encode())
    assert np.array_equal(runner.render_idle(), edited) and session.error.startswith("shaders/new.glsl:1")
    write_changed(tmp_path / "new.glsl", b"// no program has read it yet\n")
    assert np.array_equal(runner.render_idle(), original) and not session.error
    (tmp_path / FILE).unlink()
    assert np.array_equal(runner.render_idle(), original)
    (tmp_path / "unused.glsl").write_text("no program reads it")
    session.message = ""
    assert np.array_equal(runner.render_idle(), original) and not session.message
    free_targets(local_gpu, "A", "B")
