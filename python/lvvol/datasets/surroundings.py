"""The surroundings of the heart in whole studies: negatives that need no label."""

from __future__ import annotations

from pathlib import Path

from lvvol.dicom import load_study
from lvvol.motion import moving_centre
from lvvol.preprocess import PIXEL_MM, to_working_stack
from lvvol.typing import Float32, StrPath

HEART_MM = 150.0
"""Side of the square left out around the moving centre; no LV reaches beyond it."""


def read_surroundings(study: StrPath) -> list[Float32]:
    """Read the images around the heart: abdomen, chest wall, arms, air.

    Parameters
    ----------
    study : str or path-like
        A folder or archive of DICOM files, without labels.

    Returns
    -------
    list of ndarray of float32, shape (slice, row, column)
        Strips above, below, left and right of the heart in the first phase of every slice, with the
        contrast and the 1 mm pixels of a working stack. They overlap in the corners.

    Raises
    ------
    LvvolError
        If the study cannot be read.
    """
    study = Path(study)
    stack = to_working_stack(load_study(study))
    images = stack.images
    half = HEART_MM / PIXEL_MM / 2
    # `moving_centre` counts from pixel centres, slicing from edges.
    row, column = (index + 0.5 for index in moving_centre(images[stack.n_slices // 2]))
    top, bottom = max(0, round(row - half)), round(row + half)
    left, right = max(0, round(column - half)), round(column + half)
    first = images[:, 0]
    return [
        first[:, :top],
        first[:, bottom:],
        first[:, :, :left],
        first[:, :, right:],
    ]
