"""Which image of its slice each phase of the stack shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lvvol.dicom.acquisition import Acquisition
from lvvol.dicom.ledger import Ledger

Float64 = npt.NDArray[np.float64]


def typical_phases(slices: Sequence[Acquisition]) -> int:
    """Return the number of phases most slices have; the larger of two equally common.

    Parameters
    ----------
    slices : sequence of Acquisition
        At least one.

    Returns
    -------
    int
        Number of phases.
    """
    counts = Counter(a.n_phases for a in slices)
    return max(counts, key=lambda n: (counts[n], n))


def match_phases(
    slices: Sequence[Acquisition], positions_mm: Float64, ledger: Ledger
) -> npt.NDArray[np.int64]:
    """Match every slice's images to the stack's phases.

    A slice with all its phases takes them in order. Another takes the image nearest in the cycle:
    a mixture of two would show a wall that is nowhere.

    Parameters
    ----------
    slices : sequence of Acquisition
        In spatial order.
    positions_mm : ndarray of float64, shape (slice,)
        Where they lie.
    ledger : Ledger
        Takes down each slice whose phases differ.

    Returns
    -------
    ndarray of int64, shape (slice, phase)
        Index of the image that each phase takes from its slice's acquisition.
    """
    n_phases = typical_phases(slices)
    complete = [a for a in slices if a.n_phases == n_phases]
    offset = float(np.median([a.times_ms[0] / s if (s := a.step_ms) else 0.0 for a in complete]))
    cycle = float(np.median([_cycle_phases(a) for a in complete]))
    matched = np.tile(np.arange(n_phases), (len(slices), 1))
    for i, acquisition in enumerate(slices):
        if acquisition.n_phases == n_phases:
            continue
        count = acquisition.n_phases
        places = np.arange(count) / count
        what = (
            f"Matched the {count} phases of {acquisition.first.label} at {positions_mm[i]:.1f} mm "
            f"to the stack's {n_phases}, each to the nearest image of the cycle."
        )
        why = "Its heart cycle is divided differently from the other slices'."
        step_ms = acquisition.step_ms
        if step_ms and abs(_cycle_phases(acquisition) - cycle) <= 1.0:
            # The same division of the cycle with images missing: those there keep their phase.
            steps = np.rint(acquisition.times_ms / step_ms - offset)
            if len(set(steps)) == count and steps[0] >= 0 and steps[-1] < n_phases:
                places = steps / n_phases
                missing = sorted(set(range(n_phases)) - set(steps.astype(int).tolist()))
                listed = ", ".join(str(t + 1) for t in missing)  # people count from 1
                what = (
                    f"Filled phase {listed} of {acquisition.first.label} at "
                    f"{positions_mm[i]:.1f} mm with the nearest image of the cycle."
                )
                why = "No usable image shows it."
        away = np.abs(np.arange(n_phases)[:, None] / n_phases - places)
        matched[i] = np.minimum(away, 1.0 - away).round(9).argmin(axis=1)
        ledger.note(what, why, acquisition.files)
    return matched


def _cycle_phases(acquisition: Acquisition) -> float:
    """Phases that would fill the whole heart cycle at the acquisition's own time step."""
    step_ms, cycle_ms = acquisition.step_ms, acquisition.first.cycle_ms
    if step_ms and cycle_ms:
        return cycle_ms / step_ms
    if step_ms:
        return float(np.rint((acquisition.times_ms[-1] - acquisition.times_ms[0]) / step_ms) + 1)
    return float(acquisition.n_phases)
