"""Fixtures of the kernel tests: the device, and output that starts as NaN.

Without a GPU, kernels run in Triton's interpreter, which must be enabled before triton is first
imported, hence here, while pytest collects.
"""

import os
from collections.abc import Iterator

import pytest
import torch
from torch.utils import deterministic

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture
def device() -> torch.device:
    """Return the GPU if there is one, else the CPU, for the interpreter."""
    pytest.importorskip("triton")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture
def fresh_is_nan() -> Iterator[None]:
    """Fill new torch tensors with NaN, so that elements not written are noticed."""
    filled, was = (
        deterministic.fill_uninitialized_memory,
        torch.are_deterministic_algorithms_enabled(),
    )
    deterministic.fill_uninitialized_memory = True
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(was)
    deterministic.fill_uninitialized_memory = filled
