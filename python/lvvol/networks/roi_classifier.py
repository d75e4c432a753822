"""`RoiClassifier`, which tells the LV's square from any other (paper III-D, Table I)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from lvvol.networks.layers import check_whole, conv_bn_relu


@dataclass(frozen=True)
class RoiClassifierConfig:
    """Sizes of `RoiClassifier`; the defaults are Table I's.

    Parameters
    ----------
    phases : int
        Phases of a window, spread evenly over the cycle; 1 or more.
    size : int
        Rows and columns of a window; 4 or more, as two poolings halve them.
    width : int
        Channels of each convolution, 1 or more.
    dropout : float
        Share of channels' elements dropped after each max pooling, in training; 0 or more, below 1.

    Raises
    ------
    ValueError
        If a size is no whole number in its range, or `dropout` is out of its.
    """

    phases: int = 6
    size: int = 25
    width: int = 32
    dropout: float = 0.4

    def __post_init__(self) -> None:
        check_whole("phases", self.phases)
        check_whole("size", self.size, least=4)
        check_whole("width", self.width)
        if not isinstance(self.dropout, (int, float)) or not 0 <= self.dropout < 1:
            raise ValueError(f"dropout: expected 0 or more, below 1, got {self.dropout!r}")


class RoiClassifier(nn.Module):
    """Three-layer CNN over a window at six phases.

    Parameters
    ----------
    config : RoiClassifierConfig, optional
        Sizes of the layers; Table I's if left out.

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
            Logits, any real number. Softmax over channels gives probabilities, 0 to 1; channel 0 is
            that of the window being the LV's square.

        Raises
        ------
        ValueError
            If phases or size are not the configured ones.
        """
        expected = (self.config.phases, self.config.size, self.config.size)
        if windows.ndim != 4 or tuple(windows.shape[1:]) != expected:
            raise ValueError(
                f"windows: expected (batch, {', '.join(map(str, expected))}), "
                f"got {tuple(windows.shape)}"
            )
        logits: Tensor = self.layers(windows)
        return logits
