"""Areas of slices, assigned to base, middle and apex."""

from dataclasses import replace

import numpy as np
import pytest

from lvvol.datasets import LabelledStack
from lvvol.datasets.labelled import stack_of_planes
from lvvol.evaluate.slices import slice_areas


def labelled(sides, drawn=None, apex=None):
    """Return a stack with a square of each side in mm at ED, and nothing drawn at ES."""
    n = len(sides)
    masks = np.zeros((n, 2, 40, 40), dtype=bool)
    for z, side in enumerate(sides):
        masks[z, 0, :side, :side] = True
    known = np.zeros((n, 2), dtype=bool)
    known[:, 0] = True if drawn is None else drawn
    stack = stack_of_planes(np.zeros(masks.shape, np.float32), 10.0 * np.arange(n))
    return LabelledStack("a/1", replace(stack, apex=apex), masks, known)


def levels(labels):
    return [each.level for each in slice_areas(labels, np.zeros(labels.labelled.shape))]


def test_levels_are_thirds_of_the_drawn_slices_from_the_apex():
    sides = [5, 10, 15, 20, 25, 30]
    assert levels(labelled(sides)) == ["apex", "apex", "mid", "mid", "base", "base"]
    assert levels(labelled(sides[::-1])) == ["base", "base", "mid", "mid", "apex", "apex"]


def test_the_stack_knows_its_apex_better_than_areas():
    assert levels(labelled([5, 10, 15], apex="last")) == ["base", "mid", "apex"]
    assert levels(labelled([15, 10, 5], apex="first")) == ["apex", "mid", "base"]


def test_slices_beyond_the_cavity_count_to_the_nearer_end():
    assert levels(labelled([0, 5, 10, 15, 0])) == ["apex", "apex", "mid", "base", "base"]


def test_slices_without_a_label_are_left_out():
    drawn = np.array([True, False, True, True])
    found = slice_areas(labelled([5, 10, 15, 20], drawn), np.full((4, 2), 90.0))
    assert [(each.slice, each.at, each.drawn_mm2) for each in found] == [
        (0, "ed", 25),
        (2, "ed", 225),
        (3, "ed", 400),
    ]
    assert {each.measured_mm2 for each in found} == {90}


def test_a_single_slice_is_the_middle():
    assert levels(labelled([0, 9, 0])) == ["mid", "mid", "mid"]


@pytest.mark.parametrize("sides", [[0, 0, 0]])
def test_nothing_drawn_gives_no_levels(sides):
    assert levels(labelled(sides)) == []
