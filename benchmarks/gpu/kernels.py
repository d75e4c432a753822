"""How fast every kernel is on a GPU, compared with eager torch and ``torch.compile``.

``python -m benchmarks.gpu.kernels`` measures how fast the card copies and multiplies, which gives
the least time each case can take on it (its floor). It checks each kernel against plain torch,
times those that pass, prints a table and writes ``results/gpu_kernels.json``. ``--only TEXT``
measures the cases whose names contain a text.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import triton
from torch import Tensor
from torch._functorch import config as functorch_config

from benchmarks.command import run
from benchmarks.gpu import hypercolumn, patch_scoring
from benchmarks.gpu.case import Case
from benchmarks.timing import Samples, times_ms

CASES: tuple[Callable[[torch.device], Iterator[Case]], ...] = (
    hypercolumn.cases,
    patch_scoring.cases,
)
"""One function per module of cases, which makes them on a device one after the other."""

COPIED_BYTES = 2**30
MATRIX_SIZE = 8192
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def milliseconds(work: Callable[[], Any], device: torch.device) -> Samples:
    """Time repeated runs: on a GPU with its own clock, on the CPU, to try the benchmark, three."""
    if device.type == "cuda":
        return Samples(np.array(triton.testing.do_bench(work, return_mode="all")))
    return times_ms({"work": work}, repeats=3)["work"]


def measure_card(device: torch.device, copied_bytes: int, matrix_size: int) -> dict[str, Any]:
    """Return bytes read and written by a copy, and operations of matrix products, per second."""
    source = torch.zeros(copied_bytes, dtype=torch.uint8, device=device)
    copied = milliseconds(partial(torch.empty_like(source).copy_, source), device)
    rates = {}
    # Convolutions use TF32 by default, so the floor of float32 allows for it.
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    for dtype in DTYPES:
        matrix = torch.randn(matrix_size, matrix_size, device=device).to(dtype)
        taken = milliseconds(partial(torch.mm, matrix, matrix), device)
        rates[name_of(dtype)] = 2e3 * matrix_size**3 / taken.median
    torch.set_float32_matmul_precision(before)
    return {
        "copy_bytes_per_s": 2e3 * copied_bytes / copied.median,
        "matrix_operations_per_s": rates,
    }


def floor_ms(case: Case, card: dict[str, Any]) -> float:
    """Return the least time a case can take: that of its bytes or its products, the longer."""
    moving = case.bytes_moved / card["copy_bytes_per_s"]
    computing = case.operations / card["matrix_operations_per_s"][name_of(case.dtype)]
    return 1e3 * max(moving, computing)


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


def measure_case(case: Case, card: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Check a kernel, then time it and the reference, eager and compiled."""
    name = f"{case.kernel}, {case.size}"
    eager, kernel = case.prepare(case.reference), case.prepare(case.candidate)
    apart = difference(kernel(), eager())
    if not apart <= case.tolerance:
        raise AssertionError(f"{name}: expected within {case.tolerance} of torch, got {apart}")
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


def describe(device: torch.device) -> dict[str, Any]:
    """Return name, size, driver and versions of the card."""
    if device.type != "cuda":
        return {"name": "none", "triton": triton.__version__}
    card = torch.cuda.get_device_properties(device)
    query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv"]
    nvidia_smi = ""
    if shutil.which(query[0]):
        done = subprocess.run(query, capture_output=True, text=True, check=False)
        nvidia_smi = done.stdout.strip()
    return {
        "name": card.name,
        "memory_gib": round(card.total_memory / 2**30, 1),
        "multiprocessors": card.multi_processor_count,
        "cuda": torch.version.cuda,
        "triton": triton.__version__,
        "nvidia_smi": nvidia_smi,
    }


def measure(
    device: torch.device,
    cases: Sequence[Callable[[torch.device], Iterator[Case]]] = CASES,
    only: str = "",
    copied_bytes: int = COPIED_BYTES,
    matrix_size: int = MATRIX_SIZE,
) -> dict[str, Any]:
    """Measure the card and every case with `only` in its name; print a line for each."""
    card = {**describe(device), **measure_card(device, copied_bytes, matrix_size)}
    print(f"{card['name']}: copies {card['copy_bytes_per_s'] / 1e9:.0f} GB/s")
    print(f"{'kernel':24}{'size':56}{'eager':>9}{'compiled':>9}{'kernel':>9}{'x':>7}{'floor':>7}")
    rows = []
    for make in cases:
        for case in make(device):
            if only not in f"{case.kernel}, {case.size}":
                continue
            rows.append(measure_case(case, card, device))
            times = (f"{each['median']:9.3f}" for each in rows[-1]["times_ms"].values())
            reached = rows[-1]["reached"]
            print(
                f"{case.kernel:24}{case.size:56}{''.join(times)}"
                f"{reached['times compiled']:7.2f}{reached['share of floor']:7.0%}"
            )
    return {"card": card, "cases": rows}


def name_of(dtype: torch.dtype) -> str:
    """Return a dtype's name without torch's."""
    return str(dtype).removeprefix("torch.")


def main(only: str = "") -> dict[str, Any]:
    """Measure on the first GPU."""
    if not torch.cuda.is_available():
        sys.exit("no CUDA device; benchmarks.gpu.compile_only needs none")
    # By default a compiled gradient may reuse the memory of its inputs, so it can run only once.
    functorch_config.donated_buffer = False
    return measure(torch.device("cuda"), only=only)


if __name__ == "__main__":
    run(main, __doc__, "--only", results="gpu_kernels")
