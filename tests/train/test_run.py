"""Whole runs on tiny datasets: their output, and stopping and resuming."""

import json
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lvvol.errors import DatasetError, OutputError, RecipeError
from lvvol.networks.weights import load_hfcn_module, load_roi_classifier_module
from lvvol.train import Recipe, Selection
from lvvol.train import train_networks as train
from lvvol.train.recipe import ClassifierRecipe, SegmentationRecipe
from tests.support.synthetic_datasets import (
    SHAPE,
    write,
    write_dsb2_patient,
    write_sunnybrook_plane,
    write_volumes,
)

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = Recipe(
    seed=3,
    classifier=ClassifierRecipe(epochs=3, batch=30),
    segmentation=SegmentationRecipe(
        blocks=4, warmup_blocks=1, volume_only_blocks=1, batch=6, studies=2
    ),
)
TRAINING_PATIENTS = (4, 5, 11)


def train_networks(seg, vol, out, recipe, **options):
    """Train on the training patients of the committed split."""
    train(seg, vol, out, recipe, selection=Selection("shipped"), **options)


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dsb2")
    for patient in TRAINING_PATIENTS:
        write_dsb2_patient(folder, patient, [(22, 14), (20, 12), (17, 10), (12, 6)])
    write_volumes(folder, {4: (30.0, 12.0), 5: (32.0, 14.0), 11: (28.0, 10.0)})
    return folder


@pytest.fixture(scope="module")
def unbroken(dataset, tmp_path_factory):
    """The run to compare others with."""
    out = tmp_path_factory.mktemp("unbroken") / "new" / "run"
    seen = []
    train_networks([dataset], [dataset], out, RECIPE, progress=lambda *report: seen.append(report))
    return out, seen


def weights_in(out):
    return {
        f"{path.stem} {name}": value
        for path in sorted(out.glob("*.safetensors"))
        for name, value in load_file(path).items()
    }


def assert_same(out, expected):
    ours, theirs = weights_in(out), weights_in(expected)
    assert ours.keys() == theirs.keys()
    assert len(theirs) > 50
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    for name in ("hfcn.safetensors", "roi_classifier.safetensors"):
        assert (out / name).read_bytes() == (expected / name).read_bytes()
    for history in ("classifier_history.json", "hfcn_history.json"):
        assert (out / history).read_text() == (expected / history).read_text()


def test_writes_weights_recipe_history_and_checkpoints(unbroken):
    out, _ = unbroken
    assert sorted(path.name for path in out.iterdir()) == [
        "classifier.checkpoint",
        "classifier_curves.png",
        "classifier_history.csv",
        "classifier_history.json",
        "hfcn.checkpoint",
        "hfcn.safetensors",
        "hfcn_curves.png",
        "hfcn_history.csv",
        "hfcn_history.json",
        "recipe.json",
        "roi_classifier.safetensors",
        "run.json",
    ]
    assert json.loads((out / "recipe.json").read_text()) == RECIPE.to_dict()
    logits, _ = load_hfcn_module(out / "hfcn.safetensors")(torch.zeros(1, 1, 48, 48))
    assert logits.isfinite().all()
    scores = load_roi_classifier_module(out / "roi_classifier.safetensors")(
        torch.zeros(1, 6, 25, 25)
    )
    assert scores.isfinite().all()


def test_progress_counts_every_stage_to_the_end(unbroken):
    _, seen = unbroken
    assert seen == [
        *[("read", n, 3) for n in range(4)],
        *[("classifier", n, 3) for n in range(4)],
        *[("hfcn", n, 4) for n in range(5)],
    ]


def test_blocks_are_warm_up_then_both_losses_then_volumes_only(unbroken):
    history = json.loads((unbroken[0] / "hfcn_history.json").read_text())
    both = {"cross_entropy", "volume_error"}
    assert [set(block) for block in history] == [{"cross_entropy"}, both, both, {"volume_error"}]
    assert all(np.isfinite(value) for block in history for value in block.values())


def test_training_lowers_the_losses(unbroken):
    losses = json.loads((unbroken[0] / "classifier_history.json").read_text())
    blocks = json.loads((unbroken[0] / "hfcn_history.json").read_text())
    assert losses[-1]["loss"] < losses[0]["loss"]
    assert blocks[2]["cross_entropy"] < 0.8 * blocks[0]["cross_entropy"]


@pytest.mark.parametrize(
    "stop", [("read", 3), ("classifier", 0), ("classifier", 2), ("classifier", 3), ("hfcn", 2)]
)
def test_stopped_and_resumed_equals_unbroken(dataset, unbroken, tmp_path, stop):
    def progress(stage, done, total):
        if (stage, done) == stop:
            raise Stopped

    with pytest.raises(Stopped):
        train_networks([dataset], [dataset], tmp_path, RECIPE, progress=progress)
    torch.manual_seed(123)  # a new process has another random state
    train_networks([dataset], [dataset], tmp_path, RECIPE, resume=True)
    assert_same(tmp_path, unbroken[0])


