"""What every kernel compiles to for sm_90, without a GPU.

``python -m benchmarks.gpu.compile_only`` launches each kernel as a program would, except that it
does not run: Triton compiles for these sizes, strides and alignments. It prints the registers of a
thread, the shared memory of a program and the widths of accesses to global memory, and writes
``results/gpu_compiled.json``.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from benchmarks.command import run
from benchmarks.gpu import hypercolumn, patch_scoring
from lvvol.kernels import path

TARGET = GPUTarget("cuda", 90, 32)
LAUNCHES: tuple[Callable[[], Iterator[tuple[str, Callable[[], object]]]], ...] = (
    hypercolumn.launches,
    patch_scoring.launches,
)
"""One function per module of cases: yields names of variants and functions that launch them on CPU
tensors."""

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


def measure(only: str = "") -> list[dict[str, Any]]:
    """Compile every variant of every kernel with `only` in its name."""
    rows = []
    for launches in LAUNCHES:
        for name, launch in launches():
            if only not in name:
                continue
            with compiled() as kernels:
                launch()
            rows += [{"variant": name, **resources(kernel)} for kernel in kernels]
    return rows


def main() -> dict[str, Any]:
    """Compile all kernels and print a table."""
    rows = measure()
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
    return {"target": "sm_90", "triton": triton.__version__, "kernels": rows}


if __name__ == "__main__":
    run(main, __doc__, results="gpu_compiled")
