"""Bring all slices onto a common pixel grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvvol.dicom.stack.acquisition import SAME_SPACING, Acquisition
from lvvol.dicom.stack.ledger import Ledger
from lvvol.geometry import image_affine
from lvvol.planes import plane_map, resample
from lvvol.typing import Float32, Float64

# Grids that agree within this everywhere are not resampled: interpolation would blur more than it
# gains, and every slice keeps its exact affine.
SAME_GRID_PIXELS = 1.0


@dataclass(frozen=True, eq=False)
class Placing:
    """How the images of a slice are brought onto the grid of the stack.

    Parameters
    ----------
    source_affine, affine : ndarray of float64, shape (4, 4)
        Maps from (row, column, k, 1) to patient LPS mm, of the source images and of the grid in
        their plane.
    shift : (int, int) or None
        Shift in whole rows and columns; None if the images must be resampled.
    """

    source_affine: Float64
    affine: Float64
    shift: tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class Grid:
    """The common pixel grid of the stack.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.
    placings : list of Placing
        One per slice.
    """

    shape: tuple[int, int]
    pixel_spacing_mm: tuple[float, float]
    placings: list[Placing]


def common_grid(slices: Sequence[Acquisition], normal: Float64, ledger: Ledger) -> Grid:
    """Find the grid shared by most slices, and how the others are brought onto it.

    Parameters
    ----------
    slices : sequence of Acquisition
        The slices in spatial order.
    normal : ndarray of float64, shape (3,)
        Their common normal.
    ledger : Ledger
        Records slices that are shifted or resampled.

    Returns
    -------
    Grid
        The common grid.
    """
    planes = _Planes(slices)
    moves = [_moves(planes, r, normal) for r in range(len(slices))]
    unmoved = [
        sum(
            _same_matrix(a, slices[r]) and move.shift == (0, 0)
            for a, move in zip(slices, row, strict=True)
        )
        for r, row in enumerate(moves)
    ]
    best = int(np.argmax(unmoved))  # in a tie, the first slice
    reference = slices[best]
    placings = [_placing(a, reference, move) for a, move in zip(slices, moves[best], strict=True)]
    for acquisition, placing in zip(slices, placings, strict=True):
        _record(acquisition, reference, placing, ledger)
    first = reference.first
    return Grid((first.rows, first.columns), first.pixel_spacing_mm, placings)


def put_on_grid(images: Float32, placing: Placing, out: Float32) -> None:
    """Write the images of a slice onto the grid; pixels outside the images become 0.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        Source images.
    placing : Placing
        How to bring them onto the grid.
    out : ndarray of float32, shape (phase, row, column)
        Output array.
    """
    shape = (out.shape[1], out.shape[2])
    if placing.shift is None:
        matrix = plane_map(placing.source_affine, placing.affine)
        matrices = np.repeat(matrix[None], len(images), axis=0)
        out[:] = resample(np.ascontiguousarray(images), matrices, shape)
        return
    out[:] = 0.0
    target, source = [slice(None)], [slice(None)]
    for by, size, length in zip(placing.shift, images.shape[1:], shape, strict=True):
        start, stop = max(0, by), min(length, size + by)
        if start >= stop:
            return
        target.append(slice(start, stop))
        source.append(slice(start - by, stop - by))
    out[tuple(target)] = images[tuple(source)]


def _same_matrix(a: Acquisition, b: Acquisition) -> bool:
    """Whether the images of two acquisitions have the same size."""
    return (a.first.rows, a.first.columns) == (b.first.rows, b.first.columns)


class _Planes:
    """The planes of all slices as arrays, for vectorised comparison."""

    def __init__(self, slices: Sequence[Acquisition]) -> None:
        self.origins_mm = np.array([a.origin_mm for a in slices])
        self.right = np.array([a.right for a in slices])
        self.down = np.array([a.down for a in slices])
        self.normals = np.array([a.normal for a in slices])
        self.spacings_mm = np.array([a.first.pixel_spacing_mm for a in slices])
        last = np.array([(a.first.rows - 1, a.first.columns - 1) for a in slices])
        # Row and column of the four corners, shape (slice, corner, 2).
        self.corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)]) * last[:, None]
        along = self.spacings_mm[:, None] * self.corners
        self.corners_mm = (
            self.origins_mm[:, None]
            + along[..., :1] * self.down[:, None]
            + along[..., 1:] * self.right[:, None]
        )


@dataclass(frozen=True, eq=False)
class _Move:
    """Offset of a slice from the reference grid, projected into its plane.

    `origin_mm`, `right` and `down` describe the projected grid.
    """

    origin_mm: Float64
    right: Float64
    down: Float64
    shift: tuple[int, int] | None


def _moves(planes: _Planes, reference: int, normal: Float64) -> list[_Move]:
    """Compare each slice with the reference grid, projected along the normal into its plane."""
    own = planes.normals * np.sign(planes.normals @ planes.normals[reference])[:, None]
    between = planes.origins_mm - planes.origins_mm[reference]
    along = np.einsum("ij,ij->i", between, own) / (own @ normal)
    origins = planes.origins_mm[reference] + along[:, None] * normal
    right = planes.right[reference] - (own @ planes.right[reference])[:, None] * own
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    down = np.cross(own, right)
    relative = planes.corners_mm - origins[:, None]
    row_mm, column_mm = planes.spacings_mm[reference]
    rows = np.einsum("ijk,ik->ij", relative, down) / row_mm
    columns = np.einsum("ijk,ik->ij", relative, right) / column_mm
    moved = np.stack([rows, columns], axis=-1) - planes.corners
    scale = planes.spacings_mm / planes.spacings_mm[reference]
    same_spacing = np.abs(scale - 1.0).max(axis=1) <= SAME_SPACING
    moves = []
    for i, corners in enumerate(moved):
        shift: tuple[int, int] | None = (0, 0)
        if not same_spacing[i]:
            shift = None
        elif np.abs(corners).max() > SAME_GRID_PIXELS:
            r, c = np.rint(corners.mean(axis=0)).astype(int).tolist()
            shift = (r, c) if np.abs(corners - (r, c)).max() <= SAME_GRID_PIXELS else None
        moves.append(_Move(origins[i], right[i], down[i], shift))
    return moves


def _placing(acquisition: Acquisition, reference: Acquisition, move: _Move) -> Placing:
    """Compute the affines of a slice before and after it is brought onto the grid."""
    image = acquisition.first
    source = image_affine(
        acquisition.origin_mm, np.array(image.orientation), image.pixel_spacing_mm
    )
    if move.shift is None:
        target = image_affine(
            move.origin_mm,
            np.concatenate([move.right, move.down]),
            reference.first.pixel_spacing_mm,
        )
        return Placing(source, target, None)
    # A shift by whole pixels keeps the acquired position: the affine includes the remainder.
    affine = source.copy()
    affine[:3, 3] -= source[:3, :2] @ np.array(move.shift, dtype=np.float64)
    return Placing(source, affine, move.shift)


def _record(
    acquisition: Acquisition, reference: Acquisition, placing: Placing, ledger: Ledger
) -> None:
    """Record a slice that is shifted, cropped, padded or resampled."""
    image, other = acquisition.first, reference.first
    if placing.shift is None:
        angle = np.degrees(np.arccos(np.clip(acquisition.right @ reference.right, -1, 1)))
        ledger.record(
            f"Resampled {image.label} onto the grid of the other slices.",
            f"It has {image.rows} x {image.columns} pixels of {image.pixel_spacing_mm[0]:.4g} x "
            f"{image.pixel_spacing_mm[1]:.4g} mm, rotated by {angle:.1f} degrees; the grid has "
            f"{other.rows} x {other.columns} pixels of {other.pixel_spacing_mm[0]:.4g} x "
            f"{other.pixel_spacing_mm[1]:.4g} mm.",
            acquisition.files,
        )
    elif placing.shift != (0, 0) or not _same_matrix(acquisition, reference):
        ledger.record(
            f"Shifted {image.label} by {placing.shift[0]} rows and {placing.shift[1]} columns, and "
            "cropped or padded it to the grid of the other slices.",
            f"Its field of view of {image.rows} x {image.columns} pixels differs from the grid of "
            f"{other.rows} x {other.columns} pixels.",
            acquisition.files,
        )
