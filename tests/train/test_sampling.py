"""Sampling: squares, and windows extracted from them with rotation and mirroring."""

import numpy as np
import pytest
import torch

from lvvol import _core
from lvvol.datasets import LabelledStack
from lvvol.datasets.labelled import stack_of_planes
from lvvol.networks.layers import standardise
from lvvol.patches import iterate_patches
from lvvol.roi.square import labelled_square
from lvvol.train import sampling
from lvvol.train.sampling import (
    augment_intensity,
    jitter,
    patient_groups,
    propagated_squares,
    random_rotations,
    random_squares,
    sample_squares,
    shuffled_batches,
)

IDENTITY = np.eye(2)
QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])


@pytest.fixture(scope="module")
def planes():
    smooth = np.random.default_rng(0).random((4, 90, 110), dtype=np.float32)
    return (smooth + np.roll(smooth, 1, 1) + np.roll(smooth, 1, 2)) / 3


def cut_one(planes, square, turned, size, source=0):
    return sample_squares(planes, np.array([source]), np.array([square]), turned[None], size)[0]


@pytest.mark.parametrize("size", [25, 48])
def test_without_rotation_it_matches_a_window_of_the_same_square(planes, size):
    rng = np.random.default_rng(1)
    sides = rng.uniform(0.5, 1.0, 20) * size  # so that windows are enlarged
    corners = rng.uniform(-10, 90, (20, 2))
    squares = np.column_stack([corners, sides])
    sources = rng.integers(0, 4, 20)
    ours = sample_squares(planes, sources, squares, np.tile(IDENTITY, (20, 1, 1)), size)
    windows = _core.extract_windows(
        planes[:, None], sources, squares, np.zeros(1, dtype=np.int64), size
    )
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, windows[:, 0], atol=1e-5)


def test_without_rotation_it_is_reduced_like_a_window(planes):
    square = np.array([3.0, 7.0, 80.0])
    window = _core.extract_windows(
        planes[:, None], np.array([2]), square[None], np.zeros(1, dtype=np.int64), 25
    )[0, 0]
    np.testing.assert_allclose(cut_one(planes, square, IDENTITY, 25, 2), window, atol=1e-5)


@pytest.fixture
def as_predicted(monkeypatch):
    """Neither contrast nor breathing varies."""
    monkeypatch.setattr(sampling, "augment_intensity", lambda patches, rng: patches)
    monkeypatch.setattr(sampling, "_BREATHING_MM", 0.0)


@pytest.mark.usefixtures("as_predicted")
def test_without_rotation_context_is_as_in_prediction(planes):
    """Of a pair; either neighbour may come first."""
    images = np.random.default_rng(3).random((3, 2, 60, 60), dtype=np.float32)
    squares = np.array([[5.0, 8.0, 44.0], [4.0, 9.0, 40.0], [7.0, 7.0, 36.0]])
    predicted = np.concatenate(list(iterate_patches(images, squares, 6)))
    drawn = standardise(
        torch.from_numpy(
            sampling.sample_patches(
                images,
                np.arange(6),
                np.repeat(squares, 2, axis=0),
                np.tile(IDENTITY, (6, 1, 1)),
                6,
                np.random.default_rng(0),
            )
        )
    ).numpy()
    for ours, expected in zip(drawn, predicted, strict=True):
        exchanged = expected[[0, 2, 1, 3, 5, 4]]
        errors = [abs(ours - each).max() for each in (expected, exchanged)]
        assert min(errors) < 1e-4 < max(errors)


def test_neighbours_come_in_either_order_and_their_absence_shows(planes):
    images = np.random.default_rng(3).random((2, 2, 60, 60), dtype=np.float32)
    count = 40
    patches = sampling.sample_patches(
        images,
        np.zeros(count, dtype=np.int64),
        np.tile([5.0, 5.0, 40.0], (count, 1)),
        np.tile(IDENTITY, (count, 1, 1)),
        6,
        np.random.default_rng(0),
    )
    absent = ~patches.any(axis=(2, 3))
    assert not absent[:, [0, 3]].any()
    np.testing.assert_array_equal(absent[:, 1], ~absent[:, 2])
    np.testing.assert_array_equal(absent[:, :3], absent[:, 3:])
    assert 10 < absent[:, 1].sum() < 30


