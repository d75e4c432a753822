"""`_core.plane_map` against direct solution of the plane equations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvvol import _core
from lvvol.geometry import image_affine

AXIAL = image_affine([10, 20, 30], [1, 0, 0, 0, 1, 0], [2, 1.5])


def affines(seed):
    """Return two parallel planes of random spacing, rotation and place."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    angle = rng.uniform(0, 2 * np.pi)
    x = np.cos(angle) * basis[0] + np.sin(angle) * basis[1]
    y = np.cross(basis[2], x)
    source = image_affine(rng.uniform(-200, 200, 3), [*basis[0], *basis[1]], rng.uniform(0.5, 3, 2))
    return source, image_affine(rng.uniform(-200, 200, 3), [*x, *y], rng.uniform(0.5, 3, 2))


@given(seed=st.integers(0, 2**31), row=st.floats(-300, 300), column=st.floats(-300, 300))
def test_a_point_keeps_its_place_in_the_patient(seed, row, column):
    source, target = affines(seed)
    point = target @ [row, column, 0, 1]
    there = source @ [*(_core.plane_map(source, target) @ [row, column, 1]), 0, 1]
    off = point - there
    # What is left is the distance of the planes, along the normal.
    assert np.linalg.norm(off[:3] - (off @ source[:, 2]) * source[:3, 2]) < 1e-8


@given(seed=st.integers(0, 2**31))
def test_there_and_back_is_the_identity(seed):
    source, target = affines(seed)
    there, back = np.eye(3), np.eye(3)
    there[:2] = _core.plane_map(source, target)
    back[:2] = _core.plane_map(target, source)
    np.testing.assert_allclose(there @ back, np.eye(3), atol=1e-9)


def test_a_shift_and_a_quarter_turn_by_hand():
    # 4 rows of 2 mm along y, 2 columns of 1.5 mm along x.
    moved = image_affine([13, 28, 99], [1, 0, 0, 0, 1, 0], [2, 1.5])
    np.testing.assert_allclose(_core.plane_map(AXIAL, moved), [[1, 0, 4], [0, 1, 2]], atol=1e-12)
    # Columns along y, rows along -x: row r is 2 mm, i.e. 4/3 columns, back.
    turned = image_affine([10, 20, 30], [0, 1, 0, -1, 0, 0], [2, 1.5])
    np.testing.assert_allclose(
        _core.plane_map(AXIAL, turned), [[0, 0.75, 0], [-4 / 3, 0, 0]], atol=1e-12
    )


def test_a_plane_seen_from_behind_is_parallel():
    behind = image_affine([10, 20, 30], [-1, 0, 0, 0, 1, 0], [2, 1.5])
    np.testing.assert_allclose(_core.plane_map(AXIAL, behind), [[1, 0, 0], [0, -1, 0]], atol=1e-12)


def replaced(position, value):
    affine = AXIAL.copy()
    affine[position] = value
    return affine


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (replaced((0, 3), np.nan), AXIAL, "source_affine.*finite"),
        (AXIAL, replaced((3, 3), 2), "target_affine.*last row"),
        (AXIAL, replaced((slice(3), 0), 0), "target_affine.*steps"),
        (replaced((1, 0), 1e200), AXIAL, "source_affine.*steps of at least .* at most"),
        (AXIAL, replaced((0, 3), 1e200), "target_affine.*origin within"),
        (replaced((2, 3), -1e200), AXIAL, "source_affine.*origin within"),
        (replaced((slice(3), 0), [3, 0, 0]), AXIAL, "source_affine.*different directions"),
        (AXIAL, image_affine([0, 0, 0], [1, 0, 0, 0, 0, 1], [1, 1]), "target_affine.*90 degrees"),
    ],
)
def test_planes_that_cannot_be_mapped_raise_geometry_error(source, target, words):
    with pytest.raises(_core.GeometryError, match=words):
        _core.plane_map(source, target)


def test_wrong_arrays_are_named():
    with pytest.raises(TypeError, match=r"source_affine.*float32"):
        _core.plane_map(AXIAL.astype(np.float32), AXIAL)
    with pytest.raises(ValueError, match=r"target_affine.*\(3, 4\)"):
        _core.plane_map(AXIAL, AXIAL[:3].copy())
    with pytest.raises(ValueError, match=r"target_affine.*contiguous"):
        _core.plane_map(AXIAL, AXIAL.T)
    assert issubclass(_core.GeometryError, ValueError)
