"""Triton kernels with plain PyTorch references, one folder per operation."""

from lvvol.errors import needs_extra

with needs_extra("gpu"):
    import torch  # noqa: F401 - every module of this room needs it
