"""What is learned from each patient: pairs and whole cines, with and without masks, in caches."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lvvol import load_model
from lvvol.datasets import Dataset, LabelledStack, Patient, open_dataset
from lvvol.datasets.labelled import no_masks
from lvvol.datasets.prepare import prepare
from lvvol.phantom import make_phantom, write_studies
from lvvol.preprocess import to_working_stack
from lvvol.train import Recipe, train_networks
from lvvol.train import examples as module
from lvvol.train.examples import examples_of, read_training_data
from lvvol.train.recipe import SegmentationRecipe
from tests.support.synthetic_datasets import write_dsb2_patient, write_volumes
from tests.train.test_segmentation import labels_with_discs


def silent(stage, done, total):
    pass


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dsb2")
    for patient in (1, 2, 3):
        write_dsb2_patient(folder, patient, [(22, 14), (20, 12), (17, 10)])
    write_volumes(folder, {1: (30.0, 12.0), 2: (32.0, 14.0)})
    return folder


def test_masks_and_volumes_are_used_where_they_are(pairs):
    data = read_training_data([pairs], [pairs], silent)
    assert [entry.name for entry in data.seg] == ["dsb2/0001", "dsb2/0002", "dsb2/0003"]
    assert [entry.name for entry in data.vol] == ["dsb2/0001", "dsb2/0002"]
    assert data.dropped == {}
    data = read_training_data([], [pairs], silent)
    assert data.dropped == {"dsb2/0003": "neither masks nor volumes that this training uses"}


def test_a_cache_gives_the_same_examples_unread(pairs, tmp_path):
    prepare([pairs], tmp_path / "cache", jobs=1)
    direct, cached = (
        module.Examples(read_training_data([place], [], silent).seg)
        for place in (pairs, tmp_path / "cache")
    )
    assert direct.fingerprint() != module.Examples(direct.entries[:2]).fingerprint()
    assert (cached.n_images, cached.n_slices_at_ed) == (direct.n_images, direct.n_slices_at_ed)
    for ours, theirs in zip(cached, direct, strict=True):
        # PNG has 8 bits, as the cache.
        np.testing.assert_array_equal(ours.labels.stack.images, theirs.labels.stack.images)
        np.testing.assert_array_equal(ours.labels.masks, theirs.labels.masks)
        np.testing.assert_array_equal(ours.squares, theirs.squares)
    assert all(entry.kept is None for entry in cached.entries)  # memory is flat
    assert all(entry.kept is not None for entry in direct.entries)  # decoding again would be slow


def test_of_a_whole_cine_the_phases_of_ed_and_es_are_learned():
    labels = labels_with_discs()
    images = np.stack(
        [labels.stack.images[:, t] for t in (1, 0, 1, 1)], axis=1
    )  # ED is the second phase, ES the last
    masks = np.stack([labels.masks[:, t] for t in (1, 0, 1, 1)], axis=1)
    stack = replace(
        labels.stack, images=images, times_ms=np.zeros(images.shape[:2]), sop_instance_uids=()
    )
    cine = LabelledStack(
        "a/1", stack, masks, np.ones(masks.shape[:2], bool), 90.0, 40.0, ed_phase=1, es_phase=3
    )
    (pair,), (expected,) = examples_of([cine]), examples_of([labels])
    np.testing.assert_array_equal(pair.labels.stack.images, expected.labels.stack.images)
    np.testing.assert_array_equal(pair.labels.masks, expected.labels.masks)
    np.testing.assert_array_equal(pair.squares, expected.squares)
    assert pair.labels.stack.images.flags.c_contiguous


def test_a_patient_whose_masks_are_empty_at_ed_is_dropped(monkeypatch):
    empty = labels_with_discs(((0, 0), (0, 0), (0, 0)))
    patients = (
        Patient("a/1", (), lambda: empty),
        Patient("a/2", (), lambda: labels_with_discs()),
    )
    monkeypatch.setattr(module, "open_dataset", lambda place: Dataset("memory", patients))
    data = read_training_data(["a"], ["a"], silent)
    assert [entry.name for entry in data.seg] == ["a/2"]
    assert data.dropped == {"a/1": "no cavity is drawn at ED"}
    assert data.dropped_csv() == b"patient,reason\na/1,no cavity is drawn at ED\n"


def test_picks_are_part_of_the_datas_identity():
    stack = to_working_stack(make_phantom(1, n_slices=3, n_phases=4, rows=64).to_cine_stack())
    labels = LabelledStack(
        "a/1", stack, no_masks(stack), np.zeros(stack.images.shape[:2], bool), 90.0, 40.0
    )
    entry = module.Entry(Dataset("m", (Patient("a/1", (), lambda: labels),)), 0, "abc", True)
    squares = np.tile([30.0, 30.0, 40.0], (3, 1))
    hashes = {
        module.Examples([entry.with_picks(some, phases)]).fingerprint()
        for some, phases in ((squares, (0, 2)), (squares, (0, 1)), (squares + 1, (0, 2)))
    }
    assert len(hashes) == 3


# Renders, writes and reads two phantoms.
def test_whole_cines_without_masks_train_twice(tmp_path):
    """As in the paper: volumes only, phases picked from the images and again by the model."""
    seeds = (5, 7)
    phantoms = (make_phantom(seed, n_slices=7, n_phases=6, rows=96) for seed in seeds)
    write_studies(phantoms, tmp_path / "tree", "dsb2")
    tree = tmp_path / "tree"
    prepare([f"dsb2:{tree}"], tmp_path / "cache", jobs=1)
    assert len(open_dataset(tmp_path / "cache")) == 2
    settings = Recipe(
        segmentation=SegmentationRecipe(blocks=2, studies=1, warmup_blocks=0, learning_rate=1e-5)
    )
    out = tmp_path / "run"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    shipped = load_model().weights
    arguments = ([], [tmp_path / "cache"], out, settings)
    options = {"stages": ["hfcn"], "init": shipped, "repick": True, "device": "cpu"}
    train_networks(*arguments, **options)
    rows = [line.split(",") for line in (out / "phases.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["patient", "dsb2/0005", "dsb2/0007"]
    for seed, row in zip(seeds, rows[1:], strict=True):
        truth = make_phantom(seed, n_slices=7, n_phases=6, rows=96).truth
        assert (int(row[1]), int(row[2])) == (truth.ed_phase, truth.es_phase)
    for name in ("hfcn_round1", "hfcn"):
        assert (out / f"{name}.safetensors").exists()
        assert (out / f"{name}.checkpoint").exists()
    expected = (out / "hfcn.safetensors").read_bytes()
    # Picked again from the weights of the first round, the phases are the same.
    (out / "hfcn.checkpoint").unlink()
    train_networks(*arguments, **options, resume=True)
    assert (out / "hfcn.safetensors").read_bytes() == expected
    torch.set_num_threads(threads)
    load_model(out)
