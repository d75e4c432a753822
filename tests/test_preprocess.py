"""The working stack: contrast without units, lengths and places kept."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lvvol.cine import CineStack
from lvvol.errors import DamagedStudyError
from lvvol.geometry import image_affine
from lvvol.planes import equalise, resample
from lvvol.preprocess import to_working_stack
from lvvol.status import Code, Reason


def stack_of(images, pixel_spacing_mm=(1.0, 1.0)):
    n_slices, n_phases = images.shape[:2]
    positions_mm = 10.0 * np.arange(n_slices)
    orientation = [0.6, 0.8, 0.0, 0.0, 0.0, -1.0]
    normal = np.cross(orientation[:3], orientation[3:])
    return CineStack(
        images=images.astype(np.float32),
        pixel_spacing_mm=pixel_spacing_mm,
        positions_mm=positions_mm,
        times_ms=np.full((n_slices, n_phases), np.nan),
        affines=np.stack(
            [
                image_affine(
                    np.array([-80.0, 40.0, 100.0]) + p * normal, orientation, pixel_spacing_mm
                )
                for p in positions_mm
            ]
        ),
    )


def disc(shape, pixel_spacing_mm, centre_mm, radius_mm):
    rows = (np.arange(shape[0]) + 0.5) * pixel_spacing_mm[0]
    columns = (np.arange(shape[1]) + 0.5) * pixel_spacing_mm[1]
    return np.hypot(rows[:, None] - centre_mm[0], columns[None] - centre_mm[1]) < radius_mm


@pytest.fixture(scope="module")
def noise():
    """Rayleigh noise, as in a magnitude image of air; whole numbers."""
    return np.random.default_rng(1).rayleigh(200, (2, 3, 230, 210)).round()


def test_grey_values_become_ranks_in_the_central_field(noise):
    noise[:, :, :20] /= 4  # outside the central 184 mm: must not move any rank
    working = to_working_stack(stack_of(noise)).images
    for z in range(2):
        centre = np.sort(noise[z, :, 23:207, 13:197].ravel())
        expected = np.searchsorted(centre, noise[z], side="right") / len(centre)
        # Ranks are those of 1024 levels; the fullest holds 0.3 % of the pixels.
        np.testing.assert_allclose(working[z], expected, atol=0.005)


def test_scanner_units_drop_out_exactly_where_rounding_does(noise):
    before = to_working_stack(stack_of(noise)).images
    gains = np.array([4.0, 0.5])[:, None, None, None]
    np.testing.assert_array_equal(to_working_stack(stack_of(gains * noise - 512)).images, before)


def test_scanner_units_drop_out_but_for_rounding(noise):
    before = to_working_stack(stack_of(noise)).images
    after = to_working_stack(stack_of(3.7 * noise - 91.3)).images
    np.testing.assert_allclose(after, before, atol=0.005)
    assert (after == before).mean() > 0.99


def test_brighter_stays_brighter(noise):
    working = to_working_stack(stack_of(noise)).images
    order = np.argsort(noise[0].ravel(), kind="stable")
    assert (np.diff(working[0].ravel()[order]) >= 0).all()
    assert working.min() >= 0
    assert working.max() == 1


def test_slice_without_contrast_is_zero_and_leaves_others_alone(noise):
    flat = noise.copy()
    flat[0] = 700
    working = to_working_stack(stack_of(flat)).images
    assert not working[0].any()
    np.testing.assert_array_equal(working[1], to_working_stack(stack_of(noise)).images[1])


def test_pixels_become_square_millimetres_and_sizes_stay():
    spacing, radius_mm, centre_mm = (1.4, 0.9), 30.0, (118.3, 96.7)
    image = disc((160, 220), spacing, centre_mm, radius_mm)
    working = to_working_stack(stack_of(image[None, None], spacing))
    assert working.pixel_spacing_mm == (1.0, 1.0)
    assert working.images.shape == (1, 1, 224, 198)
    background, bright = working.images.min(), working.images.max()
    share = (working.images[0, 0] - background) / (bright - background)
    assert share.sum() == pytest.approx(np.pi * radius_mm**2, rel=0.005)
    rows, columns = np.indices(share.shape) + 0.5
    assert (share * rows).sum() / share.sum() == pytest.approx(centre_mm[0], abs=0.05)
    assert (share * columns).sum() / share.sum() == pytest.approx(centre_mm[1], abs=0.05)


def test_landmarks_keep_their_place_in_the_patient():
    spacing = (1.4, 0.9)
    stack = stack_of(np.random.default_rng(0).normal(size=(3, 1, 160, 220)), spacing)
    working = to_working_stack(stack)
    corner_mm = np.random.default_rng(1).uniform(0, 200, (50, 2))  # from the top left edge
    ones = np.ones((50, 1))
    for z in range(3):
        depth = np.zeros((50, 1))
        old = np.hstack([corner_mm / spacing - 0.5, depth, ones]) @ stack.affines[z].T
        new = np.hstack([corner_mm - 0.5, depth, ones]) @ working.affines[z].T
        np.testing.assert_allclose(new, old, atol=0.01)
        # k stays mm along the unit normal.
        np.testing.assert_allclose(working.affines[z, :3, 2], stack.affines[z, :3, 2])


def test_what_is_not_pixels_is_carried_over(noise):
    reasons = (Reason(Code.FEW_SLICES, "few slices"),)
    stack = replace(stack_of(noise), study_uid="1.2.3", reasons=reasons)
    images = stack.images.copy()
    working = to_working_stack(stack)
    assert (working.study_uid, working.reasons) == ("1.2.3", reasons)
    np.testing.assert_array_equal(working.positions_mm, stack.positions_mm)
    np.testing.assert_array_equal(stack.images, images)


def test_any_memory_layout_and_any_number_of_threads_give_the_same(noise):
    stack = stack_of(noise, (1.3, 1.1))
    expected = to_working_stack(stack, threads=1).images
    turned = np.ascontiguousarray(stack.images.transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    assert not turned.flags.c_contiguous
    again = to_working_stack(replace(stack, images=turned), threads=2).images
    np.testing.assert_array_equal(again, expected)


def test_image_smaller_than_the_central_field_is_ranked_as_a_whole():
    image = np.arange(60.0 * 50).reshape(1, 1, 60, 50)
    working = to_working_stack(stack_of(image)).images
    np.testing.assert_allclose(working.ravel(), (np.arange(3000) + 1) / 3000, atol=2 / 1023)


def test_a_hot_pixel_changes_no_other(noise):
    stack = stack_of(noise)
    hot = stack.images.copy()
    hot[0, 0, 30, 30] = 1000 * hot.max()
    expected = to_working_stack(stack).images
    found = to_working_stack(replace(stack, images=hot)).images
    apart = np.abs(found - expected)[0].max(axis=0)
    apart[30, 30] = 0
    assert apart.max() < 0.02


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_grey_values_that_are_no_numbers_are_refused(noise, value):
    broken = noise.copy()
    broken[1, 2, 100, 90] = value
    with pytest.raises(DamagedStudyError, match="slice 2: expected finite grey values"):
        to_working_stack(stack_of(broken))


def test_contrast_comes_from_the_central_184_mm():
    """The rank of the darkest tissue is its share of that field, whatever lies outside."""
    r, c = np.mgrid[:240, :240] + 0.5
    from_middle = np.maximum(np.abs(r - 120), np.abs(c - 120))
    picture = np.select([from_middle < 60, from_middle < 92], [10.0, 100.0], 1000.0)
    (image,) = to_working_stack(stack_of(np.tile(picture, (1, 2, 1, 1)))).images[:, 0]
    assert image[120, 120] == pytest.approx(120**2 / 184**2, abs=0.01)
    assert image[120, 120 + 80] == 1.0


def ranks_by_numpy(images, field):
    """Histogram equalisation of one slice, written with numpy."""
    centre = images[(slice(None), *(slice(*ends) for ends in field))]
    low, high = np.percentile(centre, (0.1, 99.9))
    if high <= low:
        return np.zeros_like(images)
    step = np.float32((high - low) / 1023)
    levels = np.clip((images - np.float32(low)) / step, 0, 1023).astype(np.int64)
    counts = np.bincount(levels[:, *(slice(*ends) for ends in field)].ravel(), minlength=1024)
    return (np.cumsum(counts) / counts.sum()).astype(np.float32)[levels]


@given(
    images=arrays(
        np.float32,
        array_shapes(min_dims=4, max_dims=4, max_side=6),
        elements=st.one_of(
            st.integers(-5, 40).map(float),
            st.floats(-(2.0**100), 2.0**100, width=32),
            st.just(-0.0),
        ),
    ),
    corner=st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)),
    threads=st.integers(1, 3),
)
def test_ranks_are_those_of_numpy(images, corner, threads):
    field = tuple((int(c * n), n) for c, n in zip(corner, images.shape[2:], strict=True))
    with np.errstate(over="ignore"):
        expected = np.stack([ranks_by_numpy(of_slice, field) for of_slice in images])
    ranks = equalise(images, field, np.eye(2, 3), images.shape[2:], threads=threads)
    np.testing.assert_array_equal(ranks, expected)


def test_ranks_are_resampled_as_planes_are(noise):
    images = noise.astype(np.float32)
    field, matrix = ((20, 180), (10, 200)), np.array([[0.7, 0, -0.15], [0, 1.3, 0.15]])
    ranks = np.stack([ranks_by_numpy(of_slice, field) for of_slice in images]).reshape(6, 230, 210)
    expected = resample(ranks, np.tile(matrix, (6, 1, 1)), (300, 150), edge="nearest")
    found = equalise(images, field, matrix, (300, 150))
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"images": np.zeros((1, 1, 4, 4))}, TypeError, "images: expected float32"),
        ({"images": np.zeros((1, 4, 4), np.float32)}, ValueError, "images: expected"),
        ({"images": np.full((1, 1, 4, 4), np.nan, np.float32)}, ValueError, "finite"),
        ({"field": ((0, 5), (0, 4))}, ValueError, "field: expected"),
        ({"field": ((2, 2), (0, 4))}, ValueError, "field: expected"),
        ({"matrix": np.array([[1, 0.1, 0], [0, 1, 0]])}, ValueError, "rotation or shear"),
        ({"matrix": np.eye(3)}, ValueError, "matrix: expected"),
        ({"shape": (-1, 4)}, ValueError, "shape: expected"),
        ({"threads": -1}, ValueError, "threads: expected"),
    ],
)
def test_equalise_refuses_what_it_cannot_use(change, error, message):
    arguments = {
        "images": np.zeros((1, 1, 4, 4), np.float32),
        "field": ((0, 4), (0, 4)),
        "matrix": np.eye(2, 3),
        "shape": (4, 4),
    }
    with pytest.raises(error, match=message):
        equalise(**arguments | change)
