"""Areas to volumes (paper eqs. 3, 4 and 8), with gradients for tensors, and volumes to EF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import numpy.typing as npt

from lvvol.typing import Float64

if TYPE_CHECKING:
    from torch import Tensor

    Numbers = TypeVar("Numbers", Float64, Tensor)

MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class BloodVolumes:
    """Volumes of blood alone, without papillary muscles.

    Parameters
    ----------
    edv_ml, esv_ml : float
        At the phases of EDV and ESV, at least 0.
    """

    edv_ml: float
    esv_ml: float

    @property
    def ef_percent(self) -> float:
        """Ejection fraction; NaN where EDV is 0."""
        return float(ejection_fraction_percent(self.edv_ml, self.esv_ml))

    def to_dict(self) -> dict[str, float]:
        """Return the volumes and EF as plain numbers."""
        return {"edv_ml": self.edv_ml, "esv_ml": self.esv_ml, "ef_percent": self.ef_percent}


LARGEST_STEP = 1.25
"""Area of a slice relative to its neighbour towards the widest part of the LV, at most."""


def tapered_areas_mm2(areas_mm2: Float64) -> Float64:
    """Limit the area of each slice by its neighbour towards the widest part of the LV.

    The LV tapers from its widest part to both ends. Where a slice holds far more than the next one
    inwards, it shows something else: thick muscle beyond the apex, or an atrium.

    Parameters
    ----------
    areas_mm2 : ndarray, shape (slice, phase)
        Cavity areas in spatial order, at least 0.

    Returns
    -------
    ndarray, shape (slice, phase)
        New areas, none larger than 1.25 times that of its neighbour. The widest part is where the
        mean over phases, smoothed over three slices, is largest; its area is not changed.

    Examples
    --------
    >>> areas_mm2 = np.array([[700.0], [100.0], [600.0], [900.0], [1000.0]])
    >>> tapered_areas_mm2(areas_mm2).ravel().tolist()
    [125.0, 100.0, 600.0, 900.0, 1000.0]
    """
    tapered = areas_mm2.copy()
    mean = np.pad(areas_mm2.mean(axis=1), 1)
    widest = int((mean[:-2] + 2 * mean[1:-1] + mean[2:]).argmax())
    for z in range(widest + 1, len(tapered)):
        tapered[z] = np.minimum(tapered[z], LARGEST_STEP * tapered[z - 1])
    for z in range(widest - 1, -1, -1):
        tapered[z] = np.minimum(tapered[z], LARGEST_STEP * tapered[z + 1])
    return tapered


def cone_volume_ml(
    areas_mm2: Numbers, positions_mm: Numbers, n_slices: Sequence[int] | None = None
) -> Numbers:
    """Return the volume of truncated cones between neighbouring slices, for prediction.

    Parameters
    ----------
    areas_mm2 : ndarray or Tensor, shape (..., slice)
        Cavity area of each slice, at least 0; float32 or float64.
    positions_mm : ndarray or Tensor, shape (slice,)
        Position of each slice along the normal, increasing within a stack; gaps may differ. Of the
        type of `areas_mm2`.
    n_slices : sequence of int, optional
        Number of slices of each stack, at least 1, where several stacks follow one another; one
        stack by default.

    Returns
    -------
    ndarray or Tensor, shape (...), or (..., stack) with `n_slices`
        Volumes in mL, of the type given, at least 0; 0 for a stack of one slice.

    Raises
    ------
    ValueError
        If shapes disagree, positions do not increase, an area is negative or NaN, areas have
        fewer than 32 bits, or `n_slices` does not add up to the number of slices.

    Notes
    -----
    V = sum over i of (S_i + S_{i+1} + sqrt(S_i S_{i+1})) (L_{i+1} - L_i) / 3 (Liao et al. 2017,
    eqs. 3 and 4).

    The slope of the root grows without bound as one area approaches 0 and the other does not. Where
    an area is 0 the root counts as constant, so gradients are finite everywhere. Near 0 they are
    still large, so training uses `trapezoid_volume_ml`.

    Examples
    --------
    A cone of base 300 mm2 and height 10 mm holds one millilitre.

    >>> import numpy as np
    >>> float(cone_volume_ml(np.array([300.0, 0.0]), np.array([0.0, 10.0])))
    1.0
    """
    if not (areas_mm2 >= 0).all():
        raise ValueError(f"areas_mm2: expected at least 0, got {float(areas_mm2.min())}")
    return _volumes_ml(_cones_mm3, areas_mm2, positions_mm, n_slices)


def trapezoid_volume_ml(
    areas_mm2: Numbers, positions_mm: Numbers, n_slices: Sequence[int] | None = None
) -> Numbers:
    """Return the volume for training, smooth where an area approaches 0.

    Parameters
    ----------
    areas_mm2 : ndarray or Tensor, shape (..., slice)
        Area of each slice; may be negative while O is being learned.
    positions_mm : ndarray or Tensor, shape (slice,)
        As in `cone_volume_ml`.
    n_slices : sequence of int, optional
        As in `cone_volume_ml`.

    Returns
    -------
    ndarray or Tensor, shape (...), or (..., stack) with `n_slices`
        Volumes in mL, of the type given; negative where areas are.

    Raises
    ------
    ValueError
        If shapes disagree, positions do not increase, areas have fewer than 32 bits, or `n_slices`
        does not add up to the number of slices.

    Notes
    -----
    V = sum over i of (S_i + S_{i+1}) (L_{i+1} - L_i) / 2 (Liao et al. 2017, eq. 8).

    Examples
    --------
    Two stacks, of three and of two slices:

    >>> import numpy as np
    >>> areas_mm2 = np.array([100.0, 200.0, 0.0, 500.0, 300.0])
    >>> positions_mm = np.array([0.0, 10.0, 14.0, 0.0, 10.0])
    >>> trapezoid_volume_ml(areas_mm2, positions_mm, [3, 2]).tolist()
    [1.9, 4.0]
    """
    return _volumes_ml(_trapezoids_mm3, areas_mm2, positions_mm, n_slices)


def ejection_fraction_percent(edv_ml: npt.ArrayLike, esv_ml: npt.ArrayLike) -> Float64:
    """Return EF element by element.

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


