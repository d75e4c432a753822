"""`RoiClassifier`, which recognises the LV's square (paper III-D, Table I)."""

from __future__ import annotations

from lvvol.errors import needs_extra

with needs_extra("train"):
    from torch import Tensor, nn

from lvvol.networks.configs import RoiClassifierConfig
from lvvol.networks.layers import conv_bn_relu


class RoiClassifier(nn.Module):
    """Three-layer CNN over a window at six phases.

    Parameters
    ----------
    config : RoiClassifierConfig, optional
        Sizes of the layers; by default those of Table I.

    Notes
    -----
    Two 5 x 5 convolutions and a 3 x 3 one, each with batch normalisation and ReLU; 2 x 2 max
    pooling and dropout after the first two, average pooling over the whole map after the last, then
    two logits (Liao et al. 2017, Table I).

    Examples
    --------
    >>> import torch
    >>> tuple(RoiClassifier()(torch.zeros(3, 6, 25, 25)).shape)
    (3, 2)
    """

    def __init__(self, config: RoiClassifierConfig | None = None) -> None:
        super().__init__()
        self.config = config or RoiClassifierConfig()
        width, dropout = self.config.width, self.config.dropout
        self.layers = nn.Sequential(
            *conv_bn_relu(self.config.phases, width, 5),
            nn.MaxPool2d(2),
            nn.Dropout(dropout),
            *conv_bn_relu(width, width, 5),
            nn.MaxPool2d(2),
            nn.Dropout(dropout),
            *conv_bn_relu(width, width, 3),
            nn.AvgPool2d(self.config.size // 4),
            nn.Flatten(),
            nn.Linear(width, 2),
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Score windows.

        Parameters
        ----------
        windows : Tensor, shape (batch, phase, row, column)
            Windows with their mean over all phases subtracted.

        Returns
        -------
        Tensor, shape (batch, 2)
            Logits, any real number. Softmax over channels gives probabilities, 0 to 1; channel 0:
            the window is the LV's square.

        Raises
        ------
        ValueError
            If the number of phases or the size differs from the config.
        """
        expected = (self.config.phases, self.config.size, self.config.size)
        if windows.ndim != 4 or tuple(windows.shape[1:]) != expected:
            raise ValueError(
                f"windows: expected (batch, {', '.join(map(str, expected))}), "
                f"got {tuple(windows.shape)}"
            )
        logits: Tensor = self.layers(windows)
        return logits
