"""HFCN: the layers of the published weights, and the hypercolumn."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from lvvol.networks.configs import WIDE_HFCN, HfcnConfig
from lvvol.networks.hfcn import HFCN
from lvvol.networks.weights import HFCN_FILE, SHIPPED, load_hfcn_module


@pytest.fixture
def network():
    torch.manual_seed(0)
    return HFCN().eval()


def test_layers_match_the_published_weights(network):
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
    # Only the convolutions of the stages and heads have batch normalisation.
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 10 + 4


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


def test_stages_are_joined_by_max_pooling(network):
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


def forward_by_hand(hand, config, patches):
    """Fig. 4, computed from the tensors of the state dict alone."""
    features, heads = patches, []
    for level, depth in enumerate(config.stage_depths):
        if level:
            features = hand.pool(features)
        for layer in range(depth):
            features = hand.conv_bn_relu(f"stages.{level}", features, first=3 * layer)
        head = hand.conv_bn_relu(f"heads.{level}", features)
        heads.insert(0, hand.upsample(head, 2**level, config.upsampling))
    column = torch.cat(heads, 1)
    known = column
    for layer in range(len(config.likelihood_widths)):
        column = hand.conv_bn_relu(f"between.{layer}", column)
        known = torch.cat([known, column], 1)
    logits = hand.conv("likelihood", column)
    odds = (logits[:, 1:] - logits[:, :1]).exp()
    area = hand.conv("area.0", torch.cat([known, 1 / (1 + odds), odds / (1 + odds)], 1))
    return logits, hand.conv("area.2", area.clamp_min(0)) if config.area_channels else area


OPTIONS = {
    "published": HfcnConfig(),
    "wide": WIDE_HFCN,
    "linear O": HfcnConfig(area_channels=0),
    "bilinear": HfcnConfig(upsampling="bilinear"),
    "all small": HfcnConfig((3, 5, 4), (2, 1, 3), 2, 0, (6, 7, 8), "bilinear"),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS.keys())
def test_outputs_match_plain_functions(config, training, with_random_statistics, by_hand):
    torch.manual_seed(3)
    network = with_random_statistics(HFCN(config)).double().train(training)
    hand = by_hand({name: value.clone() for name, value in network.state_dict().items()}, training)
    patches = torch.randn(3, 1, 24, 40, dtype=torch.float64)
    expected = forward_by_hand(hand, config, patches)
    for given, wanted in zip(network(patches), expected, strict=True):
        assert wanted.std() > 1e-3
        torch.testing.assert_close(given, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("config", OPTIONS.values(), ids=OPTIONS.keys())
def test_gradients_match_plain_functions(config, with_random_statistics, by_hand):
    torch.manual_seed(4)
    network = with_random_statistics(HFCN(config)).double()
    patches = torch.randn(2, 1, 16, 8, dtype=torch.float64)
    weights = dict(network.named_parameters())
    state = {**network.state_dict(), **weights}
    gradients = []
    for outputs in (network(patches), forward_by_hand(by_hand(state), config, patches)):
        loss = sum((o * torch.linspace(-1, 1, o.numel()).view_as(o)).sum() for o in outputs)
        gradients.append(torch.autograd.grad(loss, list(weights.values())))
    for name, given, wanted in zip(weights, *gradients, strict=True):
        torch.testing.assert_close(given, wanted, rtol=1e-8, atol=1e-9, msg=lambda m, n=name: n + m)


def test_shipped_weights_keep_their_meaning(by_hand):
    network = load_hfcn_module()
    assert network.config == HfcnConfig()
    row, column = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    radii = torch.tensor([6.0, 10, 15, 20])[:, None, None, None]
    patches = (torch.hypot(row - 22, column - 25) < radii).float()  # cavities of four sizes
    patches = (patches - patches.mean((2, 3), True)) / patches.std((2, 3), keepdim=True)
    state = {name: value.double() for name, value in load_file(SHIPPED / HFCN_FILE).items()}
    expected = forward_by_hand(by_hand(state), HfcnConfig(), patches.double())
    for given, wanted in zip(network(patches), expected, strict=True):
        assert wanted.std() > 0.2
        torch.testing.assert_close(given.double(), wanted, rtol=0, atol=1e-4)


def test_no_patches_give_no_maps(network):
    logits, area_map = network(torch.zeros(0, 1, 48, 48))
    assert logits.shape == (0, 2, 48, 48)
    assert area_map.shape == (0, 1, 48, 48)


def test_wide_variant_matches_the_published_weights():
    network = HFCN(WIDE_HFCN)
    sizes = [
        (m.in_channels, m.out_channels, m.kernel_size[0])
        for name, m in network.named_modules()
        if isinstance(m, nn.Conv2d) and not name.startswith("stages.")
    ]
    heads = [(32, 5, 1), (32, 5, 1), (64, 5, 1), (64, 5, 1)]
    between = [(20, 20, 3), (20, 20, 3)]
    assert sizes == [*heads, *between, (20, 2, 3), (20 + 20 + 20 + 2, 16, 3), (16, 1, 1)]
    assert all(layer[1].num_features == 20 for layer in network.between)


def test_linear_o_has_one_weight_per_channel():
    network = HFCN(HfcnConfig(area_channels=0))
    assert [tuple(p.shape) for p in network.area.parameters()] == [(1, 18, 1, 1), (1,)]


def test_default_config_is_that_of_the_shipped_weights():
    """Files older than a field are read with its default."""
    assert HfcnConfig() == HfcnConfig((32, 32, 64, 64), (3, 3, 2, 2), 4, 8, (), "nearest")
    assert hash(HfcnConfig()) == hash(HFCN().config)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stage_widths": (32, 32), "stage_depths": (3,)}, "stage_widths, stage_depths: expected"),
        ({"stage_widths": (), "stage_depths": ()}, "stage_widths, stage_depths: expected one"),
        ({"stage_widths": (32, 0, 64, 64)}, "stage_widths: expected a whole number of at least 1"),
        ({"stage_widths": [32, 32, 64, 64]}, r"stage_widths: expected a tuple, got \[32"),
        ({"stage_depths": (3, 3, 2, 2.0)}, "stage_depths: expected a whole number .* got 2.0"),
        ({"head_channels": 0}, "head_channels: expected a whole number of at least 1, got 0"),
        ({"head_channels": True}, "head_channels: expected a whole number"),
        ({"area_channels": -1}, "area_channels: expected a whole number of at least 0, got -1"),
        ({"likelihood_widths": (20, -1)}, "likelihood_widths: expected a whole number"),
        ({"likelihood_widths": 20}, "likelihood_widths: expected a tuple, got 20"),
        ({"upsampling": "cubic"}, "upsampling: expected one of nearest, bilinear, got 'cubic'"),
    ],
)
def test_invalid_configs_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        HfcnConfig(**fields)
