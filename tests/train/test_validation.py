"""Figures on patients left out, against discs of known size."""

import numpy as np
import pytest
import torch
from torch import nn

from lvvol.datasets import LabelledStack
from lvvol.datasets.labelled import stack_of_planes
from lvvol.networks.configs import HfcnConfig
from lvvol.train.device import Compute
from lvvol.train.examples import examples_of
from lvvol.train.validation import score, validate

POSITIONS_MM = np.array([0.0, 8.0, 20.0])


def labels_with_discs(radii, volumes=None, labelled=None):
    rows, columns = np.indices((96, 96)) + 0.5
    distance = np.hypot(rows - 50, columns - 46)
    masks = np.array([[distance < r for r in pair] for pair in radii])
    known = np.ones(masks.shape[:2], bool) if labelled is None else np.array(labelled)
    stack = stack_of_planes(0.2 + 0.6 * masks.astype(np.float32), POSITIONS_MM[: len(radii)])
    return LabelledStack("dsb2/0004", stack, masks, known, *(volumes or (None, None)))


def cones_ml(radii, t):
    areas = [np.pi * pair[t] ** 2 for pair in radii]
    volume = 0.0
    for z, gap in enumerate(np.diff(POSITIONS_MM)):
        a, b = areas[z], areas[z + 1]
        volume += (a + b + np.sqrt(a * b)) * gap / 3
    return volume / 1000


class Threshold(nn.Module):
    """Calls the brighter half of the grey values cavity; O is a share of its area."""

    config = HfcnConfig()

    def __init__(self, share=1.0):
        super().__init__()
        self.share = share

    def forward(self, patches):
        lowest, highest = patches.amin((2, 3), keepdim=True), patches.amax((2, 3), keepdim=True)
        bright = (patches > (lowest + highest) / 2).float()
        return torch.cat([bright - 0.5, 0.5 - bright], dim=1), self.share * bright


RADII = ((24, 16), (20, 12), (15, 9))


def test_a_perfect_network_has_no_errors():
    truth = cones_ml(RADII, 0), cones_ml(RADII, 1)
    figures = validate(Threshold(), Compute(), examples_of([labels_with_discs(RADII, truth)]))
    assert figures["dice_ed"] > 0.98
    assert figures["dice_es"] > 0.97
    # Thresholding a patch of 48 pixels costs a little of the edge.
    assert figures["edv_rmse_ml"] < 0.02 * truth[0]
    assert figures["esv_rmse_ml"] < 0.03 * truth[1]
    assert figures["ef_rmse_percent"] < 1.5


def test_errors_by_hand():
    """O at half the area measures half of each volume, and the right EF."""
    truth = cones_ml(RADII, 0), cones_ml(RADII, 1)
    figures = validate(
        Threshold(0.5), Compute(), examples_of([labels_with_discs(RADII, truth)] * 2)
    )
    assert figures["edv_rmse_ml"] == pytest.approx(truth[0] / 2, rel=0.03)
    assert figures["esv_rmse_ml"] == pytest.approx(truth[1] / 2, rel=0.03)
    assert figures["volume_mae_ml"] == pytest.approx(sum(truth) / 4, rel=0.03)
    assert figures["ef_rmse_percent"] < 1.5
    assert figures["dice_ed"] > 0.98  # P is as good as before


def test_dice_counts_labelled_images_only():
    """A slice whose mask is wrong does not count where it is not labelled."""
    labels = labels_with_discs(RADII, labelled=[[True, True], [True, True], [True, False]])
    labels.masks[2, 1] = False
    figures = validate(Threshold(), Compute(), examples_of([labels]))
    assert figures["dice_es"] > 0.97
    assert set(figures) == {"dice_ed", "dice_es"}  # there are no volumes
    labels = labels_with_discs(RADII)
    labels.masks[2, 1] = False
    areas = [16**2, 12**2, 9**2]
    expected = 2 * sum(areas[:2]) / (2 * sum(areas[:2]) + areas[2])
    figures = validate(Threshold(), Compute(), examples_of([labels]))
    assert figures["dice_es"] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(
    ("figures", "best_by", "expected"),
    [
        ({"volume_mae_ml": 8.0, "dice_ed": 0.9, "dice_es": 0.8}, "volumes", -8.0),
        ({"volume_mae_ml": 8.0, "dice_ed": 0.9, "dice_es": 0.8}, "dice", 0.85),
        ({"volume_mae_ml": 8.0}, "dice", -8.0),
        ({"dice_ed": 0.9}, "volumes", 0.9),
        ({"volume_mae_ml": 8.0}, "last", None),
        ({"cross_entropy": 0.1}, "volumes", None),
    ],
)
def test_score_is_by_the_recipes_rule_or_by_what_there_is(figures, best_by, expected):
    reached = score(figures, best_by)
    assert reached == expected if expected is None else reached == pytest.approx(expected)
