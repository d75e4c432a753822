"""Positions of the planes of an examination."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol.phantom import make_phantom
from lvvol.phantom.scanner.views import four_chamber, localisers, two_chamber


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(5, n_slices=5, n_phases=2, rows=96)


def corners(plane, to_frame):
    """First pixel, first of the last row and last of the first row, in another frame."""
    rows, columns = plane.shape
    at = np.array([[0, 0, 0, 1], [rows - 1, 0, 0, 1], [0, columns - 1, 0, 1]], float).T
    return (to_frame @ plane.affine @ at)[:3].T


def test_two_chamber_holds_the_axis_and_misses_the_rv(phantom):
    subject = phantom.subject
    plane = two_chamber(subject.heart, subject.heart_to_patient, phantom.reading.slices[0].plane)
    towards_rv = corners(plane, np.linalg.inv(subject.heart_to_patient))[:, 0]
    assert towards_rv == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    first, down, right = corners(plane, np.eye(4))
    assert down[2] < first[2]  # the head is up
    assert right[1] > first[1]  # the back is on the right
    assert right[2] == pytest.approx(first[2])  # and level


def test_four_chamber_holds_the_axis_and_the_rv(phantom):
    subject = phantom.subject
    like = phantom.reading.slices[0].plane
    plane = four_chamber(subject.heart, subject.heart_to_patient, like)
    to_plane = np.linalg.inv(plane.affine) @ subject.heart_to_patient
    angle = subject.heart.rv_angle
    for level in (0.0, 40.0, 80.0):
        assert (to_plane @ (0.0, 0.0, level, 1.0))[2] == pytest.approx(0.0, abs=1e-9)
        rv = (30.0 * np.cos(angle), 30.0 * np.sin(angle), level, 1.0)
        row, column, off, _ = to_plane @ rv
        assert off == pytest.approx(0.0, abs=1e-9)
        assert 0 < row < plane.shape[0]
        assert 0 < column < plane.shape[1]
    first, down, right = corners(plane, np.eye(4))
    assert right[0] > first[0]  # the patient's left is on the right
    assert down[1] > first[1]  # the back is down
    assert plane.shape == (like.shape[1], like.shape[0])


def test_localisers_are_axial_coronal_and_sagittal_through_the_heart():
    centre = np.array([40.0, -30.0, 5.0])
    axial, coronal, sagittal = localisers(centre, 128)
    # PS3.3: x to the patient's left, y to the back, z to the head; columns run down.
    for plane, right, down in (
        (axial, (1, 0, 0), (0, 1, 0)),
        (coronal, (1, 0, 0), (0, 0, -1)),
        (sagittal, (0, 1, 0), (0, 0, -1)),
    ):
        assert plane.affine[:3, 1] == pytest.approx(np.multiply(right, 3.125))
        assert plane.affine[:3, 0] == pytest.approx(np.multiply(down, 3.125))
        assert (plane.affine @ (64, 64, 0, 1))[:3] == pytest.approx(centre)
