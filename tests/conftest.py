"""The OpenGL context that all tests share, checked for errors after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ssdo.gpu.context import Gpu, create_headless_context
from ssdo.resources import SHADERS

TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def _gpu() -> Gpu:
    return Gpu(create_headless_context(), folders=(SHADERS, TESTS / "shaders", TESTS / "tools" / "shaders"))


@pytest.fixture
def gpu(_gpu: Gpu) -> Iterator[Gpu]:
    with _gpu.ctx:  # a program that a test called may have made its own context the current one
        yield _gpu
        assert _gpu.ctx.error == "GL_NO_ERROR"
