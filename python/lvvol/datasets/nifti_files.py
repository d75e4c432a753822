"""NIfTI files as planes in the coordinates of the patient."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lvvol.cine import CineStack
from lvvol.errors import DatasetError, needs_extra
from lvvol.planes import plane_map, resample
from lvvol.typing import Bool, Float32, Float64

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Planes:
    """The planes of a NIfTI file, in spatial order along their normal.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Values after the file's scaling.
    pixel_spacing_mm : (float, float)
        Distance between rows, then between columns.
    positions_mm : ndarray of float64, shape (slice,)
        Position of each plane along the normal, increasing.
    affines : ndarray of float64, shape (slice, 4, 4)
        As those of a `CineStack`: patient LPS mm.
    """

    images: Float32
    pixel_spacing_mm: tuple[float, float]
    positions_mm: Float64
    affines: Float64


def read_planes(path: Path) -> Planes:
    """Read a NIfTI file of three or four dimensions.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``. The first index of a voxel becomes the column, the second the row,
        the third the slice, the fourth the phase.

    Returns
    -------
    Planes
        The affine of the file is used, never its pixel dimensions alone; what it says in RAS is
        turned to LPS. Slices that run against the normal of the planes are reversed.

    Raises
    ------
    DatasetError
        If the file is missing or damaged, or its affine spans no planes.
    MissingExtraError
        If nibabel is not installed.
    """
    with needs_extra("train"):
        import nibabel
        from nibabel.filebasedimages import ImageFileError
        from nibabel.spatialimages import HeaderDataError
    try:
        image: Any = nibabel.load(path)
        values = np.asarray(image.dataobj, dtype=np.float32)
        affine = RAS_TO_LPS @ np.asarray(image.affine, dtype=np.float64)
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError) as error:
        raise DatasetError(f"{path}: expected a NIfTI file, got {error}") from error
    if values.ndim == 3:
        values = values[..., None]
    if values.ndim != 4 or not all(values.shape):
        raise DatasetError(f"{path}: expected 3 or 4 dimensions, got {values.shape}")
    return _placed(path, np.ascontiguousarray(values.transpose(2, 3, 1, 0)), affine)


def _placed(path: Path, images: Float32, affine: Float64) -> Planes:
    """Give each plane its affine and its place along the normal."""
    along_row, along_column = affine[:3, 0], affine[:3, 1]  # column index grows, row index grows
    spacing_mm = float(np.linalg.norm(along_column)), float(np.linalg.norm(along_row))
    normal = np.cross(along_row, along_column)
    if not np.isfinite(affine).all() or not np.linalg.norm(normal) > 0:
        raise DatasetError(f"{path}: expected an affine that spans planes, got {affine.tolist()}")
    normal /= np.linalg.norm(normal)
    affines = np.tile(np.eye(4), (len(images), 1, 1))
    affines[:, :3, 0], affines[:, :3, 1], affines[:, :3, 2] = along_column, along_row, normal
    affines[:, :3, 3] = affine[:3, 3] + np.arange(len(images))[:, None] * affine[:3, 2]
    positions_mm = affines[:, :3, 3] @ normal
    if len(images) > 1 and positions_mm[0] > positions_mm[-1]:
        images, affines, positions_mm = images[::-1], affines[::-1], positions_mm[::-1]
    if not (np.diff(positions_mm) > 0).all():
        raise DatasetError(f"{path}: expected slices at different places, got {affine.tolist()}")
    return Planes(images, spacing_mm, positions_mm, affines)


def to_stack(planes: Planes) -> CineStack:
    """Return the planes as a stack, whose times are unknown."""
    return CineStack(
        images=np.ascontiguousarray(planes.images),
        pixel_spacing_mm=planes.pixel_spacing_mm,
        positions_mm=np.ascontiguousarray(planes.positions_mm),
        times_ms=np.full(planes.images.shape[:2], np.nan),
        affines=np.ascontiguousarray(planes.affines),
    )


def lay_masks(path: Path, wanted: frozenset[int], stack: CineStack) -> tuple[Bool, Bool]:
    """Lay the label map of a file on a working stack, plane by plane.

    Parameters
    ----------
    path : Path
        Label map of as many phases as the stack, or of one.
    wanted : frozenset of int
        Labels of the cavity.
    stack : CineStack
        The working stack.

    Returns
    -------
    masks : ndarray of bool, shape (slice, phase, row, column)
        True where at least half of a pixel is labelled, by linear interpolation.
    labelled : ndarray of bool, shape (slice, phase)
        True where the map has a plane within a tenth of the smallest gap between slices; everywhere
        at a phase, or nowhere where the phase shows no cavity at all.

    Raises
    ------
    DatasetError
        If the file is damaged, its planes are tilted or lie elsewhere, or its phases are others.
    """
    planes = read_planes(path)
    n_slices, n_phases, rows, columns = stack.images.shape
    if planes.images.shape[1] not in (1, n_phases):
        raise DatasetError(f"{path}: expected {n_phases} phases, got {planes.images.shape[1]}")
    cavity = np.isin(np.rint(planes.images), list(wanted)).astype(np.float32)
    near_mm = 0.1 * float(np.diff(stack.positions_mm).min()) if n_slices > 1 else 1.0
    masks = np.zeros((n_slices, planes.images.shape[1], rows, columns), dtype=bool)
    covered = np.zeros(n_slices, dtype=bool)
    for z, affine in enumerate(stack.affines):
        normal = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
        away_mm = np.abs((planes.affines[:, :3, 3] - affine[:3, 3]) @ normal)
        k = int(np.argmin(away_mm))
        if away_mm[k] > near_mm:
            continue
        covered[z] = True
        try:
            matrix = plane_map(
                np.ascontiguousarray(planes.affines[k]), np.ascontiguousarray(affine)
            )
        except ValueError as error:
            raise DatasetError(f"{path}: expected planes of the images: {error}") from error
        maps = np.tile(matrix, (len(cavity[k]), 1, 1))
        masks[z] = resample(np.ascontiguousarray(cavity[k]), maps, (rows, columns)) >= 0.5
    if not covered.any():
        raise DatasetError(f"{path}: expected planes where the images are, got none")
    drawn: Bool = np.array([masks[:, t].any() for t in range(masks.shape[1])])
    return masks, covered[:, None] & drawn
