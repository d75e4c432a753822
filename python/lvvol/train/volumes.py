"""O on volumes: the other half of a block (paper III-G and III-H)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lvvol.networks.layers import standardise
from lvvol.roi.square import Squares
from lvvol.train.examples import Example
from lvvol.train.recipe import Augmentation, VolumeLoss
from lvvol.train.sampling import jitter, random_rotations, sample_patches
from lvvol.train.stage import Stage
from lvvol.typing import Float32, Float64
from lvvol.volume import trapezoid_volume_ml

_VOLUME_FLOOR_ML = 20.0


@dataclass(frozen=True, eq=False)
class Study:
    """A study as drawn, rotated as a whole.

    Parameters
    ----------
    patches : ndarray of float32, shape (slice x phase, channel, 48, 48)
        ED and ES of each slice.
    squares : ndarray, shape (slice, 3)
        Their squares.
    positions_mm : ndarray, shape (slice,)
        Positions of the slices.
    volumes_ml : (float, float)
        Labelled volumes of the two phases.
    """

    patches: Float32
    squares: Squares
    positions_mm: Float64
    volumes_ml: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Studies:
    """A batch of studies, each of which stays whole."""

    studies: list[Study]

    def __len__(self) -> int:
        return len(self.studies)

    def part(self, own: slice) -> Studies:
        """Return some of the studies."""
        return Studies(self.studies[own])


@dataclass(frozen=True, eq=False)
class VolumeTask:
    """To predict O, by the volumes at ED and ES.

    Parameters
    ----------
    examples : sequence of Example
        With volumes.
    studies : int
        Studies per step.
    loss : {"relative", "l1", "l2"}
        Which error is learned from; the relative one is reported.
    weight : float
        Weight of the loss.
    augmentation : {"any_angle", "quarter_turns"}
        How studies are turned.
    channels : int
        Channels of a patch, as the network expects.
    """

    examples: Sequence[Example]
    studies: int
    loss: VolumeLoss = "relative"
    weight: float = 1.4
    augmentation: Augmentation = "any_angle"
    channels: int = 1
    figure = "volume_error"

    def batches(self, rng: np.random.Generator) -> Iterator[Studies]:
        """Draw every study once, in random order."""
        order = rng.permutation(len(self.examples))
        for start in range(0, len(order) - self.studies + 1, self.studies):
            chosen = [self.examples[i] for i in order[start : start + self.studies]]
            yield Studies([self._draw(example, rng) for example in chosen])

    def losses(self, stage: Stage, batch: Studies) -> tuple[Tensor, Tensor]:
        """Return the loss of the volumes, and their mean relative error."""
        studies = batch.studies
        x = stage.compute.tensor(np.concatenate([study.patches for study in studies]))
        fractions = stage.output(standardise(x), 1).mean(dim=(1, 2, 3))
        squares = np.concatenate([study.squares for study in studies])
        sides_mm = stage.compute.tensor(np.ascontiguousarray(squares[:, 2:])).float()
        volumes_ml = trapezoid_volume_ml(
            (fractions.reshape(-1, 2) * sides_mm**2).T,
            stage.compute.tensor(np.concatenate([study.positions_mm for study in studies])),
            [len(study.squares) for study in studies],
        )
        truth_ml = torch.tensor([study.volumes_ml for study in studies], device=x.device).T
        errors_ml = (volumes_ml - truth_ml).abs()
        # Annotators differ in proportion to the heart rather than by a fixed volume; what is added
        # to the denominator keeps infants' hearts from outweighing all others.
        relative = (errors_ml / (truth_ml + _VOLUME_FLOOR_ML)).mean()
        if self.loss == "relative":
            return self.weight * relative, relative
        error = errors_ml if self.loss == "l1" else errors_ml**2
        return self.weight * error.mean(), relative

    def _draw(self, example: Example, rng: np.random.Generator) -> Study:
        """Draw one study."""
        stack, volumes_ml = example.labels.stack, example.labels.phase_volumes_ml
        assert volumes_ml is not None
        scale = np.exp(rng.uniform(np.log(0.85), np.log(1.35)))
        squares = jitter(example.squares, rng, 0.1, (0.9 * scale, 1.1 * scale))
        count = 2 * len(squares)
        turned = np.repeat(random_rotations(1, rng, self.augmentation), count, axis=0)
        patches = sample_patches(
            stack.images,
            np.arange(count),
            np.repeat(squares, 2, axis=0),
            turned,
            self.channels,
            rng,
        )
        return Study(patches, squares, stack.positions_mm, volumes_ml)
