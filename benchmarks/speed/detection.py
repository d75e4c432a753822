"""How long searching an image with a cascade takes, compared with OpenCV 4.

``python -m benchmarks.speed.detection CASCADE.xml...`` searches images of 256 x 256 pixels at
scales 1.1 apart, alternately with lvvol and with OpenCV, on one thread and on two, and writes
``results/detection.json``. Both must give the same windows and groups before anything is timed. The
measurement runs in a process that imports OpenCV 4 from ``build/opencv4`` as cv2.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import call_apart, run
from benchmarks.timing import times_ms
from lvvol import _core
from lvvol.cascade import read_cascade
from lvvol.phantom import make_phantom
from tests.support.opencv4 import OpenCV4

SIDE = 256
SCALE_FACTOR = 1.1
THREADS = (1, 2)
REPEATS = 60


def pictures() -> dict[str, np.ndarray]:
    """Return noise, and the middle slice of a phantom on a black background."""
    stack = make_phantom(2, n_slices=6, n_phases=2).to_cine_stack()
    image = stack.images[3, 0, :SIDE, :SIDE]
    phantom = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - np.array(image.shape)) // 2
    phantom[top : top + image.shape[0], left : left + image.shape[1]] = 255 * (image / image.max())
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return {"noise": noise, "phantom": phantom}


def check(ours: np.ndarray, theirs: Any) -> None:
    """Raise AssertionError unless both found the same windows, in any order."""
    found = sorted(map(tuple, ours[:, [1, 0, 3, 2]].tolist()))
    assert found == sorted(map(tuple, np.asarray(theirs).reshape(-1, 4).tolist()))


def measure(path: Path, image: np.ndarray, threads: int, repeats: int, cv2: Any) -> dict[str, Any]:
    """Check both, then time them alternately; return medians, best times and ratios."""
    cascade = read_cascade(path)
    classifier = cv2.CascadeClassifier(str(path))
    cv2.setNumThreads(threads)

    def ours(min_neighbors: int = 3) -> np.ndarray:
        return _core.detect(
            image,
            cascade,
            scale_factor=SCALE_FACTOR,
            min_neighbors=min_neighbors,
            threads=threads,
        )[0]

    def theirs(min_neighbors: int = 3) -> Any:
        return classifier.detectMultiScale(
            image, scaleFactor=SCALE_FACTOR, minNeighbors=min_neighbors
        )

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


def measure_all(paths: list[str], repeats: int) -> dict[str, Any]:
    """Measure every cascade on every image, with OpenCV 4 as cv2."""
    sys.path.insert(0, str(OpenCV4.FOLDER))
    import cv2

    assert cv2.__version__.startswith("4."), cv2.__version__
    images = pictures()
    return {
        "opencv": cv2.__version__,
        "cascades": {
            path.name: {
                name: {
                    f"{threads} thread{'s' * (threads > 1)}": measure(
                        path, image, threads, repeats, cv2
                    )
                    for threads in THREADS
                }
                for name, image in images.items()
            }
            for path in map(Path, paths)
        },
    }


def measure_apart(paths: list[Path], repeats: int) -> dict[str, Any]:
    """Measure in a new process, as this one may have loaded another OpenCV."""
    return call_apart(measure_all, [str(path) for path in paths], repeats)


def main(*paths: Path) -> dict[str, Any]:
    """Measure all cascades and print a table."""
    report = measure_apart(list(paths), REPEATS)
    for cascade, images in report["cascades"].items():
        for image, by_threads in images.items():
            for threads, m in by_threads.items():
                print(f"{cascade:36} {image:8} {threads:9} {m['opencv_ms']:7.2f} "
                      f"{m['lvvol_ms']:7.2f} ms {m['times_faster']:5.2f} times, best "
                      f"{m['opencv_best_ms']:6.2f} {m['lvvol_best_ms']:6.2f} ms")  # fmt: skip
    return report


if __name__ == "__main__":
    run(main, __doc__, "CASCADE.xml...", results="detection")
