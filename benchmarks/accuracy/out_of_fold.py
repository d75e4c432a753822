"""Measurements of patients by weights that have not learned from them, from which to calibrate.

``python -m benchmarks.accuracy.out_of_fold DSB2_PNG SUNNYBROOK_PNG RUN ABROAD`` writes
``results/out_of_fold.json``: of each patient what a calibration reads of a measurement, and the
true volumes; of each drawn slice the measured and the drawn share of the ROI.

RUN measures the patients of the parts calibration and validation of the committed split. It is of
the network that ships and has not seen them. The weights that ship may learn from these patients
too: their errors are taken to be those of RUN. ABROAD has learned from DSB2 only and measures
Sunnybrook, whose readers draw otherwise. There the truth is the volume inside the masks, over the
slices that are drawn at ED and ES; slices are some 8 mm apart and pixels some 1.3 mm wide, so that
errors are right relative to the volume only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run
from benchmarks.machine import RESULTS
from lvvol.datasets import SHIPPED, Dataset, LabelledStack, Part, open_dataset, read_split
from lvvol.errors import LvvolError
from lvvol.evaluate.calibrate import Collected, collect
from lvvol.model import Model, load_model
from lvvol.uncertainty import Features, Row, features
from lvvol.uncertainty.features import PhaseFeatures
from lvvol.volume import cone_volume_ml

PARTS = (Part.CALIBRATION, Part.VALIDATION)
OUT_OF_FOLD = "out of fold"
"""Name of the group in results and on pages."""

FILE = RESULTS / "out_of_fold.json"
FEWEST_SLICES = 3
"""Slices drawn at both phases below which a Sunnybrook patient shows no volume."""


def main(dsb2_png: Path, sunnybrook_png: Path, weights: Path, abroad: Path) -> dict[str, Any]:
    """Measure both sources."""
    split = read_split(SHIPPED)
    dsb2 = open_dataset(dsb2_png).select(lambda name: split.part_of(name) in PARTS)
    sunnybrook = open_dataset(sunnybrook_png)
    for run_folder, dataset in ((weights, dsb2), (abroad, sunnybrook)):
        _refuse_seen(run_folder, dataset)
    models = load_model(weights), load_model(abroad)
    return {
        "dsb2": _to_dict(collect(dsb2, models[0]), weights, models[0]),
        "sunnybrook": _to_dict(collect_drawn(sunnybrook, models[1]), abroad, models[1]),
    }


def _refuse_seen(weights: Path, dataset: Dataset) -> None:
    learned = json.loads((weights / "run.json").read_text(encoding="utf-8"))["hfcn"]
    known = read_split(Path(learned["split"]))
    seen = [name for name in dataset.names if known.part_of(name) == learned["part"]]
    if seen:
        raise ValueError(f"{weights}: expected a run without {seen[0]}, got one that learned it")


def collect_drawn(dataset: Dataset, model: Model) -> Collected:
    """Measure patients whose masks are the truth, in the slices drawn at both phases."""
    found = Collected()
    for labels in dataset:
        whole = labels.labelled.all(axis=1)
        if whole.sum() < FEWEST_SLICES:
            continue
        try:
            prediction = model.predict_working_stack(_slices(labels, whole).stack)
        except LvvolError as error:
            found.refused.append(f"{labels.patient}: {error}")
            continue
        drawn_mm2 = labels.masks[whole].sum(axis=(2, 3)).astype(np.float64)
        edv, esv = cone_volume_ml(drawn_mm2.T, prediction.stack.positions_mm)
        found.rows.append(Row(features(prediction), float(edv), float(esv)))
        found.names.append(labels.patient)
    return found


def _slices(labels: LabelledStack, kept: Any) -> LabelledStack:
    """Return some slices of a patient."""
    stack = labels.stack
    part = replace(
        stack,
        images=np.ascontiguousarray(stack.images[kept]),
        positions_mm=stack.positions_mm[kept],
        times_ms=stack.times_ms[kept],
        affines=stack.affines[kept],
    )
    return replace(labels, stack=part, masks=labels.masks[kept], labelled=labels.labelled[kept])


def _to_dict(found: Collected, weights: Path, model: Model) -> dict[str, Any]:
    recipe = json.loads((weights / "recipe.json").read_text(encoding="utf-8"))
    return {
        "weights_sha256": model.weights_sha256,
        "recipe": recipe["segmentation"],
        "n_patients": len(found.rows),
        "mean_error_ml": {
            "edv": float(np.mean([row.features.ed.volume_ml - row.edv_ml for row in found.rows])),
            "esv": float(np.mean([row.features.es.volume_ml - row.esv_ml for row in found.rows])),
        },
        "refused": found.refused,
        "patients": [
            {"name": name, **asdict(row)} for name, row in zip(found.names, found.rows, strict=True)
        ],
        "shares": {"ed": found.shares[0], "es": found.shares[1]},
    }


def read_out_of_fold(source: str) -> Collected:
    """Return the committed measurements of ``"dsb2"`` or ``"sunnybrook"``."""
    report = json.loads(FILE.read_text(encoding="utf-8"))[source]
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
    run(
        main,
        __doc__,
        "DSB2_PNG",
        "SUNNYBROOK_PNG",
        "RUN",
        "ABROAD",
        results="out_of_fold",
    )
