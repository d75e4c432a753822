"""How long `_core.resample` takes, compared with SimpleITK and OpenCV.

``python -m benchmarks.speed.resampling`` resamples 12 slices x 20 phases x 256 x 256 pixels and
writes ``results/resampling.json``. Every case is compared with SimpleITK before it is timed. Each
repeat runs all libraries, and ratios are medians over repeats of ratios within one repeat. A plain
copy of as many bytes shows how fast memory is.

OpenCV, scipy and lvvol write into existing arrays, which SimpleITK cannot; lvvol is timed with a
new array for every call as well. SimpleITK resamples the phases of a slice as one volume, which
takes it a third less time than image by image.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813

from benchmarks.command import run
from benchmarks.timing import times_ms
from lvvol import _core

SHAPE = (12, 20, 256, 256)
DTYPES = (np.float32, np.uint16)
BRIGHTEST = 4095

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A map per slice for all its phases; `matrices` (slice, 2, 3) map output to input indices."""

    name: str
    matrices: Matrix
    shape: tuple[int, int]


def cases(n_slices: int, size: int) -> list[Case]:
    """Return the cases for images of `size` x `size`; the maps of slices differ slightly."""
    middle = (size - 1) / 2

    def turned(degrees: float) -> Matrix:
        matrices = []
        for z in range(n_slices):
            angle = math.radians(degrees + 0.1 * z)
            turn = np.array(
                [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
            )
            matrices.append(np.column_stack([turn, middle - turn @ [middle, middle]]))
        return np.stack(matrices)

    def straight(step: float, first: float) -> Matrix:
        matrix = np.column_stack([step * np.eye(2), [first, first]])
        return np.stack([matrix + [[0, 0, 0.01 * z]] * 2 for z in range(n_slices)])

    scaled = 1 / 1.4  # pixels of 1.4 mm onto pixels of 1 mm
    return [
        Case("scaling", straight(scaled, scaled / 2 - 0.5), (round(1.4 * size),) * 2),
        Case("shift", straight(1.0, 0.3), (size, size)),
        Case("rotation by 20 degrees", turned(20), (size, size)),
        Case("rotation by 80 degrees", turned(80), (size, size)),
    ]


class Contest:
    """One case with one pixel type, ready to run with each library."""

    def __init__(self, images: npt.NDArray, case: Case, threads: int) -> None:
        n_phases, rows, columns = images.shape[1:]
        self._threads = threads
        self._planes = images.reshape(-1, rows, columns)
        self._matrices = np.repeat(case.matrices, n_phases, axis=0)
        self._shape = case.shape
        outputs = (len(self._planes), *case.shape)
        # Written once, so no run pays for the first touch of the memory.
        self.out = np.ones(outputs, np.float32)
        self.cv2_out = np.ones(outputs, images.dtype)
        swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
        self._cv2_maps = [
            (swap @ np.vstack([matrix, [0, 0, 1]]) @ swap)[:2] for matrix in self._matrices
        ]
        half = self.bytes_moved() // 2
        self._copy_from = np.array_split(np.ones(half, np.uint8), threads)
        self._copy_to = np.array_split(np.ones(half, np.uint8), threads)
        self._pool = ThreadPoolExecutor(threads)
        self._sitk_volumes = [sitk.GetImageFromArray(phases) for phases in images]
        self._sitk_filters = [self._sitk_filter(matrix, n_phases) for matrix in case.matrices]

    def _sitk_filter(self, matrix: Matrix, n_phases: int) -> sitk.ResampleImageFilter:
        transform = sitk.AffineTransform(3)
        turn = np.eye(3)
        turn[:2, :2] = matrix[::-1, 1::-1]
        transform.SetMatrix(turn.ravel().tolist())
        transform.SetTranslation([*matrix[::-1, 2].tolist(), 0.0])
        resampler = sitk.ResampleImageFilter()
        resampler.SetInterpolator(sitk.sitkLinear)
        resampler.SetOutputPixelType(sitk.sitkFloat32)
        resampler.SetSize([self._shape[1], self._shape[0], n_phases])
        resampler.SetTransform(transform)
        resampler.SetNumberOfThreads(self._threads)
        return resampler

    def lvvol(self) -> None:
        _core.resample(
            self._planes, self._matrices, self._shape, out=self.out, threads=self._threads
        )

    def lvvol_new(self) -> None:
        _core.resample(self._planes, self._matrices, self._shape, threads=self._threads)

    def opencv(self) -> None:
        cv2.setNumThreads(self._threads)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = self._shape[::-1]
        for plane, matrix, out in zip(self._planes, self._cv2_maps, self.cv2_out, strict=True):
            cv2.warpAffine(plane, matrix, size, dst=out, flags=flags)

    def scipy(self) -> None:
        """Resample with scipy.ndimage, which has no threads of its own."""
        from scipy import ndimage

        for plane, matrix, out in zip(self._planes, self._matrices, self.out, strict=True):
            ndimage.affine_transform(
                plane, matrix[:, :2], matrix[:, 2], self._shape, out, order=1, mode="constant"
            )

    def simpleitk(self) -> list[sitk.Image]:
        return [
            resampler.Execute(volume)
            for resampler, volume in zip(self._sitk_filters, self._sitk_volumes, strict=True)
        ]

    def check(self) -> dict[str, float]:
        """Return the largest differences from SimpleITK, relative to the brightest pixel.

        Raises
        ------
        AssertionError
            If that of lvvol is 1e-3 or more, or that of OpenCV 0.05 or more.
        """
        return {name: self.check_one(name) for name in ("lvvol", "opencv")}

    def check_one(self, library: str) -> float:
        """Return the largest difference of one library (lvvol, opencv or scipy), as `check`.

        Raises
        ------
        AssertionError
            If it is too large; 1e-3 for scipy.
        """
        getattr(self, library)()
        out = self.cv2_out if library == "opencv" else self.out
        # All agree inside the image, but not within half a pixel of its edge.
        difference = float(np.abs(out - self._expected)[self._inside].max())
        difference /= float(self._planes.max())
        assert difference < (0.05 if library == "opencv" else 1e-3), {library: difference}
        return difference

    @cached_property
    def _expected(self) -> npt.NDArray[np.float32]:
        return np.concatenate([sitk.GetArrayFromImage(v) for v in self.simpleitk()])

    @cached_property
    def _inside(self) -> npt.NDArray[np.bool_]:
        r, c = np.meshgrid(*map(np.arange, self._shape), indexing="ij")
        at = np.einsum("nij,jrc->nirc", self._matrices, np.stack([r, c, np.ones_like(r)]))
        last = np.array(self._planes.shape[1:])[:, None, None] - 1
        return np.asarray(((at >= 0) & (at <= last)).all(axis=1))

    def bytes_moved(self) -> int:
        """Return the bytes of input and output."""
        return int(self._planes.nbytes + self.out.nbytes)

    def copy(self) -> None:
        """Copy as many bytes, one part per thread."""
        list(self._pool.map(np.copyto, self._copy_to, self._copy_from))


def measure(
    shape: tuple[int, int, int, int] = SHAPE,
    rounds: int = 11,
    threads: tuple[int, ...] = (1, 2),
    dtypes: tuple[npt.DTypeLike, ...] = DTYPES,
) -> dict[str, Any]:
    """Check and time every case; return medians over the repeats (rounds)."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, BRIGHTEST, shape, np.uint16, endpoint=True)
    rows = []
    for dtype in dtypes:
        images = noise.astype(dtype)
        for case in cases(shape[0], shape[2]):
            for n in threads:
                contest = Contest(images, case, n)
                differences = contest.check()
                runs = {
                    "lvvol": contest.lvvol,
                    "lvvol, new array": contest.lvvol_new,
                    "opencv": contest.opencv,
                    "simpleitk": contest.simpleitk,
                    "copy": contest.copy,
                }
                times = times_ms(runs, rounds)
                rows.append(
                    {
                        "case": case.name,
                        "pixels": np.dtype(dtype).name,
                        "threads": n,
                        "largest_relative_difference": differences,
                        "times_ms": {name: taken.median for name, taken in times.items()},
                        "times_as_long": {
                            name: (times[name] / times["lvvol"]).median
                            for name in ("opencv", "simpleitk")
                        },
                        "copy_gb_per_s": contest.bytes_moved() / times["copy"].median / 1e6,
                        "share_of_copy_bandwidth": (times["copy"] / times["lvvol"]).median,
                    }
                )
    return {
        "stack": list(shape),
        "rounds": rounds,
        "libraries": {"opencv": cv2.__version__, "simpleitk": sitk.Version_VersionString()},
        "cases": rows,
    }


def main() -> dict[str, Any]:
    """Measure all cases."""
    return measure()


if __name__ == "__main__":
    run(main, __doc__, results="resampling")
