"""`_core.resample` against NumPy, PyTorch and SimpleITK."""

from __future__ import annotations

import math
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
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


def balanced(weights, distances):
    """Tilt each row of weights so that they balance about distance 0."""
    first, second = (weights * distances).sum(axis=1), (weights * distances**2).sum(axis=1)
    return weights * (1 - (first / second)[:, None] * distances)


def triangle_matrix(origin, step, outputs, inputs, edge):
    """Weights (output, input) of the widened triangle filter along one axis, by NumPy."""
    reach = max(abs(step), 1.0)
    centres = origin + step * np.arange(outputs)
    pad = int(np.abs(centres).max(initial=0) + reach + 2)
    pixels = np.arange(-pad, inputs + pad)
    distances = pixels - centres[:, None]
    weights = np.maximum(0, 1 - np.abs(distances) / reach)
    if reach > 1:
        weights = balanced(weights, distances)
    inside = weights[:, pad : pad + inputs].copy()
    if edge == "nearest":
        inside[:, 0] += weights[:, :pad].sum(axis=1)
        inside[:, -1] += weights[:, pad + inputs :].sum(axis=1)
    else:
        inside[~on_image(centres, np.zeros(outputs), (inputs, 1))] = 0
    return inside / np.maximum(inside.sum(axis=1, keepdims=True), 1e-300)


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


@given(step=st.floats(0.2, 5), origin=st.floats(30, 60))
def test_shrinking_keeps_a_straight_line(step, origin):
    line = np.arange(120, dtype=np.float32)[None].repeat(3, axis=0)
    out = one(line, [[1, 0, 1], [0, step, origin]], (1, 6))[0]
    np.testing.assert_allclose(out, origin + step * np.arange(6), rtol=2e-6)


def test_a_small_turn_changes_little_where_the_map_shrinks():
    image = np.add.outer(np.sin(np.arange(64) / 3), np.cos(np.arange(64) / 4)).astype(np.float32)
    straight = one(image, [[2, 0, 3], [0, 2, 3]], (28, 28))
    turned = one(image, [[2, 1e-6, 3], [-1e-6, 2, 3]], (28, 28))
    np.testing.assert_allclose(turned, straight, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.uint16, np.int16])
@given(shape=st.tuples(st.integers(1, 80), st.integers(1, 80)), seed=st.integers(0, 9))
@settings(max_examples=30)
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


@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    matrix=st.lists(st.floats(-4, 4), min_size=4, max_size=4),
    kind=st.sampled_from(["straight", "turned", "oblique"]),
    origins=st.tuples(st.floats(-5, 35), st.floats(-5, 35)),
)
def test_no_edge_is_darkened(shape, matrix, kind, origins):
    a, b, c, d = matrix
    if kind == "straight":
        b = c = 0.0
    elif kind == "turned":
        a = d = 0.0
    matrix = np.array([[a, b, origins[0]], [c, d, origins[1]]])
    out = one(np.full(shape, 7, np.float32), matrix, (23, 31), edge="zero")
    r, c = np.meshgrid(np.arange(23), np.arange(31), indexing="ij")
    centres = np.tensordot(matrix, np.stack([r, c, np.ones((23, 31))]), 1)
    expected = 7.0 * on_image(*centres, shape)
    np.testing.assert_allclose(out, expected, atol=1e-4)


MATRICES = {
    "straight": 0.7 * IDENTITY,
    "turned": np.array([[0, 0.9, 3], [-1.3, 0, 80]]),
    "rotated": np.array([[0.9, -0.4, 20], [0.4, 0.9, -9]]),
    "steep": np.array([[0.1, -0.95, 60], [0.95, 0.1, -2]]),
    "shrinking": np.array([[2.1, -0.9, 20], [0.9, 2.1, -9]]),
}


@pytest.mark.parametrize("edge", ["zero", "nearest"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_every_thread_count_and_company_gives_the_same_bits(matrix, dtype, edge):
    # So many outputs under one map are done in several goes, and so large ones in several parts.
    images = (100 * np.abs(noise(5, 90, 70))).astype(dtype)
    sources, shape = np.arange(70) % 5, (150, 170)
    matrices = np.stack([matrix] * len(sources))
    runs = [
        _core.resample(images, matrices, shape, sources=sources, edge=edge, threads=threads)
        for threads in (1, 2, 3, 8, 0)
    ]
    for run in runs[1:]:
        np.testing.assert_array_equal(run, runs[0])
    for n in range(5):
        alone = one(images[n], matrix, shape, edge=edge, threads=1)
        for together in runs[0][n::5]:
            np.testing.assert_array_equal(together, alone)


def test_outputs_under_different_maps_stay_apart():
    images, matrices = noise(6, 90, 70), np.stack([*MATRICES.values(), IDENTITY])
    matrices = matrices[[0, 0, 1, 2, 2, 3, 4, 4, 4, 5, 0]]
    sources = np.arange(11) % 6
    together = _core.resample(images, matrices, (75, 50), sources=sources, threads=3)
    for source, matrix, output in zip(sources, matrices, together, strict=True):
        np.testing.assert_array_equal(output, one(images[source], matrix, (75, 50)))


def test_other_python_threads_run_meanwhile():
    # The other thread can pass the gate only while the lock is released within the call, as no
    # switch is forced: a call that holds the lock fails every time.
    images = noise(1, 256, 256)
    matrices, sources = np.stack([3 * MATRICES["rotated"]] * 40), np.zeros(40, int)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        for _ in range(20):
            gate, passed = threading.Lock(), []
            gate.acquire()
            other = threading.Thread(
                target=lambda gate=gate, passed=passed: (gate.acquire(), passed.append(True))
            )
            other.start()
            gate.release()
            _core.resample(images, matrices, (256, 256), sources=sources, threads=1)
            during = bool(passed)
            other.join()
            if during:
                return
    finally:
        sys.setswitchinterval(interval)
    pytest.fail("the global interpreter lock was held")


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


# Where a filter wider than a pixel is sampled unevenly PyTorch's is out of balance; whole steps are
# even.
@pytest.mark.parametrize("size", [(32, 24), (16, 100), (64, 12), (100, 128)])
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
    # PyTorch, too, averages what the image has where its filter reaches beyond.
    np.testing.assert_allclose(one(image, matrix, size, edge="zero"), expected, atol=1e-5)


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
