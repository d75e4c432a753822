"""Distances between the outlines of two masks."""

from __future__ import annotations

import numpy as np

from lvvol.typing import Bool, Float64


def outline_distances(measured: Bool, labelled: Bool) -> tuple[float, float]:
    """Return how far the outlines of two stacks of masks are apart, in their planes.

    Parameters
    ----------
    measured, labelled : ndarray of bool, shape (slice, row, column)
        Masks on pixels of 1 mm.

    Returns
    -------
    hausdorff95_mm : float
        The 95th percentile of the distances from each outline's pixels to the nearest of the
        other, the larger of both directions; NaN where no slice holds both masks.
    surface_distance_mm : float
        The mean of all these distances.

    Notes
    -----
    Outlines are pixels with one of their four neighbours outside. Distances are within each slice,
    between pixel centres, and pooled over the slices that both masks reach: slices are 8 to 10 mm
    apart, so that a distance across them says little. Where one mask is empty there is no distance;
    Dice and the areas count such slices.

    Examples
    --------
    >>> masks = np.zeros((2, 1, 40, 40), dtype=bool)
    >>> masks[0, :, 10:20, 10:20] = masks[1, :, 10:20, 13:23] = True
    >>> outline_distances(masks[0], masks[1])[0]
    3.0
    """
    there: list[Float64] = []
    back: list[Float64] = []
    for ours, theirs in zip(measured, labelled, strict=True):
        if ours.any() and theirs.any():
            between = _distances(_outline(ours), _outline(theirs))
            there.append(between.min(axis=1))
            back.append(between.min(axis=0))
    if not there:
        return float("nan"), float("nan")
    to_label, to_measured = np.concatenate(there), np.concatenate(back)
    hausdorff95 = max(np.percentile(to_label, 95), np.percentile(to_measured, 95))
    return float(hausdorff95), float(np.concatenate([to_label, to_measured]).mean())


def _outline(mask: Bool) -> Float64:
    """Return (row, column) of the pixels of a mask beside one outside it, or beside the edge."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inside).astype(np.float64)


def _distances(a: Float64, b: Float64) -> Float64:
    difference = a[:, None] - b
    return np.asarray(np.hypot(difference[..., 0], difference[..., 1]))
