"""Triton kernels with plain PyTorch references, one folder per operation."""
