"""Runs on masks or volumes alone, with validation, other networks and earlier weights."""

import json
from dataclasses import replace

import pytest
import torch

from lvvol import load_model
from lvvol.errors import DatasetError, RecipeError, WeightsError
from lvvol.networks.files import SHIPPED, network_in
from lvvol.networks.weights import load_hfcn_module, load_segmenter_module
from lvvol.train import Recipe, Selection, train_networks
from lvvol.train.recipe import ClassifierRecipe, SegmentationRecipe
from tests.support.synthetic_datasets import write_dsb2_patient, write_volumes

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = Recipe(
    seed=3,
    classifier=ClassifierRecipe(epochs=1, batch=30),
    segmentation=SegmentationRecipe(blocks=3, warmup_blocks=1, batch=6, studies=2),
)
PATIENTS = (1, 2, 3, 4)
SPLIT = {"train": ["dsb2/0001", "dsb2/0002", "dsb2/0003"], "validation": ["dsb2/0004"]}


def recipe(**changes):
    return replace(RECIPE, segmentation=replace(RECIPE.segmentation, **changes))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dsb2")
    for patient in PATIENTS:
        write_dsb2_patient(folder, patient, [(22, 14), (20, 12), (17, 10)])
    write_volumes(folder, {patient: (20.0 + patient, 9.0) for patient in PATIENTS})
    return folder


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    path = tmp_path_factory.mktemp("split") / "split.json"
    path.write_text(json.dumps(SPLIT))
    return path


def history(out, stage="hfcn"):
    return json.loads((out / f"{stage}_history.json").read_text())


def same_weights(path, other):
    ours, theirs = (load_segmenter_module(p).state_dict() for p in (path, other))
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.fixture(scope="module")
def on_masks(dataset, tmp_path_factory):
    """HFCN alone, on masks alone."""
    out = tmp_path_factory.mktemp("masks") / "run"
    train_networks([dataset], [], out, RECIPE, stages=["hfcn"])
    return out


def test_masks_alone_train_p_in_every_block(on_masks):
    assert [set(block) for block in history(on_masks)] == [{"cross_entropy"}] * 3
    assert not (on_masks / "classifier.checkpoint").exists()
    run = json.loads((on_masks / "run.json").read_text())["hfcn"]
    assert (run["patients_with_masks"], run["patients_with_volumes"]) == (4, 0)


def test_a_run_of_hfcn_alone_measures_with_the_shipped_classifier(on_masks):
    model = load_model(on_masks)
    assert model.weights == on_masks
    name = "roi_classifier.safetensors"
    assert (on_masks / name).read_bytes() == (SHIPPED / name).read_bytes()


def test_volumes_alone_train_o_from_earlier_weights(dataset, on_masks, tmp_path):
    train_networks([], [dataset], tmp_path, RECIPE, stages=["hfcn"], init=on_masks)
    assert [set(block) for block in history(tmp_path)] == [{"volume_error"}] * 3
    assert not same_weights(tmp_path / "hfcn.safetensors", on_masks / "hfcn.safetensors")
    # Without a step, the weights are those it began with.
    still = recipe(learning_rate=0.0, weight_decay=0.0)
    out = tmp_path / "still"
    train_networks([], [dataset], out, still, stages=["hfcn"], init=on_masks)
    ours, first = (load_hfcn_module(p / "hfcn.safetensors") for p in (out, on_masks))
    assert torch.equal(ours.likelihood.weight, first.likelihood.weight)


def test_the_weights_to_begin_with_belong_to_the_run(dataset, on_masks, tmp_path):
    """Resuming with others would mix two runs."""
    train_networks([], [dataset], tmp_path, RECIPE, stages=["hfcn"], init=on_masks)
    with pytest.raises(RecipeError, match="with these data"):
        train_networks([], [dataset], tmp_path, RECIPE, stages=["hfcn"], resume=True)
    wide = recipe(network="hfcn_wide")
    with pytest.raises(WeightsError, match="expected weights of the recipe's network hfcn_wide"):
        train_networks([], [dataset], tmp_path / "b", wide, stages=["hfcn"], init=on_masks)


def test_stages_share_a_folder(dataset, tmp_path):
    train_networks([dataset], [], tmp_path, RECIPE, stages=["classifier"])
    assert not (tmp_path / "hfcn.safetensors").exists()
    own = (tmp_path / "roi_classifier.safetensors").read_bytes()
    train_networks([dataset], [], tmp_path, RECIPE, stages=["hfcn"])
    assert (tmp_path / "roi_classifier.safetensors").read_bytes() == own
    load_model(tmp_path)
    assert set(json.loads((tmp_path / "run.json").read_text())) == {"classifier", "hfcn"}


@pytest.mark.parametrize(("name", "kind"), [("hfcn_wide", "HFCN"), ("fcn", "FCN")])
def test_other_networks_train_and_measure(dataset, tmp_path, name, kind):
    train_networks([dataset], [], tmp_path, recipe(network=name, blocks=1), stages=["hfcn"])
    assert network_in(tmp_path / "hfcn.safetensors") == kind
    load_model(tmp_path)


