"""What every kernel compiles to for sm_90, and the floors of all cases, without a GPU.

Each kernel is launched as a program would, except that it does not run: Triton compiles for these
sizes, strides and alignments, and reports the registers of a thread, the shared memory of a program
and the widths of accesses to global memory.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from benchmarks.gpu import hypercolumn, hypercolumn_conv, patch_scoring
from benchmarks.gpu.card import H100
from benchmarks.gpu.case import floor_ms
from lvvol.kernels import path

TARGET = GPUTarget("cuda", 90, 32)
MODULES = (hypercolumn, hypercolumn_conv, patch_scoring)

_USED = re.compile(r"Used (\d+) registers")
_SPILLED = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_ACCESS = re.compile(r"\b(ld|st)\.global[.\w:]*?(?:\.v(\d))?\.[bfsu](\d+)\b")


class _Driver:
    """The part of a driver that Triton calls before it runs anything."""

    def get_current_target(self) -> GPUTarget:
        return TARGET

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


@contextmanager
def compiled() -> Iterator[list[Any]]:
    """Compile kernels within the block instead of launching them; yield a list of them."""
    kernels: list[Any] = []
    launch = JITFunction.run

    def compile_only(self: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> None:
        kernels.append(launch(self, *arguments, grid=grid, warmup=True, **options))

    with (
        mock.patch.object(JITFunction, "run", compile_only),
        mock.patch.object(path, "check_device", return_value=None),
    ):
        driver.set_active(_Driver())
        try:
            yield kernels
        finally:
            driver._active = None


def resources(kernel: Any) -> dict[str, Any]:
    """Return registers and memory of a compiled kernel, and its accesses to global memory."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(kernel.asm["ptx"], encoding="utf-8")
        report = subprocess.run(
            [get_ptxas(TARGET.arch).path, "-v", "--gpu-name=sm_90a", "-o", os.devnull, source],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
    stored, loaded = map(int, _SPILLED.search(report).groups())
    return {
        "kernel": kernel.metadata.name,
        "warps": kernel.metadata.num_warps,
        "registers": int(_USED.search(report).group(1)),
        "spilled_bytes": stored + loaded,
        "shared_bytes": kernel.metadata.shared,
        "accesses": accesses(kernel.asm["ptx"]),
    }


def accesses(ptx: str) -> dict[str, dict[str, int]]:
    """Return the number of loads and stores in global memory by their bytes per thread."""
    counts: dict[str, dict[str, int]] = {"ld": {}, "st": {}}
    for kind, vector, bits in _ACCESS.findall(ptx):
        size = str(int(vector or 1) * int(bits) // 8)
        counts[kind][size] = counts[kind].get(size, 0) + 1
    return {
        name: dict(sorted(counts[kind].items(), key=lambda item: -int(item[0])))
        for name, kind in (("loads", "ld"), ("stores", "st"))
    }


def compile_variants(only: str = "") -> list[dict[str, Any]]:
    """Compile every variant of every kernel with `only` in its name."""
    rows = []
    for module in MODULES:
        for name, launch in module.launches():
            if only not in name:
                continue
            with compiled() as kernels:
                launch()
            rows += [{"variant": name, **resources(kernel)} for kernel in kernels]
    return rows


def floors(only: str = "") -> list[dict[str, Any]]:
    """Return bytes, operations and predicted floor of every case with `only` in its name."""
    return [
        {
            "case": case.name,
            "bytes_moved": case.bytes_moved,
            "operations": case.operations,
            "floor_ms": floor_ms(case, H100),
        }
        for module in MODULES
        for case in module.cases(torch.device("meta"))
        if only in case.name
    ]


def measure(only: str = "") -> dict[str, Any]:
    """Compile all kernels and print a table."""
    rows = compile_variants(only)
    print(f"{'kernel':28}{'variant':44}{'registers':>10}{'spilled':>8}{'shared':>8}  accesses")
    for row in rows:
        wide = "; ".join(
            f"{kind} " + ", ".join(f"{count} x {size} B" for size, count in sizes.items())
            for kind, sizes in row["accesses"].items()
        )
        print(
            f"{row['kernel']:28}{row['variant']:44}{row['registers']:10}"
            f"{row['spilled_bytes']:8}{row['shared_bytes']:8}  {wide}"
        )
    return {
        "target": "sm_90",
        "triton": triton.__version__,
        "kernels": rows,
        "stated_rates": H100,
        "floors": floors(only),
    }
