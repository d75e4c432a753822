"""Phantoms as labelled stacks, with exact masks."""

from __future__ import annotations

import numpy as np

from lvvol.datasets.labelled import LabelledStack
from lvvol.geometry import same_corner_map
from lvvol.phantom import make_phantom
from lvvol.planes import resample
from lvvol.preprocess import PIXEL_MM, to_working_stack


def phantom_labels(seed: int, rows: int = 256) -> LabelledStack:
    """Render a phantom's short-axis stack at two phases, ED and ES.

    Parameters
    ----------
    seed : int
        Seed of `lvvol.phantom.make_phantom`.
    rows : int
        Rows of the matrix.

    Returns
    -------
    LabelledStack
        Patient ``phantom/SEED``; a pixel is cavity where half of its slab is.
    """
    study = make_phantom(seed, n_phases=2, rows=rows)
    stack = to_working_stack(study.to_cine_stack())
    shape = stack.images.shape
    matrix = same_corner_map(PIXEL_MM / np.array(study.pixel_spacing_mm))
    planes = study.lv_coverage.reshape(-1, *study.lv_coverage.shape[2:])
    coverage = resample(planes, np.tile(matrix, (len(planes), 1, 1)), shape[2:])
    return LabelledStack(
        patient=f"phantom/{seed}",
        stack=stack,
        masks=coverage.reshape(shape) >= 127.5,
        labelled=np.ones(shape[:2], dtype=bool),
        edv_ml=study.truth.edv_ml,
        esv_ml=study.truth.esv_ml,
    )