def test_fcn_cannot_learn_from_volumes(dataset, tmp_path):
    with pytest.raises(RecipeError, match="network: expected one that learns from volumes"):
        train_networks([dataset], [dataset], tmp_path / "run", recipe(network="fcn"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("loss", ["l1", "l2"])
def test_sgd_steps_and_losses_of_a_recipe_are_used(dataset, tmp_path, loss):
    settings = recipe(
        optimizer="sgd", schedule="step", step_blocks=1, volume_loss=loss, volume_weight=1e-4
    )
    train_networks([dataset], [dataset], tmp_path, settings, stages=["hfcn"])
    state = torch.load(tmp_path / "hfcn.checkpoint", weights_only=True)
    (group,) = state["optimizer"]["param_groups"]
    assert group["momentum"] == 0.9
    assert group["lr"] == pytest.approx(3e-3 * 0.1**2)  # in the third block


# Validation


@pytest.fixture(scope="module")
def validated(dataset, split, tmp_path_factory):
    out = tmp_path_factory.mktemp("validated") / "run"
    blocks = []
    train_networks(
        [dataset],
        [dataset],
        out,
        recipe(blocks=4, best_by="dice", ema_decay=0.5),
        stages=["hfcn"],
        selection=Selection(split, validation="validation"),
        on_block=blocks.append,
    )
    return out, blocks


def test_patients_left_out_are_measured_after_each_block(validated):
    out, blocks = validated
    names = {"dice_ed", "dice_es", "edv_rmse_ml", "esv_rmse_ml", "volume_mae_ml"}
    assert all(names <= set(block) for block in history(out))
    assert [block.done for block in blocks] == [1, 2, 3, 4]
    assert "Dice ED" in blocks[0].line()
    run = json.loads((out / "run.json").read_text())["hfcn"]
    assert (run["patients_with_masks"], run["patients_left_out"]) == (3, 1)
    assert (run["part"], run["validation"]) == ("train", "validation")


def test_the_best_block_is_kept_beside_the_last(validated):
    out, blocks = validated
    dices = [(figures["dice_ed"] + figures["dice_es"]) / 2 for figures in history(out)]
    best = torch.load(out / "hfcn.checkpoint", weights_only=True)["best"]
    assert best["score"] == pytest.approx(max(dices))
    assert best["epoch"] == dices.index(max(dices)) + 1
    assert [block.is_best for block in blocks][best["epoch"] - 1]
    kept = load_hfcn_module(out / "hfcn.safetensors").state_dict()
    assert all(torch.equal(kept[name], value) for name, value in best["network"].items())
    assert (out / "hfcn_last.safetensors").exists()


def test_averaged_weights_are_measured_and_the_others_trained(validated):
    out, _ = validated
    state = torch.load(out / "hfcn.checkpoint", weights_only=True)
    last = load_hfcn_module(out / "hfcn_last.safetensors").state_dict()
    for name, value in state["average"].items():
        assert torch.equal(last[name], value)
        if value.ndim == 4:
            assert not torch.equal(state["network"][name], value)


def test_training_ends_when_nothing_gets_better(dataset, split, tmp_path):
    """At a rate of 0 every block is as good as the first."""
    settings = recipe(blocks=9, learning_rate=0.0, weight_decay=0.0, best_by="volumes", patience=2)
    options = {"stages": ["hfcn"], "selection": Selection(split, validation="validation")}
    train_networks([dataset], [], tmp_path, settings, **options)
    # Statistics of batch normalisation still move, so some later block may be the best.
    best = torch.load(tmp_path / "hfcn.checkpoint", weights_only=True)["best"]
    assert len(history(tmp_path)) == min(9, best["epoch"] + 2)
    before = (tmp_path / "hfcn.checkpoint").read_bytes()
    train_networks([dataset], [], tmp_path, settings, resume=True, **options)
    assert len(history(tmp_path)) == min(9, best["epoch"] + 2)
    assert (tmp_path / "hfcn.checkpoint").read_bytes() == before


@pytest.mark.parametrize(
    ("selection", "complaint"),
    [
        ({"part": "train", "validation": "train"}, "dsb2/0001: expected patients for validation"),
        ({"part": "fold:2"}, "split.json: expected part all, train, validation, got fold:2"),
        ({"validation": "fold:1"}, "split.json: expected part"),
    ],
)
def test_parts_that_overlap_or_do_not_exist_are_refused(
    dataset, split, tmp_path, selection, complaint
):
    with pytest.raises(DatasetError, match=complaint):
        train_networks(
            [dataset],
            [],
            tmp_path,
            RECIPE,
            stages=["hfcn"],
            selection=Selection(split, **selection),
        )


def test_a_patient_that_the_split_does_not_list_is_named_with_both_files(dataset, tmp_path):
    path = tmp_path / "few.json"
    path.write_text(json.dumps({"train": ["dsb2/0001", "dsb2/0002"]}))
    with pytest.raises(
        DatasetError, match=r"dsb2/0003: expected a patient of .*few\.json"
    ) as error:
        train_networks([dataset], [], tmp_path / "run", RECIPE, selection=Selection(path))
    assert str(dataset) in str(error.value)


@pytest.mark.parametrize(
    ("seg", "vol", "options", "complaint"),
    [
        (0, 1, {}, "seg: expected datasets with masks"),
        (0, 0, {"stages": ["hfcn"]}, "seg, vol: expected datasets"),
        (1, 0, {"stages": ["detector"]}, "stages: expected some of classifier, hfcn"),
        (1, 0, {"repick": True}, "repick: expected volumes"),
        (1, 0, {"device": "tpu"}, "device: expected one of auto, cpu, cuda"),
    ],
)
def test_what_cannot_be_trained_is_refused(dataset, tmp_path, seg, vol, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        train_networks([dataset] * seg, [dataset] * vol, tmp_path / "run", RECIPE, **options)
    assert not (tmp_path / "run").exists()
