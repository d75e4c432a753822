"""Blocks of tasks, whose batches are drawn ahead."""

import numpy as np
import pytest
import torch
from torch import nn

from lvvol.train.loop import train_blocks, train_epoch
from lvvol.train.stage import Optimisation, Stage


class Numbers:
    """Random numbers, four to a batch, of which a network should learn the mean."""

    def __init__(self, figure, steps=3):
        self.figure = figure
        self.steps = steps
        self.seen = []

    def batches(self, rng):
        for _ in range(self.steps):
            yield Batch(rng.normal(size=4).astype(np.float32))

    def losses(self, stage, batch):
        self.seen.append(batch.values)
        x = torch.from_numpy(batch.values).reshape(-1, 1, 1, 1)
        loss = stage.output(x).square().mean()
        return loss, loss


class Batch:
    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def part(self, own):
        return Batch(self.values[own])


def make_stage():
    torch.manual_seed(0)
    return Stage("s", nn.Conv2d(1, 1, 1), {}, 7, 100, Optimisation(0.01, 0.0))


def weights(stage):
    return torch.cat([p.detach().reshape(-1) for p in stage.network.parameters()])


def test_batches_drawn_ahead_are_those_drawn_one_by_one():
    ahead, direct = make_stage(), make_stage()
    tasks = [Numbers("a"), Numbers("b", 2)]
    history = []

    def after(figures):
        history.append(figures)
        return False

    train_blocks(ahead, 3, lambda block: tasks, after)
    expected = [
        {task.figure: train_epoch(direct, task) for task in (Numbers("a"), Numbers("b", 2))}
        for _ in range(3)
    ]
    assert history == expected
    assert torch.equal(weights(ahead), weights(direct))
    assert ahead.rng.bit_generator.state == direct.rng.bit_generator.state
    assert (ahead.step, ahead.epoch) == (15, 3)


def test_stopping_leaves_the_random_numbers_where_the_block_ended(tmp_path):
    """More batches were drawn by then; a resumed run must draw them again."""
    stopped, direct = make_stage(), make_stage()
    train_blocks(stopped, 9, lambda block: [Numbers("a")], lambda figures: stopped.epoch == 2)
    assert stopped.epoch == 2
    for _ in range(2):
        train_epoch(direct, Numbers("a"))
    assert stopped.rng.bit_generator.state == direct.rng.bit_generator.state
    stopped.save(tmp_path / "a.checkpoint")
    resumed = make_stage()
    resumed.restore(tmp_path / "a.checkpoint")
    train_blocks(resumed, 3, lambda block: [Numbers("a")], lambda figures: False)
    train_epoch(direct, Numbers("a"))
    assert torch.equal(weights(resumed), weights(direct))


def test_each_block_has_its_own_tasks():
    tasks = {"a": Numbers("a", 1), "b": Numbers("b", 1)}
    history = []
    stage = make_stage()
    train_blocks(
        stage,
        3,
        lambda block: [tasks["a"]] if block < 2 else [tasks["b"]],
        lambda figures: history.append(set(figures)),
    )
    assert history == [{"a"}, {"a"}, {"b"}]
    assert len(tasks["a"].seen) == 2
    assert all(0 <= times["waiting_share"] <= 1 for times in stage.times)


def test_an_error_in_drawing_ends_the_training():
    class Broken(Numbers):
        def batches(self, rng):
            yield from super().batches(rng)
            raise ValueError("dsb2/0004: damaged")

    with pytest.raises(ValueError, match="dsb2/0004: damaged"):
        train_blocks(make_stage(), 2, lambda block: [Broken("a")], lambda figures: False)
