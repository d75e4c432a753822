"""Training of `RoiClassifier`: windows around labelled squares and away from them (paper III-D)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lvvol.roi import WINDOW_SIZE
from lvvol.roi.propose import SIDES_MM
from lvvol.roi.square import Squares, labelled_square, overlap
from lvvol.train.examples import Example, Examples
from lvvol.train.sampling import (
    augment_intensity,
    jitter,
    patient_groups,
    random_rotations,
    random_squares,
    sample_squares,
    shuffled_batches,
)
from lvvol.train.stage import Stage
from lvvol.typing import Float32, Float64, Int64

_LOWEST_OVERLAP, _FULL_OVERLAP = 0.25, 0.85

# Windows drawn per labelled slice and epoch: close to its square, further around it, anywhere.
_N_NEAR, _N_AROUND, _N_ANYWHERE = 3, 3, 4
_WINDOWS_PER_SLICE = _N_NEAR + _N_AROUND + _N_ANYWHERE


def target_of(overlaps: Float64) -> Float32:
    """Return the target score of windows by their overlap with the labelled square.

    Scores must rank windows, not only accept them, since refinement (III-E) picks the best of many
    windows that all hold the LV. The target therefore rises with the overlap, from 0 at an IoU of
    0.25 to 1 at 0.85.
    """
    share = (overlaps - _LOWEST_OVERLAP) / (_FULL_OVERLAP - _LOWEST_OVERLAP)
    return np.clip(share, 0, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Windows:
    """A batch of windows.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, 6, size, size)
        Each with its mean subtracted.
    targets : ndarray of float32, shape (n,)
        `target_of` the overlap with the slice's labelled square.
    """

    windows: Float32
    targets: Float32

    def __len__(self) -> int:
        return len(self.targets)

    def part(self, own: slice) -> Windows:
        """Return some of the windows."""
        return Windows(self.windows[own], self.targets[own])


@dataclass(frozen=True, eq=False)
class WindowTask:
    """To score windows by how well they fit the LV's square.

    Parameters
    ----------
    examples : sequence of Example
        With masks at ED.
    batch : int
        Windows per step.
    size : int
        Rows and columns of a window.
    """

    examples: Sequence[Example]
    batch: int
    size: int = WINDOW_SIZE
    figure = "loss"

    def batches(self, rng: np.random.Generator) -> Iterator[Windows]:
        """Draw one epoch of windows, in random order."""
        groups = (self._draw(group, rng) for group in patient_groups(len(self.examples), rng))
        for windows, targets in shuffled_batches(groups, rng, self.batch):
            yield Windows(windows, targets)

    def losses(self, stage: Stage, batch: Windows) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of a batch, twice."""
        y = stage.compute.tensor(batch.targets)
        logits = stage.output(stage.compute.tensor(batch.windows))
        loss = functional.cross_entropy(logits, torch.stack([y, 1 - y], dim=1))
        return loss, loss

    def _draw(self, group: Int64, rng: np.random.Generator) -> tuple[Float32, Float32]:
        """Draw the windows of some patients."""
        windows, targets = [], []
        for number in group:
            example = self.examples[number]
            squares, slices, wanted = _draw(example, rng)
            turned = random_rotations(len(squares), rng)
            images = example.labels.stack.images
            planes = images.reshape(-1, *images.shape[2:])
            ed = sample_squares(planes, 2 * slices, squares, turned, self.size)
            es = sample_squares(planes, 2 * slices + 1, squares, turned, self.size)
            windows.append(augment_intensity(_cycle(ed, es, rng), rng))
            targets.append(wanted)
        drawn = np.concatenate(windows)
        drawn -= drawn.mean(axis=(1, 2, 3), keepdims=True)
        return drawn, np.concatenate(targets)


def _draw(example: Example, rng: np.random.Generator) -> tuple[Squares, Int64, Float32]:
    """Draw squares from every slice labelled at ED, with their slices and targets."""
    labels = example.labels
    shape = labels.stack.images.shape[2:]
    squares, slices, targets = [], [], []
    for z in np.flatnonzero(labels.labelled[:, 0]):
        truth = labelled_square(labels.masks[z, 0])
        base = example.squares[z][None]
        near = jitter(np.repeat(base, _N_NEAR, axis=0), rng, 0.12, (0.8, 1.25))
        around = jitter(np.repeat(base, _N_AROUND, axis=0), rng, 0.6, (0.5, 2.0))
        away = random_squares(shape, _N_ANYWHERE, rng, SIDES_MM)
        drawn = np.concatenate([near, around, away])
        squares.append(drawn)
        slices.append(np.full(len(drawn), z))
        targets.append(
            np.zeros(len(drawn), np.float32) if truth is None else target_of(overlap(drawn, truth))
        )
    return np.concatenate(squares), np.concatenate(slices), np.concatenate(targets)


def _cycle(ed: Float32, es: Float32, rng: np.random.Generator) -> Float32:
    """Make six phases of two, shape (n, 6, row, column): ED first and last, ES in the middle.

    The labelled studies hold only two phases. The others are blends, systolic to a random degree,
    so that training covers real cycles of any heart rate.
    """
    count = len(ed)
    weight = np.zeros((count, 6, 1, 1), dtype=np.float32)
    weight[:, 1, 0, 0] = rng.uniform(0, 1, count)
    weight[:, 2, 0, 0] = rng.uniform(0.8, 1, count)
    weight[:, 3, 0, 0] = rng.uniform(0.2, 1, count)
    weight[:, 4, 0, 0] = rng.uniform(0, 0.5, count)
    return ed[:, None] * (1 - weight) + es[:, None] * weight


def steps_per_epoch(examples: Examples, batch: int) -> int:
    """Return the optimizer's steps of one epoch."""
    return _WINDOWS_PER_SLICE * examples.n_slices_at_ed // batch
