"""`RoiClassifier`: the layers of Table I."""

import pytest
import torch
from torch import nn

from lvvol.networks.configs import RoiClassifierConfig
from lvvol.networks.roi_classifier import RoiClassifier


def test_layers_match_table_1():
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


def test_windows_give_two_logits():
    network = RoiClassifier().eval()
    assert network(torch.randn(7, 6, 25, 25)).shape == (7, 2)


def test_other_sizes_from_the_config():
    network = RoiClassifier(RoiClassifierConfig(phases=2, size=17, width=8)).eval()
    assert network(torch.randn(3, 2, 17, 17)).shape == (3, 2)


@pytest.mark.parametrize("shape", [(2, 5, 25, 25), (2, 6, 24, 25), (2, 6, 25, 26), (6, 25, 25)])
def test_windows_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"windows: expected \(batch, 6, 25, 25\), got"):
        RoiClassifier()(torch.zeros(shape))


def test_logits_match_plain_functions(with_random_statistics, by_hand):
    torch.manual_seed(0)
    network = with_random_statistics(RoiClassifier()).double()
    hand = by_hand(network.state_dict())
    windows = torch.randn(4, 6, 25, 25, dtype=torch.float64)
    features = hand.pool(hand.conv_bn_relu("layers", windows, first=0))
    assert features.shape == (4, 32, 12, 12)
    features = hand.pool(hand.conv_bn_relu("layers", features, first=5))
    features = hand.conv_bn_relu("layers", features, first=10)
    assert features.shape == (4, 32, 6, 6)
    weight, bias = network.layers[-1].weight, network.layers[-1].bias
    expected = features.mean((2, 3)) @ weight.T + bias
    assert expected.std() > 0.01
    torch.testing.assert_close(network(windows), expected, rtol=1e-10, atol=1e-12)


def test_dropout_is_active_only_in_training():
    torch.manual_seed(0)
    network = RoiClassifier()
    windows = torch.randn(2, 6, 25, 25)
    assert not torch.equal(network(windows), network(windows))
    network.eval()
    assert torch.equal(network(windows), network(windows))


def test_no_windows_give_no_scores():
    assert RoiClassifier().eval()(torch.zeros(0, 6, 25, 25)).shape == (0, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phases": 0}, "phases: expected a whole number of at least 1, got 0"),
        ({"size": 3}, "size: expected a whole number of at least 4, got 3"),
        ({"width": 8.0}, "width: expected a whole number of at least 1, got 8.0"),
        ({"dropout": 1}, "dropout: expected 0 or more, below 1, got 1"),
        ({"dropout": -0.1}, "dropout: expected 0 or more, below 1, got -0.1"),
        ({"dropout": float("nan")}, "dropout: expected 0 or more, below 1, got nan"),
        ({"dropout": "0.4"}, "dropout: expected 0 or more, below 1, got '0.4'"),
    ],
)
def test_invalid_configs_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        RoiClassifierConfig(**fields)
