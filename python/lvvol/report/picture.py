"""Parts that pictures share: head, captions, grey windows, and encoding as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import TextWrapper

import cv2
import numpy as np

from lvvol.typing import Float32, UInt8

Picture = UInt8
Colour = tuple[int, int, int]

MARGIN = 12
GUTTER = 4
LINE = 26  # between the baselines of the head

FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE: Colour = (255, 255, 255)
GREY: Colour = (170, 170, 170)
RED: Colour = (50, 60, 255)  # OpenCV orders blue, green, red
CYAN: Colour = (220, 200, 60)
YELLOW: Colour = (60, 210, 255)


def finish(parts: Sequence[Picture]) -> Picture:
    """Stack parts of equal width, with a black margin around them."""
    return np.pad(np.vstack(parts), ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))


def encode_png(picture: Picture) -> bytes:
    """Return a picture as the bytes of a PNG file.

    Parameters
    ----------
    picture : ndarray of uint8, shape (row, column, 3)
        Blue, green, red.

    Returns
    -------
    bytes
        The file's content.
    """
    # Level 9 would take ten times as long and save a tenth.
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise RuntimeError("OpenCV could not encode the picture as PNG")
    return data.tobytes()


def draw_head(title: str, warnings: Sequence[str], legend: str, width: int) -> Picture:
    """Draw a title, shrunk to fit, every warning, and a legend.

    Parameters
    ----------
    title, legend : str
        One line, and a text that is wrapped.
    warnings : sequence of str
        Each is wrapped.
    width : int
        Pixels.

    Returns
    -------
    ndarray of uint8, shape (row, `width`, 3)
        `LINE` rows a line, and a gutter.
    """
    lines = [(title, 0.7, WHITE)]
    lines += [
        (line, 0.5, YELLOW)
        for warning in warnings
        for line in _wrap(f"Review: {warning}", 0.5, width)
    ]
    lines += [(line, 0.45, GREY) for line in _wrap(legend, 0.45, width)]
    head = np.zeros((len(lines) * LINE + GUTTER, width, 3), np.uint8)
    for i, (text, scale, colour) in enumerate(lines):
        while scale > 0.3 and text_width(text, scale) > width:
            scale -= 0.05
        write(head, text, (0, LINE * i + LINE - 8), scale, colour)
    return head


def write(
    picture: Picture, text: str, origin: tuple[int, int], scale: float, colour: Colour
) -> None:
    """Write a line with a dark rim, legible on any image; the fonts have only ASCII.

    Parameters
    ----------
    picture : ndarray of uint8, shape (row, column, 3)
        Drawn on.
    text : str
        Other characters than ASCII become question marks.
    origin : (int, int)
        Column and row of the baseline's left end.
    scale : float
        Size; 1 makes capitals some 22 pixels high.
    colour : (int, int, int)
        Blue, green, red.
    """
    text = text.encode("ascii", "replace").decode()
    x, y = origin
    # A thicker stroke would be a wider font in OpenCV 5, so the rim is the same text moved.
    for dx, dy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        cv2.putText(picture, text, (x + dx, y + dy), FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.putText(picture, text, origin, FONT, scale, colour, 1, cv2.LINE_AA)


def text_width(text: str, scale: float) -> int:
    """Return the width in pixels of a line that `write` draws."""
    return int(cv2.getTextSize(text, FONT, scale, 1)[0][0])


def grey_window(values: Float32, white_percentile: float = 99.5) -> tuple[float, float]:
    """Return the grey values to show as black, percentile 1, and as white.

    Parameters
    ----------
    values : ndarray of float32
        Of any shape; NaN is left out.
    white_percentile : float
        Above it all is white.
    """
    seen = values[np.isfinite(values)]
    if not seen.size:
        return 0.0, 1.0
    low, high = np.percentile(seen, [1, white_percentile])
    return float(low), float(high)


def to_grey(image: Float32, window: tuple[float, float]) -> Picture:
    """Return an image as grey, black to white over a window; NaN is black.

    Parameters
    ----------
    image : ndarray of float32, shape (row, column)
        Intensities.
    window : (float, float)
        From `grey_window`.

    Returns
    -------
    ndarray of uint8, shape (row, column, 3)
        Three equal channels.
    """
    low, high = window
    grey = np.clip((image - low) * (255 / max(high - low, 1e-6)), 0, 255)
    return np.repeat(np.nan_to_num(grey).astype(np.uint8)[..., None], 3, axis=2)


def _wrap(text: str, scale: float, width: int) -> list[str]:
    """Break a text into lines that fit, by its mean width of a character."""
    per_character = text_width(text, scale) / max(len(text), 1)
    return TextWrapper(max(int(width / per_character) - 2, 20)).wrap(text)
