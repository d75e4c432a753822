"""Scores and intervals of one study, by hand and against theory."""

from dataclasses import replace

import numpy as np
import pytest

from lvvol.evaluate.judge import (
    cdf_intervals,
    cdf_quantile,
    joint_intervals,
    normal_intervals,
    score,
    score_certain,
    score_joint,
)
from lvvol.model import load_model
from lvvol.uncertainty import Joint
from lvvol.uncertainty.crps import gaussian_cdf

JOINT = Joint(150.0, 60.0, 10.0, 8.0, 0.5)


def test_the_parts_of_a_score_by_hand():
    # P is 0.5 from 90 mL and 1 from 110: ten values of 0.5 before and ten after 100.
    cdf = np.where(np.arange(600) < 90, 0.0, np.where(np.arange(600) < 110, 0.5, 1.0))
    found = score(np.tile(cdf, (2, 1)), 100.0, 100.0)["edv"]
    assert 600 * found["crps_error"] == pytest.approx(20 * 0.5)
    assert 600 * found["crps_spread"] == pytest.approx(20 * 0.25)
    assert 600 * found["crps"] == pytest.approx(20 * 0.25)


def test_a_joint_distribution_has_a_pit_of_every_quantity():
    right = score_joint(JOINT, 150.0, 60.0)
    assert [right[name]["pit"] for name in ("edv", "esv", "sv", "ef")] == pytest.approx(
        [0.5] * 4, abs=0.03
    )
    # SV is normal with variance 100 + 64 - 2 * 0.5 * 80 = 84: one standard deviation above 90 mL.
    above = score_joint(JOINT, 150.0 + np.sqrt(84), 60.0)
    assert above["sv"]["pit"] == pytest.approx(0.8413, abs=0.01)
    assert above["edv"]["crps"] > right["edv"]["crps"]


def test_a_volume_without_a_distribution_scores_its_error():
    found = score_certain((105.0, 40.0), 100.0, 43.0)
    assert [600 * found[name]["crps"] for name in ("edv", "esv")] == pytest.approx([5, 3])
    assert found["edv"]["crps_spread"] == 0


def test_normal_intervals_are_those_of_the_normal_distribution():
    found = normal_intervals(np.array([100.0, 5.0]), np.array([10.0, 10.0]))
    assert found["80"]["edv"] == pytest.approx((100 - 12.8155, 100 + 12.8155), abs=1e-3)
    assert found["90"]["esv"] == pytest.approx((0, 5 + 16.4485), abs=1e-3)


def test_intervals_of_600_values_are_those_of_their_distribution():
    found = cdf_intervals(gaussian_cdf([100.0, 50.0], 10.0))
    assert found["50"]["esv"] == pytest.approx((50 - 6.745, 50 + 6.745), abs=0.02)


def test_quantiles_end_where_the_values_end():
    assert cdf_quantile(np.full(600, 0.3), 0.05) == 0
    assert cdf_quantile(np.full(600, 0.3), 0.95) == 599


def test_a_calibration_gives_every_level_and_quantity():
    calibration = load_model().calibration
    found = joint_intervals(calibration, JOINT)
    assert list(found) == ["50", "80", "90"]
    wide, narrow = found["90"], found["50"]
    for quantity in ("edv", "esv", "sv", "ef"):
        assert wide[quantity][0] <= narrow[quantity][0] < narrow[quantity][1] <= wide[quantity][1]
    scaled = joint_intervals(replace(calibration, scales={0.9: calibration.scales[0.9]}), JOINT)
    assert scaled == {"90": wide}
