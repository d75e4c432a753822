"""Random windows and patches from labelled stacks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from lvvol.datasets import LabelledStack
from lvvol.networks.configs import PATCH_SIZE
from lvvol.planes import resample
from lvvol.roi.square import Squares, labelled_square
from lvvol.train.recipe import Augmentation
from lvvol.typing import Float32, Float64, Int64


def propagated_squares(labels: LabelledStack) -> Squares:
    """Return a square for every slice; slices with an empty mask at ED take a neighbour's.

    Parameters
    ----------
    labels : LabelledStack
        Labels with a mask in at least one slice.

    Returns
    -------
    ndarray, shape (slice, 3)
        Squares; of two equally near neighbours, that of the lower slice.
    """
    drawn = {
        z: s for z, m in enumerate(labels.masks[:, 0]) if (s := labelled_square(m)) is not None
    }
    return np.stack(
        [
            drawn[min(drawn, key=lambda other: (abs(other - z), other))]
            for z in range(len(labels.masks))
        ]
    )


def jitter(
    squares: Squares, rng: np.random.Generator, shift: float, scales: tuple[float, float]
) -> Squares:
    """Move and scale squares at random.

    Parameters
    ----------
    squares : ndarray, shape (n, 3)
        Squares.
    rng : Generator
        Random numbers.
    shift : float
        Largest shift of the centre in either direction, relative to the side.
    scales : (float, float)
        Smallest and largest factor of the side, uniform in its logarithm.

    Returns
    -------
    ndarray, shape (n, 3)
        New squares.
    """
    smallest, largest = np.log(scales)
    sides = squares[:, 2] * np.exp(rng.uniform(smallest, largest, size=len(squares)))
    centres = squares[:, :2] + squares[:, 2:] / 2
    centres = centres + rng.uniform(-shift, shift, size=centres.shape) * squares[:, 2:]
    return np.column_stack([centres - sides[:, None] / 2, sides])


def random_squares(
    shape: tuple[int, int], count: int, rng: np.random.Generator, sides_mm: tuple[float, float]
) -> Squares:
    """Return squares anywhere inside an image of the given shape, shape (count, 3)."""
    largest = min(sides_mm[1], *shape)
    sides = np.exp(rng.uniform(math.log(min(sides_mm[0], largest)), math.log(largest), size=count))
    corners = rng.uniform(size=(count, 2)) * (np.array(shape) - sides[:, None])
    return np.column_stack([corners, sides])


def random_rotations(
    count: int, rng: np.random.Generator, kind: Augmentation = "any_angle"
) -> Float64:
    """Return random rotations, half of them mirrored, shape (count, 2, 2).

    No in-plane orientation is special: scanners and converters rotate images freely. The paper
    knows quarter turns only.
    """
    if kind == "quarter_turns":
        quarters = rng.integers(4, size=count)
        cos, sin = np.array([1.0, 0.0, -1.0, 0.0])[quarters], np.array([0.0, 1, 0, -1])[quarters]
    else:
        angles = rng.uniform(0, 2 * np.pi, size=count)
        cos, sin = np.cos(angles), np.sin(angles)
    mirror = rng.choice([-1.0, 1.0], size=count)
    return np.stack([np.stack([cos, -sin * mirror], -1), np.stack([sin, cos * mirror], -1)], -2)


def sample_squares(
    planes: npt.NDArray[np.float32 | np.uint8],
    sources: Int64,
    squares: Squares,
    turned: Float64,
    size: int,
) -> Float32:
    """Resample rotated squares of planes.

    Parameters
    ----------
    planes : ndarray, shape (plane, row, column)
        Images or masks.
    sources : ndarray of int64, shape (n,)
        Plane of each square.
    squares : ndarray, shape (n, 3)
        Squares before rotation about their centres.
    turned : ndarray, shape (n, 2, 2)
        Rotations, possibly mirrored.
    size : int
        Rows and columns of the result.

    Returns
    -------
    ndarray of float32, shape (n, size, size)
        Averaged where a square shrinks; beyond the image its edge is repeated.
    """
    steps = turned * (squares[:, 2] / size)[:, None, None]
    centres = squares[:, :2] + squares[:, 2:] / 2 - 0.5
    offsets = centres - steps @ np.full(2, (size - 1) / 2)
    matrices = np.concatenate([steps, offsets[:, :, None]], axis=2)
    return resample(planes, matrices, (size, size), sources=sources, edge="nearest")


_BREATHING_MM = 1.5
"""Standard deviation of the shift, along rows and columns, between a slice and its neighbours."""


def sample_patches(
    images: Float32,
    sources: Int64,
    squares: Squares,
    turned: Float64,
    channels: int,
    rng: np.random.Generator,
) -> Float32:
    """Draw patches of a pair of phases, of varied contrast, as `lvvol.patches` cuts them.

    Parameters
    ----------
    images : ndarray of float32, shape (slice, 2, row, column)
        ED and ES of each slice.
    sources : ndarray of int64, shape (n,)
        Image of each patch: twice its slice, plus its phase.
    squares : ndarray, shape (n, 3)
        Squares before rotation about their centres.
    turned : ndarray, shape (n, 2, 2)
        Rotations, possibly mirrored.
    channels : int
        1, or 6 with context: neighbours then lie a little aside, as if the breath had been held
        differently, and in either order, as either end of a stack may be the base.
    rng : Generator
        Random numbers.

    Returns
    -------
    ndarray of float32, shape (n, channel, 48, 48)
        Grey values; 0 where a slice is not in the stack.
    """
    planes = images.reshape(-1, *images.shape[2:])
    if channels == 1:
        cut = sample_squares(planes, sources, squares, turned, PATCH_SIZE)
        return augment_intensity(cut, rng)[:, None]
    count = len(sources)
    z, phase = np.divmod(sources, 2)
    step = rng.choice([-1, 1], size=count)
    slices = np.stack([z, z - step, z + step], axis=1)
    present = (slices >= 0) & (slices < len(images))
    moved = np.repeat(squares[:, None], 3, axis=1)
    moved[:, 1:, :2] += rng.normal(0, _BREATHING_MM, size=(count, 2, 2))
    # The opposite phase is the other of the pair.
    of_phase = np.stack([phase, 1 - phase], axis=1)[:, :, None]
    shown = 2 * slices.clip(0, len(images) - 1)[:, None] + of_phase
    cut = sample_squares(
        planes,
        shown.ravel(),
        np.tile(moved[:, None], (1, 2, 1, 1)).reshape(-1, 3),
        np.repeat(turned, channels, axis=0),
        PATCH_SIZE,
    ).reshape(count, channels, PATCH_SIZE, PATCH_SIZE)
    patches = augment_intensity(cut, rng)
    patches *= np.tile(present, (1, 2))[:, :, None, None]
    return patches


def augment_intensity(patches: Float32, rng: np.random.Generator) -> Float32:
    """Vary contrast and noise, one draw per entry of the first axis; values stay near 0 to 1."""
    shape = (len(patches),) + (1,) * (patches.ndim - 1)
    gamma = np.exp(rng.normal(0, 0.25, size=shape)).astype(np.float32)
    noise = rng.uniform(0, 0.03, size=shape).astype(np.float32)
    grain = rng.standard_normal(patches.shape, dtype=np.float32)
    result: Float32 = np.clip(patches, 0, 1) ** gamma + noise * grain
    return result


def patient_groups(count: int, rng: np.random.Generator, largest: int = 512) -> list[Int64]:
    """Divide patients into groups that are drawn, and shuffled, together.

    Parameters
    ----------
    count : int
        Number of patients.
    rng : Generator
        Random numbers; none are drawn for a single group.
    largest : int
        Largest group: what is drawn of it is in memory at once.

    Returns
    -------
    list of ndarray
        Indices of the patients of each group: all in order if they fit in one, else at random.
    """
    if count <= largest:
        return [np.arange(count)]
    return np.array_split(rng.permutation(count), -(-count // largest))


def shuffled_batches(
    groups: Iterable[tuple[npt.NDArray[Any], ...]], rng: np.random.Generator, batch: int
) -> Iterator[tuple[npt.NDArray[Any], ...]]:
    """Shuffle each group of examples and divide it into batches.

    Parameters
    ----------
    groups : iterable of tuple of ndarray
        Arrays of one length, example by example.
    rng : Generator
        Random numbers.
    batch : int
        Examples of a batch. What does not fill one joins the next group, or is left out.

    Yields
    ------
    tuple of ndarray
        The examples of a batch.
    """
    left: tuple[npt.NDArray[Any], ...] | None = None
    for drawn in groups:
        group = drawn
        if left is not None:
            group = tuple(np.concatenate(both) for both in zip(left, group, strict=True))
        order = rng.permutation(len(group[0]))
        end = len(order) // batch * batch
        for start in range(0, end, batch):  # a shuffled copy of the whole would double the memory
            yield tuple(array[order[start : start + batch]] for array in group)
        left = tuple(array[order[end:]] for array in group)
