"""A tiny run of the patch scoring benchmark, through Triton's interpreter without a GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import patch_scoring as benchmark


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(benchmark, "SLICES", 2)
    monkeypatch.setattr(benchmark, "PIXELS", 128)
    monkeypatch.setattr(benchmark, "WINDOWS", (2, 4))
    monkeypatch.setattr(benchmark, "REFERENCE_WINDOWS", 2)


def test_every_case_is_right_and_has_its_own_name(device):
    from benchmarks.gpu import case as kernels

    names = []
    for case in benchmark.cases(device):
        names.append((case.kernel, case.size))
        kernel, beside = case.prepare(case.candidate)(), case.prepare(case.reference)()
        assert kernels.difference(kernel, beside) <= case.tolerance
        assert kernels.difference(kernel * 1.2, beside) > case.tolerance
        assert bool(case.targets) == ("4 windows" in case.size)
    assert len(set(names)) == 9


def test_operations_and_bytes_of_a_case(device):
    case = next(benchmark.cases(device))
    # Two windows: 5 x 5 x 6, 5 x 5 x 32 and 3 x 3 x 32 products for each of 32 outputs, at
    # 24 x 24, 12 x 12 and 6 x 6 positions; then 32 for each of two logits.
    products = 576 * 150 * 32 + 144 * 800 * 32 + 36 * 288 * 32 + 64
    assert case.operations == 2 * 2 * products
    # Six phases of two slices; per window a slice index, a square of three numbers and a score.
    assert case.bytes_moved == 2 * 6 * 128 * 128 * 4 + 2 * (8 + 3 * 8 + 4)


def test_grid_sampling_differs_from_the_filter_on_noise(device):
    """The two agree only on images with constant slope, so only these can be compared."""
    case = benchmark.case("patch scoring", benchmark.random_images(device), 2, {})
    kernel, beside = case.prepare(case.candidate)(), case.prepare(case.reference)()
    assert not torch.allclose(kernel, beside, rtol=case.tolerance)


def test_kernels_compile_without_a_gpu():
    code = (
        "import json; from benchmarks.gpu.compile_only import compile_variants;"
        "print(json.dumps(compile_variants('6 phases, float16')))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRITON")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
        env=environment,
    )
    rows = json.loads(done.stdout)
    assert [row["kernel"] for row in rows] == [
        "cut_fwd_kernel",
        "conv_fwd_kernel",
        "conv_fwd_kernel",
        "conv_fwd_kernel",
    ]
    for row in rows:
        assert row["spilled_bytes"] == 0
        # A program must fit into a multiprocessor: 65,536 registers, 227 KiB of shared memory.
        assert row["registers"] * 32 * row["warps"] <= 65536
        assert row["shared_bytes"] <= 227 * 1024
    # Two programs of the first kernel fit.
    assert 2 * rows[0]["registers"] * 32 * rows[0]["warps"] <= 65536
