"""Figures over patients, by hand."""

import json
import math

import numpy as np
import pytest

from lvvol.evaluate import PatientResult, summarise
from lvvol.evaluate.result import SliceArea
from lvvol.report.result_json import to_json


def result(name="a", **changes):
    values = {
        "roi_overlap": 0.8,
        "dice_ed": 0.9,
        "dice_es": 0.8,
        "edv_ml": 110.0,
        "esv_ml": 55.0,
        "labelled_edv_ml": 100.0,
        "labelled_esv_ml": 50.0,
        "status": "ok",
    }
    return PatientResult(name, **{**values, **changes})


def interval(edv, esv=(0.0, 100.0), level="90"):
    return {level: {"edv": edv, "esv": esv}}


def test_refused_patients_are_missed_rois_and_failures():
    summary = summarise([result(), result(roi_overlap=0.2)], ["b: no window", "c: no motion"])
    assert (summary["n_patients"], summary["n_failed"]) == (4, 2)
    assert summary["roi_recall"] == pytest.approx(1 / 4)
    assert summary["failed_share"] == pytest.approx(2 / 4)
    assert summary["dice_ed_mean"] == pytest.approx(0.9)
    low, high = summary["interval_95"]["roi_recall"]
    assert 0 <= low < 0.25 < high <= 1


def test_without_masks_nothing_is_said_of_rois():
    nan = math.nan
    unmasked = result(roi_overlap=nan, dice_ed=nan, dice_es=nan)
    summary = summarise([unmasked], ["b: no window"])
    assert not {"roi_recall", "dice_ed_mean", "area_error_mm2"} & summary.keys()


def test_review_and_wrong_yet_ok_are_counted():
    patients = [
        # 10 mL off: an interval of 90 to 101 is 11 wide, one of 95 to 104 is 9 wide.
        result("right", intervals=interval((105.0, 116.0))),
        result("wrong", intervals=interval((105.0, 114.0))),
        result("said", intervals=interval((105.0, 114.0)), status="review"),
        result("unknown"),
    ]
    summary = summarise(patients)
    assert summary["n_review"] == 1
    assert summary["review_share"] == pytest.approx(1 / 4)
    assert summary["wrong_yet_ok"] == ["wrong"]
    assert summary["wrong_yet_ok_share"] == pytest.approx(1 / 3)


def test_coverage_and_scores_by_quantity():
    scores = {"edv": {"crps": 0.02, "pit": 0.05}, "esv": {"crps": 0.01, "pit": 0.95}}
    inside = result(intervals=interval((99.0, 120.0)), scores=scores)
    outside = result(intervals=interval((101.0, 120.0), level="90"), scores=scores)
    summary = summarise([inside, outside])
    assert summary["coverage_90"] == {"edv": 0.5, "esv": 1.0}
    assert summary["crps_mean"] == pytest.approx(0.015)
    assert summary["edv_ml"]["crps_mean"] == pytest.approx(0.02)
    assert summary["pit"] == {"edv": [2] + [0] * 9, "esv": [0] * 9 + [2]}
    assert "coverage_50" not in summary


def test_stroke_volume_has_figures_too():
    # Measured 55, labelled 50.
    assert summarise([result(), result()])["sv_ml"]["mean_error"] == pytest.approx(5)


def test_area_errors_are_means_over_patients_of_means_over_slices():
    def areas(*errors, level="base"):
        return tuple(SliceArea(0, 0, "ed", level, 500.0 + e, 500.0) for e in errors)

    patients = [result(slices=areas(10.0, -30.0)), result(slices=areas(50.0)), result()]
    (at,) = summarise(patients)["area_error_mm2"].items()
    assert at == ("ed", {"base": {"mean_error": 20.0, "mean_absolute_error": 35.0}})


def test_the_worst_come_first_and_are_ten_at_most():
    patients = [result(f"p{n:02d}", edv_ml=100.0 + n) for n in range(12)]
    patients[3] = result("p03", esv_ml=90.0)
    worst = summarise(patients)["worst"]
    # ESV is 5 mL off in the others, which are equal where EDV is less so.
    names = [f"p{n:02d}" for n in (3, 11, 10, 9, 8, 7, 6, 0, 1, 2)]
    assert [each["patient"] for each in worst] == names
    assert worst[0]["esv_error_ml"] == pytest.approx(40)


def test_without_volumes_the_worst_are_those_of_lowest_dice():
    nan = math.nan
    patients = [
        result(name, dice_ed=dice, labelled_edv_ml=nan, labelled_esv_ml=nan)
        for name, dice in (("a", 0.9), ("b", 0.7), ("c", nan))
    ]
    assert [each["patient"] for each in summarise(patients)["worst"]] == ["b", "a"]


def test_intervals_have_the_form_of_the_figures():
    rng = np.random.default_rng(0)
    patients = [result(f"p{n}", edv_ml=100 + e) for n, e in enumerate(rng.normal(0, 10, 40))]
    summary = summarise(patients)

    def check(figures, intervals):
        for name, ends in intervals.items():
            if isinstance(ends, dict):
                check(figures[name], ends)
            elif ends is not None:
                assert ends[0] <= figures[name] <= ends[1]

    assert {"edv_ml", "roi_recall", "failed_share"} <= summary["interval_95"].keys()
    check(summary, summary["interval_95"])
    low, high = summary["interval_95"]["edv_ml"]["rmse"]
    assert 1 < high - low < 6


def test_a_result_survives_json():
    given = result(
        slices=(SliceArea(2, 0, "ed", "base", 10.0, 12.0),),
        reasons=("gap",),
        dice_es=math.nan,
        scores={"edv": {"crps": 0.01, "pit": math.nan}},
        intervals=interval((1.0, 2.0)),
    )
    read = PatientResult.from_dict(json.loads(to_json(given.to_dict())))
    assert repr(read) == repr(given)
