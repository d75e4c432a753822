"""FCN, the averaging network: the authors' baseline for HFCN."""

from __future__ import annotations

from lvvol.errors import needs_extra

with needs_extra("train"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional

from lvvol.networks.configs import FcnConfig
from lvvol.networks.layers import check_patches, conv_bn_relu


class FCN(nn.Module):
    """Fully convolutional network that averages the predictions of its stages.

    Parameters
    ----------
    config : FcnConfig, optional
        Sizes of the layers; by default those of the authors' published weights.

    Notes
    -----
    Each stage is a convolution (batch normalisation, ReLU) and a 2 x 2 max pooling; a 1 x 1
    convolution to two channels and softmax read every pooled map; the levels, upsampled, are summed
    and divided by their number. There is no O: the area is that of binarised P (Liao et al. 2017,
    eq. 1), which has no gradient, so this network can learn only from masks.

    Examples
    --------
    >>> logits, area_map = FCN()(torch.zeros(2, 1, 48, 48))
    >>> tuple(logits.shape), tuple(area_map.shape)
    ((2, 2, 48, 48), (2, 1, 48, 48))
    """

    def __init__(self, config: FcnConfig | None = None) -> None:
        super().__init__()
        self.config = config or FcnConfig()
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        channels = 1
        for width, kernel in zip(self.config.stage_widths, self.config.stage_kernels, strict=True):
            self.stages.append(
                nn.Sequential(*conv_bn_relu(channels, width, kernel), nn.MaxPool2d(2))
            )
            self.heads.append(nn.Conv2d(width, 2, 1))
            channels = width

    @property
    def size_multiple(self) -> int:
        """Rows and columns of a patch must be a multiple of this."""
        return int(2 ** len(self.stages))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Segment patches.

        Parameters
        ----------
        patches : Tensor, shape (batch, 1, row, column)
            Patches of mean 0 and variance 1.

        Returns
        -------
        logits : Tensor, shape (batch, 2, row, column)
            The logarithm of P, at most 0, so that softmax over channels gives P, 0 to 1; channel 0
            is the LV cavity.
        area_map : Tensor, shape (batch, 1, row, column)
            1 where P of the LV cavity is at least one half, else 0; its mean over the patch is the
            fraction of it that is LV cavity (eq. 1). It has no gradient.

        Raises
        ------
        ValueError
            If the patches have another number of channels, or a size the stages cannot halve.
        """
        check_patches(patches, self.size_multiple)
        levels = []
        features = patches
        for level, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True), start=1):
            features = stage(features)
            levels.append(
                functional.interpolate(
                    head(features).softmax(dim=1),
                    scale_factor=float(2**level),
                    mode=self.config.upsampling,
                )
            )
        likelihood = torch.stack(levels).sum(dim=0) / len(levels)
        # A softmax may round to 0, whose logarithm is infinite.
        logits = likelihood.clamp_min(torch.finfo(likelihood.dtype).tiny).log()
        return logits, (likelihood[:, :1] >= 0.5).to(likelihood.dtype)
