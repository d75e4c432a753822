"""`LabelledStack`, and stacks of images of unknown position."""

import numpy as np
import pytest

from lvvol.datasets import LabelledStack
from lvvol.datasets.labelled import stack_of_planes

IMAGES = np.zeros((3, 2, 8, 9), dtype=np.float32)


def labelled_stack(images=IMAGES, masks=(3, 2, 8, 9), labelled=(3, 2)):
    stack = stack_of_planes(images, 10.0 * np.arange(len(images)))
    return LabelledStack("dsb2/0042", stack, np.zeros(masks, bool), np.ones(labelled, bool))


def test_consistent_shapes_are_accepted():
    assert labelled_stack().edv_ml is None


@pytest.mark.parametrize(
    "shapes",
    [
        {"masks": (3, 2, 8, 8)},
        {"masks": (3, 1, 8, 9)},
        {"labelled": (3, 1)},
        {"images": np.zeros((3, 4, 8, 9), np.float32), "masks": (3, 4, 8, 9), "labelled": (3, 4)},
    ],
)
def test_inconsistent_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="masks, labelled: expected"):
        labelled_stack(**shapes)


def test_planes_get_positions_along_z_in_mm():
    stack = stack_of_planes(IMAGES, np.array([-5.0, 3.0, 20.0]), (1.5, 1.25))
    # Row 2 is at y = 3 mm, column 4 at x = 5 mm, and k = 1 is 1 mm along z.
    assert (stack.affines[1] @ [2.0, 4.0, 1.0, 1.0]).tolist() == [5.0, 3.0, 4.0, 1.0]
    assert stack.slice_gaps_mm.tolist() == [8.0, 17.0]
    assert np.isnan(stack.times_ms).all()
