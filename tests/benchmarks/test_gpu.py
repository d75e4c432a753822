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
    from benchmarks.gpu import case as kernels
    from benchmarks.gpu import hypercolumn

    monkeypatch.setattr(hypercolumn, "BATCHES", (1,))
    monkeypatch.setattr(hypercolumn, "SIZE", 16)
    monkeypatch.setattr(hypercolumn, "NETWORK_BATCH", 1)
    monkeypatch.setattr(kernels.torch, "compile", lambda operation: operation)
    return kernels


def measure(kernels, device, cases):
    from benchmarks.gpu.card import measure_card

    card = measure_card(device, copied_bytes=2**20, matrix_size=64)
    return {"card": card, **kernels.measure_cases(device, cases, card)}


def test_every_kernel_is_checked_and_timed(kernels, device):
    from benchmarks.gpu import hypercolumn, hypercolumn_conv

    def few(device):
        yield from hypercolumn.both_ways(*next(hypercolumn.sizes(device)))
        yield from islice(hypercolumn_conv.cases(device), 2)
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
        case = next(hypercolumn.both_ways(*next(hypercolumn.sizes(device))))
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
        "import json; from benchmarks.gpu.compile_only import compile_variants;"
        "print(json.dumps(compile_variants('4 channels, contiguous, nearest, float32')))"
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


def test_floors_are_predicted_for_every_case_without_values(device, monkeypatch):
    from benchmarks.gpu.compile_only import floors

    monkeypatch.setattr(torch, "compile", lambda operation: operation)

    rows = {row["case"]: row for row in floors()}
    # 2 networks and 2 x 3 x 2 x 2 sizes both ways; as many to P and to O; 3 x 2 + 3 of windows.
    assert len(rows) == 2 + 48 + 48 + 9
    forward = rows["hypercolumn, 8192 patches, contiguous, nearest, float32"]
    assert forward["bytes_moved"] == 8192 * 196_416  # docs/kernels.md
    assert forward["floor_ms"] == pytest.approx(1e3 * 8192 * 196_416 / 3.35e12)
    windows = rows["patch scoring, 16384 windows, float16"]
    assert windows["operations"] == pytest.approx(222e9, rel=0.01)
    assert windows["floor_ms"] == pytest.approx(0.22, rel=0.05)


def test_no_case_begins_after_the_limit_and_those_left_out_are_named(kernels, device):
    from benchmarks.gpu import hypercolumn

    card = {"copy_bytes_per_s": 1e9, "matrix_operations_per_s": {"float32": 1e9}}
    for only, limit_s in (("no such case", 60), ("", -1)):
        done = kernels.measure_cases(
            device,
            lambda d: hypercolumn.both_ways(*next(hypercolumn.sizes(d))),
            card,
            only,
            limit_s,
        )
        assert done["cases"] == []
        assert len(done["left_out"]) == (2 if limit_s < 0 else 0)


def test_studies_and_training_are_compared_with_the_cpu(device, monkeypatch):
    """Two of the three parts; whole studies by the kernels are in tests/networks/test_gpu.py."""
    from benchmarks.gpu import product

    monkeypatch.setattr(product, "PATCH_SIZE", 16)
    monkeypatch.setattr("benchmarks.gpu.hypercolumn.SIZE", 16)
    rows = product.train(device, steps=1, batch=2)
    assert [row["context"] for row in rows] == [False] * 5 + [True] * 5
    assert [row["path"] for row in rows[:5]] == ["reference"] + ["reference", "triton"] * 2
    assert [row["compute"].endswith("bfloat16") for row in rows[:5]] == [False] * 3 + [True] * 2
    assert all(row["epoch_s"] > 0 and row["hypercolumn_share"] > 0 for row in rows)
    assert product.median_timings([{"roi": 1.0}, {"roi": 3.0}, {"roi": 2.0}]) == {"roi": 2.0}


def without_a_card(*command):
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout) == (38, "")
    assert done.stderr.startswith(
        "python -m benchmarks.gpu: device: expected a CUDA GPU that torch can use for 'cuda', "
        f"got none (torch {torch.__version__} "
    )
    assert done.stderr.count("\n") == 1


def test_without_a_card_an_operation_is_one_line_even_with_the_interpreter():
    without_a_card(sys.executable, "-m", "benchmarks.gpu", "--op", "hypercolumn", "--allow-dirty")


def test_without_a_card_the_script_says_so_in_one_line():
    without_a_card("bash", str(ROOT / "benchmarks" / "gpu" / "all.sh"), "--allow-dirty")
