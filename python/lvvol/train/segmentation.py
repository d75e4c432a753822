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
    jitter,
    patient_groups,
    random_rotations,
    sample_patches,
    sample_squares,
    shuffled_batches,
)
from lvvol.train.stage import Stage
from lvvol.typing import Float32, Int64

_SCALES = (0.75, 1.4)
_SHIFT = 0.15


@dataclass(frozen=True, eq=False)
class Patches:
    """A batch of patches, shape (n, channel, 48, 48), with their masks, shape (n, 48, 48)."""

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
    channels : int
        Channels of a patch, as the network expects.
    area_weight : float
        Weight of the mean squared error of O; with 0, masks do not teach O.
    """

    examples: Sequence[Example]
    batch: int
    augmentation: Augmentation = "any_angle"
    channels: int = 1
    area_weight: float = 0.0
    figure = "cross_entropy"

    def batches(self, rng: np.random.Generator) -> Iterator[Patches]:
        """Draw every labelled image once, in random order."""
        groups = (
            self._draw(group, rng)
            for group in patient_groups(len(self.examples), rng, 512 // self.channels)
        )
        for patches, masks in shuffled_batches(groups, rng, self.batch):
            yield Patches(patches, masks)

    def losses(self, stage: Stage, batch: Patches) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch, and its cross-entropy in nats."""
        x = standardise(stage.compute.tensor(batch.patches))
        y = stage.compute.tensor(batch.masks)
        wanted = torch.stack([y, 1 - y], dim=1)
        if not self.area_weight:
            loss = functional.cross_entropy(stage.output(x, 0), wanted)
            return loss, loss
        logits, area_map = stage.outputs(x)
        entropy = functional.cross_entropy(logits, wanted)
        return entropy + self.area_weight * functional.mse_loss(area_map[:, 0], y), entropy

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
            drawn = labels.masks.reshape(-1, *shape).view(np.uint8)
            patches.append(
                sample_patches(labels.stack.images, sources, squares, turned, self.channels, rng)
            )
            masks.append(sample_squares(drawn, sources, squares, turned, PATCH_SIZE))
        return np.concatenate(patches), np.concatenate(masks)
