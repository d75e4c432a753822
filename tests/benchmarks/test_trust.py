"""The benchmark of trust, on patients whose errors are known."""

import numpy as np
import pytest

from benchmarks.accuracy import trust
from lvvol.evaluate.calibrate import Collected
from lvvol.uncertainty import Bias
from tests.support.labelled_rows import calibration, rows_of


@pytest.fixture(scope="module")
def found():
    rows = rows_of(calibration(edv_bias=Bias(8.0, 1.0)), 60, seed=4)
    return Collected(rows=rows, names=[f"patient {i}" for i in range(len(rows))])


def test_patients_are_judged_by_fits_to_the_others(found):
    judged = trust.judge(found, "dsb2", refit=True)
    assert sorted(each.name for each in judged) == sorted(found.names)
    for each in judged[:3]:
        assert each.calibration.n_patients == 57
        assert each.calibration.edv_bias.corrected_ml(150.0) == pytest.approx(158.0, abs=6)


def test_uncorrected_volumes_cost_and_no_doubt_costs_more(found):
    summaries = {
        name: trust.summarise(trust.judge(found, name, refit=True), found)
        for name in ("none", "dsb2")
    }
    scores = summaries["dsb2"]["crps"]
    assert scores["error_known"] < scores["affine_in_hindsight"] < scores["none"]
    assert scores["shipped"] < scores["none"]
    assert summaries["none"]["crps"]["shipped"] > scores["shipped"]
    for summary in summaries.values():
        covered = summary["coverage"]["covered"]["0.9"]["edv"]
        assert 48 <= covered <= 60
        by_size = [each["covered"]["0.9"]["edv"] for each in summary["coverage_by_size"]]
        assert sum(by_size) == covered


def test_area_under_the_curve_by_hand():
    scores, large = np.array([1.0, 2.0, 3.0, 3.0]), np.array([False, True, False, True])
    assert trust.area_under_curve(scores, large) == 0.625
    assert trust.area_under_curve(scores, np.zeros(4, bool)) is None
