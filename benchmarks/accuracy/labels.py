"""How well DSB2's masks and volumes agree: the floor under every figure of accuracy.

``python -m benchmarks.accuracy.labels DSB2_PNG`` compares Eq. 3 over the masks with the labelled
volumes and writes ``results/labels.json``. ``systolic_excess`` is what `lvvol.datasets.dsb2_png`
assumes: by how much less the masks of frame 12 fall short of ESV than those of ED do of EDV, as a
share of the stroke volume.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.command import read_paths
from benchmarks.machine import write_results
from lvvol.datasets import LabelledStack, Part, read_dataset
from lvvol.evaluate.figures import agreement
from lvvol.volume import cone_volume_ml


def compare(stacks: Iterable[LabelledStack]) -> dict[str, object]:
    """Compare the volumes of masks with labelled ones, mL, over patients that have both."""
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


def main(dsb2_png: Path) -> None:
    """Compare, write."""
    report = {
        part.value: compare(read_dataset(dsb2_png, {part}))
        for part in (Part.TRAIN, Part.VALIDATION)
    }
    print(write_results("labels", report))


if __name__ == "__main__":
    main(*read_paths(__doc__, "DSB2_PNG"))
