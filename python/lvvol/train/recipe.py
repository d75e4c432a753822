"""`Recipe`, everything a training run depends on besides its data."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

NetworkName = Literal["hfcn", "hfcn_wide", "hfcn_context", "fcn"]
OptimizerName = Literal["adamw", "sgd"]
ScheduleName = Literal["cosine", "step"]
VolumeLoss = Literal["relative", "l1", "l2"]
Augmentation = Literal["any_angle", "quarter_turns"]
BestBy = Literal["volumes", "dice", "last"]

_LARGEST = 2**63 - 1
"""Largest whole number: a seed of torch and of the core."""


@dataclass(frozen=True)
class DetectorRecipe:
    """How the cascade that proposes squares is trained.

    Parameters
    ----------
    stages : int
        Largest number of stages.
    copies : int
        Windows per labelled square, each shifted, scaled and rotated at random.
    slices_beside_middle : int
        Number of slices on either side of the middle one that give positives too.
    min_hit_rate, max_false_alarm_rate : float
        Targets of each stage; see `lvvol.train_cascade`.
    held_out : float
        Share of the positives that set the thresholds and are not fitted to.
    negatives : int
        Number of false alarms to train each stage on.
    max_trees : int
        Largest number of trees per stage.
    phantoms : int
        Number of synthetic studies whose whole field of view gives negatives.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    stages: int = 14
    copies: int = 6
    slices_beside_middle: int = 1
    min_hit_rate: float = 0.998
    max_false_alarm_rate: float = 0.5
    held_out: float = 0.2
    negatives: int = 8000
    max_trees: int = 120
    phantoms: int = 24

    def __post_init__(self) -> None:
        _at_least(
            1,
            stages=self.stages,
            copies=self.copies,
            negatives=self.negatives,
            max_trees=self.max_trees,
        )
        _at_least(0, slices_beside_middle=self.slices_beside_middle, phantoms=self.phantoms)
        for name in ("min_hit_rate", "max_false_alarm_rate"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f"{name}: expected above 0 and below 1, got {value}")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out: expected at least 0 and below 1, got {self.held_out}")


