"""`RunFolder`, what a training run leaves on disk."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lvvol.errors import OutputError
from lvvol.output import write_file, write_files
from lvvol.train.history import draw_curves, history_csv
from lvvol.train.recipe import Recipe
from lvvol.train.stage import Stage

RUN_FILE = "run.json"

_SECONDS_BETWEEN_CURVES = 30.0


class RunFolder:
    """The files of a run: recipe, record, weights, checkpoints and histories.

    Parameters
    ----------
    path : Path
        The folder.
    writes : bool
        Whether this process writes; among several that train together only one does.
    """

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path = path
        self._writes = writes
        self._drawn_s: dict[str, float] = {}

    def checkpoint(self, stage: str) -> Path:
        """Return the file of a stage's checkpoint."""
        return self.path / f"{stage}.checkpoint"

    def prepare(self, stages: Iterable[str], recipe: Recipe, resume: bool) -> None:
        """Create the folder; an earlier ``recipe.json`` stays until its checkpoints are checked.

        Raises
        ------
        OutputError
            If it cannot be created, or has a checkpoint of one of the stages and `resume` is false.
        """
        if not self._writes:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            earlier = any(self.checkpoint(stage).exists() for stage in stages)
            if earlier and not resume:
                raise OutputError(
                    f"{self.path}: expected an empty folder or resume, got an earlier run"
                )
            for part in self.path.glob(".*.part"):  # of a run that was killed while it wrote
                part.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.path}: expected a folder to write to, got {error}") from error
        if not earlier:
            self.write_recipe(recipe)

    def write_recipe(self, recipe: Recipe) -> None:
        """Write ``recipe.json``."""
        self.write({"recipe.json": json.dumps(recipe.to_dict(), indent=2).encode()})

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write files, none before all are known to fit."""
        if self._writes and contents:
            write_files({self.path / name: content for name, content in contents.items()})

    def record(self, stage: str, facts: Mapping[str, Any]) -> None:
        """Add to ``run.json`` what a stage was trained with, and the versions that trained it."""
        if not self._writes:
            return
        path = self.path / RUN_FILE
        try:
            known = json.loads(path.read_bytes())
        except (OSError, ValueError):
            known = {}
        versions = {name: version(name) for name in ("lvvol", "numpy", "torch")}
        record = {**facts, "versions": {"python": platform.python_version(), **versions}}
        content = json.dumps({**known, stage: record}, indent=1, default=str)
        write_file(path, content.encode())

    def save(self, stage: Stage, weights: Mapping[str, bytes], *, checkpoint: bool = True) -> None:
        """Write a stage after an epoch: weights and history, and the checkpoint last.

        Where the process is killed in between, the epoch is repeated from the checkpoint before,
        with the same result.
        """
        if not self._writes:
            return
        contents = {
            **weights,
            f"{stage.name}_history.json": json.dumps(stage.history, indent=1).encode(),
            f"{stage.name}_history.csv": history_csv(stage.history, stage.times),
        }
        if checkpoint:
            contents[self.checkpoint(stage.name).name] = stage.checkpoint()
        self.write(contents)

    def draw(self, stage: Stage, at_once: bool) -> None:
        """Draw the curves of a stage, now or if the last ones are some time old."""
        now = time.monotonic()
        last = self._drawn_s.setdefault(stage.name, now)
        if not self._writes or not stage.history:
            return
        if at_once or now - last > _SECONDS_BETWEEN_CURVES:
            self._drawn_s[stage.name] = now
            write_file(
                self.path / f"{stage.name}_curves.png", draw_curves(stage.name, stage.history)
            )
