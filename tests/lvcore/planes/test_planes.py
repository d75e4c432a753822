"""Planes resampled in patient space: `_core.plane_map` and `_core.resample` together."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from lvvol import _core
from tests.support.real_studies import STUDIES


def rotation(angle, axis):
    axis = np.asarray(axis) / np.linalg.norm(axis)
    k = np.cross(np.eye(3), -axis)
    return np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k


@st.composite
def planes(draw):
    """A plane anywhere in the patient, its pixels of any proportion."""
    # Rounded: SimpleITK cannot invert directions with entries about 1e-308.
    angles = [round(draw(st.floats(-3.2, 3.2)), 9) for _ in range(3)]
    affine = np.eye(4)
    affine[:3, :3] = (
        rotation(angles[0], [1, 0, 0])
        @ rotation(angles[1], [0, 1, 0])
        @ rotation(angles[2], [0, 0, 1])
        @ np.diag([draw(st.floats(0.8, 2)), draw(st.floats(0.8, 2)), 1])
    )
    affine[:3, 3] = [draw(st.floats(-300, 300)) for _ in range(3)]
    return affine


def placed(source, centre, *, angle, steps_mm, mirrored, target_centre):
    """Return a grid in `source`'s plane, turned, whose pixel `target_centre` lies on `centre`."""
    normal = np.cross(source[:3, 0], source[:3, 1])
    turned = rotation(angle, normal) @ source[:3, :2]
    row, column = (turned / np.linalg.norm(turned, axis=0)).T
    column = np.cross(normal / np.linalg.norm(normal), row)
    target = np.eye(4)
    target[:3, 0] = row * steps_mm[0]
    target[:3, 1] = column * steps_mm[1] * (-1 if mirrored else 1)
    target[:3, 2] = np.cross(row, column)
    target[:3, 3] = (source @ [*centre, 0, 1] - target @ [*target_centre, 0, 0])[:3]
    return target


def onto(image, source, target, shape, edge="zero"):
    matrices = _core.plane_map(source, target)[None]
    return _core.resample(image[None], matrices, shape, edge=edge)[0]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def sitk_plane(image, affine):
    """Wrap a plane as a SimpleITK volume of one slice."""
    volume = sitk.GetImageFromArray(np.asarray(image, np.float32)[None])
    steps = [np.linalg.norm(affine[:3, axis]) for axis in (1, 0)]
    volume.SetSpacing([*steps, 1.0])
    volume.SetOrigin(affine[:3, 3].tolist())
    column, row = affine[:3, 1] / steps[0], affine[:3, 0] / steps[1]
    volume.SetDirection(np.stack([column, row, np.cross(column, row)], axis=1).ravel().tolist())
    return volume


def assert_agrees_with_sitk(image, source, target, shape):
    matrix = _core.plane_map(source, target)
    # SimpleITK only averages where asked to; compare plain interpolation.
    assert max(np.linalg.norm(matrix[:, :2], axis=0)) <= 1 + 1e-9
    expected = sitk.GetArrayFromImage(
        sitk.Resample(
            sitk_plane(image, source),
            sitk_plane(np.zeros(shape), target),
            sitk.Transform(),
            sitk.sitkLinear,
            0.0,
        )
    )[0]
    r, c = np.meshgrid(*map(np.arange, shape), indexing="ij")
    indices = np.tensordot(matrix, np.stack([r, c, np.ones(shape)]), 1)
    # At the outermost edge itself rounding decides who calls a point off the image.
    edges = [
        np.minimum(abs(at + 0.5), abs(at - n + 0.5))
        for at, n in zip(indices, image.shape, strict=True)
    ]
    sure = np.minimum(*edges) > 1e-6
    got = onto(image, source, target, shape)
    assert np.any(got[sure] != 0)
    np.testing.assert_allclose(got[sure], expected[sure], atol=1e-3 * np.abs(image).max())


@settings(max_examples=60)
@given(
    source=planes(),
    angle=st.floats(-3.2, 3.2),
    shrunk=st.tuples(st.floats(0.3, 1), st.floats(0.3, 1)),
    mirrored=st.booleans(),
    shift=st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    seed=st.integers(0, 99),
)
def test_random_planes_agree_with_simpleitk(source, angle, shrunk, mirrored, shift, seed):
    finest = np.linalg.norm(source[:3, :2], axis=0).min()
    target = placed(
        source,
        (30 + shift[0], 25 + shift[1]),
        angle=angle,
        steps_mm=finest * np.array(shrunk),
        mirrored=mirrored,
        target_centre=(40, 35),
    )
    assert_agrees_with_sitk(noise(60, 50, seed=seed), source, target, (80, 70))


