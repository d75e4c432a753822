"""Accuracy of the shipped weights on patients left out of training.

``python -m benchmarks.accuracy.patients DSB2_PNG DATA`` measures the validation and test patients
of the committed split and the five whole DICOM studies, and writes ``results/accuracy.json``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from benchmarks.command import run
from lvvol.datasets import Part
from lvvol.evaluate import evaluate, summarise
from tests.support.left_out import compare_all


def main(dsb2_png: Path, data: Path) -> dict[str, Any]:
    """Measure and compare with the labels."""
    report: dict[str, Any] = {}
    for part in (Part.VALIDATION, Part.TEST):
        results, refused = evaluate(dsb2_png, part)
        report[part.value] = {
            **summarise(results, refused),
            "patients": len(results),
            "refused": refused,
            "each": [result.to_dict() for result in results],
        }
    report["left_out"] = [
        dataclasses.asdict(c)
        | {"edv_error_percent": c.edv_error_percent, "esv_error_percent": c.esv_error_percent}
        for c in compare_all(data)
    ]
    return report


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", "DATA", results="accuracy")
