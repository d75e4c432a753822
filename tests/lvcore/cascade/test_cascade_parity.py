"""Detection and files of cascades against OpenCV 4."""

from __future__ import annotations

import numpy as np
import pytest

from lvvol import _core, load_study
from lvvol.cascade import cascade_to_xml, read_cascade
from lvvol.networks.weights import SHIPPED
from lvvol.roi import DETECTOR_FILE
from tests.support.cascade_files import first_stages, random_cascade

FACTORS = (1.02, 1.05, 1.1, 1.2, 1.37, 1.5, 2.0, 2.7, 4.0)
DETECTOR = SHIPPED / DETECTOR_FILE  # trained by lvvol


def to_xywh(windows):
    return windows[:, [1, 0, 3, 2]]


def in_order(*columns):
    """Return rows sorted, for OpenCV's threads give them in any order."""
    return sorted(zip(*(np.asarray(column).tolist() for column in columns), strict=True))


def random_image(rng):
    image = rng.integers(0, 256, rng.integers(8, 220, 2)).astype(float)
    if rng.random() < 0.5:  # smooth: neighbouring windows look alike, and codes hold equal blocks
        for axis in (0, 1):
            for _ in range(int(rng.integers(1, 8))):
                image = (image + np.roll(image, 1, axis)) / 2
        image = (image - image.min()) * (255 / max(1, np.ptp(image)))
    return np.ascontiguousarray(image.astype(np.uint8))


def check_parity(opencv4, path, image, scale_factor, min_size=(0, 0), max_size=None):
    """Compare windows, their stages and sums, and groups; return how many windows there were."""
    cascade = read_cascade(path)
    options = {"scale_factor": scale_factor, "min_size": min_size, "max_size": max_size}
    theirs = {
        "scaleFactor": scale_factor,
        "minSize": min_size[::-1],
        "maxSize": (max_size or (0, 0))[::-1],
    }
    windows, counts, stages, scores = _core.detect(image, cascade, min_neighbors=0, **options)
    expected = opencv4.call("detect", str(path), image, 0, **theirs)
    case = f"{path.name} {image.shape} {options}"
    assert in_order(to_xywh(windows)) == in_order(expected), case
    assert (counts == 1).all()
    if len(windows) > 5000:  # OpenCV's grouping takes the square of their number
        return len(windows)
    for min_neighbors in (1, 3):
        groups = _core.detect(image, cascade, min_neighbors=min_neighbors, **options)
        expected = opencv4.call("detect", str(path), image, min_neighbors, **theirs)
        assert in_order(to_xywh(groups[0])) == in_order(expected), case
    reported = opencv4.call("levels", str(path), image, **theirs)
    assert in_order(to_xywh(windows), stages, scores) == in_order(*reported), case
    return len(windows)


def test_random_images(opencv4, cascades, tmp_path):
    rng = np.random.default_rng(11)
    found = 0
    for path in [*cascades, DETECTOR]:
        for count in (2, 4, 100):
            cut = tmp_path / f"{count}_{path.name}"
            cut.write_bytes(first_stages(path, count))
            for _ in range(8):
                found += check_parity(opencv4, cut, random_image(rng), float(rng.choice(FACTORS)))
    assert found > 10_000


@pytest.mark.real_data
def test_real_images(opencv4, cascades, real_data, tmp_path):
    rng = np.random.default_rng(12)
    found = 0
    stack = load_study(real_data / "sunnybrook/SCD_IMAGES_01/SCD0000101")
    pixels = stack.images[::3, ::5].reshape(-1, *stack.images.shape[2:])
    for path in [*cascades, DETECTOR]:
        for count in (3, 6, 100):
            cut = tmp_path / f"{count}_{path.name}"
            cut.write_bytes(first_stages(path, count))
            for image in pixels[rng.choice(len(pixels), 4, replace=False)]:
                top, left, rows, columns = rng.integers((0, 0, 90, 90), (80, 80, 176, 176))
                scaled = image[top : top + rows, left : left + columns]
                scaled = scaled * (255 / scaled.max())
                found += check_parity(
                    opencv4,
                    cut,
                    np.ascontiguousarray(scaled.astype(np.uint8)),
                    float(rng.uniform(1.03, 2)),
                )
    assert found > 10_000


def test_sizes_of_windows(opencv4, tmp_path):
    rng = np.random.default_rng(13)
    path = tmp_path / "cascade.xml"
    path.write_bytes(random_cascade(1, stages=(4,), threshold=0.5))
    for _ in range(60):
        low = tuple(map(int, rng.integers(0, 120, 2)))
        high = tuple(map(int, rng.integers(1, 160, 2))) if rng.random() < 0.7 else None
        if rng.random() < 0.2:
            high = low if min(low) > 0 else None
        image = rng.integers(0, 256, rng.integers(20, 140, 2), dtype=np.uint8)
        check_parity(opencv4, path, image, float(rng.choice(FACTORS)), low, high)


@pytest.mark.parametrize("nodes", [1, 2, 3])
@pytest.mark.parametrize("size", [(3, 3), (11, 7), (20, 24)])
def test_trees_and_windows_of_any_size(opencv4, tmp_path, nodes, size):
    rng = np.random.default_rng(14)
    path = tmp_path / "cascade.xml"
    path.write_bytes(random_cascade(nodes, size=size, nodes=nodes))
    image = rng.integers(0, 256, (61, 83), dtype=np.uint8)
    assert check_parity(opencv4, path, image, 1.3) > 0


def test_opencv_reads_what_is_written(opencv4, cascades, tmp_path):
    rng = np.random.default_rng(15)
    trees = tmp_path / "trees.xml"
    trees.write_bytes(random_cascade(5, nodes=3))
    image = rng.integers(0, 256, (150, 170), dtype=np.uint8)
    for path in [*cascades, DETECTOR, trees]:
        cascade = read_cascade(path)
        written = tmp_path / f"written_{path.name}"
        written.write_bytes(cascade_to_xml(cascade))
        assert read_cascade(written) == cascade
        before, after = (opencv4.call("levels", str(p), image) for p in (path, written))
        assert in_order(*after) == in_order(*before)
        check_parity(opencv4, written, image, 1.1)


def test_grouping(opencv4):
    rng = np.random.default_rng(16)
    for n in (1, 2, 10, 100, 400):
        centres = rng.integers(0, 200, (max(1, n // 8), 2))
        corners = centres[rng.integers(len(centres), size=n)] + rng.integers(-4, 5, (n, 2))
        windows = np.hstack([corners, rng.integers(10, 60, (n, 2))]).astype(np.int32)
        stages, scores = np.ones(n, np.int32), np.zeros(n)
        for min_neighbors in (1, 2, 3, 7):
            ours = _core.group_windows(windows, stages, scores, min_neighbors=min_neighbors)
            expected = opencv4.call("group", to_xywh(windows), min_neighbors)
            assert in_order(to_xywh(ours[0]), ours[1]) == in_order(*expected)


def test_it_is_opencv_4(opencv4):
    assert opencv4.call("version").startswith("4.")
