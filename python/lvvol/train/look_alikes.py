"""Look-alikes of the LV in training patients: what the detector proposes and is not the LV."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from lvvol.cascade import Cascade
from lvvol.networks.files import SHIPPED
from lvvol.roi import DETECTOR_FILE, CascadeProposer, read_detector
from lvvol.roi.square import Squares, labelled_square, overlap
from lvvol.train.examples import Example

_MAX_OVERLAP = 0.25
_COUNT = 8


def look_alikes(example: Example) -> Mapping[int, Squares]:
    """Find what the search would look at first, were the LV not there.

    Parameters
    ----------
    example : Example
        With masks at ED.

    Returns
    -------
    mapping of int to ndarray
        For each slice labelled at ED at most 8 proposals of the shipped detector, shape (n, 3),
        that overlap the labelled square with an IoU below 0.25, the likeliest first.
    """
    labels, propose = example.labels, CascadeProposer(_detector())
    found = {}
    for z in np.flatnonzero(labels.labelled[:, 0]).tolist():
        proposals = propose(labels.stack.images[z])
        truth = labelled_square(labels.masks[z, 0])
        if truth is not None:
            proposals = proposals[overlap(proposals, truth) < _MAX_OVERLAP]
        found[z] = proposals[:_COUNT]
    return found


@cache
def _detector() -> Cascade:
    return read_detector(SHIPPED / DETECTOR_FILE)
