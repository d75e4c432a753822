"""A tiny run of the benchmark of many studies."""

from benchmarks.cohorts import many


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
