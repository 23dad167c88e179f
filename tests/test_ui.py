"""Runs tests/ui_checks.py once, in a process and on a display of its own: every key and every section of the panel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.window

TESTS = Path(__file__).parent
CHECK_NAMES = [
    line.split("def ")[1].split("(")[0] for line in (TESTS / "ui_checks.py").read_text("utf-8").split("@check\n")[1:]
]


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The error of each check, by name; empty if it passed."""
    if not shutil.which("xvfb-run"):
        pytest.skip("xvfb-run is not installed")
    command = [
        "xvfb-run",
        "--auto-servernum",
        "--server-args=-screen 0 1280x800x24 -noreset",
        sys.executable,
        str(TESTS / "ui_checks.py"),
        str(tmp_path_factory.mktemp("ui")),
    ]
    env = os.environ | {"PYTHONPATH": f"{TESTS.parent / 'app'}{os.pathsep}{TESTS}"}
    process = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)
    results = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    assert results, process.stderr
    return {result["check"]: result["error"] for result in results}


def test_every_check_ran(errors: dict[str, str]) -> None:
    assert list(errors) == CHECK_NAMES and len(CHECK_NAMES) > 20


@pytest.mark.parametrize("name", CHECK_NAMES)
def test_in_the_window(errors: dict[str, str], name: str) -> None:
    assert errors[name] == "", errors[name]
