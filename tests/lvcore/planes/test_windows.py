"""`_core.extract_windows` against NumPy and PyTorch."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lvvol import _core


def cine(seed=0, shape=(3, 5, 40, 50)):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def weights(edge_px, side, size, inputs, edge):
    """Triangle filter (output, input) from its definition in edge coordinates, by NumPy."""
    step = side / size
    reach = max(step, 1.0)
    pad = 300
    pixel_centres = np.arange(-pad, inputs + pad) + 0.5
    centres = edge_px + (np.arange(size) + 0.5) * step
    distances = pixel_centres - centres[:, None]
    all_weights = np.maximum(0, 1 - np.abs(distances) / reach)
    if reach > 1:  # balanced about the centre
        first, second = ((all_weights * distances**n).sum(axis=1) for n in (1, 2))
        all_weights *= 1 - (first / second)[:, None] * distances
    inside = all_weights[:, pad : pad + inputs].copy()
    if edge == "nearest":
        inside[:, 0] += all_weights[:, :pad].sum(axis=1)
        inside[:, -1] += all_weights[:, pad + inputs :].sum(axis=1)
    else:
        inside[(centres < -1e-9) | (centres > inputs + 1e-9)] = 0
    return inside / np.maximum(inside.sum(axis=1, keepdims=True), 1e-300)


def reference(images, slices, squares, phases, size, normalise, edge):
    """Extract windows by dense matrix products in float64."""
    phases = np.broadcast_to(phases, (len(slices), np.shape(phases)[-1]))
    out = np.empty((len(slices), phases.shape[1], size, size))
    for n, (z, (top, left, side)) in enumerate(zip(slices, squares, strict=True)):
        rows = weights(top, side, size, images.shape[2], edge)
        columns = weights(left, side, size, images.shape[3], edge)
        out[n] = rows @ images[z, phases[n]].astype(np.float64) @ columns.T
        if normalise == "mean":
            out[n] -= out[n].mean()
        elif normalise == "mean_std":
            out[n] -= out[n].mean(axis=(1, 2), keepdims=True)
            out[n] /= out[n].std(axis=(1, 2), keepdims=True)
    return out


@given(
    squares=st.lists(
        st.tuples(st.floats(-20, 50), st.floats(-20, 60), st.floats(0.5, 90)), max_size=4
    ),
    size=st.sampled_from([1, 2, 7, 25, 48]),
    own=st.booleans(),
    edge=st.sampled_from(["zero", "nearest"]),
    seed=st.integers(0, 99),
)
def test_windows_agree_with_dense_matrices(squares, size, own, edge, seed):
    rng = np.random.default_rng(seed)
    images, n = cine(seed), len(squares)
    squares = np.array(squares, np.float64).reshape(n, 3)
    slices = rng.integers(0, 3, n)
    phases = rng.integers(0, 5, (n, 3) if own else 3)
    for normalise in ("none", "mean"):
        expected = reference(images, slices, squares, phases, size, normalise, edge)
        got = _core.extract_windows(
            images, slices, squares, phases, size, normalise=normalise, edge=edge
        )
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("size", [25, 48])
def test_mean_std_brings_every_phase_to_mean_0_and_variance_1(size):
    images = 300 + 80 * cine()
    slices, phases = np.array([0, 2]), np.array([4, 0, 2])
    squares = np.array([[3.2, 5.5, 30.1], [10, 1, 12.5]])
    got = _core.extract_windows(images, slices, squares, phases, size, normalise="mean_std")
    expected = reference(images, slices, squares, phases, size, "mean_std", "nearest")
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(got.mean(axis=(2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(got.std(axis=(2, 3)), 1, atol=1e-5)


def test_mean_std_bears_a_first_pixel_far_from_the_others():
    images = 1e-3 * cine(shape=(1, 1, 25, 25))
    images[0, 0, 0, 0] = 1e4
    got = _core.extract_windows(
        images, np.array([0]), np.array([[0.0, 0, 25]]), np.array([0]), 25, normalise="mean_std"
    )
    expected = images.astype(np.float64)
    np.testing.assert_allclose(got, (expected - expected.mean()) / expected.std(), atol=1e-5)


def test_a_flat_patch_becomes_zero():
    for level in (0.0, 1e-3, 1234.5, 3e4):
        images = np.full((1, 1, 30, 30), level, np.float32)
        squares = np.array([[2.3, 4.1, 17.7]])
        got = _core.extract_windows(
            images, np.array([0]), squares, np.array([0]), 25, normalise="mean_std"
        )
        assert np.abs(got).max() < 0.05


def test_a_window_of_whole_pixels_is_a_copy():
    images = cine()
    got = _core.extract_windows(
        images, np.array([1, 1]), np.array([[0.0, 0, 25], [15, 25, 25]]), np.array([3, 0]), 25
    )
    np.testing.assert_array_equal(got[0], images[1, [3, 0], :25, :25])
    np.testing.assert_array_equal(got[1], images[1, [3, 0], 15:40, 25:50])


@pytest.mark.parametrize(("side", "size"), [(40, 20), (30, 48), (36, 12)])
def test_an_inner_window_agrees_with_pytorch(side, size):
    images = cine(shape=(1, 2, 40, 40))
    got = _core.extract_windows(
        images, np.array([0]), np.array([[0.0, 0, side]]), np.array([0, 1]), size
    )
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(images[:, :, :side, :side].astype(np.float64)),
        (size, size),
        mode="bilinear",
        align_corners=False,
        antialias=True,
    ).numpy()
    # At the edges PyTorch cuts its filter off, where ours sees the image around the window.
    inner = (..., slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(got[inner], expected[inner], atol=1e-5)


def test_every_thread_count_gives_the_same_bits():
    images = cine()
    rng = np.random.default_rng(1)
    squares = np.column_stack([rng.uniform(-5, 30, (101, 2)), rng.uniform(5, 45, 101)])
    slices = rng.integers(0, 3, 101)
    for normalise in ("none", "mean", "mean_std"):
        runs = [
            _core.extract_windows(
                images, slices, squares, np.array([0, 2]), 25, normalise=normalise, threads=threads
            )
            for threads in (1, 2, 3, 8, 0)
        ]
        for run in runs[1:]:
            np.testing.assert_array_equal(run, runs[0])


def test_a_window_does_not_depend_on_its_neighbours():
    images = cine()
    squares = np.array([[1.5, 2.5, 20.3], [-4, 3, 44.4], [8, 9, 10]])
    together = _core.extract_windows(images, np.array([0, 1, 2]), squares, np.array([1]), 25)
    for n in range(3):
        alone = _core.extract_windows(images, np.array([n]), squares[n : n + 1], np.array([1]), 25)
        np.testing.assert_array_equal(alone[0], together[n])


def test_nothing_to_cut_gives_nothing():
    images = cine()
    no_windows = _core.extract_windows(
        images, np.empty(0, int), np.empty((0, 3)), np.array([0, 1]), 25
    )
    assert no_windows.shape == (0, 2, 25, 25)
    no_phases = _core.extract_windows(
        images, np.array([0]), np.array([[0.0, 0, 9]]), np.empty(0, int), 25, normalise="mean"
    )
    assert no_phases.shape == (1, 0, 25, 25)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("normalise", ["none", "mean", "mean_std"])
def test_a_given_array_is_filled_with_the_same_values_rounded(dtype, normalise):
    rng = np.random.default_rng(2)
    squares = np.column_stack([rng.uniform(-5, 30, (41, 2)), rng.uniform(5, 45, 41)])
    arguments = (cine(), rng.integers(0, 3, 41), squares, np.array([0, 2, 4]), 25)
    expected = _core.extract_windows(*arguments, normalise=normalise)
    for threads in (1, 2, 3, 8):
        out = np.full((41, 3, 25, 25), np.nan, dtype)
        got = _core.extract_windows(*arguments, normalise=normalise, out=out, threads=threads)
        assert got is out
        np.testing.assert_array_equal(out, expected.astype(dtype))


def as_halves(values):
    """Round a square number of floats to float16 by cutting out a window of whole pixels."""
    side = int(len(values) ** 0.5)
    out = np.empty((1, 1, side, side), np.float16)
    _core.extract_windows(
        values.reshape(1, 1, side, side),
        np.array([0]),
        np.array([[0.0, 0, side]]),
        np.array([0]),
        side,
        out=out,
    )
    return out.ravel()


def test_float16_is_rounded_as_numpy_rounds():
    """All halves, the ties between neighbours, the floats beside those, and any floats."""
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    beyond = np.array([65536.0], np.float32)
    ties = (halves + np.append(halves[1:], beyond)) / 2
    beside = [np.nextafter(ties, np.float32(to)) for to in (0, np.inf)]
    rng = np.random.default_rng(3)
    any_floats = rng.integers(0, 0x7F800000, 100000, dtype=np.uint32).view(np.float32)
    huge = np.array([65504, 65519.996, 65520, 65536, 3e38, np.inf], np.float32)
    values = np.concatenate([halves, ties, *beside, any_floats, huge])
    values = np.concatenate([values, -values])
    values = np.append(values, np.zeros(675**2 - len(values), np.float32))
    with np.errstate(over="ignore"):
        expected = values.astype(np.float16)
    np.testing.assert_array_equal(as_halves(values).view(np.uint16), expected.view(np.uint16))


def test_float16_keeps_nan_of_either_sign():
    patterns = [0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF, 0x7F801FFF]
    values = np.array([*patterns, 0, 0, 0], np.uint32).view(np.float32)
    assert np.isnan(as_halves(values)).tolist() == [True] * 6 + [False] * 3


def test_other_threads_run_meanwhile():
    """The lock is released: a thread counts on while another cuts windows."""
    images, squares = cine(), np.tile([1.5, 2.5, 30.5], (4000, 1))
    slices, phases = np.zeros(4000, np.int64), np.arange(5)
    started, done, counted = threading.Event(), threading.Event(), 0

    def cut():
        started.set()
        for _ in range(5):
            _core.extract_windows(images, slices, squares, phases, 25, threads=1)
        done.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # who holds the lock keeps it, unless it lets it go
    try:
        worker = threading.Thread(target=cut)
        worker.start()
        started.wait()
        while not done.is_set():
            counted += 1
            time.sleep(0)
        worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert counted > 100


def readonly(array):
    array.flags.writeable = False
    return array


def out(*shape, dtype=np.float32):
    return np.empty(shape or (1, 1, 25, 25), dtype)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"images": cine().astype(np.float64)}, TypeError, "images.*float64"),
        ({"images": cine()[0]}, ValueError, r"images.*\(5, 40, 50\)"),
        ({"images": cine()[..., ::2]}, ValueError, "images.*contiguous"),
        ({"slices": np.array([3])}, IndexError, "slices.*3"),
        ({"slices": np.array([-1])}, IndexError, "slices.*-1"),
        ({"slices": np.array([0.0])}, TypeError, "slices.*float64"),
        ({"squares": np.array([[0, 0, 9]])}, TypeError, "squares.*int64"),
        ({"squares": np.zeros((1, 4))}, ValueError, r"squares.*\(1, 4\)"),
        ({"squares": np.ones((2, 3))}, ValueError, r"squares.*\(2, 3\)"),
        ({"squares": np.array([[0.0, 0, 0]])}, ValueError, "squares.*side"),
        ({"squares": np.array([[0.0, 0, -3]])}, ValueError, "squares.*side"),
        ({"squares": np.array([[0.0, 0, 1e9]])}, ValueError, "squares.*side"),
        ({"squares": np.array([[np.nan, 0, 9]])}, ValueError, "squares.*finite"),
        ({"squares": np.array([[0, np.inf, 9]])}, ValueError, "squares.*finite"),
        ({"squares": np.array([[0, 0, np.nan]])}, ValueError, "squares.*side"),
        ({"phases": np.array([5])}, IndexError, "phases.*5"),
        ({"phases": np.array([-1])}, IndexError, "phases.*-1"),
        ({"phases": np.zeros((2, 3), int)}, ValueError, r"phases.*\(2, 3\)"),
        ({"phases": np.zeros((1, 1, 3), int)}, ValueError, "phases"),
        ({"phases": [0]}, TypeError, "phases.*list"),
        ({"size": 0}, ValueError, "size"),
        ({"size": -2}, ValueError, "size.*-2"),
        ({"size": 5000}, ValueError, "size"),
        ({"normalise": "max"}, ValueError, "normalise.*max"),
        ({"edge": "mirror"}, ValueError, "edge.*mirror"),
        ({"threads": -1}, ValueError, "threads"),
        ({"out": [0.0]}, TypeError, "out.*list"),
        ({"out": out(dtype=np.float64)}, TypeError, "out.*float64"),
        ({"out": out(dtype=">f2")}, TypeError, "out.*>f2"),
        ({"out": out(dtype=np.uint16)}, TypeError, "out.*uint16"),
        ({"out": out(1, 25, 25)}, ValueError, r"out.*\(1, 25, 25\)"),
        ({"out": out(2, 1, 25, 25)}, ValueError, r"out.*\[1, 1, 25, 25\].*\(2, 1, 25, 25\)"),
        ({"out": out(1, 1, 25, 50)[..., ::2]}, ValueError, "out.*contiguous"),
        ({"out": readonly(out())}, ValueError, "read-only|writeable"),
    ],
)
def test_bad_arguments_are_named(changes, error, words):
    arguments = {
        "images": cine(),
        "slices": np.array([0]),
        "squares": np.array([[0.0, 0, 9]]),
        "phases": np.array([0]),
        "size": 25,
        **changes,
    }
    with pytest.raises(error, match=words):
        _core.extract_windows(**arguments)


@pytest.mark.parametrize("name", ["images", "slices", "squares", "phases"])
def test_out_must_not_overlap_what_is_read(name):
    arguments = {
        "images": cine(),
        "slices": np.zeros(3, np.int64),
        "squares": np.tile([0.0, 0, 9], (3, 1)),
        "phases": np.array([0]),
    }
    read = arguments[name]
    memory = np.zeros(max(read.nbytes, 3 * 9 * 9 * 4), np.uint8)
    shared = memory[: read.nbytes].view(read.dtype).reshape(read.shape)
    shared[...] = read
    given = memory[: 3 * 9 * 9 * 4].view(np.float32).reshape(3, 1, 9, 9)
    with pytest.raises(ValueError, match=f"out.*{name}.*overlap"):
        _core.extract_windows(**{**arguments, name: shared}, size=9, out=given)
    np.testing.assert_array_equal(shared, read)


@pytest.mark.parametrize("name", ["slices", "phases", "squares"])
def test_another_thread_may_change_the_indices_meanwhile(name):
    """They are copied before other threads run; read again, they led outside the images."""
    code = (
        "import sys, threading\n"
        "import numpy as np\n"
        "from lvvol import _core\n"
        "images = np.zeros((2, 2, 64, 64), np.float32)\n"
        "given = {'slices': np.zeros(200, np.int64), 'phases': np.zeros(2, np.int64),\n"
        "         'squares': np.tile([0.0, 0.0, 9.0], (200, 1))}\n"
        "changed, sound, stop = given[sys.argv[1]], given[sys.argv[1]].copy(), threading.Event()\n"
        "def change():\n"
        "    while not stop.is_set():\n"
        "        changed[...] = 10**9\n"
        "        changed[...] = sound\n"
        "thread = threading.Thread(target=change)\n"
        "thread.start()\n"
        "for _ in range(60):\n"
        "    try:\n"
        "        _core.extract_windows(images, size=24, threads=1, **given)\n"
        "    except (IndexError, ValueError):\n"
        "        pass\n"
        "stop.set()\n"
        "thread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, name], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
