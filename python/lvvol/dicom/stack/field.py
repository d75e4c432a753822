"""Check the field of view: whether all slices show the same part of the body, in a likely size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lvvol.dicom.stack.acquisition import Acquisition
from lvvol.dicom.stack.grid import Grid, Placing
from lvvol.dicom.stack.ledger import Ledger
from lvvol.dicom.stack.plan import Plan
from lvvol.errors import ImageSizeError
from lvvol.status import Code
from lvvol.typing import Bool, Float64

# Share of a slice that must lie on the grid, or of the grid that must lie on it. Slices planned
# together share all of it; shifts for comfort or after breathing stay far above this.
MIN_OVERLAP = 0.8
# Distance of an image centre from those of most slices, across the stack axis: up to 2 mm in the
# five real studies. A ventricle is about 50 mm wide; a wrong position of half of that loses it.
MAX_OFF_AXIS_MM = 25.0
# Rotation of the image axes above which a slice was planned otherwise than the rest, or mirrored.
MAX_TURN_DEGREES = 30.0
# Image positions are those of a corner: with a wrong Pixel Spacing the centre moves. The centres of
# the five real studies are within 2.2 mm of the axis.
SAME_CENTRE_MM = 3.0

# Longer side of the field of view of nearly all cardiac studies, children included.
TYPICAL_FIELD_MM = (200.0, 500.0)
# Scanners reconstruct square pixels. Rounding of Pixel Spacing stays far below these shares.
MAX_PIXEL_ASPECT = 0.01
MAX_DIAMETER_ERROR = 0.02
# Larger than 30 slices of 60 phases of 700 x 700 pixels, an extreme study.
MAX_STACK_BYTES = 4 << 30

_SAMPLES = 33  # per side, to measure overlaps


def check_memory(plan: Plan, grid: Grid, study: str) -> None:
    """Refuse a stack that does not fit into memory, before any is allocated.

    Parameters
    ----------
    plan : Plan
        The stack.
    grid : Grid
        Its pixel grid.
    study : str
        Path of the study, for messages.

    Raises
    ------
    ImageSizeError
        If the stack, on its own pixels or on pixels of 1 mm, takes more than `MAX_STACK_BYTES`.
    """
    rows, columns = grid.shape
    row_mm, column_mm = grid.pixel_spacing_mm
    n_pixels = max(rows * columns, rows * row_mm * columns * column_mm)
    n_bytes = 4.0 * plan.phases.size * n_pixels
    if n_bytes > MAX_STACK_BYTES:
        n_slices, n_phases = plan.phases.shape
        raise ImageSizeError(
            f"{study}: expected a stack of at most {MAX_STACK_BYTES >> 30} GB, found {n_slices} "
            f"slices of {n_phases} phases of {rows} x {columns} pixels, {n_bytes / 2**30:.1f} GB; "
            "select the series of one stack (--series)"
        )


def check_fields(plan: Plan, grid: Grid, ledger: Ledger) -> None:
    """Warn about slices that may not show the heart, or in another size; the stack does not change.

    Outside its images a slice is black, which would count as an empty ventricle. A volume grows
    with the square of the pixel spacing.

    Parameters
    ----------
    plan : Plan
        The stack.
    grid : Grid
        Its pixel grid.
    ledger : Ledger
        Records the warnings.
    """
    _check_size(plan, grid, ledger)
    overlaps = np.array(
        [_overlap(p, a, grid) for p, a in zip(grid.placings, plan.slices, strict=True)]
    )
    off_axis_mm = _off_axis_mm(plan)
    beside = (overlaps < MIN_OVERLAP) | (off_axis_mm > MAX_OFF_AXIS_MM)
    if beside.any():
        ledger.warn(
            Code.SLICES_SHIFTED,
            f"{_slices(beside)} beside the others: the image centres are up to "
            f"{off_axis_mm[beside].max():.0f} mm off the axis of the stack and as little as "
            f"{100 * overlaps[beside].min():.0f} % of an image overlaps theirs. Tissue outside the "
            "images counts as empty, so volumes are too small if these slices should show the "
            "ventricle; check their position and orientation.",
        )
    turned = np.array([_turn_degrees(p) > MAX_TURN_DEGREES for p in grid.placings]) & ~beside
    if turned.any():
        ledger.warn(
            Code.SLICES_TURNED,
            f"{_slices(turned)} turned or mirrored relative to the others; the images were turned "
            "back as their orientation says. Check that the heart lies in the same place as in "
            "the neighbours (lvvol inspect --png).",
        )
    scaled = np.array([_is_scaled(p) for p in grid.placings]) & (off_axis_mm > SAME_CENTRE_MM)
    if scaled.any():
        ledger.warn(
            Code.PIXEL_SPACING_DOUBTFUL,
            f"{_slices(scaled)} of another Pixel Spacing than the others and about another centre, "
            f"up to {off_axis_mm[scaled].max():.0f} mm off: a change of the field of view usually "
            "keeps its centre. If Pixel Spacing is wrong, the areas of these slices are too; check "
            "that the heart has the size of that in the neighbours (lvvol inspect --png).",
        )


def _check_size(plan: Plan, grid: Grid, ledger: Ledger) -> None:
    """Warn if the pixel spacing is implausible, or other attributes contradict it."""
    row_mm, column_mm = grid.pixel_spacing_mm
    height_mm, width_mm = grid.shape[0] * row_mm, grid.shape[1] * column_mm
    low, high = TYPICAL_FIELD_MM
    if not low <= max(height_mm, width_mm) <= high:
        ledger.warn(
            Code.PIXEL_SPACING_DOUBTFUL,
            f"The images cover {height_mm:.0f} x {width_mm:.0f} mm; the longer side is usually "
            f"{low:.0f} to {high:.0f} mm. If they are not cropped, Pixel Spacing is wrong, and all "
            "volumes with it.",
        )
    if abs(row_mm - column_mm) > MAX_PIXEL_ASPECT * min(row_mm, column_mm):
        ledger.warn(
            Code.PIXEL_SPACING_DOUBTFUL,
            f"Pixels of {row_mm:.3g} x {column_mm:.3g} mm are not square, which is unusual: check "
            "that the heart is not stretched (lvvol inspect --png); volumes change with Pixel "
            "Spacing.",
        )
    diameters = {d: None for a in plan.slices if (d := _contradicting_diameter_mm(a))}
    if diameters:
        ledger.warn(
            Code.PIXEL_SPACING_DOUBTFUL,
            f"Reconstruction Diameter is {_joined(f'{d:g}' for d in diameters)} mm, but with Pixel "
            f"Spacing the longer side of the images is {max(height_mm, width_mm):.0f} mm: one of "
            "them is wrong, or the images were cropped. Volumes rely on Pixel Spacing.",
        )


def _contradicting_diameter_mm(acquisition: Acquisition) -> float | None:
    """Return the Reconstruction Diameter of a slice if its images have another size."""
    image = acquisition.first
    side_mm = max(image.rows * image.pixel_spacing_mm[0], image.columns * image.pixel_spacing_mm[1])
    diameter_mm = image.diameter_mm
    if not diameter_mm or abs(side_mm - diameter_mm) <= MAX_DIAMETER_ERROR * diameter_mm:
        return None
    return diameter_mm


def _overlap(placing: Placing, acquisition: Acquisition, grid: Grid) -> float:
    """Return the overlap of a slice and the grid, as a share of the smaller one."""
    shape = (acquisition.first.rows, acquisition.first.columns)
    if placing.shift == (0, 0) and shape == grid.shape:
        return 1.0
    own, common = placing.source_affine, placing.affine
    return max(
        _share_inside(np.asarray(np.linalg.inv(common) @ own), shape, grid.shape),
        _share_inside(np.asarray(np.linalg.inv(own) @ common), grid.shape, shape),
    )


def _share_inside(matrix: Float64, shape: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the share of an image that a map of pixel indices brings into another image."""
    steps = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    rows, columns = np.meshgrid(steps * shape[0] - 0.5, steps * shape[1] - 0.5, indexing="ij")
    points = np.stack([rows, columns, np.zeros_like(rows), np.ones_like(rows)])
    r, c = np.tensordot(matrix[:2], points, axes=1)
    inside = (r >= -0.5) & (r <= other[0] - 0.5) & (c >= -0.5) & (c <= other[1] - 0.5)
    return float(inside.mean())


