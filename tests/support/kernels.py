"""Where kernels run in tests: on the GPU, else through Triton's interpreter.

Triton reads the setting when it is first imported, so a conftest must import this module, while
pytest is still collecting tests.
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
