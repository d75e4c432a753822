"""From a measurement to volumes with intervals."""

import time
from dataclasses import replace

import pytest

from lvvol.uncertainty import Quantity, features, intervals
from lvvol.uncertainty.calibration import Bias
from tests.support.discs import disc_prediction
from tests.support.labelled_rows import calibration

PREDICTION = disc_prediction(n_slices=8)  # EDV 126.7 mL, ESV 31.7 mL
ESV = calibration(esv_bias=Bias(8.0, 1.0))


def test_volumes_and_their_intervals():
    found = intervals(PREDICTION, ESV, 0.9)
    assert found.edv_ml == pytest.approx(PREDICTION.edv_ml)
    assert found.esv_ml == pytest.approx(PREDICTION.esv_ml + 8.0)
    assert found.sv_ml == pytest.approx(PREDICTION.sv_ml - 8.0)
    assert found.ef_percent == pytest.approx(100 * found.sv_ml / found.edv_ml)
    half_ml = 1.644854 * 11.0 * ((PREDICTION.edv_ml + 10) / 110) ** 0.6
    expected = found.edv_ml - half_ml, found.edv_ml + half_ml
    assert found.edv_interval_ml == pytest.approx(expected, abs=1e-3)


def test_each_interval_is_that_of_its_quantity():
    found = intervals(PREDICTION, ESV, 0.8)
    (ends,) = ESV.ends(ESV.joint(features(PREDICTION)), (0.8,))
    assert found.level == 0.8
    assert found.edv_interval_ml == ends[Quantity.EDV]
    assert found.esv_interval_ml == ends[Quantity.ESV]
    assert found.sv_interval_ml == ends[Quantity.SV]
    assert found.ef_interval_percent == ends[Quantity.EF]


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_intervals_hold_their_value(level):
    found = intervals(PREDICTION, ESV, level)
    for value, (low, high) in (
        (found.edv_ml, found.edv_interval_ml),
        (found.esv_ml, found.esv_interval_ml),
        (found.sv_ml, found.sv_interval_ml),
        (found.ef_percent, found.ef_interval_percent),
    ):
        assert low < value < high


def test_a_doubtful_study_has_wider_ones():
    sigma = replace(ESV.edv_sigma, coefficients={**ESV.edv_sigma.coefficients, "reasons": 0.5})
    aware = replace(ESV, edv_sigma=sigma)
    sure = intervals(PREDICTION, aware)
    doubtful = intervals(disc_prediction(n_slices=8, sentences=("one", "two")), aware)
    assert doubtful.joint.edv_sigma_ml == pytest.approx(3**0.5 * sure.joint.edv_sigma_ml)


def test_a_level_that_was_not_fitted():
    with pytest.raises(ValueError, match="level: expected one of"):
        intervals(PREDICTION, ESV, 0.95)


def test_the_same_at_every_call_and_in_under_5_ms():
    first = intervals(PREDICTION, ESV)
    start = time.process_time()
    assert all(intervals(PREDICTION, ESV) == first for _ in range(20))
    assert (time.process_time() - start) / 20 < 0.005
