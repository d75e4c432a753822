"""What the networks have in common: a normalised convolution, and the checks of sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from torch import Tensor, nn

from lvvol.kernels.hypercolumn.op import Mode


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


def check_whole(name: str, value: object, least: int = 1) -> None:
    """Refuse a size that is no whole number of at least so many.

    Parameters
    ----------
    name : str
        The size's name, for the message.
    value : object
        What was given.
    least : int
        The smallest allowed.

    Raises
    ------
    ValueError
        If `value` is no int, or is smaller.
    """
    if type(value) is not int or value < least:  # a bool is an int, but no size
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}")


def check_stages(**sizes: Sequence[int]) -> None:
    """Refuse sizes of stages that are not tuples of one whole number of at least 1 a stage.

    Parameters
    ----------
    **sizes : sequence of int
        By name; as many entries in each.

    Raises
    ------
    ValueError
        If an entry is no int of at least 1, there is no stage, or the numbers of stages differ.
    """
    for name, values in sizes.items():
        check_widths(name, values)
    lengths = {len(values) for values in sizes.values()}
    if lengths == {0} or len(lengths) > 1:
        given = " and ".join(str(values) for values in sizes.values())
        raise ValueError(f"{', '.join(sizes)}: expected one entry a stage, got {given}")


def check_widths(name: str, values: Sequence[int]) -> None:
    """Refuse what is not a tuple of whole numbers of at least 1; it may be empty.

    Parameters
    ----------
    name : str
        The sizes' name, for the message.
    values : sequence of int
        What was given.

    Raises
    ------
    ValueError
        If `values` is no tuple, or an entry is no int of at least 1.
    """
    if not isinstance(values, tuple):  # a list would make the config unhashable
        raise ValueError(f"{name}: expected a tuple, got {values!r}")
    for value in values:
        check_whole(name, value)


def check_upsampling(value: str) -> None:
    """Refuse a kind of upsampling that there is not.

    Parameters
    ----------
    value : str
        What was given.

    Raises
    ------
    ValueError
        If it is another.
    """
    if value not in get_args(Mode):
        raise ValueError(f"upsampling: expected one of {', '.join(get_args(Mode))}, got {value!r}")


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
