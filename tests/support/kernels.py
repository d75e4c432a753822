"""Where kernels run in tests: on the GPU, else through Triton's interpreter.

The interpreter must be asked for before triton is first imported, so a conftest imports this module
while pytest is still collecting.
"""

import os

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture
def device() -> torch.device:
    """Return the GPU, else the CPU."""
    pytest.importorskip("triton")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
