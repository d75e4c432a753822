"""What the detector proposes beside the LV."""

import numpy as np

from lvvol.datasets import LabelledStack
from lvvol.datasets.phantoms import phantom_labels
from lvvol.roi.square import labelled_square, overlap
from lvvol.train.examples import examples_of
from lvvol.train.look_alikes import look_alikes


def test_look_alikes_lie_beside_the_lv_in_labelled_slices():
    labels = phantom_labels(3, rows=96)
    middle = labels.stack.n_slices // 2
    labelled = np.zeros_like(labels.labelled)
    labelled[middle - 1 : middle + 1] = True
    labels = LabelledStack("a/1", labels.stack, labels.masks, labelled)
    (example,) = examples_of([labels])
    found = look_alikes(example)
    assert list(found) == [middle - 1, middle]
    for z, squares in found.items():
        assert 0 < len(squares) <= 8
        assert overlap(squares, labelled_square(labels.masks[z, 0])).max() < 0.25