@pytest.mark.parametrize("side", [30.0, 70.0])
def test_a_quarter_turn_is_rot90(planes, side):
    square = [8.0, 12.0, side]
    upright = cut_one(planes, square, IDENTITY, 48)
    # Output (r, c) from the centre reads input (-c, r): the left side moves to the top.
    np.testing.assert_allclose(
        cut_one(planes, square, QUARTER, 48), np.rot90(upright, -1), atol=1e-5
    )
    np.testing.assert_allclose(
        cut_one(planes, square, QUARTER @ QUARTER, 48), upright[::-1, ::-1], atol=1e-5
    )


def test_a_mirror_is_a_flip(planes):
    square = [8.0, 12.0, 40.0]
    upright = cut_one(planes, square, IDENTITY, 48)
    mirrored = cut_one(planes, square, np.diag([1.0, -1.0]), 48)
    np.testing.assert_allclose(mirrored, upright[:, ::-1], atol=1e-5)


def test_a_rotation_keeps_the_area_and_centre_of_a_disc():
    rows, columns = np.indices((90, 110)) + 0.5
    disc = (np.hypot(rows - 45, columns - 50) < 18).astype(np.uint8)[None]
    turned = random_rotations(8, np.random.default_rng(0))
    masks = sample_squares(
        disc, np.zeros(8, np.int64), np.tile([15.0, 20.0, 60.0], (8, 1)), turned, 48
    )
    np.testing.assert_allclose(masks.mean(axis=(1, 2)), np.pi * 18**2 / 60**2, rtol=0.01)
    centre = [
        (masks * axis).sum(axis=(1, 2)) / masks.sum(axis=(1, 2)) for axis in np.indices((48, 48))
    ]
    np.testing.assert_allclose(centre, 23.5, atol=0.1)


def test_masks_and_images_are_sampled_alike(planes):
    rng = np.random.default_rng(3)
    binary = (planes > 0.5).astype(np.uint8)
    squares = np.column_stack([rng.uniform(0, 40, (6, 2)), rng.uniform(20, 60, 6)])
    given = np.arange(6) % 4, squares, random_rotations(6, rng), 48
    np.testing.assert_allclose(
        sample_squares(binary, *given), sample_squares(binary.astype(np.float32), *given), atol=1e-6
    )


def test_transforms_are_rotations_half_of_them_mirrored():
    turned = random_rotations(4000, np.random.default_rng(0))
    np.testing.assert_allclose(
        turned @ turned.transpose(0, 2, 1), np.tile(IDENTITY, (4000, 1, 1)), atol=1e-12
    )
    determinants = np.linalg.det(turned)
    np.testing.assert_allclose(np.abs(determinants), 1)
    assert (determinants < 0).mean() == pytest.approx(0.5, abs=0.05)
    angles = np.arctan2(turned[:, 1, 0], turned[:, 0, 0])
    counts, _ = np.histogram(angles, bins=8, range=(-np.pi, np.pi))
    assert counts.min() > 400  # 500 expected in each eighth


def test_jitter_covers_its_ranges():
    squares = np.tile([20.0, 30.0, 80.0], (5000, 1))
    moved = jitter(squares, np.random.default_rng(0), 0.15, (0.75, 1.4))
    scales = moved[:, 2] / 80
    shifts = (moved[:, :2] + moved[:, 2:] / 2 - [60, 70]) / 80
    assert (scales.min(), scales.max()) == pytest.approx((0.75, 1.4), abs=0.01)
    assert scales.min() >= 0.75
    assert scales.max() <= 1.4
    assert np.median(scales) == pytest.approx(np.sqrt(0.75 * 1.4), abs=0.02)
    assert np.abs(shifts).max() <= 0.15
    assert np.abs(shifts).max() == pytest.approx(0.15, abs=0.001)
    assert shifts.mean(axis=0) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("shape", [(184, 184), (90, 200), (30, 30)])
