"""What follows from a measurement, by hand: areas from P, and the numbers of the JSON."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.discs import CENTRE_MM, disc_prediction


@pytest.mark.parametrize(("level", "share"), [(0.45, 0.0), (0.499, 0.0), (0.5, 1.0), (0.9, 1.0)])
def test_p_counts_as_cavity_from_one_half_on(level, share):
    prediction = disc_prediction(side_mm=70.0)
    everywhere = np.full_like(prediction.lv_probability, level)
    areas_mm2 = replace(prediction, lv_probability=everywhere).probability_areas_mm2
    np.testing.assert_allclose(areas_mm2, share * 70.0**2)


def test_squares_are_top_left_side_in_the_json_too():
    top, left = CENTRE_MM - 40.0
    assert top != left
    assert disc_prediction(side_mm=80.0).to_dict()["squares_mm"] == [[top, left, 80.0]] * 4
