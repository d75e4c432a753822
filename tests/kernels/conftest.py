"""Fixtures for tests of kernels: where kernels run, and output that starts as NaN."""

from collections.abc import Iterator

import pytest
import torch
from torch.utils import deterministic

from tests.support.kernels import device

__all__ = ["device", "fresh_is_nan"]


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
