"""A tiny run of every benchmark of accuracy."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import labels as label_benchmark
from benchmarks.accuracy import (
    left_out,
    patients,
    phantoms,
    proposals,
    refinement,
    refusals,
    rois,
    variants,
    volumes_only,
)
from lvvol import load_model, predict
from lvvol.datasets import Dataset, LabelledStack, Part, Patient, open_dataset
from lvvol.datasets.labelled import stack_of_planes
from lvvol.datasets.phantoms import phantom_labels
from lvvol.evaluate import PatientResult
from lvvol.networks.files import SHIPPED
from lvvol.phantom import make_phantom
from tests.support.left_out import Comparison
from tests.support.synthetic_datasets import disc, write_sunnybrook_plane


def test_patients_reports_both_parts_and_the_whole_studies(write, monkeypatch, tmp_path):
    patient = PatientResult("dsb2/0012", 0.9, 0.8, 0.7, 110.0, 45.0, 108.0, 44.0, 100.0, 50.0)
    asked = []
    monkeypatch.setattr(
        patients, "evaluate", lambda folder, part: asked.append(part) or ([patient], [])
    )
    comparison = Comparison("DSB2 1", 110.0, 45.0, 100.0, 50.0)
    monkeypatch.setattr(patients, "compare_all", lambda data: [comparison])
    written = write(patients.main(tmp_path, tmp_path))
    assert asked == [Part.VALIDATION, Part.TEST]
    assert written["test"]["edv_ml"]["mean_error"] == pytest.approx(10)
    assert written["left_out"][0]["edv_error_percent"] == pytest.approx(10)
    assert written["left_out"][0]["esv_error_percent"] == pytest.approx(-10)


def test_phantoms_reports_errors_in_percent_of_the_truth():
    phantom = make_phantom(2, n_slices=6, n_phases=4)
    measured = predict(phantom.to_cine_stack())
    report = phantoms.compare([phantom])
    (entry,) = report["each"]
    assert entry["edv_error_percent"] == pytest.approx(
        100 * (measured.edv_ml - phantom.truth.edv_ml) / phantom.truth.edv_ml
    )
    assert report["edv_error_percent"]["mean"] == entry["edv_error_percent"]
    for name in ("edv", "esv"):
        shares = [entry[f"{name}_{part}_percent"] for part in ("sampling", "ring", "beyond")]
        assert sum(shares) == pytest.approx(entry[f"{name}_error_percent"])


def test_variants_compare_areas_with_masks():
    dataset = Dataset("memory", (Patient("phantom/2", (), partial(phantom_labels, 2, 160)),))
    found = variants.against_masks(SHIPPED, dataset)
    assert found["dice_ed"] > 0.85
    for source in "op":
        for phase, most in (("ed", 25), ("es", 60)):  # contours lie outside a phantom's edge
            bias = found[f"{source}_{phase}_bias_percent"]
            assert 0 < bias < most
            assert found[f"{source}_{phase}_rms_percent"] == pytest.approx(abs(bias))


def test_phantoms_split_an_error_into_its_parts():
    # Discs of radius 10 mm, 10 mm apart, drawn 1 mm too wide, and a slice too many.
    true_mm2 = np.pi * np.array([100.0, 100.0, 100.0, 0.0])
    mm2 = np.pi * np.array([121.0, 121.0, 121.0, 36.0])
    true_ml = float(np.pi * 2.5)
    found = phantoms.parts(mm2, true_mm2, np.array([0.0, 10.0, 20.0, 30.0]), true_ml)
    assert found["ring_mm"] == pytest.approx(1)
    # 2 + 1/3 mL over pi between the true discs, instead of 2.5: a disc and half of the last cone.
    assert found["sampling_percent"] == pytest.approx(100 * (7 / 3 / 2.5 - 1))
    assert found["ring_percent"] == pytest.approx(100 * 0.21 * 7 / 3 / 2.5)
    # The last cone holds (121 + 36 + 66) / 3 instead of 121 / 3.
    assert found["beyond_percent"] == pytest.approx(100 * (36 + 66) / 3 / 100 / 2.5)


@pytest.mark.parametrize("outwards_mm", [0.0, 1.0])
def test_phantoms_find_how_far_grey_has_fallen_at_the_edge(outwards_mm):
    row, column = np.indices((96, 96)) - 47.5
    radius_mm = np.hypot(row, column)
    # Grey falls from 0.9 to 0.5 over 4 mm around a circle of 24 mm.
    image = 0.7 - 0.1 * np.clip(radius_mm - 24.0, -2.0, 2.0)
    labels = LabelledStack(
        patient="disc",
        stack=stack_of_planes(np.full((3, 2, 96, 96), image, np.float32), np.array([0.0, 8.0, 16])),
        masks=np.full((3, 2, 96, 96), radius_mm < 24.0 + outwards_mm),
        labelled=np.ones((3, 2), dtype=bool),
    )
    fallen = phantoms.edge_percent([labels])
    assert fallen["ed"] == fallen["es"] == pytest.approx(50 + 25 * outwards_mm, abs=3)


def test_labels_compares_volumes_of_masks():
    """Two slices 10 mm apart, of 1000 mm2 at ED and 400 mm2 near ES: 10 and 4 mL."""
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


def test_proposals_searches_a_study_as_it_is_and_rotated():
    cases = list(proposals.labelled_cases([phantom_labels(3, rows=96)]))
    model = load_model()
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
    summary = refinement.summarise(refinement.compare(case.stack, load_model()))
    assert summary["slices"] == case.stack.n_slices
    assert 27 <= summary["mean_windows"] < 150
    assert 3 <= summary["believed"] <= summary["slices"]
    assert summary["same_winner"] == summary["believed"]
    assert summary["largest_loss"] == 0


def test_refusals_searches_a_heart_and_a_corner_and_compares_detectors():
    labels, model = phantom_labels(3, rows=96), load_model()
    hearts = refusals.search_hearts([labels], model)
    assert (hearts["patients"], hearts["lowest"], hearts["refused"]) == (1, "phantom/3", [])
    assert 0.8 <= hearts["lowest_third_best_score"] <= 1
    corner = refusals.measure_part(labels.stack, np.s_[:60, :60])
    assert (corner["rows"], corner["columns"]) == (":60", ":60")
    assert "edv_ml" not in corner
    shipped = SHIPPED / refusals.DETECTOR_FILE
    assert refusals.compare_detectors(labels.stack, model, shipped) == {
        "edv_percent": 0,
        "esv_percent": 0,
    }


def test_left_out_prints_a_line_for_each_study(monkeypatch, tmp_path, capsys):
    comparison = Comparison("DSB2 1", 110.0, 45.0, 100.0, 50.0)
    monkeypatch.setattr(left_out, "compare_all", lambda data: [comparison])
    left_out.main(tmp_path)
    _, line = capsys.readouterr().out.splitlines()
    assert line.split() == ["DSB2", "1", "110.0", "100.0", "+10.0%", "45.0", "50.0", "-10.0%"]


def test_volumes_only_trains_on_phantoms_and_few_masks_and_measures_others(
    monkeypatch, tmp_path, write
):
    def drawn(seed):
        return make_phantom(seed, n_slices=7, n_phases=4, rows=96, vendor="SIEMENS")

    def train(seg, vol, out, recipe, *, selection, **options):
        """Leave the shipped weights as the result."""
        trained.update(options, volumes=open_dataset(vol[0])[0])
        trained["split"] = json.loads(Path(selection.split).read_text(encoding="utf-8"))
        shutil.copytree(SHIPPED, out)

    trained = {}
    monkeypatch.setattr(volumes_only, "_drawn", drawn)
    monkeypatch.setattr(volumes_only, "train_networks", train)
    png, runs = tmp_path / "png", tmp_path / "runs"
    runs.mkdir()
    for patient in ("SC-HF-I-07", "SC-HF-I-08", "SC-HF-I-01"):  # the last is left out
        write_sunnybrook_plane(png / "sunnybrook_png", patient, 1, disc(20), 255 * disc(20))
    report = write(
        volumes_only.main(png, runs, trained=range(5, 7), measured=range(7, 8), n_masks=1)
    )
    assert trained["repick"]
    assert trained["resume"]
    assert trained["volumes"].phases is None
    assert not trained["volumes"].labelled.any()
    assert trained["split"] == {
        "train": ["sunnybrook/SC-HF-I-07", "dsb2/0005", "dsb2/0006"],
        "unused": ["sunnybrook/SC-HF-I-01", "sunnybrook/SC-HF-I-08"],
    }
    assert report["trained"] == report["shipped"]
    (entry,) = report["each"]
    error = 100 * (entry["edv_ml"] / drawn(7).truth.edv_ml - 1)
    assert report["trained"]["edv_rmse_percent"] == pytest.approx(abs(error))


def test_volumes_only_by_hand():
    each = [
        {"true_edv_ml": 100.0, "true_esv_ml": 50.0, "edv_ml": 103.0, "esv_ml": 49.0},
        {"true_edv_ml": 200.0, "true_esv_ml": 50.0, "edv_ml": 192.0, "esv_ml": 51.0},
        {"true_edv_ml": 200.0, "true_esv_ml": 50.0, "refused": "nothing found"},
    ]
    found = volumes_only.summary(each)
    assert (found["measured"], found["refused"]) == (2, 1)
    assert found["edv_rmse_percent"] == pytest.approx(np.sqrt((9 + 16) / 2))
    assert found["edv_mean_error_percent"] == pytest.approx(-0.5)
    assert found["esv_rmse_percent"] == pytest.approx(2)
    assert volumes_only.summary(each[2:]) == {"measured": 0, "refused": 1}


def test_rois_counts_right_wrong_and_refused_squares():
    right = {"overlap": 0.8, "labelled": True, "status": "ok", "third_best_score": 0.9}
    right["motion"] = 2.0
    wrong = {**right, "overlap": 0.4, "status": "review", "third_best_score": 0.85}
    summary = rois.summarise(
        {
            "a/1": {rois.AS_IS: right, rois.EXCHANGED: wrong, rois.FROZEN_ED: {"refused": "."}},
            "a/2": {rois.AS_IS: wrong},
            "a/3": {rois.AS_IS: {"refused": "."}, rois.FROZEN_ED: right},
        }
    )
    as_is, frozen = summary[rois.AS_IS], summary[rois.FROZEN_ED]
    assert (as_is["studies"], as_is["refused"], as_is["right"], as_is["ok"]) == (3, 1, 1, 1)
    assert (as_is["wrong"], as_is["refused_patients"]) == ({"a/2": "review"}, ["a/3"])
    assert (frozen["studies"], frozen["refused"]) == (2, 1)
    assert frozen["measured_patients"] == ["a/3"]
    assert summary["exchanged scores higher"] == 0
    assert summary["exchanged, median gain of score"] == pytest.approx(-0.05)


def test_rois_changes_a_study_and_searches_it():
    labels, model = phantom_labels(3, rows=96), load_model()
    ed, es = labels.phases
    frozen = rois.change(labels.stack, rois.FROZEN_ES, ed, es, seed=1).images
    assert frozen.shape == labels.stack.images.shape
    assert np.abs(frozen - labels.stack.images[:, [es]]).mean() < 2 * rois.NOISE
    assert (frozen[:, 0] != frozen[:, 1]).any()
    exchanged = rois.change(labels.stack, rois.EXCHANGED, ed, es, seed=1).images
    np.testing.assert_array_equal(exchanged, labels.stack.images[:, ::-1])
    found = rois.search(labels, model, 1, (rois.AS_IS, rois.FROZEN_ED))
    assert found[rois.AS_IS]["overlap"] >= 0.5
    assert "refused" in found[rois.FROZEN_ED]
