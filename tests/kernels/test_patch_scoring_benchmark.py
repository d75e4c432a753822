"""A tiny run of patch scoring's benchmark, through the interpreter where there is no GPU."""

import pytest
import torch

from benchmarks.gpu import patch_scoring as benchmark


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(benchmark, "SLICES", 2)
    monkeypatch.setattr(benchmark, "PIXELS", 128)
    monkeypatch.setattr(benchmark, "WINDOWS", (2, 4))
    monkeypatch.setattr(benchmark, "REFERENCE_WINDOWS", 2)


def test_every_case_is_right_and_told_apart(device):
    from benchmarks.gpu import kernels

    names = []
    for case in benchmark.cases(device):
        names.append((case.kernel, case.size))
        kernel, beside = case.prepare(case.candidate)(), case.prepare(case.reference)()
        assert kernels.difference(kernel, beside) <= case.tolerance
        assert kernels.difference(kernel * 1.2, beside) > case.tolerance
        assert bool(case.targets) == ("4 windows" in case.size)
    assert len(set(names)) == 9


def test_what_a_case_needs_is_counted(device):
    case = next(benchmark.cases(device))
    # Two windows: 5 x 5 x 6, 5 x 5 x 32 and 3 x 3 x 32 products for each of 32 outputs, at
    # 24 x 24, 12 x 12 and 6 x 6 places; then 32 for each of two logits.
    products = 576 * 150 * 32 + 144 * 800 * 32 + 36 * 288 * 32 + 64
    assert case.operations == 2 * 2 * products
    # Six phases of two slices; a slice and three numbers of a square; a score.
    assert case.bytes_moved == 2 * 6 * 128 * 128 * 4 + 2 * (8 + 3 * 8 + 4)


def test_grid_sampling_misses_what_the_filter_sees(device):
    """On images that do not rise evenly the two differ, so only even ones can be compared."""
    case = benchmark.case("patch scoring", benchmark.random_images(device), 2, {})
    kernel, beside = case.prepare(case.candidate)(), case.prepare(case.reference)()
    assert not torch.allclose(kernel, beside, rtol=case.tolerance)
