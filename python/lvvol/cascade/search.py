"""Searching an image with a cascade, and grouping the windows that were found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lvvol import _core
from lvvol._core import Cascade
from lvvol.typing import Float64

Int32 = npt.NDArray[np.int32]


def detect(
    image: npt.NDArray[np.uint8 | np.float32],
    cascade: Cascade,
    *,
    scale_factor: float = 1.1,
    min_neighbors: int = 3,
    min_size: tuple[int, int] = (0, 0),
    max_size: tuple[int, int] | None = None,
    step: int = 0,
    min_stages: int | None = None,
    threads: int = 0,
) -> tuple[Int32, Int32, Int32, Float64]:
    """Search an image at all scales and positions for the object a cascade was trained on.

    Parameters
    ----------
    image : ndarray of uint8 or float32, shape (row, column)
        Floats are mapped linearly to 0 ... 255, from their minimum to their maximum, and rounded.
    cascade : Cascade
        From `read_cascade` or `train_cascade`.
    scale_factor : float, default 1.1
        Ratio of the window sizes of consecutive scales, at least 1.005.
    min_neighbors : int, default 3
        Neighbouring windows are grouped, and groups of more windows than this are returned. With 0
        every window is returned, ungrouped.
    min_size, max_size : (int, int)
        Rows and columns of the smallest and largest windows. By default `min_size` is (0, 0) and
        `max_size` the size of the image. If no scale lies between them, the one nearest to
        `min_size` is searched.
    step : int, default 0
        Windows are tried every `step` pixels of the reduced image. With 0, positions are those of
        OpenCV: every 2 pixels at scales below 2 and every pixel from there on, without the right
        neighbour of a window that fails the first stage.
    min_stages : int, optional
        Number of stages that a window must pass to be returned or grouped; by default all.
    threads : int, default 0
        Largest number of threads, at most 1024; 0 for one per hardware thread. The result is the
        same for every number.

    Returns
    -------
    windows : ndarray of int32, shape (window, 4)
        Top, left, height and width in pixels, clipped to the image. Windows are sorted by scale,
        then from top to bottom and left to right; groups by their first windows. Empty if the image
        is smaller than the cascade's window.
    counts : ndarray of int32, shape (window,)
        Number of windows in the group.
    stages : ndarray of int32, shape (window,)
        Number of stages passed; of a group, the largest.
    scores : ndarray of float64, shape (window,)
        Sum of the leaves in the last stage evaluated; of a group, the highest among the windows
        that passed most stages.

    Raises
    ------
    TypeError
        If the image has another dtype.
    ValueError
        If the image is empty, is not C-contiguous, has a side above 65535 or a pixel that is not
        finite, or an option is out of its range.

    Notes
    -----
    Windows and groups are exactly those of ``CascadeClassifier.detectMultiScale`` in OpenCV 4.

    Examples
    --------
    Learn to find bright spots of 2 x 2 pixels, in windows of 6 x 6, and find one:

    >>> import numpy as np
    >>> from lvvol import train_cascade
    >>> spots = np.zeros((20, 6, 6), np.uint8)
    >>> spots[:, 2:4, 2:4] = 200
    >>> noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    >>> cascade = train_cascade(spots, [noise], stages=1, negatives=50)
    >>> image = np.zeros((12, 16), np.uint8)
    >>> image[4:6, 6:8] = 200
    >>> windows, counts, stages, scores = detect(image, cascade, min_neighbors=0, max_size=(6, 6))
    >>> windows
    array([[2, 4, 6, 6]], dtype=int32)
    """
    return _core.detect(
        image,
        cascade,
        scale_factor=scale_factor,
        min_neighbors=min_neighbors,
        min_size=min_size,
        max_size=max_size,
        step=step,
        min_stages=min_stages,
        threads=threads,
    )


def group_windows(
    windows: Int32, stages: Int32, scores: Float64, *, min_neighbors: int = 3
) -> tuple[Int32, Int32, Int32, Float64]:
    """Group neighbouring windows, as OpenCV's ``groupRectangles`` does.

    Parameters
    ----------
    windows : ndarray of int32, shape (window, 4)
        Top, left, height and width in pixels.
    stages : ndarray of int32, shape (window,)
        Number of stages passed.
    scores : ndarray of float64, shape (window,)
        Scores, as `detect` returns them.
    min_neighbors : int, default 3
        Groups of more windows than this are returned. With 0 the windows are returned unchanged.

    Returns
    -------
    windows, counts, stages, scores : ndarray
        As `detect` returns them.

    Raises
    ------
    TypeError
        If an array has another dtype.
    ValueError
        If an array has another shape or is not C-contiguous, a side is not 1 to 2^24 pixels, a
        corner is farther from the origin than that, or the lengths differ.

    Notes
    -----
    Two windows are neighbours if corresponding edges are at most 0.2 times the mean of their
    smaller height and smaller width apart. A group consists of neighbours and their neighbours; its
    window is their mean. A group inside one of more windows is dropped.

    Examples
    --------
    >>> import numpy as np
    >>> windows = np.array([[10, 10, 24, 24], [12, 10, 24, 24], [80, 80, 24, 24]], np.int32)
    >>> stages, scores = np.full(3, 14, np.int32), np.array([0.5, 0.75, 0.9])
    >>> grouped, counts, *_ = group_windows(windows, stages, scores, min_neighbors=1)
    >>> grouped, counts
    (array([[11, 10, 24, 24]], dtype=int32), array([2], dtype=int32))
    """
    return _core.group_windows(windows, stages, scores, min_neighbors=min_neighbors)
