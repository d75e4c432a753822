"""Fixtures of the training's tests."""

import pytest
import torch


@pytest.fixture(scope="module")
def one_thread():
    """Compute in one thread: sums in a fixed order, and no waiting for busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
