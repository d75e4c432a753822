"""A calibration on one study, by hand, and what it refuses."""

from dataclasses import replace

import pytest

from lvvol.errors import CalibrationError
from lvvol.uncertainty.calibration import Bias
from lvvol.uncertainty.joint import Quantity
from tests.support.labelled_rows import calibration, rows_of, sigma_model

Z90 = 1.6448536269514722


def study(edv_ml, esv_ml):
    (row,) = rows_of(calibration(), 1, seed=1)
    features = row.features
    return replace(
        features,
        ed=replace(features.ed, volume_ml=edv_ml),
        es=replace(features.es, volume_ml=esv_ml),
    )


def test_biases_and_standard_deviations():
    found = calibration(
        edv_bias=Bias(5.0, 1.1), esv_bias=Bias(-2.0, 0.9), esv_sigma=sigma_model(constant=0.0)
    ).joint(study(100.0, 50.0))
    assert (found.edv_ml, found.esv_ml) == pytest.approx((115.0, 43.0))
    # Of the measured volumes, not the corrected ones.
    assert found.edv_sigma_ml == pytest.approx(11.0)
    assert found.esv_sigma_ml == pytest.approx((60 / 110) ** 0.6)
    assert found.correlation == 0.5


@pytest.mark.parametrize(
    ("offset_ml", "expected"), [(-80.0, (20.0, 0.0)), (40.0, (140.0, 90.0)), (-150.0, (1.0, 0.0))]
)
def test_corrected_volumes_stay_possible(offset_ml, expected):
    bias = Bias(offset_ml, 1.0)
    found = calibration(edv_bias=bias, esv_bias=bias).joint(study(100.0, 50.0))
    assert (found.edv_ml, found.esv_ml) == expected


def test_esv_never_exceeds_edv():
    found = calibration(esv_bias=Bias(90.0, 1.0)).joint(study(100.0, 50.0))
    assert (found.edv_ml, found.esv_ml) == (100.0, 100.0)


def test_scales_widen_each_quantity():
    scales = {0.9: {Quantity.EDV: 2.0, Quantity.ESV: 0.5, Quantity.SV: 1.0, Quantity.EF: 1.0}}
    plain, scaled = calibration(), calibration(scales=scales)
    joint = plain.joint(study(200.0, 100.0))
    (before,), (after,) = (c.ends(joint, (0.9,)) for c in (plain, scaled))
    sigma_ml = 11.0 * (210 / 110) ** 0.6
    assert after[Quantity.EDV] == pytest.approx(
        (200 - 2 * Z90 * sigma_ml, 200 + 2 * Z90 * sigma_ml)
    )
    assert after[Quantity.ESV] == pytest.approx((100 - Z90 * 5.5, 100 + Z90 * 5.5), abs=0.6)
    assert after[Quantity.EF] == before[Quantity.EF]


def test_intervals_end_where_the_possible_does():
    wide = calibration(scales={0.9: dict.fromkeys(Quantity, 50.0)})
    (ends,) = wide.ends(wide.joint(study(100.0, 50.0)), (0.9,))
    assert all(low == 0.0 for low, _ in ends.values())
    assert ends[Quantity.EF] == (0.0, 100.0)


def test_levels_are_those_it_was_fitted_for():
    plain = calibration()
    assert plain.levels == (0.5, 0.8, 0.9)
    with pytest.raises(ValueError, match=r"level: expected one of 0\.5, 0\.8, 0\.9, got 0\.95"):
        plain.ends(plain.joint(study(100.0, 50.0)), (0.9, 0.95))


def test_other_weights_are_refused():
    plain = calibration()
    plain.check_weights(plain.weights_sha256)
    with pytest.raises(CalibrationError, match="expected the weights it was fitted for") as caught:
        plain.check_weights("f" * 64)
    assert caught.value.exit_code == 32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": ""}, "source: expected a printable name"),
        ({"source": "a\nb"}, "source: expected a printable name"),
        ({"weights_sha256": "F" * 64}, "weights_sha256: expected 64"),
        ({"weights_sha256": "f" * 63}, "weights_sha256: expected 64"),
        ({"n_patients": 0}, "n_patients: expected at least 1"),
        ({"correlation": -1.0}, "correlation: expected above -1"),
        ({"scales": {}}, "scales: expected at least one level"),
        ({"scales": {90.0: dict.fromkeys(Quantity, 1.0)}}, "levels above 0 and below 1, got 90"),
        ({"scales": {0.9: {Quantity.EDV: 1.0}}}, "0.9: expected edv, esv, sv, ef, got edv"),
        ({"scales": {0.9: dict.fromkeys(Quantity, 0.0)}}, "0.9: expected finite numbers above 0"),
    ],
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        calibration(**changes)


@pytest.mark.parametrize(("offset_ml", "slope"), [(float("nan"), 1.0), (0.0, 0.0), (0.0, -1.0)])
def test_a_bias_has_a_slope_above_0(offset_ml, slope):
    with pytest.raises(ValueError, match="expected"):
        Bias(offset_ml, slope)
