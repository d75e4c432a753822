"""How long searching a picture with a cascade takes, beside OpenCV 4.

``python -m benchmarks.detection CASCADE.xml...`` searches pictures of 256 x 256 pixels at scales
1.1 apart, in turn with lvvol and with OpenCV, on one thread and on two, and writes
``results/detection.json``. Before anything is timed both must give the same windows and groups.
OpenCV 4 lies in ``build/opencv4``; the measurement runs in a process that takes it for cv2.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import call_apart, read_paths
from benchmarks.machine import write_results
from lvvol import _core
from lvvol.cascade import read_cascade
from lvvol.phantom import make_phantom

OPENCV = Path(__file__).resolve().parents[1] / "build" / "opencv4"
SIDE = 256
SCALE_FACTOR = 1.1
THREADS = (1, 2)
REPEATS = 60


def pictures() -> dict[str, np.ndarray]:
    """Return noise, and a middle slice of a phantom in the middle of a black picture."""
    stack = make_phantom(2, n_slices=6, n_phases=2).to_cine_stack()
    image = stack.images[3, 0, :SIDE, :SIDE]
    phantom = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - np.array(image.shape)) // 2
    phantom[top : top + image.shape[0], left : left + image.shape[1]] = 255 * (image / image.max())
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return {"noise": noise, "phantom": phantom}


def check(ours: np.ndarray, theirs: Any) -> None:
    """Raise AssertionError unless both found the same windows, in whatever order."""
    found = sorted(map(tuple, ours[:, [1, 0, 3, 2]].tolist()))
    assert found == sorted(map(tuple, np.asarray(theirs).reshape(-1, 4).tolist()))


def measure(path: Path, image: np.ndarray, threads: int, repeats: int, cv2: Any) -> dict[str, Any]:
    """Check, then time both in turn; return medians and best in ms and the ratios."""
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
    pairs = [(_milliseconds(theirs), _milliseconds(ours)) for _ in range(repeats)]
    opencv_ms, lvvol_ms = np.array(pairs).T
    ratios = opencv_ms / lvvol_ms
    return {
        "opencv_ms": float(np.median(opencv_ms)),
        "lvvol_ms": float(np.median(lvvol_ms)),
        "opencv_best_ms": float(opencv_ms.min()),
        "lvvol_best_ms": float(lvvol_ms.min()),
        "times_faster": float(np.median(ratios)),
        "times_faster_20_80": np.quantile(ratios, (0.2, 0.8)).tolist(),
    }


def _milliseconds(search: Callable[[], Any]) -> float:
    start = time.perf_counter()
    search()
    return 1000 * (time.perf_counter() - start)


def measure_all(paths: list[str], repeats: int) -> dict[str, Any]:
    """Measure every cascade on every picture, with OpenCV 4 as cv2."""
    sys.path.insert(0, str(OPENCV))
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
    """Measure in a new process, for this one may hold another OpenCV."""
    return call_apart(measure_all, [str(path) for path in paths], repeats)


def main(paths: list[Path]) -> None:
    """Measure all, write, print."""
    report = measure_apart(paths, REPEATS)
    for cascade, images in report["cascades"].items():
        for image, by_threads in images.items():
            for threads, m in by_threads.items():
                print(f"{cascade:36} {image:8} {threads:9} {m['opencv_ms']:7.2f} "
                      f"{m['lvvol_ms']:7.2f} ms {m['times_faster']:5.2f} times, best "
                      f"{m['opencv_best_ms']:6.2f} {m['lvvol_best_ms']:6.2f} ms")  # fmt: skip
    print(write_results("detection", report))


if __name__ == "__main__":
    main(read_paths(__doc__, "CASCADE.xml..."))
