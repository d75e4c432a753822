"""Contours of P: where it passes one half, as polygons, and the area inside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lvvol.typing import Float32, Float64, Int64

LEVEL = 0.5
"""P from which on a place counts as cavity (Liao et al. 2017, eq. 1)."""

Contour = Float64
"""Row and column in mm of the corners of a closed polygon, shape (point, 2)."""

_TOP, _LEFT, _BOTTOM, _RIGHT = range(4)
_FROM_OUTSIDE = -1.0  # any value below the level

# The lines through a square of four nodes, by which of them are inside: 1 for the top left, 2 for
# the top right, 4 for the bottom right, 8 for the bottom left. Each leads from one side of the
# square to another, with the inside on its right.
_LINES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((_TOP, _LEFT),),
    2: ((_RIGHT, _TOP),),
    3: ((_RIGHT, _LEFT),),
    4: ((_BOTTOM, _RIGHT),),
    5: ((_TOP, _LEFT), (_BOTTOM, _RIGHT)),
    6: ((_BOTTOM, _TOP),),
    7: ((_BOTTOM, _LEFT),),
    8: ((_LEFT, _BOTTOM),),
    9: ((_TOP, _BOTTOM),),
    10: ((_RIGHT, _TOP), (_LEFT, _BOTTOM)),
    11: ((_RIGHT, _BOTTOM),),
    12: ((_LEFT, _RIGHT),),
    13: ((_TOP, _RIGHT),),
    14: ((_LEFT, _TOP),),
}
# Opposite corners are joined where the middle is inside too.
_JOINED = {5: ((_TOP, _RIGHT), (_BOTTOM, _LEFT)), 10: ((_LEFT, _TOP), (_RIGHT, _BOTTOM))}


def find_contours(lv_probability: Float32, squares_mm: Float64) -> list[list[Contour]]:
    """Return the contours where P, interpolated between its cells, is one half.

    Parameters
    ----------
    lv_probability : ndarray of float32, shape (n, row, column)
        P over n squares.
    squares_mm : ndarray of float64, shape (n, 3)
        Top, left and side of each.

    Returns
    -------
    list of list of ndarray of float64, shape (point, 2)
        For each square its closed polygons, row and column in mm; the last point is not repeated.
        A polygon runs clockwise in the image around cavity, and anticlockwise around a hole in it.
        Cavity that reaches the edge of the square is closed along it, as no area outside was
        measured.

    Notes
    -----
    Marching squares (Lorensen and Cline 1987, in two dimensions): P is linear along the lines
    between the centres of neighbouring cells, and constant from the outermost centres to the edge.
    """
    lines = _Lines(lv_probability)
    polygons = lines.polygons()
    steps_mm = squares_mm[:, 2] / lv_probability.shape[-1]
    return [
        [corner + step * points for points in of_image]
        for corner, step, of_image in zip(squares_mm[:, :2], steps_mm, polygons, strict=True)
    ]


def areas_in_contours_mm2(lv_probability: Float32, squares_mm: Float64) -> Float64:
    """Return the area inside the contours of `find_contours`, holes left out.

    Parameters
    ----------
    lv_probability, squares_mm
        As in `find_contours`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Areas in mm2, exactly those of the polygons.

    Examples
    --------
    P falls from 1 to 0 across a square of 4 mm, and passes one half in its middle.

    >>> p = np.tile(np.array([1, 0.75, 0.25, 0], np.float32), (1, 4, 1))
    >>> areas_in_contours_mm2(p, np.array([[10.0, 20.0, 4.0]]))
    array([8.])
    """
    areas = _Lines(lv_probability).areas()
    return np.asarray(areas * (squares_mm[:, 2] / lv_probability.shape[-1]) ** 2)


def enclosed_area(points: Float64) -> float:
    """Return the signed area of a polygon, positive where it runs clockwise in the image.

    Parameters
    ----------
    points : ndarray of float64, shape (point, 2)
        Row and column of its corners.

    Examples
    --------
    >>> enclosed_area(np.array([[0.0, 0.0], [0.0, 3.0], [2.0, 3.0], [2.0, 0.0]]))
    6.0
    """
    row, column = points.T
    crossed = column * np.roll(row, -1) - np.roll(column, -1) * row
    return 0.5 * float(crossed.sum())


@dataclass(frozen=True, eq=False)
class _Grid:
    """Nodes of P: the centres of cells, and around them the edge of the square, inside and out."""

    values: Float64  # (image, node, node)
    places: Float64  # (node,): in cells from the edge

    @classmethod
    def of(cls, lv_probability: Float32) -> _Grid:
        size = lv_probability.shape[-1]
        inner = np.pad(lv_probability.astype(np.float64), ((0, 0), (1, 1), (1, 1)), mode="edge")
        values = np.pad(inner, ((0, 0), (1, 1), (1, 1)), constant_values=_FROM_OUTSIDE)
        centres = np.arange(size) + 0.5
        return cls(values, np.concatenate([[0, 0], centres, [size, size]]))


class _Lines:
    """Every line of the contours of a set of images, in no order."""

    def __init__(self, lv_probability: Float32) -> None:
        if lv_probability.ndim != 3 or lv_probability.shape[1] != lv_probability.shape[2]:
            raise ValueError(
                f"lv_probability: expected squares (n, row, column), got {lv_probability.shape}"
            )
        grid = _Grid.of(lv_probability)
        inside = grid.values >= LEVEL
        corners = (inside[:, :-1, :-1], inside[:, :-1, 1:], inside[:, 1:, 1:], inside[:, 1:, :-1])
        cases = np.zeros(corners[0].shape, np.uint8)
        for bit, corner in enumerate(corners):
            cases |= corner.astype(np.uint8) << bit
        image, row, column = np.nonzero((cases != 0) & (cases != 15))
        case = cases[image, row, column].astype(np.int64)
        self._n_images, self._width = inside.shape[0], inside.shape[2]
        # Edges of one image, numbered; some are never used.
        self._edges = 2 * self._width**2
        starts, ends = self._of_cases(grid, image, row, column, case)
        self._starts, self._ends = starts, ends
        self._image = starts // self._edges
        self._start_points = self._points(grid, starts)
        self._end_points = self._points(grid, ends)

    def _of_cases(
        self, grid: _Grid, image: Int64, row: Int64, column: Int64, case: Int64
    ) -> tuple[Int64, Int64]:
        """Return the edges, numbered over all images, at which lines start and end."""
        node = row * self._width + column
        # Edge 2 n leads from node n to the right, edge 2 n + 1 downwards.
        sides = np.stack([2 * node, 2 * node + 1, 2 * (node + self._width), 2 * (node + 1) + 1])
        sides = sides + image * self._edges
        middle = grid.values[image, row, column] + grid.values[image, row, column + 1]
        middle += grid.values[image, row + 1, column] + grid.values[image, row + 1, column + 1]
        joined = middle >= 4 * LEVEL
        starts, ends = [], []
        for code, lines in _LINES.items():
            here = case == code
            for chosen, through in (
                ((here, lines),)
                if code not in _JOINED
                else ((here & ~joined, lines), (here & joined, _JOINED[code]))
            ):
                for start, end in through:
                    starts.append(sides[start][chosen])
                    ends.append(sides[end][chosen])
        return np.concatenate(starts), np.concatenate(ends)

    def _points(self, grid: _Grid, edges: Int64) -> Float64:
        """Return where P is one half on each edge: row and column in cells."""
        image, edge = np.divmod(edges, self._edges)
        node, down = np.divmod(edge, 2)
        row, column = np.divmod(node, self._width)
        one = grid.values[image, row, column]
        other = grid.values[image, row + down, column + 1 - down]
        share = (LEVEL - one) / (other - one)
        along_row = grid.places[row] + share * (grid.places[row + down] - grid.places[row])
        along_column = grid.places[column] + share * (
            grid.places[column + 1 - down] - grid.places[column]
        )
        return np.stack([along_row, along_column], axis=1)

    def areas(self) -> Float64:
        """Return the area inside the contours of each image, in cells."""
        (row, column), (next_row, next_column) = self._start_points.T, self._end_points.T
        crossed = 0.5 * (column * next_row - next_column * row)
        areas = np.bincount(self._image, weights=crossed, minlength=self._n_images)
        return np.maximum(areas, 0.0)

    def polygons(self) -> list[list[Contour]]:
        """Return the closed polygons of each image, in cells."""
        order = np.argsort(self._starts)
        # Each edge that a contour crosses ends one line and starts one.
        following = order[np.searchsorted(self._starts, self._ends, sorter=order)].tolist()
        images = self._image.tolist()
        polygons: list[list[Contour]] = [[] for _ in range(self._n_images)]
        seen = bytearray(len(following))
        for first in order.tolist():
            if seen[first]:
                continue
            loop, line = [], first
            while not seen[line]:
                seen[line] = 1
                loop.append(line)
                line = following[line]
            points = self._start_points[loop]
            distinct = (points != np.roll(points, 1, axis=0)).any(axis=1)
            if distinct.sum() >= 3:
                polygons[images[first]].append(points[distinct])
        return polygons
