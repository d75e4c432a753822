"""Contact sheet: every slice at phases spread over the cycle, for visual checking."""

from __future__ import annotations

import math

import cv2
import numpy as np

from lvvol.cine import CineStack
from lvvol.report.picture import (
    CYAN,
    GREY,
    GUTTER,
    WHITE,
    YELLOW,
    Picture,
    draw_head,
    finish,
    grey_window,
    text_width,
    to_grey,
    write,
)
from lvvol.report.slices import SliceSummary, summarise_slices, usual_gap_mm
from lvvol.typing import Float32, Float64

MAX_PHASES = 12
TILE = 200  # longer side of an image, in pixels
MAX_PIXELS = 5_000_000  # total of all images; bounds the file size
LABEL = 118
CAPTION = 18
RULE = 22  # height of the line that marks a wide gap


def draw_contact_sheet(stack: CineStack) -> Picture:
    """Draw every slice as a row of images, at up to 12 phases, below the warnings.

    Parameters
    ----------
    stack : CineStack
        The stack.

    Returns
    -------
    ndarray of uint8, shape (row, column, 3)
        Blue, green, red. Each image is the whole field of view; all phases of a slice share one
        grey window. Slices and phases count from 1.
    """
    phases = choose_phases(stack.n_phases)
    size = tile_size(stack)
    usual = usual_gap_mm(stack)
    parts = []
    for z, summary in enumerate(summarise_slices(stack)):
        row = _draw_slice(stack, z, summary, phases, size)
        if summary.wide:
            parts.append(_draw_rule(summary, usual, row.shape[1]))
        parts.append(row)
    body = np.vstack(parts)
    return finish([_draw_head(stack, len(phases), body.shape[1]), body])


def choose_phases(n_phases: int) -> list[int]:
    """Return the phases to draw: all, or 12 evenly spaced ones including the first and last.

    Parameters
    ----------
    n_phases : int
        Number of phases of the stack.
    """
    spread = np.linspace(0, n_phases - 1, min(n_phases, MAX_PHASES))
    return [int(phase) for phase in np.rint(spread)]


def tile_size(stack: CineStack) -> tuple[int, int]:
    """Return rows and columns of a drawn image, with the aspect ratio in mm.

    Parameters
    ----------
    stack : CineStack
        The stack.
    """
    height_mm, width_mm = np.multiply(stack.images.shape[2:], stack.pixel_spacing_mm)
    n_tiles = stack.n_slices * len(choose_phases(stack.n_phases))
    per_mm = min(
        TILE / max(height_mm, width_mm), math.sqrt(MAX_PIXELS / n_tiles / (height_mm * width_mm))
    )
    return max(round(height_mm * per_mm), 1), max(round(width_mm * per_mm), 1)


def describe_directions(affine: Float64) -> str:
    """Describe the anatomical direction of the right and bottom edges of an image.

    Parameters
    ----------
    affine : ndarray of float64, shape (4, 4)
        Map of the slice from (row, column, k, 1) to patient LPS mm.

    Returns
    -------
    str
        Directions of both edges, the main component first: L, R, A, P, H (head) or F (feet).
    """
    down, right = (affine[:3, i] / np.linalg.norm(affine[:3, i]) for i in (0, 1))
    return f"right edge {_letters(right)}, bottom edge {_letters(down)}"


def _letters(direction: Float64) -> str:
    """Return the letters of the main components of a direction, the largest first."""
    parts = sorted(zip(direction, ("LR", "PA", "HF"), strict=True), key=lambda part: -abs(part[0]))
    return "".join(pair[int(value < 0)] for value, pair in parts if abs(value) > 0.3)


def _draw_head(stack: CineStack, n_columns: int, width: int) -> Picture:
    """Draw the summary of the stack, the warnings and the legend."""
    part = f"{n_columns} of {stack.n_phases} phases, from the first to the last"
    legend = [
        "all phases" if n_columns == stack.n_phases else part,
        "" if stack.apex else "apical end unknown",
        describe_directions(stack.affines[0]),
        "times after the R wave",
        "research use only",
    ]
    return draw_head(stack.describe(), stack.warnings, "    ".join(filter(None, legend)), width)


def _draw_slice(
    stack: CineStack, z: int, summary: SliceSummary, phases: list[int], size: tuple[int, int]
) -> Picture:
    """Draw a slice: its label, then its images side by side."""
    # The brightest moving pixels are vessels and edges of fat; clip them to keep blood bright.
    window = grey_window(_moving(stack.images[z]), white_percentile=97)
    parts = [_draw_label(summary, size[0] + CAPTION)]
    for t in phases:
        image = _resized(stack.images[z, t], size)
        tile = np.vstack(
            [_caption(t, float(stack.times_ms[z, t]), size[1]), to_grey(image, window)]
        )
        parts += [np.zeros((tile.shape[0], GUTTER, 3), np.uint8), tile]
    row = np.hstack(parts)
    return np.pad(row, ((0, GUTTER), (0, 0), (0, 0)))


def _moving(images: Float32) -> Float32:
    """Return the values of moving pixels in the centre of the field of view, mostly the heart.

    Fat close to a coil or a full stomach can be much brighter, so a window over the whole image
    would leave the heart dark.
    """
    rows, columns = images.shape[1:]
    middle = images[:, rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    changes = middle.std(axis=0)
    moving: Float32 = middle[:, changes >= np.quantile(changes, 0.9)]
    return moving


def _resized(image: Float32, size: tuple[int, int]) -> Float32:
    """Resize an image, by area averaging where it shrinks so that thin structures remain."""
    shrinks = size[0] < image.shape[0] or size[1] < image.shape[1]
    flags = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return cv2.resize(image, size[::-1], interpolation=flags).astype(np.float32)


def _draw_label(summary: SliceSummary, height: int) -> Picture:
    """Draw the label of a slice."""
    label = np.zeros((height, LABEL, 3), np.uint8)
    lines = [(f"slice {summary.number}", 0.5, WHITE)]
    if summary.end:
        lines.append((summary.end, 0.5, CYAN))
    lines.append((f"{summary.position_mm:z.1f} mm", 0.42, WHITE))
    if summary.gap_mm is not None:
        lines.append((f"gap {summary.gap_mm:.1f} mm", 0.42, YELLOW if summary.wide else GREY))
    if summary.series:
        lines.append((f"series {summary.series}", 0.42, GREY))
    for i, (text, scale, colour) in enumerate(lines):
        write(label, text, (0, CAPTION + 14 + 19 * i), scale, colour)
    return label


def _caption(phase: int, time_ms: float, width: int) -> Picture:
    """Draw phase and time above an image."""
    strip = np.zeros((CAPTION, width, 3), np.uint8)
    time = f", {time_ms:z.0f} ms" if math.isfinite(time_ms) else ""
    write(strip, f"phase {phase + 1}{time}", (1, CAPTION - 5), 0.38, GREY)
    return strip


def _draw_rule(summary: SliceSummary, usual_mm: float, width: int) -> Picture:
    """Draw the line that marks a wide gap."""
    rule = np.zeros((RULE, width, 3), np.uint8)
    text = f"wide gap: {summary.gap_mm:.1f} mm, usually {usual_mm:.1f} mm"
    write(rule, text, (0, RULE - 7), 0.45, YELLOW)
    rule[RULE // 2, text_width(text, 0.45) + 2 * GUTTER :] = YELLOW
    return rule
