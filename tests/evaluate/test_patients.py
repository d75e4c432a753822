"""Evaluation of labelled patients: perfect measurements have no error, others the expected one."""

import math
from dataclasses import replace
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
import torch

from lvvol.datasets import Dataset, LabelledStack, Part, Patient, Split, read_dataset
from lvvol.datasets.labelled import stack_of_planes
from lvvol.errors import (
    DamagedStudyError,
    DatasetError,
    MissingExtraError,
    NoMotionError,
    RoiNotFoundError,
    WeightsError,
)
from lvvol.evaluate import PatientResult, evaluate, patients, summarise
from lvvol.model import Model, load_model
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.networks.weights import HFCN_FILE, ROI_CLASSIFIER_FILE, save_weights
from lvvol.prediction import Prediction
from lvvol.roi import FoundBy, Rois
from lvvol.roi.square import labelled_square
from lvvol.status import Code, Reason
from lvvol.train.sampling import sample_squares
from lvvol.uncertainty import intervals
from tests.support.synthetic_datasets import write_dsb2_patient, write_volumes

TEST_PATIENTS = (13, 15)
RADII = [(20, 13), (22, 14), (17, 11)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dsb2")
    for patient in (*TEST_PATIENTS, 4):
        write_dsb2_patient(folder, patient, RADII)
    write_volumes(folder, {13: (30.0, 12.0), 15: (25.0, 11.0)})
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Untrained weights."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save_weights(RoiClassifier(), folder / ROI_CLASSIFIER_FILE)
    save_weights(HFCN(), folder / HFCN_FILE)
    return folder


def perfect(labels, start=1):
    """Return the masks as the measurement, in their own squares."""
    masks = labels.masks
    squares = np.array([labelled_square(mask) for mask in masks[:, 0]])
    planes = masks.reshape(-1, *masks.shape[2:]).view(np.uint8)
    count = len(planes)
    patches = sample_squares(
        planes,
        np.arange(count),
        np.repeat(squares, 2, axis=0),
        np.tile(np.eye(2), (count, 1, 1)),
        48,
    )
    areas_mm2 = masks.sum(axis=(2, 3)).astype(np.float64)
    n = len(squares)
    return Prediction(
        stack=labels.stack,
        rois=Rois(squares, np.ones(n), np.zeros(n, dtype=bool), start, FoundBy.DETECTOR),
        lv_probability=patches.reshape(n, 2, 48, 48),
        areas_mm2=areas_mm2,
    )


@pytest.fixture
def measured_as(monkeypatch, dataset):
    """Replace the measurement with a function of the labelled stack."""

    def replace_measure(measurement_of):
        by_images = {
            s.stack.images.tobytes(): s for s in read_dataset(dataset, {Part.TEST, Part.TRAIN})
        }
        monkeypatch.setattr(
            Model,
            "predict_working_stack",
            lambda self, stack: measurement_of(by_images[stack.images.tobytes()]),
        )

    return replace_measure


def test_perfect_measurement_has_no_error(dataset, weights, measured_as):
    measured_as(perfect)
    results, refused = evaluate(dataset, Part.TEST, weights)
    assert refused == []
    assert [r.patient for r in results] == ["dsb2/0013", "dsb2/0015"]
    # Areas of discs of 20, 22 and 17 mm radius, 10 mm apart, by Eq. 3.
    areas = np.pi * np.array([20.0, 22.0, 17.0]) ** 2
    edv_ml = sum(a + b + math.sqrt(a * b) for a, b in pairwise(areas)) / 300
    for result in results:
        assert result.dice_ed == pytest.approx(1, abs=0.01)
        assert result.dice_es == pytest.approx(1, abs=0.015)
        assert result.roi_overlap == pytest.approx(1)
        assert result.edv_ml == pytest.approx(edv_ml, rel=0.01)
        assert result.probability_edv_ml == pytest.approx(edv_ml, rel=0.02)
        assert result.esv_ml < 0.5 * result.edv_ml
    assert [(r.labelled_edv_ml, r.labelled_esv_ml) for r in results] == [(30, 12), (25, 11)]


@pytest.mark.parametrize(("calibration", "undone"), [("none", False), ("dsb2", True)])
def test_frame_12_is_undone_for_what_readers_state(dataset, measured_as, calibration, undone):
    known = load_model(calibration=calibration).calibration

    def calibrated(labels):
        right = perfect(labels)
        return replace(right, intervals=intervals(right, known, 0.9))

    measured_as(calibrated)
    (first, _), _ = evaluate(dataset, Part.TEST, calibration=calibration)
    stated = calibrated(next(iter(read_dataset(dataset, {Part.TEST}))))
    esv_ml = (stated.esv_ml - 0.06 * stated.edv_ml) / 0.94 if undone else stated.esv_ml
    assert first.esv_ml == pytest.approx(esv_ml)
    assert first.edv_ml == pytest.approx(stated.edv_ml)
    low, high = first.intervals["90"]["esv"]
    assert low < first.esv_ml < high


def test_a_shifted_square_lowers_dice_and_overlap(dataset, weights, measured_as):
    def shifted(labels):
        right = perfect(labels)
        away = right.rois.squares_mm + np.array([12.0, 0.0, 0.0])
        return replace(right, rois=replace(right.rois, squares_mm=away))

    measured_as(shifted)
    (first, _), _ = evaluate(dataset, Part.TEST, weights)
    side = math.sqrt(np.pi * 22**2 / 0.27)
    assert first.roi_overlap == pytest.approx((side - 12) / (side + 12), abs=0.005)
    # Two discs of radius r, d = 12 mm apart, share 2 r^2 acos(d / 2r) - d/2 sqrt(4 r^2 - d^2).
    shared = sum(2 * r**2 * math.acos(6 / r) - 6 * math.sqrt(4 * r**2 - 144) for r in (20, 22, 17))
    assert first.dice_ed == pytest.approx(
        shared / sum(np.pi * r**2 for r in (20, 22, 17)), abs=0.01
    )


def test_a_patient_without_roi_is_listed_with_the_reason(dataset, weights, measured_as):
    def refuse(labels):
        if labels.patient == "dsb2/0013":
            raise RoiNotFoundError("nothing there")
        return perfect(labels)

    measured_as(refuse)
    results, refused = evaluate(dataset, Part.TEST, weights)
    assert [r.patient for r in results] == ["dsb2/0015"]
    assert refused == ["dsb2/0013: nothing there"]


def test_untrained_weights_give_results_and_progress_is_reported(dataset, weights):
    seen = []
    results, refused = evaluate(dataset, Part.TEST, weights, lambda *report: seen.append(report))
    assert len(results) + len(refused) == 2
    assert seen == [("evaluate", n, 2) for n in range(3)]
    for result in results:
        assert result.edv_ml >= result.esv_ml >= 0
        assert 0 <= result.roi_overlap <= 1


def test_patients_without_labelled_volumes_count_only_for_dice(dataset, weights, measured_as):
    measured_as(perfect)
    (result,), _ = evaluate(dataset, Part.TRAIN, weights)
    assert math.isnan(result.labelled_edv_ml)
    summary = summarise([result])
    assert summary["dice_ed_mean"] > 0.98
    assert "edv_ml" not in summary


def test_no_patients_give_no_results(dataset, weights):
    assert evaluate(dataset, Part.VALIDATION, weights) == ([], [])


def names(found):
    results, refused = found
    return sorted([r.patient for r in results] + [line.split(":")[0] for line in refused])


def test_by_default_known_datasets_are_measured_on_validation_patients(weights, tmp_path):
    for patient in (4, 12):  # train, validation
        write_dsb2_patient(tmp_path, patient, RADII)
    write_volumes(tmp_path, {})
    assert names(evaluate(tmp_path, weights=weights)) == ["dsb2/0012"]
    assert names(evaluate(tmp_path, "all", weights)) == ["dsb2/0004", "dsb2/0012"]


def test_by_default_unknown_datasets_are_measured_whole(weights, tmp_path):
    for patient in (9001, 9002):
        write_dsb2_patient(tmp_path, patient, RADII)
    write_volumes(tmp_path, {})
    assert names(evaluate(tmp_path, weights=weights)) == ["dsb2/9001", "dsb2/9002"]
    split = Split("mine.json", {"validation": ("dsb2/9002",), "train": ("dsb2/9001",)})
    assert names(evaluate(tmp_path, weights=weights, split=split)) == ["dsb2/9002"]
    with pytest.raises(DatasetError, match=r"dsb2/9001: expected a patient of .*split\.json"):
        evaluate(tmp_path, "test", weights)


def test_missing_weights_and_datasets_are_refused(dataset, weights, tmp_path):
    with pytest.raises(WeightsError, match="got no file"):
        evaluate(dataset, Part.TEST, tmp_path)
    with pytest.raises(DatasetError, match="expected DSB2 image pairs"):
        evaluate(tmp_path, Part.TEST, weights)


@pytest.mark.parametrize(("labelled", "overlap"), [(True, 0.0), (False, math.nan)])
def test_roi_in_a_slice_without_mask(monkeypatch, labelled, overlap):
    """An ROI in a slice labelled as without LV is wrong; in an unlabelled slice it is ignored."""
    masks = np.zeros((3, 2, 60, 60), dtype=bool)
    masks[1:, :, 20:40, 20:40] = True
    known = np.ones((3, 2), dtype=bool)
    known[0] = labelled
    images = np.zeros(masks.shape, np.float32)
    labels = LabelledStack("dsb2/0013", stack_of_planes(images, 8.0 * np.arange(3)), masks, known)
    full = replace(labels, masks=masks | np.roll(masks, -1, axis=0))
    model = load_model()
    monkeypatch.setattr(Model, "predict_working_stack", lambda self, stack: perfect(full, start=0))
    result = patients._measure_patient(labels, model)
    assert result.roi_overlap == pytest.approx(overlap, nan_ok=True)


def result(**changes):
    values = {
        "patient": "dsb2/0013",
        "dice_ed": 0.9,
        "dice_es": 0.8,
        "roi_overlap": 0.7,
        "edv_ml": 110.0,
        "esv_ml": 55.0,
        "probability_edv_ml": 100.0,
        "probability_esv_ml": 60.0,
        "labelled_edv_ml": 100.0,
        "labelled_esv_ml": 40.0,
    }
    return PatientResult(**{**values, **changes})


def test_summary_by_hand():
    other = result(
        dice_ed=0.7,
        dice_es=math.nan,
        roi_overlap=0.4,
        edv_ml=190.0,
        esv_ml=95.0,
        labelled_edv_ml=200.0,
        labelled_esv_ml=100.0,
    )
    unlabelled = result(
        roi_overlap=math.nan, dice_ed=0.8, labelled_edv_ml=math.nan, labelled_esv_ml=math.nan
    )
    summary = summarise([result(), other, unlabelled])
    assert summary["n_patients"] == 3
    assert summary["dice_ed_mean"] == pytest.approx(0.8)
    assert summary["dice_es_mean"] == pytest.approx(0.8)
    assert summary["roi_recall"] == pytest.approx(0.5)
    assert summary["edv_ml"]["rmse"] == pytest.approx(10)
    assert summary["edv_ml"]["mean_error"] == pytest.approx(0)
    assert summary["esv_ml"]["mean_absolute_error"] == pytest.approx(10)
    # EF 50 and 50 measured, 60 and 50 labelled.
    assert summary["ef_percent"]["mean_error"] == pytest.approx(-5)
    assert summary["ef_percent"]["rmse"] == pytest.approx(math.sqrt(50))
    # P gives 100 and 60 for both: EF 40.
    assert summary["probability_ef_percent"]["mean_error"] == pytest.approx(-15)
    assert summary["probability_edv_ml"]["mean_error"] == pytest.approx(-50)


def test_summary_of_an_empty_measurement_has_no_ef():
    summary = summarise([result(edv_ml=0.0, esv_ml=0.0), result()])
    assert math.isnan(summary["ef_percent"]["rmse"])
    assert summary["edv_ml"]["mean_absolute_error"] == pytest.approx(55)


def test_summary_of_nan_dice_is_nan():
    assert math.isnan(summarise([result(dice_es=math.nan)])["dice_es_mean"])


def test_summary_of_no_patients_is_refused():
    with pytest.raises(ValueError, match="results: expected at least one patient"):
        summarise([])


def test_figures_of_p_come_from_p_and_those_of_o_from_o(dataset, weights, measured_as):
    def doubled(labels):
        right = perfect(labels)
        return replace(right, areas_mm2=2 * right.areas_mm2)

    measured_as(perfect)
    (as_labelled, _), _ = evaluate(dataset, Part.TEST, weights)
    measured_as(doubled)
    (result, _), _ = evaluate(dataset, Part.TEST, weights)
    assert result.edv_ml == pytest.approx(2 * as_labelled.edv_ml)
    assert result.esv_ml == pytest.approx(2 * as_labelled.esv_ml)
    assert result.probability_edv_ml == pytest.approx(as_labelled.probability_edv_ml)
    assert result.probability_esv_ml == pytest.approx(as_labelled.probability_esv_ml)


def test_dice_counts_cells_from_one_half_on(dataset, weights, measured_as):
    def unsure(labels):
        right = perfect(labels)
        return replace(right, lv_probability=np.full_like(right.lv_probability, 0.45))

    measured_as(unsure)
    (result, _), _ = evaluate(dataset, Part.TEST, weights)
    assert (result.dice_ed, result.dice_es) == (0, 0)


def test_slices_without_a_label_do_not_count_for_dice(dataset):
    """Where there is no label the mask means nothing, here the opposite of the cavity."""
    labels = next(iter(read_dataset(dataset, {Part.TEST})))
    measured = perfect(labels)
    masks, labelled = labels.masks.copy(), labels.labelled.copy()
    masks[0], labelled[0] = ~masks[0], False

    class Measured:
        def predict_working_stack(self, stack):
            return measured

    partly = replace(labels, masks=masks, labelled=labelled)
    result = patients._measure_patient(partly, Measured())
    assert result.dice_ed == pytest.approx(1, abs=0.01)
    assert result.dice_es == pytest.approx(1, abs=0.015)


def failing(error):
    def read():
        raise error

    return read


def test_patients_who_cannot_be_read_or_measured_fail_whatever_the_error(
    dataset, weights, measured_as, monkeypatch
):
    def refuse(labels):
        if labels.patient == "dsb2/0013":
            raise NoMotionError("nothing moves")
        return perfect(labels)

    measured_as(refuse)
    whole = patients.open_dataset(dataset).part(patients.read_split(patients.SHIPPED), Part.TEST)
    damaged = Patient("dsb2/0014", (), failing(DamagedStudyError("x.dcm: truncated")))
    more = Dataset("data", (*whole.patients, damaged))
    monkeypatch.setattr(patients, "open_dataset", lambda place: more)
    results, refused = evaluate(dataset, "all", weights)
    assert [r.patient for r in results] == ["dsb2/0015"]
    assert refused == ["dsb2/0013: nothing moves", "dsb2/0014: x.dcm: truncated"]


def test_a_missing_library_is_nobodys_failure(weights, monkeypatch):
    without = Patient("a/1", (), failing(MissingExtraError("nibabel is not installed")))
    monkeypatch.setattr(patients, "open_dataset", lambda place: Dataset("data", (without,)))
    with pytest.raises(MissingExtraError):
        evaluate("data", "all", weights)


def test_what_a_calibration_claims_is_judged(dataset, measured_as):
    calibration = load_model(calibration="dsb2").calibration

    def calibrated(labels):
        right = perfect(labels)
        reasons = (Reason(Code.GAP, "a gap"), Reason(Code.GAP, "another"))
        claimed.append(intervals(right, calibration).joint)
        return replace(right, intervals=intervals(right, calibration), reasons=reasons)

    claimed = []
    measured_as(calibrated)
    (result, _), _ = evaluate(dataset, Part.TEST, calibration="dsb2")
    assert (result.status, result.reasons) == ("review", ("gap",))
    low, high = result.intervals["90"]["edv"]
    assert low < result.edv_ml < high
    joint = claimed[0]
    assert result.edv_ml == joint.edv_ml
    normal = NormalDist(joint.edv_ml, joint.edv_sigma_ml)
    assert result.scores["edv"]["pit"] == pytest.approx(normal.cdf(30.0), abs=1e-3)
    assert result.scores["edv"]["crps"] == pytest.approx(
        result.scores["edv"]["crps_error"] - result.scores["edv"]["crps_spread"]
    )
    assert set(result.scores) == {"edv", "esv", "sv", "ef"}


def test_perfect_masks_have_no_distance_and_no_area_error(dataset, weights, measured_as):
    measured_as(perfect)
    (result, _), _ = evaluate(dataset, Part.TEST, weights)
    assert result.hausdorff95_ed_mm <= 1
    assert result.surface_distance_es_mm < 0.5
    assert [s.level for s in result.slices if s.at == "ed"] == ["base", "mid", "apex"]
    assert all(s.measured_mm2 == s.drawn_mm2 for s in result.slices)
    assert result.intervals == {}  # nobody knows the errors of these weights
