"""One thing to check and time: a kernel, and the plain torch that it must agree with first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch._functorch import config as functorch_config

from benchmarks.gpu.card import milliseconds, name_of

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

    @property
    def name(self) -> str:
        """Kernel and size, which no other case has."""
        return f"{self.kernel}, {self.size}"


def seeded(device: torch.device, seed: int) -> torch.Generator | None:
    """Return random numbers for tensors on a device; on "meta" they have no values."""
    return None if device.type == "meta" else torch.Generator(device).manual_seed(seed)


def measure_cases(
    device: torch.device,
    cases: Callable[[torch.device], Iterator[Case]],
    card: dict[str, Any],
    only: str = "",
    limit_s: float = float("inf"),
) -> dict[str, Any]:
    """Measure every case with `only` in its name, and none once `limit_s` is over; print each."""
    # By default a compiled gradient may reuse the memory of its inputs, so it can run only once.
    functorch_config.donated_buffer = False
    print(f"{'kernel':24}{'size':56}{'eager':>9}{'compiled':>9}{'kernel':>9}{'x':>7}{'floor':>7}")
    began = time.perf_counter()
    rows: list[dict[str, Any]] = []
    left_out = []
    for case in cases(device):
        if only not in case.name:
            continue
        if time.perf_counter() - began > limit_s:
            left_out.append(case.name)
            continue
        rows.append(measure_case(case, card, device))
        times = (f"{each['median']:9.3f}" for each in rows[-1]["times_ms"].values())
        reached = rows[-1]["reached"]
        print(
            f"{case.kernel:24}{case.size:56}{''.join(times)}"
            f"{reached['times compiled']:7.2f}{reached['share of floor']:7.0%}",
            flush=True,
        )
    return {"cases": rows, "left_out": left_out}


def measure_case(case: Case, card: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Check a kernel, then time it and the reference, eager and compiled."""
    eager, kernel = case.prepare(case.reference), case.prepare(case.candidate)
    apart = difference(kernel(), eager())
    if not apart <= case.tolerance:
        raise AssertionError(f"{case.name}: expected within {case.tolerance} of torch, got {apart}")
    torch._dynamo.reset()
    compiled = case.prepare(torch.compile(case.reference))
    compiled()
    times = {
        "eager": milliseconds(eager, device),
        "compiled": milliseconds(compiled, device),
        "kernel": milliseconds(kernel, device),
    }
    floor = floor_ms(case, card)
    reached = {
        "times compiled": times["compiled"].median / times["kernel"].median,
        "share of floor": floor / times["kernel"].median,
    }
    return {
        "kernel": case.kernel,
        "size": case.size,
        "bytes_moved": case.bytes_moved,
        "operations": case.operations,
        "floor_ms": floor,
        "difference": apart,
        "times_ms": {name: taken.summary("median") for name, taken in times.items()},
        "reached": reached,
        "targets": {
            what: {"target": aim, "met": reached[what] >= aim} for what, aim in case.targets.items()
        },
    }


def floor_ms(case: Case, card: dict[str, Any]) -> float:
    """Return the least time a case can take: that of its bytes or its products, the longer."""
    moving = case.bytes_moved / card["copy_bytes_per_s"]
    computing = case.operations / card["matrix_operations_per_s"][name_of(case.dtype)]
    return float(1e3 * max(moving, computing))


def difference(got: Any, expected: Any) -> float:
    """Return the largest difference as a fraction of the largest absolute value expected."""
    got, expected = as_tensors(got), as_tensors(expected)
    largest = 0.0
    for one, right in zip(got, expected, strict=True):
        if one.shape != right.shape:
            raise AssertionError(f"expected shape {tuple(right.shape)}, got {tuple(one.shape)}")
        scale = right.double().abs().max().item() or 1.0
        apart = (one.double() - right.double()).abs().max().item() / scale
        largest = apart if apart > largest or apart != apart else largest
    return largest


def as_tensors(values: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """Return one tensor or several as a list."""
    return [values] if isinstance(values, Tensor) else list(values)
