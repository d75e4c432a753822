"""Layers common to the networks."""

import numpy as np
import pytest
import torch

from lvvol import _core
from lvvol.networks.layers import standardise


def test_standardise_gives_each_patch_mean_0_and_variance_1():
    random = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.05, 1.0, 30.0])[:, None, None, None]
    result = standardise(torch.randn(3, 1, 48, 48, generator=random) * spread + 7)
    torch.testing.assert_close(result.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.var(dim=(1, 2, 3), correction=0), torch.ones(3))


def test_standardise_keeps_a_constant_patch_constant():
    assert not standardise(torch.full((1, 1, 48, 48), 0.5)).any()


@pytest.mark.parametrize("step", [0.3, 1 / 1024, 1e-5, 1e-6])
def test_training_and_measuring_normalise_patches_alike(step):
    """The core normalises a patch as it extracts it."""
    image = np.full((48, 48), 0.5, dtype=np.float32)
    image[20, 30] += step
    cut = _core.extract_windows(
        image[None, None],
        np.array([0]),
        np.array([[0.0, 0.0, 48.0]]),
        np.array([0]),
        48,
        normalise="mean_std",
    )
    ours = standardise(torch.from_numpy(image)[None, None])
    np.testing.assert_allclose(ours.numpy(), cut, rtol=2e-3, atol=1e-2)