def test_resuming_a_finished_run_changes_nothing(dataset, unbroken, tmp_path):
    for path in unbroken[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    train_networks([dataset], [dataset], tmp_path, RECIPE, resume=True)
    assert_same(tmp_path, unbroken[0])


def test_another_recipe_cannot_resume_and_does_not_change_the_folder(dataset, unbroken, tmp_path):
    for path in unbroken[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(RecipeError, match=r"classifier\.checkpoint: expected a checkpoint of this"):
        train_networks([dataset], [dataset], tmp_path, replace(RECIPE, seed=4), resume=True)
    for path in unbroken[0].iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("what", ["volumes", "image", "mask"])
def test_changed_data_cannot_resume_and_do_not_change_the_folder(dataset, unbroken, tmp_path, what):
    """The number of steps is the same, which alone does not tell."""
    folder, out = tmp_path / "dsb2", tmp_path / "run"
    for source, target in ((dataset, folder), (unbroken[0], out)):
        target.mkdir()
        for path in source.iterdir():
            (target / path.name).write_bytes(path.read_bytes())
    if what == "volumes":
        write_volumes(folder, {4: (300.0, 120.0), 5: (32.0, 14.0), 11: (28.0, 10.0)})
    else:
        path = sorted(folder.glob("0004_*.webp" if what == "image" else "0004_*_o.png"))[0]
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        pixels[50, 60] = 255 - pixels[50, 60]
        write(path, pixels)
    with pytest.raises(RecipeError, match=r"classifier\.checkpoint: .* with these data"):
        train_networks([folder], [folder], out, RECIPE, resume=True)
    for path in unbroken[0].iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("writes", [0, 1, 2, 4, 5])
def test_a_full_disk_is_an_output_error_and_leaves_whole_files(
    dataset, tmp_path, monkeypatch, writes
):
    """After the recipe, the record of the run, and the files of an epoch, all of them or none."""
    sync, done = os.fsync, []

    def fill(descriptor):
        if len(done) > writes:
            raise OSError(28, "No space left on device")
        done.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(OutputError, match="No space left on device"):
        train_networks([dataset], [dataset], tmp_path, RECIPE)
    names = ["recipe.json", "run.json"][: writes + 1]
    if writes == 5:
        names += ["roi_classifier.safetensors", "classifier.checkpoint"]
        names += ["classifier_history.json", "classifier_history.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    for path in tmp_path.glob("*.json"):
        json.loads(path.read_text())


def test_a_folder_with_a_run_is_refused_without_resume(dataset, unbroken):
    with pytest.raises(OutputError, match="expected an empty folder or resume, got an earlier run"):
        train_networks([dataset], [dataset], unbroken[0], RECIPE)


def test_the_detectors_folder_accepts_the_networks(dataset, unbroken, tmp_path):
    (tmp_path / "detector.checkpoint").write_text("of the detector")
    train_networks([dataset], [dataset], tmp_path, RECIPE)
    assert_same(tmp_path, unbroken[0])
    assert json.loads((tmp_path / "recipe.json").read_text()) == RECIPE.to_dict()
    assert (tmp_path / "detector.checkpoint").read_text() == "of the detector"


def test_patients_of_other_parts_are_never_opened(dataset, unbroken, tmp_path):
    """The images of left-out, test, validation and broken patients are damaged, without effect."""
    folder = tmp_path / "dsb2"
    folder.mkdir()
    for path in dataset.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for patient in (1, 501, 12, 13, 416):
        write_dsb2_patient(folder, patient, [(20, 10), (15, 8)])
        for path in folder.glob(f"{patient:04d}_*"):
            path.write_bytes(b"damaged")
    train_networks([folder], [folder], tmp_path / "run", RECIPE)
    assert_same(tmp_path / "run", unbroken[0])


def test_a_dataset_without_volumes_trains_on_masks_only(dataset, tmp_path):
    folder = tmp_path / "sunnybrook"
    rng = np.random.default_rng(0)
    mask = np.zeros(SHAPE)
    mask[40:60, 40:60] = 255
    for instance in (1, 9, 21, 29):
        write_sunnybrook_plane(
            folder, "SC-N-02", instance, rng.integers(0, 99, SHAPE) + mask / 2, mask
        )
    train_networks([folder, dataset], [dataset], tmp_path / "run", RECIPE)
    with pytest.raises(DatasetError, match="vol: expected training patients, got none"):
        train_networks([dataset], [folder], tmp_path / "other", RECIPE)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"classifier": ClassifierRecipe(batch=500)}, "seg: .* at least one batch of windows"),
        ({"segmentation": SegmentationRecipe(batch=25)}, "seg: .* at least one batch of patches"),
        ({"segmentation": SegmentationRecipe(batch=6, studies=4)}, "vol: .* at least 4 studies"),
    ],
)
def test_data_smaller_than_a_batch_are_refused(dataset, tmp_path, changes, complaint):
    # 3 patients of 4 slices: 120 windows, 24 patches, 3 studies.
    recipe = Recipe(**{"classifier": ClassifierRecipe(batch=30), **changes})
    with pytest.raises(DatasetError, match=complaint):
        train_networks([dataset], [dataset], tmp_path, recipe)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.json"]


def test_no_training_patient_is_refused(tmp_path):
    folder = tmp_path / "dsb2"
    write_dsb2_patient(folder, 13, [(20, 10), (15, 8)])
    write_volumes(folder, {13: (30, 12)})
    with pytest.raises(DatasetError, match="seg: expected training patients, got none"):
        train_networks([folder], [folder], tmp_path / "run", RECIPE)


def test_an_unwritable_folder_is_refused(dataset, tmp_path):
    (tmp_path / "file").write_text("taken")
    with pytest.raises(OutputError, match="file"):
        train_networks([dataset], [dataset], tmp_path / "file", RECIPE)
    (tmp_path / "run" / "classifier_history.json").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"classifier_history\.json: cannot be written"):
        train_networks([dataset], [dataset], tmp_path / "run", RECIPE)
