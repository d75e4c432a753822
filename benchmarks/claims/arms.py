"""The trainings that are compared, and the patients that they learn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lvvol.datasets import SHIPPED, open_dataset, read_split
from lvvol.datasets.split import make_folds
from lvvol.train import Recipe, Selection
from lvvol.train.recipe import SegmentationRecipe

SHORT = SegmentationRecipe(blocks=16, warmup_blocks=2, volume_only_blocks=2, best_by="last")
"""A quarter of the shipped recipe's blocks: within 15 minutes on two cores."""

FOLDS = 5
N_FEW = 20
"""Patients with masks in the paper's own situation."""


@dataclass(frozen=True)
class Arm:
    """One training.

    Parameters
    ----------
    masks : {"all", "few", "none"}
        Masks of DSB2 and Sunnybrook, of 20 Sunnybrook patients, or of nobody.
    volumes : bool
        Whether volumes of DSB2 are learned from too.
    changes : mapping
        What differs from `SHORT`.
    seeds : tuple of int
        Three where the difference is near the noise.
    """

    masks: str = "all"
    volumes: bool = True
    changes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    seeds: tuple[int, ...] = (1,)

    @property
    def sources(self) -> tuple[str, ...]:
        """Where areas come from: O only where volumes taught it."""
        return ("o", "p") if self.volumes else ("p",)

    def recipe(self, seed: int) -> Recipe:
        """Return the recipe, in float32, which any processor computes."""
        return Recipe(seed=seed, segmentation=replace(SHORT, **self.changes))


THREE = (1, 2, 3)
ARMS = {
    "alternate": Arm(seeds=THREE),
    "masks only": Arm(volumes=False, seeds=THREE),
    "volumes only": Arm(masks="none"),
    "FCN, masks only": Arm(volumes=False, changes={"network": "fcn"}, seeds=THREE),
    # An error of 10 mL weighs about as much in each loss.
    "l1 on volumes": Arm(changes={"volume_loss": "l1", "volume_weight": 0.01}, seeds=THREE),
    "l2 on volumes": Arm(changes={"volume_loss": "l2", "volume_weight": 0.001}, seeds=THREE),
    "few masks": Arm(masks="few", volumes=False, seeds=THREE),
    "few masks and volumes": Arm(masks="few", seeds=THREE),
}


@dataclass(frozen=True)
class Fold:
    """Datasets, and one fixed fold of DSB2 that no arm learns from.

    Parameters
    ----------
    dsb2, sunnybrook : Path
        Image pairs.
    folder : Path
        Where splits are written.
    """

    dsb2: Path
    sunnybrook: Path
    folder: Path

    def datasets(self, arm: Arm) -> tuple[list[Path], list[Path]]:
        """Return the datasets with masks and with volumes of an arm."""
        seg = {"all": [self.dsb2, self.sunnybrook], "few": [self.sunnybrook], "none": []}
        return seg[arm.masks], [self.dsb2] if arm.volumes else []

    def selection(self, arm: Arm) -> Selection:
        """Write the split of an arm and return its part to learn from."""
        shipped = read_split(SHIPPED)
        # The test patients, and those left out, stay unused.
        known = {
            place: [
                name
                for name in open_dataset(place).names
                if shipped.part_of(name) in ("train", "calibration", "validation")
            ]
            for place in (self.dsb2, self.sunnybrook)
        }
        held_out = set(self.held_out())
        drawn = known[self.sunnybrook]
        if arm.masks == "few":
            drawn = drawn[:N_FEW]
        learned = [*(n for n in known[self.dsb2] if n not in held_out), *drawn]
        everybody = {n for place in known for n in open_dataset(place).names}
        path = self.folder / f"{'few' if arm.masks == 'few' else 'all'}.json"
        parts = {"train": learned, "measured": sorted(held_out)}
        parts["unused"] = sorted(everybody - set(learned) - held_out)
        path.write_text(json.dumps(parts), encoding="utf-8")
        return Selection(path)

    def held_out(self) -> tuple[str, ...]:
        """Return the patients to measure: those of the first fold with masks and volumes."""
        shipped = read_split(SHIPPED)
        names = [
            name
            for name in open_dataset(self.dsb2).names
            if shipped.part_of(name) in ("train", "calibration", "validation")
        ]
        return make_folds("claims", names, FOLDS).parts["fold:1"]
