"""Image formation."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol.phantom.render import Plane, Scanner


def scanner(**changes) -> Scanner:
    plain = {
        "coils_mm": ((0.0, -100.0, 0.0),),
        "coil_reach_mm": 100.0,
        "coil_weight": 1.0,
        "band_radius_mm": 200.0,
        "kept": (0.8, 0.7),
        "noise": 0.0,
        "blood": 400.0,
        "round_view": False,
    }
    return Scanner(**{**plain, **changes})


def test_sample_points_follow_the_affine_and_fill_the_thickness():
    affine = np.array(
        [[0.0, 2.0, 0.0, 10.0], [0.0, 0.0, 1.0, 20.0], [-2.0, 0.0, 0.0, 30.0], [0.0, 0.0, 0.0, 1.0]]
    )
    plane = Plane(affine, (3, 4), 8.0)
    x, y, z = plane.points(np.eye(4), 4)
    assert x.shape == (4, 3, 4)
    assert plane.pixel_mm == 2.0
    assert x[0, 0] == pytest.approx([10, 12, 14, 16])
    assert z[0, :, 0] == pytest.approx([30, 28, 26])
    assert y[:, 0, 0] == pytest.approx([17, 19, 21, 23])  # middles of four quarters of 8 mm


def test_an_even_signal_keeps_its_level():
    pixels = scanner().acquire(np.full((2, 32, 24), -0.5, np.float32), np.random.default_rng(0))
    assert pixels.dtype == np.uint16
    assert (pixels == 200).all()


def test_missing_frequencies_blur_but_keep_the_sum():
    signal = np.full((1, 64, 64), 1.0, np.float32)
    signal[0, 32, 32] = 9.0
    pixels = scanner(blood=1000.0).acquire(signal, np.random.default_rng(0)).astype(float)
    assert 1500 < pixels.max() < 6000
    assert (pixels - 1000).sum() == pytest.approx(8000, rel=0.02)


def test_noise_without_signal_is_rayleigh_distributed():
    signal = np.zeros((4, 128, 128), np.float32)
    pixels = scanner(noise=1.0).acquire(signal, np.random.default_rng(0)).astype(float)
    # Mean over root mean square of a Rayleigh distribution is sqrt(pi) / 2, whatever its scale.
    ratio = pixels.mean() / np.sqrt((pixels**2).mean())
    assert ratio == pytest.approx(np.sqrt(np.pi) / 2, abs=0.01)


def test_a_round_view_is_blank_in_its_corners():
    pixels = scanner(round_view=True).acquire(
        np.ones((1, 40, 40), np.float32), np.random.default_rng(0)
    )
    assert pixels[0, 0, 0] == pixels[0, 39, 0] == 0
    assert pixels[0, 20, 20] == pixels[0, 3, 20] == 400


def test_gain_is_one_at_the_heart_and_grows_towards_the_coil():
    affine = np.eye(4)
    affine[:3, :3] = [[0, 1, 0], [1, 0, 0], [0, 0, -1]]  # rows grow along y, columns along x
    affine[:3, 3] = (-50.0, -60.0, 0.0)
    gain = scanner().gain(Plane(affine, (101, 101), 8.0), np.array([0.0, 0.0, 0.0]))
    assert gain[60, 50] == pytest.approx(1.0, abs=1e-5)
    assert gain[0, 50] > gain[30, 50] > gain[60, 50] > gain[100, 50]
