"""The trainings that are compared, and the patients that they learn from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from benchmarks.claims.late import measured_phantoms, write_late_phantoms
from lvvol.datasets import SHIPPED, Dataset, open_dataset, read_split
from lvvol.datasets.split import make_folds
from lvvol.train import Recipe, Selection
from lvvol.train.recipe import SegmentationRecipe

SHORT = SegmentationRecipe(blocks=16, warmup_blocks=2, volume_only_blocks=2, best_by="last")
"""A quarter of the shipped recipe's blocks: within 15 minutes on two cores."""

FEW_STUDIES: Mapping[str, Any] = MappingProxyType(
    {"blocks": 26, "warmup_blocks": 4, "volume_only_blocks": 4}
)
"""For so few studies that a block takes 10 s."""

Cohort = Literal["dsb2", "phantoms"]
"""Image pairs of DSB2, or phantoms."""

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
    volumes : {"dsb2", "phantoms"} or None
        Whose volumes are learned from too; phantoms are whole cines that begin anywhere in the
        cycle (`benchmarks.claims.late`).
    repick : bool
        Whether HFCN is trained twice, the second time with the phases that the first one measures.
    measured : {"dsb2", "phantoms"}
        Who is measured: the fold of DSB2, or other phantoms.
    changes : mapping
        What differs from `SHORT`.
    seeds : tuple of int
        Three where the difference is near the noise.
    """

    masks: str = "all"
    volumes: Cohort | None = "dsb2"
    repick: bool = False
    measured: Cohort = "dsb2"
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
    "masks only": Arm(volumes=None, seeds=THREE),
    "volumes only": Arm(masks="none"),
    "FCN, masks only": Arm(volumes=None, changes={"network": "fcn"}, seeds=THREE),
    # An error of 10 mL weighs about as much in each loss.
    "l1 on volumes": Arm(changes={"volume_loss": "l1", "volume_weight": 0.01}, seeds=THREE),
    "l2 on volumes": Arm(changes={"volume_loss": "l2", "volume_weight": 0.001}, seeds=THREE),
    "few masks": Arm(masks="few", volumes=None, seeds=THREE),
    "few masks and volumes": Arm(masks="few", seeds=THREE),
    "first picks": Arm("few", "phantoms", measured="phantoms", changes=FEW_STUDIES),
    "re-picked": Arm("few", "phantoms", repick=True, measured="phantoms", changes=FEW_STUDIES),
}


@dataclass(frozen=True)
class Fold:
    """Datasets, and those that no arm learns from: one fixed fold of DSB2, and some phantoms.

    Parameters
    ----------
    dsb2, sunnybrook : Path
        Image pairs.
    folder : Path
        Where splits and phantoms are written.
    """

    dsb2: Path
    sunnybrook: Path
    folder: Path

    def datasets(self, arm: Arm) -> tuple[list[Path], list[Path]]:
        """Return the datasets with masks and with volumes of an arm."""
        seg = {"all": [self.dsb2, self.sunnybrook], "few": [self.sunnybrook], "none": []}
        if arm.volumes is None:
            return seg[arm.masks], []
        return seg[arm.masks], [self.dsb2 if arm.volumes == "dsb2" else self._late_phantoms()]

    def measured(self, arm: Arm) -> Dataset:
        """Return those on whom an arm is measured, with masks and volumes."""
        if arm.measured == "phantoms":
            return measured_phantoms()
        return open_dataset(self.dsb2).select(set(self.held_out()).__contains__)

    def _late_phantoms(self) -> Path:
        return write_late_phantoms(self.folder / "late_phantoms")

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
        name = "few" if arm.masks == "few" else "all"
        if arm.volumes == "phantoms":
            name += "_phantoms"
            learned = [*open_dataset(self._late_phantoms()).names, *drawn]
        path = self.folder / f"{name}.json"
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
