"""Which end of a short-axis stack is nearer to the apex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lvvol.dicom.files.read import decode, fetch
from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.dicom.stack.candidates import USUAL_DEGREES, angle_degrees, usual_axis
from lvvol.dicom.stack.grid import Grid
from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.plan import Plan
from lvvol.dicom.stack.series import find_view
from lvvol.motion import moving_centre
from lvvol.planes import resample
from lvvol.sources.archive import Source
from lvvol.typing import Float32, Float64

End = Literal["first", "last"]

# A heart's axis this far off the usual one may point anywhere.
TOLD_BY_ANATOMY_DEGREES = 60.0
# Share of the cycle in which the ventricle contracts, the R wave at its start.
SYSTOLE_SHARE = 0.45
# In systole the base comes down some 12 mm and the apex stays. An end that moves less than this,
# or not twice as far as the other, tells nothing.
MIN_DESCENT_MM = 3.0
MIN_RATIO = 2.0

_STEP_MM = 3.0  # of the grid on which motion is measured
_HALF_WIDTH_MM = 39.0  # on both sides of the axis: the LV with its walls
_INSIDE_MM, _OUTSIDE_MM = 30.0, 9.0  # what counts as an end of the stack


def find_apex(
    plan: Plan,
    middle_mm: Float64,
    acquisitions: Sequence[Acquisition],
    source: Source,
    ledger: Ledger,
) -> End | None:
    """Find the apex's end from the usual direction of hearts and from long-axis views.

    Parameters
    ----------
    plan : Plan
        The stack.
    middle_mm : ndarray of float64, shape (3,)
        A point of the LV in the middle of the stack, patient LPS.
    acquisitions : sequence of Acquisition
        All of the study.
    source : Source
        The study's files.
    ledger : Ledger
        Takes down the evidence; a warning where it contradicts itself.

    Returns
    -------
    "first", "last" or None
        The end of the stack nearer to the apex; None where nothing tells, or two things differ.
    """
    off = angle_degrees(plan.normal, usual_axis())
    by_anatomy: End | None = None
    if off <= TOLD_BY_ANATOMY_DEGREES:
        by_anatomy = "last" if plan.normal @ usual_axis() > 0 else "first"
    told = [f"the stack's axis lies {off:.0f} degrees off the usual axis of hearts"]
    if off > USUAL_DEGREES:
        ledger.warnings.append(
            f"The stack's axis lies {off:.0f} degrees off the usual axis of hearts: it may not be "
            "a short-axis stack."
        )

    views = [a for a in acquisitions if find_view(a, plan) == "long axis"]
    measured = [d for a in views if (d := _descents_mm(a, plan, middle_mm, source)) is not None]
    by_motion: End | None = None
    if measured:
        first, last = np.mean(measured, axis=0)
        low, high = sorted((abs(first), abs(last)))
        if max(first, last) >= MIN_DESCENT_MM and high >= MIN_RATIO * low:
            by_motion = "first" if last > first else "last"
        views_are = "1 long-axis view" if len(measured) == 1 else f"{len(measured)} long-axis views"
        told.append(
            f"in {views_are} the last slice's end moves {last:.0f} mm towards the middle in "
            f"systole, the first slice's end {first:.0f} mm"
        )
    if by_anatomy and by_motion and by_anatomy != by_motion:
        ledger.warnings.append(
            "Which end of the stack is the apex is not known: the usual direction of hearts and "
            "the motion in long-axis views contradict each other."
        )
        apex = None
    else:
        apex = by_anatomy or by_motion
    why = "; ".join(told)
    ledger.note(
        f"Took the {apex} slice for the one nearest to the apex."
        if apex
        else "Could not tell which end of the stack is the apex.",
        f"{why[0].upper()}{why[1:]}.",
    )
    return apex


def find_middle_mm(images: Float32, grid: Grid) -> Float64:
    """Find the LV in the middle slice: where most moves.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        The stack's images.
    grid : Grid
        Where they lie.

    Returns
    -------
    ndarray of float64, shape (3,)
        Patient LPS in mm; somewhere in the heart, seldom exactly in the LV's middle.
    """
    z = len(images) // 2
    row, column = moving_centre(images[z])
    return np.asarray((grid.placings[z].affine @ [row, column, 0.0, 1.0])[:3])


def _descents_mm(
    view: Acquisition,
    plan: Plan,
    middle_mm: Float64,
    source: Source,
) -> tuple[float, float] | None:
    """Measure how far both ends of the stack move towards its middle in systole, in mm."""
    n_steps = int(SYSTOLE_SHARE * view.n_phases)
    if n_steps < 3:
        return None
    seen = view.images[: n_steps + 1]
    pixels = fetch(seen, source)
    try:
        images = np.stack([decode(image, pixels.get(image.file)) for image in seen])
    except ValueError:  # damaged, and not needed for the stack
        return None
    along = plan.normal - (plan.normal @ view.normal) * view.normal
    along /= np.linalg.norm(along)
    across = np.cross(view.normal, along)
    start_mm, stop_mm = plan.positions_mm[0] - _OUTSIDE_MM, plan.positions_mm[-1] + _OUTSIDE_MM
    shape = (int((stop_mm - start_mm) / _STEP_MM) + 1, int(2 * _HALF_WIDTH_MM / _STEP_MM) + 1)
    # The grid's rows run along the stack's axis, in the view's plane.
    in_plane = middle_mm - ((middle_mm - view.origin_mm) @ view.normal) * view.normal
    corner = (
        in_plane + (start_mm - middle_mm @ plan.normal) * along - _HALF_WIDTH_MM * across
    ) - view.origin_mm
    row_mm, column_mm = view.first.pixel_spacing_mm
    to_pixels = np.array([view.down / row_mm, view.right / column_mm])
    matrix = to_pixels @ np.stack([_STEP_MM * along, _STEP_MM * across, corner], axis=1)
    matrices = np.repeat(matrix[None], len(images), axis=0)
    grid = resample(images, matrices, shape)
    end_rows = int((_INSIDE_MM + _OUTSIDE_MM) / _STEP_MM)
    if shape[0] < 2 * end_rows:
        return None
    first = _shift_mm(grid[:, :end_rows])
    last = -_shift_mm(grid[:, -end_rows:])
    return first, last


def _shift_mm(images: Float32) -> float:
    """Measure how far a region moves along its rows over the images (Lucas and Kanade, 1981).

    Each step between two images is the least-squares shift of the whole region. The farthest point
    reached counts.
    """
    both = (images[1:] + images[:-1]) / 2
    down = np.gradient(both.astype(np.float64), axis=1)
    right = np.gradient(both.astype(np.float64), axis=2)
    change = np.diff(images.astype(np.float64), axis=0)
    shift, farthest = 0.0, 0.0
    for r, c, t in zip(down, right, change, strict=True):
        normal = np.array([[(r * r).sum(), (r * c).sum()], [(r * c).sum(), (c * c).sum()]])
        step, *_ = np.linalg.lstsq(normal, -np.array([(r * t).sum(), (c * t).sum()]), rcond=None)
        shift += float(step[0]) * _STEP_MM
        farthest = max(farthest, shift, key=abs)
    return farthest
