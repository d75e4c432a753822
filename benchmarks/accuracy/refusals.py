"""Whether images without a heart are refused, and whether the detector matters.

``python -m benchmarks.accuracy.refusals PNG DATA RUNS`` searches the training and validation
patients in PNG (``dsb2_png``, ``sunnybrook_png``) and parts of the DICOM studies in DATA that show
no whole heart. It measures each of these studies with the shipped detector and with the one that
``proposals`` trained without the study and left in RUNS, and writes ``results/refusals.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run
from lvvol import Model, load_model, load_study, predict
from lvvol.cine import CineStack
from lvvol.datasets import LabelledStack, Part, read_dataset
from lvvol.errors import ImageSizeError, RoiNotFoundError
from lvvol.preprocess import to_working_stack
from lvvol.roi import DETECTOR_FILE, CascadeProposer, WindowScorer, locate, read_detector
from tests.support.real_studies import STUDIES

# Rows and columns of the abdomen, chest wall and sides. The last part cuts the ventricle in two.
PARTS = {
    "dsb2_dicom/1": (np.s_[160:, :], np.s_[:80, :], np.s_[:, :60]),
    "dsb2_dicom/501": (np.s_[150:, :], np.s_[:80, :], np.s_[:, :60]),
    "sunnybrook/SCD_IMAGES_01/SCD0000301": (
        np.s_[165:, :],
        np.s_[:75, :],
        np.s_[:, :85],
        np.s_[:, 185:],
    ),
    "sunnybrook/SCD_IMAGES_01/SCD0000201": (
        np.s_[165:, :],
        np.s_[:60, :],
        np.s_[:, :80],
        np.s_[:, 185:],
    ),
    "sunnybrook/SCD_IMAGES_01/SCD0000101": (
        np.s_[180:, :],
        np.s_[:90, :],
        np.s_[:, :85],
        np.s_[:, 175:],
        np.s_[140:, :],
    ),
}


def search_hearts(stacks: Iterable[LabelledStack], model: Model) -> dict[str, Any]:
    """Return the lowest score of any patient's third-best slice, and the refused patients."""
    third, refused = {}, []
    for labels in stacks:
        scorer = WindowScorer(labels.stack, model.roi_classifier)
        try:
            rois = locate(scorer, CascadeProposer(model.detector))
        except RoiNotFoundError as error:
            refused.append(f"{labels.patient}: {error}")
        else:
            third[labels.patient] = float(np.sort(rois.scores)[-3:][0])
    lowest = min(third, key=lambda patient: third[patient])
    return {
        "patients": len(third) + len(refused),
        "lowest_third_best_score": third[lowest],
        "lowest": lowest,
        "refused": refused,
    }


def measure_part(stack: CineStack, part: tuple[slice, slice]) -> dict[str, Any]:
    """Measure a part of a study; return the refusal or the volume."""
    images = np.ascontiguousarray(stack.images[(slice(None), slice(None), *part)])
    names = [f"{each.start or ''}:{each.stop or ''}" for each in part]
    report: dict[str, Any] = {"rows": names[0], "columns": names[1]}
    try:
        measured = predict(replace(stack, images=images))
    except (ImageSizeError, RoiNotFoundError) as error:
        return {**report, "refused": str(error)}
    return {**report, "edv_ml": measured.edv_ml, "warnings": list(measured.warnings)}


def compare_detectors(stack: CineStack, model: Model, other: Path) -> dict[str, float]:
    """Return the difference in volumes that another detector makes, in percent."""
    working = to_working_stack(stack)
    ours, theirs = (
        each.predict_working_stack(working).volumes_ml
        for each in (model, replace(model, detector=read_detector(other)))
    )
    return {
        "edv_percent": float(100 * (theirs.max() / ours.max() - 1)),
        "esv_percent": float(100 * (theirs.min() / ours.min() - 1)),
    }


def main(png: Path, data: Path, runs: Path) -> dict[str, Any]:
    """Search hearts and other parts, and compare detectors."""
    model = load_model()
    hearts = search_hearts(
        (
            labels
            for dataset in ("dsb2_png", "sunnybrook_png")
            for labels in read_dataset(
                png / dataset, {Part.TRAIN, Part.CALIBRATION, Part.VALIDATION}
            )
        ),
        model,
    )
    parts, differences = {}, {}
    for study in STUDIES:
        stack = load_study(data / study)
        parts[study] = [measure_part(stack, part) for part in PARTS[study]]
        other = runs / study.replace("/", "_") / DETECTOR_FILE
        differences[study] = compare_detectors(stack, model, other)
    report = {"hearts": hearts, "parts": parts, "detectors_that_never_saw_the_study": differences}
    print(json.dumps(report, indent=1))
    return report


if __name__ == "__main__":
    run(main, __doc__, "PNG", "DATA", "RUNS", results="refusals")
