"""Cascades in Python: what they say of themselves, options, threads and bad input.

Numbers are worked out by hand here and compared with OpenCV in ``test_cascade_parity``.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from lvvol import _core
from lvvol._core import CascadeFormatError
from lvvol.cascade import read_cascade
from tests.support.cascade_files import cascade_xml, random_cascade

EVERYTHING = read_cascade(cascade_xml())


def brightest_in_the_middle(size=3):
    """Return a cascade that takes windows whose outer blocks are all darker than the centre."""
    stage = (
        "<_><stageThreshold>0.5</stageThreshold><weakClassifiers><_>"
        "<internalNodes>0 -1 0 1 0 0 0 0 0 0 0</internalNodes>"  # code 0 alone
        "<leafValues>1. -1.</leafValues></_></weakClassifiers></_>"
    )
    block = size // 3
    feature = f"<_><rect>0 0 {block} {block}</rect></_>"
    return read_cascade(cascade_xml(stages=stage, features=feature, height=size, width=size))


def noise(seed=0, shape=(120, 90)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_cascades_are_not_built():
    with pytest.raises(TypeError):
        _core.Cascade()


def test_a_cascade_tells_its_shape():
    cascade = read_cascade(random_cascade(0, size=(20, 24), stages=(3, 5)))
    assert cascade.window_size == (20, 24)
    assert cascade.stage_sizes == (3, 5)


def test_cascades_are_equal_where_every_number_is():
    first = read_cascade(random_cascade(0))
    assert first == read_cascade(random_cascade(0))
    assert first != read_cascade(random_cascade(1))
    assert first != "cascade"
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)


def arrays_of(**changed):
    """Arguments of `from_arrays`: one stage of a stump and a tree, one of a stump."""
    stump, first, second = [0, -1, 0], [1, 0, 0], [-1, -2, 0]
    nodes = [[*node, 1, 2, 3, 4, 5, 6, 7, -8] for node in (stump, first, second, stump)]
    return {
        "window_size": (3, 4),
        "features": np.array([[0, 0, 1, 1]], np.int32),
        "stage_sizes": np.array([2, 1], np.int32),
        "thresholds": np.array([0.5, -1], np.float32),
        "tree_sizes": np.array([1, 2, 1], np.int32),
        "nodes": np.array(nodes, np.int32),
        "leaves": np.arange(7, dtype=np.float32),
    } | changed


def test_arrays_make_a_cascade_and_come_back():
    arrays = arrays_of()
    cascade = _core.Cascade.from_arrays(**arrays)
    assert (cascade.window_size, cascade.stage_sizes) == ((3, 4), (2, 1))
    window_size, *rest = cascade.to_arrays()
    assert window_size == (3, 4)
    for got, expected in zip(rest, list(arrays.values())[1:], strict=True):
        np.testing.assert_array_equal(got, expected, strict=True)
        got[:] = 0  # a copy: the cascade never changes
    assert _core.Cascade.from_arrays(*cascade.to_arrays()) == cascade


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("window_size", (3, 2), "width: expected 3 to 1024, got 2"),
        ("window_size", (-3, 4), "height: expected 3 to 1024, got -3"),
        ("window_size", (3, 2**33), "width: expected 3 to 1024, got 8589934592"),
        ("features", np.ones((0, 4), np.int32), "features: expected 1 to 100000, got 0"),
        ("features", np.full((1, 4), 2, np.int32), "feature 0: expected 3 x 3"),
        ("stage_sizes", np.array([2, 2], np.int32), "tree_sizes: expected 4 by .*, got 3"),
        ("stage_sizes", np.array([4, -1], np.int32), "stage_sizes: expected 0 or more, got -1"),
        ("stage_sizes", np.array([3, 0], np.int32), "stage 1: trees: expected 1 to 10000, got 0"),
        ("thresholds", np.array([0, np.nan], np.float32), "stage 1: threshold: expected a finite"),
        ("tree_sizes", np.array([1, 2, 2], np.int32), "nodes: expected 5 by tree_sizes, got 4"),
        ("tree_sizes", np.array([5, 2, -3], np.int32), "tree_sizes: expected 0 or more, got -3"),
        ("tree_sizes", np.array([0, 3, 1], np.int32), "stage 0, tree 0: nodes: expected 1 to 255"),
        ("tree_sizes", np.full(3, 2**31 - 1, np.int32), "nodes: expected 6442450941 .*, got 4"),
        (
            "nodes",
            np.full((4, 11), -1, np.int32),
            "stage 0, tree 0: expected a feature of 0 or more",
        ),
        ("nodes", np.ones((4, 11), np.int32), "tree 0: feature: expected below 1, got 1"),
        ("nodes", np.array([[3] + [0] * 10] * 4, np.int32), "node 0: expected a later node"),
        ("leaves", np.zeros(6, np.float32), "leaves: expected 7 by tree_sizes, got 6"),
        ("leaves", np.full(7, np.inf, np.float32), "tree 0: leaf: expected a finite number"),
    ],
)
def test_arrays_of_an_unsound_cascade(name, value, part):
    with pytest.raises(CascadeFormatError, match=part):
        _core.Cascade.from_arrays(**arrays_of(**{name: value}))


@pytest.mark.parametrize(
    ("name", "value", "error", "part"),
    [
        ("features", np.ones((1, 4)), TypeError, r"features: expected int32 \(feature, 4\), got f"),
        ("features", np.ones((1, 3), np.int32), ValueError, r"features: expected int32 \(feature"),
        ("stage_sizes", np.array([2, 1]), TypeError, r"stage_sizes: expected int32 \(stage,\)"),
        ("stage_sizes", [2, 1], TypeError, "stage_sizes: expected .*, got list"),
        ("stage_sizes", np.array([3], np.int32), ValueError, "thresholds: expected one for each"),
        ("thresholds", np.zeros(2), TypeError, "thresholds: expected float32"),
        ("tree_sizes", np.zeros((3, 1), np.int32), ValueError, "tree_sizes: expected int32"),
        ("nodes", np.zeros((4, 10), np.int32), ValueError, r"nodes: expected int32 \(node, 11\)"),
        ("nodes", np.zeros((8, 11), np.int32)[::2], ValueError, "nodes: .*C-contiguous"),
        ("leaves", np.zeros(7), TypeError, "leaves: expected float32"),
        ("window_size", (3,), TypeError, "from_arrays"),
    ],
)
def test_arrays_of_another_form(name, value, error, part):
    with pytest.raises(error, match=part):
        _core.Cascade.from_arrays(**arrays_of(**{name: value}))


def test_a_dot_is_found_where_it_is():
    image = np.zeros((9, 12), np.uint8)
    image[4, 7] = 200
    windows, counts, stages, scores = _core.detect(
        image, brightest_in_the_middle(), scale_factor=4, min_neighbors=0, step=1
    )
    np.testing.assert_array_equal(windows, [[3, 6, 3, 3]])
    assert (counts.tolist(), stages.tolist(), scores.tolist()) == ([1], [1], [1.0])
    assert (windows.dtype, scores.dtype) == (np.int32, np.float64)


def test_floats_are_stretched_to_bytes():
    image = np.zeros((9, 12), np.float32)
    image[4, 7] = 1e-3
    options = {"scale_factor": 4, "min_neighbors": 0, "step": 1}
    found = _core.detect(image, brightest_in_the_middle(), **options)[0]
    np.testing.assert_array_equal(found, [[3, 6, 3, 3]])
    image[0, 0] = 1  # beside it the dot is 0.255 of 255, which rounds to 0
    found = _core.detect(image, brightest_in_the_middle(), **options)[0]
    assert [3, 6, 3, 3] not in found.tolist()
    image[4, 7] = 2e-3  # and now 0.51, which rounds to 1
    found = _core.detect(image, brightest_in_the_middle(), **options)[0]
    assert [3, 6, 3, 3] in found.tolist()


def test_every_place_is_tried_at_every_step():
    image = noise(shape=(10, 13))
    for step, rows, columns in ((1, 8, 11), (2, 4, 6), (3, 3, 4), (7, 2, 2)):
        windows = _core.detect(image, EVERYTHING, scale_factor=5, min_neighbors=0, step=step)[0]
        expected = [(r * step, c * step, 3, 3) for r in range(rows) for c in range(columns)]
        assert list(map(tuple, windows.tolist())) == expected


def test_sizes_are_rows_and_columns():
    cascade = read_cascade(random_cascade(0, size=(20, 12), threshold=-99))
    options = {"min_neighbors": 0, "scale_factor": 1.5}
    windows = _core.detect(noise(), cascade, min_size=(30, 18), max_size=(45, 27), **options)[0]
    assert {tuple(size) for size in windows[:, 2:].tolist()} == {(30, 18), (45, 27)}
    windows = _core.detect(noise(), cascade, max_size=(20, 500), **options)[0]
    assert {tuple(size) for size in windows[:, 2:].tolist()} == {(20, 12)}


def test_windows_that_fail_are_told_with_their_sum():
    image = np.zeros((4, 4), np.uint8)
    image[1, 1] = 1
    windows, _, stages, scores = _core.detect(
        image, brightest_in_the_middle(), min_neighbors=0, step=1, min_stages=0, scale_factor=2
    )
    np.testing.assert_array_equal(windows[:, :2], [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert stages.tolist() == [1, 0, 0, 0]
    assert scores.tolist() == [1.0, -1.0, -1.0, -1.0]


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("step", [0, 1, 3])
def test_windows_that_got_part_of_the_way(nodes, step):
    """They are those that a cascade of the first stages alone finds."""
    sizes = (5, 7, 9, 12)
    whole = read_cascade(random_cascade(3, stages=sizes, nodes=nodes))
    image = noise(shape=(80, 90))
    found = []
    for least in range(1, len(sizes) + 1):
        part = read_cascade(random_cascade(3, stages=sizes[:least], nodes=nodes))
        expected = _core.detect(image, part, min_neighbors=0, step=step)[0]
        windows, _, stages, _ = _core.detect(
            image, whole, min_neighbors=0, step=step, min_stages=least
        )
        np.testing.assert_array_equal(windows, expected)
        assert (stages >= least).all()
        found.append(len(windows))
    assert found[0] > found[-1] > 0


def test_groups_by_hand():
    windows = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [90, 0, 10, 10], [1, 0, 13, 10]], np.int32)
    stages = np.array([1, 2, 2, 2], np.int32)
    scores = np.array([9.0, 3, 5, 4])
    # Edges of neighbours differ by at most 0.2 x 10. The last one's bottom, 14, is too far.
    grouped, counts, depths, best = _core.group_windows(windows, stages, scores, min_neighbors=1)
    np.testing.assert_array_equal(grouped, [[0, 0, 10, 10]])  # 0.5 is rounded to even
    assert (counts.tolist(), depths.tolist(), best.tolist()) == ([2], [2], [3.0])
    same = _core.group_windows(windows, stages, scores, min_neighbors=0)
    np.testing.assert_array_equal(same[0], windows)
    none = _core.group_windows(windows[:0], stages[:0], scores[:0])
    assert [array.shape for array in none] == [(0, 4), (0,), (0,), (0,)]


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("nodes", [1, 2])
def test_threads_change_nothing(threads, nodes):
    cascade = read_cascade(random_cascade(3, nodes=nodes))
    image = noise(shape=(250, 200))
    options = {"min_stages": 1, "min_neighbors": 0}
    alone = _core.detect(image, cascade, threads=1, **options)
    assert len(alone[0]) > 100
    for got, expected in zip(
        _core.detect(image, cascade, threads=threads, **options), alone, strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_one_cascade_serves_several_threads_at_once():
    cascade = read_cascade(random_cascade(2))
    images = [noise(seed, (150, 150)) for seed in range(4)]
    expected = [_core.detect(image, cascade, min_neighbors=0)[0] for image in images]
    got = [None] * 4

    def work(i):
        for _ in range(5):
            got[i] = _core.detect(images[i], cascade, min_neighbors=0, threads=1)[0]

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (19, 24), (20, 23)])
def test_images_smaller_than_the_window_hold_nothing(shape):
    cascade = read_cascade(random_cascade(0, size=(20, 24), threshold=-99))
    for dtype in (np.uint8, np.float32):
        found = _core.detect(np.zeros(shape, dtype), cascade, min_neighbors=0)
        assert [array.shape for array in found] == [(0, 4), (0,), (0,), (0,)]


def test_a_flat_image():
    found = _core.detect(np.full((8, 8), 7, np.float32), brightest_in_the_middle())
    assert len(found[0]) == 0


@pytest.mark.parametrize(
    ("image", "error", "part"),
    [
        (np.zeros((0, 5), np.uint8), ValueError, "image: expected sides of 1 to 65535"),
        (np.zeros((5, 0), np.float32), ValueError, "image: expected sides"),
        (np.zeros((1, 65536), np.uint8), ValueError, "got 1 x 65536"),
        (np.zeros((5, 5), np.int16), TypeError, "image: expected uint8 or float32"),
        (np.zeros((5, 5)), TypeError, "image: expected uint8 or float32"),
        ([[1, 2]], TypeError, "image: expected uint8 or float32"),
        (np.zeros((5, 5, 3), np.uint8), ValueError, "image: expected uint8 or float32"),
        (np.zeros((6, 6), np.uint8)[::2], ValueError, "C-contiguous"),
        (np.full((5, 5), np.nan, np.float32), ValueError, "image: expected finite pixels"),
        (np.full((5, 5), -np.inf, np.float32), ValueError, "image: expected finite pixels"),
    ],
)
def test_images_that_are_none(image, error, part):
    with pytest.raises(error, match=part):
        _core.detect(image, EVERYTHING)


@pytest.mark.parametrize(
    "options",
    [
        {"scale_factor": 1.0},
        {"scale_factor": 0.5},
        {"scale_factor": np.nan},
        {"scale_factor": np.inf},
        {"min_neighbors": -1},
        {"min_size": (-1, 0)},
        {"max_size": (0, -1)},
        {"step": -1},
        {"step": 1025},
        {"min_stages": -1},
        {"min_stages": 2},
        {"threads": -1},
        {"threads": 1025},
    ],
)
def test_options_out_of_range(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        _core.detect(noise(), EVERYTHING, **options)


@pytest.mark.parametrize(
    ("windows", "stages", "scores", "error", "part"),
    [
        (np.zeros((2, 3), np.int32), np.zeros(2, np.int32), np.zeros(2), ValueError, "windows"),
        (np.zeros((2, 4)), np.zeros(2, np.int32), np.zeros(2), TypeError, "windows"),
        (np.ones((2, 4), np.int32), np.zeros(3, np.int32), np.zeros(2), ValueError, "stages"),
        (np.ones((2, 4), np.int32), np.zeros(2, np.int32), np.zeros(1), ValueError, "scores"),
        (np.ones((1, 4), np.int32), -np.ones(1, np.int32), np.zeros(1), ValueError, "stages"),
        (np.zeros((1, 4), np.int32), np.zeros(1, np.int32), np.zeros(1), ValueError, "windows"),
        (
            np.full((1, 4), 2**31 - 1, np.int32),
            np.zeros(1, np.int32),
            np.zeros(1),
            ValueError,
            "windows: expected sides",
        ),
    ],
)
def test_windows_that_are_none(windows, stages, scores, error, part):
    with pytest.raises(error, match=part):
        _core.group_windows(windows, stages, scores)
