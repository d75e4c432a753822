"""Small cohorts, and a model that measures them at once."""

from __future__ import annotations

import csv
import os
import time
from dataclasses import replace
from pathlib import Path

from lvvol.cine import CineStack
from lvvol.cohort.item import Item, name_items
from lvvol.prediction import Prediction
from tests.support.discs import disc_prediction
from tests.support.studies import good_study


class DiscModel:
    """Stands in for `lvvol.Model`; every study is a study of discs."""

    calibration = None

    def __init__(self, weights_sha256: str = "w", seconds: float = 0.0) -> None:
        self.weights_sha256 = weights_sha256
        self.engine = "cpu: core"
        self.seconds = seconds
        self.measured: list[str] = []

    def predict(self, stack: CineStack, *, threads: int, level: float) -> Prediction:
        """Return discs, as many slices as the stack has."""
        time.sleep(self.seconds)
        self.measured.append(stack.study_uid)
        made = disc_prediction(stack.n_slices, stack.n_phases)
        return replace(
            made, stack=replace(made.stack, study_uid=stack.study_uid, files=stack.files)
        )

    def check_level(self, level: float) -> None:
        """Take any level."""


class DiscWeights:
    """Stands in for `lvvol.cohort.dask_run.Weights`: workers get a `DiscModel`."""

    def __init__(self, seconds: float = 0.0, poison: str = "") -> None:
        self.seconds, self.poison = seconds, poison

    def load(self, folder: Path) -> DiscModel:
        """Return the model."""
        return PoisonedModel(self.seconds, self.poison)


class PoisonedModel(DiscModel):
    """Ends its process when it meets one study."""

    def __init__(self, seconds: float, poison: str) -> None:
        super().__init__(seconds=seconds)
        self.poison = poison

    def predict(self, stack: CineStack, *, threads: int, level: float) -> Prediction:
        """Return discs, or none."""
        if stack.study_uid == self.poison:
            os._exit(1)
        return super().predict(stack, threads=threads, level=level)


def studies(root: Path, *names: str) -> list[Item]:
    """Write small studies and name them."""
    for name in names:
        good_study(root / name)
    return name_items([Item(root / name) for name in names])


def rows(path: Path, without: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """Read a table, without some of its columns."""
    with path.open(newline="") as file:
        return [
            {key: value for key, value in row.items() if key not in without}
            for row in csv.DictReader(file)
        ]
