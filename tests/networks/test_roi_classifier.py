"""`RoiClassifier`: the layers of Table I."""

import pytest
import torch
from torch import nn

from lvvol.networks.roi_classifier import RoiClassifier, RoiClassifierConfig


def test_layers_are_those_of_table_1():
    network = RoiClassifier()
    described = []
    for m in network.layers:
        match m:
            case nn.Conv2d():
                described.append(
                    ("conv", *m.kernel_size, *m.padding, m.in_channels, m.out_channels)
                )
            case nn.MaxPool2d() | nn.AvgPool2d():
                described.append((type(m).__name__, m.kernel_size))
            case nn.Dropout():
                described.append(("dropout", m.p))
            case nn.BatchNorm2d() | nn.ReLU():
                described.append(type(m).__name__)
            case nn.Linear():
                described.append(("linear", m.in_features, m.out_features))
    assert described == [
        ("conv", 5, 5, 2, 2, 6, 32),
        "BatchNorm2d",
        "ReLU",
        ("MaxPool2d", 2),
        ("dropout", 0.4),
        ("conv", 5, 5, 2, 2, 32, 32),
        "BatchNorm2d",
        "ReLU",
        ("MaxPool2d", 2),
        ("dropout", 0.4),
        ("conv", 3, 3, 1, 1, 32, 32),
        "BatchNorm2d",
        "ReLU",
        ("AvgPool2d", 6),
        ("linear", 32, 2),
    ]


def test_windows_to_two_logits():
    network = RoiClassifier().eval()
    assert network(torch.randn(7, 6, 25, 25)).shape == (7, 2)


def test_other_sizes_from_the_config():
    network = RoiClassifier(RoiClassifierConfig(phases=2, size=17, width=8)).eval()
    assert network(torch.randn(3, 2, 17, 17)).shape == (3, 2)


@pytest.mark.parametrize("shape", [(2, 5, 25, 25), (2, 6, 24, 25), (2, 6, 25, 26), (6, 25, 25)])
def test_other_windows_are_refused(shape):
    with pytest.raises(ValueError, match=r"windows: expected \(batch, 6, 25, 25\), got"):
        RoiClassifier()(torch.zeros(shape))
