"""The hypercolumn in plain torch: the reference for the kernel, and the CPU implementation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def hypercolumn(maps: Sequence[Tensor], mode: str) -> Tensor:
    """Upsample all maps to the size of the first and stack them, the last map's channels first.

    Parameters
    ----------
    maps : sequence of Tensor, shapes (batch, channel, row / 2**level, column / 2**level)
        Finest first.
    mode : {"nearest", "bilinear"}
        Mode of `torch.nn.functional.interpolate`.

    Returns
    -------
    Tensor, shape (batch, sum of channels, row, column)
    """
    return torch.cat(
        [_upsample(maps[level], 2**level, mode) for level in reversed(range(len(maps)))], dim=1
    )


def _upsample(values: Tensor, factor: int, mode: str) -> Tensor:
    """Upsample a map by a factor."""
    if factor == 1:
        return values
    if mode == "nearest" and values.is_contiguous():
        # On a CPU, copying a broadcast view takes half the time of interpolate.
        batch, channels, rows, columns = values.shape
        spread = values[:, :, :, None, :, None].expand(-1, -1, -1, factor, -1, factor)
        return spread.reshape(batch, channels, rows * factor, columns * factor)
    corners = False if mode == "bilinear" else None
    return functional.interpolate(
        values, scale_factor=float(factor), mode=mode, align_corners=corners
    )
