"""A tiny run of every benchmark, so that none goes stale."""

import json

import numpy as np
import pytest

from benchmarks import machine
from benchmarks.accuracy import labels as label_benchmark
from benchmarks.accuracy import patients, phantoms, proposals, refinement, refusals
from benchmarks.speed import (
    cascade_training,
    detection,
    inference,
    reading,
    resampling,
    whole_command,
    windows,
)
from lvvol import pipeline
from lvvol.datasets import LabelledStack, Part
from lvvol.datasets.labelled import stack_of_planes
from lvvol.datasets.phantoms import phantom_labels
from lvvol.evaluate import PatientResult
from lvvol.phantom import make_phantom, write_study
from tests.support import left_out
from tests.support.cascade_files import random_cascade
from tests.support.studies import Study


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


def test_reading_measures_no_stack_with_other_pixels(tmp_path):
    study = Study(tmp_path)
    for i in range(3):
        study.slice(i, n_phases=4)
    images, _ = reading.plain_loop(tmp_path)
    stack = reading.load_study(tmp_path)
    reading.check(stack, images)
    images[stack.sop_instance_uids[1][1]][5, 5] += 1
    with pytest.raises(AssertionError):
        reading.check(stack, images)


def test_cascade_training_tells_times_and_what_is_reached(results, monkeypatch):
    monkeypatch.setattr(cascade_training, "THREADS", (1,))
    monkeypatch.setattr(cascade_training, "SETTINGS", ({"depth": 2},))
    monkeypatch.setattr(cascade_training.shutil, "which", lambda program: None)
    cascade_training.main(40, 2, 2)
    (trained,) = json.loads((results / "cascade_training.json").read_text())["trained"]
    assert trained["options"] == {"threads": 1, "depth": 2}
    assert sum(stage["trees"] for stage in trained["stages"]) == trained["trees"] >= 2
    assert all(0 <= share <= 1 for share in trained["tested"].values())
    assert trained["cpu_s"] > 0


def test_accuracy_reports_both_parts_and_the_studies_left_out(results, monkeypatch, tmp_path):
    patient = PatientResult("dsb2/0012", 0.9, 0.8, 0.7, 110.0, 45.0, 108.0, 44.0, 100.0, 50.0)
    asked = []
    monkeypatch.setattr(
        patients, "evaluate", lambda folder, part: asked.append(part) or ([patient], [])
    )
    comparison = left_out.Comparison("DSB2 1", 110.0, 45.0, 100.0, 50.0)
    monkeypatch.setattr(patients, "compare_all", lambda data: [comparison])
    patients.main(tmp_path, tmp_path)
    written = json.loads((results / "accuracy.json").read_text())
    assert asked == [Part.VALIDATION, Part.TEST]
    assert written["test"]["edv_ml"]["mean_error"] == pytest.approx(10)
    assert written["left_out"][0]["edv_error_percent"] == pytest.approx(10)
    assert written["left_out"][0]["esv_error_percent"] == pytest.approx(-10)


def test_phantoms_report_errors_in_percent_of_the_truth():
    phantom = make_phantom(2, n_slices=6, n_phases=4)
    measured = pipeline.predict(phantom.to_cine_stack())
    report = phantoms.compare([phantom])
    (entry,) = report["each"]
    assert entry["edv_error_percent"] == pytest.approx(
        100 * (measured.edv_ml - phantom.truth.edv_ml) / phantom.truth.edv_ml
    )
    assert report["edv_error_percent"]["mean"] == entry["edv_error_percent"]


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


def test_resampling_times_nothing_that_is_wrong(monkeypatch):
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


def test_inference_times_nothing_that_is_wrong(monkeypatch):
    ways = inference.ways()
    right = ways["core"]
    ways["core"] = inference.Way(
        right.segment, lambda windows, threads: 1 - right.score(windows, threads)
    )
    monkeypatch.setattr(inference, "ways", lambda: ways)
    with pytest.raises(AssertionError, match="core differs"):
        inference.measure(*inference.inputs(None, 1, 2), repeats=1, threads=(1,))


def test_multiply_adds_are_those_of_the_document():
    assert inference.multiply_adds() == (73_755_648, 7_018_240)


def test_labels_against_masks_by_hand():
    """Two slices of 1000 mm2 at ED and 400 mm2 near ES, 10 mm apart, hold 10 and 4 mL."""
    masks = np.zeros((2, 2, 50, 50), dtype=bool)
    masks[:, 0, :20, :] = True
    masks[:, 1, :8, :] = True
    images = np.zeros(masks.shape, dtype=np.float32)
    labels = LabelledStack(
        "dsb2/0004",
        stack_of_planes(images, np.array([0.0, 10.0])),
        masks,
        np.ones((2, 2), dtype=bool),
        edv_ml=12.0,
        esv_ml=5.0,
    )
    report = label_benchmark.compare([labels])
    assert report["edv_ml"]["mean_error"] == pytest.approx(-2)
    assert report["esv_ml"]["mean_error"] == pytest.approx(-1)
    assert report["systolic_excess"] == pytest.approx(1 / 7)


