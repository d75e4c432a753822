"""How many untouched studies ask for review, why, and how often those are wrong.

``python -m benchmarks.accuracy.review DSB2_PNG SUNNYBROOK_PNG`` measures the training and
validation patients and phantom seeds 1 to 50, and writes ``results/review.json``. Wrong is more
than 15 % off in EDV or ESV, the latter against the labelled phase.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import lvvol
from benchmarks.command import run
from lvvol.datasets import Part, read_dataset
from lvvol.errors import LvvolError
from lvvol.phantom import make_phantom
from lvvol.pipeline import measure_working_stack
from lvvol.prediction import Prediction

SEEDS = range(1, 51)
WRONG = 0.15

Volumes = tuple[float, float]
Measured = tuple[Prediction | None, Volumes | None]
"""A measurement, None if refused, and the true EDV and ESV, None if unknown."""


def main(dsb2_png: Path, sunnybrook_png: Path) -> dict[str, Any]:
    """Return the share of review, the reasons, and the share of wrong volumes with and without."""
    return {
        "patients": _summary(_patients(dsb2_png, sunnybrook_png)),
        "phantoms": _summary(_phantoms()),
    }


def _patients(*folders: Path) -> Iterator[Measured]:
    """Measure image pairs."""
    model = lvvol.load_model()
    for folder in folders:
        for labels in read_dataset(folder, {Part.TRAIN, Part.CALIBRATION, Part.VALIDATION}):
            try:
                measured = measure_working_stack(
                    labels.stack, model.detector, model.roi_classifier, model.hfcn
                )
            except LvvolError:
                yield None, labels.phase_volumes_ml
            else:
                yield measured, labels.phase_volumes_ml


def _phantoms() -> Iterator[Measured]:
    """Measure whole synthetic studies."""
    for seed in SEEDS:
        phantom = make_phantom(seed)
        yield lvvol.predict(phantom.to_cine_stack()), (phantom.truth.edv_ml, phantom.truth.esv_ml)


def _summary(studies: Iterable[Measured]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for prediction, volumes in studies:
        status = "failed" if prediction is None else str(prediction.status)
        counts[status] += 1
        if prediction is None:
            continue
        codes.update({str(reason.code) for reason in prediction.reasons})
        if volumes is not None:
            counts[f"{status}_labelled"] += 1
            counts[f"{status}_wrong"] += _is_wrong(prediction, volumes)
    return {
        "n": counts["ok"] + counts["review"] + counts["failed"],
        "n_review": counts["review"],
        "n_failed": counts["failed"],
        "wrong_of_review": counts["review_wrong"] / max(counts["review_labelled"], 1),
        "wrong_of_ok": counts["ok_wrong"] / max(counts["ok_labelled"], 1),
        "studies_with": dict(sorted(codes.items())),
    }


def _is_wrong(prediction: Prediction, volumes: Volumes) -> bool:
    measured = (prediction.edv_ml, prediction.esv_ml)
    return any(abs(m / v - 1) > WRONG for m, v in zip(measured, volumes, strict=True))


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", "SUNNYBROOK_PNG", results="review")
