"""Put the chosen images onto one pixel grid, so that a pixel shows one place in every slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lvvol import _core
from lvvol.dicom.acquisition import Acquisition
from lvvol.dicom.ledger import Ledger
from lvvol.geometry import image_affine

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Grids that agree this well everywhere are the same: interpolating would blur more than it gains,
# and every slice keeps its own exact affine.
SAME_GRID_PIXELS = 1.0


@dataclass(frozen=True, eq=False)
class Placing:
    """How one slice's images get onto the stack's grid.

    Parameters
    ----------
    source_affine, affine : ndarray of float64, shape (4, 4)
        (row, column, k, 1) to patient LPS mm, of the images and of the stack's grid in their plane.
    shift : (int, int) or None
        Whole rows and columns to move by; None where pixels must be interpolated.
    """

    source_affine: Float64
    affine: Float64
    shift: tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class Grid:
    """The grid that most slices share.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.
    placings : list of Placing
        One a slice.
    """

    shape: tuple[int, int]
    pixel_spacing_mm: tuple[float, float]
    placings: list[Placing]


def common_grid(slices: Sequence[Acquisition], normal: Float64, ledger: Ledger) -> Grid:
    """Find the grid most slices share, and how each of the others gets onto it.

    Parameters
    ----------
    slices : sequence of Acquisition
        In spatial order.
    normal : ndarray of float64, shape (3,)
        Their common normal.
    ledger : Ledger
        Takes down each slice whose pixels move.

    Returns
    -------
    Grid
        The shared grid.
    """
    tried = [[_place(a, reference, normal) for a in slices] for reference in slices]
    unmoved = [
        sum(_same_matrix(a, r) and p.shift == (0, 0) for a, p in zip(slices, placings, strict=True))
        for r, placings in zip(slices, tried, strict=True)
    ]
    best = int(np.argmax(unmoved))  # the first in space of equally good ones
    reference = slices[best]
    for acquisition, placing in zip(slices, tried[best], strict=True):
        _note(acquisition, reference, placing, ledger)
    first = reference.first
    return Grid((first.rows, first.columns), first.pixel_spacing_mm, tried[best])


def put_on_grid(images: Float32, placing: Placing, out: Float32) -> None:
    """Write one slice's images onto the grid; what they do not cover becomes 0.

    Parameters
    ----------
    images : ndarray of float32, shape (phase, row, column)
        As stored.
    placing : Placing
        How they get onto the grid.
    out : ndarray of float32, shape (phase, row, column)
        Filled.
    """
    shape = (out.shape[1], out.shape[2])
    if placing.shift is None:
        matrix = _core.plane_map(placing.source_affine, placing.affine)
        matrices = np.repeat(matrix[None], len(images), axis=0)
        out[:] = _core.resample(np.ascontiguousarray(images), matrices, shape)
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
    """Whether images have the same rows and columns."""
    return (a.first.rows, a.first.columns) == (b.first.rows, b.first.columns)


def _place(acquisition: Acquisition, reference: Acquisition, normal: Float64) -> Placing:
    """Work out how a slice gets onto the reference's grid, moved along the normal to its plane."""
    image = acquisition.first
    source = image_affine(
        acquisition.origin_mm, np.array(image.orientation), image.pixel_spacing_mm
    )
    own = acquisition.normal * np.sign(acquisition.normal @ reference.normal)
    along = (acquisition.origin_mm - reference.origin_mm) @ own / (normal @ own)
    right = reference.right - (reference.right @ own) * own
    right /= np.linalg.norm(right)
    down = np.cross(own, right)
    target = image_affine(
        reference.origin_mm + along * normal,
        np.concatenate([right, down]),
        reference.first.pixel_spacing_mm,
    )
    corners = np.array(
        [(r, c, 0, 1) for r in (0, image.rows - 1) for c in (0, image.columns - 1)],
        dtype=np.float64,
    ).T
    moved = (np.linalg.solve(target, source @ corners) - corners)[:2]
    if np.abs(moved).max() <= SAME_GRID_PIXELS:
        shift = (0, 0)
    else:
        rows, columns = np.rint(moved.mean(axis=1)).astype(int)
        shift = (int(rows), int(columns))
    if np.abs(moved - np.array(shift)[:, None]).max() > SAME_GRID_PIXELS:
        return Placing(source, target, None)
    # Moved by whole pixels, a slice stays where it was acquired: the affine holds what is left.
    affine = source.copy()
    affine[:3, 3] -= source[:3, :2] @ np.array(shift, dtype=np.float64)
    return Placing(source, affine, shift)


def _note(
    acquisition: Acquisition, reference: Acquisition, placing: Placing, ledger: Ledger
) -> None:
    """Take down what was done to a slice's pixels, if anything."""
    image, other = acquisition.first, reference.first
    if placing.shift is None:
        turn = np.degrees(np.arccos(np.clip(acquisition.right @ reference.right, -1, 1)))
        ledger.note(
            f"Resampled {image.label} onto the grid of the other slices.",
            f"It has {image.rows} x {image.columns} pixels of {image.pixel_spacing_mm[0]:.4g} x "
            f"{image.pixel_spacing_mm[1]:.4g} mm turned by {turn:.1f} degrees, they have "
            f"{other.rows} x {other.columns} of {other.pixel_spacing_mm[0]:.4g} x "
            f"{other.pixel_spacing_mm[1]:.4g} mm.",
            acquisition.files,
        )
    elif placing.shift != (0, 0) or not _same_matrix(acquisition, reference):
        ledger.note(
            f"Moved {image.label} by {placing.shift[0]} rows and {placing.shift[1]} columns, "
            "cropped and padded to the grid of the other slices.",
            f"Its {image.rows} x {image.columns} pixels begin elsewhere or end elsewhere than "
            f"their {other.rows} x {other.columns}.",
            acquisition.files,
        )
