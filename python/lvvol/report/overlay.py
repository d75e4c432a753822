"""The overlay: ROI and contour of the LV, drawn on every slice at ED and ES."""

from __future__ import annotations

import cv2
import numpy as np

from lvvol.contours import Contour, find_contours
from lvvol.prediction import Prediction
from lvvol.quantities import volumes_of
from lvvol.report.picture import (
    CYAN,
    GUTTER,
    RED,
    WHITE,
    YELLOW,
    Colour,
    Picture,
    draw_head,
    finish,
    grey_window,
    to_grey,
    write,
)
from lvvol.report.slices import summarise_slices
from lvvol.report.text import format_quantity
from lvvol.report.view import View, choose_view

TILE = 240  # pixels; the side of one slice at one phase
CAPTION = 22
COLUMNS = 6

_SHIFT = 4  # OpenCV draws at sixteenths of a pixel


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
    view = choose_view(prediction, TILE)
    blocks = []
    for start in range(0, n_slices, columns):
        pairs = [
            _draw_pair(prediction, z, view) if z < n_slices else None
            for z in range(start, start + columns)
        ]
        blocks.append(_beside(pairs))
    body = np.vstack(blocks)
    return finish([_draw_head(prediction, body.shape[1]), body])


def _draw_pair(prediction: Prediction, z: int, view: View) -> Picture:
    """Draw one slice at ED above the same slice at ES, in one grey scale."""
    phases = (prediction.ed_phase, prediction.es_phase)
    images, spacing_mm = prediction.stack.images[z], prediction.stack.pixel_spacing_mm
    tiles = [view.sample(images[t], spacing_mm, outside=float("nan")) for t in phases]
    window = grey_window(np.stack(tiles))
    end = summarise_slices(prediction.stack)[z].end
    position = "   ".join(
        filter(None, (f"slice {z + 1}", end, f"{prediction.stack.positions_mm[z]:.1f} mm"))
    )
    left_out = z in prediction.excluded
    parts = [_caption(f"{position}   left out", YELLOW) if left_out else _caption(position, WHITE)]
    for name, t, tile in zip(("ED", "ES"), phases, tiles, strict=True):
        picture = to_grey(tile, window)
        if left_out:
            picture //= 2
        else:
            _draw_outlines(picture, prediction, z, t, view)
        area = f"{name}" + f"  {prediction.areas_mm2[z, t]:.0f} mm2" * (not left_out)
        write(picture, area, (6, TILE - 8), 0.45, WHITE)
        parts += [picture, np.zeros((GUTTER, TILE, 3), np.uint8)]
    return np.vstack(parts)


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
    volumes = [f"{q.name} {format_quantity(q)}" for q in volumes_of(prediction)]
    # OpenCV's letters are those of ASCII.
    status = f"status: {prediction.status}"
    result = "    ".join([*volumes, status]).replace("\N{EN DASH}", "-")
    ed, es = prediction.ed_phase + 1, prediction.es_phase + 1
    legend = [
        f"each slice: above ED (phase {ed} of {prediction.stack.n_phases}), below ES (phase {es})",
        "red: LV cavity, papillary muscles included",
        "blue: where it was looked for",
        "mm2: area behind the volume (O; the red contour is P = 0.5)",
    ]
    if prediction.intervals:
        legend.append(f"brackets: {100 * prediction.intervals.level:g} % intervals")
    legend.append("research use only")
    return draw_head(result, prediction.warnings, "    ".join(legend), width)


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
