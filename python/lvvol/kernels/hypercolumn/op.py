"""`hypercolumn` as a torch operator: checks, registration, autograd and choice of path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from lvvol.kernels.hypercolumn import reference
from lvvol.kernels.path import Path, choose

Mode = Literal["nearest", "bilinear"]

KERNEL_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def hypercolumn(maps: Sequence[Tensor], mode: Mode = "nearest", path: Path = "auto") -> Tensor:
    """Upsample the maps of all stages to the finest resolution and stack their channels.

    Parameters
    ----------
    maps : sequence of Tensor, shapes (batch, channel, row / 2**level, column / 2**level)
        One or more, finest first; each has half the rows and columns of the previous one and any
        number of channels. All have the same dtype and device; any memory layout.
    mode : {"nearest", "bilinear"}
        Upsampling of `torch.nn.functional.interpolate`, with `align_corners=False`.
    path : {"auto", "reference", "triton"}
        Implementation, see `lvvol.kernels.path.choose`. The kernel accepts float32, bfloat16 and
        float16 and computes in float32.

    Returns
    -------
    Tensor, shape (batch, sum of channels, row, column)
        Channels of the coarsest map first. Channels-last if the finest map is.

    Raises
    ------
    ValueError
        If `maps` is empty, their shapes, dtypes or devices are inconsistent, or `mode` or `path` is
        unknown.
    TypeError
        If the maps are not floating point, or the kernel does not support their dtype. It does not
        fall back to a slower path.

    Notes
    -----
    The hypercolumn of Liao et al. 2017 (III-F, Fig. 4).

    Examples
    --------
    >>> import torch
    >>> hypercolumn([torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 1, 1)]).tolist()
    [[[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]]
    """
    check_maps(maps, mode)
    if choose(path, maps[0].device) == "reference":
        return reference.hypercolumn(maps, mode)
    if maps[0].dtype not in KERNEL_DTYPES:
        raise TypeError(
            f"maps: expected float32, bfloat16 or float16 for path 'triton', got {maps[0].dtype}"
        )
    stacked: Tensor = _hypercolumn(list(maps), mode)
    return stacked


def check_maps(maps: Sequence[Tensor], mode: str) -> None:
    """Raise for maps that do not form a hypercolumn."""
    if mode not in get_args(Mode):
        raise ValueError(f"mode: expected 'nearest' or 'bilinear', got {mode!r}")
    if not maps:
        raise ValueError("maps: expected one or more, got none")
    finest = maps[0]
    if finest.ndim != 4 or 0 in finest.shape[1:]:
        raise ValueError(
            f"maps[0]: expected (batch, channel, row, column), got {tuple(finest.shape)}"
        )
    if not finest.is_floating_point():
        raise TypeError(f"maps[0]: expected floating point, got {finest.dtype}")
    multiple = 2 ** (len(maps) - 1)
    if finest.shape[2] % multiple or finest.shape[3] % multiple:
        raise ValueError(
            f"maps[0]: expected rows and columns a multiple of {multiple} for {len(maps)} maps, "
            f"got {tuple(finest.shape)}"
        )
    for level, coarser in enumerate(maps[1:], 1):
        size = (finest.shape[2] >> level, finest.shape[3] >> level)
        if (
            coarser.ndim != 4
            or coarser.shape[0] != finest.shape[0]
            or coarser.shape[1] == 0
            or tuple(coarser.shape[2:]) != size
        ):
            raise ValueError(
                f"maps[{level}]: expected ({finest.shape[0]}, channel, {size[0]}, {size[1]}), "
                f"got {tuple(coarser.shape)}"
            )
        if coarser.dtype != finest.dtype or coarser.device != finest.device:
            raise ValueError(
                f"maps[{level}]: expected {finest.dtype} on {finest.device} as of maps[0], "
                f"got {coarser.dtype} on {coarser.device}"
            )


def layout_of(values: Tensor) -> torch.memory_format:
    """Return the layout of results for a tensor: channels-last if that is its only layout."""
    last = values.is_contiguous(memory_format=torch.channels_last) and not values.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format


def _empty_hypercolumn(maps: Sequence[Tensor], mode: str) -> Tensor:
    """Allocate the hypercolumn."""
    batch, _, rows, columns = maps[0].shape
    channels = sum(values.shape[1] for values in maps)
    return torch.empty(
        (batch, channels, rows, columns),
        dtype=maps[0].dtype,
        device=maps[0].device,
        memory_format=layout_of(maps[0]),
    )


def _empty_gradients(gradient: Tensor, channels: Sequence[int], mode: str) -> list[Tensor]:
    """Allocate the gradients of the maps."""
    batch, _, rows, columns = gradient.shape
    return [
        torch.empty(
            (batch, count, rows >> level, columns >> level),
            dtype=gradient.dtype,
            device=gradient.device,
            memory_format=layout_of(gradient),
        )
        for level, count in enumerate(channels)
    ]


@torch.library.custom_op(
    "lvvol::hypercolumn", mutates_args=(), schema="(Tensor[] maps, str mode) -> Tensor"
)
def _hypercolumn(maps: Sequence[Tensor], mode: str) -> Tensor:
    """Launch the kernel."""
    from lvvol.kernels.hypercolumn import kernel

    stacked = _empty_hypercolumn(maps, mode)
    kernel.launch_forward(maps, stacked, bilinear=mode == "bilinear")
    return stacked


@torch.library.custom_op(
    "lvvol::hypercolumn_backward",
    mutates_args=(),
    schema="(Tensor gradient, int[] channels, str mode) -> Tensor[]",
)
def _hypercolumn_backward(gradient: Tensor, channels: Sequence[int], mode: str) -> list[Tensor]:
    """Launch the backward kernel."""
    from lvvol.kernels.hypercolumn import kernel

    gradients = _empty_gradients(gradient, channels, mode)
    kernel.launch_backward(gradient, gradients, bilinear=mode == "bilinear")
    return gradients


def _setup_context(ctx: Any, inputs: tuple[Sequence[Tensor], str], output: Tensor) -> None:
    """Save the sizes for the backward pass, which needs no tensor as upsampling is linear."""
    maps, ctx.mode = inputs
    ctx.channels = [values.shape[1] for values in maps]


def _gradient(ctx: Any, gradient: Tensor) -> tuple[list[Tensor], None]:
    """Return the gradients of the maps, and None for the mode."""
    return _hypercolumn_backward(gradient, ctx.channels, ctx.mode), None


_hypercolumn.register_fake(_empty_hypercolumn)
_hypercolumn_backward.register_fake(_empty_gradients)
_hypercolumn.register_autograd(_gradient, setup_context=_setup_context)
