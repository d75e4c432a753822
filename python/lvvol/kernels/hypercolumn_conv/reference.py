"""The convolution of a hypercolumn in plain torch: upsample, stack, convolve."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from lvvol.kernels.hypercolumn import reference


def hypercolumn_conv(
    maps: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor,
    projection: Tensor | None,
    mode: str,
) -> Tensor:
    """Do the same as `lvvol.kernels.hypercolumn_conv.hypercolumn_conv`."""
    made = functional.conv2d(reference.hypercolumn(maps, mode), weight, bias, padding=1)
    if projection is None:
        return made
    return functional.conv2d(made.relu(), projection[None, :, None, None])
