"""One thing to check and time: a kernel, and the plain torch that it must agree with."""

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
        What is computed; the same for every size.
    size : str
        The size, in words.
    dtype : torch.dtype
        Type of the matrix products, if any, which selects the matrix rate for the floor.
    reference, candidate : callable
        Plain torch, timed eager and compiled, and the kernel. Both take the same arguments.
    prepare : callable
        Takes one of these, or the compiled reference, makes its inputs, and returns the function to
        time: it has no arguments and returns a tensor or a sequence of tensors.
    bytes_moved : int
        Size of all inputs and outputs.
    operations : int
        Floating-point operations of the matrix products, two per multiply-add; 0 for a kernel that
        only moves data.
    tolerance : float
        Largest difference allowed, as a fraction of the largest absolute value of the reference.
    targets : dict
        Goals for "times compiled" and "share of floor", where there are any.
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
