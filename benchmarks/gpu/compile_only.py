"""Every kernel compiled for sm_90, where there is no GPU to run it.

``python -m benchmarks.gpu.compile_only`` launches each kernel as a program would, up to the moment
of running: Triton compiles for the very sizes, strides and alignments. It prints what a thread and
a program need, and how wide the accesses to global memory came out, and writes
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

from benchmarks.gpu import hypercolumn, patch_scoring
from benchmarks.machine import write_results
from lvvol.kernels import path

TARGET = GPUTarget("cuda", 90, 32)
LAUNCHES: tuple[Callable[[], Iterator[tuple[str, Callable[[], object]]]], ...] = (
    hypercolumn.launches,
    patch_scoring.launches,
)
"""One function a kernel's benchmark module: names of variants and what launches them, on the CPU's
tensors."""

_USED = re.compile(r"Used (\d+) registers")
_SPILLED = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_ACCESS = re.compile(r"\b(ld|st)\.global[.\w:]*?(?:\.v(\d))?\.[bfsu](\d+)\b")


class _Driver:
    """What Triton asks of a driver before it runs anything."""

    def get_current_target(self) -> GPUTarget:
        return TARGET

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


@contextmanager
def compiled() -> Iterator[list[Any]]:
    """Compile instead of launching, within the block; yield the list of compiled kernels."""
    kernels: list[Any] = []
    run = JITFunction.run

    def compile_only(self: Any, *arguments: Any, grid: Any, warmup: bool, **options: Any) -> None:
        kernels.append(run(self, *arguments, grid=grid, warmup=True, **options))

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
    """Return what a compiled kernel needs, as ptxas says, and its accesses to global memory."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(kernel.asm["ptx"], encoding="utf-8")
        said = subprocess.run(
            [get_ptxas(TARGET.arch).path, "-v", "--gpu-name=sm_90a", "-o", os.devnull, source],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
    stored, loaded = map(int, _SPILLED.search(said).groups())
    return {
        "kernel": kernel.metadata.name,
        "warps": kernel.metadata.num_warps,
        "registers": int(_USED.search(said).group(1)),
        "spilled_bytes": stored + loaded,
        "shared_bytes": kernel.metadata.shared,
        "accesses": accesses(kernel.asm["ptx"]),
    }


def accesses(ptx: str) -> dict[str, dict[str, int]]:
    """Return how many instructions load and store how many bytes a thread of global memory."""
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


def main() -> None:
    """Compile, print and write."""
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
    versions = {"target": "sm_90", "triton": triton.__version__}
    print(write_results("gpu_compiled", {**versions, "kernels": rows}))


if __name__ == "__main__":
    main()
