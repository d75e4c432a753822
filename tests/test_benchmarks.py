"""A tiny run of every benchmark, so that none goes stale."""

import json

import pytest

from benchmarks import accuracy, left_out, machine, whole_command
from lvvol.datasets import Part
from lvvol.evaluate import PatientResult
from lvvol.phantom import make_phantom, write_study


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "RESULTS", tmp_path)
    return tmp_path


def test_results_say_what_machine_they_come_from(results):
    path = machine.write_results("some", {"figure": 1})
    written = json.loads(path.read_text())
    assert written["figure"] == 1
    assert set(written["machine"]["packages"]) == {"lvvol", "numpy", "torch", "pydicom"}
    assert written["machine"]["cores"] >= 1


def test_whole_command_times_every_stage(tmp_path):
    study = tmp_path / "study"
    write_study(make_phantom(2, n_slices=6, n_phases=8), study)
    measured = whole_command.measure(study, runs=1)
    stages = ["read", "resample", "load networks", "roi", "segment", "volume"]
    assert list(measured["stages_s"]) == [*stages, "start, imports and output"]
    assert sum(measured["stages_s"].values()) == pytest.approx(measured["wall_s"])
    assert measured["peak_memory_mb"] > 50


def test_accuracy_reports_both_parts_and_the_studies_left_out(results, monkeypatch, tmp_path):
    patient = PatientResult("dsb2/0012", 0.9, 0.8, 0.7, 110.0, 45.0, 108.0, 44.0, 100.0, 50.0)
    asked = []
    monkeypatch.setattr(
        accuracy, "evaluate", lambda folder, part: asked.append(part) or ([patient], [])
    )
    comparison = left_out.Comparison("DSB2 1", 110.0, 45.0, 100.0, 50.0)
    monkeypatch.setattr(accuracy, "compare_all", lambda data: [comparison])
    accuracy.main(tmp_path, tmp_path)
    written = json.loads((results / "accuracy.json").read_text())
    assert asked == [Part.VALIDATION, Part.TEST]
    assert written["test"]["edv_ml"]["mean_error"] == pytest.approx(10)
    assert written["left_out"][0]["edv_error_percent"] == pytest.approx(10)
    assert written["left_out"][0]["esv_error_percent"] == pytest.approx(-10)
