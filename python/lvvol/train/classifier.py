"""Training of `RoiClassifier`: windows around labelled squares and away from them (paper III-D)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from lvvol.datasets import LabelledStack
from lvvol.networks.roi_classifier import RoiClassifier
from lvvol.roi.propose import SIDES_MM
from lvvol.roi.square import Squares, labelled_square, overlap
from lvvol.train.loop import Stage
from lvvol.train.sampling import (
    augment_intensity,
    jitter,
    propagated_squares,
    random_rotations,
    random_squares,
    sample_squares,
)
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


def window_epoch(
    stacks: Sequence[LabelledStack], rng: np.random.Generator, size: int
) -> tuple[Float32, Float32]:
    """Draw one epoch of windows.

    Parameters
    ----------
    stacks : sequence of LabelledStack
        With masks at ED.
    rng : Generator
        Random numbers.
    size : int
        Rows and columns of a window.

    Returns
    -------
    windows : ndarray of float32, shape (n, 6, size, size)
        Each with its mean subtracted.
    targets : ndarray of float32, shape (n,)
        `target_of` the overlap with the slice's labelled square.
    """
    windows, targets = [], []
    for labels in stacks:
        squares, slices, wanted = _draw(labels, rng)
        turned = random_rotations(len(squares), rng)
        planes = labels.stack.images.reshape(-1, *labels.stack.images.shape[2:])
        ed = sample_squares(planes, 2 * slices, squares, turned, size)
        es = sample_squares(planes, 2 * slices + 1, squares, turned, size)
        windows.append(augment_intensity(_cycle(ed, es, rng), rng))
        targets.append(wanted)
    order = rng.permutation(sum(map(len, targets)))
    all_windows = np.concatenate(windows)[order]
    all_windows -= all_windows.mean(axis=(1, 2, 3), keepdims=True)
    return all_windows, np.concatenate(targets)[order]


def _draw(labels: LabelledStack, rng: np.random.Generator) -> tuple[Squares, Int64, Float32]:
    """Draw squares from every slice labelled at ED, with their slices and targets."""
    shape = labels.stack.images.shape[2:]
    fallback = propagated_squares(labels)
    squares, slices, targets = [], [], []
    for z in np.flatnonzero(labels.labelled[:, 0]):
        truth = labelled_square(labels.masks[z, 0])
        base = fallback[z][None]
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


def train_epoch(
    stage: Stage,
    network: RoiClassifier,
    stacks: Sequence[LabelledStack],
    batch: int,
    bfloat16: bool,
) -> float:
    """Train for one epoch and return the mean loss."""
    windows, targets = window_epoch(stacks, stage.rng, network.config.size)
    network.train()
    losses = []
    for start in range(0, len(windows) - batch + 1, batch):
        x = torch.from_numpy(windows[start : start + batch])
        y = torch.from_numpy(targets[start : start + batch])
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = network(x.to(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), torch.stack([y, 1 - y], dim=1))
        losses.append(stage.optimizer_step(loss))
    return float(np.mean(losses))


def steps_per_epoch(stacks: Sequence[LabelledStack], batch: int) -> int:
    """Return the optimizer's steps of one epoch."""
    n_slices = sum(int(labels.labelled[:, 0].sum()) for labels in stacks)
    return _WINDOWS_PER_SLICE * n_slices // batch
