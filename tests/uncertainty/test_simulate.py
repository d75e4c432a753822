"""sigma*(d) and the Appendix, against the exact values and closed forms."""

import math

import numpy as np
import pytest

from lvvol.uncertainty.simulate import best_sigma_ml, expected_crps


@pytest.mark.parametrize(
    ("difference_ml", "sigma_ml"),
    [(5.0, 6.6034), (10.0, 12.6103), (20.0, 24.6223), (40.0, 48.6465)],
)
def test_best_sigma_has_the_exact_values(difference_ml, sigma_ml):
    assert best_sigma_ml(difference_ml) == pytest.approx(sigma_ml, abs=1e-4)


@pytest.mark.parametrize("difference_ml", [5.3, 20.0, -20.0, 40.0])
@pytest.mark.parametrize(("step", "shift_ml"), [("at", 0.5), ("after", -0.5)])
def test_best_sigma_follows_from_the_density(difference_ml, step, shift_ml):
    """Of whole volumes, from the half mL at which H steps: d / sqrt(ln 2)."""
    expected = abs(difference_ml + shift_ml) / math.sqrt(math.log(2))
    assert best_sigma_ml(difference_ml, volume_ml=300.0, step=step) == pytest.approx(
        expected, rel=2e-3
    )


def test_certainty_is_best_where_nothing_is_wrong():
    assert best_sigma_ml(0.0, step="at") == 0.0


@pytest.mark.parametrize("sigma_ml", [2.0, 10.0, 25.0])
def test_the_appendix_has_a_closed_form(sigma_ml):
    expected = math.sqrt(2 * (sigma_ml**2 + 100) / math.pi) - sigma_ml / math.sqrt(math.pi)
    assert expected_crps(sigma_ml, 10.0) == pytest.approx(expected / 600, rel=3e-3)


def test_the_best_claim_is_the_true_spread():
    claims_ml = np.arange(5.0, 20.0, 0.5)
    scores = [expected_crps(claim, 10.0) for claim in claims_ml]
    assert claims_ml[np.argmin(scores)] == pytest.approx(10.0, abs=0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_sigma_ml(50.0, volume_ml=580.0), "within 0 to 599 mL, got 580.0 and 630.0"),
        (lambda: best_sigma_ml(math.nan), "within 0 to 599 mL"),
        (lambda: expected_crps(10.0, -1.0), "spread_ml: expected at least 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