@dataclass(frozen=True)
class ClassifierRecipe:
    """How `RoiClassifier` is trained.

    Parameters
    ----------
    epochs : int
        Passes over all slices.
    batch : int
        Windows per step.
    learning_rate : float
        Highest rate of the schedule.
    weight_decay : float
        Weight decay of AdamW.

    Raises
    ------
    ValueError
        If a count is below 1, or a rate below 0 or not finite.
    """

    epochs: int = 14
    batch: int = 256
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        _at_least(1, epochs=self.epochs, batch=self.batch)
        _at_least(0, learning_rate=self.learning_rate, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class SegmentationRecipe:
    """How HFCN is trained on segmentation and on volume labels (paper III-H).

    Parameters
    ----------
    network : {"hfcn", "hfcn_wide", "hfcn_context", "fcn"}
        `HFCN` in the sizes of the paper's published weights, the authors' wider variant, ours that
        sees neighbouring slices and the opposite phase (`lvvol.patches`), or the authors' baseline
        `FCN`, which learns from masks only.
    blocks : int
        Blocks of one segmentation epoch and one volume epoch.
    volume_only_blocks : int
        Number of last blocks without a segmentation epoch.
    warmup_blocks : int
        Number of first blocks without a volume epoch.
    batch : int
        Patches per segmentation step.
    studies : int
        Studies per volume step.
    optimizer : {"adamw", "sgd"}
        AdamW, or stochastic gradient descent with momentum.
    momentum : float
        Momentum of SGD, 0 to below 1.
    learning_rate : float
        Highest rate of the schedule.
    weight_decay : float
        Weight decay of the optimizer.
    clip_norm : float
        Gradients of a larger norm are scaled down to it.
    schedule : {"cosine", "step"}
        A short linear rise and a cosine to 0, or `step_factor` every `step_blocks` blocks.
    step_blocks : int
        Blocks between two steps of the schedule.
    step_factor : float
        What the rate is multiplied by at each step.
    volume_loss : {"relative", "l1", "l2"}
        |V - V'| / (V + 20 mL), |V - V'| in mL (paper, eq. 5) or (V - V')^2 in mL^2.
    volume_weight : float
        Weight of the loss of volumes against the cross-entropy of P in nats.
    area_weight : float
        Weight, in mask epochs, of the mean squared error of O against masks; 0 leaves O to the
        volumes alone, as in the paper.
    augmentation : {"any_angle", "quarter_turns"}
        How patches are turned: by any angle, or by quarter turns as in the paper; half of them are
        mirrored in both.
    ema_decay : float
        Measure with the exponential moving average of the weights over the steps, with this decay;
        0 for the weights themselves.
    best_by : {"volumes", "dice", "last"}
        Which block's weights are kept where patients are left out for validation: the one with the
        smallest mean error of EDV and ESV, the one with the largest mean Dice, or the last.
    patience : int
        Stop after this many blocks without a better one; 0 for never.

    Raises
    ------
    ValueError
        If a count is below 1, a rate below 0 or not finite, a choice unknown, or some blocks would
        train nothing.
    """

    network: NetworkName = "hfcn"
    blocks: int = 40
    volume_only_blocks: int = 0
    warmup_blocks: int = 4
    batch: int = 64
    studies: int = 4
    optimizer: OptimizerName = "adamw"
    momentum: float = 0.9
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    clip_norm: float = 1.0
    schedule: ScheduleName = "cosine"
    step_blocks: int = 70
    step_factor: float = 0.1
    volume_loss: VolumeLoss = "relative"
    volume_weight: float = 1.4
    area_weight: float = 0.0
    augmentation: Augmentation = "any_angle"
    ema_decay: float = 0.0
    best_by: BestBy = "volumes"
    patience: int = 0

    def __post_init__(self) -> None:
        _at_least(
            1,
            blocks=self.blocks,
            batch=self.batch,
            studies=self.studies,
            step_blocks=self.step_blocks,
        )
        _at_least(
            0,
            volume_only_blocks=self.volume_only_blocks,
            warmup_blocks=self.warmup_blocks,
            momentum=self.momentum,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            step_factor=self.step_factor,
            volume_weight=self.volume_weight,
            area_weight=self.area_weight,
            ema_decay=self.ema_decay,
            patience=self.patience,
        )
        for name in ("momentum", "ema_decay"):
            if not getattr(self, name) < 1:
                raise ValueError(f"{name}: expected below 1, got {getattr(self, name)}")
        if self.clip_norm == 0:
            raise ValueError("clip_norm: expected above 0, got 0.0")
        for name, choices in (
            ("network", NetworkName),
            ("optimizer", OptimizerName),
            ("schedule", ScheduleName),
            ("volume_loss", VolumeLoss),
            ("augmentation", Augmentation),
            ("best_by", BestBy),
        ):
            known, value = get_args(choices), getattr(self, name)
            if value not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
        if self.volume_only_blocks + self.warmup_blocks > self.blocks:
            raise ValueError(
                f"volume_only_blocks, warmup_blocks: expected no more than {self.blocks} blocks "
                f"together, got {self.volume_only_blocks} and {self.warmup_blocks}"
            )
        if self.patience and self.best_by == "last":
            raise ValueError("patience: expected 0 where best_by is 'last', which knows no better")


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on besides its data.

    Parameters
    ----------
    seed : int
        Seed of every random choice.
    bfloat16 : bool
        Compute in bfloat16 where torch considers it safe; weights stay float32.
    detector : DetectorRecipe
        The cascade's part.
    classifier : ClassifierRecipe
        The ROI classifier's part.
    segmentation : SegmentationRecipe
        HFCN's part.
    """

    seed: int = 1
    bfloat16: bool = False
    detector: DetectorRecipe = field(default_factory=DetectorRecipe)
    classifier: ClassifierRecipe = field(default_factory=ClassifierRecipe)
    segmentation: SegmentationRecipe = field(default_factory=SegmentationRecipe)

    def __post_init__(self) -> None:
        _at_least(0, seed=self.seed)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, as a checkpoint stores it."""
        return dataclasses.asdict(self)


def _at_least(lowest: int, **values: float) -> None:
    for name, value in values.items():
        if not lowest <= value < math.inf:
            raise ValueError(f"{name}: expected at least {lowest} and finite, got {value}")
        if isinstance(value, int) and value > _LARGEST:
            raise ValueError(f"{name}: expected at most {_LARGEST}, got {value}")
