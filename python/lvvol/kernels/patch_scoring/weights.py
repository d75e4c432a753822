"""The ROI classifier's weights in the form used by patch scoring."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

WINDOW_SIZE = 25
"""Rows and columns of a window (paper, Table I)."""

WIDTH = 32
"""Channels of each convolution (paper, Table I)."""

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
"""Dtypes of images and convolutions."""


class ScoringWeights(NamedTuple):
    """Weights of the classifier, with batch normalisation folded into its convolutions.

    A 5 x 5 convolution followed by 2 x 2 max pooling is stored as one 6 x 6 convolution of stride 2
    that computes the four values of a pool together: the 5 x 5 weights shifted by (0, 0), (0, 1),
    (1, 0) and (1, 1) and padded with zeros.

    Parameters
    ----------
    conv1 : Tensor, shape (4, 32, 6, 6, phase)
        (position in the pool, output channel, row, column, input channel).
    conv2 : Tensor, shape (4, 32, 6, 6, 32)
        Likewise.
    conv3 : Tensor, shape (32, 3, 3, 32)
        (output channel, row, column, input channel).
    bias1, bias2, bias3 : Tensor of float32, shape (32,)
        Biases of the convolutions.
    head : Tensor of float32, shape (32,)
        Weights of the first logit minus those of the second.
    head_bias : Tensor of float32, shape (1,)
        Likewise. The softmax of two logits is the logistic function of their difference.
    """

    conv1: Tensor
    conv2: Tensor
    conv3: Tensor
    bias1: Tensor
    bias2: Tensor
    bias3: Tensor
    head: Tensor
    head_bias: Tensor


@torch.inference_mode(False)
@torch.no_grad()
def scoring_weights(network: nn.Module, dtype: torch.dtype = torch.float32) -> ScoringWeights:
    """Return a classifier's weights for patch scoring.

    Parameters
    ----------
    network : nn.Module
        Network of Table I in evaluation mode: convolutions of 5 x 5, 5 x 5 and 3 x 3, each to 32
        channels and optionally followed by batch normalisation, and a linear layer to two logits.
    dtype : torch.dtype
        Dtype of the convolutions' weights and the images to score: float32, bfloat16 or float16.

    Returns
    -------
    ScoringWeights
        Copies on the network's device; ordinary tensors even in inference mode.

    Raises
    ------
    ValueError
        If the network is in training mode or has other layers, or `dtype` is not supported.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(map(str, DTYPES))}, got {dtype}")
    if network.training:
        raise ValueError("network: expected evaluation mode, got training mode")
    convolutions, linear = _layers(network)
    w1, w2, w3 = (layer.weight.detach() for layer in convolutions)
    head = linear.weight.detach()[0] - linear.weight.detach()[1]
    head_bias = _bias(linear)[:1] - _bias(linear)[1:]
    return ScoringWeights(
        _for_pooling(w1).to(dtype),
        _for_pooling(w2).to(dtype),
        w3.permute(0, 2, 3, 1).to(dtype, copy=True).contiguous(),
        bias1=_bias(convolutions[0]),
        bias2=_bias(convolutions[1]),
        bias3=_bias(convolutions[2]),
        head=head.float(),
        head_bias=head_bias,
    )


def from_pooling(weight: Tensor) -> Tensor:
    """Return 5 x 5 weights, (out, in, row, column), from their 6 x 6 form for pooling."""
    return weight[0, :, :5, :5].permute(0, 3, 1, 2)


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    """Return a copy of a layer's bias, or zeros if it has none."""
    if layer.bias is None:
        return layer.weight.new_zeros(len(layer.weight), dtype=torch.float32)
    return layer.bias.detach().to(torch.float32, copy=True)


def _layers(network: nn.Module) -> tuple[list[nn.Conv2d], nn.Linear]:
    """Return the three convolutions, with normalisation folded in, and the linear layer."""
    convolutions: list[nn.Conv2d] = []
    linears: list[nn.Linear] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            convolutions.append(layer)
        elif isinstance(layer, nn.BatchNorm2d) and convolutions:
            convolutions[-1] = fuse_conv_bn_eval(convolutions[-1], layer)
        elif isinstance(layer, nn.Linear):
            linears.append(layer)
    weights = [layer.weight for layer in convolutions] + [layer.weight for layer in linears]
    shapes = [tuple(weight.shape) for weight in weights]
    phases = shapes[0][1] if shapes else 0
    expected = [(WIDTH, phases, 5, 5), (WIDTH, WIDTH, 5, 5), (WIDTH, WIDTH, 3, 3), (2, WIDTH)]
    if shapes != expected:
        raise ValueError(f"network: expected weights of shapes {expected}, got {shapes}")
    return convolutions, linears[0]


def _for_pooling(weight: Tensor) -> Tensor:
    """Return 5 x 5 weights, (out, in, row, column), in their 6 x 6 form for pooling."""
    padded = functional.pad(weight, (1, 1, 1, 1))
    moved = [padded[:, :, 1 - i : 7 - i, 1 - j : 7 - j] for i in (0, 1) for j in (0, 1)]
    return torch.stack(moved).permute(0, 1, 3, 4, 2).contiguous()
