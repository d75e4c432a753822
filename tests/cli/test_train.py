from pathlib import Path

import pytest

from lvvol import errors, train


@pytest.fixture
def trained(monkeypatch):
    """Stand in for training; what it was called with is in the dictionary."""
    called = {}

    def run(seg, vol, out, recipe=None, *, resume=False, progress=None):
        called.update(seg=seg, vol=vol, out=out, recipe=recipe, resume=resume)

    monkeypatch.setattr(train, "run", run)
    return called


@pytest.mark.parametrize(
    "args",
    [
        ["--seg", "a", "b", "--vol", "c", "d", "-o", "run"],
        ["--seg", "a", "--seg", "b", "-o", "run", "--vol", "c", "--vol", "d"],
        ["-o", "run", "--vol", "c", "d", "--seg", "a", "--seg", "b"],
        ["--seg=a", "--seg", "b", "--vol", "c", "--vol=d", "--output", "run"],
    ],
)
def test_datasets_may_follow_one_option_or_each_its_own(run, trained, args):
    code, out, err = run("train", "--alternate", *args)
    assert (code, out, err) == (0, "Wrote weights to run\n", "")
    assert trained == {
        "seg": (Path("a"), Path("b")),
        "vol": (Path("c"), Path("d")),
        "out": Path("run"),
        "recipe": None,
        "resume": False,
    }


def test_recipe_and_resume_reach_training(run, trained, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("seed = 7\n[segmentation]\nbatch = 3\n")
    arguments = ["--alternate", "--seg", "a", "--vol", "b", "-o", "run", "--resume"]
    assert run("train", *arguments, "--recipe", recipe)[0] == 0
    assert trained["resume"]
    assert (trained["recipe"].seed, trained["recipe"].segmentation.batch) == (7, 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--seg", "a", "--vol", "b", "-o", "run"], "--alternate"),
        (["--alternate", "--vol", "b", "-o", "run"], "--seg"),
        (["--alternate", "--seg", "a", "-o", "run"], "--vol"),
        (["--alternate", "--seg", "a", "--vol", "b"], "--output"),
        (["--alternate", "--seg", "--vol", "b", "-o", "run"], "--seg"),
        (["--alternate", "--seg", "a", "--vol", "b", "-o", "run", "astray"], "astray"),
    ],
)
def test_what_is_missing_or_too_much_is_named(run, trained, args, message):
    code, out, err = run("train", *args)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert trained == {}


def test_a_broken_recipe_is_one_line(run, trained, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("sede = 7\n")
    arguments = ["--alternate", "--seg", "a", "--vol", "b", "-o", "run"]
    code, out, err = run("train", *arguments, "--recipe", recipe)
    assert (code, out) == (errors.RecipeError.exit_code, "")
    assert err.count("\n") == 1
    assert trained == {}


def test_a_dataset_that_is_none_is_one_line(run, tmp_path):
    (tmp_path / "data").mkdir()
    arguments = ["--seg", tmp_path / "data", "--vol", tmp_path / "data", "-o", tmp_path / "run"]
    code, out, err = run("train", "--alternate", *arguments)
    assert (code, out) == (errors.DatasetError.exit_code, "")
    assert err.count("\n") == 1
