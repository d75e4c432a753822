"""`LabelledStack`, and stacks of images of unknown position."""

import numpy as np
import pytest

from lvvol.datasets import LabelledStack
from lvvol.datasets.labelled import no_masks, stack_of_planes

IMAGES = np.zeros((3, 2, 8, 9), dtype=np.float32)


def labelled_stack(images=IMAGES, masks=(3, 2, 8, 9), labelled=(3, 2), **more):
    stack = stack_of_planes(images, 10.0 * np.arange(len(images)))
    return LabelledStack("dsb2/0042", stack, np.zeros(masks, bool), np.ones(labelled, bool), **more)


def cine(**more):
    """Three slices at five phases, each image of one grey value: 10 z + t."""
    values = 10.0 * np.arange(3)[:, None] + np.arange(5)
    images = np.broadcast_to(values[..., None, None], (3, 5, 8, 9)).astype(np.float32)
    return labelled_stack(images, (3, 5, 8, 9), (3, 5), **more)


def test_consistent_shapes_are_accepted():
    assert labelled_stack().edv_ml is None


@pytest.mark.parametrize(
    "shapes",
    [
        {"masks": (3, 2, 8, 8)},
        {"masks": (3, 1, 8, 9)},
        {"labelled": (3, 1)},
        {"images": np.zeros((3, 4, 8, 9), np.float32), "masks": (3, 2, 8, 9), "labelled": (3, 4)},
    ],
)
def test_inconsistent_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="masks, labelled: expected"):
        labelled_stack(**shapes)


def test_a_stack_of_two_phases_is_ed_then_es():
    assert labelled_stack().phases == (0, 1)
    assert labelled_stack(ed_phase=1, es_phase=0).phases == (1, 0)


def test_phases_of_a_cine_may_be_unknown():
    assert cine().phases is None
    assert cine(ed_phase=4, es_phase=1).phases == (4, 1)


@pytest.mark.parametrize("phases", [(0, None), (None, 2), (0, 5), (-1, 2), (3, 3)])
def test_phases_must_be_two_of_the_stack(phases):
    with pytest.raises(ValueError, match="ed_phase, es_phase: expected two of 5 phases"):
        cine(ed_phase=phases[0], es_phase=phases[1])


def test_a_pair_of_a_cine_has_the_images_labels_and_volumes_of_its_phases():
    whole = cine(edv_ml=150.0, esv_ml=60.0)
    whole.masks[1, 3] = True
    whole.labelled[:, 2] = False
    pair = whole.at(3, 2)
    assert pair.phases == (0, 1)
    assert pair.stack.images[:, :, 0, 0].tolist() == [[3, 2], [13, 12], [23, 22]]
    assert pair.masks[:, :, 0, 0].tolist() == [[False, False], [True, False], [False, False]]
    assert pair.labelled.tolist() == [[True, False]] * 3
    assert pair.phase_volumes_ml == (150.0, 60.0)
    assert pair.stack.times_ms.shape == (3, 2)


def test_masks_of_an_undrawn_stack_take_no_memory():
    masks = no_masks(cine().stack)
    assert masks.shape == (3, 5, 8, 9)
    assert not masks.any()
    assert masks.strides == (0, 0, 0, 0)


def test_planes_get_positions_along_z_in_mm():
    stack = stack_of_planes(IMAGES, np.array([-5.0, 3.0, 20.0]), (1.5, 1.25))
    # Row 2 is at y = 3 mm, column 4 at x = 5 mm, and k = 1 is 1 mm along z.
    assert (stack.affines[1] @ [2.0, 4.0, 1.0, 1.0]).tolist() == [5.0, 3.0, 4.0, 1.0]
    assert stack.slice_gaps_mm.tolist() == [8.0, 17.0]
    assert np.isnan(stack.times_ms).all()
