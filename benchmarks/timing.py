"""Time several ways of doing the same work alternately, so that a busy machine slows them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Samples:
    """One number from each repeat of a measurement.

    Sums and ratios are taken repeat by repeat, so other work on the machine that outlasts a repeat
    cancels out of a ratio of two times.

    Parameters
    ----------
    values : ndarray, shape (repeat,)
        The numbers, in order.
    """

    values: npt.NDArray[np.float64]

    @property
    def median(self) -> float:
        """The median."""
        return float(np.median(self.values))

    @property
    def smallest(self) -> float:
        """The smallest value; of times, the one that other work disturbed least."""
        return float(self.values.min())

    @property
    def quantiles_20_80(self) -> list[float]:
        """The 20 % and 80 % quantiles, interpolated linearly."""
        return [float(value) for value in np.quantile(self.values, (0.2, 0.8))]

    def summary(self, name: str) -> dict[str, float | list[float]]:
        """Return the median as `name` and the 20 % and 80 % quantiles as ``<name>_20_80``."""
        return {name: self.median, f"{name}_20_80": self.quantiles_20_80}

    def __add__(self, other: Samples) -> Samples:
        return Samples(self.values + other.values)

    def __truediv__(self, other: Samples | float) -> Samples:
        return Samples(self.values / (other.values if isinstance(other, Samples) else other))


def times_ms(
    ways: Mapping[Name, Callable[[], object]], repeats: int, warm_ups: int = 1
) -> dict[Name, Samples]:
    """Time every way once per repeat, one after the other.

    Parameters
    ----------
    ways : mapping of name to callable
        The ways, called without arguments in this order.
    repeats : int
        How often each is timed.
    warm_ups : int
        How often each runs before that, untimed, to fill caches and start threads.

    Returns
    -------
    dict of name to Samples
        Milliseconds each way took, as many as `repeats`. The time to free a result is not included.
    """
    for _ in range(warm_ups):
        for run in ways.values():
            run()
    taken: dict[Name, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            start = time.perf_counter()
            result = run()
            taken[name].append(1000 * (time.perf_counter() - start))
            del result
    return {name: Samples(np.array(each)) for name, each in taken.items()}
