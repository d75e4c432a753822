"""Match the images of each slice to the phases of the stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.dicom.stack.ledger import Ledger
from lvvol.typing import Float64, Int64

# Tolerance in time steps for assigning images to phases; beat lengths vary between slices.
SAME_PHASE_STEPS = 0.25


def typical_phases(slices: Sequence[Acquisition]) -> int:
    """Return the most common number of phases, the largest in a tie.

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


def match_phases(slices: Sequence[Acquisition], positions_mm: Float64, ledger: Ledger) -> Int64:
    """Match the images of every slice to the phases of the stack.

    Complete slices are matched in order. In the others, each phase uses the nearest image in the
    cycle; blending two images would show a wall where there is none.

    Parameters
    ----------
    slices : sequence of Acquisition
        The slices in spatial order.
    positions_mm : ndarray of float64, shape (slice,)
        Their positions, for messages.
    ledger : Ledger
        Records slices with another number of phases.

    Returns
    -------
    ndarray of int64, shape (slice, phase)
        Image index in the acquisition of each slice.
    """
    n_phases = typical_phases(slices)
    complete = [a for a in slices if a.n_phases == n_phases]
    offset = float(np.median([a.times_ms[0] / s if (s := a.step_ms) else 0.0 for a in complete]))
    cycle = float(np.median([_steps_in_cycle(a, a.step_ms) for a in complete]))
    matched = np.tile(np.arange(n_phases), (len(slices), 1))
    for i, acquisition in enumerate(slices):
        if acquisition.n_phases == n_phases:
            continue
        label = f"{acquisition.first.label} at {positions_mm[i]:.1f} mm"
        kept = _kept_phases(acquisition, n_phases, offset, cycle)
        if kept is not None:
            places = kept / n_phases
            missing = sorted(set(range(n_phases)) - set(kept.tolist()))
            listed = ", ".join(str(t + 1) for t in missing)  # messages count from 1
            ledger.record(
                f"Filled phase{'s' * (len(missing) > 1)} {listed} of {label} with the nearest "
                "image in the cycle.",
                "The slice has no usable image there.",
                acquisition.files,
            )
        else:
            places = np.arange(acquisition.n_phases) / acquisition.n_phases
            ledger.record(
                f"Matched the {acquisition.n_phases} phases of {label} to the {n_phases} phases of "
                "the stack by the nearest image in the cycle.",
                "Its heart cycle is divided differently from that of the other slices.",
                acquisition.files,
            )
        distance = np.abs(np.arange(n_phases)[:, None] / n_phases - places)
        matched[i] = np.minimum(distance, 1.0 - distance).round(9).argmin(axis=1)
    return matched


def _kept_phases(
    acquisition: Acquisition, n_phases: int, offset: float, cycle: float
) -> Int64 | None:
    """Return the phases of a slice whose cycle is divided like the others, with images missing.

    Returns
    -------
    ndarray of int64, shape (image,), or None
        The phase of each image; None if the cycle is divided differently.
    """
    median_ms, cycle_ms = acquisition.step_ms, acquisition.first.cycle_ms
    if median_ms is None:
        return None
    # If many images are missing, only the cycle length or the smallest step give the true step.
    steps_ms = [float(np.diff(acquisition.times_ms).min()), median_ms]
    if cycle_ms:
        steps_ms.insert(0, cycle_ms / cycle)
    for step_ms in steps_ms:
        if step_ms <= 0 or abs(_steps_in_cycle(acquisition, step_ms) - cycle) > 1.0:
            continue
        exact = acquisition.times_ms / step_ms - offset
        kept = np.rint(exact).astype(np.int64)
        if (
            np.abs(exact - kept).max() <= SAME_PHASE_STEPS
            and len(set(kept.tolist())) == len(kept)
            and kept[0] >= 0
            and kept[-1] < n_phases
        ):
            return kept
    return None


def _steps_in_cycle(acquisition: Acquisition, step_ms: float | None) -> float:
    """Return the number of time steps in the heart cycle of an acquisition."""
    if not step_ms:
        return float(acquisition.n_phases)
    if acquisition.first.cycle_ms:
        return acquisition.first.cycle_ms / step_ms
    return float(np.rint((acquisition.times_ms[-1] - acquisition.times_ms[0]) / step_ms) + 1)
