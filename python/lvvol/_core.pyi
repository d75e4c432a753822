"""The compiled core: geometry, resampling, windows and contours. See src/lvcore."""

from typing import Literal

import numpy as np
import numpy.typing as npt

Edge = Literal["zero", "nearest"]

class GeometryError(ValueError): ...

def plane_map(
    source_affine: npt.NDArray[np.float64], target_affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]: ...
def resample(
    images: npt.NDArray[np.float32 | np.uint8 | np.uint16 | np.int16],
    matrices: npt.NDArray[np.float64],
    shape: tuple[int, int],
    *,
    sources: npt.NDArray[np.int64] | None = None,
    edge: Edge = "zero",
    threads: int = 0,
) -> npt.NDArray[np.float32]: ...
def extract_windows(
    images: npt.NDArray[np.float32],
    slices: npt.NDArray[np.int64],
    squares: npt.NDArray[np.float64],
    phases: npt.NDArray[np.int64],
    size: int,
    *,
    normalise: Literal["none", "mean", "mean_std"] = "none",
    edge: Edge = "nearest",
    threads: int = 0,
) -> npt.NDArray[np.float32]: ...
def contour_coverage(
    points: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]: ...
