"""Modules folded for inference."""

import copy

import pytest
import torch
from torch import nn

from lvvol.networks.folding import fold_batch_norm
from lvvol.networks.hfcn import HFCN
from lvvol.networks.roi_classifier import RoiClassifier


@pytest.mark.parametrize(
    ("kind", "size"), [(HFCN, (1, 48, 48)), (RoiClassifier, (6, 25, 25))], ids=["hfcn", "roi"]
)
def test_folding_removes_batch_norm_and_keeps_the_outputs(kind, size, with_random_statistics):
    torch.manual_seed(1)
    network = with_random_statistics(kind())
    folded = copy.deepcopy(network).train()
    fold_batch_norm(folded)
    assert not folded.training
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    given = torch.randn(4, *size)
    torch.testing.assert_close(folded(given), network(given), atol=1e-4, rtol=0)
