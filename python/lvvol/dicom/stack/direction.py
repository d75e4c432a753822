"""Find the end of a short-axis stack that is nearer to the apex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lvvol.dicom.files.read import decode, fetch
from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.dicom.stack.candidates import TYPICAL_AXIS_DEGREES, angle_degrees, typical_axis
from lvvol.dicom.stack.grid import Grid
from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.plan import Plan
from lvvol.dicom.stack.series import find_view
from lvvol.motion import moving_centre
from lvvol.planes import resample
from lvvol.sources.archive import Source
from lvvol.status import Code
from lvvol.typing import Float32, Float64

End = Literal["first", "last"]

# Beyond this angle from the typical axis, the sign of the axis is not conclusive.
MAX_ANATOMY_DEGREES = 60.0
# Share of the cycle, from the R wave, in which the ventricle contracts.
SYSTOLE_SHARE = 0.45
# In systole the base descends by about 12 mm and the apex stays. Motion is conclusive if one end
# moves at least this far and at least this many times as far as the other.
MIN_DESCENT_MM = 3.0
MIN_RATIO = 2.0

_STEP_MM = 3.0  # of the grid on which motion is measured
_HALF_WIDTH_MM = 39.0  # on either side of the axis: the LV with its walls
_INSIDE_MM, _OUTSIDE_MM = 30.0, 9.0  # extent of an end, inside and outside the stack


def find_apex(
    plan: Plan,
    grid: Grid,
    images: Float32,
    acquisitions: Sequence[Acquisition],
    source: Source,
    ledger: Ledger,
) -> End | None:
    """Find the apex from the typical heart axis and the motion in long-axis views.

    Parameters
    ----------
    plan : Plan
        The stack.
    grid : Grid
        Its grid.
    images : ndarray of float32, shape (slice, phase, row, column)
        Its images.
    acquisitions : sequence of Acquisition
        All acquisitions of the study.
    source : Source
        The files of the study.
    ledger : Ledger
        Records the evidence, and a warning if it is contradictory.

    Returns
    -------
    "first", "last" or None
        The end of the stack nearer to the apex; None if the evidence is missing or contradictory.
    """
    off = angle_degrees(plan.normal, typical_axis())
    by_anatomy: End | None = None
    if off <= MAX_ANATOMY_DEGREES:
        by_anatomy = "last" if plan.normal @ typical_axis() > 0 else "first"
    evidence = [f"the stack axis is {off:.0f} degrees off the typical heart axis"]
    if off > TYPICAL_AXIS_DEGREES:
        ledger.warn(
            Code.NOT_SHORT_AXIS,
            f"The stack axis is {off:.0f} degrees off the typical heart axis: it may not be a "
            "short-axis stack.",
        )

    views = [a for a in acquisitions if find_view(a, plan) == "long axis"]
    measured = []
    if views:
        middle_mm = _find_middle_mm(images, grid)
        descents = (_descents_mm(view, plan, middle_mm, source) for view in views)
        measured = [descent for descent in descents if descent is not None]
    by_motion: End | None = None
    if measured:
        first, last = np.mean(measured, axis=0)
        low, high = sorted((abs(first), abs(last)))
        if max(first, last) >= MIN_DESCENT_MM and high >= MIN_RATIO * low:
            by_motion = "first" if last > first else "last"
        n_views = f"{len(measured)} long-axis view{'s' * (len(measured) > 1)}"
        evidence.append(
            f"in {n_views}, tissue at the last slice moves {last:.0f} mm towards the middle of the "
            f"stack in systole, at the first slice {first:.0f} mm"
        )
    if by_anatomy and by_motion and by_anatomy != by_motion:
        evidence.append("the typical heart axis and the motion in long-axis views disagree")
        apex = None
    else:
        apex = by_anatomy or by_motion
    why = "; ".join(evidence)
    ledger.record(
        f"Located the apex at the {apex} slice." if apex else "Could not locate the apex.",
        f"{why[0].upper()}{why[1:]}.",
    )
    return apex


def _find_middle_mm(images: Float32, grid: Grid) -> Float64:
    """Find the heart in the middle slice by its motion.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        The images of the stack.
    grid : Grid
        Their grid.

    Returns
    -------
    ndarray of float64, shape (3,)
        A point in the heart, not necessarily at the centre of the LV; patient LPS in mm.
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
    """Measure the motion of both ends of the stack towards its middle in systole, in mm."""
    n_steps = int(SYSTOLE_SHARE * view.n_phases)
    if n_steps < 3:
        return None
    systole = view.images[: n_steps + 1]
    pixels = fetch(systole, source)
    try:
        images = np.stack([decode(image, pixels.get(image.file)) for image in systole])
    except ValueError:  # damaged; the stack does not need this view
        return None
    along = plan.normal - (plan.normal @ view.normal) * view.normal
    along /= np.linalg.norm(along)
    across = np.cross(view.normal, along)
    start_mm, stop_mm = plan.positions_mm[0] - _OUTSIDE_MM, plan.positions_mm[-1] + _OUTSIDE_MM
    shape = (int((stop_mm - start_mm) / _STEP_MM) + 1, int(2 * _HALF_WIDTH_MM / _STEP_MM) + 1)
    # A grid in the plane of the view, with rows along the stack axis.
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
    """Return the largest displacement of a region along its rows (Lucas and Kanade, 1981).

    The shift between two successive images is the least-squares shift of the whole region.
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
