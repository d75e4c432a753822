"""How well DSB2's masks and volumes agree, which limits every other figure of accuracy.

``python -m benchmarks.accuracy.labels DSB2_PNG`` compares volumes of the masks (Eq. 3) with the
labelled ones and writes ``results/labels.json``. ``systolic_excess`` is the constant in
`lvvol.datasets.dsb2_png`: the shortfall of the ED masks from EDV less that of the frame 12 masks
from ESV, as a fraction of the stroke volume.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run
from lvvol.datasets import LabelledStack, Part, read_dataset
from lvvol.evaluate.figures import agreement
from lvvol.volume import cone_volume_ml


def compare(stacks: Iterable[LabelledStack]) -> dict[str, Any]:
    """Compare the volumes of masks with labelled ones, in mL, for patients that have both."""
    known = [labels for labels in stacks if labels.edv_ml is not None]
    masks_ml = np.array(
        [
            cone_volume_ml(
                labels.masks.sum(axis=(2, 3)).T.astype(np.float64), labels.stack.positions_mm
            )
            for labels in known
        ]
    )
    labels_ml = np.array([[labels.edv_ml, labels.esv_ml] for labels in known], dtype=np.float64)
    shortfall_ml = labels_ml - masks_ml
    stroke_ml = labels_ml[:, 0] - labels_ml[:, 1]
    excess_ml = shortfall_ml[:, 0] - shortfall_ml[:, 1]
    return {
        "patients": len(known),
        "edv_ml": agreement(masks_ml[:, 0], labels_ml[:, 0]),
        "esv_ml": agreement(masks_ml[:, 1], labels_ml[:, 1]),
        "systolic_excess": float(excess_ml.sum() / stroke_ml.sum()),
    }


def main(dsb2_png: Path) -> dict[str, Any]:
    """Compare the labels of training and validation patients."""
    return {
        part.value: compare(read_dataset(dsb2_png, {part}))
        for part in (Part.TRAIN, Part.VALIDATION)
    }


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", results="labels")
