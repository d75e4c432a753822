"""Processes that train together: the same gradients as one process on the same batches."""

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing, nn

from lvvol.networks.configs import HfcnConfig
from lvvol.networks.hfcn import HFCN
from lvvol.train.distributed import Ranks, process_group
from lvvol.train.examples import examples_of
from lvvol.train.loop import train_epoch
from lvvol.train.segmentation import MaskTask
from lvvol.train.stage import Optimisation, Stage
from lvvol.train.volumes import VolumeTask
from tests.train.test_segmentation import labels_with_discs


def test_entries_are_shared_out_and_means_weighted():
    assert [list(range(5)[Ranks(rank, 2).own(5)]) for rank in (0, 1)] == [[0, 2, 4], [1, 3]]
    values = np.array([1.0, 2.0, 3.0, 4.0, 10.0])
    means = [values[Ranks(r, 2).own(5)].mean() * Ranks(r, 2).weight(5) for r in (0, 1)]
    assert np.mean(means) == pytest.approx(values.mean())
    assert Ranks().weight(7) == 1
    with pytest.raises(ValueError, match="expected at least 3 entries in a batch"):
        Ranks(0, 3).own(2)


def with_frozen_statistics(network):
    """Batch normalisation by its running statistics, which are then the same for any batch."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.train = lambda mode=True, module=module: module
    return network


def train(ranks, optimizer="sgd"):
    """Train on masks, then on volumes; return losses and the weights."""
    torch.manual_seed(5)
    network = with_frozen_statistics(HFCN(HfcnConfig((8, 8), (1, 1), 4, 4)))
    stage = Stage(
        "hfcn",
        network,
        {},
        1,
        100,
        Optimisation(0.05, 0.01, optimizer, schedule="step"),
        ranks=ranks,
    )
    examples = examples_of(
        labels_with_discs(((20 + k, 14), (18, 12 - k), (12, 8))) for k in range(4)
    )
    losses = [
        train_epoch(stage, MaskTask(examples, 5)),
        train_epoch(stage, VolumeTask(examples, 4)),
    ]
    return losses, {name: p.detach().clone() for name, p in network.named_parameters()}


OPTIMIZERS = ("sgd", "adamw")


def of_one_rank(rank, world, folder):
    torch.set_num_threads(1)
    store = distributed.FileStore(f"{folder}/store", world)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=world)
    with process_group(torch.device("cpu")) as ranks:
        assert (ranks.rank, ranks.world) == (rank, world)
        assert ranks.from_first(f"of {rank}") == "of 0"
        for optimizer in OPTIMIZERS:
            torch.save(train(ranks, optimizer), f"{folder}/{optimizer}{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What two processes learned: they import torch and join, which takes many seconds."""
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(of_one_rank, (2, str(folder)), nprocs=2)
    return folder


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_processes_learn_what_one_does(trained, optimizer):
    """24 patches in batches of 5, of which each takes 3 or 2; 4 studies, of which each takes 2.

    Masks give the layers of O no gradient, in one process and in two.
    """
    losses, expected = train(Ranks(), optimizer)
    first, second = (torch.load(trained / f"{optimizer}{rank}.pt") for rank in (0, 1))
    for name, value in first[1].items():
        assert torch.equal(value, second[1][name]), name
        # Sums over a batch in another order.
        torch.testing.assert_close(value, expected[name], rtol=2e-4, atol=2e-6)
    np.testing.assert_allclose(first[0], losses, rtol=1e-4)
    assert first[0] == second[0]


def test_alone_without_torchrun(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group(torch.device("cpu")) as ranks:
        assert ranks == Ranks(0, 1)
        assert ranks.first
        assert ranks.mean([1.0, 2.0], torch.device("cpu")) == [1.0, 2.0]
