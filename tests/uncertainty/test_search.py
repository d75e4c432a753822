"""The least value of functions of one number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol.uncertainty.search import golden_section


@given(st.floats(-3, 8), st.floats(0.1, 10))
def test_parabolas(at, steepness):
    found = golden_section(lambda x: steepness * (x - at) ** 2, -3.0, 8.0)
    assert found == pytest.approx(at, abs=2e-6)


@pytest.mark.parametrize(("rises", "end"), [(1.0, -3.0), (-1.0, 8.0)])
def test_the_least_value_may_be_at_an_end(rises, end):
    assert golden_section(lambda x: rises * x, -3.0, 8.0) == pytest.approx(end, abs=1e-6)
