"""EDV and ESV together: against closed forms and a million draws."""

import time
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol.uncertainty.joint import Joint, Quantity, truths

USUAL = Joint(150.0, 60.0, 10.0, 8.0, 0.6)
Z90 = NormalDist().inv_cdf(0.95)


def central(samples, level):
    return np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])


def test_samples_have_the_moments_asked_for():
    edv, esv = USUAL.samples()
    assert len(edv) == 4096
    assert edv.mean() == pytest.approx(150.0, abs=1e-9)
    assert esv.mean() == pytest.approx(60.0, abs=1e-9)
    assert edv.std() == pytest.approx(10.0, rel=0.002)
    assert esv.std() == pytest.approx(8.0, rel=0.002)
    assert np.corrcoef(edv, esv)[0, 1] == pytest.approx(0.6, abs=0.003)


@pytest.mark.parametrize("correlation", [-0.3, 0.0, 0.6])
def test_without_excess_is_what_a_million_draws_become(correlation):
    joint = Joint(150.0, 65.4, 10.0, 8.0, correlation)
    rng = np.random.default_rng(1)
    errors = [[100.0, 80.0 * correlation], [80.0 * correlation, 64.0]]
    edv, v = rng.multivariate_normal([150.0, 65.4], errors, 1_000_000).T
    esv = (v - 0.06 * edv) / 0.94
    found = joint.without_excess(0.06)
    assert found.esv_ml == pytest.approx(esv.mean(), abs=0.05)
    assert found.esv_sigma_ml == pytest.approx(esv.std(), rel=0.005)
    assert found.correlation == pytest.approx(np.corrcoef(edv, esv)[0, 1], abs=0.005)
    assert (found.edv_ml, found.edv_sigma_ml) == (150.0, 10.0)


def test_without_excess_keeps_esv_possible():
    assert Joint(150.0, 3.0, 10.0, 8.0, 0.6).without_excess(0.06).esv_ml == 0.0
    assert USUAL.without_excess(0.0).esv_sigma_ml == pytest.approx(8.0)
    with pytest.raises(ValueError, match="share: expected at least 0 and below 1, got 1"):
        USUAL.without_excess(1.0)


def test_edv_and_esv_are_normal():
    (claims,) = USUAL.claims((0.9,))
    assert claims[Quantity.EDV] == pytest.approx((150.0, 150 - 10 * Z90, 150 + 10 * Z90))
    assert claims[Quantity.ESV] == pytest.approx((60.0, 60 - 8 * Z90, 60 + 8 * Z90))


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.6, 0.95])
def test_sv_has_the_spread_of_a_difference(correlation):
    (claims,) = Joint(150.0, 60.0, 10.0, 8.0, correlation).claims((0.9,))
    sigma_ml = np.sqrt(10.0**2 + 8.0**2 - 2 * correlation * 10.0 * 8.0)
    expected = (90.0, 90 - Z90 * sigma_ml, 90 + Z90 * sigma_ml)
    assert claims[Quantity.SV] == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(
    "joint", [USUAL, Joint(80.0, 12.0, 15.0, 12.0, 0.3), Joint(300.0, 260.0, 25.0, 25.0, 0.8)]
)
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_ef_is_that_of_a_million_possible_draws(joint, level):
    rng = np.random.default_rng(8)
    covariance = joint.correlation * joint.edv_sigma_ml * joint.esv_sigma_ml
    matrix = [[joint.edv_sigma_ml**2, covariance], [covariance, joint.esv_sigma_ml**2]]
    edv, esv = rng.multivariate_normal([joint.edv_ml, joint.esv_ml], matrix, 1_000_000).T
    possible = (edv > 0) & (esv >= 0) & (esv <= edv)
    expected = central(100 * (1 - esv[possible] / edv[possible]), level)
    (claims,) = joint.claims((level,))
    np.testing.assert_allclose(claims[Quantity.EF][1:], expected, atol=0.25)


@given(
    st.floats(2.0, 500.0),
    st.floats(0.0, 1.0),
    st.floats(0.5, 80.0),
    st.floats(0.5, 80.0),
    st.floats(-0.95, 0.95),
)
def test_samples_are_possible_and_claims_hold_their_value(edv_ml, share, edv_s, esv_s, rho):
    joint = Joint(edv_ml, share * edv_ml, edv_s, esv_s, rho)
    edv, esv = joint.samples()
    assert ((edv > 0) & (esv >= 0) & (esv <= edv)).all()
    narrow, wide = joint.claims((0.5, 0.9))
    for quantity in Quantity:
        value, low, high = narrow[quantity]
        assert wide[quantity].low <= low <= value <= high <= wide[quantity].high
    assert 0 <= wide[Quantity.EF].low <= wide[Quantity.EF].high <= 100
    assert wide[Quantity.SV].low >= 0


def test_correlated_errors_leave_ef_surer():
    (together,), (apart,) = (
        Joint(150.0, 60.0, 10.0, 8.0, rho).claims((0.9,)) for rho in (0.9, -0.9)
    )
    width = [claims[Quantity.EF].high - claims[Quantity.EF].low for claims in (together, apart)]
    assert width[0] < width[1] / 2


def test_where_hardly_any_sample_is_possible_nothing_is_known_of_ef():
    (claims,) = Joint(1.0, 1.0, 10.0, 300.0, 0.99).claims((0.9,))
    assert claims[Quantity.EF][1:] == (0.0, 100.0)


def test_a_value_beyond_its_quantiles_keeps_a_side():
    """EF 99 %: of possible draws hardly any lies above, though the truth may."""
    (claims,) = Joint(100.0, 1.0, 10.0, 20.0, 0.5).claims((0.5,))
    value, low, high = claims[Quantity.EF]
    assert value == pytest.approx(99.0)
    assert high == 100.0
    assert low < 92.0


def test_the_same_every_time_and_quick():
    first = USUAL.claims((0.5, 0.8, 0.9))
    start = time.process_time()
    for _ in range(20):
        assert USUAL.claims((0.5, 0.8, 0.9)) == first
    assert (time.process_time() - start) / 20 < 0.005


def test_truths_by_hand():
    assert truths(120.0, 48.0) == {"edv": 120.0, "esv": 48.0, "sv": 72.0, "ef": 60.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 0.0, 1.0, 1.0, 0.0), "EDV above 0"),
        ((100.0, 101.0, 1.0, 1.0, 0.0), "ESV from 0 to EDV, got 100.0 and 101.0"),
        ((100.0, 50.0, 0.0, 1.0, 0.0), "edv_sigma_ml: expected above 0"),
        ((100.0, 50.0, 1.0, np.nan, 0.0), "esv_sigma_ml: expected above 0"),
        ((100.0, 50.0, 1.0, 1.0, 1.0), "correlation: expected above -1"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Joint(*arguments)
