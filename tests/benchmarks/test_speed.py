"""A tiny run of every benchmark of speed."""

import numpy as np
import pytest

from benchmarks.speed import (
    cascade_training,
    detection,
    inference,
    outputs,
    reading,
    resampling,
    whole_command,
    windows,
)
from lvvol.phantom import make_phantom, write_study
from tests.support.cascade_files import random_cascade
from tests.support.studies import Study


def test_whole_command_times_every_stage(tmp_path):
    study = tmp_path / "study"
    write_study(make_phantom(2, n_slices=6, n_phases=8), study)
    measured = whole_command.measure(study, runs=1)
    stages = ["load model", "read", "resample", "roi", "segment", "volume"]
    assert list(measured["stages_s"]) == [*stages, "start, imports and output"]
    assert sum(measured["stages_s"].values()) == pytest.approx(measured["wall_s"])
    assert measured["peak_memory_mb"] > 50


def test_reading_times_both_ways_and_every_stage(tmp_path):
    study = Study(tmp_path)
    for i in range(3):
        study.slice(i, n_phases=4)
    measured = reading.measure_on(1, tmp_path, repeats=1)
    assert measured["files"] == 12
    assert measured["ratio"] == pytest.approx(measured["load_study_ms"] / measured["plain_loop_ms"])
    assert list(measured["stages_ms"]) == [*reading.STAGES, "rest"]
    assert all(milliseconds > 0 for milliseconds in measured["stages_ms"].values())


def test_reading_rejects_a_stack_with_other_pixels(tmp_path):
    study = Study(tmp_path)
    for i in range(3):
        study.slice(i, n_phases=4)
    images, _ = reading.plain_loop(tmp_path)
    stack = reading.load_study(tmp_path)
    reading.check(stack, images)
    images[stack.sop_instance_uids[1][1]][5, 5] += 1
    with pytest.raises(AssertionError):
        reading.check(stack, images)


def test_cascade_training_reports_times_and_detection(write, monkeypatch):
    monkeypatch.setattr(cascade_training, "THREADS", (1,))
    monkeypatch.setattr(cascade_training, "SETTINGS", ({"depth": 2},))
    monkeypatch.setattr(cascade_training.shutil, "which", lambda program: None)
    (trained,) = write(cascade_training.main(40, 2, 2))["trained"]
    assert trained["options"] == {"threads": 1, "depth": 2}
    assert sum(stage["trees"] for stage in trained["stages"]) == trained["trees"] >= 2
    assert all(0 <= share <= 1 for share in trained["tested"].values())
    assert trained["cpu_s"] > 0


def test_resampling_checks_and_times_every_case():
    measured = resampling.measure((2, 3, 32, 32), rounds=1)
    cases = [case.name for case in resampling.cases(2, 32)]
    assert [(row["pixels"], row["case"], row["threads"]) for row in measured["cases"]] == [
        (pixels, case, threads)
        for pixels in ("float32", "uint16")
        for case in cases
        for threads in (1, 2)
    ]
    for row in measured["cases"]:
        assert row["largest_relative_difference"]["lvvol"] < 1e-5
        assert set(row["times_ms"]) == {"lvvol", "lvvol, new array", "opencv", "simpleitk", "copy"}
        assert min(row["times_ms"].values()) > 0


def test_resampling_does_not_time_wrong_results(monkeypatch):
    right = resampling._core.resample

    def shifted(planes, matrices, shape, **options):
        return right(planes, matrices + 0.1, shape, **options)

    monkeypatch.setattr(resampling._core, "resample", shifted)
    with pytest.raises(AssertionError, match="lvvol"):
        resampling.measure((1, 1, 32, 32), rounds=1, threads=(1,))


def test_inference_checks_and_times_every_way():
    patches, windows = inference.inputs(None, 3, 5)
    measured = inference.measure(patches, windows, repeats=1, threads=(1,))
    times = measured["1 thread"]
    plain, core = times["torch"], times["core"]
    assert core["times_faster_than_plain"] == pytest.approx(plain["both_ms"] / core["both_ms"])
    assert core["both_ms"] == pytest.approx(core["segment_ms"] + core["score_ms"])
    assert measured["largest_differences"].keys() == inference.ways().keys()


def test_inference_does_not_time_wrong_results(monkeypatch):
    ways = inference.ways()
    right = ways["core"]
    ways["core"] = inference.Way(
        right.segment, lambda windows, threads: 1 - right.score(windows, threads)
    )
    monkeypatch.setattr(inference, "ways", lambda: ways)
    with pytest.raises(AssertionError, match="core differs"):
        inference.measure(*inference.inputs(None, 1, 2), repeats=1, threads=(1,))


def test_multiply_adds_are_as_documented():
    assert inference.multiply_adds() == (73_755_648, 7_018_240)


def test_detection_times_both_ways(opencv4, tmp_path):
    path = tmp_path / "cascade.xml"
    path.write_bytes(random_cascade(3))
    measured = detection.measure_all([path], repeats=1)
    assert measured["opencv"] == opencv4.call("version")
    for by_threads in measured["cascades"]["cascade.xml"].values():
        assert list(by_threads) == ["1 thread", "2 threads"]
        for times in by_threads.values():
            assert times["times_faster"] == pytest.approx(times["opencv_ms"] / times["lvvol_ms"])


def test_detection_rejects_other_windows():
    windows = np.array([[1, 2, 4, 3], [5, 6, 8, 7]], np.int32)
    detection.check(windows, [[6, 5, 7, 8], [2, 1, 3, 4]])
    with pytest.raises(AssertionError):
        detection.check(windows, [[2, 1, 3, 4]])


def test_windows_times_both_ways(write, monkeypatch):
    monkeypatch.setattr(windows, "REPEATS", 1)
    written = write(windows.main(n_slices=2, n_phases=3, n_windows=160))
    assert (written["classifier"]["windows"], written["classifier"]["phases"]) == (160, 6)
    assert (written["segmentation"]["windows"], written["segmentation"]["phases"]) == (2, 3)
    for case in ("classifier", "segmentation"):
        measured = written[case]["2 threads"]
        assert measured["ratio"] == pytest.approx(measured["opencv_ms"] / measured["lvvol_ms"])


@pytest.mark.parametrize("way", ["by_lvvol", "by_opencv"])
def test_windows_does_not_time_wrong_results(way, monkeypatch):
    case = windows.segmentation_case(windows.planes(2, 3))
    windows.check(case)
    right = getattr(windows, way)

    def wrong(case, out, threads):
        right(case, out, threads)
        out[0] = np.roll(out[0], 1, axis=-1)

    monkeypatch.setattr(windows, way, wrong)
    with pytest.raises(AssertionError):
        windows.check(case)


def test_outputs_are_timed_against_predicting(tmp_path):
    study = write_study(make_phantom(2, n_slices=6, n_phases=8, rows=128), tmp_path / "study")
    measured = outputs.measure(study, repeats=1)
    assert measured["share_of_predict"].keys() == measured["bytes"].keys()
    assert all(share > 0 for share in measured["share_of_predict"].values())
    of_all = sum(measured["share_of_predict"].values())
    assert measured["together_share_of_predict"]["all"] == pytest.approx(of_all)
    assert measured["bytes"]["report"]["report.html"] > 1000
