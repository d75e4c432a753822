"""`Recipe`, everything a training run depends on besides its data."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lvvol.errors import RecipeError
from lvvol.typing import StrPath

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
    """How HFCN is trained, alternately on segmentation and on volume labels (paper III-H).

    Parameters
    ----------
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
    learning_rate : float
        Highest rate of the schedule.
    weight_decay : float
        Weight decay of AdamW.
    volume_weight : float
        Weight of the relative error of volumes against the cross-entropy of P in nats.

    Raises
    ------
    ValueError
        If a count is below 1, a rate below 0 or not finite, or some blocks would train nothing.
    """

    blocks: int = 40
    volume_only_blocks: int = 0
    warmup_blocks: int = 4
    batch: int = 64
    studies: int = 4
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    volume_weight: float = 1.4

    def __post_init__(self) -> None:
        _at_least(1, blocks=self.blocks, batch=self.batch, studies=self.studies)
        _at_least(
            0,
            volume_only_blocks=self.volume_only_blocks,
            warmup_blocks=self.warmup_blocks,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            volume_weight=self.volume_weight,
        )
        if self.volume_only_blocks + self.warmup_blocks > self.blocks:
            raise ValueError(
                f"volume_only_blocks, warmup_blocks: expected no more than {self.blocks} blocks "
                f"together, got {self.volume_only_blocks} and {self.warmup_blocks}"
            )


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


def read_recipe(path: StrPath) -> Recipe:
    """Read a recipe from TOML; missing keys keep their defaults.

    Parameters
    ----------
    path : str or path-like
        Keys as in `Recipe`, tables ``[detector]``, ``[classifier]`` and ``[segmentation]``.

    Raises
    ------
    RecipeError
        If the file cannot be read, a key is unknown, or a value has the wrong type or is out of
        range.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    # ValueError: TOML, UTF-8 or a whole number of thousands of digits; RecursionError: nesting.
    except (OSError, ValueError, RecursionError) as error:
        raise RecipeError(f"{path}: expected a TOML recipe, got {error}") from error
    recipe: Recipe = _build(Recipe, values, str(path))
    return recipe


def _build(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    """Fill a dataclass, checking each value against the type of its default."""
    default = kind()
    known = {f.name for f in dataclasses.fields(kind)}
    filled = {}
    for key, value in values.items():
        if key not in known:
            raise RecipeError(f"{where}: expected one of {', '.join(sorted(known))}, got {key!r}")
        old = getattr(default, key)
        if dataclasses.is_dataclass(old):
            if not isinstance(value, dict):
                raise RecipeError(f"{where}: {key}: expected a table, got {value!r}")
            filled[key] = _build(type(old), value, f"{where}: {key}")
            continue
        wanted = (int, float) if isinstance(old, float) else (type(old),)
        if not isinstance(value, wanted) or isinstance(value, bool) != isinstance(old, bool):
            raise RecipeError(f"{where}: {key}: expected {type(old).__name__}, got {value!r}")
        try:
            filled[key] = type(old)(value)
        except OverflowError as error:
            raise RecipeError(f"{where}: {key}: {error}") from error
    try:
        return kind(**filled)
    except ValueError as error:
        raise RecipeError(f"{where}: {error}") from error


def _at_least(lowest: int, **values: float) -> None:
    for name, value in values.items():
        if not lowest <= value < math.inf:
            raise ValueError(f"{name}: expected at least {lowest} and finite, got {value}")
        if isinstance(value, int) and value > _LARGEST:
            raise ValueError(f"{name}: expected at most {_LARGEST}, got {value}")
