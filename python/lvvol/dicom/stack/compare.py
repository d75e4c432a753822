"""Compare the geometry of the stack with other attributes, and warn about inconsistencies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from lvvol.dicom.files.image import Image
from lvvol.dicom.stack.acquisition import SAME_PLACE_MM, Acquisition
from lvvol.dicom.stack.ledger import Ledger
from lvvol.status import Code
from lvvol.typing import Float64

# Fewer slices rarely cover the left ventricle.
TYPICAL_SLICES = 7
# Tolerance between attributes and positions.
TOLERANCE_MM = 0.5
# Slices thinner than this share of the gap leave most of the LV unimaged.
MIN_IMAGED_SHARE = 0.5


def compare_tags(
    slices: Sequence[Acquisition], positions_mm: Float64, n_phases: int, ledger: Ledger
) -> None:
    """Record warnings about the slices, without changing the stack.

    Parameters
    ----------
    slices : sequence of Acquisition
        The slices in spatial order.
    positions_mm : ndarray of float64, shape (slice,)
        Their positions along the common normal.
    n_phases : int
        Number of phases of the stack.
    ledger : Ledger
        Records the comparison and the warnings.
    """
    gaps = np.diff(positions_mm)
    median = float(np.median(gaps))
    first = [a.first for a in slices]
    if len(slices) < TYPICAL_SLICES:
        ledger.warn(
            Code.FEW_SLICES,
            f"The stack has only {len(slices)} slices; covering the left ventricle usually takes "
            f"at least {TYPICAL_SLICES}.",
        )
    uneven = np.flatnonzero(np.abs(gaps - median) > max(SAME_PLACE_MM, 0.1 * median))
    if uneven.size:
        listed = ", ".join(f"{gaps[i]:.1f} mm after slice {i + 1}" for i in uneven)
        ledger.warn(
            Code.GAP,
            f"Slices are unevenly spaced: {listed}; the median gap is {median:.1f} mm. "
            "If a slice is missing, export it; the area between its neighbours is interpolated.",
        )
    for i, acquisition in enumerate(slices, 1):
        if acquisition.n_phases != n_phases:
            ledger.warn(
                Code.PHASES_MISSING,
                f"Slice {i} has {acquisition.n_phases} phases instead of {n_phases}; "
                "each phase shows the nearest image.",
            )
    if any(a.phase_key != "TriggerTime" for a in slices):
        keys = sorted({a.phase_key for a in slices} - {"TriggerTime"})
        ledger.warn(
            Code.PHASE_ORDER_DOUBTFUL,
            f"Trigger times are missing or ambiguous; phases are ordered by {' and '.join(keys)}. "
            "Check that the heart beats smoothly (lvvol inspect --png).",
        )
    if _frames_of_reference_differ(first):
        ledger.warn(
            Code.FRAMES_OF_REFERENCE_DIFFER,
            "Series have different frames of reference: the patient may have moved between them. "
            "Check that neighbouring slices continue each other (lvvol inspect --png).",
        )
    compared = [
        text
        for text in (
            _slice_location(first, gaps, ledger),
            _slice_spacing(first, median, ledger),
            _thickness(first, median, ledger),
        )
        if text
    ]
    ledger.record(
        f"Measured slice gaps from image positions along the common normal: median {median:.2f} "
        "mm.",
        f"Other attributes are only compared: {'; '.join(compared) or 'none is present'}.",
    )


def _frames_of_reference_differ(first: Sequence[Image]) -> bool:
    """Whether frames of reference differ between series."""
    frames: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for image in first:
        frames[image.series].add(image.frame_of_reference_uid)
    # By definition a series has a single one; several are an artefact of anonymisation.
    valid = all(len(uids) == 1 for uids in frames.values())
    return valid and len(set().union(*frames.values())) > 1


def _slice_location(first: Sequence[Image], gaps: Float64, ledger: Ledger) -> str:
    """Compare the steps of Slice Location with the gaps."""
    locations = [image.slice_location_mm for image in first]
    if None in locations:
        return ""
    steps = np.abs(np.diff(np.array(locations, dtype=np.float64)))
    step = float(np.median(steps))
    if (np.abs(steps - gaps) > TOLERANCE_MM).any():
        ledger.record(
            f"Used image positions, {np.median(gaps):.2f} mm apart.",
            f"Slice Location steps by {step:.2f} mm, but vendors measure it in different ways.",
        )
    return f"Slice Location step {step:.2f} mm"


def _slice_spacing(first: Sequence[Image], median: float, ledger: Ledger) -> str:
    """Compare Spacing Between Slices with the gaps."""
    spacings = sorted({i.slice_spacing_mm for i in first if i.slice_spacing_mm is not None})
    if not spacings:
        return ""
    if max(abs(s - median) for s in spacings) > TOLERANCE_MM:
        ledger.warn(
            Code.SLICE_SPACING_DOUBTFUL,
            f"Spacing Between Slices is {_join(spacings)} mm, but image positions are "
            f"{median:.2f} mm apart; the positions are used.",
        )
    return f"Spacing Between Slices {_join(spacings)} mm"


def _thickness(first: Sequence[Image], median: float, ledger: Ledger) -> str:
    """Compare Slice Thickness with the gaps."""
    thicknesses = sorted({i.slice_thickness_mm for i in first if i.slice_thickness_mm is not None})
    if not thicknesses:
        return ""
    if thicknesses[-1] > median + TOLERANCE_MM:
        ledger.warn(
            Code.SLICE_SPACING_DOUBTFUL,
            f"Slices overlap: they are {_join(thicknesses)} mm thick and {median:.2f} mm apart.",
        )
    if thicknesses[0] < MIN_IMAGED_SHARE * median:
        ledger.warn(
            Code.SLICES_THIN,
            f"Slices cover less than half of the left ventricle: they are {_join(thicknesses)} mm "
            f"thick and {median:.2f} mm apart.",
        )
    return f"Slice Thickness {_join(thicknesses)} mm"


def _join(numbers: Sequence[float]) -> str:
    """Format numbers as a list."""
    return ", ".join(f"{n:g}" for n in numbers)
