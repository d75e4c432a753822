"""All phases of a slice in one picture, for players, and the contours on it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from lvvol.contours import Contour
from lvvol.prediction import Prediction
from lvvol.report.picture import grey_window
from lvvol.report.view import View
from lvvol.typing import UInt8

_JPEG_QUALITY = 82


def grey_phases(prediction: Prediction, z: int, view: View) -> UInt8:
    """Return all phases of a slice over a view, in one grey scale.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.
    z : int
        The slice.
    view : View
        What to show.

    Returns
    -------
    ndarray of uint8, shape (phase, row, column)
        Black beyond the image.
    """
    images, spacing_mm = prediction.stack.images[z], prediction.stack.pixel_spacing_mm
    shown = []
    for start_mm, per_pixel, size in zip(
        (view.top_mm, view.left_mm), spacing_mm, images.shape[1:], strict=True
    ):
        first, last = start_mm / per_pixel, (start_mm + view.side_mm) / per_pixel
        low, high = max(0, math.floor(first)), min(size, math.ceil(last))
        shown.append(slice(low, high))
    low_grey, high_grey = grey_window(images[:, shown[0], shown[1]])
    scale = 255 / max(high_grey - low_grey, 1e-6)
    grey = np.clip((images - low_grey) * scale, 0, 255).astype(np.uint8)
    return np.stack([view.sample(image, spacing_mm, outside=0) for image in grey])


def encode_sprite(tiles: UInt8) -> tuple[bytes, int]:
    """Return pictures of equal size as one JPEG, row by row.

    Parameters
    ----------
    tiles : ndarray of uint8, shape (n, row, column)
        Grey pictures.

    Returns
    -------
    bytes
        The JPEG.
    int
        How many pictures are in a row: about the root of their number, since phones refuse images
        of many thousand pixels in one direction.
    """
    n, height, width = tiles.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    filled = np.zeros((rows * columns, height, width), np.uint8)
    filled[:n] = tiles
    sheet = filled.reshape(rows, columns, height, width).swapaxes(1, 2)
    sheet = np.ascontiguousarray(sheet.reshape(rows * height, columns * width))
    done, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV could not encode the pictures as JPEG")
    return data.tobytes(), columns


def flat_points(contours: list[Contour], view: View) -> list[list[float]]:
    """Return contours as x, y, x, y, ... in tenths of a pixel from the tile's edge."""
    placed = (np.rint(view.to_tile(points)[:, ::-1] * 10).astype(int) for points in contours)
    return [points.ravel().tolist() for points in placed]
