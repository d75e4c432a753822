"""Fixtures for the tiny run of every benchmark."""

import pytest

from benchmarks import machine
from tests.support.kernels import device

__all__ = ["device", "results"]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Return the folder that result files are written to, for this test an empty one."""
    monkeypatch.setattr(machine, "RESULTS", tmp_path)
    return tmp_path
