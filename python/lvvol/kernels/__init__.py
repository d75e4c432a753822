"""Triton kernels with their plain references, one folder an operation, and who runs which."""

from lvvol.errors import needs_extra

with needs_extra("gpu"):
    import torch  # noqa: F401 - every module of this room needs it