def _off_axis_mm(plan: Plan) -> Float64:
    """Return the distance of each image centre from those of most slices, across the axis."""
    centres = np.array([a.centre_mm for a in plan.slices])
    across = centres - np.outer(centres @ plan.normal, plan.normal)
    return np.asarray(np.linalg.norm(across - np.median(across, axis=0), axis=1))


def _turn_degrees(placing: Placing) -> float:
    """Return the largest angle between the image axes of a slice and those of the grid."""
    if placing.shift is not None:
        return 0.0
    own, grid = (
        axes / np.linalg.norm(axes, axis=0)
        for axes in (placing.source_affine[:3, :2], placing.affine[:3, :2])
    )
    return float(np.degrees(np.arccos(np.clip((own * grid).sum(axis=0), -1.0, 1.0))).max())


def _is_scaled(placing: Placing) -> bool:
    """Whether the pixels of a slice are larger or smaller than those of the grid."""
    if placing.shift is not None:
        return False
    own, grid = (
        np.linalg.norm(affine[:3, :2], axis=0) for affine in (placing.source_affine, placing.affine)
    )
    return float(np.abs(np.sort(own) / np.sort(grid) - 1.0).max()) > MAX_PIXEL_ASPECT


def _slices(chosen: Bool) -> str:
    """Return the chosen slices, counted from 1, as the beginning of a sentence."""
    numbers = [str(z + 1) for z in np.flatnonzero(chosen)]
    return f"Slice {numbers[0]} is" if len(numbers) == 1 else f"Slices {_joined(numbers)} are"


def _joined(words: Iterable[str]) -> str:
    """Join words as a list."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
