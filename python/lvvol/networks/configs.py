"""Configurations of the networks, validated; reading them needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

PATCH_SIZE = 48
"""Rows and columns of HFCN's patches."""

CONTEXT_CHANNELS = 6
"""A slice and the two beside it, at a phase and at the opposite one; see `lvvol.patches`."""

MAX_STAGES = 8
"""Largest number of stages; a patch of 48 can be halved four times."""

LARGEST_SIZE = 4096
"""Largest width, depth or side; a weights file that asks for more is not a network of ours."""

Upsampling = Literal["nearest", "bilinear"]
"""How maps are scaled to the size of the patch; bilinear aligns pixel edges."""


def _check_whole(name: str, value: object, least: int = 1) -> None:
    """Refuse a size that is not an integer from `least` to `LARGEST_SIZE`."""
    if type(value) is not int or value < least:  # bool is an int too
        raise ValueError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    if value > LARGEST_SIZE:
        raise ValueError(f"{name}: expected at most {LARGEST_SIZE}, got {value}")


def _check_stages(**sizes: Sequence[int]) -> None:
    """Refuse anything but tuples of equal length, one positive integer per stage."""
    for name, values in sizes.items():
        _check_widths(name, values)
    lengths = {len(values) for values in sizes.values()}
    if lengths == {0} or len(lengths) > 1:
        given = " and ".join(str(values) for values in sizes.values())
        raise ValueError(f"{', '.join(sizes)}: expected one entry per stage, got {given}")
    if max(lengths) > MAX_STAGES:
        raise ValueError(
            f"{', '.join(sizes)}: expected at most {MAX_STAGES} stages, got {max(lengths)}"
        )


def _check_widths(name: str, values: Sequence[int]) -> None:
    """Refuse anything but a tuple of positive integers; it may be empty."""
    if not isinstance(values, tuple):  # a list would make the config unhashable
        raise ValueError(f"{name}: expected a tuple, got {values!r}")
    for value in values:
        _check_whole(name, value)


def _check_upsampling(value: str) -> None:
    """Refuse an unknown kind of upsampling."""
    if value not in get_args(Upsampling):
        raise ValueError(
            f"upsampling: expected one of {', '.join(get_args(Upsampling))}, got {value!r}"
        )


@dataclass(frozen=True)
class HfcnConfig:
    """Sizes of `HFCN`; the defaults are those of the paper's published weights.

    Parameters
    ----------
    stage_widths : tuple of int
        Channels of the convolutions of each stage, 1 or more; the resolution halves between
        stages.
    stage_depths : tuple of int
        Number of 3 x 3 convolutions of each stage, 1 or more.
    head_channels : int
        Channels that each stage contributes to the hypercolumn, 1 or more.
    area_channels : int
        Hidden channels before O, behind a 3 x 3 convolution and ReLU. With 0, O is one linear
        1 x 1 convolution, as in the paper's text.
    likelihood_widths : tuple of int
        Channels of 3 x 3 convolutions, with batch normalisation and ReLU, between the hypercolumn
        and P. O reads them too.
    upsampling : {"nearest", "bilinear"}
        How heads are scaled to the size of the patch; the published weights use nearest. Bilinear
        aligns pixel edges (`align_corners=False`).
    context : bool
        Whether a patch shows the neighbouring slices and the opposite phase too, as
        `CONTEXT_CHANNELS` channels. The paper's network sees one image.

    Raises
    ------
    ValueError
        If a size is not an integer in its range, the number of stages differs or exceeds
        `MAX_STAGES`, `upsampling` is unknown, or `context` is neither true nor false.
    """

    stage_widths: tuple[int, ...] = (32, 32, 64, 64)
    stage_depths: tuple[int, ...] = (3, 3, 2, 2)
    head_channels: int = 4
    area_channels: int = 8
    likelihood_widths: tuple[int, ...] = ()
    upsampling: Upsampling = "nearest"
    context: bool = False

    def __post_init__(self) -> None:
        _check_stages(stage_widths=self.stage_widths, stage_depths=self.stage_depths)
        _check_whole("head_channels", self.head_channels)
        _check_whole("area_channels", self.area_channels, least=0)
        _check_widths("likelihood_widths", self.likelihood_widths)
        _check_upsampling(self.upsampling)
        if type(self.context) is not bool:
            raise ValueError(f"context: expected true or false, got {self.context!r}")

    @property
    def channels(self) -> int:
        """Channels of a patch."""
        return CONTEXT_CHANNELS if self.context else 1


WIDE_HFCN = HfcnConfig(head_channels=5, area_channels=16, likelihood_widths=(20, 20))
"""The authors' other variant: wider heads, and two convolutions between the hypercolumn and P."""

CONTEXT_HFCN = HfcnConfig(stage_widths=(32, 48, 96, 128), head_channels=8, context=True)
"""Beyond the paper: neighbours in space and time, 1.5 times the multiply-adds of the default."""


@dataclass(frozen=True)
class FcnConfig:
    """Sizes of `FCN`; the default widths are those of the authors' published weights.

    Parameters
    ----------
    stage_widths : tuple of int
        Channels of the convolution of each stage, 1 or more; each stage ends with a pooling that
        halves the resolution.
    stage_kernels : tuple of int
        Rows and columns of each stage's kernel, odd. Only the first is published; the others are 3
        as in the authors' other networks.
    upsampling : {"nearest", "bilinear"}
        How levels are scaled to the size of the patch, as in `HfcnConfig`.

    Raises
    ------
    ValueError
        If a size is not an integer in its range, the number of stages differs or exceeds
        `MAX_STAGES`, or `upsampling` is unknown.
    """

    stage_widths: tuple[int, ...] = (32, 64, 64, 128)
    stage_kernels: tuple[int, ...] = (5, 3, 3, 3)
    upsampling: Upsampling = "nearest"

    channels: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_stages(stage_widths=self.stage_widths, stage_kernels=self.stage_kernels)
        if not all(kernel % 2 for kernel in self.stage_kernels):
            raise ValueError(f"stage_kernels: expected odd sizes, got {self.stage_kernels}")
        _check_upsampling(self.upsampling)


@dataclass(frozen=True)
class RoiClassifierConfig:
    """Sizes of `RoiClassifier`; the defaults are those of Table I.

    Parameters
    ----------
    phases : int
        Phases of a window, spread evenly over the cycle; 1 or more.
    size : int
        Rows and columns of a window; 4 or more, as two poolings halve them.
    width : int
        Channels of each convolution, 1 or more.
    dropout : float
        Share of elements dropped after each max pooling in training; at least 0, below 1.

    Raises
    ------
    ValueError
        If a size is not an integer in its range, or `dropout` is out of range.
    """

    phases: int = 6
    size: int = 25
    width: int = 32
    dropout: float = 0.4

    def __post_init__(self) -> None:
        _check_whole("phases", self.phases)
        _check_whole("size", self.size, least=4)
        _check_whole("width", self.width)
        if not isinstance(self.dropout, (int, float)) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 or more, below 1, got {self.dropout!r}")
