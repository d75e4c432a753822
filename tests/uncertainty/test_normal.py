"""The normal distribution, against Python's own and, in the tails, its asymptotic series."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol.uncertainty.normal import normal_cdf, normal_density


@given(st.floats(-6, 6))
def test_as_python_has_it(z):
    assert normal_cdf(z) == pytest.approx(NormalDist().cdf(z), rel=1e-9)
    assert normal_density(z) == pytest.approx(NormalDist().pdf(z), rel=1e-12)


def test_the_lower_tail_keeps_its_digits():
    z = 20.0
    tail = math.exp(-z * z / 2) / (z * math.sqrt(2 * math.pi)) * (1 - z**-2 + 3 * z**-4)
    assert normal_cdf(-z) == pytest.approx(tail, rel=1e-6)


def test_arrays_and_ends():
    got = normal_cdf([[-np.inf, 0.0], [np.inf, 1e300]])
    np.testing.assert_array_equal(got, [[0.0, 0.5], [1.0, 1.0]])
    np.testing.assert_array_equal(normal_density([-np.inf, 1e300]), [0.0, 0.0])
