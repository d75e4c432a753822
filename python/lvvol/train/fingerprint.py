"""Hashes of training data: a stopped run continues only with the data it began with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lvvol.datasets import LabelledStack


def fingerprint(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Return a hash of the shapes and values of arrays, in their order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def stacks_fingerprint(*groups: Sequence[LabelledStack]) -> str:
    """Return a hash of all that training takes from labelled stacks.

    Parameters
    ----------
    *groups : sequence of LabelledStack
        Each for its own purpose, such as segmentation or volumes.

    Returns
    -------
    str
        Differs where a patient, an image, a label, a volume or the order does.
    """

    def arrays() -> Iterator[npt.NDArray[Any]]:
        for stacks in groups:
            yield np.empty((len(stacks), 0))
            for labels in stacks:
                yield np.frombuffer(labels.patient.encode(), dtype=np.uint8)
                yield from (labels.stack.images, labels.masks, labels.labelled)
                yield np.asarray(labels.stack.positions_mm, dtype=np.float64)
                volumes = (*labels.stack.pixel_spacing_mm, labels.edv_ml, labels.esv_ml)
                # None becomes NaN.
                yield np.array([*volumes, labels.systolic_excess], dtype=np.float64)

    return fingerprint(arrays())
