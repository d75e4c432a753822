"""Alternate training of HFCN: P on masks, O on volumes (paper III-F to III-H)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lvvol.datasets import LabelledStack
from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.hfcn import HFCN
from lvvol.networks.layers import standardise
from lvvol.roi.square import Squares
from lvvol.train.loop import Stage
from lvvol.train.sampling import (
    augment_intensity,
    jitter,
    propagated_squares,
    random_rotations,
    sample_squares,
)
from lvvol.typing import Float32
from lvvol.volume import trapezoid_volume_ml

_SCALES = (0.75, 1.4)
_SHIFT = 0.15
_VOLUME_FLOOR_ML = 20.0


def train_segmentation_epoch(
    stage: Stage, network: HFCN, stacks: Sequence[LabelledStack], batch: int, bfloat16: bool
) -> float:
    """Train P on every labelled image once and return the mean cross-entropy in nats."""
    patches, masks = _segmentation_epoch(stacks, stage.rng)
    network.train()
    losses = []
    for start in range(0, len(patches) - batch + 1, batch):
        x = standardise(torch.from_numpy(patches[start : start + batch])[:, None])
        y = torch.from_numpy(masks[start : start + batch])
        logits, _ = _forward(network, x, bfloat16)
        loss = functional.cross_entropy(logits, torch.stack([y, 1 - y], dim=1))
        losses.append(stage.optimizer_step(loss))
    return float(np.mean(losses))


def train_volume_epoch(
    stage: Stage,
    network: HFCN,
    stacks: Sequence[LabelledStack],
    studies: int,
    volume_weight: float,
    bfloat16: bool,
) -> float:
    """Train O on the volumes of every study once and return the mean relative error."""
    order = stage.rng.permutation(len(stacks))
    network.train()
    errors = []
    for start in range(0, len(order) - studies + 1, studies):
        chosen = [stacks[i] for i in order[start : start + studies]]
        drawn = [_study(labels, stage.rng) for labels in chosen]
        x = torch.from_numpy(np.concatenate([patches for patches, _ in drawn]))
        _, area_map = _forward(network, standardise(x[:, None]), bfloat16)
        error = _volume_error(area_map.mean(dim=(1, 2, 3)), [s for _, s in drawn], chosen)
        stage.optimizer_step(volume_weight * error)
        errors.append(float(error.detach()))
    return float(np.mean(errors))


def _forward(network: HFCN, patches: Tensor, bfloat16: bool) -> tuple[Tensor, Tensor]:
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits, area_map = network(patches.contiguous(memory_format=torch.channels_last))
    return logits.float(), area_map.float()


def _volume_error(
    fractions: Tensor, squares: Sequence[Squares], studies: Sequence[LabelledStack]
) -> Tensor:
    """Return the mean relative error of all volumes (eqs. 7, 8).

    Fractions are those of each study's slices, each at ED and ES. Annotators differ in proportion
    to the heart rather than by a fixed volume; the 20 mL added to the denominator keep infants'
    hearts from outweighing all others.
    """
    sides_mm = torch.from_numpy(np.concatenate(squares)[:, 2:]).float()
    positions_mm = np.concatenate([labels.stack.positions_mm for labels in studies])
    volumes_ml = trapezoid_volume_ml(
        (fractions.reshape(-1, 2) * sides_mm**2).T,
        torch.from_numpy(positions_mm),
        [labels.stack.n_slices for labels in studies],
    )
    truth_ml = torch.tensor([labels.phase_volumes_ml for labels in studies]).T
    return ((volumes_ml - truth_ml).abs() / (truth_ml + _VOLUME_FLOOR_ML)).mean()


def _study(labels: LabelledStack, rng: np.random.Generator) -> tuple[Float32, Squares]:
    """Draw one study, rotated as a whole: patches (slice x phase, 48, 48), squares (slice, 3)."""
    squares = propagated_squares(labels)
    scale = np.exp(rng.uniform(np.log(0.85), np.log(1.35)))
    squares = jitter(squares, rng, 0.1, (0.9 * scale, 1.1 * scale))
    count = 2 * len(squares)
    planes = labels.stack.images.reshape(-1, *labels.stack.images.shape[2:])
    turned = np.repeat(random_rotations(1, rng), count, axis=0)
    patches = sample_squares(
        planes, np.arange(count), np.repeat(squares, 2, axis=0), turned, PATCH_SIZE
    )
    return augment_intensity(patches, rng), squares


def _segmentation_epoch(
    stacks: Sequence[LabelledStack], rng: np.random.Generator
) -> tuple[Float32, Float32]:
    """Draw every labelled image once: patches and masks, both (n, 48, 48), in random order."""
    patches, masks = [], []
    for labels in stacks:
        sources = np.flatnonzero(labels.labelled.ravel())
        squares = jitter(propagated_squares(labels)[sources // 2], rng, _SHIFT, _SCALES)
        turned = random_rotations(len(sources), rng)
        shape = labels.stack.images.shape[2:]
        planes = labels.stack.images.reshape(-1, *shape)
        drawn = labels.masks.reshape(-1, *shape).view(np.uint8)
        patches.append(
            augment_intensity(sample_squares(planes, sources, squares, turned, PATCH_SIZE), rng)
        )
        masks.append(sample_squares(drawn, sources, squares, turned, PATCH_SIZE))
    order = rng.permutation(sum(map(len, masks)))
    return np.concatenate(patches)[order], np.concatenate(masks)[order]


def steps_per_block(
    seg: Sequence[LabelledStack], vol: Sequence[LabelledStack], batch: int, studies: int
) -> tuple[int, int]:
    """Return the optimizer's steps of a segmentation epoch and of a volume epoch."""
    return sum(int(labels.labelled.sum()) for labels in seg) // batch, len(vol) // studies
