"""Benchmarks of the GPU.

``python -m benchmarks.gpu`` runs one of them, named by ``--op``, on the first GPU:

- hypercolumn, hypercolumn_conv, patch_scoring: one kernel at several sizes. Each case is checked
  against plain torch, and timed beside eager torch and ``torch.compile`` only if it passes.
- product: whole studies and training, compared with the CPU.

The same run measures how fast the card copies and multiplies, which gives the least time that a
case can take on it (its floor). Results are written to ``results/gpu_NAME.json``.

With ``--compile-only`` it runs nothing and needs no GPU: it compiles every kernel for sm_90 and
computes the floors from bytes, operations and the rates that NVIDIA states, for
``results/gpu_compiled.json``.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.command import record
from lvvol.errors import LvvolError

OPS = ("hypercolumn", "hypercolumn_conv", "patch_scoring", "product")


def measure(op: str, only: str, limit_s: float) -> dict[str, Any]:
    """Measure the card, then one operation on it."""
    from benchmarks.gpu.card import measure_card
    from benchmarks.gpu.case import measure_cases
    from lvvol.networks.gpu import choose_gpu

    device = choose_gpu()
    card = measure_card(device)
    module = import_module(f"benchmarks.gpu.{op}")
    if op == "product":
        return {"card": card, **module.measure(device)}
    return {"card": card, **measure_cases(device, module.cases, card, only, limit_s)}


def compile_only(only: str) -> dict[str, Any]:
    """Compile all kernels."""
    from benchmarks.gpu.compile_only import measure as compile_all

    return compile_all(only)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--op", choices=OPS, help="what to measure")
    what.add_argument("--compile-only", action="store_true", help="compile; needs no GPU")
    parser.add_argument("--only", metavar="TEXT", default="", help="cases with a text in the name")
    parser.add_argument(
        "--limit-s", metavar="S", type=float, default=float("inf"), help="begin no case after S"
    )
    parser.add_argument(
        "--allow-dirty", action="store_true", help="write results of uncommitted code too"
    )
    given = parser.parse_args()
    # An interpreter is neither measured nor does it compile. Triton reads this when imported.
    os.environ.pop("TRITON_INTERPRET", None)
    if given.compile_only:
        work, results = partial(compile_only, given.only), "gpu_compiled"
    else:
        work = partial(measure, given.op, given.only, given.limit_s)
        results = f"gpu_{given.op}"
    try:
        record(parser, work, results, allow_dirty=given.allow_dirty)
    except LvvolError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
