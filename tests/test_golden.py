"""Volumes stay where they were recorded; `make golden` records them again."""

import pytest

from tests import golden


@pytest.mark.parametrize("seed", golden.SEEDS)
def test_phantoms_measure_as_recorded(seed, tmp_path):
    name = f"phantom {seed}"
    assert golden.measure(name, tmp_path) == pytest.approx(golden.recorded()[name], abs=0.1)


@pytest.mark.parametrize("name", golden.STUDIES)
def test_real_studies_measure_as_recorded(name, real_data):
    assert golden.measure(name, real_data) == pytest.approx(golden.recorded()[name], abs=0.1)
