"""Fixtures for tests that write their own studies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.studies import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """An empty study in a folder of its own."""
    folder = tmp_path / "study"
    folder.mkdir()
    return Study(folder)


@pytest.fixture
def new_study(tmp_path: Path) -> Callable[[str], Study]:
    """Make further studies by name."""

    def make(name: str) -> Study:
        folder = tmp_path / name
        folder.mkdir()
        return Study(folder)

    return make
