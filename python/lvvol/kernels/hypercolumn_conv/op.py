"""`hypercolumn_conv` as a torch operator: checks, registration and choice of path."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lvvol.kernels.hypercolumn.op import KERNEL_DTYPES, Mode, check_maps, layout_of
from lvvol.kernels.hypercolumn_conv import reference
from lvvol.kernels.path import Path, choose


def hypercolumn_conv(
    maps: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor,
    projection: Tensor | None = None,
    mode: Mode = "nearest",
    path: Path = "auto",
) -> Tensor:
    """Convolve the hypercolumn of maps, 3 x 3 with padding 1, without materialising it.

    Parameters
    ----------
    maps : sequence of Tensor, shapes (batch, channel, row / 2**level, column / 2**level)
        One or more, finest first, as for `lvvol.kernels.hypercolumn.hypercolumn`.
    weight : Tensor, shape (made, sum of channels, 3, 3)
        Weights; channels of the coarsest map first.
    bias : Tensor, shape (made,)
        Bias.
    projection : Tensor of shape (made,), optional
        If given, ReLU is applied, then the sum over channels weighted by `projection`.
    mode : {"nearest", "bilinear"}
        Upsampling.
    path : {"auto", "reference", "triton"}
        Implementation, see `lvvol.kernels.path.choose`. The kernel accepts float32, bfloat16 and
        float16, accumulates in float32, and has no gradient.

    Returns
    -------
    Tensor, shape (batch, made, row, column), or (batch, 1, row, column) if projected
        Channels-last if the finest map is.

    Raises
    ------
    ValueError
        If the maps and weights are inconsistent, or the kernel is chosen and a gradient is
        required.
    TypeError
        If the kernel is chosen and does not support the dtype.

    Notes
    -----
    HFCN's P is this convolution; its O, except for the channels that read P, is this convolution
    followed by ReLU and a 1 x 1 convolution (Liao et al. 2017, III-F).

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1, 2, 3, 3)
    >>> weight[0, 1, 1, 1] = 2
    >>> maps = [torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1)]
    >>> hypercolumn_conv(maps, weight, torch.ones(1)).tolist()
    [[[[3.0, 3.0], [3.0, 3.0]]]]
    """
    check_maps(maps, mode)
    total = sum(values.shape[1] for values in maps)
    parameters = {"weight": weight, "bias": bias}
    if projection is not None:
        parameters["projection"] = projection
    for name, value in parameters.items():
        shape = (len(bias), total, 3, 3) if name == "weight" else (len(bias),)
        if tuple(value.shape) != shape:
            raise ValueError(f"{name}: expected {shape}, got {tuple(value.shape)}")
        if value.dtype != maps[0].dtype or value.device != maps[0].device:
            raise ValueError(
                f"{name}: expected {maps[0].dtype} on {maps[0].device} as of maps[0], "
                f"got {value.dtype} on {value.device}"
            )
    if choose(path, maps[0].device) == "reference":
        return reference.hypercolumn_conv(maps, weight, bias, projection, mode)
    if maps[0].dtype not in KERNEL_DTYPES:
        raise TypeError(
            f"maps: expected float32, bfloat16 or float16 for path 'triton', got {maps[0].dtype}"
        )
    tensors = (*maps, *parameters.values())
    if torch.is_grad_enabled() and any(value.requires_grad for value in tensors):
        raise ValueError("maps, weight, bias, projection: expected no gradient for path 'triton'")
    made: Tensor = _hypercolumn_conv(list(maps), weight, bias, projection, mode)
    return made


def _empty(
    maps: Sequence[Tensor], weight: Tensor, bias: Tensor, projection: Tensor | None, mode: str
) -> Tensor:
    """Allocate the result."""
    batch, _, rows, columns = maps[0].shape
    return torch.empty(
        (batch, weight.shape[0] if projection is None else 1, rows, columns),
        dtype=maps[0].dtype,
        device=maps[0].device,
        memory_format=layout_of(maps[0]),
    )


@torch.library.custom_op(
    "lvvol::hypercolumn_conv",
    mutates_args=(),
    schema="(Tensor[] maps, Tensor weight, Tensor bias, Tensor? projection, str mode) -> Tensor",
)
def _hypercolumn_conv(
    maps: Sequence[Tensor], weight: Tensor, bias: Tensor, projection: Tensor | None, mode: str
) -> Tensor:
    """Launch the kernel."""
    from lvvol.kernels.hypercolumn_conv import kernel

    made = _empty(maps, weight, bias, projection, mode)
    kernel.launch_forward(
        maps,
        weight,
        bias.contiguous(),
        None if projection is None else projection.contiguous(),
        made,
        bilinear=mode == "bilinear",
    )
    return made


_hypercolumn_conv.register_fake(_empty)
