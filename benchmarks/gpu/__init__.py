"""Kernels on a GPU beside eager torch and torch.compile, and compiled where there is none."""