def test_random_squares_lie_inside(shape):
    squares = random_squares(shape, 500, np.random.default_rng(0), (40.0, 150.0))
    assert (squares[:, :2] >= -1e-9).all()
    assert (squares[:, :2] + squares[:, 2:] <= np.array(shape) + 1e-9).all()
    assert squares[:, 2].min() >= min(40, *shape) - 1e-9
    assert squares[:, 2].max() <= 150


def labels_with_discs(radii, shape=(96, 96)):
    rows, columns = np.indices(shape) + 0.5
    masks = np.array([[np.hypot(rows - 45 - z, columns - 50) < r] * 2 for z, r in enumerate(radii)])
    stack = stack_of_planes(masks.astype(np.float32), 8.0 * np.arange(len(radii)))
    return LabelledStack("dsb2/0004", stack, masks, np.ones(masks.shape[:2], bool))


def test_slices_without_a_mask_get_the_nearest_square():
    labels = labels_with_discs([0, 0, 20, 0, 25, 0])
    squares = propagated_squares(labels)
    own = {z: labelled_square(labels.masks[z, 0]) for z in (2, 4)}
    for z, source in enumerate([2, 2, 2, 2, 4, 4]):  # 3 is midway: the lower neighbour is used
        np.testing.assert_array_equal(squares[z], own[source])


def test_shade_keeps_order_and_range_except_for_noise():
    grey = np.tile(np.linspace(0, 1, 48, dtype=np.float32), (200, 6, 48, 1))
    shaded = augment_intensity(grey, np.random.default_rng(0))
    assert shaded.dtype == np.float32
    assert shaded.min() > -0.2
    assert shaded.max() < 1.2
    rows = shaded.mean(axis=(1, 2))  # noise averages out over 288 rows
    assert np.abs(rows[:, 0]).max() < 0.01
    assert np.abs(rows[:, -1] - 1).max() < 0.01
    gammas = np.log(rows[:, 24]) / np.log(grey[0, 0, 0, 24])
    assert np.log(gammas).std() == pytest.approx(0.25, rel=0.2)
    # One gamma per entry: all its phases become brighter, or all darker.
    by_phase = shaded.mean(axis=2)[:, :, 24]
    assert np.ptp(by_phase, axis=1).max() < 0.05


def test_quarter_turns_are_the_eight_orientations_of_a_square():
    turned = random_rotations(400, np.random.default_rng(0), "quarter_turns")
    assert len(np.unique(turned.reshape(-1, 4), axis=0)) == 8
    assert set(np.abs(turned).ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(
        turned @ turned.transpose(0, 2, 1), np.tile(IDENTITY, (400, 1, 1))
    )


def test_few_patients_are_one_group_in_order_and_many_are_mixed():
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    (alone,) = patient_groups(5, rng, largest=5)
    np.testing.assert_array_equal(alone, np.arange(5))
    assert rng.bit_generator.state == state
    groups = patient_groups(11, rng, largest=4)
    assert [len(group) for group in groups] == [4, 4, 3]
    assert sorted(np.concatenate(groups)) == list(range(11))
    assert list(np.concatenate(groups)) != list(range(11))


def test_batches_take_every_example_once_except_those_that_fill_none():
    groups = [(np.arange(7), 10 * np.arange(7)), (np.arange(7, 12), 10 * np.arange(7, 12))]
    batches = list(shuffled_batches(groups, np.random.default_rng(0), 5))
    assert [len(first) for first, _ in batches] == [5, 5]
    seen = np.concatenate([first for first, _ in batches])
    assert len(set(seen)) == 10
    assert list(seen) != sorted(seen)
    for first, second in batches:
        np.testing.assert_array_equal(second, 10 * first)
    assert set(batches[0][0]) <= set(range(7))  # the two that are left join the next group
