"""Optional packages: messages where one is missing name a command that installs it for the Python that is running."""

from __future__ import annotations

import ast
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ssdo import optional_packages
from ssdo.commands import doctor
from ssdo.commands.sweep import worker_pool
from ssdo.commands.tune import search
from ssdo.measure import metrics, plots, video
from ssdo.optional_packages import OPTIONAL_PACKAGES, MissingPackageError, format_install_command
from ssdo.resources import PACKAGE, ROOT
from ssdo.scene.files import exr, gltf_draco, gltf_ktx2, gltf_meshopt
from ssdo.scene.files.gltf_document import Document

DOCUMENT = Document(Path(), {}, None)
IMAGE = np.zeros((8, 8, 3), "f4")
USES: dict[str, Callable[[], object]] = {
    "DracoPy": lambda: gltf_draco.decompress(DOCUMENT, {}, {}, "a"),
    "OpenEXR": exr.import_openexr,
    "alktx2": lambda: gltf_ktx2.decode_ktx2(gltf_ktx2.Ktx2Image(b"", 1, 1), "a"),
    "av": lambda: video.check_video_path(Path("a.mp4")),
    "distributed": worker_pool.require_dask,
    "flip_evaluator": lambda: metrics.flip(IMAGE, IMAGE),
    "matplotlib": plots.require_matplotlib,
    "meshopt": lambda: gltf_meshopt.decompress(memoryview(b""), {}, "EXT_meshopt_compression", "a"),
    "optuna": search.import_optuna,
}


def test_every_package_is_an_extra_and_is_used() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lines = (line for extra, lines in extras.items() if extra not in ("test", "reference") for line in lines)
    names = {line.partition(">=")[0] for line in lines}
    assert names == {package.name for package in OPTIONAL_PACKAGES.values()}
    assert USES.keys() == OPTIONAL_PACKAGES.keys()


@pytest.mark.parametrize("module", USES)
def test_missing_packages_have_a_command(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module] + [module]:
        monkeypatch.setitem(sys.modules, name, None)
    package = OPTIONAL_PACKAGES[module]
    for has_wheels in (True, False):
        monkeypatch.setitem(OPTIONAL_PACKAGES, module, package._replace(has_wheels=has_wheels))
        with pytest.raises(MissingPackageError) as caught:
            USES[module]()
        text = str(caught.value)
        assert f"the package {package.name}" in text and "\n" not in text
        assert (format_install_command(package.name) in text) == has_wheels


def test_no_message_names_another_command() -> None:
    """Every import that may fail has an error from the one helper, and no other text says how to install packages."""
    helper = Path(optional_packages.__file__)
    count = 0
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type and ast.unparse(node.type) == "ImportError":
                assert "make_missing_error(" in ast.unparse(node), path
                count += 1
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and path != helper:
                assert "pip" not in node.value.split(), (path, node.lineno)
    assert count == len(OPTIONAL_PACKAGES)


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["of Python", "elsewhere"])
def test_the_command_is_of_this_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str) -> None:
    """Wherever the user is, and whichever pip is on the PATH."""
    (tmp_path / "pip").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "pip").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.chdir(Path(sys.executable).parents[2] if folder == "of Python" else tmp_path)
    *words, name = shlex.split(format_install_command("OpenEXR"), posix=os.name != "nt")
    assert (words[1:], name) == (["-m", "pip", "install"], "OpenEXR")
    code = "import sys; print(sys.prefix)"
    result = subprocess.run([words[0], "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == sys.prefix
    subprocess.run([*words, "--help"], capture_output=True, check=True)


def test_environments_of_uv_have_no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(sys, "executable", "/a b/python")
    quoted = '"/a b/python"' if os.name == "nt" else "'/a b/python'"
    assert format_install_command("x") == f"uv pip install --python {quoted} x"


def test_doctor_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    doctor.print_missing_packages()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(package.has_wheels for package in OPTIONAL_PACKAGES.values())
    for package, line in zip((p for p in OPTIONAL_PACKAGES.values() if p.has_wheels), lines, strict=True):
        assert line == f"missing   {package.purpose}: {format_install_command(package.name)}"
