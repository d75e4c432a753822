"""Patches: what the segmentation network sees of a slice and of what surrounds it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lvvol.networks.configs import CONTEXT_CHANNELS, PATCH_SIZE
from lvvol.typing import Float32, Float64, Int64
from lvvol.windows import extract_windows

_COMPARED_SIZE = 24
"""Rows and columns in which phases are compared."""


def iterate_patches(
    images: Float32, squares: Float64, channels: int, *, threads: int = 0
) -> Iterator[Float32]:
    """Cut the patches of one slice after another.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Working stack.
    squares : ndarray of float64, shape (slice, 3)
        The LV's square in each slice.
    channels : {1, 6}
        1 for the slice alone. 6 for its context too: the slice and the slices before and after it,
        then the same three at the opposite phase (see `opposite_phases`), all within the slice's
        own square.
    threads : int
        As in `extract_windows`.

    Yields
    ------
    ndarray of float32, shape (phase, channel, 48, 48)
        Patches of a slice. Each channel has mean 0 and variance 1; one whose slice is not in the
        stack is 0.

    Raises
    ------
    ValueError
        If there is another number of channels.
    """
    if channels not in (1, CONTEXT_CHANNELS):
        raise ValueError(f"channels: expected 1 or {CONTEXT_CHANNELS}, got {channels}")
    phases = np.arange(images.shape[1])
    opposite = opposite_phases(images, squares, threads=threads) if channels > 1 else phases
    for z in range(len(images)):
        slices = np.array([z] if channels == 1 else [z, z - 1, z + 1])
        present = (slices >= 0) & (slices < len(images))
        planes = np.zeros((len(slices), len(phases), PATCH_SIZE, PATCH_SIZE), dtype=np.float32)
        planes[present] = extract_windows(
            images,
            slices[present],
            np.tile(squares[z], (int(present.sum()), 1)),
            phases,
            PATCH_SIZE,
            normalise="mean_std",
            threads=threads,
        )
        patches = planes.swapaxes(0, 1)
        if channels > 1:
            patches = np.concatenate([patches, patches[opposite]], axis=1)
        yield np.ascontiguousarray(patches)


def opposite_phases(images: Float32, squares: Float64, *, threads: int = 0) -> Int64:
    """Return the phase that shows the other state of the heart, for each phase.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, phase, row, column)
        Working stack.
    squares : ndarray of float64, shape (slice, 3)
        The LV's square in each slice.
    threads : int
        As in `extract_windows`.

    Returns
    -------
    ndarray of int64, shape (phase,)
        Of the two phases that differ most within the squares, which are near ED and ES, the one
        that differs more. A single phase is its own.
    """
    slices, phases = np.arange(len(images)), np.arange(images.shape[1])
    windows = extract_windows(images, slices, squares, phases, _COMPARED_SIZE, threads=threads)
    seen = windows.swapaxes(0, 1).reshape(len(phases), -1).astype(np.float64)
    seen -= seen.mean(axis=0)  # cancellation would cost digits below
    squared = (seen**2).sum(axis=1)
    # Not `@`: threads of BLAS wait for each other, for long on a machine at work.
    products = np.einsum("ik,jk->ij", seen, seen)
    distances: Float64 = squared[:, None] + squared - 2 * products
    extremes = np.array(np.unravel_index(distances.argmax(), distances.shape))
    opposite: Int64 = extremes[distances[:, extremes].argmax(axis=1)].astype(np.int64)
    return opposite
