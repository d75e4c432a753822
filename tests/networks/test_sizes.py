"""Weights and multiply-adds of every network, computed by hand, as in docs/networks.md."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from lvvol.networks.configs import CONTEXT_HFCN, WIDE_HFCN, HfcnConfig
from lvvol.networks.fcn import FCN
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier

DOCUMENT = Path(__file__).parents[2] / "docs" / "networks.md"

# HFCN's stages: weights of convolutions and of batch normalisation (a scale and a shift).
STAGES = [9 * (32 + 2 * 32 * 32), 9 * 3 * 32 * 32, 9 * (32 * 64 + 64 * 64), 9 * 2 * 64 * 64]
STAGE_NORMS = 2 * (6 * 32 + 4 * 64)
STAGE_WORK = sum(w * n * n for w, n in zip(STAGES, (48, 24, 12, 6), strict=True))


def heads(channels):
    """Weights and multiply-adds of HFCN's heads."""
    widths = (32, 32, 64, 64)
    work = sum(channels * w * n * n for w, n in zip(widths, (48, 24, 12, 6), strict=True))
    return channels * sum(widths) + 4 * 2 * channels, work


CONTEXT_STAGES = [
    9 * (6 * 32 + 2 * 32 * 32),
    9 * (32 * 48 + 2 * 48 * 48),
    9 * (48 * 96 + 96 * 96),
    9 * (96 * 128 + 128 * 128),
]
CONTEXT_WIDTHS = (32, 48, 96, 128)

CELLS = 48 * 48
BY_HAND = {
    "RoiClassifier": (
        RoiClassifier(),
        (1, 6, 25, 25),
        25 * 6 * 32 + 25 * 32 * 32 + 9 * 32 * 32 + 3 * 2 * 32 + 32 * 2 + 2,
        25 * 25 * 25 * 6 * 32 + 12 * 12 * 25 * 32 * 32 + 6 * 6 * 9 * 32 * 32 + 32 * 2,
    ),
    "HFCN": (
        HFCN(),
        (1, 1, 48, 48),
        sum(STAGES) + STAGE_NORMS + heads(4)[0] + (9 * 16 * 2 + 2) + (9 * 18 * 8 + 8) + (8 + 1),
        STAGE_WORK + heads(4)[1] + CELLS * (9 * 16 * 2 + 9 * 18 * 8 + 8),
    ),
    "HFCN, linear O": (
        HFCN(HfcnConfig(area_channels=0)),
        (1, 1, 48, 48),
        sum(STAGES) + STAGE_NORMS + heads(4)[0] + (9 * 16 * 2 + 2) + (18 + 1),
        STAGE_WORK + heads(4)[1] + CELLS * (9 * 16 * 2 + 18),
    ),
    "HFCN, wide": (
        HFCN(WIDE_HFCN),
        (1, 1, 48, 48),
        sum(STAGES)
        + STAGE_NORMS
        + heads(5)[0]
        + 2 * (9 * 20 * 20 + 2 * 20)
        + (9 * 20 * 2 + 2)
        + (9 * 62 * 16 + 16)
        + (16 + 1),
        STAGE_WORK + heads(5)[1] + CELLS * 9 * (2 * 20 * 20 + 20 * 2 + 62 * 16) + CELLS * 16,
    ),
    "HFCN with context": (
        HFCN(CONTEXT_HFCN),
        (1, 6, 48, 48),
        sum(CONTEXT_STAGES)
        + 2 * (3 * 32 + 3 * 48 + 2 * 96 + 2 * 128)
        + 8 * sum(CONTEXT_WIDTHS)
        + 4 * 2 * 8
        + (9 * 32 * 2 + 2)
        + (9 * 34 * 8 + 8)
        + (8 + 1),
        sum(
            (weights + 8 * width) * n * n
            for weights, width, n in zip(
                CONTEXT_STAGES, CONTEXT_WIDTHS, (48, 24, 12, 6), strict=True
            )
        )
        + CELLS * (9 * 32 * 2 + 9 * 34 * 8 + 8),
    ),
    "FCN": (
        FCN(),
        (1, 1, 48, 48),
        25 * 32
        + 9 * (32 * 64 + 64 * 64 + 64 * 128)
        + 2 * (32 + 64 + 64 + 128)
        + 2 * (32 + 64 + 64 + 128)
        + 4 * 2,
        CELLS * 25 * 32
        + 9 * (24 * 24 * 32 * 64 + 12 * 12 * 64 * 64 + 6 * 6 * 64 * 128)
        + 2 * (24 * 24 * 32 + 12 * 12 * 64 + 6 * 6 * 64 + 3 * 3 * 128),
    ),
}


def multiply_adds(network, shape):
    """Products of weights and inputs in the convolutions and matrices of one forward pass."""
    counted = []

    def count(layer, given, output):
        of_each = layer.weight[0].numel()
        counted.append(output.numel() * of_each)

    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(count)
    network.eval()(torch.zeros(shape))
    return sum(counted)


@pytest.mark.parametrize("name", BY_HAND)
def test_weights_and_multiply_adds_by_hand(name):
    network, shape, weights, work = BY_HAND[name]
    assert sum(parameter.numel() for parameter in network.parameters()) == weights
    assert multiply_adds(network, shape) == work


def test_hfcn_has_about_as_many_weights_as_in_the_paper():
    assert BY_HAND["HFCN"][2] == pytest.approx(0.18e6, rel=0.05)


def test_documented_figures():
    rows = re.findall(r"^\| `?([\w, ]+?)`? \| ([\d,]+) \| ([\d.]+) \|", DOCUMENT.read_text(), re.M)
    written = {name: (int(weights.replace(",", "")), work) for name, weights, work in rows}
    assert written == {
        name: (weights, f"{work / 1e6:.1f}") for name, (_, _, weights, work) in BY_HAND.items()
    }


@pytest.mark.parametrize("name", ["RoiClassifier", "HFCN", "FCN"])
def test_documented_layers_add_up(name):
    section = re.search(rf"^## {name}\b(.*?)^## ", DOCUMENT.read_text(), re.M | re.S)[1]
    layers = re.findall(r"^\|.* ([\d,]+) \|$", section, re.M)
    assert sum(int(work.replace(",", "")) for work in layers) == BY_HAND[name][3]
