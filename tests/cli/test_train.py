from pathlib import Path

import pytest

from lvvol import errors, train


@pytest.fixture
def trained(monkeypatch):
    """Stand in for training; what it was called with is in the dictionary."""
    called = {}

    def run(seg, vol, out, recipe=None, *, resume=False, progress=None, on_block=None, **others):
        called.update(seg=seg, vol=vol, out=out, recipe=recipe, resume=resume)
        called["others"] = others

    def train_detector(
        seg, surroundings, out, recipe=None, *, selection=None, resume=False, progress=None
    ):
        called.update(seg=seg, surroundings=surroundings, out=out, recipe=recipe, resume=resume)
        called["selection"] = selection

    monkeypatch.setattr(train, "train_networks", run)
    monkeypatch.setattr(train, "train_detector", train_detector)
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
    assert trained.pop("others") == {
        "stages": ["classifier", "hfcn"],
        "selection": train.Selection(),
        "init": None,
        "repick": False,
        "device": "auto",
        "tensorboard": False,
    }
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
        (["hfcn", "--seg", "a", "--vol", "b", "-o", "run"], "--alternate"),
        (["--vol", "b", "-o", "run"], "--init RUN"),
        (["hfcn", "-o", "run"], "--seg"),
        (["classifier", "-o", "run"], "--seg"),
        (["classifier", "hfcn", "--vol", "b", "--init", "run", "-o", "run"], "--seg"),
        (["classifier", "--seg", "a", "--vol", "b", "-o", "run"], "--vol: expected the stage hfcn"),
        (["classifier", "--alternate", "--seg", "a", "-o", "run"], "--alternate: expected the st"),
        (["--repick", "--seg", "a", "-o", "run"], "--repick: expected --vol"),
        (["--surroundings", "s", "--seg", "a", "-o", "run"], "--surroundings: expected the stage"),
        (["--seg", "a", "-o", "run", "hfcn"], "hfcn: expected stages before the options"),
        (["--seg", "a", "-o", "run", "--device", "tpu"], "'tpu' is not one of"),
        (["--seg", "a"], "--output"),
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


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_read(run, trained, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, out, err = run("train", "--seg", "a", "-o", "run", "--device", "cuda")
    assert (code, out) == (2, "")
    assert "device: expected a GPU that torch can use for 'cuda', got none" in err
    assert trained == {}


@pytest.mark.parametrize(
    ("wanted", "native", "noted"), [("true", False, 1), ("true", True, 0), ("false", False, 0)]
)
def test_slow_bfloat16_is_noted(run, trained, tmp_path, monkeypatch, wanted, native, noted):
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: native, raising=False)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"bfloat16 = {wanted}\n")
    args = ["--seg", "a", "-o", "run", "--device", "cpu", "--recipe", recipe]
    code, out, err = run("train", *args)
    assert (code, out) == (0, "Wrote weights to run\n")
    assert err.count("note: this processor has no bfloat16 instructions") == noted


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


# The detector


@pytest.mark.parametrize(
    "args",
    [
        ["--seg", "a", "b", "--surroundings", "c", "d", "-o", "run"],
        ["--surroundings", "c", "d", "-o", "run", "--seg", "a", "b"],
        ["--output=run", "--seg=a", "--seg", "b", "--surroundings", "c", "--surroundings=d"],
    ],
)
def test_detector_takes_datasets_and_studies(run, trained, args):
    code, out, err = run("train", "detector", *args)
    assert (code, out, err) == (0, "Wrote the detector to run\n", "")
    assert trained == {
        "seg": (Path("a"), Path("b")),
        "surroundings": (Path("c"), Path("d")),
        "out": Path("run"),
        "recipe": None,
        "resume": False,
        "selection": train.Selection(),
    }


def test_detector_does_without_surroundings(run, trained):
    assert run("train", "detector", "--seg", "a", "-o", "run")[0] == 0
    assert trained["surroundings"] == ()


def test_recipe_and_resume_reach_the_detector(run, trained, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("seed = 7\n[detector]\nstages = 3\n")
    arguments = ["--seg", "a", "-o", "run", "--resume", "--recipe", recipe]
    assert run("train", "detector", *arguments)[0] == 0
    assert trained["resume"]
    assert (trained["recipe"].seed, trained["recipe"].detector.stages) == (7, 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "run"], "--seg"),
        (["--seg", "a"], "--output"),
        (["--seg", "-o", "run"], "--seg"),
        (["--seg", "a", "--surroundings", "-o", "run"], "--surroundings"),
        (["--seg", "a", "-o", "run", "--vol", "b"], "--vol"),
        (["--seg", "a", "-o", "run", "--alternate"], "--alternate"),
        (["--seg", "a", "-o", "run", "astray"], "astray"),
    ],
)
def test_what_is_missing_or_too_much_for_the_detector_is_named(run, trained, args, message):
    code, out, err = run("train", "detector", *args)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert trained == {}


