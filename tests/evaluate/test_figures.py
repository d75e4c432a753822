"""Agreement, computed by hand."""

import math

import numpy as np
import pytest

from lvvol.evaluate.figures import agreement, dice


def mask(*pixels):
    result = np.zeros((2, 4), dtype=bool)
    result.ravel()[list(pixels)] = True
    return result


@pytest.mark.parametrize(
    ("measured", "labelled", "expected"),
    [
        (mask(0, 1, 2), mask(1, 2, 3, 4, 5), 4 / 8),
        (mask(0, 1), mask(0, 1), 1.0),
        (mask(0, 1), mask(2, 3), 0.0),
        (mask(), mask(2), 0.0),
    ],
)
def test_dice(measured, labelled, expected):
    assert dice(measured, labelled) == expected
    assert dice(labelled, measured) == expected


def test_dice_of_empty_masks_is_nan():
    assert math.isnan(dice(mask(), mask()))


def test_agreement_by_hand():
    # Errors 3, -1, 4, 2: squares 9 + 1 + 16 + 4 = 30.
    # Deviations from the means 21.5 and 19.5: (-8.5, -2.5, 1.5, 9.5) . (-9.5, 0.5, -0.5, 9.5).
    figures = agreement(np.array([13.0, 19.0, 23.0, 31.0]), np.array([10.0, 20.0, 19.0, 29.0]))
    assert figures["rmse"] == pytest.approx(math.sqrt(7.5))
    assert figures["mean_absolute_error"] == pytest.approx(2.5)
    assert figures["mean_error"] == pytest.approx(2.0)
    covariance = 80.75 - 1.25 - 0.75 + 90.25
    assert figures["correlation"] == pytest.approx(
        covariance / math.sqrt((72.25 + 6.25 + 2.25 + 90.25) * (90.25 + 0.25 + 0.25 + 90.25))
    )


@pytest.mark.parametrize(
    ("measured", "labelled"),
    [([5.0], [4.0]), ([5.0, 5.0], [4.0, 6.0]), ([5.0, 6.0], [4.0, 4.0])],
)
def test_correlation_of_constant_values_is_nan(measured, labelled):
    assert math.isnan(agreement(np.array(measured), np.array(labelled))["correlation"])