@pytest.mark.real_data
@pytest.mark.parametrize("study", STUDIES)
def test_real_slices_agree_with_simpleitk(real_data, study):
    path = sorted((real_data / study).rglob("*.dcm"))[0]
    volume = sitk.ReadImage(str(path))
    image = sitk.GetArrayFromImage(volume)[0]
    pixels = image.astype(np.float32)
    direction = np.reshape(volume.GetDirection(), (3, 3))
    source = np.eye(4)
    source[:3, 0] = direction[:, 1] * volume.GetSpacing()[1]
    source[:3, 1] = direction[:, 0] * volume.GetSpacing()[0]
    source[:3, 2] = direction[:, 2]
    source[:3, 3] = volume.GetOrigin()
    middle = np.array(image.shape) / 2
    finest = min(volume.GetSpacing()[:2])
    for angle, mirrored in ((0.0, False), (0.2, True), (math.pi / 2, False), (-2.8, True)):
        target = placed(
            source,
            middle + np.array([3.3, -20.1]),
            angle=angle,
            steps_mm=(finest, 0.7 * finest),
            mirrored=mirrored,
            target_centre=(90, 120),
        )
        assert_agrees_with_sitk(pixels, source, target, (180, 240))


@given(source=planes(), seed=st.integers(0, 9))
def test_a_plane_onto_itself_is_the_identity(source, seed):
    image = noise(37, 53, seed=seed)
    np.testing.assert_array_equal(onto(image, source, source, image.shape), image)


@given(source=planes(), shape=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_a_quarter_turn_is_a_transpose_and_a_flip(source, shape):
    image = noise(*shape)
    rows, columns = shape
    row, column = source[:, 0], source[:, 1]
    for turns, first, steps in (
        (1, (0, columns - 1), (-column, row)),
        (2, (rows - 1, columns - 1), (-row, -column)),
        (3, (rows - 1, 0), (column, -row)),
    ):
        target = np.eye(4)
        target[:, 0], target[:, 1] = steps
        target[:, 3] = source @ [*first, 0, 1]
        expected = np.rot90(image, turns)
        turned = onto(image, source, target, expected.shape)
        np.testing.assert_array_equal(turned, expected)
        np.testing.assert_array_equal(onto(turned, target, source, shape), image)


@given(
    source=planes(),
    angle=st.floats(-3.2, 3.2),
    steps_mm=st.tuples(st.floats(0.7, 1.5), st.floats(0.7, 1.5)),
    mirrored=st.booleans(),
)
def test_there_and_back_keeps_what_a_straight_line_describes(source, angle, steps_mm, mirrored):
    r, c = np.meshgrid(np.arange(41), np.arange(45), indexing="ij")
    image = (3 * r - 2 * c + 100).astype(np.float32)
    target = placed(
        source,
        (20, 22),
        angle=angle,
        steps_mm=steps_mm,
        mirrored=mirrored,
        target_centre=(100, 100),
    )
    there = onto(image, source, target, (201, 201), edge="nearest")
    back = onto(there, target, source, image.shape, edge="nearest")
    # Filters reach up to four pixels each way, beyond the edge where the line is broken.
    inner = (slice(10, -10), slice(10, -10))
    np.testing.assert_allclose(back[inner], image[inner], atol=2e-3)


@settings(max_examples=50)
@given(
    source=planes(),
    spot=st.tuples(st.floats(50, 70), st.floats(50, 70)),
    angle=st.floats(-3.2, 3.2),
    steps_mm=st.tuples(st.floats(0.6, 2.2), st.floats(0.6, 2.2)),
    mirrored=st.booleans(),
)
def test_a_landmark_keeps_its_place_in_the_patient(source, spot, angle, steps_mm, mirrored):
    # A Gaussian spot at a known point of one plane is found again at that point of another.
    r, c = np.meshgrid(np.arange(120), np.arange(120), indexing="ij")
    image = np.exp(-((r - spot[0]) ** 2 + (c - spot[1]) ** 2) / 72).astype(np.float32)
    target = placed(
        source,
        spot,
        angle=angle,
        steps_mm=steps_mm,
        mirrored=mirrored,
        target_centre=(130.3, 129.6),
    )
    out = onto(image, source, target, (260, 260)).astype(np.float64)
    grid = np.stack(np.meshgrid(np.arange(260), np.arange(260), indexing="ij"))
    found = (grid * out).sum(axis=(1, 2)) / out.sum()
    distance_mm = np.linalg.norm(target @ [*found, 0, 1] - source @ [*spot, 0, 1])
    # Where the target's step is smaller than the source's by a share d, the ripple of linear
    # interpolation, sinc^2(1 + d), is sampled as a slow beat. It moves the centre of a Gaussian of
    # s pixels by 4 pi s^2 d^3 exp(-2 pi^2 s^2 d^2) pixels along an axis, 0.0098 at most for s = 6.
    assert distance_mm < 0.01 * np.linalg.norm(source[:3, :2])
