"""The loop that every network trains in: tasks, epochs and blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from torch import Tensor

from lvvol.train.background import Background
from lvvol.train.stage import Stage


class Batch(Protocol):
    """Examples of one optimizer step."""

    def __len__(self) -> int:
        """Return the number of examples."""
        ...

    def part(self, own: slice) -> Self:
        """Return some of the examples."""
        ...


class Task(Protocol):
    """One thing to learn, an epoch of which is part of a block."""

    figure: str
    """Name of its loss in the history."""

    def batches(self, rng: np.random.Generator) -> Iterator[Any]:
        """Draw one epoch of batches."""
        ...

    def losses(self, stage: Stage, batch: Any) -> tuple[Tensor, Tensor]:
        """Return the loss to learn from and the one to report."""
        ...


@dataclass(frozen=True)
class _BlockEnd:
    """The random numbers' state after a block's last batch."""

    random: Mapping[str, Any]


def train_epoch(stage: Stage, task: Task, batches: Iterable[Batch] | None = None) -> float:
    """Train on one epoch of a task.

    Parameters
    ----------
    stage : Stage
        The network.
    task : Task
        What it learns.
    batches : iterable of Batch, optional
        Batches of this epoch; drawn with the stage's random numbers by default.

    Returns
    -------
    float
        Mean of the reported loss over the steps.
    """
    stage.network.train()
    reported: list[Tensor] = []
    for batch in task.batches(stage.rng) if batches is None else batches:
        weight = stage.ranks.weight(len(batch))
        own = batch.part(stage.ranks.own(len(batch))) if stage.ranks.world > 1 else batch
        loss, figure = task.losses(stage, own)
        stage.optimizer_step(loss if weight == 1 else weight * loss)
        reported.append(weight * figure.detach())
    # Read at the end: each value read makes the host wait for a GPU.
    mean = float(np.mean([float(value) for value in reported]))
    return stage.ranks.mean([mean], stage.compute.device)[0]


def train_blocks(
    stage: Stage,
    blocks: int,
    tasks_of: Callable[[int], Sequence[Task]],
    after: Callable[[dict[str, float]], bool],
) -> None:
    """Train the remaining blocks.

    Parameters
    ----------
    stage : Stage
        The network; its `epoch` says how many blocks are done.
    blocks : int
        Number of all blocks.
    tasks_of : callable
        Returns the tasks of a block, given its number from 0.
    after : callable
        Called after each block, when the stage can be saved, with the losses of the block; returns
        whether to stop early.

    Notes
    -----
    Batches are drawn in the background, also those of the next block, by random numbers of their
    own, whose state after a block becomes the stage's when the block ends.
    """
    if stage.epoch >= blocks:
        return
    with Background(_batches(stage.rng, range(stage.epoch, blocks), tasks_of)) as ready:
        while stage.epoch < blocks:
            began, waited_s = time.perf_counter(), ready.waited_s
            figures = {
                task.figure: train_epoch(stage, task, _until_end(ready))
                for task in tasks_of(stage.epoch)
            }
            end = next(ready)
            assert isinstance(end, _BlockEnd)
            stage.rng.bit_generator.state = end.random
            stage.epoch += 1
            seconds = time.perf_counter() - began
            waited = (ready.waited_s - waited_s) / seconds
            stage.times.append({"seconds": seconds, "waiting_share": waited})
            if after(figures):
                return


def _batches(
    rng: np.random.Generator, blocks: range, tasks_of: Callable[[int], Sequence[Task]]
) -> Iterator[Batch | _BlockEnd | None]:
    """Draw the batches of blocks: None after each epoch, `_BlockEnd` after each block."""
    own = np.random.default_rng()
    own.bit_generator.state = rng.bit_generator.state
    for block in blocks:
        for task in tasks_of(block):
            yield from task.batches(own)
            yield None
        yield _BlockEnd(own.bit_generator.state)


def _until_end(ready: Iterator[Batch | _BlockEnd | None]) -> Iterator[Batch]:
    """Yield the batches of one epoch."""
    for batch in ready:
        if batch is None:
            return
        assert not isinstance(batch, _BlockEnd)
        yield batch
