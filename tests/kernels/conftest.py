"""What tests of kernels share: where kernels run, and output that starts as NaN.

Without a GPU, kernels run through Triton's interpreter. It must be asked for before triton is
first imported, so it is done here, while pytest is still collecting.
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
    """Return where kernels run: the GPU, else the CPU through the interpreter."""
    pytest.importorskip("triton")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture
def fresh_is_nan() -> Iterator[None]:
    """Fill memory that torch hands out with NaN, so that an element nobody wrote shows."""
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
