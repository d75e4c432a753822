"""The working stack: one contrast and one pixel size, so that one network serves all scanners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lvvol.cine import CineStack
from lvvol.errors import DamagedStudyError
from lvvol.geometry import same_corner_map
from lvvol.planes import equalise

PIXEL_MM = 1.0
"""Pixel size of a working stack, in both directions."""

EQUALISED_FIELD_MM = 184.0
"""Side of the central square whose grey values set the contrast; the heart lies well inside."""


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
    phases (histogram equalisation; see `lvvol.planes.equalise`). Scanner units, coil gain and
    windowing cancel; only the order of tissues by brightness remains.
    """
    spacing_row_mm, spacing_column_mm = stack.pixel_spacing_mm
    rows, columns = stack.images.shape[2:]
    shape = (
        max(1, round(rows * spacing_row_mm / PIXEL_MM)),
        max(1, round(columns * spacing_column_mm / PIXEL_MM)),
    )
    matrix = same_corner_map(PIXEL_MM / np.array(stack.pixel_spacing_mm))
    field = (_central(rows, spacing_row_mm), _central(columns, spacing_column_mm))
    try:
        images = equalise(np.ascontiguousarray(stack.images), field, matrix, shape, threads=threads)
    except ValueError:
        _refuse_not_finite(stack)
        raise
    affines = stack.affines.copy()
    to_old = np.eye(4)
    to_old[:2, :2] = matrix[:, :2]
    to_old[:2, 3] = matrix[:, 2]
    return replace(
        stack, images=images, pixel_spacing_mm=(PIXEL_MM, PIXEL_MM), affines=affines @ to_old
    )


def _central(size: int, spacing_mm: float) -> tuple[int, int]:
    """Return the range of rows or columns that lie in the central field."""
    half = max(1, round(EQUALISED_FIELD_MM / spacing_mm / 2))
    return max(0, size // 2 - half), min(size, size // 2 + half)


def _refuse_not_finite(stack: CineStack) -> None:
    for z, images in enumerate(stack.images):
        if not np.isfinite(images).all():
            raise DamagedStudyError(
                f"slice {z + 1}: expected finite grey values, got NaN or infinity"
            )
