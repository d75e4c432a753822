"""`_core.resample` against NumPy, PyTorch and SimpleITK."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lvvol import _core

IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]])


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def one(image, matrix, shape, **options):
    matrices = np.asarray(matrix, np.float64)[None]
    return _core.resample(image[None], matrices, shape, **options)[0]


def on_image(rows, columns, shape):
    """Whether points lie on the area that the pixels cover."""
    within = [
        (at > -0.5 - 1e-9) & (at < size - 0.5 + 1e-9)
        for at, size in zip((rows, columns), shape, strict=True)
    ]
    return within[0] & within[1]


def linear(image, rows, columns):
    """Interpolate at float coordinates, edge pixels repeated, by NumPy in float64."""
    rows = np.clip(rows, 0, image.shape[0] - 1)
    columns = np.clip(columns, 0, image.shape[1] - 1)
    padded = np.pad(image.astype(np.float64), 1, mode="edge")
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - top, columns - left
    top, left = top + 1, left + 1
    return (1 - down) * ((1 - right) * padded[top, left] + right * padded[top, left + 1]) + down * (
        (1 - right) * padded[top + 1, left] + right * padded[top + 1, left + 1]
    )


def supersampled(image, matrix, shape, edge):
    """Average linear samples over each output pixel as the documentation says, by NumPy."""
    matrix = np.asarray(matrix, np.float64)
    r, c = np.meshgrid(*map(np.arange, shape), indexing="ij")
    intervals = [math.ceil(np.linalg.norm(matrix[:, axis]) - 1e-9) for axis in (0, 1)]
    total, weights = np.zeros(shape), np.zeros(shape)
    for i in range(1 - intervals[0], intervals[0]):
        for j in range(1 - intervals[1], intervals[1]):
            at = np.stack([r + i / intervals[0], c + j / intervals[1], np.ones(shape)])
            rows, columns = np.tensordot(matrix, at, 1)
            weight = (1 - abs(i) / intervals[0]) * (1 - abs(j) / intervals[1])
            if edge == "zero":
                weight = weight * on_image(rows, columns, image.shape)
            total += weight * linear(image, rows, columns)
            weights += weight
    if edge == "zero":
        centres = np.tensordot(matrix, np.stack([r, c, np.ones(shape)]), 1)
        weights = np.where(on_image(*centres, image.shape), weights, np.inf)
    return total / weights


def triangle_matrix(origin, step, outputs, inputs, edge):
    """Weights (output, input) of the widened triangle filter along one axis, by NumPy."""
    reach = max(abs(step), 1.0)
    centres = origin + step * np.arange(outputs)
    pad = int(np.abs(centres).max(initial=0) + reach + 2)
    pixels = np.arange(-pad, inputs + pad)
    weights = np.maximum(0, 1 - np.abs(pixels - centres[:, None]) / reach)
    inside = weights[:, pad : pad + inputs].copy()
    if edge == "nearest":
        inside[:, 0] += weights[:, :pad].sum(axis=1)
        inside[:, -1] += weights[:, pad + inputs :].sum(axis=1)
    else:
        inside[~on_image(centres, np.zeros(outputs), (inputs, 1))] = 0
    return inside / np.maximum(inside.sum(axis=1, keepdims=True), 1e-300)


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    out=st.tuples(st.integers(0, 70), st.integers(0, 40)),
    steps=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    origins=st.tuples(st.floats(-5, 45), st.floats(-5, 45)),
    edge=st.sampled_from(["zero", "nearest"]),
    turned=st.booleans(),
)
def test_maps_along_the_axes_are_a_separable_triangle_filter(
    shape, out, steps, origins, edge, turned
):
    image = noise(*shape)
    rows = triangle_matrix(origins[0], steps[0], out[1 if turned else 0], shape[0], edge)
    columns = triangle_matrix(origins[1], steps[1], out[0 if turned else 1], shape[1], edge)
    expected = rows @ image @ columns.T
    if turned:
        expected = expected.T
        matrix = [[0, steps[0], origins[0]], [steps[1], 0, origins[1]]]
    else:
        matrix = [[steps[0], 0, origins[0]], [0, steps[1], origins[1]]]
    np.testing.assert_allclose(one(image, matrix, out, edge=edge), expected, atol=1e-5)


@settings(deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    out=st.tuples(st.integers(1, 70), st.integers(1, 40)),
    matrix=st.lists(st.floats(-2.5, 2.5), min_size=4, max_size=4),
    origins=st.tuples(st.floats(-5, 45), st.floats(-5, 45)),
    edge=st.sampled_from(["zero", "nearest"]),
)
def test_rotated_and_sheared_maps_are_supersampled_linear_interpolation(
    shape, out, matrix, origins, edge
):
    a, b, c, d = matrix
    # Keep clear of the axes, where the filter above takes over.
    b, c = math.copysign(abs(b) + 0.01, b), math.copysign(abs(c) + 0.01, c)
    a, d = math.copysign(abs(a) + 0.01, a), math.copysign(abs(d) + 0.01, d)
    image = noise(*shape)
    matrix = [[a, b, origins[0]], [c, d, origins[1]]]
    expected = supersampled(image, matrix, out, edge)
    np.testing.assert_allclose(one(image, matrix, out, edge=edge), expected, atol=1e-5)


def test_a_small_turn_changes_little_where_the_map_shrinks():
    image = np.add.outer(np.sin(np.arange(64) / 3), np.cos(np.arange(64) / 4)).astype(np.float32)
    straight = one(image, [[2, 0, 3], [0, 2, 3]], (28, 28))
    turned = one(image, [[2, 1e-6, 3], [-1e-6, 2, 3]], (28, 28))
    np.testing.assert_allclose(turned, straight, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.uint16, np.int16])
@given(shape=st.tuples(st.integers(1, 80), st.integers(1, 80)), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=30)
def test_identity_flips_and_quarter_turns_are_exact(dtype, shape, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, shape).astype(dtype)
    m, n = shape
    turned = (n, m)
    for matrix, out, expected in (
        (IDENTITY, shape, image),
        ([[-1, 0, m - 1], [0, 1, 0]], shape, image[::-1]),
        ([[1, 0, 0], [0, -1, n - 1]], shape, image[:, ::-1]),
        ([[0, 1, 0], [1, 0, 0]], turned, image.T),
        ([[0, 1, 0], [-1, 0, n - 1]], turned, np.rot90(image, 1)),
        ([[-1, 0, m - 1], [0, -1, n - 1]], shape, np.rot90(image, 2)),
        ([[0, -1, m - 1], [1, 0, 0]], turned, np.rot90(image, 3)),
    ):
        np.testing.assert_array_equal(one(image, matrix, out), expected)


@pytest.mark.parametrize("edge", ["zero", "nearest"])
def test_every_thread_count_gives_the_same_bits(edge):
    images = noise(7, 90, 70)
    turn = np.array([[0.9, -0.4, 20], [0.4, 0.9, -9]])
    matrices = np.stack([IDENTITY * 0.7, turn, 2.3 * turn] * 7)
    sources = np.arange(21) % 7
    runs = [
        _core.resample(images, matrices, (75, 50), sources=sources, edge=edge, threads=threads)
        for threads in (1, 2, 3, 7, 0)
    ]
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])


def test_calls_from_many_threads_do_not_disturb_each_other():
    images, matrices = noise(5, 60, 60), np.stack([0.6 * IDENTITY] * 5)
    expected = _core.resample(images, matrices, (60, 60), threads=1)

    def call(_):
        return _core.resample(images, matrices, (60, 60), threads=2)

    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(call, range(40)):
            np.testing.assert_array_equal(result, expected)


def test_sources_say_which_image_an_output_reads():
    images = np.arange(3, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    sources = np.array([2, 0, 2, 1])
    out = _core.resample(images, np.stack([IDENTITY] * 4), (2, 2), sources=sources)
    np.testing.assert_array_equal(out[:, 0, 0], sources)


@pytest.mark.parametrize("size", [(24, 31), (50, 50), (64, 47), (100, 128)])
def test_resizing_agrees_with_pytorch(size):
    image = noise(64, 48)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image.astype(np.float64))[None, None],
        size,
        mode="bilinear",
        align_corners=False,
        antialias=True,
    )[0, 0].numpy()
    steps = [i / o for i, o in zip(image.shape, size, strict=True)]
    matrix = [[steps[0], 0, steps[0] / 2 - 0.5], [0, steps[1], steps[1] / 2 - 0.5]]
    # PyTorch cuts its filter off at the image's edges, where ours follows `edge`.
    inner = tuple(slice(math.ceil(1 / s + 1), -math.ceil(1 / s + 1)) for s in steps)
    got = one(image, matrix, size, edge="nearest")
    np.testing.assert_allclose(got[inner], expected[inner], atol=1e-5)


def sitk_plane(image, affine):
    """Wrap a plane as a SimpleITK volume of one slice."""
    volume = sitk.GetImageFromArray(np.asarray(image, np.float32)[None])
    steps = [np.linalg.norm(affine[:3, axis]) for axis in (1, 0)]
    volume.SetSpacing([*steps, 1.0])
    volume.SetOrigin(affine[:3, 3].tolist())
    column, row = affine[:3, 1] / steps[0], affine[:3, 0] / steps[1]
    volume.SetDirection(np.stack([column, row, np.cross(column, row)], axis=1).ravel().tolist())
    return volume


def assert_agrees_with_sitk(image, source_affine, target_affine, shape):
    matrix = _core.plane_map(source_affine, target_affine)
    # SimpleITK only averages where asked to; compare plain interpolation.
    assert max(np.linalg.norm(matrix[:, :2], axis=0)) <= 1 + 1e-9
    expected = sitk.GetArrayFromImage(
        sitk.Resample(
            sitk_plane(image, source_affine),
            sitk_plane(np.zeros(shape), target_affine),
            sitk.Transform(),
            sitk.sitkLinear,
            0.0,
        )
    )[0]
    r, c = np.meshgrid(*map(np.arange, shape), indexing="ij")
    rows, columns = np.tensordot(matrix, np.stack([r, c, np.ones(shape)]), 1)
    # SimpleITK repeats the edge pixel half a pixel outwards; compare where both interpolate.
    inside = (rows >= 0) & (rows <= image.shape[0] - 1)
    inside &= (columns >= 0) & (columns <= image.shape[1] - 1)
    assert inside.any()
    got = one(np.asarray(image, np.float32), matrix, shape)
    scale = np.abs(image).max()
    np.testing.assert_allclose(got[inside], expected[inside], atol=1e-3 * scale)


def rotation(angle, axis):
    axis = np.asarray(axis) / np.linalg.norm(axis)
    k = np.cross(np.eye(3), -axis)
    return np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k


@pytest.mark.parametrize("seed", range(8))
def test_random_planes_agree_with_simpleitk(seed):
    rng = np.random.default_rng(seed)
    frame = rotation(rng.uniform(0, 3), rng.standard_normal(3))
    spacing = rng.uniform(1.2, 2.0, 2)
    source = np.eye(4)
    source[:3, :3] = frame @ np.diag([*spacing, 1])
    source[:3, 3] = rng.uniform(-100, 100, 3)
    target = np.eye(4)
    # A finer grid in the same plane, turned by a random angle round the source's centre.
    target[:3, :3] = rotation(rng.uniform(-3, 3), frame[:, 2]) @ frame @ np.diag([0.9, 1.1, 1])
    centre = source @ [30, 25, 0, 1]
    target[:3, 3] = (centre - target @ [40, 35, 0, 0])[:3]
    assert_agrees_with_sitk(noise(60, 50, seed=seed), source, target, (80, 70))


@pytest.mark.real_data
@pytest.mark.parametrize("study", ["dsb2_dicom/501", "sunnybrook/SCD_IMAGES_01/SCD0000301"])
def test_real_slices_agree_with_simpleitk(real_data, study):
    path = sorted((real_data / study).rglob("*.dcm"))[0]
    volume = sitk.ReadImage(str(path))
    image = sitk.GetArrayFromImage(volume)[0]
    direction = np.reshape(volume.GetDirection(), (3, 3))
    source = np.eye(4)
    source[:3, 0] = direction[:, 1] * volume.GetSpacing()[1]
    source[:3, 1] = direction[:, 0] * volume.GetSpacing()[0]
    source[:3, 2] = direction[:, 2]
    source[:3, 3] = volume.GetOrigin()
    for angle in (0.0, 0.2, math.pi / 2):
        target = np.eye(4)
        target[:3, :3] = rotation(angle, direction[:, 2]) @ direction[:, [1, 0, 2]]
        target[:3, 3] = (source @ [100, 90, 0, 1] - target @ [80, 80, 0, 0])[:3]
        assert_agrees_with_sitk(image, source, target, (160, 160))


def test_a_landmark_keeps_its_place_in_the_patient():
    # A Gaussian spot at a known point of a turned plane is found again at that point.
    rng = np.random.default_rng(5)
    frame = rotation(0.8, [1, 2, 3])
    source, target = np.eye(4), np.eye(4)
    source[:3, :3] = frame @ np.diag([1.4, 1.3, 1])
    source[:3, 3] = [-80, -60, 40]
    target[:3, :3] = rotation(0.35, frame[:, 2]) @ frame
    for _ in range(5):
        spot = np.array([*rng.uniform(30, 60, 2), 0, 1])
        r, c = np.meshgrid(np.arange(90), np.arange(90), indexing="ij")
        image = np.exp(-((r - spot[0]) ** 2 + (c - spot[1]) ** 2) / 50).astype(np.float32)
        target[:3, 3] = (source @ spot)[:3] - (target @ [60.3, 59.6, 0, 0])[:3]
        out = one(image, _core.plane_map(source, target), (120, 120)).astype(np.float64)
        grid = np.stack(np.meshgrid(np.arange(120), np.arange(120), indexing="ij"))
        found = (grid * out).sum(axis=(1, 2)) / out.sum()
        distance_mm = np.linalg.norm(target @ [*found, 0, 1] - source @ spot)
        assert distance_mm < 0.01


def test_out_is_filled_and_returned():
    images, matrices = noise(3, 20, 30), np.stack([0.8 * IDENTITY] * 3)
    out = np.full((3, 25, 37), np.nan, np.float32)
    assert _core.resample(images, matrices, (25, 37), out=out) is out
    np.testing.assert_array_equal(out, _core.resample(images, matrices, (25, 37)))


def test_out_is_writeable_and_apart_from_the_images():
    memory = noise(4, 5, 5)
    matrices = np.stack([IDENTITY] * 2)
    _core.resample(memory[:2], matrices, (5, 5), out=memory[2:])
    with pytest.raises(ValueError, match=r"out.*overlap"):
        _core.resample(memory[:2], matrices, (5, 5), out=memory[1:3])
    memory.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        _core.resample(memory[:2], matrices, (5, 5), out=memory[2:])


def test_empty_requests_give_empty_results():
    none = np.empty((0, 2, 3))
    assert _core.resample(noise(0, 5, 5), none, (3, 4)).shape == (0, 3, 4)
    assert _core.resample(noise(2, 5, 5), none, (3, 4), sources=np.empty(0, int)).shape == (0, 3, 4)
    assert one(noise(5, 5), IDENTITY, (0, 4)).shape == (0, 4)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"images": noise(1, 4, 4).astype(np.float64)}, TypeError, "images.*float64"),
        ({"images": noise(1, 4, 4).astype(">f4")}, TypeError, "images.*>f4"),
        ({"images": [[1.0]]}, TypeError, "images.*list"),
        ({"images": noise(4, 4)}, ValueError, r"images.*\(4, 4\)"),
        ({"images": noise(1, 4, 8)[..., ::2]}, ValueError, "images.*contiguous"),
        ({"images": noise(1, 0, 4)}, ValueError, "images"),
        ({"matrices": IDENTITY[None].astype(np.float32)}, TypeError, "matrices"),
        ({"matrices": IDENTITY[None, :, :2].copy()}, ValueError, r"matrices.*\(1, 2, 2\)"),
        ({"matrices": np.stack([IDENTITY] * 2)}, ValueError, "matrices.*2 for 1"),
        ({"matrices": IDENTITY[None] * np.nan}, ValueError, "matrices.*finite"),
        ({"matrices": IDENTITY[None] * 5000}, ValueError, "matrices.*4096"),
        ({"matrices": IDENTITY[None] * 100 + 1}, ValueError, "matrices.*64"),
        ({"shape": (-1, 4)}, ValueError, "shape.*-1"),
        ({"shape": (2**40, 2**40)}, ValueError, "shape"),
        ({"sources": np.array([1])}, IndexError, "sources"),
        ({"sources": np.array([-1])}, IndexError, "sources"),
        ({"sources": np.array([0], np.int32)}, TypeError, "sources.*int32"),
        ({"sources": np.array([0, 0])}, ValueError, "matrices.*2 sources"),
        ({"edge": "wrap"}, ValueError, "edge.*wrap"),
        ({"out": np.zeros((1, 4, 4))}, TypeError, "out.*float64"),
        ({"out": noise(1, 4, 5)}, ValueError, r"out.*\(1, 4, 4\).*\(1, 4, 5\)"),
        ({"out": noise(1, 4, 8)[..., ::2]}, ValueError, "out.*contiguous"),
        ({"threads": -1}, ValueError, "threads"),
        ({"threads": 10_000}, ValueError, "threads"),
    ],
)
def test_bad_arguments_are_named(changes, error, words):
    arguments = {"images": noise(1, 4, 4), "matrices": IDENTITY[None], "shape": (4, 4), **changes}
    with pytest.raises(error, match=words):
        _core.resample(**arguments)
