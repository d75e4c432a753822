"""How much squares beat: by the square of their slice that beats most."""

from __future__ import annotations

import numpy as np

from lvvol.cine import CineStack
from lvvol.motion import BLOCK, change_of_blocks
from lvvol.roi.phases import window_phases
from lvvol.roi.square import Squares
from lvvol.typing import Bool, Float32


class Beating:
    """Compares the change of squares over the cycle with that of their slices.

    Parameters
    ----------
    stack : CineStack
        A working stack.
    """

    def __init__(self, stack: CineStack) -> None:
        self._stack = stack
        self._phases = np.unique(window_phases(stack.n_phases))
        self._sums: dict[int, Float32] = {}

    def __call__(self, z: int, square: Squares) -> float:
        """Compare a square with the others of its slice.

        Parameters
        ----------
        z : int
            Slice.
        square : ndarray, shape (3,)
            Square; what lies outside the image is moved inside.

        Returns
        -------
        float
            Change of the square over the phases that a window shows (`change_of_blocks`), relative
            to that of the square of the same size that changes most: 1 for the square that beats
            most, and where nothing changes.
        """
        sums = self._of_slice(z)
        rows, columns = (size - 1 for size in sums.shape)
        side = min(max(1, round(float(square[2]) / BLOCK)), rows, columns)
        if side < 1:
            return 1.0
        squares = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side]
        squares = squares + sums[:-side, :-side]
        top, left = (
            min(max(0, round(float(edge) / BLOCK)), size - side)
            for edge, size in zip(square[:2], (rows, columns), strict=True)
        )
        most = float(squares.max())
        return max(0.0, float(squares[top, left]) / most) if most > 0.0 else 1.0

    def typical(self, squares: Squares, slices: Bool) -> float:
        """Return the median over some slices, 1 for none; `squares` has shape (slice, 3)."""
        if not slices.any():
            return 1.0
        return float(np.median([self(z, squares[z]) for z in np.flatnonzero(slices).tolist()]))

    def _of_slice(self, z: int) -> Float32:
        """Return the sums of the change of all blocks above and to the left, from 0."""
        if z not in self._sums:
            change = change_of_blocks(self._stack.images[z, self._phases])
            sums = change.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
            self._sums[z] = np.pad(sums, ((1, 0), (1, 0)))
        return self._sums[z]
