"""Reading 8-bit images of slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from lvvol.errors import DatasetError
from lvvol.typing import UInt8


def read_planes(paths: Sequence[Sequence[Path]]) -> UInt8:
    """Read the images of every slice at both phases.

    Parameters
    ----------
    paths : sequence (slice) of sequence (phase) of Path
        PNG or WebP files of one size.

    Returns
    -------
    ndarray of uint8, shape (slice, phase, row, column)
        Grey values.

    Raises
    ------
    DatasetError
        If a file is missing or damaged, or differs in size from the first.
    """
    planes = [[_read_grey(path) for path in pair] for pair in paths]
    expected = planes[0][0].shape
    for pair, files in zip(planes, paths, strict=True):
        for plane, path in zip(pair, files, strict=True):
            if plane.shape != expected:
                raise DatasetError(
                    f"{path}: expected {expected} rows and columns as in {paths[0][0].name}, "
                    f"got {plane.shape}"
                )
    return np.array(planes)


def _read_grey(path: Path) -> UInt8:
    if not path.is_file():
        raise DatasetError(f"{path}: expected an image, got no file")
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise DatasetError(f"{path}: expected a readable image, got damage or another format")
    return grey.astype(np.uint8, copy=False)
