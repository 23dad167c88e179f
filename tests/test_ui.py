"""Every key and every group of the panel, in a real window: tests/ui_checks.py, run once in a process of its own, under
a display of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMES = [
    line.split("def ")[1].split("(")[0] for line in (HERE / "ui_checks.py").read_text("utf-8").split("@check\n")[1:]
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What went wrong in each check; "" where nothing did."""
    if not shutil.which("xvfb-run"):
        pytest.skip("xvfb-run is not installed")
    folder = tmp_path_factory.mktemp("driven")
    command = [
        "xvfb-run",
        "--auto-servernum",
        "--server-args=-screen 0 1280x800x24 -noreset",
        sys.executable,
        str(HERE / "ui_checks.py"),
        str(folder),
    ]
    env = os.environ | {"PYTHONPATH": f"{HERE.parent / 'app'}{os.pathsep}{HERE}"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr
    yield {line["check"]: line["said"] for line in lines}


def test_every_check_ran(said: dict[str, str]) -> None:
    assert list(said) == NAMES and len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_in_the_window(said: dict[str, str], name: str) -> None:
    assert said[name] == "", said[name]
