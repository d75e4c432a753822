"""The overlay: ROI and contour of the LV, drawn on every slice at ED and ES."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lvvol.contours import Contour, find_contours
from lvvol.prediction import Prediction
from lvvol.report.picture import (
    CYAN,
    GUTTER,
    RED,
    WHITE,
    Colour,
    Picture,
    draw_head,
    finish,
    grey_window,
    to_grey,
    write,
)
from lvvol.report.text import format_number
from lvvol.typing import Float32

TILE = 240  # pixels; the side of one slice at one phase
CAPTION = 22
COLUMNS = 6

_SHIFT = 4  # OpenCV draws at sixteenths of a pixel
_HEADROOM_MM = 15.0


@dataclass(frozen=True)
class View:
    """The square of the stack's plane that every tile shows, in mm on the stack's own grid."""

    top_mm: float
    left_mm: float
    side_mm: float

    def to_tile(self, points_mm: Contour) -> Contour:
        """Return points, row and column in mm, as pixels from the tile's edge."""
        return (points_mm - [self.top_mm, self.left_mm]) * (TILE / self.side_mm)


def draw_overlay(prediction: Prediction) -> Picture:
    """Draw every slice at ED and, below it, at ES, with the ROI and the contour of the LV cavity.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    ndarray of uint8, shape (row, column, 3)
        Blue, green, red. Every tile shows the same square of the plane. Phases and slices are
        counted from 1, positions are those of the stack, areas those behind the volumes.
    """
    n_slices = prediction.stack.n_slices
    columns = min(n_slices, COLUMNS)
    view = choose_view(prediction)
    blocks = []
    for start in range(0, n_slices, columns):
        pairs = [
            _draw_pair(prediction, z, view) if z < n_slices else None
            for z in range(start, start + columns)
        ]
        blocks.append(_beside(pairs))
    body = np.vstack(blocks)
    return finish([_draw_head(prediction, body.shape[1]), body])


def choose_view(prediction: Prediction) -> View:
    """Return the smallest square that holds the ROIs of all slices, with a margin.

    Parameters
    ----------
    prediction : Prediction
        One study's measurement.

    Returns
    -------
    View
        May reach beyond the image, where tiles stay black.
    """
    top, left, side = prediction.rois.squares_mm.T
    low = np.array([top.min(), left.min()])
    high = np.array([(top + side).max(), (left + side).max()])
    view_side = float((high - low).max()) + 2 * _HEADROOM_MM
    corner = (low + high - view_side) / 2
    return View(float(corner[0]), float(corner[1]), view_side)


def _draw_pair(prediction: Prediction, z: int, view: View) -> Picture:
    """Draw one slice at ED above the same slice at ES, in one grey scale."""
    phases = (prediction.ed_phase, prediction.es_phase)
    tiles = [_sample(prediction, z, t, view) for t in phases]
    window = grey_window(np.stack(tiles))
    position = f"slice {z + 1}   {prediction.stack.positions_mm[z]:.1f} mm"
    parts = [_caption(position, WHITE)]
    for name, t, tile in zip(("ED", "ES"), phases, tiles, strict=True):
        picture = to_grey(tile, window)
        _draw_outlines(picture, prediction, z, t, view)
        area = f"{name}  {prediction.areas_mm2[z, t]:.0f} mm2"
        write(picture, area, (6, TILE - 8), 0.45, WHITE)
        parts += [picture, np.zeros((GUTTER, TILE, 3), np.uint8)]
    return np.vstack(parts)


def _sample(prediction: Prediction, z: int, t: int, view: View) -> Float32:
    """Sample one plane over the view, NaN outside; pixel i spans i to i + 1 times its spacing."""
    between_rows, between_columns = prediction.stack.pixel_spacing_mm
    step = view.side_mm / TILE
    to_source = np.array(
        [
            [step / between_columns, 0, (view.left_mm + step / 2) / between_columns - 0.5],
            [0, step / between_rows, (view.top_mm + step / 2) / between_rows - 0.5],
        ]
    )
    return cv2.warpAffine(
        prediction.stack.images[z, t],
        to_source,
        (TILE, TILE),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float("nan"),
    ).astype(np.float32)


def _draw_outlines(picture: Picture, prediction: Prediction, z: int, t: int, view: View) -> None:
    """Draw the ROI as a thin line, and the contours of P over it."""
    top, left, side = prediction.rois.squares_mm[z]
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) * side + [top, left]
    _draw_closed(picture, view.to_tile(corners), CYAN)
    maps, squares = prediction.lv_probability[z, t : t + 1], prediction.rois.squares_mm[z : z + 1]
    for contour in find_contours(maps, squares)[0]:
        _draw_closed(picture, view.to_tile(contour), RED)


def _draw_closed(picture: Picture, points: Contour, colour: Colour) -> None:
    """Draw a closed line through points given as row and column from the picture's edge."""
    # In OpenCV whole numbers are pixel centres, here they are pixel edges.
    fixed = np.rint((points[:, ::-1] - 0.5) * 2**_SHIFT).astype(np.int32)
    cv2.polylines(picture, [fixed], True, colour, 1, cv2.LINE_AA, _SHIFT)


def _draw_head(prediction: Prediction, width: int) -> Picture:
    """Draw the result with its status, every reason to review, and the legend."""
    result = (
        f"EDV {format_number(prediction.edv_ml)} mL (phase {prediction.ed_phase + 1})    "
        f"ESV {format_number(prediction.esv_ml)} mL (phase {prediction.es_phase + 1})    "
        f"EF {format_number(prediction.ef_percent)} %    {prediction.status}"
    )
    legend = "red: contour of P = 0.5    blue: ROI    areas come from O    research use only"
    return draw_head(result, prediction.warnings, legend, width)


def _caption(text: str, colour: Colour) -> Picture:
    """Draw one line above a tile."""
    strip = np.zeros((CAPTION, TILE, 3), np.uint8)
    write(strip, text, (2, CAPTION - 7), 0.45, colour)
    return strip


def _beside(pairs: list[Picture | None]) -> Picture:
    """Put columns side by side; None leaves a black one."""
    blank = np.zeros_like(next(pair for pair in pairs if pair is not None))
    gutter = np.zeros((blank.shape[0], GUTTER, 3), np.uint8)
    parts: list[Picture] = []
    for pair in pairs:
        parts += [gutter, blank if pair is None else pair]
    return np.hstack(parts[1:])
