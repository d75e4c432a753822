"""Limits that the core's networks place on weights files."""

import numpy as np
import pytest

from lvvol import _core
from lvvol.networks.configs import MAX_STAGES, FcnConfig, HfcnConfig, RoiClassifierConfig


def layer(out, given, value=0.0, kernel=1):
    weight = np.full((out, given, kernel, kernel), value, np.float32)
    return weight, np.zeros(out, np.float32)


def linear(given, value=0.0):
    return np.full((2, given), value, np.float32), np.zeros(2, np.float32)


def hfcn(*stages, value=0.0):
    """An HFCN of these stages, each a list of layers that ends in one channel."""
    return _core.Hfcn(
        stages=list(stages),
        heads=[layer(1, 1, value)] * len(stages),
        between=[],
        likelihood=layer(2, len(stages), value),
        area=[layer(1, len(stages) + 2, value)],
    )


@pytest.mark.parametrize("stages", [9, 65])
def test_more_stages_than_can_be_halved_are_refused(stages):
    with pytest.raises(ValueError, match=f"stages: expected at most 8, got {stages}"):
        hfcn(*[[layer(1, 1)]] * stages)
    with pytest.raises(ValueError, match=f"convolutions: expected at most 8, got {stages}"):
        _core.RoiClassifier(convolutions=[layer(1, 1)] * stages, linear=linear(1), size=4096)
    complaint = f"expected at most 8 stages, got {stages}"
    with pytest.raises(ValueError, match=f"stage_widths, stage_depths: {complaint}"):
        HfcnConfig(stage_widths=(1,) * stages, stage_depths=(1,) * stages)
    with pytest.raises(ValueError, match=f"stage_widths, stage_kernels: {complaint}"):
        FcnConfig(stage_widths=(1,) * stages, stage_kernels=(3,) * stages)


def test_the_largest_number_of_stages_runs():
    config = HfcnConfig(stage_widths=(1,) * MAX_STAGES, stage_depths=(1,) * MAX_STAGES)
    network = hfcn(*[[layer(1, 1)]] * len(config.stage_widths))
    likelihood, fractions = network(np.ones((1, 1, 128, 256), np.float32))
    np.testing.assert_array_equal(likelihood, np.full((1, 128, 256), 0.5))
    np.testing.assert_array_equal(fractions, [0])
    with pytest.raises(ValueError, match="patches: expected rows and columns a multiple of 128"):
        network(np.ones((1, 1, 48, 48), np.float32))


def test_weights_too_large_to_sum_are_refused():
    # A pixel of 10 becomes infinity twice, and their difference is NaN.
    huge = layer(2, 1, 3e38)
    difference = np.array([1, -1], np.float32).reshape(1, 2, 1, 1), np.zeros(1, np.float32)
    pixels = np.zeros((3, 1, 4, 4), np.float32)
    pixels[2, 0, 1, 1] = 10
    network = hfcn([huge, difference], value=1.0)
    np.testing.assert_array_equal(network(pixels[:2])[0], np.full((2, 4, 4), 0.5))
    with pytest.raises(ValueError, match=r"weights: expected finite logits .* in patch 2$"):
        network(pixels)
    classifier = _core.RoiClassifier(convolutions=[huge, difference], linear=linear(1, 1.0), size=4)
    np.testing.assert_array_equal(classifier(pixels[:2]), [0.5, 0.5])
    with pytest.raises(ValueError, match=r"weights: expected finite logits.* in window 2$"):
        classifier(pixels)


@pytest.mark.parametrize(
    "build",
    [
        lambda: HfcnConfig(stage_widths=(4,), stage_depths=(10**9,)),
        lambda: RoiClassifierConfig(size=4097),
        lambda: RoiClassifierConfig(width=2**63),
    ],
)
def test_sizes_out_of_range_are_refused_before_allocation(build):
    with pytest.raises(ValueError, match="expected at most 4096"):
        build()
