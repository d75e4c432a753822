"""ED and ES of whole cines: found in phantoms, and corrected where the first picks are wrong."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
import torch

from lvvol.datasets import Dataset, LabelledStack, Patient
from lvvol.datasets.labelled import no_masks
from lvvol.networks.files import SHIPPED
from lvvol.networks.weights import load_hfcn_module
from lvvol.phantom import make_phantom
from lvvol.preprocess import to_working_stack
from lvvol.train.device import Compute
from lvvol.train.examples import Entry
from lvvol.train.picks import find_missing, first_picks, phase_volumes_ml, pick_again, with_picks


def silent(done, total):
    pass


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(7, n_slices=7, n_phases=10, rows=96)


def cine_of(phantom, late_by=0):
    """A whole cine without masks or phases, triggered late by some phases."""
    stack = to_working_stack(phantom.to_cine_stack())
    stack = replace(stack, images=np.ascontiguousarray(np.roll(stack.images, -late_by, axis=1)))
    drawn = np.zeros(stack.images.shape[:2], bool)
    truth = phantom.truth
    return LabelledStack("phantom/7", stack, no_masks(stack), drawn, truth.edv_ml, truth.esv_ml)


def entry_of(labels, **known):
    dataset = Dataset("memory", (Patient(labels.patient, (), lambda: labels),))
    return Entry(dataset, 0, "abc", True, **known)


@pytest.fixture(scope="module")
def found(phantom):
    """The phantom with squares by the shipped classifier, and first picks, a phase late."""
    (pick,) = find_missing([entry_of(cine_of(phantom, late_by=1))], SHIPPED, silent)
    return pick


def test_first_picks_of_a_cine_that_starts_at_ed_are_right(phantom, found):
    assert phantom.truth.ed_phase == 0
    ed, es = first_picks(cine_of(phantom).stack, found.squares)
    assert ed == 0
    assert abs(es - phantom.truth.es_phase) <= 1


def test_motion_outside_the_squares_does_not_count():
    rng = np.random.default_rng(0)
    stack = cine_of(make_phantom(3, n_slices=3, n_phases=4, rows=64)).stack
    images = np.full_like(stack.images, 0.5)
    images[:, 2, 40:60, 40:60] += 0.2  # inside, phase 2
    images[:, 1, :, 100:] = rng.random(images[:, 1, :, 100:].shape)  # elsewhere, phase 1
    squares = np.tile([30.0, 30.0, 40.0], (3, 1))
    assert first_picks(replace(stack, images=images), squares) == (0, 2)


def test_squares_and_phases_are_found_only_where_they_are_missing(phantom, found):
    labels = cine_of(phantom, late_by=1)
    squares = np.tile([100.0, 100.0, 60.0], (7, 1))
    whole = entry_of(labels, phases=(2, 5), squares=squares)
    located = entry_of(labels, phases=(2, 5))
    nothing, picked = find_missing([whole, located], SHIPPED, silent)
    assert nothing is None
    assert picked.phases == (2, 5)
    np.testing.assert_array_equal(picked.squares, found.squares)
    dropped = {}
    complete = with_picks([whole, located], [nothing, picked], dropped)
    assert complete[0] is whole
    assert complete[1].read().stack.n_phases == 2
    assert (complete[1].picked, complete[1].phases_picked) == (True, False)
    assert dropped == {}


def test_a_cine_without_a_ventricle_is_dropped_with_the_reason(phantom):
    labels = cine_of(phantom)
    empty = replace(labels, stack=replace(labels.stack, images=np.zeros_like(labels.stack.images)))
    entry = entry_of(empty)
    dropped = {}
    assert with_picks([entry], find_missing([entry], SHIPPED, silent), dropped) == []
    assert "expected a window that looks like a left ventricle" in dropped["phantom/7"]


@pytest.mark.parametrize("wrong", [None, (4, 7)], ids=["first picks", "on purpose"])
def test_the_model_corrects_picks_that_are_wrong(phantom, found, wrong):
    """The cine starts a phase after ED, so the first phase is not ED."""
    true_ed = (phantom.truth.ed_phase - 1) % 10
    true_es = (phantom.truth.es_phase - 1) % 10
    entry = entry_of(cine_of(phantom, late_by=1)).with_picks(found.squares, wrong or found.phases)
    assert entry.phases_picked
    assert entry.phases[0] != true_ed
    network, compute = load_hfcn_module(), Compute()
    picks, table = pick_again([entry], network, compute, silent)
    (again,) = with_picks([entry], picks, {})
    assert again.phases == (true_ed, true_es)
    np.testing.assert_array_equal(again.squares, entry.squares)
    (row,) = csv.DictReader(io.StringIO(table.decode()))
    assert row["patient"] == "phantom/7"
    assert (int(row["ed_phase"]), int(row["es_phase"])) == (true_ed, true_es)
    assert (int(row["ed_before"]), int(row["es_before"])) == entry.phases
    volumes_ml = phase_volumes_ml(cine_of(phantom, 1).stack, entry.squares, network, compute)
    assert float(row["edv_ml"]) == pytest.approx(volumes_ml.max(), abs=0.06)


def test_a_model_that_measures_nothing_changes_no_phases(phantom, found):
    network = load_hfcn_module()
    with torch.no_grad():
        network.area[-1].weight.zero_()
        network.area[-1].bias.fill_(-1.0)
    entry = entry_of(cine_of(phantom, 1)).with_picks(found.squares, (4, 7))
    picks, _ = pick_again([entry], network, Compute(), silent)
    assert picks[0].phases == (4, 7)


def test_phases_that_a_dataset_says_are_kept(phantom, found):
    entry = entry_of(cine_of(phantom, 1), phases=(0, 4), squares=found.squares)
    picks, table = pick_again([entry], load_hfcn_module(), Compute(), silent)
    assert picks == [None]
    assert table.count(b"\n") == 1  # the header
