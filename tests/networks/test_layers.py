"""What the networks have in common."""

import torch

from lvvol.networks.layers import standardise


def test_standardise_brings_each_patch_to_mean_0_and_variance_1():
    patches = torch.randn(3, 1, 48, 48) * torch.tensor([0.05, 1.0, 30.0])[:, None, None, None] + 7
    result = standardise(patches)
    torch.testing.assert_close(result.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.var(dim=(1, 2, 3), correction=0), torch.ones(3))


def test_standardise_leaves_a_flat_patch_flat():
    assert not standardise(torch.full((1, 1, 48, 48), 0.5)).any()
    faint = 0.5 + 1e-5 * torch.randn(1, 1, 48, 48)
    assert standardise(faint).abs().max() < 0.1
