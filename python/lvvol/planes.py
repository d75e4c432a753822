"""Image planes: maps between them, resampling, equalised contrast, and areas inside contours.

Arrays are used as they are, never converted: another dtype raises TypeError; another number of
dimensions, or memory that is not C-contiguous, raises ValueError. Every function releases the
global interpreter lock while it computes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from lvvol import _core
from lvvol.typing import Float32, Float64, Int64

Edge = Literal["zero", "nearest"]
"""How to continue an image beyond its edge; see `resample`."""


def plane_map(source_affine: Float64, target_affine: Float64) -> Float64:
    """Map pixel indices of a target plane to pixel indices of a parallel source plane.

    Parameters
    ----------
    source_affine, target_affine : ndarray of float64, shape (4, 4)
        Each maps (row, column, k, 1) to patient LPS mm, as the affines of a `CineStack` do. The
        third column is ignored.

    Returns
    -------
    ndarray of float64, shape (2, 3)
        Maps (row, column, 1) of the target to (row, column) of the source, as `resample` expects.
        Pixel centres have whole indices.

    Raises
    ------
    TypeError
        If an affine is not a float64 array.
    ValueError
        If an affine has another shape or is not C-contiguous.
    GeometryError
        If the planes are more than 2 degrees from parallel, or an affine is not finite, does not
        end in 0 0 0 1, or does not span a plane. This subclass of ValueError is in
        `lvvol.geometry`.

    Notes
    -----
    With S the 3 x 2 matrix of the source's steps between rows and columns, T the target's, and
    s and t their first pixel centres, the map is (S^T S)^-1 S^T [T, t - s]: each target point is
    projected onto the source plane along its normal. The axes and affines are those of DICOM PS3.3
    C.7.6.2.1.1.

    Examples
    --------
    From pixels of 1 mm to pixels of 2 mm whose first centres coincide:

    >>> import numpy as np
    >>> plane_map(np.diag([2.0, 2.0, 1.0, 1.0]), np.eye(4))
    array([[0.5, 0. , 0. ],
           [0. , 0.5, 0. ]])
    """
    return _core.plane_map(source_affine, target_affine)


def resample(
    images: npt.NDArray[np.float32 | np.uint8 | np.uint16 | np.int16],
    matrices: Float64,
    shape: tuple[int, int],
    *,
    sources: Int64 | None = None,
    edge: Edge = "zero",
    out: Float32 | None = None,
    threads: int = 0,
) -> Float32:
    """Resample images under affine maps of their pixel indices.

    Parameters
    ----------
    images : ndarray of float32, uint8, uint16 or int16, shape (image, row, column)
        Images to read from, in any unit. Values are not checked for NaN.
    matrices : ndarray of float64, shape (n, 2, 3)
        Each maps (row, column, 1) of an output to (row, column) of its image, as `plane_map`
        returns it. Pixel centres have whole indices.
    shape : (int, int)
        Rows and columns of each output.
    sources : ndarray of int64, shape (n,), optional
        The image that each output is read from. By default, output n is read from image n.
    edge : {"zero", "nearest"}, default "zero"
        How to continue an image beyond its edge, which lies half a pixel outside the outermost
        pixel centres. With "zero", an output pixel whose centre lies outside the image is 0, and
        any other is computed from the image's pixels alone, so edges do not darken. With
        "nearest", the edge pixels are repeated indefinitely.
    out : ndarray of float32, shape (n, row, column), optional
        Array to write to and return. It must not overlap `images`.
    threads : int, default 0
        Largest number of threads, at most 1024; 0 for one per hardware thread. The result is the
        same, bit for bit, for every number.

    Returns
    -------
    ndarray of float32, shape (n, row, column)
        In the unit of `images`; `out` if that was given.

    Raises
    ------
    TypeError
        If an array has another dtype.
    ValueError
        If an array has another shape or is not C-contiguous, an element of `matrices` is not
        finite, a step between output pixels exceeds 4096 input pixels (64 with rotation or
        shear), `out` is read-only or overlaps `images`, or an option is out of its range.
    IndexError
        If `sources` holds an index outside `images`.

    Notes
    -----
    Interpolation is linear. Where a map shrinks the image, it averages under a triangle as wide as
    the step. Along the axes, including flips and quarter turns, the filter is separable, as in an
    antialiased bilinear resize, and maps from pixel centres to pixel centres are exact. With
    rotation or shear, an output pixel is the mean of linear samples at offsets (1 - s)/s ...
    (s - 1)/s along each of its axes, where s = ceil(step), with triangular weights.

    Consecutive outputs with equal matrices are cheaper: their positions are computed once.

    Examples
    --------
    Move an image by half a pixel to the left:

    >>> import numpy as np
    >>> image = np.array([[1, 2, 3]], np.float32)
    >>> matrix = np.array([[1, 0, 0], [0, 1, 0.5]])
    >>> resample(image[None], matrix[None], (1, 3), edge="nearest")[0]
    array([[1.5, 2.5, 3. ]], dtype=float32)
    """
    return _core.resample(
        images, matrices, shape, sources=sources, edge=edge, out=out, threads=threads
    )


def equalise(
    images: Float32,
    field: tuple[tuple[int, int], tuple[int, int]],
    matrix: Float64,
    shape: tuple[int, int],
    *,
    threads: int = 0,
) -> Float32:
    """Replace the grey values of each slice by their ranks, and resample the result.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Images in any unit. Those of a slice share a contrast.
    field : ((int, int), (int, int))
        First and past the last row, and the same of the columns, among which grey values are
        ranked.
    matrix : ndarray of float64, shape (2, 3)
        Maps (row, column, 1) of an output to (row, column) of its image, along the axes.
    shape : (int, int)
        Rows and columns of each output.
    threads : int, default 0
        Largest number of threads, at most 1024; 0 for one per hardware thread. The result is the
        same, bit for bit, for every number.

    Returns
    -------
    ndarray of float32, shape (slice, phase, row, column)
        0 to 1: the share of the field, over all phases, that is as bright or darker. 0 everywhere
        in a slice whose field has no contrast.

    Raises
    ------
    TypeError
        If an array has another dtype.
    ValueError
        If a grey value is not finite, an array has another shape or is not C-contiguous, the field
        is empty or not within the images, or the matrix turns or has a step above 4096 pixels.

    Notes
    -----
    Histogram equalisation at 1024 evenly spaced levels, from the grey value that 0.1 % of the field
    do not reach to the one that 0.1 % exceed; brighter and darker ones fall into the outermost
    levels. Resampling is that of `resample` with the edge "nearest". What lies between the two
    never leaves the processor's cache.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[[[-8, 5, 5, 90]]]], np.float32)
    >>> equalise(image, ((0, 1), (0, 4)), np.eye(2, 3), (1, 4))
    array([[[[0.25, 0.75, 0.75, 1.  ]]]], dtype=float32)
    """
    return _core.equalise(images, field, matrix, shape, threads=threads)


def contour_coverage(points: Float64, shape: tuple[int, int]) -> Float32:
    """Compute the fraction of each pixel that lies inside a closed contour.

    Parameters
    ----------
    points : ndarray of float64, shape (point, 2)
        (row, column) of at least three corners in pixel-edge coordinates, in which pixel i covers
        [i, i + 1); no coordinate may exceed 1e7. The last point is joined to the first.
    shape : (int, int)
        Rows and columns of the result. Parts of the contour outside are cut off.

    Returns
    -------
    ndarray of float32, shape (row, column)
        Fractions from 0 to 1. Their sum times the area of a pixel is the area of the contour
        within the image.

    Raises
    ------
    TypeError
        If `points` is not a float64 array.
    ValueError
        If `points` has another shape, fewer than three points, or is not C-contiguous, a
        coordinate is not finite or exceeds 1e7, or `shape` is negative.

    Notes
    -----
    For a polygon that does not cross itself, areas are exact in either orientation: each edge adds
    the signed area to its right within every pixel row that it crosses, and a running sum along
    the row gives the area inside (Green's theorem). Where a contour crosses itself, an area counts
    as often as the contour winds around it, areas wound in opposite directions cancel within a
    pixel, and the result is limited to 1.

    Examples
    --------
    A square of 1.5 pixels:

    >>> import numpy as np
    >>> corners = np.array([[0.0, 0.0], [0.0, 1.5], [1.5, 1.5], [1.5, 0.0]])
    >>> contour_coverage(corners, (2, 3))
    array([[1.  , 0.5 , 0.  ],
           [0.5 , 0.25, 0.  ]], dtype=float32)
    """
    return _core.contour_coverage(points, shape)
