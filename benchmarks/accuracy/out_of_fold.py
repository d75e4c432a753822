"""Measurements of patients by weights that have not learned from them, from which to calibrate.

``python -m benchmarks.accuracy.out_of_fold DSB2_PNG RUN`` measures the patients of the parts
calibration and validation of the committed split by the run in RUN, which must be of the recipe that
ships and must not have seen them, and writes ``results/out_of_fold.json``: of each patient what a
calibration reads of a measurement, and the labelled volumes; of each drawn slice the measured and
the drawn share of the ROI. The weights that ship may learn from these patients too: their errors
are taken to be those of the run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.machine import RESULTS
from lvvol.datasets import SHIPPED, Part, open_dataset, read_split
from lvvol.evaluate.calibrate import Collected, collect
from lvvol.model import load_model
from lvvol.uncertainty import Features, Row
from lvvol.uncertainty.features import PhaseFeatures

PARTS = (Part.CALIBRATION, Part.VALIDATION)
FILE = RESULTS / "out_of_fold.json"


def main(dsb2_png: Path, weights: Path) -> dict[str, Any]:
    """Measure."""
    learned = json.loads((weights / "run.json").read_text(encoding="utf-8"))["hfcn"]
    split = read_split(SHIPPED)
    dataset = open_dataset(dsb2_png).select(lambda name: split.part_of(name) in PARTS)
    known = read_split(Path(learned["split"]))
    seen = [name for name in dataset.names if known.part_of(name) == learned["part"]]
    if seen:
        raise ValueError(f"{weights}: expected a run without {seen[0]}, got one that learned it")
    model = load_model(weights)
    return to_dict(collect(dataset, model)) | {
        "weights_sha256": model.weights_sha256,
        "recipe": json.loads((weights / "recipe.json").read_text(encoding="utf-8")),
    }


def to_dict(found: Collected) -> dict[str, Any]:
    """Return measurements as plain values."""
    return {
        "n_patients": len(found.rows),
        "refused": found.refused,
        "patients": [
            {"name": name, **asdict(row)} for name, row in zip(found.names, found.rows, strict=True)
        ],
        "shares": {"ed": found.shares[0], "es": found.shares[1]},
    }


def read_out_of_fold() -> Collected:
    """Return the committed measurements."""
    report = json.loads(FILE.read_text(encoding="utf-8"))
    found = Collected(refused=report["refused"])
    for each in report["patients"]:
        found.names.append(each["name"])
        found.rows.append(Row(_features(each["features"]), each["edv_ml"], each["esv_ml"]))
    for phase, name in enumerate(("ed", "es")):
        found.shares[phase].extend((measured, drawn) for measured, drawn in report["shares"][name])
    return found


def _features(values: dict[str, Any]) -> Features:
    ed, es = (_of_phase(values[name]) for name in ("ed", "es"))
    return Features(**(values | {"ed": ed, "es": es}))


def _of_phase(values: dict[str, Any]) -> PhaseFeatures:
    made = PhaseFeatures(**values)
    return replace(made, shares=tuple(made.shares), slopes_ml=tuple(made.slopes_ml))


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", "RUN", results="out_of_fold")
