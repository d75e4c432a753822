"""Fixtures for the tiny run of every benchmark."""

import json

import pytest

from benchmarks import machine
from tests.support.kernels import device

__all__ = ["device", "write"]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a report to a result file in an empty folder; return what the file holds."""
    monkeypatch.setattr(machine, "RESULTS", tmp_path)

    def write_and_read(report):
        path = machine.write_results("some", report, allow_dirty=True)
        return json.loads(path.read_text(encoding="utf-8"))

    return write_and_read
