"""`beat.gif`: all slices beating with their contours, for slides."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
from PIL import Image

from lvvol.export.contours import contours_of
from lvvol.prediction import Prediction
from lvvol.quantities import heart_cycle
from lvvol.report.sprites import grey_phases
from lvvol.report.view import choose_view
from lvvol.typing import UInt8

TILE = 128
USUAL_CYCLE_MS = 1000.0
_GUTTER = 2
# Few grey levels make the file small, and no eye sees more in a moving picture.
_GREYS = 64
_CONTOUR = _GREYS  # index in the palette
_YELLOW = (255, 210, 63)
_SHIFT = 4  # OpenCV draws at sixteenths of a pixel


def make_movie(prediction: Prediction) -> bytes:
    """Make the movie, one heart cycle long at the speed of the heart.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    bytes
        A GIF that repeats for ever.
    """
    frames = [_indexed(frame) for frame in _frames(prediction)]
    cycle = heart_cycle(prediction.stack)
    each_ms = (cycle[0] if cycle else USUAL_CYCLE_MS) / len(frames)
    # GIF counts in hundredths of a second; players slow down what is below two of them.
    each_ms = max(20, 10 * round(each_ms / 10))
    content = io.BytesIO()
    frames[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=each_ms,
        loop=0,
        optimize=False,
    )
    return content.getvalue()


def _frames(prediction: Prediction) -> UInt8:
    """Return every phase as indices into the palette: all slices in a grid."""
    n_slices, n_phases = prediction.areas_mm2.shape
    columns = math.ceil(math.sqrt(n_slices * 4 / 3))
    rows = math.ceil(n_slices / columns)
    step = TILE + _GUTTER
    frames = np.zeros((n_phases, rows * step - _GUTTER, columns * step - _GUTTER), np.uint8)
    view = choose_view(prediction, TILE)
    for z, of_slice in enumerate(contours_of(prediction)):
        tiles = grey_phases(prediction, z, view) // (256 // _GREYS)
        for tile, contours in zip(tiles, of_slice, strict=True):
            for points in contours:
                fixed = np.rint((view.to_tile(points)[:, ::-1] - 0.5) * 2**_SHIFT)
                cv2.polylines(tile, [fixed.astype(np.int32)], True, _CONTOUR, 1, cv2.LINE_8, _SHIFT)
        top, left = step * (z // columns), step * (z % columns)
        frames[:, top : top + TILE, left : left + TILE] = tiles
    return frames


def _indexed(frame: UInt8) -> Image.Image:
    """Return a frame with its palette: grey values, and the colour of contours."""
    height, width = frame.shape
    image = Image.frombytes("P", (width, height), frame.tobytes())
    greys = [255 * i // (_GREYS - 1) for i in range(_GREYS)]
    image.putpalette([*(x for grey in greys for x in (grey,) * 3), *_YELLOW])
    return image
