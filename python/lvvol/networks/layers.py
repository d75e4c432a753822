"""What the networks have in common: a normalised convolution, and the check of patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def conv_bn_relu(channels_in: int, channels_out: int, kernel: int) -> list[nn.Module]:
    """Return convolution, batch normalisation and ReLU.

    Parameters
    ----------
    channels_in, channels_out : int
        Channels of the maps before and after.
    kernel : int
        Rows and columns of the kernel, odd; padding keeps the size of the map.

    Returns
    -------
    list of Module
        The three layers. The convolution has no bias, batch normalisation brings its own.
    """
    return [
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    ]


def check_patches(patches: Tensor, multiple: int) -> None:
    """Refuse patches that cannot be halved as often as a network does.

    Parameters
    ----------
    patches : Tensor
        Expected of shape (batch, 1, row, column).
    multiple : int
        Rows and columns must be a multiple of this, and not 0.

    Raises
    ------
    ValueError
        If the patches have another number of axes or channels, or another size.
    """
    if (
        patches.ndim != 4
        or patches.shape[1] != 1
        or any(size == 0 or size % multiple for size in patches.shape[2:])
    ):
        raise ValueError(
            f"patches: expected (batch, 1, row, column) with sizes a multiple of {multiple}, "
            f"got {tuple(patches.shape)}"
        )


def standardise(patches: Tensor) -> Tensor:
    """Bring each patch to mean 0 and variance 1.

    Parameters
    ----------
    patches : Tensor, shape (batch, channel, row, column)
        Grey values.

    Returns
    -------
    Tensor, same shape
        The deviation counts as at least max(1e-6, 1e-5 |mean|), as in `lvvol.extract_windows`, so
        that a flat patch becomes 0.
    """
    mean = patches.mean(dim=(1, 2, 3), keepdim=True)
    centred = patches - mean
    deviation = centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    return centred / torch.maximum(deviation, (1e-5 * mean.abs()).clamp_min(1e-6))
