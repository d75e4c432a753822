"""The compiled core: geometry, resampling, windows and contours. See src/lvcore.

Arrays are taken as they stand, never converted: another dtype raises TypeError, other dimensions or
a layout that is not C-contiguous ValueError. Pixels are not checked for NaN. The global interpreter
lock is released while a function computes. `threads` is the largest number of threads used, 0 for
one a hardware thread, at most 1024; results are the same, bit for bit, for every number.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

_Edge = Literal["zero", "nearest"]

class GeometryError(ValueError):
    """Planes do not lie as an operation needs them, or an affine spans no plane."""

def plane_map(
    source_affine: npt.NDArray[np.float64], target_affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Map pixel indices of the target plane to pixel indices of the source plane.

    A point off the source plane is projected onto it along its normal.

    Parameters
    ----------
    source_affine, target_affine : ndarray of float64, shape (4, 4)
        Each maps (row, column, k, 1) to patient LPS mm, as in `CineStack`; the third column plays
        no part.

    Returns
    -------
    ndarray of float64, shape (2, 3)
        Maps target (row, column, 1) to source (row, column); pixel centres have whole indices.

    Raises
    ------
    GeometryError
        If the planes are more than 2 degrees from parallel, or an affine is not finite, does not
        end in 0 0 0 1, or spans no plane.
    """

def resample(
    images: npt.NDArray[np.float32 | np.uint8 | np.uint16 | np.int16],
    matrices: npt.NDArray[np.float64],
    shape: tuple[int, int],
    *,
    sources: npt.NDArray[np.int64] | None = None,
    edge: _Edge = "zero",
    out: npt.NDArray[np.float32] | None = None,
    threads: int = 0,
) -> npt.NDArray[np.float32]:
    """Resample planes under affine maps of their pixel indices.

    Parameters
    ----------
    images : ndarray of float32, uint8, uint16 or int16, shape (image, row, column)
        Planes to read from.
    matrices : ndarray of float64, shape (n, 2, 3)
        Each maps output (row, column, 1) to input (row, column); pixel centres have whole indices.
    shape : (int, int)
        Rows and columns of an output.
    sources : ndarray of int64, shape (n,), optional
        The image that each output reads; by default output n reads image n.
    edge : {"zero", "nearest"}
        What an output is where it reaches beyond its image, whose pixels cover half a pixel more
        than their centres span. "zero": 0 where its centre lies off the image, and elsewhere made
        of the image's pixels alone, so that no edge is darkened. "nearest": as if the edge pixels
        were repeated for ever.
    out : ndarray of float32, shape (n, row, column), optional
        Filled and returned; apart from `images` in memory.
    threads : int
        Largest number of threads; 0 for one a hardware thread.

    Returns
    -------
    ndarray of float32, shape (n, row, column)

    Raises
    ------
    ValueError
        If an element of `matrices` is not finite, its step between output pixels is above 4096
        input pixels along the axes or 64 with rotation or shear, or `out` is read-only, of another
        shape, or overlaps `images`.
    IndexError
        If a source is not an image.

    Notes
    -----
    Interpolation is linear. Where a map shrinks, it averages with a triangle filter as wide as the
    step. Along the axes, flips and quarter turns included, the filter is separable, as in an
    antialiased bilinear resize, and maps of pixel centres to pixel centres are exact. With rotation
    or shear an output pixel is the mean of linear samples at the offsets (1 - s)/s ... (s - 1)/s
    along each of its axes, s = ceil(step), with triangle weights.

    Successive outputs under equal matrices cost less: where they come from is worked out once.
    """

def extract_windows(
    images: npt.NDArray[np.float32],
    slices: npt.NDArray[np.int64],
    squares: npt.NDArray[np.float64],
    phases: npt.NDArray[np.int64],
    size: int,
    *,
    normalise: Literal["none", "mean", "mean_std"] = "none",
    edge: _Edge = "nearest",
    threads: int = 0,
) -> npt.NDArray[np.float32]:
    """Cut square windows out of a cine stack, resized and normalised.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Images of a `CineStack`.
    slices : ndarray of int64, shape (window,)
        Slice of each window.
    squares : ndarray of float64, shape (window, 3)
        Top edge, left edge and side in pixel-edge coordinates: pixel i covers [i, i + 1), so
        (0, 0, 25) is pixels 0 to 24.
    phases : ndarray of int64, shape (phase,) or (window, phase)
        Phases cut out, for all windows or for each.
    size : int
        Rows and columns of an extracted window, 1 to 4096.
    normalise : {"none", "mean", "mean_std"}
        "mean" takes off the mean over all phases of the window. "mean_std" brings each phase on its
        own to mean 0 and variance 1; its standard deviation counts as at least
        max(1e-6, 1e-5 |mean|), so a flat patch becomes 0.
    edge : {"zero", "nearest"}
        What an output pixel is where it reaches beyond its image, as in `resample`.
    threads : int
        Largest number of threads; 0 for one a hardware thread.

    Returns
    -------
    ndarray of float32, shape (window, phase, size, size)

    Raises
    ------
    ValueError
        If a square is not finite, or its side is not above 0 and at most 4096 times `size`.
    IndexError
        If a slice or phase is not in the stack.

    Notes
    -----
    A window that grows is interpolated bilinearly, one that shrinks is averaged with the triangle
    filter of `resample`, which reaches past the window's edges into the image around it.
    """

def contour_coverage(
    points: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the share of each pixel that a polygon covers.

    Parameters
    ----------
    points : ndarray of float64, shape (point, 2)
        (row, column) in pixel-edge coordinates: pixel i covers [i, i + 1). The last point joins the
        first; at least three, none beyond 1e7 pixels.
    shape : (int, int)
        Rows and columns of the result; what lies outside is cut off.

    Returns
    -------
    ndarray of float32, shape (row, column)
        Areas from 0 to 1, exact in either orientation if the polygon does not cross itself.
        Otherwise a part counts as often as the contour winds round it, parts wound in opposite
        directions cancel within a pixel, and sums are cut at 1.

    Raises
    ------
    ValueError
        If there are fewer than three points, or a coordinate is not finite or beyond 1e7.
    """
