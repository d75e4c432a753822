"""`cine`: where most moves in a slice."""

import numpy as np
import pytest

from lvvol.motion import (
    change_of_blocks,
    change_over_cycle,
    coherence,
    growth_over_cycle,
    moving_centre,
)


def test_the_centre_lies_in_what_beats_not_in_what_is_bright():
    rows, columns = np.mgrid[:60, :100]
    images = np.zeros((6, 60, 100), np.float32)
    images[:, 5:25, 5:25] = 1000.0  # bright and still
    for phase, radius in enumerate((8, 7, 6, 5, 6, 7)):
        images[phase][np.hypot(rows - 40, columns - 70) <= radius] = 100.0
    # A disc that beats about its own centre changes in a ring, which is centred there too.
    assert moving_centre(images) == pytest.approx((40, 70))


def test_what_moves_more_weighs_more():
    images = np.zeros((2, 20, 20), np.float32)
    images[1, 2, 10], images[1, 10, 10] = 1.0, 3.0  # standard deviations of 0.5 and 1.5
    assert moving_centre(images) == pytest.approx(((0.5 * 2 + 1.5 * 10) / 2, 10))


@pytest.mark.parametrize("n_phases", [1, 5])
def test_where_nothing_moves_it_is_the_middle_of_the_image(n_phases):
    still = np.tile(np.arange(35, dtype=np.float32).reshape(1, 5, 7), (n_phases, 1, 1))
    assert moving_centre(still) == pytest.approx((2, 3))


def test_values_may_be_as_large_as_a_header_can_make_them():
    images = np.zeros((2, 20, 20), np.float32)
    images[1, 4, 5] = 1e20  # its square is beyond single precision
    assert moving_centre(images) == pytest.approx((4, 5))


@pytest.mark.parametrize("shape", [(5, 7), (1, 2, 5, 7), (0, 5, 7), (2, 0, 7)])
def test_any_other_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"images: expected \(phase, row, column\).*got"):
        moving_centre(np.zeros(shape, np.float32))


def test_values_that_are_not_finite_are_refused():
    images = np.zeros((2, 5, 7), np.float32)
    images[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="images: expected finite"):
        moving_centre(images)


def test_change_over_cycle_tells_motion_from_noise():
    phases = np.sin(2 * np.pi * np.arange(24) / 24)[:, None, None]
    ramp = np.linspace(0, 1, 30)[None, None, :] * np.ones((1, 20, 1))
    moving = (ramp * phases).astype(np.float32)
    assert change_over_cycle(moving) > 0.5
    assert growth_over_cycle(moving) > 5
    noise = ramp + 0.01 * np.random.default_rng(1).normal(size=(24, 20, 30))
    assert change_over_cycle(noise.astype(np.float32)) < 0.05
    assert growth_over_cycle(noise.astype(np.float32)) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("measure", [change_over_cycle, growth_over_cycle])
def test_change_over_cycle_of_nothing(measure):
    assert measure(np.ones((1, 3, 4), np.float32)) == 0.0
    with pytest.raises(ValueError, match="expected"):
        measure(np.empty((3, 0, 4), np.float32))


def test_blocks_average_noise_away_but_not_motion():
    """Of 16 values a quarter of the noise is left; a step of a whole block stays as it is."""
    images = np.zeros((2, 40, 40), np.float32)
    images[1, 8:12, 20:24] = 0.5
    change = change_of_blocks(images)
    assert change.shape == (10, 10)
    assert change[2, 5] == 0.25  # half the difference of two phases
    assert change.sum() == 0.25
    noise = np.random.default_rng(0).standard_normal((2, 400, 400)).astype(np.float32)
    single = np.abs(noise - noise.mean(axis=0)).mean()
    assert change_of_blocks(noise).mean() == pytest.approx(single / 4, rel=0.03)
    assert change_of_blocks(noise, 8).mean() == pytest.approx(single / 8, rel=0.06)


def test_rows_and_columns_that_fill_no_block_are_left_out():
    images = np.zeros((2, 9, 11), np.float32)
    images[1, 8:] = images[1, :, 8:] = 1.0
    assert change_of_blocks(images).shape == (2, 2)
    assert change_of_blocks(images).sum() == 0


def test_coherence_tells_tissue_from_noise():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:60, :60] - 29.5
    distance = np.hypot(rows, columns)
    heart = np.stack([1 / (1 + np.exp(distance - radius)) for radius in (24, 14)])
    assert coherence(heart.astype(np.float32)) > 0.6
    assert coherence((heart + 0.02 * rng.normal(size=heart.shape)).astype(np.float32)) > 0.5
    still = heart[:1] + 0.02 * rng.normal(size=heart.shape)
    assert coherence(still.astype(np.float32)) == pytest.approx(1 / 12, abs=0.03)


@pytest.mark.parametrize("shape", [(2, 5, 60), (1, 60, 60)])
def test_coherence_of_nothing_is_1(shape):
    assert coherence(np.ones(shape, np.float32)) == 1