def test_detection_times_both_ways(opencv4, tmp_path):
    path = tmp_path / "cascade.xml"
    path.write_bytes(random_cascade(3))
    measured = detection.measure_apart([path], repeats=1)
    assert measured["opencv"] == opencv4.call("version")
    for by_threads in measured["cascades"]["cascade.xml"].values():
        assert list(by_threads) == ["1 thread", "2 threads"]
        for times in by_threads.values():
            assert times["times_faster"] == pytest.approx(times["opencv_ms"] / times["lvvol_ms"])


def test_detection_measures_nothing_that_differs():
    windows = np.array([[1, 2, 4, 3], [5, 6, 8, 7]], np.int32)
    detection.check(windows, [[6, 5, 7, 8], [2, 1, 3, 4]])
    with pytest.raises(AssertionError):
        detection.check(windows, [[2, 1, 3, 4]])


def test_windows_are_cut_both_ways(results, monkeypatch):
    monkeypatch.setattr(windows, "REPEATS", 1)
    windows.main(n_slices=2, n_phases=3, n_windows=160)
    written = json.loads((results / "windows.json").read_text())
    assert (written["classifier"]["windows"], written["classifier"]["phases"]) == (160, 6)
    assert (written["segmentation"]["windows"], written["segmentation"]["phases"]) == (2, 3)
    for case in ("classifier", "segmentation"):
        measured = written[case]["2 threads"]
        assert measured["ratio"] == pytest.approx(measured["opencv_ms"] / measured["lvvol_ms"])


@pytest.mark.parametrize("way", ["by_lvvol", "by_opencv"])
def test_windows_that_are_wrong_are_not_timed(way, monkeypatch):
    case = windows.segmentation_case(windows.planes(2, 3))
    windows.check(case)
    right = getattr(windows, way)

    def wrong(case, out, threads):
        right(case, out, threads)
        out[0] = np.roll(out[0], 1, axis=-1)

    monkeypatch.setattr(windows, way, wrong)
    with pytest.raises(AssertionError):
        windows.check(case)


def test_proposals_looks_at_a_study_as_it_is_and_turned():
    cases = list(proposals.labelled_cases([phantom_labels(3, rows=96)]))
    model = pipeline.load_model()
    for case in (*cases, *proposals.turned(cases, seed=2)):
        looked = proposals.look(case, model.detector, model)
        assert looked["rank"] <= 3
        assert looked["overlap"] >= 0.5
        assert looked["found_by"] == "detector"
        assert 0 < looked["proposals"] <= 30


def test_proposals_counts_by_rank_and_overlap(tmp_path):
    each = [
        {"case": "a", "proposals": 4, "rank": 1, "best_overlap": 0.9, "overlap": 0.8},
        {"case": "b", "proposals": 2, "rank": 3, "best_overlap": 0.6, "overlap": 0.4},
        {"case": "c", "proposals": 3, "rank": None, "best_overlap": 0.3, "overlap": 0.5},
    ]
    for entry, found_by in zip(each, ("detector", "detector", "dense scan"), strict=True):
        entry["found_by"] = found_by
    summary = proposals.summarise(each)
    assert summary["recall_percent"] == pytest.approx([100 / 3, 100 / 3, 200 / 3, 200 / 3])
    assert summary["mean_proposals"] == 3
    assert summary["right_square_percent"] == pytest.approx(200 / 3)
    assert summary["by_detector_percent"] == pytest.approx(200 / 3)
    assert summary["not_proposed"] == ["c"]
    assert [entry["case"] for entry in summary["wrong_square"]] == ["b"]
    proposals.draw({"some": summary}, tmp_path / "plot.svg")
    assert "some (3)" in (tmp_path / "plot.svg").read_text(encoding="utf-8")


def test_refinement_compares_with_all_windows():
    (case,) = proposals.labelled_cases([phantom_labels(3, rows=96)])
    summary = refinement.summarise(refinement.compare(case.stack, pipeline.load_model()))
    assert summary["slices"] == case.stack.n_slices
    assert 27 <= summary["mean_windows"] < 150
    assert 3 <= summary["believed"] <= summary["slices"]
    assert summary["same_winner"] == summary["believed"]
    assert summary["largest_loss"] == 0


def test_refusals_tells_a_heart_from_a_corner_and_compares_detectors():
    labels, model = phantom_labels(3, rows=96), pipeline.load_model()
    hearts = refusals.search_hearts([labels], model)
    assert (hearts["patients"], hearts["lowest"], hearts["refused"]) == (1, "phantom/3", [])
    assert 0.8 <= hearts["lowest_third_best_score"] <= 1
    corner = refusals.measure_part(labels.stack, np.s_[:60, :60])
    assert (corner["rows"], corner["columns"]) == (":60", ":60")
    assert "edv_ml" not in corner
    shipped = pipeline.SHIPPED / refusals.DETECTOR_FILE
    assert refusals.compare_detectors(labels.stack, model, shipped) == {
        "edv_percent": 0,
        "esv_percent": 0,
    }
