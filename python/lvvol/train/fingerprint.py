"""Hash of the detector's training data: a stopped run continues only with those it began with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy.typing as npt


def fingerprint(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Return a hash of the shapes and values of arrays, in their order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
