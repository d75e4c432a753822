"""A tiny run of the benchmark of many studies."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks.cohorts import many, stages
from lvvol.phantom import make_phantom, write_study


def test_many_measures_rate_memory_and_kills(write, monkeypatch):
    monkeypatch.setattr(many, "SLICES", 6)
    monkeypatch.setattr(many, "PHASES", 4)
    report = write(many.main(studies="4", kills="1", cores="2", distinct="1"))
    assert report["studies"] == 4
    assert report["together"]["wall_s"] > 0
    assert report["of_one_thread_times_cores"] > 0
    assert 0.5 < report["memory_ratio"] < 2
    assert report["kills"]["finished_and_done_again"] == 0
    assert 1 <= report["kills"]["kept"][0] <= 4
    assert report["same_rows_after_kills"]


def test_stages_add_up_to_core_hours(tmp_path):
    study = tmp_path / "study"
    write_study(make_phantom(2, n_slices=6, n_phases=4), study)
    measured = stages.measure(study, repeats=1)
    assert all(value > 0 for value in measured.values())
    known = {
        **{"read_cpu_s": 0.2, "measure_cpu_s": 1.6, "write_cpu_s": 0.9, "write_json_cpu_s": 0.0},
        **{"read_mb": 50.0, "written_mb": 4.0},
    }
    estimate = stages.estimate(known, 120_000)
    # 120,000 x 2.7 s / 3600 s / 0.9
    assert estimate["core_hours"] == pytest.approx(100)
    assert estimate["core_hours_json"] == pytest.approx(200 / 3)
    assert (estimate["read_tb"], estimate["written_tb"]) == pytest.approx((6, 0.48))


# Threads of the clusters end when they like, and warn of what they leave open.
@pytest.mark.filterwarnings("ignore")
def test_workers_are_compared(write, monkeypatch):
    pytest.importorskip("distributed", reason='Dask is not installed: pip install "lvvol[dask]"')
    from benchmarks.cohorts import workers

    monkeypatch.setattr(many, "SLICES", 6)
    monkeypatch.setattr(many, "PHASES", 4)
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), *filter(None, sys.path)]))
    report = write(workers.main(studies="2", repeats="1"))
    assert report["studies"] == 2
    assert report["1_workers_s"]["median"] > 0
    assert report["times_as_fast"]["median"] > 0
