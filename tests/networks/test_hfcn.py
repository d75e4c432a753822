"""HFCN: the layers of the published weights, and what goes into the hypercolumn."""

import pytest
import torch
from torch import nn

from lvvol.networks.hfcn import HFCN, HfcnConfig


@pytest.fixture
def network():
    torch.manual_seed(0)
    return HFCN().eval()


def test_layers_are_those_of_the_published_weights(network):
    sizes = [
        (name, m.in_channels, m.out_channels, *m.kernel_size)
        for name, m in network.named_modules()
        if isinstance(m, nn.Conv2d)
    ]
    assert [s[1:] for s in sizes if s[0].startswith("stages.")] == [
        (1, 32, 3, 3),
        *[(32, 32, 3, 3)] * 5,
        (32, 64, 3, 3),
        *[(64, 64, 3, 3)] * 3,
    ]
    heads = [s[1:] for s in sizes if s[0].startswith("heads.")]
    assert heads == [(32, 4, 1, 1), (32, 4, 1, 1), (64, 4, 1, 1), (64, 4, 1, 1)]
    assert [s[1:] for s in sizes if s[0] == "likelihood"] == [(16, 2, 3, 3)]
    assert [s[1:] for s in sizes if s[0].startswith("area.")] == [(18, 8, 3, 3), (8, 1, 1, 1)]
    # Every convolution but the last two of P and O is normalised and rectified.
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 10 + 4


def test_parameter_count_by_hand(network):
    stages = 9 * (32 + 5 * 32 * 32 + 32 * 64 + 3 * 64 * 64) + 2 * (6 * 32 + 4 * 64)
    heads = 4 * (32 + 32 + 64 + 64) + 4 * 2 * 4
    p = 9 * 16 * 2 + 2
    o = 9 * 18 * 8 + 8 + 8 + 1
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == stages + heads + p + o
    assert count == pytest.approx(0.18e6, rel=0.05)


@pytest.mark.parametrize("shape", [(2, 1, 48, 48), (1, 1, 8, 24), (3, 1, 64, 40)])
def test_maps_have_the_size_of_the_patch(network, shape):
    logits, area_map = network(torch.randn(shape))
    assert logits.shape == (shape[0], 2, *shape[2:])
    assert area_map.shape == (shape[0], 1, *shape[2:])


@pytest.mark.parametrize(
    "shape",
    [(2, 1, 47, 48), (2, 1, 48, 50), (2, 3, 48, 48), (2, 48, 48), (48,), (1, 1, 0, 48)],
)
def test_other_shapes_are_refused(network, shape):
    with pytest.raises(ValueError, match=r"patches: expected .* a multiple of 8, got"):
        network(torch.zeros(shape))


def test_hypercolumn_is_nearest_and_coarsest_first(network):
    seen = {}
    network.likelihood.register_forward_pre_hook(lambda _, given: seen.update(column=given[0]))
    for level, head in enumerate(network.heads):
        head.register_forward_hook(lambda *hook, level=level: seen.update({level: hook[2]}))
    network(torch.randn(2, 1, 48, 48))
    assert [tuple(seen[level].shape[1:]) for level in range(4)] == [
        (4, 48, 48),
        (4, 24, 24),
        (4, 12, 12),
        (4, 6, 6),
    ]
    for level in range(4):
        copied = seen[level].repeat_interleave(2**level, 2).repeat_interleave(2**level, 3)
        place = 4 * (3 - level)
        assert torch.equal(seen["column"][:, place : place + 4], copied)


def test_o_reads_the_hypercolumn_then_p(network):
    seen = {}
    network.likelihood.register_forward_pre_hook(lambda _, given: seen.update(column=given[0]))
    network.area.register_forward_pre_hook(lambda _, given: seen.update(area=given[0]))
    logits, _ = network(torch.randn(1, 1, 48, 48))
    likelihood = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    assert torch.equal(seen["area"][:, :16], seen["column"])
    torch.testing.assert_close(seen["area"][:, 16:], likelihood)


def test_stages_meet_by_max_pooling(network):
    seen = {}
    network.stages[0].register_forward_hook(lambda *hook: seen.update(out=hook[2].clone()))
    network.stages[1].register_forward_pre_hook(lambda _, given: seen.update(into=given[0].clone()))
    network(torch.randn(1, 1, 16, 16))
    blocks = seen["out"].reshape(1, 32, 8, 2, 8, 2)
    assert torch.equal(seen["into"], blocks.amax(dim=(3, 5)))


def test_a_smaller_network_from_its_config():
    config = HfcnConfig(stage_widths=(4, 6), stage_depths=(1, 2), head_channels=3, area_channels=5)
    network = HFCN(config).eval()
    assert network.size_multiple == 2
    assert network.likelihood.in_channels == 6
    logits, area_map = network(torch.randn(1, 1, 6, 10))
    assert logits.shape == (1, 2, 6, 10)
    assert area_map.shape == (1, 1, 6, 10)


@pytest.mark.parametrize(("widths", "depths"), [((32, 32), (3,)), ((), ())])
def test_config_refuses_stages_that_do_not_match(widths, depths):
    with pytest.raises(ValueError, match="stage_widths, stage_depths"):
        HfcnConfig(stage_widths=widths, stage_depths=depths)
