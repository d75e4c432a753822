"""What a card is, how fast it copies and multiplies, and the time of work on it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import triton

from benchmarks.timing import Samples, times_ms

COPIED_BYTES = 2**30
MATRIX_SIZE = 8192
DTYPES = (torch.float32, torch.bfloat16, torch.float16)

H100 = {
    "copy_bytes_per_s": 3.35e12,
    "matrix_operations_per_s": {"float32": 495e12, "bfloat16": 990e12, "float16": 990e12},
}
"""What NVIDIA states for an H100 SXM, float32 as TF32; a card reaches less."""


def milliseconds(work: Callable[[], Any], device: torch.device) -> Samples:
    """Time repeated runs: on a GPU with its own clock, on the CPU, to try the benchmark, three."""
    if device.type == "cuda":
        return Samples(np.array(triton.testing.do_bench(work, return_mode="all")))
    return times_ms({"work": work}, repeats=3)["work"]


def measure_card(
    device: torch.device, copied_bytes: int = COPIED_BYTES, matrix_size: int = MATRIX_SIZE
) -> dict[str, Any]:
    """Return what a card is, and bytes copied (read and written) and products made a second."""
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
    card = {
        **describe(device),
        "copy_bytes_per_s": 2e3 * copied_bytes / copied.median,
        "matrix_operations_per_s": rates,
    }
    print(f"{card['name']}: copies {card['copy_bytes_per_s'] / 1e9:.0f} GB/s", flush=True)
    return card


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


def name_of(dtype: torch.dtype) -> str:
    """Return a dtype's name without torch's."""
    return str(dtype).removeprefix("torch.")
