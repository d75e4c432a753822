"""A stack on planes with equal gaps, for formats that know no others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.cine import CineStack
from lvvol.errors import OutputError
from lvvol.planes import resample
from lvvol.typing import Float32, Float64, Int64


@dataclass(frozen=True, eq=False)
class RegularGrid:
    """Parallel planes with equal gaps, and how a stack lies among them.

    Parameters
    ----------
    affine : ndarray of float64, shape (4, 4)
        Maps (row, column, plane, 1) to patient LPS mm, whole numbers at voxel centres.
    n_planes : int
        Number of planes.
    depths_mm : ndarray of float64, shape (slice, row, column)
        How far along the planes' normal each slice lies from each pixel of the first plane.
    matrices : ndarray of float64, shape (slice, 2, 3)
        Maps (row, column, 1) of a plane to (row, column) of the slice, along that normal.
    """

    affine: Float64
    n_planes: int
    depths_mm: Float64
    matrices: Float64

    def sample(self, images: Float32) -> Float32:
        """Interpolate linearly between slices, and within them.

        Parameters
        ----------
        images : ndarray of float32, shape (slice, phase, row, column)
            On the pixels of the stack.

        Returns
        -------
        ndarray of float32, shape (plane, phase, row, column)
            Beyond the outermost slices these go on unchanged, by less than half a gap where slices
            are not tilted; beyond the edge of a slice there is 0.
        """
        n_phases, rows, columns = images.shape[1:]
        flat = np.ascontiguousarray(images, np.float32).reshape(-1, rows, columns)
        moved = resample(flat, np.repeat(self.matrices, n_phases, axis=0), (rows, columns))
        aligned = moved.reshape(images.shape)
        gap_mm = float(np.linalg.norm(self.affine[:3, 2]))
        r, c = np.indices((rows, columns))
        planes = np.empty((self.n_planes, n_phases, rows, columns), np.float32)
        for k in range(self.n_planes):
            lower, upper, share = self._neighbours(k * gap_mm)
            below, above = aligned[lower, :, r, c], aligned[upper, :, r, c]  # (row, column, phase)
            between = below + share[..., None] * (above - below)
            planes[k] = between.transpose(2, 0, 1)
        return planes

    def _neighbours(self, depth_mm: float) -> tuple[Int64, Int64, Float32]:
        """Return the slices on both sides of a plane, and how near each pixel is to the upper."""
        last = len(self.depths_mm) - 1
        under = (self.depths_mm <= depth_mm).sum(axis=0)
        lower, upper = np.clip(under - 1, 0, last), np.clip(under, 0, last)
        depths = np.take_along_axis(self.depths_mm, np.stack([lower, upper]), axis=0)
        apart = np.where(lower == upper, 1.0, depths[1] - depths[0])
        share = np.clip((depth_mm - depths[0]) / apart, 0.0, 1.0)
        return lower, upper, share.astype(np.float32)


def regular_grid(stack: CineStack) -> RegularGrid:
    """Return planes parallel to the middle slice, from the first slice to the last.

    Parameters
    ----------
    stack : CineStack
        At least two slices; gaps may differ, and slices be tilted or shifted against each other.

    Returns
    -------
    RegularGrid
        With the pixels of the middle slice, and gaps as near to the median gap as fit.

    Raises
    ------
    OutputError
        If slices cross within the images.
    """
    rows, columns = stack.images.shape[2:]
    middle = stack.affines[stack.n_slices // 2]
    between = stack.affines[-1, :3, 3] - stack.affines[0, :3, 3]
    normal = middle[:3, 2] * (-1.0 if between @ middle[:3, 2] < 0 else 1.0)
    centre = np.array([(rows - 1) / 2, (columns - 1) / 2])
    in_plane = middle[:3, :2]
    centres = stack.affines[:, :3, :2] @ centre + stack.affines[:, :3, 3]
    from_middle_mm = (centres - centres[stack.n_slices // 2]) @ normal
    length_mm = float(from_middle_mm[-1] - from_middle_mm[0])
    n_gaps = max(1, round(length_mm / float(np.median(stack.slice_gaps_mm))))
    origin = middle[:3, 3] + from_middle_mm[0] * normal

    depths_mm = np.empty((stack.n_slices, rows, columns))
    matrices = np.empty((stack.n_slices, 2, 3))
    r, c = np.arange(rows)[:, None], np.arange(columns)
    for z, affine in enumerate(stack.affines):
        steep = affine[:3, 2] / (normal @ affine[:3, 2])
        to_slice = affine[:3, 3] - origin
        first_mm, slopes = steep @ to_slice, -(steep @ in_plane)
        depths_mm[z] = first_mm + slopes[0] * r + slopes[1] * c
        to_pixels = np.linalg.pinv(affine[:3, :2])
        matrices[z, :, :2] = to_pixels @ (in_plane + np.outer(normal, slopes))
        matrices[z, :, 2] = to_pixels @ (first_mm * normal - to_slice)
    if not (np.diff(depths_mm, axis=0) > 0).all():
        raise OutputError(
            "resampled NIfTI: expected slices that do not cross within the images; write one file "
            "a slice (--nifti-layout slices)"
        )
    affine = np.eye(4)
    affine[:3, :2], affine[:3, 2] = in_plane, normal * (length_mm / n_gaps)
    affine[:3, 3] = origin
    return RegularGrid(affine, n_gaps + 1, depths_mm, matrices)
