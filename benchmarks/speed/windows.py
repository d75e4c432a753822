"""How long `extract_windows` takes, compared with a loop of `cv2.resize`.

``python -m benchmarks.speed.windows`` cuts the inputs of the ROI classifier and of HFCN,
alternately both ways, on one thread and on two, and writes ``results/windows.json``. HFCN takes few
windows, so these are cut from several studies, to read from memory rather than the cache; times are
per study. Windows lie inside the image at whole pixels, as OpenCV needs them. The loop fills one
array in place and NumPy normalises it all at once. The filter of OpenCV sees only the window, that
of lvvol the image around it as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from benchmarks.command import run
from benchmarks.timing import times_ms
from lvvol import _core
from lvvol.roi.phases import window_phases

REPEATS = 25
STUDIES = 4
THREADS = (1, 2)
ROWS = COLUMNS = 256

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """Which windows to cut from which images."""

    images: Floats
    slices: npt.NDArray[np.int64]
    squares: npt.NDArray[np.float64]
    phases: npt.NDArray[np.int64]
    size: int
    normalise: str

    def empty(self, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Return an array for the windows."""
        return np.empty((len(self.squares), len(self.phases), self.size, self.size), dtype)


def planes(n_slices: int, n_phases: int) -> Floats:
    """Return images with constant slope, from 0 to at most 1, on which all filters nearly agree."""
    z, t, row, column = np.ogrid[:n_slices, :n_phases, :ROWS, :COLUMNS]
    rise = (0.7 * row + 0.3 * column) / ROWS
    return (rise * (1 - 0.01 * t) * (1 - 0.02 * z)).astype(np.float32)


def rois(count: int) -> npt.NDArray[np.float64]:
    """Return ROIs near the middle of the image, of 55 to 100 pixels."""
    rng = np.random.default_rng(0)
    sides, centres = rng.uniform(55, 100, (count, 1)), rng.uniform(110, 146, (count, 2))
    return np.hstack([centres - sides / 2, sides])


