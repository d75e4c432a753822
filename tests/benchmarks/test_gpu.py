"""A tiny run of the benchmarks for a GPU, through Triton's interpreter where there is none."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def kernels(monkeypatch, device):
    """The benchmark with one small patch and without torch.compile."""
    from benchmarks.gpu import hypercolumn, kernels

    monkeypatch.setattr(hypercolumn, "BATCHES", (1,))
    monkeypatch.setattr(hypercolumn, "SIZE", 16)
    monkeypatch.setattr(hypercolumn, "NETWORK_BATCH", 1)
    monkeypatch.setattr(kernels.torch, "compile", lambda operation: operation)
    return kernels


def measure(kernels, device, cases):
    return kernels.measure(device, (cases,), copied_bytes=2**20, matrix_size=64)


def test_every_kernel_is_checked_and_timed(kernels, device):
    from benchmarks.gpu import hypercolumn

    def few(device):
        yield from islice(hypercolumn.cases(device), 4)
        yield hypercolumn.network_case(torch.float32, device)

    measured = measure(kernels, device, few)
    assert measured["card"]["copy_bytes_per_s"] > 0
    rows = measured["cases"]
    assert [row["kernel"] for row in rows] == [
        "hypercolumn",
        "hypercolumn gradient",
        "hypercolumn to P",
        "hypercolumn to O",
        "HFCN",
    ]
    # 4 channels of 16 x 16 to 2 x 2 float32 values go in, 16 channels of 16 x 16 come out.
    assert rows[0]["bytes_moved"] == 4 * 4 * (16**2 + 8**2 + 4**2 + 2**2) + 4 * 16 * 16**2
    assert rows[0]["floor_ms"] == pytest.approx(
        1e3 * rows[0]["bytes_moved"] / measured["card"]["copy_bytes_per_s"]
    )
    for row in rows:
        assert list(row["times_ms"]) == ["eager", "compiled", "kernel"]
        medians = {name: times["median"] for name, times in row["times_ms"].items()}
        assert row["reached"]["times compiled"] == medians["compiled"] / medians["kernel"]
        assert row["reached"]["share of floor"] == row["floor_ms"] / medians["kernel"]
    # Every pixel of O reads 3 x 3 pixels of 18 channels for each of 8, with two operations.
    assert rows[3]["operations"] == 2 * 16**2 * 9 * 18 * 8
    # Three 3 x 3 convolutions from 1, 32 and 32 channels to 32 at 16 x 16, and so on down.
    convolutions = 16**2 * 9 * 32 * 65 + 8**2 * 9 * 32 * 96 + 4**2 * 9 * 64 * 96
    convolutions += 2**2 * 9 * 64 * 128
    heads = 4 * (16**2 * 32 + 8**2 * 32 + 4**2 * 64 + 2**2 * 64)
    outputs = 16**2 * (9 * (16 * 2 + 18 * 8) + 8)
    assert rows[-1]["operations"] == 2 * (convolutions + heads + outputs)


def test_wrong_results_are_not_timed(kernels, device):
    from benchmarks.gpu import hypercolumn

    def wrong(device):
        case = next(hypercolumn.cases(device))
        right = case.candidate
        yield replace(case, candidate=lambda maps: right(maps) + 1e-3)
        pytest.fail("went on")

    with pytest.raises(AssertionError, match=r"hypercolumn, 1 patches.*: expected within"):
        measure(kernels, device, wrong)


def test_nan_and_other_shapes_count_as_wrong(kernels):
    right = torch.ones(3)
    assert kernels.difference(right, [right]) == 0
    assert kernels.difference(right * 1.5, right * 2) == pytest.approx(0.25)
    assert not kernels.difference(right / 0 * 0, right) <= 1
    with pytest.raises(AssertionError, match="shape"):
        kernels.difference(right[:2], right)


def test_kernels_compile_without_a_gpu(device):
    code = (
        "import json; from benchmarks.gpu.compile_only import measure;"
        "print(json.dumps(measure('4 channels, contiguous, nearest, float32')))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TRITON")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    forward, backward = json.loads(done.stdout)
    assert [forward["kernel"], backward["kernel"]] == [
        "hypercolumn_fwd_kernel",
        "hypercolumn_bwd_kernel",
    ]
    for row in (forward, backward):
        assert 0 < row["registers"] <= 255
        assert row["spilled_bytes"] == 0
    # Every store of the output is 16 bytes per thread.
    assert list(forward["accesses"]["stores"]) == ["16"]


def test_studies_and_training_are_compared_with_the_cpu(device, monkeypatch):
    """Two of the three parts; whole studies by the kernels are in tests/networks/test_gpu.py."""
    from benchmarks.gpu import product

    monkeypatch.setattr(product, "PATCH_SIZE", 16)
    rows = product.train(steps=1, batch=2)
    assert [row["context"] for row in rows] == [False, True]
    assert all(row["gpu_kernel_s"] > 0 for row in rows)
    assert product.median_timings([{"roi": 1.0}, {"roi": 3.0}, {"roi": 2.0}]) == {"roi": 2.0}


def test_without_a_card_the_script_says_so_in_one_line():
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    script = ["bash", str(ROOT / "benchmarks" / "gpu" / "all.sh")]
    env = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(script, capture_output=True, text=True, env=env, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "benchmarks/gpu/all.sh: expected a CUDA GPU that torch can use, got none\n"
    )
