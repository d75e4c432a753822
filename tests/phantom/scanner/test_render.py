"""Image formation."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol.phantom.scanner.render import Plane, Scanner, _pulled_in, _wrapped


def scanner(**changes) -> Scanner:
    plain = {
        "coils_mm": ((0.0, -100.0, 0.0),),
        "coil_reach_mm": 100.0,
        "coil_weight": 1.0,
        "shim_mm": (0.0, 0.0, 0.0),
        "band_radius_mm": 200.0,
        "wrap": 0.0,
        "kept": (0.8, 0.7),
        "noise": 0.0,
        "blood": 400.0,
        "round_view": False,
        "bowed": 0.0,
    }
    return Scanner(**{**plain, **changes})


def test_sample_points_follow_the_affine_and_fill_the_thickness():
    affine = np.array(
        [[0.0, 2.0, 0.0, 10.0], [0.0, 0.0, 1.0, 20.0], [-2.0, 0.0, 0.0, 30.0], [0.0, 0.0, 0.0, 1.0]]
    )
    plane = Plane(affine, (3, 4), 8.0)
    x, y, z = plane.grid(np.eye(4), 4).points()
    assert x.shape == (4, 3, 4)
    assert plane.pixel_mm == 2.0
    assert x[0, 0] == pytest.approx([10, 12, 14, 16])
    assert z[0, :, 0] == pytest.approx([30, 28, 26])
    assert y[:, 0, 0] == pytest.approx([17, 19, 21, 23])  # centres of the four quarters of 8 mm


def test_a_constant_signal_keeps_its_level():
    pixels = scanner().acquire(np.full((2, 32, 24), -0.5, np.float32), np.random.default_rng(0))
    assert pixels.dtype == np.uint16
    assert (pixels == 200).all()


def test_missing_frequencies_blur_but_preserve_the_sum():
    signal = np.full((1, 64, 64), 1.0, np.float32)
    signal[0, 32, 32] = 9.0
    pixels = scanner(blood=1000.0).acquire(signal, np.random.default_rng(0)).astype(float)
    assert 1500 < pixels.max() < 6000
    assert (pixels - 1000).sum() == pytest.approx(8000, rel=0.02)


def test_noise_without_signal_is_rayleigh_distributed():
    signal = np.zeros((4, 128, 128), np.float32)
    pixels = scanner(noise=1.0).acquire(signal, np.random.default_rng(0)).astype(float)
    # Mean over root mean square of a Rayleigh distribution is sqrt(pi) / 2 at any scale.
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
    affine[:3, :3] = [[0, 1, 0], [1, 0, 0], [0, 0, -1]]  # row index along y, column index along x
    affine[:3, 3] = (-50.0, -60.0, 0.0)
    gain = scanner().gain(Plane(affine, (101, 101), 8.0), np.array([0.0, 0.0, 0.0]))
    assert gain[60, 50] == pytest.approx(1.0, abs=1e-5)
    assert gain[0, 50] > gain[30, 50] > gain[60, 50] > gain[100, 50]


def test_a_view_with_bowed_edges_narrows_towards_its_corners():
    pixels = scanner(bowed=0.2).acquire(np.ones((1, 40, 40), np.float32), np.random.default_rng(0))
    # Pixels are visible where |c| <= 20 (1 - 0.2 (r^2 + c^2) / 20^2): within 16.5 of the centre
    # along the middle row, within 14.5 along the diagonal.
    assert (pixels[0, 20] > 0).sum() == 2 * 17
    assert pixels[0, 35, 35] == 0 < pixels[0, 34, 34]


def test_signal_beyond_the_view_wraps_around():
    affine = np.eye(4)
    affine[:3, 3] = (-20.0, -15.0, 0.0)
    plane = Plane(affine, (40, 30), 8.0)
    gain = scanner(wrap=0.4).gain(plane, np.zeros(3))
    # Columns are the shorter side: a fifth of 30 beyond each end, fading outwards.
    assert gain.shape == (40, 42)
    assert gain[20, 6:36] == pytest.approx(scanner().gain(plane, np.zeros(3))[20])
    assert 0.0 < gain[20, 0] < 0.1 * gain[20, 6]
    wide = np.zeros((40, 42), np.float32)
    wide[7, 3], wide[8, 38], wide[9, 20] = 1.0, 2.0, 4.0
    wrapped = _wrapped(wide, (40, 30))
    assert wrapped.shape == (40, 30)
    assert (wrapped[7, 27], wrapped[8, 2], wrapped[9, 14], wrapped.sum()) == (1.0, 2.0, 4.0, 7.0)


def test_a_contracting_heart_pulls_its_surroundings_in():
    affine = np.eye(4)
    affine[:3, 3] = (-60.0, -60.0, 0.0)
    along = np.arange(121.0) - 60.0
    ring = np.hypot(along[:, None], along)
    pulled = _pulled_in(ring.astype(np.float32), np.zeros(3), Plane(affine, (121, 121), 8.0))
    # The ring has moved inwards, equally in all directions.
    inside = (ring > 10.0) & (ring < 50.0)
    assert (pulled[inside] > ring[inside] + 0.3).all()
    assert pulled == pytest.approx(pulled.T, abs=1e-3)
