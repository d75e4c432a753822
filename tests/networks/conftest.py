"""Fixtures of the network tests."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lvvol import _core, predict
from lvvol.networks.inference import load_hfcn
from lvvol.patches import iterate_patches
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack
from tests.support.kernels import device

__all__ = ["device"]


@pytest.fixture
def with_random_statistics():
    """Give batch normalisation statistics and scales far from their initial values."""

    def change(network, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for m in network.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.running_mean.copy_(torch.randn(m.num_features, generator=generator) * 0.3)
                m.running_var.copy_(torch.rand(m.num_features, generator=generator) + 0.3)
                with torch.no_grad():
                    m.weight.copy_(torch.rand(m.num_features, generator=generator) + 0.5)
                    m.bias.copy_(torch.randn(m.num_features, generator=generator) * 0.3)
        return network.eval()

    return change


class ByHand:
    """Layers as plain functions, with the tensors of a state dict."""

    def __init__(self, state, training=False):
        self.state = state
        self.training = training

    def conv(self, name, x):
        weight = self.state[f"{name}.weight"]
        return functional.conv2d(
            x, weight, self.state.get(f"{name}.bias"), padding=weight.shape[-1] // 2
        )

    def conv_bn_relu(self, name, x, first=0):
        """A convolution, batch normalisation and ReLU; the first has index `first` in `name`."""
        x = self.conv(f"{name}.{first}", x)
        bn = f"{name}.{first + 1}"
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        else:
            mean, var = self.state[f"{bn}.running_mean"], self.state[f"{bn}.running_var"]
        mean, var, scale, shift = (
            v[:, None, None]
            for v in (mean, var, self.state[f"{bn}.weight"], self.state[f"{bn}.bias"])
        )
        x = (x - mean) / (var + 1e-5).sqrt() * scale + shift
        return x.clamp_min(0)

    @staticmethod
    def pool(x):
        *outer, rows, columns = x.shape
        x = x[..., : rows // 2 * 2, : columns // 2 * 2]
        return x.reshape(*outer, rows // 2, 2, columns // 2, 2).amax((-3, -1))

    @staticmethod
    def upsample(x, factor, mode):
        """Upsample by one matrix per axis, of the weights of coarse cells in fine ones."""
        for axis in (-2, -1):
            n = x.shape[axis]
            centres = (np.arange(n * factor) + 0.5) / factor - 0.5
            if mode == "nearest":
                shares = np.round(centres)[:, None] == np.arange(n)
            else:
                inside = np.clip(centres, 0, n - 1)
                shares = np.clip(1 - np.abs(inside[:, None] - np.arange(n)), 0, 1)
            x = torch.moveaxis(x, axis, -1) @ torch.tensor(shares, dtype=x.dtype).T
            x = torch.moveaxis(x, -1, axis)
        return x


@pytest.fixture
def by_hand():
    """The class of layers as plain functions."""
    return ByHand


@pytest.fixture(scope="session")
def phantom_inputs():
    """Patches and windows of a phantom, at and near the squares of its LV."""
    stack = make_phantom(2, n_slices=5, n_phases=6).to_cine_stack()
    working = to_working_stack(stack)
    squares = predict(stack).rois.squares_mm
    n = np.arange(len(squares))
    patches = np.concatenate(list(iterate_patches(working.images, squares, load_hfcn().channels)))
    beside = squares + squares[:, 2:] * [0.5, 0.5, 0.0]
    windows = _core.extract_windows(
        working.images,
        np.concatenate([n, n]),
        np.concatenate([squares, beside]),
        np.arange(6),
        25,
        normalise="mean",
    )
    return patches, windows
