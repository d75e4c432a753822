"""Array, path and callback types that every room shares."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

StrPath = str | os.PathLike[str]
"""A path as the user gives it."""

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, the steps done and the number of steps."""
