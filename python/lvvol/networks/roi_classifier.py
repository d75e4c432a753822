"""`RoiClassifier`, which tells the LV's square from any other (paper III-D, Table I)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class RoiClassifierConfig:
    """Sizes of `RoiClassifier`; the defaults are Table I's.

    Parameters
    ----------
    phases : int
        Phases of a window, spread evenly over the cycle.
    size : int
        Rows and columns of a window.
    width : int
        Channels of each convolution.
    dropout : float
        Share of channels' elements dropped after each max pooling, in training.
    """

    phases: int = 6
    size: int = 25
    width: int = 32
    dropout: float = 0.4


class RoiClassifier(nn.Module):
    """Three-layer CNN over a window at six phases.

    Parameters
    ----------
    config : RoiClassifierConfig
        Sizes of the layers.
    """

    def __init__(self, config: RoiClassifierConfig | None = None) -> None:
        super().__init__()
        self.config = config or RoiClassifierConfig()
        width, dropout = self.config.width, self.config.dropout

        def layer(channels_in: int, kernel: int) -> list[nn.Module]:
            return [
                nn.Conv2d(channels_in, width, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]

        self.layers = nn.Sequential(
            *layer(self.config.phases, 5),
            nn.MaxPool2d(2),
            nn.Dropout(dropout),
            *layer(width, 5),
            nn.MaxPool2d(2),
            nn.Dropout(dropout),
            *layer(width, 3),
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
            Logits; softmax channel 0 is the probability that the window is the LV's square.

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