@pytest.mark.parametrize(
    ("before", "option"),
    [
        (["--alternate"], "--alternate"),
        (["--resume"], "--resume"),
        (["--recipe", "r.toml"], "--recipe"),
        (["-o", "run"], "--output"),
        (["--seg=a"], "--seg"),
    ],
)
def test_options_before_the_detectors_name_are_refused_not_ignored(run, trained, before, option):
    code, out, err = run("train", *before, "detector", "--seg", "a", "-o", "run")
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last == (
        f"Error: {option}: expected the options of detector after its name, got one before it"
    )
    assert trained == {}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "--alternate, or detector"),
        (["detect"], "No such command 'detect'"),
    ],
)
def test_what_to_train_must_be_said(run, trained, args, message):
    code, out, err = run("train", *args)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert trained == {}


@pytest.mark.parametrize(
    ("args", "stages"),
    [
        (["--seg", "a", "-o", "run"], ["hfcn"]),
        (["--vol", "b", "--init", "a run", "-o", "run"], ["hfcn"]),
        (["classifier", "--seg", "a", "-o", "run"], ["classifier"]),
        (["hfcn", "classifier", "--seg", "a", "-o", "run"], ["classifier", "hfcn"]),
        (["hfcn", "--alternate", "--seg", "a", "--vol", "b", "-o", "run"], ["hfcn"]),
    ],
)
def test_stages_are_said_or_follow_from_the_datasets(run, trained, args, stages):
    assert run("train", *args)[0] == 0
    assert trained["others"]["stages"] == stages
    assert "surroundings" not in trained  # of the detector


def test_the_detector_may_be_the_first_of_several_stages(run, trained):
    args = ["--seg", "a", "--surroundings", "s", "--split", "f.json", "--part", "not-fold:2"]
    assert run("train", "detector", "classifier", *args, "-o", "run")[0] == 0
    assert trained["surroundings"] == (Path("s"),)
    assert trained["others"]["stages"] == ["classifier"]
    assert trained["selection"] == trained["others"]["selection"]
    assert trained["selection"] == train.Selection("f.json", "not-fold:2")


def test_what_to_learn_from_and_begin_with_reaches_training(run, trained):
    args = ["--vol", "b", "--init", "first", "--repick", "--split", "f.json", "--device", "cpu"]
    assert run("train", *args, "--validation", "fold:1", "-o", "run", "--tensorboard")[0] == 0
    assert trained["others"] == {
        "stages": ["hfcn"],
        "selection": train.Selection("f.json", None, "fold:1"),
        "init": Path("first"),
        "repick": True,
        "device": "cpu",
        "tensorboard": True,
    }


def test_a_dataset_may_be_named_as_a_subcommand(run, trained):
    arguments = ["--alternate", "--seg", "a", "detector", "--vol", "detector", "-o", "run"]
    assert run("train", *arguments)[0] == 0
    assert trained["seg"] == (Path("a"), Path("detector"))
    assert trained["vol"] == (Path("detector"),)


def test_a_dataset_that_is_none_is_one_line_for_the_detector_too(run, tmp_path):
    (tmp_path / "data").mkdir()
    code, out, err = run("train", "detector", "--seg", tmp_path / "data", "-o", tmp_path / "run")
    assert (code, out) == (errors.DatasetError.exit_code, "")
    assert str(tmp_path / "data") in err
    assert err.count("\n") == 1


def test_help_tells_of_the_detector(run):
    code, out, err = run("train", "--help")
    assert (code, err) == (0, "")
    assert out.split("Commands:\n")[1].split()[0] == "detector"
    assert out.count("[required]") == 1
    code, out, err = run("train", "detector", "-h")
    assert (code, err) == (0, "")
    for option in ("--seg DATASET...", "--surroundings STUDY...", "--output RUN", "--resume"):
        assert option in out
    examples = out.split("Examples:\n")[1].split("\n\n")[0].splitlines()
    assert len(examples) >= 2
    assert all(line.strip().startswith("lvvol train detector --seg ") for line in examples)
