"""Triton kernels with their plain references, one folder an operation, and who runs which."""
