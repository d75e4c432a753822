"""Every kernel on a GPU, checked and then timed beside eager torch and ``torch.compile``.

``python -m benchmarks.gpu.kernels`` measures what the card copies and multiplies, and from that the
least time each case could take there (its floor); checks each kernel against plain torch; times
only what is right; prints a table and writes ``results/gpu_kernels.json``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import triton
from torch import Tensor
from torch._functorch import config as functorch_config

from benchmarks.gpu import hypercolumn, patch_scoring
from benchmarks.gpu.case import Case
from benchmarks.machine import write_results

CASES: tuple[Callable[[torch.device], Iterator[Case]], ...] = (
    hypercolumn.cases,
    patch_scoring.cases,
)
"""One function a kernel's module, which makes its cases on a device, one after the other."""

COPIED_BYTES = 2**30
MATRIX_SIZE = 8192
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

Times = dict[str, float]


def milliseconds(run: Callable[[], Any], device: torch.device) -> Times:
    """Return the median and the 20 % and 80 % quantiles of a run's time.

    On the CPU, where only the benchmark itself is tried, of three runs.
    """
    if device.type == "cuda":
        median, low, high = triton.testing.do_bench(run, quantiles=[0.5, 0.2, 0.8])
    else:
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            run()
            taken.append(1e3 * (time.perf_counter() - start))
        low, median, high = sorted(taken)
    return {"median": median, "quantile_20": low, "quantile_80": high}


def measure_card(device: torch.device, copied_bytes: int, matrix_size: int) -> dict[str, Any]:
    """Return bytes a second of a copy, read and written, and operations a second of products."""
    source = torch.zeros(copied_bytes, dtype=torch.uint8, device=device)
    copied = milliseconds(partial(torch.empty_like(source).copy_, source), device)
    rates = {}
    # Convolutions may use TF32 unless told otherwise, so float32's floor counts with it.
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    for dtype in DTYPES:
        matrix = torch.randn(matrix_size, matrix_size, device=device).to(dtype)
        taken = milliseconds(partial(torch.mm, matrix, matrix), device)
        rates[name_of(dtype)] = 2e3 * matrix_size**3 / taken["median"]
    torch.set_float32_matmul_precision(before)
    return {
        "copy_bytes_per_s": 2e3 * copied_bytes / copied["median"],
        "matrix_operations_per_s": rates,
    }


def floor_ms(case: Case, card: dict[str, Any]) -> float:
    """Return the least time a case takes: of its bytes, or of its products if that is longer."""
    moving = case.bytes_moved / card["copy_bytes_per_s"]
    computing = case.operations / card["matrix_operations_per_s"][name_of(case.dtype)]
    return 1e3 * max(moving, computing)


def difference(got: Any, expected: Any) -> float:
    """Return the largest difference as a share of the reference's largest absolute value."""
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
    """Check a kernel, and time it if it is right."""
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
        "times compiled": times["compiled"]["median"] / times["kernel"]["median"],
        "share of floor": floor / times["kernel"]["median"],
    }
    return {
        "kernel": case.kernel,
        "size": case.size,
        "bytes_moved": case.bytes_moved,
        "operations": case.operations,
        "floor_ms": floor,
        "difference": apart,
        "times_ms": times,
        "reached": reached,
        "targets": {
            what: {"target": aim, "met": reached[what] >= aim} for what, aim in case.targets.items()
        },
    }


def describe(device: torch.device) -> dict[str, Any]:
    """Return what the card is and what drives it."""
    if device.type != "cuda":
        return {"name": "none", "triton": triton.__version__}
    card = torch.cuda.get_device_properties(device)
    query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv"]
    told = ""
    if shutil.which(query[0]):
        told = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "name": card.name,
        "memory_gib": round(card.total_memory / 2**30, 1),
        "multiprocessors": card.multi_processor_count,
        "cuda": torch.version.cuda,
        "triton": triton.__version__,
        "nvidia_smi": told,
    }


def measure(
    device: torch.device,
    cases: Sequence[Callable[[torch.device], Iterator[Case]]] = CASES,
    only: str = "",
    copied_bytes: int = COPIED_BYTES,
    matrix_size: int = MATRIX_SIZE,
) -> dict[str, Any]:
    """Measure the card and every case with `only` in its name; print a line each."""
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


def main() -> None:
    """Measure on the first GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="measure cases with this in their name")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("no CUDA device; benchmarks.gpu.compile_only needs none")
    # A compiled gradient may reuse its inputs' memory unless told that it runs many times.
    functorch_config.donated_buffer = False
    results = measure(torch.device("cuda"), only=arguments.only)
    print(write_results("gpu_kernels", results))


if __name__ == "__main__":
    main()