def _cones_mm3(lower: Numbers, upper: Numbers, gaps_mm: Numbers) -> Numbers:
    return (lower + upper + _root(lower * upper)) * gaps_mm / 3


def _trapezoids_mm3(lower: Numbers, upper: Numbers, gaps_mm: Numbers) -> Numbers:
    return (lower + upper) * gaps_mm / 2


def _root(values: Numbers) -> Numbers:
    """Return the square root, whose gradient at 0 is 0."""
    if isinstance(values, np.ndarray):
        return cast("Numbers", np.sqrt(values))
    # Both are needed: without the inner `where`, the infinite slope of the root at 0 times the zero
    # gradient of the outer one would be NaN.
    positive = values > 0
    return values.where(positive, 1).sqrt().where(positive, 0)


def _volumes_ml(
    between_mm3: Callable[[Numbers, Numbers, Numbers], Numbers],
    areas_mm2: Numbers,
    positions_mm: Numbers,
    n_slices: Sequence[int] | None,
) -> Numbers:
    """Sum the volumes between neighbouring slices of each stack."""
    _check(areas_mm2, positions_mm, n_slices)
    volumes: list[Numbers] = []
    start = 0
    for count in areas_mm2.shape[-1:] if n_slices is None else n_slices:
        of_stack = slice(start, start + count)
        areas, positions = areas_mm2[..., of_stack], positions_mm[of_stack]
        gaps_mm = positions[1:] - positions[:-1]
        if not (gaps_mm > 0).all():
            raise ValueError(f"positions_mm: expected increasing, got {positions.tolist()}")
        volume: Numbers = between_mm3(areas[..., :-1], areas[..., 1:], gaps_mm).sum(-1)
        volumes.append(volume / MM3_PER_ML)
        start += count
    if n_slices is None:
        return volumes[0]
    if isinstance(areas_mm2, np.ndarray):
        return np.stack(volumes, axis=-1)
    import torch  # loaded already by a caller that passes tensors

    return torch.stack(volumes, dim=-1)


def _check(areas_mm2: Numbers, positions_mm: Numbers, n_slices: Sequence[int] | None) -> None:
    shape = tuple(areas_mm2.shape)
    if positions_mm.ndim != 1 or not shape or shape[-1] != len(positions_mm):
        raise ValueError(
            f"positions_mm: expected shape ({shape[-1] if shape else 'slice'},), "
            f"got {tuple(positions_mm.shape)}"
        )
    if areas_mm2.dtype.itemsize < 4:  # the product of two areas exceeds float16's range
        raise ValueError(f"areas_mm2: expected at least 32 bits per value, got {areas_mm2.dtype}")
    if n_slices is not None and (min(n_slices, default=0) < 1 or sum(n_slices) != shape[-1]):
        raise ValueError(
            f"n_slices: expected numbers of at least 1 that add up to {shape[-1]}, "
            f"got {list(n_slices)}"
        )
