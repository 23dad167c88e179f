"""The OpenGL context that all tests share, checked for errors after each test; tests shared among processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.resources import SHADERS

TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tests shared among processes")
    group.addoption("--claims", type=Path, metavar="FOLDER", help="run only what no process with this folder runs")
    group.addoption("--last-first", action="store_true", help="run the last file first")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Two processes start at opposite ends, so that only the file in which they meet sets up its fixtures twice."""
    if config.getoption("--last-first"):
        files = list(dict.fromkeys(item.path for item in items))
        items.sort(key=lambda item: -files.index(item.path))


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """As pytest's own, of the tests that this process claims first."""
    folder = session.config.getoption("--claims")
    if folder is None or session.testsfailed or session.config.option.collectonly:
        return None
    claimed_items = (item for item in session.items if _claim(folder, item.nodeid))
    item = next(claimed_items, None)
    while item:
        next_item = next(claimed_items, None)  # decides which fixtures stay
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = next_item
    return True


def _claim(folder: Path, test: str) -> bool:
    """Whether no other process has claimed the test."""
    try:
        (folder / hashlib.sha256(test.encode()).hexdigest()).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@pytest.fixture(scope="session")
def _gpu() -> Gpu:
    return Gpu(create_headless_context(), folders=(SHADERS, TESTS / "shaders", TESTS / "tools" / "shaders"))


@pytest.fixture
def gpu(_gpu: Gpu) -> Iterator[Gpu]:
    with _gpu.ctx:  # a program that a test called may have made its own context the current one
        yield _gpu
        assert _gpu.ctx.error == "GL_NO_ERROR"
