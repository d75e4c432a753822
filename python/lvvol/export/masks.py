"""The cavity as masks on the pixels of the stack."""

from __future__ import annotations

import numpy as np

from lvvol.contours import Contour, enclosed_area
from lvvol.export.contours import contours_of
from lvvol.planes import contour_coverage
from lvvol.prediction import Prediction
from lvvol.typing import Bool


def masks_of(prediction: Prediction) -> Bool:
    """Return the pixels that the contours of P cover by at least half.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    ndarray of bool, shape (slice, phase, row, column)
        On the grid of the stack. Parts beyond the images are left out.
    """
    stack = prediction.stack
    masks = np.zeros(stack.images.shape, dtype=bool)
    for z, of_slice in enumerate(contours_of(prediction)):
        for t, contours in enumerate(of_slice):
            _draw(contours, stack.pixel_spacing_mm, masks[z, t])
    return masks


def _draw(contours: list[Contour], spacing_mm: tuple[float, float], mask: Bool) -> None:
    """Draw contours, in mm from the edge of the first pixel, on one image."""
    if not contours:
        return
    polygons = [points / np.array(spacing_mm) for points in contours]
    corners = np.concatenate(polygons)
    # Only where the contours are: they cover a small part of the image.
    low = np.clip(np.floor(corners.min(axis=0)), 0, mask.shape).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, mask.shape).astype(int)
    shape = (int(high[0] - low[0]), int(high[1] - low[1]))
    covered = np.zeros(shape, np.float32)
    for points in polygons:
        share = contour_coverage(np.ascontiguousarray(points - low), shape)
        covered += share if enclosed_area(points) > 0 else -share
    mask[low[0] : low[0] + shape[0], low[1] : low[1] + shape[1]] = covered >= 0.5
