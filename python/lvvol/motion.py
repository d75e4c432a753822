"""Where the images of a slice change over the heart cycle."""

from __future__ import annotations

import numpy as np

from lvvol.typing import Float32

BLOCK = 4
"""Rows and columns of pixels averaged into a block, in which noise falls below motion."""

_COHERENT_BLOCK = 12
"""Wider than the pixels of any scanner, whose noise spreads over several of 1 mm."""

_MOVING_PERCENTILE = 98.0  # of a slice's pixels, by their change over the cycle


def moving_centre(images: Float32) -> tuple[float, float]:
    """Find where a slice moves most.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        One slice, finite. In the middle slice of a stack the LV moves most.

    Returns
    -------
    (float, float)
        Row and column, in pixels from the centre of the first pixel: somewhere in the heart, seldom
        exactly the centre of the LV. The centre of the image where nothing moves.

    Raises
    ------
    ValueError
        If the shape is not as above, an extent is 0, or a value is not finite.

    Notes
    -----
    The centroid of the 2 % of pixels that change most over the cycle, each weighted by the excess
    of its standard deviation over that of the rest.

    Examples
    --------
    >>> images = np.zeros((2, 10, 12), np.float32)
    >>> images[1, 3:6, 7] = 1.0
    >>> moving_centre(images)
    (4.0, 7.0)
    """
    _check_region(images)
    # The squares of values that a header may scale to exceed float32.
    motion = images.std(axis=0, dtype=np.float64)
    if not np.isfinite(motion).all():
        raise ValueError("images: expected finite values, got NaN or infinity")
    weights = np.maximum(motion - np.percentile(motion, _MOVING_PERCENTILE), 0.0)
    if not weights.any():
        weights = np.ones_like(motion)
    rows, columns = np.arange(motion.shape[0]), np.arange(motion.shape[1])
    total = weights.sum()
    row, column = (weights.sum(axis=1) @ rows) / total, (weights.sum(axis=0) @ columns) / total
    return float(row), float(column)


def change_over_cycle(images: Float32) -> float:
    """Measure how much a region changes over the cycle.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        A region of one slice, finite.

    Returns
    -------
    float
        Mean standard deviation over phases, relative to that of all grey values; 0 if nothing
        changes.

    Raises
    ------
    ValueError
        If the shape is not as above or an extent is 0.

    Examples
    --------
    >>> change_over_cycle(np.ones((4, 8, 8), np.float32))
    0.0
    """
    _check_region(images)
    spread = float(images.std(dtype=np.float64))
    return float(images.std(axis=0).mean(dtype=np.float64)) / spread if spread > 0.0 else 0.0


def growth_over_cycle(images: Float32) -> float:
    """Measure whether a region changes as a heart does, or by noise alone.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        A region of one slice, finite.

    Returns
    -------
    float
        Mean difference of phases half a cycle apart, relative to that of successive phases: 1 for
        noise, above 2 for a heart, whose successive phases resemble each other; 0 if nothing
        changes.

    Raises
    ------
    ValueError
        If the shape is not as above or an extent is 0.

    Examples
    --------
    >>> growth_over_cycle(np.ones((4, 8, 8), np.float32))
    0.0
    """
    _check_region(images)
    step, half = (
        float(np.abs(np.roll(images, shift, axis=0) - images).mean(dtype=np.float64))
        for shift in (1, len(images) // 2)
    )
    return half / step if step > 0.0 else 0.0


def _check_region(images: Float32) -> None:
    """Raise ValueError unless images have a phase and pixels."""
    if images.ndim != 3 or not images.size:
        raise ValueError(
            f"images: expected (phase, row, column), each at least 1, got {images.shape}"
        )


def change_of_blocks(images: Float32, block: int = BLOCK) -> Float32:
    """Measure the change of each block of pixels over the cycle.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        A region of one slice, finite.
    block : int
        Rows and columns of a block.

    Returns
    -------
    ndarray of float32, shape (row // block, column // block)
        Mean absolute deviation of each block's mean from its mean over phases; rows and columns
        that fill no block are left out.

    Examples
    --------
    >>> images = np.zeros((2, 8, 9), np.float32)
    >>> images[1, :4, :2] = 1.0
    >>> change_of_blocks(images).tolist()
    [[0.25, 0.0], [0.0, 0.0]]
    """
    rows, columns = (size // block for size in images.shape[1:])
    whole = images[:, : rows * block, : columns * block]
    # Rows first, which leaves few columns: several times as fast as a mean over both axes.
    stripes = whole.reshape(len(images), rows, block, columns * block).sum(axis=2)
    blocks = sum(stripes[:, :, k::block] for k in range(block)) / np.float32(block**2)
    change: Float32 = np.abs(blocks - blocks.mean(axis=0)).mean(axis=0)
    return change


def coherence(images: Float32) -> float:
    """Measure whether neighbouring pixels change together, as tissue does and noise does not.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        A region of one slice, finite.

    Returns
    -------
    float
        Mean of `change_of_blocks` of 12 x 12 pixels relative to that of single pixels: 1/12 for
        noise that is independent from pixel to pixel, more where pixels were interpolated, up to 1
        for blocks that change as one; 1 if nothing changes or there is no block.

    Examples
    --------
    >>> coherence(np.ones((4, 24, 24), np.float32))
    1.0
    """
    blocks = change_of_blocks(images, _COHERENT_BLOCK)
    pixels = np.abs(images - images.mean(axis=0)) if blocks.size else np.zeros(1)
    single = float(pixels.mean(dtype=np.float64))
    return float(blocks.mean(dtype=np.float64)) / single if single > 0.0 else 1.0
