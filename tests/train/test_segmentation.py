"""Patches and volumes for training HFCN."""

import numpy as np
import pytest
import torch
from torch import nn

from lvvol.datasets import LabelledStack
from lvvol.datasets.labelled import stack_of_planes
from lvvol.networks.configs import HfcnConfig
from lvvol.networks.hfcn import HFCN
from lvvol.networks.layers import standardise
from lvvol.train import sampling
from lvvol.train.device import Compute
from lvvol.train.examples import examples_of
from lvvol.train.loop import train_epoch
from lvvol.train.segmentation import MaskTask
from lvvol.train.stage import Optimisation, Stage
from lvvol.train.volumes import VolumeTask

POSITIONS_MM = np.array([0.0, 8.0, 20.0])


def labels_with_discs(radii=((24, 16), (20, 12), (15, 9)), labelled=None, volumes=True):
    rows, columns = np.indices((96, 96)) + 0.5
    distance = np.hypot(rows - 50, columns - 46)
    masks = np.array([[distance < r for r in pair] for pair in radii])
    known = np.ones(masks.shape[:2], bool) if labelled is None else np.array(labelled)
    stack = stack_of_planes(0.2 + 0.6 * masks.astype(np.float32), POSITIONS_MM[: len(radii)])
    edv_ml, esv_ml = (disc_volume_ml(radii, t) for t in (0, 1))
    return LabelledStack(
        "dsb2/0004",
        stack,
        masks & known[..., None, None],
        known,
        edv_ml if volumes else None,
        esv_ml if volumes else None,
    )


def disc_volume_ml(radii, t):
    areas = [np.pi * pair[t] ** 2 for pair in radii]
    return (
        sum((areas[z] + areas[z + 1]) / 2 * np.diff(POSITIONS_MM)[z] for z in range(len(areas) - 1))
        / 1000
    )


class Oracle(nn.Module):
    """A perfect HFCN for a bright disc on grey, with one weight, so that it can be trained."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, patches):
        lowest, highest = patches.amin((2, 3), keepdim=True), patches.amax((2, 3), keepdim=True)
        cavity = (patches - lowest) / (highest - lowest)  # bright fraction of each pixel
        logits = 30 * torch.cat([cavity - 0.5, 0.5 - cavity], dim=1)
        return logits * self.factor, cavity * self.factor


def make_run(network, rate=0.0, steps=100, seed=1, compute=None):
    return Stage("hfcn", network, {}, seed, steps, Optimisation(rate, 0.0), compute=compute)


def train_segmentation_epoch(run, stacks, batch):
    return train_epoch(run, MaskTask(examples_of(stacks), batch))


def train_volume_epoch(run, stacks, studies, weight, loss="relative"):
    return train_epoch(run, VolumeTask(examples_of(stacks), studies, loss, weight))


@pytest.fixture(autouse=True)
def no_noise(monkeypatch):
    monkeypatch.setattr(sampling, "augment_intensity", lambda patches, rng: patches)


def test_a_perfect_network_has_almost_no_loss_on_masks():
    network = Oracle()
    loss = train_segmentation_epoch(make_run(network), [labels_with_discs()] * 2, 4)
    # Only edge pixels, half inside, contribute to the loss.
    assert 0 < loss < 0.2
    wrong = Oracle()
    wrong.factor.data *= -1
    assert train_segmentation_epoch(make_run(wrong), [labels_with_discs()], 6) > 10


def test_masks_teach_o_only_where_the_recipe_says_so():
    def error_after(area_weight):
        torch.manual_seed(0)
        network = HFCN(HfcnConfig((4,), (1,), head_channels=2, area_channels=2))
        run = make_run(network, rate=0.02)
        task = MaskTask(examples_of([labels_with_discs()] * 4), 4, area_weight=area_weight)
        for _ in range(4):
            train_epoch(run, task)
        (batch, *_) = task.batches(np.random.default_rng(5))
        with torch.no_grad():
            _, area_map = network(standardise(torch.from_numpy(batch.patches)))
        return float(((area_map[:, 0] - torch.from_numpy(batch.masks)) ** 2).mean())

    assert error_after(2.0) < 0.05 < error_after(0.0)


def test_only_labelled_images_are_drawn():
    seen = []

    class Recording(Oracle):
        def forward(self, patches):
            seen.append(len(patches))
            return super().forward(patches)

    stacks = [
        labels_with_discs(labelled=[[True, True], [True, False], [False, False]]),
        labels_with_discs(),
    ]
    network = Recording()
    train_segmentation_epoch(make_run(network), stacks, 3)
    assert seen == [3, 3, 3]
    assert examples_of(stacks).n_images == 9
    seen.clear()
    train_segmentation_epoch(make_run(network), stacks, 4)
    assert seen == [4, 4]


def test_a_perfect_network_has_almost_no_volume_error():
    """A disc keeps its area, and the stack its volumes, when squares move, scale and rotate."""
    network = Oracle()
    labels = labels_with_discs()
    error = train_volume_epoch(make_run(network), [labels] * 4, 2, 0.01)
    assert labels.edv_ml > 20
    assert error < 0.005


def test_a_volume_epoch_takes_every_group_of_studies():
    """Each study has its own volume, so the mean error says which were taken."""
    network = Oracle()
    network.factor.data *= 0
    discs = [((20, 12), (16, 10)), ((24, 16), (20, 12)), ((14, 10), (12, 6)), ((26, 14), (9, 6))]
    stacks = [labels_with_discs(radii) for radii in discs]
    run = make_run(network)
    error = train_volume_epoch(run, stacks, 1, 0.01)
    assert run.step == 4
    volumes = np.array([[labels.edv_ml, labels.esv_ml] for labels in stacks])
    assert error == pytest.approx((volumes / (volumes + 20)).mean(), rel=1e-5)


def test_volume_error_by_hand():
    """A network that outputs no cavity misses all of V; its loss is V / (V + 20 mL)."""
    network = Oracle()
    network.factor.data *= 0
    labels = labels_with_discs()
    error = train_volume_epoch(make_run(network), [labels] * 3, 3, 0.01)
    edv_ml, esv_ml = labels.edv_ml, labels.esv_ml
    expected = (edv_ml / (edv_ml + 20) + esv_ml / (esv_ml + 20)) / 2
    assert error == pytest.approx(expected, rel=1e-5)


def test_volumes_train_o():
    network = Oracle()
    network.factor.data *= 0.5
    run = make_run(network, rate=0.05, steps=60)
    stacks = [labels_with_discs()] * 2
    errors = [train_volume_epoch(run, stacks, 2, 0.01) for _ in range(60)]
    assert errors[-1] < 0.2 * errors[0]
    assert float(network.factor.detach()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_hfcn_learns_a_bright_disc(bfloat16):
    torch.manual_seed(0)
    network = HFCN(HfcnConfig((8, 8), (1, 1), 4, 4))
    run = make_run(network, rate=0.01, steps=40, compute=Compute(bfloat16=bfloat16))
    stacks = [labels_with_discs(), labels_with_discs(((22, 14), (18, 11)))]
    losses = [train_segmentation_epoch(run, stacks, 5) for _ in range(20)]
    assert losses[0] > 0.4
    assert losses[-1] < 0.5 * losses[0]
    assert next(network.parameters()).dtype == torch.float32
