"""`Stage`: the schedule, and checkpoints, which are accepted only by their own run."""

import numpy as np
import pytest
import torch
from torch import nn

from lvvol.errors import RecipeError
from lvvol.train.recipe import Recipe
from lvvol.train.schedule import cosine_rate
from lvvol.train.stage import Optimisation, Stage

RECIPE = {"seed": 1, "batch": 4}


def make_run(name="hfcn", recipe=RECIPE, seed=1, width=3, steps=20):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Dropout(0.5))
    return Stage(name, network, dict(recipe), seed, steps, Optimisation(0.01, 0.01))


def steps(run, count):
    """Take steps whose data and dropout use both random states."""
    losses = []
    for _ in range(count):
        x = torch.from_numpy(run.rng.normal(size=(4, 1, 6, 6)).astype(np.float32))
        loss = run.network(x).square().mean()
        run.optimizer_step(loss)
        losses.append(float(loss.detach()))
    return losses


def test_schedule_rises_then_falls_to_0():
    rates = np.array([cosine_rate(step, 200, 0.3) for step in range(201)])
    assert rates.argmax() == 10  # 5 % of the steps
    assert rates[10] == pytest.approx(0.3)
    assert rates[0] == pytest.approx(0.3 / 11)
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[105] == pytest.approx(0.15)  # halfway down the cosine
    assert rates[200] == pytest.approx(0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_schedule_of_few_steps_stays_in_range(count):
    assert all(0 <= cosine_rate(step, count, 1.0) <= 1 for step in range(count + 1))


def test_a_step_lowers_the_loss():
    run = make_run()
    before = [p.detach().clone() for p in run.network.parameters()]
    losses = steps(run, 20)
    assert run.step == 20
    assert losses[-1] < losses[0]
    moved = [not torch.equal(a, b) for a, b in zip(before, run.network.parameters(), strict=True)]
    assert any(moved)


def test_a_restored_run_continues_as_if_never_stopped(tmp_path):
    whole = make_run()
    expected = steps(whole, 12)
    first = make_run()
    before = steps(first, 5)
    first.epoch = 2
    first.history.append({"loss": 0.5})
    first.save(tmp_path / "a.checkpoint")
    steps(first, 3)  # steps after the checkpoint are lost

    second = make_run(seed=9)
    second.restore(tmp_path / "a.checkpoint")
    assert (second.step, second.epoch, second.history) == (5, 2, [{"loss": 0.5}])
    assert before + steps(second, 7) == expected
    for ours, theirs in zip(
        second.network.state_dict().values(), whole.network.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert [p.name for p in tmp_path.iterdir()] == ["a.checkpoint"]


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": {"seed": 1, "batch": 8}},
        {"name": "classifier"},
        {"width": 5},
        {"steps": 30},
    ],
)
def test_checkpoint_of_another_run_is_refused(tmp_path, other):
    path = tmp_path / "a.checkpoint"
    make_run(**other).save(path)
    with pytest.raises(RecipeError, match=r"a\.checkpoint: expected a checkpoint of ") as caught:
        make_run().restore(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "a.checkpoint"
    make_run().save(path)
    path.write_bytes(path.read_bytes()[:-300] if content is None else content)
    with pytest.raises(RecipeError, match=r"a\.checkpoint: expected a checkpoint") as caught:
        make_run().restore(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], {"name": "hfcn"}, {}])
def test_another_torch_file_is_refused(tmp_path, content):
    path = tmp_path / "a.checkpoint"
    torch.save(content, path)
    with pytest.raises(RecipeError, match=r"a\.checkpoint: expected a checkpoint of hfcn"):
        make_run().restore(path)


def test_sgd_with_momentum_by_hand():
    """Loss w x with x = 1: the gradient is 1, and velocity 1, then 1.9."""
    network = nn.Conv2d(1, 1, 1, bias=False)
    how = Optimisation(0.1, 0.0, "sgd", 0.9, 10.0, "step", step_blocks=1)
    stage = Stage("s", network, {}, 1, 9, how)
    start = float(network.weight.detach())
    for _ in range(2):
        stage.optimizer_step(stage.network(torch.ones(1, 1, 1, 1)).sum())
    assert float(network.weight.detach()) == pytest.approx(start - 0.1 * (1 + 1.9))
    stage.epoch = 1  # the rate falls to a tenth
    stage.optimizer_step(stage.network(torch.ones(1, 1, 1, 1)).sum())
    assert float(network.weight.detach()) == pytest.approx(start - 0.1 * 2.9 - 0.01 * 2.71)


def test_large_gradients_are_scaled_down():
    network = nn.Conv2d(1, 1, 1, bias=False)
    how = Optimisation(0.1, 0.0, "sgd", momentum=0.0, clip_norm=0.5, schedule="step")
    stage = Stage("s", network, {}, 1, 9, how)
    start = float(network.weight.detach())
    stage.optimizer_step(100 * stage.network(torch.ones(1, 1, 1, 1)).sum())
    assert float(network.weight.detach()) == pytest.approx(start - 0.1 * 0.5, rel=1e-4)


def test_the_average_follows_the_weights_and_is_lent_for_measuring(tmp_path):
    network = nn.Conv2d(1, 1, 1, bias=False)
    how = Optimisation(0.1, 0.0, "sgd", momentum=0.0, schedule="step", ema_decay=0.75)
    stage = Stage("s", network, {}, 1, 9, how)
    start = float(network.weight.detach())
    stage.optimizer_step(stage.network(torch.ones(1, 1, 1, 1)).sum())  # down by 0.1
    with stage.measuring() as lent:
        assert float(lent.weight.detach()) == pytest.approx(start - 0.25 * 0.1)
    assert float(network.weight.detach()) == pytest.approx(start - 0.1)
    stage.save(tmp_path / "a.checkpoint")
    again = Stage("s", nn.Conv2d(1, 1, 1, bias=False), {}, 1, 9, how)
    again.restore(tmp_path / "a.checkpoint")
    with again.measuring() as lent:
        assert float(lent.weight.detach()) == pytest.approx(start - 0.25 * 0.1)


def test_a_checkpoint_from_before_a_recipe_had_all_its_fields_is_accepted(tmp_path):
    recipe = Recipe(seed=4).to_dict()
    older = {**recipe, "segmentation": dict(recipe["segmentation"])}
    del older["segmentation"]["network"]
    make_run(recipe=older).save(tmp_path / "a.checkpoint")
    make_run(recipe=recipe).restore(tmp_path / "a.checkpoint")
    older["seed"] = 5
    make_run(recipe=older).save(tmp_path / "a.checkpoint")
    with pytest.raises(RecipeError, match="expected a checkpoint of this recipe's hfcn"):
        make_run(recipe=recipe).restore(tmp_path / "a.checkpoint")
