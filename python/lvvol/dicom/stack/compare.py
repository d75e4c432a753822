"""Compare what other tags say with the geometry used, and warn of what a user should know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import SAME_PLACE_MM, Acquisition
from lvvol.dicom.stack.ledger import Ledger
from lvvol.typing import Float64

# Fewer slices seldom cover the left ventricle.
USUAL_SLICES = 7
# Tags and positions that agree this well say the same.
SAME_MM = 0.5
# A slice thinner than this share of the distance to the next leaves most of the LV unseen.
MIN_SEEN_SHARE = 0.5


def compare_tags(
    slices: Sequence[Acquisition], positions_mm: Float64, n_phases: int, ledger: Ledger
) -> None:
    """Compare and warn; nothing here changes the stack.

    Parameters
    ----------
    slices : sequence of Acquisition
        In spatial order.
    positions_mm : ndarray of float64, shape (slice,)
        Where they lie along the common normal.
    n_phases : int
        Phases of the stack.
    ledger : Ledger
        Takes down the comparison and the warnings.
    """
    warn = ledger.warnings.append
    gaps = np.diff(positions_mm)
    median = float(np.median(gaps))
    first = [a.first for a in slices]
    if len(slices) < USUAL_SLICES:
        warn(
            f"The stack has {len(slices)} slices; {USUAL_SLICES} or more usually cover the left "
            "ventricle."
        )
    uneven = np.flatnonzero(np.abs(gaps - median) > max(SAME_PLACE_MM, 0.1 * median))
    if uneven.size:
        listed = ", ".join(f"{gaps[i]:.1f} mm after slice {i + 1}" for i in uneven)
        warn(f"Slices are unevenly spaced: {listed}; the median gap is {median:.1f} mm.")
    for i, acquisition in enumerate(slices, 1):
        if acquisition.n_phases != n_phases:
            warn(
                f"Slice {i} has {acquisition.n_phases} phases, the stack {n_phases}; "
                "each phase shows its nearest image."
            )
    if any(a.phase_key != "TriggerTime" for a in slices):
        keys = sorted({a.phase_key for a in slices} - {"TriggerTime"})
        warn(f"Trigger times do not order all phases; {' and '.join(keys)} did.")
    if _moved_between(first):
        warn("Slices name different frames of reference: the patient may have moved between them.")
    said = [
        text
        for text in (
            _slice_location(first, gaps, ledger),
            _slice_spacing(first, median, ledger),
            _thickness(first, median, ledger),
        )
        if text
    ]
    ledger.note(
        f"Took slice gaps from positions along the common normal: median {median:.2f} mm.",
        f"Other tags are compared only: {'; '.join(said) or 'none is there'}.",
    )


def _moved_between(first: Sequence[Image]) -> bool:
    """Whether slices name frames of reference that differ from series to series."""
    frames: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for image in first:
        frames[image.series].add(image.frame_of_reference_uid)
    # A series has one by definition: where it has more, anonymising made them up.
    told = all(len(uids) == 1 for uids in frames.values())
    return told and len(set().union(*frames.values())) > 1


def _slice_location(first: Sequence[Image], gaps: Float64, ledger: Ledger) -> str:
    """Compare the steps of Slice Location with the gaps."""
    locations = [image.slice_location_mm for image in first]
    if None in locations:
        return ""
    steps = np.abs(np.diff(np.array(locations, dtype=np.float64)))
    step = float(np.median(steps))
    if (np.abs(steps - gaps) > SAME_MM).any():
        ledger.warnings.append(
            f"Slice Location steps by {step:.2f} mm where positions lie {np.median(gaps):.2f} mm "
            "apart; the positions are used."
        )
    return f"Slice Location steps {step:.2f} mm"


def _slice_spacing(first: Sequence[Image], median: float, ledger: Ledger) -> str:
    """Compare Spacing Between Slices with the gaps."""
    spacings = sorted({i.slice_spacing_mm for i in first if i.slice_spacing_mm is not None})
    if not spacings:
        return ""
    if max(abs(s - median) for s in spacings) > SAME_MM:
        ledger.warnings.append(
            f"Spacing Between Slices says {_listed(spacings)} mm where positions lie "
            f"{median:.2f} mm apart; the positions are used."
        )
    return f"Spacing Between Slices {_listed(spacings)} mm"


def _thickness(first: Sequence[Image], median: float, ledger: Ledger) -> str:
    """Compare Slice Thickness with the gaps."""
    thicknesses = sorted({i.slice_thickness_mm for i in first if i.slice_thickness_mm is not None})
    if not thicknesses:
        return ""
    if thicknesses[-1] > median + SAME_MM:
        ledger.warnings.append(
            f"Slices {_listed(thicknesses)} mm thick lie {median:.2f} mm apart: they overlap."
        )
    if thicknesses[0] < MIN_SEEN_SHARE * median:
        ledger.warnings.append(
            f"Slices {_listed(thicknesses)} mm thick lie {median:.2f} mm apart: less than half of "
            "the left ventricle is seen."
        )
    return f"Slice Thickness {_listed(thicknesses)} mm"


def _listed(numbers: Sequence[float]) -> str:
    """Write numbers one after the other."""
    return ", ".join(f"{n:g}" for n in numbers)
