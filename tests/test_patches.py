"""Patches with their context: neighbours in space, and the opposite phase."""

import numpy as np
import pytest

from lvvol.patches import iterate_patches, opposite_phases

SQUARES = np.array([[4.0, 6.0, 40.0], [5.0, 5.0, 44.0], [6.0, 4.0, 48.0]])


def beating(n_phases=8, es=3, noise=0.0):
    """A disc in three slices, smallest at the phase `es`."""
    rows, columns = np.indices((60, 60)) - 28.0
    shares = np.cos(np.pi * (np.arange(n_phases) - es) / n_phases) ** 2
    radii = 16 - 8 * shares
    images = (np.hypot(rows, columns) < radii[:, None, None]).astype(np.float32)
    images = np.repeat(images[None], 3, axis=0)
    return images + noise * np.random.default_rng(0).random(images.shape, dtype=np.float32)


def standardised(images, z, t, square):
    """The pixels of an upright square of 48 pixels, by slicing."""
    top, left, side = square.astype(int)
    assert side == 48
    cut = images[z, t, top : top + side, left : left + side].astype(np.float64)
    return (cut - cut.mean()) / cut.std()


def test_channels_are_the_slices_around_at_both_phases():
    images = np.random.default_rng(1).random((3, 2, 70, 70)).astype(np.float32)
    squares = np.tile([3.0, 9.0, 48.0], (3, 1))
    squares[1, :2] = 7.0, 2.0
    for z, patches in enumerate(iterate_patches(images, squares, 6)):
        assert patches.shape == (2, 6, 48, 48)
        assert patches.dtype == np.float32
        for t in (0, 1):
            for channel, (slice_, phase) in enumerate(
                [(z, t), (z - 1, t), (z + 1, t), (z, 1 - t), (z - 1, 1 - t), (z + 1, 1 - t)]
            ):
                if 0 <= slice_ < 3:
                    expected = standardised(images, slice_, phase, squares[z])
                    np.testing.assert_allclose(patches[t, channel], expected, atol=2e-5)
                else:
                    assert not patches[t, channel].any()


def test_a_single_channel_is_the_slice_alone():
    images = beating(noise=0.1)
    alone, context = (list(iterate_patches(images, SQUARES, n)) for n in (1, 6))
    for one, six in zip(alone, context, strict=True):
        assert one.shape == (8, 1, 48, 48)
        np.testing.assert_array_equal(one[:, 0], six[:, 0])


@pytest.mark.parametrize("es", [2, 3, 5])
def test_the_opposite_of_small_hearts_is_large_and_of_large_ones_small(es):
    opposite = opposite_phases(beating(es=es, noise=0.05), SQUARES)
    ed = (es + 4) % 8
    assert opposite[ed] == es
    assert opposite[es] == ed
    assert set(opposite) == {ed, es}
    assert (opposite[[(es - 1) % 8, (es + 1) % 8]] == ed).all()


def test_what_moves_outside_the_squares_does_not_count():
    images = beating()
    images[:, 6, :2] = 50.0
    assert set(opposite_phases(images, np.tile([10.0, 10.0, 36.0], (3, 1)))) == {3, 7}


def test_one_phase_is_its_own_opposite():
    np.testing.assert_array_equal(opposite_phases(beating()[:, :1].copy(), SQUARES), [0])
    (patches, *_) = iterate_patches(beating()[:, :1].copy(), SQUARES, 6)
    np.testing.assert_array_equal(patches[:, :3], patches[:, 3:])


def test_results_do_not_depend_on_threads():
    images = beating(noise=0.2)
    one, three = (list(iterate_patches(images, SQUARES, 6, threads=n)) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_another_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="channels: expected 1 or 6, got 3"):
        next(iterate_patches(beating(), SQUARES, 3))
