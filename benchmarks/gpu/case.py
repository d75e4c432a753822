"""One thing to check and time: a kernel beside the plain torch that says what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

Operation = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A kernel at one size.

    Parameters
    ----------
    kernel : str
        What is computed, the same at every size.
    size : str
        At what size, in words.
    dtype : torch.dtype
        Of the matrix products, if there are any: says which matrix rate the floor counts with.
    reference, candidate : callable
        Plain torch, which is timed eager and compiled, and the kernel; of the same arguments.
    prepare : callable
        Takes either of them, or the compiled reference, and returns what is timed: a function of
        no arguments that returns a tensor or a sequence of tensors, inputs already made.
    bytes_moved : int
        What must be read and written at the least, every element once.
    operations : int
        Floating-point operations of the matrix products, a multiplication and an addition being
        two; 0 for a kernel that only moves data.
    tolerance : float
        Largest difference allowed, as a share of the largest absolute value of the reference.
    targets : dict
        What is aimed at: "times compiled", "share of floor"; empty where nothing is.
    """

    kernel: str
    size: str
    dtype: torch.dtype
    reference: Operation
    candidate: Operation
    prepare: Callable[[Operation], Callable[[], Any]]
    bytes_moved: int
    operations: int = 0
    tolerance: float = 0.0
    targets: dict[str, float] = field(default_factory=dict)
