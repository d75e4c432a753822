"""Phases out of order, and slices that stand still, as the pixels show them."""

import numpy as np
import pytest

from lvvol import load_study
from tests.support.altered import phantom_images, read_images, short_axis, write_images


def about(folder, words):
    return [w for w in load_study(folder).warnings if words in w]


def deal(images, keyword, seed=0):
    """Deal the values of an attribute anew within a slice."""
    values = [image[keyword].value for image in images]
    for image, i in zip(images, np.random.default_rng(seed).permutation(len(images)), strict=True):
        setattr(image, keyword, values[i])


def test_scrambled_trigger_times_are_reported(tmp_path):
    images = phantom_images()
    for phases in short_axis(images)[2:5]:
        deal(phases, "TriggerTime")
    (warning,) = about(write_images(images, tmp_path), "out of order")
    assert "in 3 slices (first: " in warning
    assert "than by TriggerTime" in warning


@pytest.mark.parametrize("first", [0, 5])
def test_instance_numbers_in_another_order_than_the_motion_are_not_reported(tmp_path, first):
    """Scrambled, or counted from another phase of the cycle."""
    images = phantom_images()
    for phases in short_axis(images):
        if first:
            for t, image in enumerate(phases):
                image.InstanceNumber = (t + first) % len(phases) + 1
        else:
            deal(phases, "InstanceNumber")
    assert not about(write_images(images, tmp_path), "out of order")


@pytest.mark.parametrize("name", ["dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000101"])
def test_scrambled_trigger_times_of_real_studies_are_reported(real_data, name, tmp_path):
    assert not about(real_data / name, "out of order")
    images = read_images(real_data / name)
    slices = short_axis(images)
    for phases in slices:
        deal(phases, "TriggerTime")
    (warning,) = about(write_images(images, tmp_path), "out of order")
    assert "(first: 1)" in warning


def test_slice_that_stands_still_is_reported(tmp_path):
    images = phantom_images()
    chosen = short_axis(images)[3]
    for image in chosen:
        image.PixelData = chosen[0].PixelData
    (warning,) = about(write_images(images, tmp_path), "same image")
    assert warning.startswith("All phases are the same image in slice")
    assert warning.partition(":")[0].endswith((" 4", " 5"))
