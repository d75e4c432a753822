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
    (batch,) = WindowTask(examples, 12 * examples.n_slices_at_ed, size).batches(rng)
    return batch.windows, batch.targets


@pytest.mark.parametrize(
    ("iou", "target"), [(0.0, 0), (0.25, 0), (0.4, 0.25), (0.55, 0.5), (0.85, 1), (1.0, 1)]
)
def test_target_rises_from_0_at_a_quarter_to_1_at_085(iou, target):
    assert target_of(np.array([iou]))[0] == pytest.approx(target, abs=1e-6)


def test_windows_have_mean_0_and_each_labelled_slice_gives_twelve():
    stacks = [labels_with_discs([20, 15, 10]), labels_with_discs([18, 0])]
    windows, targets = window_epoch(stacks, np.random.default_rng(0), 25)
    assert windows.shape == (60, 6, 25, 25)
    assert windows.dtype == targets.dtype == np.float32
    np.testing.assert_allclose(windows.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    assert ((targets >= 0) & (targets <= 1)).all()
    assert steps_per_epoch(examples_of(stacks), 30) == 2
    assert steps_per_epoch(examples_of(stacks), 31) == 1


def test_slices_without_a_label_at_ed_give_no_window():
    labels = labels_with_discs([20, 15, 10], [[True, True], [False, True], [True, False]])
    windows, _ = window_epoch([labels], np.random.default_rng(0), 25)
    assert len(windows) == 24
    assert steps_per_epoch(examples_of([labels]), 24) == 1


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
    still = at_es == at_ed
    # Planes are in order of slice, then phase.
    np.testing.assert_array_equal(at_es[~still], at_ed[~still] + 1)
    assert still.sum() == 6
    numbers = np.rint((windows[:, 0, 0, 0] - windows[:, 0, 1, 1]) - 1).astype(int)
    assert sorted(numbers) == list(range(36))
    for number, target in zip(numbers, targets, strict=True):
        if still[number]:
            assert target == 0
            continue
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


def test_still_windows_show_the_lv_at_either_phase(monkeypatch):
    """A window that shows one image six times is not an LV, however well its square fits."""
    monkeypatch.setattr(classifier, "augment_intensity", lambda windows, rng: windows)
    windows, targets = window_epoch(
        [labels_with_discs([24] * 20, ed=1.0, es=0.5)], np.random.default_rng(0), 25
    )
    changes = np.ptp(windows, axis=1).max(axis=(1, 2))
    still = changes < 1e-5
    assert (targets[still] == 0).all()
    assert (changes[targets > 0] > 0.3).all()
    contrast = np.ptp(windows[still], axis=(1, 2, 3))
    assert np.isclose(contrast, 1.0).any()  # the disc at ED
    assert np.isclose(contrast, 0.5).any()  # and at ES


def test_what_the_detector_proposes_beside_the_lv_is_drawn(monkeypatch):
    labels = labels_with_discs([24])
    alike = np.array([[2.0, 3.0, 30.0]])
    monkeypatch.setattr(classifier, "look_alikes", lambda example: {0: alike})
    monkeypatch.setattr(classifier, "jitter", lambda squares, rng, shift, scales: squares)
    drawn = []
    monkeypatch.setattr(classifier, "random_rotations", lambda count, rng: drawn.append(count))
    monkeypatch.setattr(
        classifier,
        "sample_squares",
        lambda planes, sources, squares, turned, size: (
            drawn.append(squares) or np.zeros((len(squares), size, size), np.float32)
        ),
    )
    window_epoch([labels], np.random.default_rng(0), 25)
    assert (drawn[1] == alike).all(axis=1).sum() == 2


def test_the_same_seed_draws_the_same_windows():
    stacks = [labels_with_discs([20, 15])]
    first = window_epoch(stacks, np.random.default_rng(5), 25)
    again = window_epoch(stacks, np.random.default_rng(5), 25)
    other = window_epoch(stacks, np.random.default_rng(6), 25)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
