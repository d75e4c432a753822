"""How long searching an image with a cascade takes, compared with OpenCV 4.

``python -m benchmarks.speed.detection CASCADE.xml...`` searches images of 256 x 256 pixels at
scales 1.1 apart, alternately with lvvol and with OpenCV, on one thread and on two, and writes
``results/detection.json``. Both must give the same windows and groups before anything is timed.
OpenCV 4 lies in ``build/opencv4``, as OpenCV 5 has no cascades.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.command import run
from benchmarks.timing import times_ms
from lvvol import _core
from lvvol.cascade import read_cascade
from lvvol.phantom import make_phantom
from tests.support.opencv4 import OpenCV4

SIDE = 256
SCALE_FACTOR = 1.1
THREADS = (1, 2)
REPEATS = 60


@cache
def pictures() -> dict[str, np.ndarray]:
    """Return noise, and the middle slice of a phantom on a black background."""
    stack = make_phantom(2, n_slices=6, n_phases=2).to_cine_stack()
    image = stack.images[3, 0, :SIDE, :SIDE]
    phantom = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - np.array(image.shape)) // 2
    phantom[top : top + image.shape[0], left : left + image.shape[1]] = 255 * (image / image.max())
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return {"noise": noise, "phantom": phantom}


@cache
def opencv4() -> Any:
    """Import OpenCV 4 beside the OpenCV of the environment, which stays ``cv2``.

    Raises
    ------
    ModuleNotFoundError
        If it is not in ``build/opencv4``.
    """
    if not (OpenCV4.FOLDER / "cv2").is_dir():
        raise ModuleNotFoundError(f"expected OpenCV 4 in {OpenCV4.FOLDER}", name="cv2")

    def taken() -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] == "cv2"]
        return {name: sys.modules.pop(name) for name in names}

    others = taken()
    sys.path.insert(0, str(OpenCV4.FOLDER))
    try:
        found = import_module("cv2")
    finally:
        sys.path.remove(str(OpenCV4.FOLDER))
        taken()
        sys.modules.update(others)
    assert found.__version__.startswith("4."), found.__version__
    return found


def check(ours: np.ndarray, theirs: Any) -> None:
    """Raise AssertionError unless both found the same windows, in any order."""
    found = sorted(map(tuple, ours[:, [1, 0, 3, 2]].tolist()))
    assert found == sorted(map(tuple, np.asarray(theirs).reshape(-1, 4).tolist()))


Search = Callable[..., Any]


def searches(path: Path, image: np.ndarray, threads: int) -> tuple[Search, Search]:
    """Return lvvol's search and OpenCV's, each with the fewest neighbours of a group."""
    cv2 = opencv4()
    cascade = read_cascade(path)
    classifier = cv2.CascadeClassifier(str(path))

    def ours(min_neighbors: int = 3) -> np.ndarray:
        return _core.detect(
            image,
            cascade,
            scale_factor=SCALE_FACTOR,
            min_neighbors=min_neighbors,
            threads=threads,
        )[0]

    def theirs(min_neighbors: int = 3) -> Any:
        cv2.setNumThreads(threads)
        return classifier.detectMultiScale(
            image, scaleFactor=SCALE_FACTOR, minNeighbors=min_neighbors
        )

    return ours, theirs


def measure(path: Path, image: np.ndarray, threads: int, repeats: int) -> dict[str, Any]:
    """Check both, then time them alternately; return medians, best times and ratios."""
    ours, theirs = searches(path, image, threads)
    for min_neighbors in (0, 3):
        check(ours(min_neighbors), theirs(min_neighbors))
    times = times_ms({"opencv": theirs, "lvvol": ours}, repeats)
    opencv, lvvol = times["opencv"], times["lvvol"]
    return {
        **opencv.summary("opencv_ms"),
        **lvvol.summary("lvvol_ms"),
        "opencv_best_ms": opencv.smallest,
        "lvvol_best_ms": lvvol.smallest,
        **(opencv / lvvol).summary("times_faster"),
    }


def measure_all(paths: list[Path], repeats: int) -> dict[str, Any]:
    """Measure every cascade on every image."""
    images = pictures()
    return {
        "opencv": opencv4().__version__,
        "cascades": {
            path.name: {
                name: {
                    f"{threads} thread{'s' * (threads > 1)}": measure(path, image, threads, repeats)
                    for threads in THREADS
                }
                for name, image in images.items()
            }
            for path in paths
        },
    }


def main(*paths: Path) -> dict[str, Any]:
    """Measure all cascades and print a table."""
    report = measure_all(list(paths), REPEATS)
    for cascade, images in report["cascades"].items():
        for image, by_threads in images.items():
            for threads, m in by_threads.items():
                print(f"{cascade:36} {image:8} {threads:9} {m['opencv_ms']:7.2f} "
                      f"{m['lvvol_ms']:7.2f} ms {m['times_faster']:5.2f} times, best "
                      f"{m['opencv_best_ms']:6.2f} {m['lvvol_best_ms']:6.2f} ms")  # fmt: skip
    return report


if __name__ == "__main__":
    run(main, __doc__, "CASCADE.xml...", results="detection")
