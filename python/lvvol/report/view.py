"""The square of the planes that pictures show, and images sampled over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, cast

import cv2
import numpy as np

from lvvol.contours import Contour
from lvvol.prediction import Prediction
from lvvol.typing import Float32, UInt8

Pixels = TypeVar("Pixels", Float32, UInt8)

_HEADROOM_MM = 15.0


@dataclass(frozen=True)
class View:
    """A square of the stack's plane, in mm on the stack's own grid, and the pixels that show it."""

    top_mm: float
    left_mm: float
    side_mm: float
    pixels: int

    def to_tile(self, points_mm: Contour) -> Contour:
        """Return points, row and column in mm, as pixels from the tile's edge."""
        return (points_mm - [self.top_mm, self.left_mm]) * (self.pixels / self.side_mm)

    def sample(self, image: Pixels, spacing_mm: tuple[float, float], outside: float) -> Pixels:
        """Sample one plane over the view; pixel i spans i to i + 1 times its spacing.

        Parameters
        ----------
        image : ndarray of float32 or uint8, shape (row, column)
            One image of the stack.
        spacing_mm : (float, float)
            Distance between its rows, then between its columns.
        outside : float
            Value beyond the image.

        Returns
        -------
        ndarray, shape (`pixels`, `pixels`)
            Of the type of `image`.
        """
        between_rows, between_columns = spacing_mm
        step = self.side_mm / self.pixels
        to_source = np.array(
            [
                [step / between_columns, 0, (self.left_mm + step / 2) / between_columns - 0.5],
                [0, step / between_rows, (self.top_mm + step / 2) / between_rows - 0.5],
            ]
        )
        sampled = cv2.warpAffine(
            image,
            to_source,
            (self.pixels, self.pixels),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=outside,
        )
        return cast("Pixels", sampled.astype(image.dtype))


def choose_view(prediction: Prediction, pixels: int) -> View:
    """Return the smallest square that holds the ROIs of all slices, with a margin.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    pixels : int
        Side of the pictures of it.

    Returns
    -------
    View
        May reach beyond the image.
    """
    top, left, side = prediction.rois.squares_mm.T
    low = np.array([top.min(), left.min()])
    high = np.array([(top + side).max(), (left + side).max()])
    view_side = float((high - low).max()) + 2 * _HEADROOM_MM
    corner = (low + high - view_side) / 2
    return View(float(corner[0]), float(corner[1]), view_side, pixels)
