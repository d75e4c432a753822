"""HFCN, the hypercolumn network that turns a 48 x 48 patch into P and O (paper III-F, Fig. 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class HfcnConfig:
    """Sizes of `HFCN`; the defaults are those of the paper's published weights.

    Parameters
    ----------
    stage_widths : tuple of int
        Channels of the convolutions of each stage; the resolution halves between stages.
    stage_depths : tuple of int
        Number of 3 x 3 convolutions of each stage.
    head_channels : int
        Channels each stage gives to the hypercolumn.
    area_channels : int
        Hidden channels on the way to O.
    """

    stage_widths: tuple[int, ...] = (32, 32, 64, 64)
    stage_depths: tuple[int, ...] = (3, 3, 2, 2)
    head_channels: int = 4
    area_channels: int = 8

    def __post_init__(self) -> None:
        if len(self.stage_widths) != len(self.stage_depths) or not self.stage_widths:
            raise ValueError(
                "stage_widths, stage_depths: expected one entry a stage, "
                f"got {self.stage_widths} and {self.stage_depths}"
            )


def _conv_bn_relu(channels_in: int, channels_out: int, kernel: int) -> list[nn.Module]:
    """Return convolution (padded to keep the size), batch normalisation and ReLU."""
    return [
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    ]


class HFCN(nn.Module):
    """Hypercolumn fully convolutional network.

    Parameters
    ----------
    config : HfcnConfig
        Sizes of the layers.

    Notes
    -----
    Each stage is pooled into the next; a 1 x 1 head reads the last map of every stage; the heads,
    upsampled by nearest neighbour and stacked coarsest first, form the hypercolumn (Liao et al.
    2017, III-F). P reads the hypercolumn; O reads the hypercolumn and P, so that the area can be
    regressed without the bias of a binarised P (eqs. 6 and 7).
    """

    def __init__(self, config: HfcnConfig | None = None) -> None:
        super().__init__()
        self.config = config or HfcnConfig()
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        channels = 1
        for width, depth in zip(self.config.stage_widths, self.config.stage_depths, strict=True):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += _conv_bn_relu(channels, width, 3)
                channels = width
            self.stages.append(nn.Sequential(*layers))
            self.heads.append(nn.Sequential(*_conv_bn_relu(width, self.config.head_channels, 1)))
        hypercolumn = self.config.head_channels * len(self.stages)
        self.likelihood = nn.Conv2d(hypercolumn, 2, 3, padding=1)
        self.area = nn.Sequential(
            nn.Conv2d(hypercolumn + 2, self.config.area_channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(self.config.area_channels, 1, 1),
        )

    @property
    def size_multiple(self) -> int:
        """Rows and columns of a patch must be a multiple of this."""
        return int(2 ** (len(self.stages) - 1))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the network sees in each patch.

        Parameters
        ----------
        patches : Tensor, shape (batch, 1, row, column)
            Patches of mean 0 and variance 1.

        Returns
        -------
        logits : Tensor, shape (batch, 2, row, column)
            Softmax over channels gives P; channel 0 is the LV cavity.
        area_map : Tensor, shape (batch, 1, row, column)
            O, whose mean over the patch is the fraction of it that is LV cavity (eq. 7).

        Raises
        ------
        ValueError
            If the patches have another number of channels, or a size the stages cannot halve.
        """
        multiple = self.size_multiple
        if (
            patches.ndim != 4
            or patches.shape[1] != 1
            or any(size == 0 or size % multiple for size in patches.shape[2:])
        ):
            raise ValueError(
                f"patches: expected (batch, 1, row, column) with sizes a multiple of {multiple}, "
                f"got {tuple(patches.shape)}"
            )
        maps = []
        features = patches
        for level, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            features = stage(functional.max_pool2d(features, 2) if level else features)
            column = head(features)
            if level:
                column = functional.interpolate(column, scale_factor=float(2**level))
            maps.append(column)
        hypercolumn = torch.cat(maps[::-1], dim=1)
        logits = self.likelihood(hypercolumn)
        area_map = self.area(torch.cat([hypercolumn, logits.softmax(dim=1)], dim=1))
        return logits, area_map
