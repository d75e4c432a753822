"""Networks as functions of arrays."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from lvvol.networks.hfcn import HFCN
from lvvol.networks.inference import ready, score_windows, segment_patches, standardise
from lvvol.networks.roi_classifier import RoiClassifier


@pytest.fixture
def hfcn(lived_in):
    torch.manual_seed(1)
    return lived_in(HFCN())


@pytest.fixture
def classifier(lived_in):
    torch.manual_seed(2)
    return lived_in(RoiClassifier())


def test_standardise_brings_each_patch_to_mean_0_and_variance_1():
    patches = torch.randn(3, 1, 48, 48) * torch.tensor([0.05, 1.0, 30.0])[:, None, None, None] + 7
    result = standardise(patches)
    torch.testing.assert_close(result.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(result.var(dim=(1, 2, 3), correction=0), torch.ones(3))


def test_standardise_leaves_a_flat_patch_flat():
    assert not standardise(torch.full((1, 1, 48, 48), 0.5)).any()
    faint = 0.5 + 1e-5 * torch.randn(1, 1, 48, 48)
    assert standardise(faint).abs().max() < 0.1


@pytest.mark.parametrize(("kind", "size"), [("hfcn", (1, 48, 48)), ("classifier", (6, 25, 25))])
def test_folding_leaves_no_batch_norm_and_the_same_answers(kind, size, request):
    network = request.getfixturevalue(kind)
    folded = copy.deepcopy(network).train()
    ready(folded)
    assert not folded.training
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    given = torch.randn(4, *size)
    torch.testing.assert_close(folded(given), network(given), atol=1e-4, rtol=0)


def test_scores_are_the_probability_of_channel_0_in_any_batches(classifier):
    windows = np.random.default_rng(0).normal(size=(1100, 6, 25, 25)).astype(np.float32)
    scores = score_windows(classifier, windows)
    assert scores.shape == (1100,)
    assert ((scores >= 0) & (scores <= 1)).all()
    with torch.inference_mode():
        logits = classifier(torch.from_numpy(windows[1020:1030])).double()
    expected = 1 / (1 + torch.exp(logits[:, 1] - logits[:, 0]))
    np.testing.assert_allclose(scores[1020:1030], expected, atol=1e-5)


def test_segmentation_is_p_of_channel_0_and_the_mean_of_o(hfcn):
    patches = np.random.default_rng(0).normal(size=(130, 48, 48)).astype(np.float32)
    likelihood, fractions = segment_patches(hfcn, patches)
    assert likelihood.dtype == np.float32
    assert ((likelihood >= 0) & (likelihood <= 1)).all()
    with torch.inference_mode():
        logits, area_map = hfcn(torch.from_numpy(patches[[0, 70, 129], None]))
    odds = (logits[:, 1] - logits[:, 0]).double()
    chosen = likelihood[[0, 70, 129]]
    np.testing.assert_allclose(chosen, 1 / (1 + torch.exp(odds)), atol=1e-5)
    np.testing.assert_allclose(
        fractions[[0, 70, 129]], area_map.numpy().mean(axis=(1, 2, 3)), atol=1e-5
    )


def test_nothing_in_nothing_out(hfcn, classifier):
    assert score_windows(classifier, np.empty((0, 6, 25, 25), np.float32)).shape == (0,)
    likelihood, fractions = segment_patches(hfcn, np.empty((0, 48, 48), np.float32))
    assert likelihood.shape == (0, 48, 48)
    assert fractions.shape == (0,)
