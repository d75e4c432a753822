"""HFCN, the hypercolumn network that turns a 48 x 48 patch into P and O (paper III-F, Fig. 4)."""

from __future__ import annotations

from lvvol.errors import needs_extra

with needs_extra("train"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional

from lvvol.kernels.hypercolumn import hypercolumn
from lvvol.networks.configs import HfcnConfig
from lvvol.networks.layers import check_patches, conv_bn_relu


class HFCN(nn.Module):
    """Hypercolumn fully convolutional network.

    Parameters
    ----------
    config : HfcnConfig, optional
        Sizes of the layers; by default those of the paper's published weights.

    Notes
    -----
    Each stage is pooled into the next; a 1 x 1 head reads the last map of every stage; the heads,
    upsampled and stacked coarsest first, form the hypercolumn (Liao et al. 2017, III-F). P reads
    the hypercolumn; O reads the hypercolumn and P, so that it can regress the area without the bias
    of a binarised P (eqs. 6 and 7).

    Examples
    --------
    >>> logits, area_map = HFCN()(torch.zeros(2, 1, 48, 48))
    >>> tuple(logits.shape), tuple(area_map.shape)
    ((2, 2, 48, 48), (2, 1, 48, 48))
    """

    def __init__(self, config: HfcnConfig | None = None) -> None:
        super().__init__()
        self.config = config or HfcnConfig()
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        channels = self.config.channels
        for width, depth in zip(self.config.stage_widths, self.config.stage_depths, strict=True):
            layers: list[nn.Module] = []
            for _ in range(depth):
                layers += conv_bn_relu(channels, width, 3)
                channels = width
            self.stages.append(nn.Sequential(*layers))
            self.heads.append(nn.Sequential(*conv_bn_relu(width, self.config.head_channels, 1)))
        channels = known = self.config.head_channels * len(self.stages)
        self.between = nn.ModuleList()
        for width in self.config.likelihood_widths:
            self.between.append(nn.Sequential(*conv_bn_relu(channels, width, 3)))
            channels = width
            known += width
        self.likelihood = nn.Conv2d(channels, 2, 3, padding=1)
        self.area = nn.Sequential(*_area_layers(known + 2, self.config.area_channels))

    @property
    def size_multiple(self) -> int:
        """Rows and columns of a patch must be a multiple of this."""
        return int(2 ** (len(self.stages) - 1))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Segment patches.

        Parameters
        ----------
        patches : Tensor, shape (batch, channel, row, column)
            Patches whose channels have mean 0 and variance 1; see `lvvol.patches`.

        Returns
        -------
        logits : Tensor, shape (batch, 2, row, column)
            Any real number. Softmax over channels gives P, 0 to 1; channel 0 is the LV cavity.
        area_map : Tensor, shape (batch, 1, row, column)
            O. Its mean over the patch is the share that is LV cavity (eq. 7). As a regression it
            also takes values below 0 and above 1.

        Raises
        ------
        ValueError
            If the patches have another number of channels, or a size the stages cannot halve.
        """
        check_patches(patches, self.size_multiple, self.config.channels)
        maps = []
        features = patches
        for level, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            features = stage(functional.max_pool2d(features, 2) if level else features)
            maps.append(head(features))
        known = [hypercolumn(maps, self.config.upsampling)]
        for layer in self.between:
            known.append(layer(known[-1]))
        logits = self.likelihood(known[-1])
        area_map = self.area(torch.cat([*known, logits.softmax(dim=1)], dim=1))
        return logits, area_map


def _area_layers(channels: int, hidden: int) -> list[nn.Module]:
    """Return the layers that lead to O."""
    if not hidden:
        return [nn.Conv2d(channels, 1, 1)]
    return [
        nn.Conv2d(channels, hidden, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, 1, 1),
    ]
