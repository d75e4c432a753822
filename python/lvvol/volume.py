"""Areas to volumes (paper eqs. 3, 4 and 8), and volumes to EF."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    Areas = TypeVar("Areas", npt.NDArray[np.float64], Tensor)

MM3_PER_ML = 1000.0


def cone_volume_ml(
    areas_mm2: npt.NDArray[np.float64], positions_mm: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the volume of truncated cones between neighbouring slices.

    Parameters
    ----------
    areas_mm2 : ndarray, shape (..., slice)
        Cavity area of each slice, at least 0.
    positions_mm : ndarray, shape (slice,)
        Position of each slice along the normal, increasing; gaps may differ.

    Returns
    -------
    ndarray, shape (...)
        Volume in mL.

    Raises
    ------
    ValueError
        If shapes disagree, positions do not increase, or an area is negative.

    Notes
    -----
    V = sum over i of (S_i + S_{i+1} + sqrt(S_i S_{i+1})) (L_{i+1} - L_i) / 3 (Liao et al. 2017,
    eqs. 3 and 4).

    Examples
    --------
    A cone of base 300 mm2 and height 10 mm holds one millilitre.

    >>> import numpy as np
    >>> float(cone_volume_ml(np.array([300.0, 0.0]), np.array([0.0, 10.0])))
    1.0
    """
    _check(areas_mm2.shape, positions_mm)
    if (areas_mm2 < 0).any():
        raise ValueError(f"areas_mm2: expected at least 0, got {areas_mm2.min()}")
    lower, upper = areas_mm2[..., :-1], areas_mm2[..., 1:]
    cones = (lower + upper + np.sqrt(lower * upper)) * np.diff(positions_mm) / 3
    volume: npt.NDArray[np.float64] = cones.sum(axis=-1) / MM3_PER_ML
    return volume


def trapezoid_volume_ml(areas_mm2: Areas, gaps_mm: Areas) -> Areas:
    """Return the volume in training, smooth where an area nears 0.

    Parameters
    ----------
    areas_mm2 : ndarray or Tensor, shape (..., slice)
        Area of each slice; may be negative while O is being learned.
    gaps_mm : ndarray or Tensor, shape (..., slice - 1)
        Distance to the next slice; 0 where a stack is padded.

    Returns
    -------
    ndarray or Tensor, shape (...)
        Volume in mL, of the kind given.

    Raises
    ------
    ValueError
        If there is not one gap fewer than there are slices.

    Notes
    -----
    V = sum over i of (S_i + S_{i+1}) (L_{i+1} - L_i) / 2 (Liao et al. 2017, eq. 8).
    """
    if not gaps_mm.ndim or not areas_mm2.ndim or areas_mm2.shape[-1] != gaps_mm.shape[-1] + 1:
        raise ValueError(
            f"gaps_mm: expected one fewer than the slices of areas_mm2 {tuple(areas_mm2.shape)}, "
            f"got {tuple(gaps_mm.shape)}"
        )
    lower, upper = areas_mm2[..., :-1], areas_mm2[..., 1:]
    volume: Areas = ((lower + upper) * gaps_mm).sum(-1) / (2 * MM3_PER_ML)
    return volume


def ejection_fraction_percent(
    edv_ml: npt.ArrayLike, esv_ml: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return EF, element by element.

    Parameters
    ----------
    edv_ml, esv_ml : array_like
        Volumes at ED and ES, of shapes that broadcast.

    Returns
    -------
    ndarray of float64
        100 (EDV - ESV) / EDV, of the common shape; NaN where EDV is not above 0.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Examples
    --------
    >>> float(ejection_fraction_percent(120.0, 48.0))
    60.0
    """
    edv, esv = np.asarray(edv_ml, np.float64), np.asarray(esv_ml, np.float64)
    try:
        unknown = np.full(np.broadcast_shapes(edv.shape, esv.shape), np.nan)
    except ValueError as error:
        raise ValueError(
            f"esv_ml: expected a shape that broadcasts with edv_ml {edv.shape}, got {esv.shape}"
        ) from error
    return np.asarray(100.0 * np.divide(edv - esv, edv, out=unknown, where=edv > 0))


def _check(shape: tuple[int, ...], positions_mm: npt.NDArray[np.float64]) -> None:
    if positions_mm.ndim != 1 or not shape or shape[-1] != len(positions_mm):
        raise ValueError(
            f"positions_mm: expected shape ({shape[-1] if shape else 'slice'},), "
            f"got {positions_mm.shape}"
        )
    if not (np.diff(positions_mm) > 0).all():
        raise ValueError(f"positions_mm: expected increasing, got {positions_mm}")
