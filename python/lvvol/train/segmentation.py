"""P on masks: one half of a block (paper III-F and III-H)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lvvol.networks.configs import PATCH_SIZE
from lvvol.networks.layers import standardise
from lvvol.train.examples import Example
from lvvol.train.recipe import Augmentation
from lvvol.train.sampling import (
    augment_intensity,
    jitter,
    patient_groups,
    random_rotations,
    sample_squares,
    shuffled_batches,
)
from lvvol.train.stage import Stage
from lvvol.typing import Float32, Int64

_SCALES = (0.75, 1.4)
_SHIFT = 0.15


@dataclass(frozen=True, eq=False)
class Patches:
    """A batch of patches with their masks, both of shape (n, 48, 48)."""

    patches: Float32
    masks: Float32

    def __len__(self) -> int:
        return len(self.patches)

    def part(self, own: slice) -> Patches:
        """Return some of the patches."""
        return Patches(self.patches[own], self.masks[own])


@dataclass(frozen=True, eq=False)
class MaskTask:
    """To predict P on every labelled image.

    Parameters
    ----------
    examples : sequence of Example
        With masks.
    batch : int
        Patches per step.
    augmentation : {"any_angle", "quarter_turns"}
        How patches are turned.
    """

    examples: Sequence[Example]
    batch: int
    augmentation: Augmentation = "any_angle"
    figure = "cross_entropy"

    def batches(self, rng: np.random.Generator) -> Iterator[Patches]:
        """Draw every labelled image once, in random order."""
        groups = (self._draw(group, rng) for group in patient_groups(len(self.examples), rng))
        for patches, masks in shuffled_batches(groups, rng, self.batch):
            yield Patches(patches, masks)

    def losses(self, stage: Stage, batch: Patches) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of a batch in nats, twice."""
        x = standardise(stage.compute.tensor(batch.patches)[:, None])
        y = stage.compute.tensor(batch.masks)
        loss = functional.cross_entropy(stage.output(x, 0), torch.stack([y, 1 - y], dim=1))
        return loss, loss

    def _draw(self, group: Int64, rng: np.random.Generator) -> tuple[Float32, Float32]:
        """Draw the images of some patients."""
        patches, masks = [], []
        for number in group:
            example = self.examples[number]
            labels = example.labels
            sources = np.flatnonzero(labels.labelled.ravel())
            squares = jitter(example.squares[sources // 2], rng, _SHIFT, _SCALES)
            turned = random_rotations(len(sources), rng, self.augmentation)
            shape = labels.stack.images.shape[2:]
            planes = labels.stack.images.reshape(-1, *shape)
            drawn = labels.masks.reshape(-1, *shape).view(np.uint8)
            cut = sample_squares(planes, sources, squares, turned, PATCH_SIZE)
            patches.append(augment_intensity(cut, rng))
            masks.append(sample_squares(drawn, sources, squares, turned, PATCH_SIZE))
        return np.concatenate(patches), np.concatenate(masks)
