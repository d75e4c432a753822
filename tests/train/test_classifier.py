"""The classifier's windows and their targets."""

import numpy as np
import pytest

from lvvol.datasets import LabelledStack
from lvvol.datasets.labelled import stack_of_planes
from lvvol.roi.square import labelled_square, overlap
from lvvol.train import classifier
from lvvol.train.classifier import WindowTask, steps_per_epoch, target_of
from lvvol.train.examples import examples_of


def labels_with_discs(radii, labelled=None, ed=1.0, es=0.5):
    rows, columns = np.indices((96, 96)) + 0.5
    distance = np.hypot(rows - 48, columns - 50)
    masks = np.array([[distance < r, distance < 0.7 * r] for r in radii])
    images = masks * np.array([ed, es], np.float32)[:, None, None]
    known = np.ones(masks.shape[:2], bool) if labelled is None else np.array(labelled)
    stack = stack_of_planes(images.astype(np.float32), 8.0 * np.arange(len(radii)))
    return LabelledStack("dsb2/0004", stack, masks & known[..., None, None], known)


def window_epoch(stacks, rng, size):
    """Draw one epoch in one batch."""
    examples = examples_of(stacks)
    (batch,) = WindowTask(examples, 10 * examples.n_slices_at_ed, size).batches(rng)
    return batch.windows, batch.targets


@pytest.mark.parametrize(
    ("iou", "target"), [(0.0, 0), (0.25, 0), (0.4, 0.25), (0.55, 0.5), (0.85, 1), (1.0, 1)]
)
def test_target_rises_from_0_at_a_quarter_to_1_at_085(iou, target):
    assert target_of(np.array([iou]))[0] == pytest.approx(target, abs=1e-6)


def test_windows_have_mean_0_and_each_labelled_slice_gives_ten():
    stacks = [labels_with_discs([20, 15, 10]), labels_with_discs([18, 0])]
    windows, targets = window_epoch(stacks, np.random.default_rng(0), 25)
    assert windows.shape == (50, 6, 25, 25)
    assert windows.dtype == targets.dtype == np.float32
    np.testing.assert_allclose(windows.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    assert ((targets >= 0) & (targets <= 1)).all()
    assert steps_per_epoch(examples_of(stacks), 25) == 2
    assert steps_per_epoch(examples_of(stacks), 26) == 1


def test_slices_without_a_label_at_ed_give_no_window():
    labels = labels_with_discs([20, 15, 10], [[True, True], [False, True], [True, False]])
    windows, _ = window_epoch([labels], np.random.default_rng(0), 25)
    assert len(windows) == 20
    assert steps_per_epoch(examples_of([labels]), 20) == 1


def test_targets_follow_the_overlap_with_the_slices_square(monkeypatch):
    labels = labels_with_discs([24, 0, 16])
    noted = []

    def note(planes, sources, squares, turned, size):
        noted.append((sources, squares))
        # A window of its index, with contrast that remains after subtracting the mean.
        windows = np.zeros((len(sources), size, size), np.float32)
        windows[:, 0, 0] = 1 + np.arange(len(sources))
        return windows

    monkeypatch.setattr(classifier, "sample_squares", note)
    monkeypatch.setattr(classifier, "augment_intensity", lambda windows, rng: windows)
    windows, targets = window_epoch([labels], np.random.default_rng(0), 25)
    (at_ed, squares), (at_es, again) = noted
    np.testing.assert_array_equal(squares, again)
    np.testing.assert_array_equal(at_es, at_ed + 1)  # planes are in order of slice, then phase
    numbers = np.rint((windows[:, 0, 0, 0] - windows[:, 0, 1, 1]) - 1).astype(int)
    assert sorted(numbers) == list(range(30))
    for number, target in zip(numbers, targets, strict=True):
        truth = labelled_square(labels.masks[at_ed[number] // 2, 0])
        iou = 0.0 if truth is None else float(overlap(squares[number], truth))
        assert target == pytest.approx(np.clip((iou - 0.25) / 0.6, 0, 1), abs=1e-6)
    assert (targets > 0.5).sum() >= 4  # windows near the LV are among them
    assert (targets == 0).sum() >= 10


def test_six_phases_are_diastolic_at_both_ends_and_systolic_between(monkeypatch):
    """ED is white and ES black inside the disc, so brightness is the weight of ED."""
    monkeypatch.setattr(classifier, "augment_intensity", lambda windows, rng: windows)
    labels = labels_with_discs([40] * 40, ed=1.0, es=0.0)
    windows, targets = window_epoch([labels], np.random.default_rng(0), 25)
    inside = windows[targets > 0.8]
    contrast = inside.max(axis=(2, 3)) - inside.min(axis=(2, 3))
    share_of_ed = contrast / contrast[:, :1]
    assert len(inside) > 20
    np.testing.assert_allclose(share_of_ed[:, 5], 1, atol=1e-5)
    assert share_of_ed[:, 2].max() <= 0.2 + 1e-5
    assert share_of_ed[:, 3].max() <= 0.8 + 1e-5
    assert share_of_ed[:, 4].min() >= 0.5 - 1e-5
    assert np.ptp(share_of_ed[:, 1]) > 0.5


def test_the_same_seed_draws_the_same_windows():
    stacks = [labels_with_discs([20, 15])]
    first = window_epoch(stacks, np.random.default_rng(5), 25)
    again = window_epoch(stacks, np.random.default_rng(5), 25)
    other = window_epoch(stacks, np.random.default_rng(6), 25)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
