"""Square windows of a cine stack: which to look at, and their pixels.

A square is (top edge, left edge, side) in pixel-edge coordinates: pixel i covers [i, i + 1), so
(0, 0, 25) is pixels 0 to 24.

Arrays are used as they are, never converted: another dtype raises TypeError; another number of
dimensions, or memory that is not C-contiguous, raises ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeVar, overload

import numpy as np
import numpy.typing as npt

from lvvol import _core
from lvvol.planes import Edge
from lvvol.typing import Float32, Float64, Int64

Normalise = Literal["none", "mean", "mean_std"]
"""How to normalise the pixels of a window; see `extract_windows`."""

_Float = TypeVar("_Float", np.float32, np.float16)


def propose_windows(
    square: Float64,
    *,
    factors: Sequence[float] = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1),
    moves: int = 5,
    reach: float = 0.2,
    smallest_side: float = 0.0,
    inside: tuple[int, int] | None = None,
) -> Float64:
    """Propose square windows of several sizes on a regular grid around a square.

    Parameters
    ----------
    square : ndarray of float64, shape (3,)
        Top edge, left edge and side in pixel-edge coordinates, as in `extract_windows`.
    factors : sequence of float
        Sides of the windows as multiples of the square's side, above 0; at most 1000.
    moves : int, default 5
        Positions of the centre along each axis, 1 to 1000, evenly spaced from `-reach` to `reach`.
        With 1, the centre stays where it is.
    reach : float, default 0.2
        Farthest displacement of the centre along an axis, as a multiple of the square's side.
    smallest_side : float, default 0
        Smallest side of a window, in pixels. If the square itself is smaller, its side is the
        limit instead.
    inside : (int, int), optional
        Rows and columns of an image. Windows that extend beyond it by more than 1e-9 pixels are
        left out. By default all are kept, and `extract_windows` continues the image by its `edge`.

    Returns
    -------
    ndarray of float64, shape (window, 3)
        Top edge, left edge and side of ``len(factors) * moves ** 2`` windows, less those left out:
        by factor as given, then from top to bottom, then from left to right.

    Raises
    ------
    TypeError
        If `square` is not a float64 array.
    ValueError
        If `square` has another shape, or it, a factor, `moves`, `reach` or `smallest_side` is not
        finite or out of its range, or `inside` is negative.

    Notes
    -----
    The defaults are the windows that refine the region of interest in Liao et al. 2017, III-E.

    Examples
    --------
    Two sides, each at the square's own centre:

    >>> import numpy as np
    >>> propose_windows(np.array([10.0, 20.0, 40.0]), factors=[0.5, 1], moves=1)
    array([[20., 30., 20.],
           [10., 20., 40.]])
    """
    return _core.propose_windows(
        square,
        factors=factors,
        moves=moves,
        reach=reach,
        smallest_side=smallest_side,
        inside=inside,
    )


@overload
def extract_windows(
    images: Float32,
    slices: Int64,
    squares: Float64,
    phases: Int64,
    size: int,
    *,
    normalise: Normalise = "none",
    edge: Edge = "nearest",
    out: None = None,
    threads: int = 0,
) -> Float32: ...
@overload
def extract_windows(
    images: Float32,
    slices: Int64,
    squares: Float64,
    phases: Int64,
    size: int,
    *,
    normalise: Normalise = "none",
    edge: Edge = "nearest",
    out: npt.NDArray[_Float],
    threads: int = 0,
) -> npt.NDArray[_Float]: ...
def extract_windows(
    images: Float32,
    slices: Int64,
    squares: Float64,
    phases: Int64,
    size: int,
    *,
    normalise: Normalise = "none",
    edge: Edge = "nearest",
    out: npt.NDArray[Any] | None = None,
    threads: int = 0,
) -> npt.NDArray[Any]:
    """Cut square windows out of a cine stack, resized and normalised.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Images of a `CineStack`, in any unit. Values are not checked for NaN.
    slices : ndarray of int64, shape (window,)
        Slice of each window.
    squares : ndarray of float64, shape (window, 3)
        Top edge, left edge and side in pixel-edge coordinates: pixel i covers [i, i + 1), so
        (0, 0, 25) is pixels 0 to 24.
    phases : ndarray of int64, shape (phase,) or (window, phase)
        Phases to cut out, the same for all windows or listed for each.
    size : int
        Rows and columns of an extracted window, 1 to 4096.
    normalise : {"none", "mean", "mean_std"}, default "none"
        "mean" subtracts the mean over all phases of the window. "mean_std" gives each phase
        separately a mean of 0 and a variance of 1; the standard deviation counts as at least
        ``max(1e-6, 1e-5 |mean|)``, so a uniform patch becomes 0.
    edge : {"zero", "nearest"}, default "nearest"
        How to continue an image beyond its edge, as in `resample`.
    out : ndarray of float32 or float16, shape (window, phase, size, size), optional
        Array to write to and return. It must not overlap the other arrays. Normalised values are
        rounded to float16 to nearest, ties to even; values of 65520 and above become infinite.
    threads : int, default 0
        Largest number of threads, at most 1024; 0 for one per hardware thread. The result is the
        same, bit for bit, for every number.

    Returns
    -------
    ndarray of float32, shape (window, phase, size, size)
        The windows; `out` if that was given.

    Raises
    ------
    TypeError
        If an array has another dtype.
    ValueError
        If an array has another shape or is not C-contiguous, a square is not finite, its side is
        not above 0 or exceeds 4096 times `size`, `out` is read-only or overlaps an input, or an
        option is out of its range.
    IndexError
        If a slice or phase is not in the stack.

    Notes
    -----
    A window that is enlarged is interpolated bilinearly. One that is reduced is averaged with the
    triangle filter of `resample`, which reaches past the window's edges into the image around it.
    The global interpreter lock is released while the windows are cut.

    Examples
    --------
    Reduce a window of 2 x 2 pixels to one pixel:

    >>> import numpy as np
    >>> images = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    >>> square = np.array([[1.0, 1.0, 2.0]])
    >>> extract_windows(images, np.array([0]), square, np.array([0]), 1).ravel()
    array([7.5], dtype=float32)
    """
    return _core.extract_windows(
        images,
        slices,
        squares,
        phases,
        size,
        normalise=normalise,
        edge=edge,
        out=out,
        threads=threads,
    )
