"""Proposals by an LBP cascade: squares of one slice that look like the LV (paper III-C)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lvvol.cascade import Cascade, CascadeFormatError, detect, read_cascade
from lvvol.errors import WeightsError
from lvvol.geometry import same_corner_map
from lvvol.planes import resample
from lvvol.roi.propose import SIDES_MM
from lvvol.roi.square import Squares, overlap
from lvvol.typing import Float32, StrPath, UInt8

DETECTOR_FILE = "detector.xml"
"""Name of the cascade in a folder of weights."""

DETECTION_PIXEL_MM = 1.6
"""Pixel size of a cascade's images: its window of 24 pixels is 38 mm, the smallest side."""

LARGEST_WINDOW = round(SIDES_MM[1] / DETECTION_PIXEL_MM)
"""Rows and columns of the largest window searched, in pixels of `DETECTION_PIXEL_MM`."""

MAX_PROPOSALS = 30
"""Largest number of squares proposed in one slice."""

_SCALE_FACTOR = 1.1
# Of squares that overlap more than this, only the best one is kept.
_SAME_SQUARE_IOU = 0.45
# Windows considered, best first; they all lie around a few dozen positions.
_MAX_WINDOWS = 3000


class CascadeProposer:
    """Proposes squares that a cascade takes for the LV in the first phase, which is near ED.

    Parameters
    ----------
    cascade : Cascade
        Trained on `detection_images`.
    count : int
        Largest number of squares.
    threads : int
        Largest number of threads; 0 for one per core.

    Raises
    ------
    ValueError
        If the count is below 1.
    """

    def __init__(self, cascade: Cascade, count: int = MAX_PROPOSALS, threads: int = 0) -> None:
        if count < 1:
            raise ValueError(f"count: expected at least 1, got {count}")
        self._cascade = cascade
        self._count = count
        self._threads = threads

    def __call__(self, images: Float32) -> Squares:
        """Propose squares.

        Parameters
        ----------
        images : ndarray of float32, shape (phase, row, column)
            One slice of a working stack.

        Returns
        -------
        ndarray, shape (n, 3)
            Best first: by the number of stages passed, then by score. No two overlap with an IoU
            above 0.45. Where few windows pass every stage, those that got furthest follow, so that
            recall does not depend on the last threshold.
        """
        windows, _, stages, scores = detect(
            detection_images(images[:1], self._threads)[0],
            self._cascade,
            scale_factor=_SCALE_FACTOR,
            min_neighbors=0,
            max_size=(LARGEST_WINDOW, LARGEST_WINDOW),
            step=1,
            min_stages=1,
            threads=self._threads,
        )
        best = np.lexsort((-scores, -stages))[:_MAX_WINDOWS]
        left: Squares = windows[best, :3] * np.float64(DETECTION_PIXEL_MM)
        proposed: list[Squares] = []
        while len(left) and len(proposed) < self._count:
            proposed.append(left[0])
            left = left[overlap(left, left[0]) <= _SAME_SQUARE_IOU]
        return np.array(proposed).reshape(-1, 3)


def detection_images(planes: Float32, threads: int = 0) -> UInt8:
    """Convert planes of a working stack to the images that a cascade searches.

    Parameters
    ----------
    planes : ndarray of float32, shape (n, row, column)
        Contrast equalised, 0 to 1, pixels of 1 mm.
    threads : int
        Largest number of threads; 0 for one per core.

    Returns
    -------
    ndarray of uint8, shape (n, row, column)
        Pixels of `DETECTION_PIXEL_MM` from the same top left edge, averaged; 1 becomes 255. At
        least one row and column.
    """
    step = DETECTION_PIXEL_MM
    rows, columns = (max(1, round(size / step)) for size in planes.shape[1:])
    matrix = same_corner_map([step, step])
    shrunk = resample(
        np.ascontiguousarray(planes),
        np.tile(matrix, (len(planes), 1, 1)),
        (rows, columns),
        edge="nearest",
        threads=threads,
    )
    seen: UInt8 = np.rint(np.clip(shrunk, 0.0, 1.0) * 255.0).astype(np.uint8)
    return seen


def read_detector(path: StrPath) -> Cascade:
    """Read the cascade that finds the LV.

    Parameters
    ----------
    path : str or path-like
        XML written by `lvvol train detector` or opencv_traincascade.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, or not a cascade with square windows.
    """
    path = Path(path)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would hang
            raise WeightsError(f"{path}: expected the detector's cascade, got no regular file")
        cascade = read_cascade(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: expected the detector's cascade, got no file") from error
    except (OSError, CascadeFormatError) as error:
        raise WeightsError(f"{path}: expected the detector's cascade, got {error}") from error
    rows, columns = cascade.window_size
    if rows != columns:
        raise WeightsError(f"{path}: expected square windows, got {rows} x {columns} pixels")
    return cascade
