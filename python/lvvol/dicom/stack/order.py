"""Check with the pixels whether phases are in order, and whether every slice moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.plan import Plan
from lvvol.status import Code
from lvvol.typing import Bool, Float32

# Another order is believed if successive images then differ by less than this share. Scrambling the
# phases of the five real studies makes the right order 0.3 to 0.85 as rough.
SMOOTHER = 0.9
# Averaging blocks of this many pixels a side leaves motion and little noise.
_BLOCK = 4


def warn_of_still_slices(images: Float32, ledger: Ledger) -> Bool:
    """Warn about slices that show the same image in all phases, if others move.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        The images of a stack.
    ledger : Ledger
        Records the warning.

    Returns
    -------
    ndarray of bool, shape (slice,)
        Which slices stand still.
    """
    still = np.array(
        [all(_are_alike(phases[0], image) for image in phases[1:]) for phases in images]
    )
    if still.any() and not still.all():
        listed = ", ".join(str(z + 1) for z in np.flatnonzero(still))
        ledger.warn(
            Code.SLICES_STILL,
            f"All phases are the same image in {'slices' if still.sum() > 1 else 'slice'} "
            f"{listed}: the area there is that of one moment, so ESV is too large or EDV too "
            "small; export the study again.",
        )
    return still


def warn_of_order(plan: Plan, images: Float32, ledger: Ledger) -> None:
    """Warn about slices whose images move more smoothly by Instance Number than as ordered.

    Scanners number the images of a slice in temporal order. Instance numbers order nothing where
    other attributes can, but where both disagree the pixels decide.

    Parameters
    ----------
    plan : Plan
        The stack.
    images : ndarray of float32, shape (slice, phase, row, column)
        Its images, in its order.
    ledger : Ledger
        Records the warning.
    """
    doubtful = []
    for z, (acquisition, phases) in enumerate(zip(plan.slices, plan.phases, strict=True)):
        numbers = [acquisition.images[i].instance_number for i in phases]
        order = _other_order(numbers)
        if order is not None:
            small = _averaged(images[z])
            if _roughness(small[order]) < SMOOTHER * _roughness(small):
                doubtful.append(z + 1)
    if doubtful:
        keys = sorted({plan.slices[z - 1].phase_key for z in doubtful})
        ledger.warn(
            Code.PHASE_ORDER_DOUBTFUL,
            f"Phases may be out of order in {len(doubtful)} slices (first: {doubtful[0]}): "
            f"successive images would be more alike by Instance Number than by {' and '.join(keys)}"
            ". ED and ES are then mixed from different times; export the study again.",
        )


def _are_alike(a: Float32, b: Float32) -> bool:
    """Whether two images are the same; a row in the middle tells nearly all others apart, fast."""
    row = len(a) // 2
    return np.array_equal(a[row], b[row], equal_nan=True) and np.array_equal(a, b, equal_nan=True)


def _other_order(numbers: Sequence[int | None]) -> list[int] | None:
    """Return the order by instance number; None if it is unknown or that of the images already."""
    known = [number for number in numbers if number is not None]
    if len(set(known)) < len(numbers) or known == sorted(known):
        return None
    return sorted(range(len(known)), key=known.__getitem__)


def _averaged(images: Float32) -> Float32:
    """Average blocks of pixels."""
    rows, columns = (max(1, n // _BLOCK) for n in images.shape[1:])
    block = tuple(min(_BLOCK, n) for n in images.shape[1:])
    cut = images[:, : rows * block[0], : columns * block[1]]
    parts = cut.reshape(len(images), rows, block[0], columns, block[1])
    return np.asarray(parts.mean(axis=(2, 4)))


def _roughness(images: Float32) -> float:
    """Return how much successive images of a cycle differ, on average."""
    return float(np.abs(images - np.roll(images, 1, axis=0)).mean())
