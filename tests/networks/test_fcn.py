"""FCN, the baseline: levels averaged after softmax, no O."""

import pytest
import torch
from torch import nn

from lvvol.networks.configs import FcnConfig
from lvvol.networks.fcn import FCN


@pytest.fixture
def network(with_random_statistics):
    torch.manual_seed(0)
    return with_random_statistics(FCN())


def test_layers_match_the_published_weights(network):
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    sizes = [(m.in_channels, m.out_channels, *m.kernel_size) for m in convs]
    stages = [(1, 32, 5, 5), (32, 64, 3, 3), (64, 64, 3, 3), (64, 128, 3, 3)]
    heads = [(32, 2, 1, 1), (64, 2, 1, 1), (64, 2, 1, 1), (128, 2, 1, 1)]
    assert sizes == stages + heads


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "config",
    [FcnConfig(), FcnConfig(upsampling="bilinear"), FcnConfig((3, 5), (3, 7), "bilinear")],
)
def test_p_matches_plain_functions(config, training, with_random_statistics, by_hand):
    torch.manual_seed(1)
    network = with_random_statistics(FCN(config)).double().train(training)
    hand = by_hand({name: value.clone() for name, value in network.state_dict().items()}, training)
    patches = torch.randn(3, 1, 32, 48, dtype=torch.float64)
    features, total = patches, 0
    for level in range(len(config.stage_widths)):
        features = hand.pool(hand.conv_bn_relu(f"stages.{level}", features))
        scores = hand.conv(f"heads.{level}", features).exp()
        share = scores / scores.sum(1, keepdim=True)
        total = total + hand.upsample(share, 2 ** (level + 1), config.upsampling)
    expected = total / len(config.stage_widths)
    logits, area_map = network(patches)
    assert expected[:, 0].std() > 0.01
    torch.testing.assert_close(logits.exp(), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(logits.softmax(dim=1), expected, rtol=1e-9, atol=0)
    assert torch.equal(area_map, (expected[:, :1] >= 0.5).double())


def test_area_is_p_binarised_at_half(network):
    logits, area_map = network(torch.randn(5, 1, 48, 48))
    assert area_map.shape == (5, 1, 48, 48)
    cavity = logits[:, 0] > logits[:, 1]
    assert cavity.any()
    assert not cavity.all()
    assert torch.equal(area_map[:, 0] == 1, cavity)
    assert not area_map.requires_grad


def test_masks_train_every_layer(network):
    logits, _ = network.train()(torch.randn(2, 1, 16, 16))
    nn.functional.cross_entropy(logits, torch.randint(2, (2, 16, 16))).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad.abs().max() > 0, name


def test_logits_of_a_certain_p_are_finite(network):
    with torch.no_grad():
        for head in network.heads:
            head.bias.copy_(torch.tensor([500.0, -500.0]))
    logits, area_map = network(torch.zeros(1, 1, 16, 16))
    assert logits.isfinite().all()
    torch.testing.assert_close(logits.softmax(dim=1)[:, :1], area_map)
    logits[:, 1].sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_no_patches_give_no_maps(network):
    assert [tuple(o.shape) for o in network(torch.zeros(0, 1, 48, 48))] == [
        (0, 2, 48, 48),
        (0, 1, 48, 48),
    ]


@pytest.mark.parametrize("shape", [(2, 1, 40, 48), (2, 1, 48, 56), (2, 2, 48, 48), (1, 1, 0, 16)])
def test_other_shapes_are_refused(network, shape):
    with pytest.raises(ValueError, match=r"patches: expected .* a multiple of 16, got"):
        network(torch.zeros(shape))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stage_kernels": (5, 3, 3)}, "stage_widths, stage_kernels: expected one entry per stage"),
        ({"stage_kernels": (5, 3, 3, 4)}, "stage_kernels: expected odd sizes, got"),
        ({"stage_kernels": (5, 3, 3, 0)}, "stage_kernels: expected a whole number of at least 1"),
        ({"stage_widths": (32, 64, 64, "a")}, "stage_widths: expected a whole number"),
        ({"upsampling": "area"}, "upsampling: expected one of nearest, bilinear, got 'area'"),
    ],
)
def test_invalid_configs_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        FcnConfig(**fields)
