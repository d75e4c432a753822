"""Areas of labelled slices, by their level between apex and base."""

from __future__ import annotations

import numpy as np

from lvvol.datasets import LabelledStack
from lvvol.evaluate.result import SliceArea
from lvvol.typing import Float64

LEVELS = ("base", "mid", "apex")
TIMES = ("ed", "es")


def slice_areas(labels: LabelledStack, areas_mm2: Float64) -> tuple[SliceArea, ...]:
    """Return measured and drawn areas of every labelled slice at ED and ES.

    Parameters
    ----------
    labels : LabelledStack
        Without known phases there are no areas.
    areas_mm2 : ndarray, shape (slice, phase)
        Measured areas.

    Returns
    -------
    tuple of SliceArea
        Levels are thirds of the slices in which the cavity is drawn at that phase; labelled slices
        beyond these, where any area is an error, count to the nearer end. The apex is where the
        stack says, else the end with the smaller drawn area.
    """
    found = []
    for at, phase in zip(TIMES, labels.phases or (), strict=False):
        labelled = np.flatnonzero(labels.labelled[:, phase])
        drawn_mm2 = labels.masks[:, phase].sum(axis=(1, 2)).astype(np.float64)  # pixels of 1 mm
        cavity = labelled[drawn_mm2[labelled] > 0]
        if not len(cavity):
            continue
        first, last = int(cavity[0]), int(cavity[-1])
        apex_first = (
            labels.stack.apex == "first"
            if labels.stack.apex
            else bool(drawn_mm2[first] <= drawn_mm2[last])
        )
        for z in map(int, labelled):
            # The middle of the slice as a share of the way from the first drawn edge to the last.
            share = (min(max(z, first), last) - first + 0.5) / (last - first + 1)
            height = share if apex_first else 1.0 - share
            level = LEVELS[2 - min(int(3.0 * height), 2)]
            found.append(
                SliceArea(z, phase, at, level, float(areas_mm2[z, phase]), float(drawn_mm2[z]))
            )
    return tuple(found)
