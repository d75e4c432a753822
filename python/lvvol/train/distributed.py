"""Several processes that train one network, started by torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

Value = TypeVar("Value")


@dataclass(frozen=True)
class Ranks:
    """Which of the processes that train together this is.

    Each takes every `world`-th entry of a batch, so that a recipe's batch is the same for any
    number of processes. The first one writes.

    Parameters
    ----------
    rank : int
        Its number, from 0.
    world : int
        How many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def own(self, count: int) -> slice:
        """Return which of `count` entries are this process's, at least one.

        Raises
        ------
        ValueError
            If there are fewer entries than processes.
        """
        if count < self.world:
            raise ValueError(
                f"expected at least {self.world} entries in a batch, one for each process, "
                f"got {count}"
            )
        return slice(self.rank, None, self.world)

    def weight(self, count: int) -> float:
        """Return by what a mean over own entries is multiplied.

        The average over processes, which is what gradients become, is then the mean over all
        `count` entries.
        """
        own = len(range(count)[self.own(count)])
        return own * self.world / count

    def mean(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Return the mean of values over all processes."""
        if self.world == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(sums)
        return [float(value) for value in sums / self.world]

    def from_first(self, value: Value) -> Value:
        """Return the first process's value; it must be picklable."""
        if self.world == 1:
            return value
        values: list[Any] = [value if self.first else None]
        distributed.broadcast_object_list(values)
        shared: Value = values[0]
        return shared

    def together(self, network: nn.Module, unused: bool) -> nn.Module:
        """Return a network whose gradients are averaged over all processes.

        Parameters
        ----------
        network : Module
            The same in each process.
        unused : bool
            Whether some of its outputs, and the layers before them, are not always used: masks say
            nothing of O, whose layers then have no gradient, as in one process.

        Notes
        -----
        Each process normalises by its own part of a batch; on GPUs by the whole batch, if
        `with_shared_statistics` made the network.
        """
        if self.world == 1:
            return network
        device = next(network.parameters()).device
        return DistributedDataParallel(
            network,
            device_ids=[device] if device.type == "cuda" else None,
            find_unused_parameters=unused,
        )

    def with_shared_statistics(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Return a network whose batch normalisation spans all GPUs; unchanged on CPUs."""
        if self.world == 1 or device.type != "cuda":
            return network
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(  # type: ignore[no-untyped-call]
            network
        )
        return converted


def local_rank() -> int:
    """Return the number of this process on its machine, as torchrun says, or 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def process_group(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started; alone without it.

    Parameters
    ----------
    device : torch.device
        Where this process computes: NCCL connects GPUs, gloo CPUs.

    Yields
    ------
    Ranks
        A group that the caller made is used, and left open.
    """
    if distributed.is_available() and distributed.is_initialized():
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
