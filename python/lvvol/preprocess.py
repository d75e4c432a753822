"""The working stack: one contrast and one pixel size, so that one network serves all scanners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lvvol.cine import CineStack
from lvvol.errors import DamagedStudyError
from lvvol.geometry import same_corner_map
from lvvol.planes import resample
from lvvol.typing import Float32

PIXEL_MM = 1.0
"""Pixel size of a working stack, in both directions."""

EQUALISED_FIELD_MM = 184.0
"""Side of the central square whose grey values set the contrast; the heart lies well inside."""

_GREY_LEVELS = 1024
_LEVELS_SPAN_PERCENT = (0.1, 99.9)


def to_working_stack(stack: CineStack, threads: int = 0) -> CineStack:
    """Return a stack with equalised contrast on square pixels of 1 mm.

    Parameters
    ----------
    stack : CineStack
        Intensities in the scanner's arbitrary units, any pixel spacing.
    threads : int
        Largest number of threads; 0 for one per core.

    Returns
    -------
    CineStack
        Images in 0 to 1, pixel spacing 1 mm. Rows and columns start at the same top and left edge,
        so a length in mm from that edge is a length in pixels.

    Raises
    ------
    DamagedStudyError
        If a grey value is not finite.

    Notes
    -----
    Each slice's grey values are replaced by their rank among those of the central 184 mm over all
    phases (histogram equalisation, at 1024 evenly spaced levels from the slice's darkest to its
    brightest pixel). Scanner units, coil gain and windowing cancel; only the order of tissues by
    brightness remains.
    """
    spacing_row_mm, spacing_column_mm = stack.pixel_spacing_mm
    equalised = np.empty(stack.images.shape, dtype=np.float32)
    for z in range(stack.n_slices):
        if not np.isfinite(stack.images[z]).all():
            raise DamagedStudyError(
                f"slice {z + 1}: expected finite grey values, got NaN or infinity"
            )
        equalised[z] = _equalise(stack.images[z], stack.pixel_spacing_mm)
    rows, columns = stack.images.shape[2:]
    shape = (
        max(1, round(rows * spacing_row_mm / PIXEL_MM)),
        max(1, round(columns * spacing_column_mm / PIXEL_MM)),
    )
    matrix = same_corner_map(PIXEL_MM / np.array(stack.pixel_spacing_mm))
    planes = equalised.reshape(-1, rows, columns)
    images = resample(
        planes, np.tile(matrix, (len(planes), 1, 1)), shape, edge="nearest", threads=threads
    )
    affines = stack.affines.copy()
    to_old = np.eye(4)
    to_old[:2, :2] = matrix[:, :2]
    to_old[:2, 3] = matrix[:, 2]
    return replace(
        stack,
        images=images.reshape(stack.n_slices, stack.n_phases, *shape),
        pixel_spacing_mm=(PIXEL_MM, PIXEL_MM),
        affines=affines @ to_old,
    )


def _equalise(images: Float32, pixel_spacing_mm: tuple[float, float]) -> Float32:
    """Map one slice's images, shape (phase, row, column), to ranks in 0 to 1."""
    rows, columns = images.shape[1:]
    half_row = max(1, round(EQUALISED_FIELD_MM / pixel_spacing_mm[0] / 2))
    half_column = max(1, round(EQUALISED_FIELD_MM / pixel_spacing_mm[1] / 2))
    centre = (
        slice(None),
        slice(max(0, rows // 2 - half_row), rows // 2 + half_row),
        slice(max(0, columns // 2 - half_column), columns // 2 + half_column),
    )
    # Percentiles, so that one bright pixel does not squeeze all tissue into a few levels.
    low, high = np.percentile(images[centre], _LEVELS_SPAN_PERCENT)
    if high <= low:
        return np.zeros_like(images)
    step = np.float32((high - low) / (_GREY_LEVELS - 1))
    levels = np.clip((images - np.float32(low)) / step, 0, _GREY_LEVELS - 1).astype(np.uint16)
    counts = np.bincount(levels[centre].ravel(), minlength=_GREY_LEVELS)
    ranks = (np.cumsum(counts) / counts.sum()).astype(np.float32)
    equalised: Float32 = ranks[levels]
    return equalised