def whole_pixels(squares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round squares to whole pixels."""
    return np.round(squares)


def classifier_case(images: Floats, count: int) -> Case:
    """Return the input of the ROI classifier: windows around ROIs at six phases."""
    squares = np.concatenate([_core.propose_windows(roi) for roi in rois(-(-count // 150))])[:count]
    slices = np.arange(count) // 150 % len(images)
    phases = window_phases(images.shape[1])
    return Case(images, slices, whole_pixels(squares), phases, 25, "mean")


def segmentation_case(images: Floats) -> Case:
    """Return the input of HFCN: one window per slice, at every phase."""
    slices, phases = np.arange(images.shape[0]), np.arange(images.shape[1])
    return Case(images, slices, whole_pixels(rois(len(images))), phases, 48, "mean_std")


def by_lvvol(case: Case, out: npt.NDArray[Any], threads: int) -> None:
    """Cut the windows into `out` with lvvol."""
    _core.extract_windows(
        case.images,
        case.slices,
        case.squares,
        case.phases,
        case.size,
        normalise=case.normalise,  # type: ignore[arg-type]
        out=out,
        threads=threads,
    )


def by_opencv(case: Case, out: Floats, threads: int) -> None:
    """Cut the windows into `out` with OpenCV: by area where a window shrinks, else bilinearly."""
    cv2.setNumThreads(threads)
    size = (case.size, case.size)
    corners = case.squares.astype(int).tolist()
    phases = case.phases.tolist()
    for window, z, (top, left, side) in zip(out, case.slices.tolist(), corners, strict=True):
        how = cv2.INTER_AREA if side > case.size else cv2.INTER_LINEAR
        rows, columns = slice(top, top + side), slice(left, left + side)
        for patch, t in zip(window, phases, strict=True):
            cv2.resize(case.images[z, t, rows, columns], size, dst=patch, interpolation=how)
    normalise(out, case.normalise)


def by_grid_sample(case: Case, out: Floats, threads: int) -> None:
    """Cut the windows into `out` with torch, all of a slice at once, with no smoothing."""
    torch.set_num_threads(threads)
    steps = case.squares[:, 2, None] / case.size
    at = (np.arange(case.size) + 0.5) * steps  # from the window's edge
    rows, columns = (case.squares[:, axis, None] + at for axis in (0, 1))
    size = case.size
    # From -1 at the image's one edge to 1 at the other; torch takes the column first.
    grid = np.empty((len(case.squares), size, size, 2), np.float32)
    grid[..., 0] = (2 * columns / case.images.shape[3] - 1)[:, None, :]
    grid[..., 1] = (2 * rows / case.images.shape[2] - 1)[:, :, None]
    for z in np.unique(case.slices):
        of_slice = case.slices == z
        cut = functional.grid_sample(
            torch.from_numpy(case.images[z][case.phases])[None],
            torch.from_numpy(grid[of_slice].reshape(1, -1, size, 2)),
            padding_mode="border",
            align_corners=False,
        )
        out[of_slice] = cut[0].numpy().reshape(-1, int(of_slice.sum()), size, size).swapaxes(0, 1)
    normalise(out, case.normalise)


def normalise(windows: npt.NDArray[Any], how: str) -> None:
    """Normalise windows in place with NumPy."""
    if how == "mean":
        windows -= windows.mean(axis=(1, 2, 3), keepdims=True)
    else:
        windows -= windows.mean(axis=(2, 3), keepdims=True)
        windows /= windows.std(axis=(2, 3), keepdims=True)


def reference(case: Case, n: int) -> npt.NDArray[np.float64]:
    """Cut window n by matrix products with the balanced triangle filter, in float64."""
    corner, side = case.squares[n, :2], case.squares[n, 2]
    step = side / case.size
    centres = corner[:, None] + (np.arange(case.size) + 0.5) * step
    away = np.arange(ROWS) + 0.5 - centres[..., None]
    weights = np.maximum(0, 1 - np.abs(away) / max(step, 1))
    if step > 1:  # keep a straight line straight
        first, second = ((weights * away**n).sum(axis=-1, keepdims=True) for n in (1, 2))
        weights *= 1 - first / second * away
    rows, columns = weights / weights.sum(axis=-1, keepdims=True)
    return rows @ case.images[case.slices[n], case.phases].astype(np.float64) @ columns.T


def check(case: Case) -> None:
    """Raise AssertionError unless both ways cut the windows; lvvol must do so to 1e-5."""
    by_lvvol(case, out := case.empty(np.float32), 2)
    by_lvvol(case, halves := case.empty(np.float16), 2)
    by_opencv(case, theirs := case.empty(np.float32), 1)
    np.testing.assert_array_equal(halves, out.astype(np.float16))
    check_ours(case, out)
    check_theirs(case, theirs, out)


def check_ours(case: Case, out: Floats) -> None:
    """Raise AssertionError unless windows are those of the balanced triangle filter to 1e-5."""
    sample = np.arange(0, len(out), -(-len(out) // 100))
    expected = np.array([reference(case, n) for n in sample])
    normalise(expected, case.normalise)
    np.testing.assert_allclose(out[sample], expected, atol=1e-5)


def check_theirs(case: Case, theirs: Floats, out: Floats) -> None:
    """Raise AssertionError unless windows cut otherwise show the same."""
    # The filters differ by less than half the step between pixels, which is at most 0.7 / 256.
    step = 0.7 / 256 if case.normalise == "mean" else 0.1
    np.testing.assert_allclose(theirs, out, atol=step / 2)


def measure(cases: list[Case], repeats: int) -> dict[str, Any]:
    """Check both ways, then time them alternately on several cases of the same size.

    Return medians in ms per case, and ratios of OpenCV's time to lvvol's.
    """
    case = cases[0]
    check(case)
    floats, halves = case.empty(np.float32), case.empty(np.float16)
    report: dict[str, Any] = {
        "windows": len(case.squares),
        "phases": len(case.phases),
        "size": case.size,
        "normalise": case.normalise,
    }
    for threads in THREADS:
        ways = {
            "opencv_ms": partial(_cut_all, by_opencv, cases, floats, threads),
            "lvvol_ms": partial(_cut_all, by_lvvol, cases, floats, threads),
            "lvvol_float16_ms": partial(_cut_all, by_lvvol, cases, halves, threads),
        }
        times = times_ms(ways, repeats)
        row: dict[str, Any] = {}
        for name, taken in times.items():
            row |= (taken / len(cases)).summary(name)
        row |= (times["opencv_ms"] / times["lvvol_ms"]).summary("ratio")
        report[f"{threads} thread{'s' * (threads > 1)}"] = row
    return report


def _cut_all(
    way: Callable[[Case, Any, int], None], cases: list[Case], out: npt.NDArray[Any], threads: int
) -> None:
    for case in cases:
        way(case, out, threads)


def main(n_slices: int = 11, n_phases: int = 30, n_windows: int = 5000) -> dict[str, Any]:
    """Measure both cases and print the report."""
    studies = [planes(n_slices, n_phases) for _ in range(STUDIES)]
    report = {
        "opencv": cv2.__version__,
        "classifier": measure([classifier_case(studies[0], n_windows)], REPEATS),
        "segmentation": measure([segmentation_case(images) for images in studies], REPEATS),
    }
    print(json.dumps(report, indent=1))
    return report


if __name__ == "__main__":
    run(main, __doc__, results="windows")
