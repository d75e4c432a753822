"""Parts that the networks share: a normalised convolution and the check of patches."""

from __future__ import annotations

from lvvol.errors import needs_extra

with needs_extra("train"):
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
        The three layers. The convolution has no bias, since batch normalisation has one.
    """
    return [
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    ]


def check_patches(patches: Tensor, multiple: int, channels: int = 1) -> None:
    """Refuse patches whose size a network cannot halve often enough.

    Parameters
    ----------
    patches : Tensor
        Expected of shape (batch, channel, row, column).
    multiple : int
        Rows and columns must be a multiple of this, and not 0.
    channels : int
        Number of channels.

    Raises
    ------
    ValueError
        If the patches have another number of axes or channels, or another size.
    """
    if (
        patches.ndim != 4
        or patches.shape[1] != channels
        or any(size == 0 or size % multiple for size in patches.shape[2:])
    ):
        raise ValueError(
            f"patches: expected (batch, {channels}, row, column) with sizes a multiple of "
            f"{multiple}, got {tuple(patches.shape)}"
        )


def standardise(patches: Tensor) -> Tensor:
    """Bring each channel of each patch to mean 0 and variance 1.

    Parameters
    ----------
    patches : Tensor, shape (batch, channel, row, column)
        Grey values.

    Returns
    -------
    Tensor, same shape
        The deviation is taken as at least max(1e-6, 1e-5 |mean|), as in `lvvol.extract_windows`, so
        that a flat one becomes 0.
    """
    mean = patches.mean(dim=(2, 3), keepdim=True)
    centred = patches - mean
    deviation = centred.square().mean(dim=(2, 3), keepdim=True).sqrt()
    return centred / torch.maximum(deviation, (1e-5 * mean.abs()).clamp_min(1e-6))
