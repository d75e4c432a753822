"""Checks of image quality, on images whose noise, edges and ghosts are known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lvvol.datasets.labelled import stack_of_planes
from lvvol.quality.cavity import check_cycle
from lvvol.quality.images import (
    check_ghosts,
    check_grey_values,
    check_sharpness,
    ghost,
    noise_and_edge,
)
from lvvol.roi import FoundBy, Rois
from lvvol.status import Code

SIDE = 96
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
RNG = np.random.default_rng(4)


def disc(edge_mm=3.0, radius=24.0):
    """A bright disc on grey, 0.2 to 0.8; its edge has a slope of 0.6 / `edge_mm` at its middle."""
    distance = np.hypot(ROWS, COLUMNS) - radius
    # The slope of a logistic function at 0 is a quarter of its rate.
    return (0.2 + 0.6 / (1 + np.exp(4 * distance / edge_mm))).astype(np.float32)


def stack_of(image, n_slices=6, n_phases=4, noise=0.0):
    images = np.tile(image, (n_slices, n_phases, 1, 1)).astype(np.float32)
    images += noise * RNG.standard_normal(images.shape, dtype=np.float32)
    return stack_of_planes(images, 8.0 * np.arange(n_slices))


ROIS = Rois(
    squares_mm=np.tile([8.0, 8.0, 80.0], (6, 1)),
    scores=np.ones(6),
    kept=np.zeros(6, dtype=bool),
    start=3,
    found_by=FoundBy.DETECTOR,
)
AREAS_MM2 = np.array([100.0, 1500.0, 1800.0, 1800.0, 1500.0, 100.0])


def codes(reasons):
    return [reason.code for reason in reasons]


@pytest.mark.parametrize("sigma", [0.003, 0.01, 0.03])
def test_noise_is_measured_relative_to_contrast(sigma):
    image = disc() + sigma * RNG.standard_normal((SIDE, SIDE), dtype=np.float32)
    noise, _ = noise_and_edge(image.astype(np.float32))
    assert noise == pytest.approx(sigma / 0.6, rel=0.15)


def test_a_wider_edge_is_measured_wider():
    widths = [noise_and_edge(disc(edge_mm))[1] for edge_mm in (3.0, 9.0, 18.0)]
    # Smoothing and the percentile add to narrow edges; a wide one is measured as it is.
    assert widths[0] < widths[1] < widths[2]
    assert widths[2] == pytest.approx(18.0, rel=0.15)


def test_sharp_images_without_noise_pass():
    assert check_sharpness(stack_of(disc(), noise=0.005), ROIS, AREAS_MM2) == []


def test_noise_and_blur_are_reported():
    noisy = check_sharpness(stack_of(disc(), noise=0.03), ROIS, AREAS_MM2)
    assert codes(noisy) == [Code.NOISY]
    assert "noise is 5." in noisy[0].sentence or "noise is 4." in noisy[0].sentence
    blurred = check_sharpness(stack_of(disc(edge_mm=16.0)), ROIS, AREAS_MM2)
    assert codes(blurred) == [Code.BLURRED]


def test_only_slices_with_a_notable_cavity_are_judged():
    stack = stack_of(disc())
    stack.images[[0, 5]] += 0.1 * RNG.standard_normal((2, 4, SIDE, SIDE), dtype=np.float32)
    assert check_sharpness(stack, ROIS, AREAS_MM2) == []
    assert check_sharpness(stack, ROIS, np.zeros(6)) == []


def texture(n=3):
    """Structures of many sizes, as in a body; no periods."""
    noise = RNG.standard_normal((n, SIDE, SIDE), dtype=np.float32)
    return np.array([cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in noise])


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("shift", [SIDE // 2, SIDE // 3])
def test_a_ghost_is_found_where_it_lies(axis, shift):
    images = texture(12)
    copied = images + 0.25 * np.roll(images, shift, axis=axis)
    strength, found = ghost(np.moveaxis(copied, axis, -1))
    # The cepstrum of an echo of strength a is 2a to first order, 4a at half the length, where the
    # echo and its periodic image coincide.
    expected = 2 * 0.25 * (2 if shift == SIDE // 2 else 1)
    assert strength == pytest.approx(expected, rel=0.2)
    assert found == pytest.approx(shift / SIDE, abs=0.01)
    strength, _ = ghost(np.moveaxis(images, axis, -1))
    assert strength < 0.2


def test_ghosts_are_reported_with_their_place():
    images = np.repeat(texture(6)[:, None], 4, axis=1)
    stack = replace(stack_of(disc()), images=images)
    assert check_ghosts(stack, 0) == []
    ghosts = images + np.float32(0.3) * np.roll(images, SIDE // 2, axis=2)
    (reason,) = check_ghosts(replace(stack, images=ghosts), 0)
    assert reason.code == Code.GHOSTS
    assert "48 mm beside it, top to bottom" in reason.sentence


def test_an_image_of_another_brightness_is_named():
    stack = stack_of(disc())
    assert check_grey_values(stack) == []
    stack.images[4, 2] = np.clip(stack.images[4, 2] * 3, 0, 1)
    (reason,) = check_grey_values(stack)
    assert reason.code == Code.GREY_VALUES_JUMP
    assert "slice 5 at phase 3" in reason.sentence


@pytest.mark.parametrize(
    ("volumes_ml", "covered"),
    [
        ([150, 120, 70, 60, 90, 130, 148], True),
        ([150, 120, 70, 60, 80, 110, 107], True),  # gating ends in late filling: 43 of 90 mL
        ([150, 120, 70, 60, 80, 90, 100], False),  # 50 of 90 mL
        ([150, 120, 70, 60], False),
        ([150, 60], True),  # two phases have no course
        ([60, 60, 60], True),
    ],
)
def test_a_part_of_the_cycle(volumes_ml, covered):
    assert codes(check_cycle(np.array(volumes_ml, float))) == [Code.CYCLE_NOT_COVERED] * (
        not covered
    )
