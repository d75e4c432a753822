"""OpenCV 4, which can still detect with cascades, next to OpenCV 5 in the environment.

Both are imported as cv2, so OpenCV 4 is installed in a separate folder and runs in a new process.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np


class OpenCV4:
    """A process with OpenCV 4, in which the functions of this module can be called."""

    FOLDER = Path(__file__).resolve().parents[2] / "build" / "opencv4"

    def __enter__(self) -> OpenCV4:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self.FOLDER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()

    def call(self, name: str, *arguments: Any, **named: Any) -> Any:
        """Call a function of this module in that process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((name, arguments, named), self._process.stdin)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)


def version() -> str:
    return cv2.__version__


def detect(cascade: str, image: np.ndarray, min_neighbors: int, **options: Any) -> np.ndarray:
    """Return the windows (x, y, width, height) of ``detectMultiScale``."""
    windows = _load(cascade).detectMultiScale(image, minNeighbors=min_neighbors, **options)
    return np.array(windows, dtype=np.int32).reshape(-1, 4)


def levels(cascade: str, image: np.ndarray, **options: Any) -> tuple[np.ndarray, ...]:
    """Return the windows that pass all stages, the stages passed and the sums of the last one."""
    windows, stages, sums = _load(cascade).detectMultiScale3(
        image, minNeighbors=0, outputRejectLevels=True, **options
    )
    windows = np.array(windows, dtype=np.int32).reshape(-1, 4)
    return windows, np.ravel(np.array(stages, dtype=int)), np.ravel(np.array(sums, dtype=float))


def resize(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR_EXACT)


def group(windows: np.ndarray, min_neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    grouped, counts = cv2.groupRectangles(windows.tolist(), min_neighbors, 0.2)
    return np.array(grouped, dtype=np.int32).reshape(-1, 4), np.ravel(np.array(counts, dtype=int))


def _load(cascade: str) -> Any:
    classifier = cv2.CascadeClassifier(cascade)
    assert not classifier.empty(), cascade
    return classifier


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import cv2

    cv2.setNumThreads(1)
    while True:
        try:
            function, given, options = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        pickle.dump(globals()[function](*given, **options), sys.stdout.buffer)
        sys.stdout.buffer.flush()
