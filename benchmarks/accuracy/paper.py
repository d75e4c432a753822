"""What the paper's figures need of patients whom the weights have not seen.

``python -m benchmarks.accuracy.paper DSB2_PNG RUN`` measures the patients of the calibration and
the validation part out of fold, by the weights in RUN that have not seen them (see
`benchmarks.accuracy.out_of_fold`), and writes ``results/paper.json``: how far each step of the
search for the ROI gets (paper, Fig. 3), areas of P and O in every labelled slice (Fig. 7), volumes
(Fig. 8), scores of each distribution (Fig. 9), and the contours of one typical patient (Fig. 6) and
of the worst. Each patient is judged by a calibration fitted to the others. Test patients are not
measured.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.out_of_fold import OUT_OF_FOLD, PARTS
from benchmarks.accuracy.trust import Judged, judge
from benchmarks.command import run
from lvvol import Model, load_model
from lvvol.contours import find_contours
from lvvol.datasets import SHIPPED, Dataset, LabelledStack, open_dataset, read_split
from lvvol.errors import LvvolError
from lvvol.evaluate.calibrate import collect
from lvvol.prediction import Prediction
from lvvol.roi import CascadeProposer, WindowScorer
from lvvol.roi.square import Squares, labelled_square, overlap
from lvvol.typing import Bool, Float64
from lvvol.uncertainty.crps import competition_crps, gaussian_cdf
from lvvol.uncertainty.simulate import best_sigma_ml

N_WORST = 6
N_DRAWN = 6
"""Slices of the typical patient (paper, Fig. 6) and of each of the worst."""

RIGHT_IOU = 0.5
_DIGITS = 1  # of mm in contours
_THINNED = 2  # of how many points of a contour one is kept


def main(dsb2_png: Path, weights: Path) -> dict[str, Any]:
    """Measure both parts; draw nothing."""
    model, split = load_model(weights), read_split(SHIPPED)
    dataset = open_dataset(dsb2_png).select(lambda name: split.part_of(name) in PARTS)
    measured = measure(dataset, model)
    each = measured["each"]
    typical = typical_patient(each)
    labels = {
        patient: dataset[dataset.names.index(patient)]
        for patient in {typical, *worst_patients(each)}
    }
    return {
        OUT_OF_FOLD: measured,
        "typical": {**outlines(labels[typical], model), **steps(labels[typical], model)},
        "worst": [outlines(labels[name], model) for name in worst_patients(each)],
    }


def typical_patient(each: list[dict[str, Any]]) -> str:
    """Return the patient whose error of EDV is the median of all."""
    by_error = sorted(each, key=lambda row: abs(row["edv_ml"] - row["true_edv_ml"]))
    return str(by_error[len(by_error) // 2]["patient"])


def worst_patients(each: list[dict[str, Any]]) -> list[str]:
    """Return those with the largest error of a volume, the worst first."""

    def off_ml(row: dict[str, Any]) -> float:
        return max(abs(float(row[f"{v}_ml"] - row[f"true_{v}_ml"])) for v in ("edv", "esv"))

    by_error = sorted(each, key=off_ml, reverse=True)
    return [str(row["patient"]) for row in by_error[:N_WORST]]


def measure(dataset: Dataset, model: Model) -> dict[str, Any]:
    """Measure all patients of a dataset."""
    each, areas, refused = {}, [], []
    for number in range(len(dataset)):
        labels = dataset[number]
        try:
            prediction = _predict(labels, model)
        except LvvolError as error:
            refused.append(f"{labels.patient}: {error}")
            continue
        areas += slice_areas(labels, prediction)
        each[labels.patient] = {
            "patient": labels.patient,
            "edv_ml": prediction.edv_ml,
            "esv_ml": prediction.esv_ml,
            "status": str(prediction.status),
            **roi_steps(labels, prediction, model),
        }
    found = collect(dataset, model)
    for judged in judge(found, "none", refit=True):
        each[judged.name] |= scores(judged)
    return {
        "n_patients": len(dataset),
        "refused": refused,
        "each": list(each.values()),
        "slices": {
            "columns": ["at_es", "drawn_mm2", "o_mm2", "p_mm2", "roi_mm2"],
            "rows": [" ".join(f"{value:.0f}" for value in row) for row in areas],
        },
    }


def _predict(labels: LabelledStack, model: Model) -> Prediction:
    """Measure without a calibration: volumes as they are drawn."""
    return replace(model, calibration=None).predict_working_stack(labels.stack)


def slice_areas(labels: LabelledStack, prediction: Prediction) -> list[tuple[float, ...]]:
    """Return ES or not, and the areas drawn, of O, of P and of the ROI in labelled slices."""
    rows = []
    for at_es, phase in enumerate(labels.phases or ()):
        of_p = prediction.probability_areas_at(phase)
        rows += [
            (
                float(at_es),
                float(labels.masks[z, phase].sum()),
                float(prediction.areas_mm2[z, phase]),
                float(of_p[z]),
                float(prediction.rois.squares_mm[z, 2] ** 2),
            )
            for z in np.flatnonzero(labels.labelled[:, phase])
        ]
    return rows


def roi_steps(labels: LabelledStack, prediction: Prediction, model: Model) -> dict[str, Any]:
    """Return the IoU with the mask's square after each step of the search (paper, Fig. 3).

    Proposals and the classifier's choice are those of the middle slice; after refinement every
    slice counts in which the cavity is drawn at ED.
    """
    assert labels.phases is not None
    ed = labels.phases[0]
    z = labels.stack.n_slices // 2
    truths = [
        labelled_square(labels.masks[s, ed]) if labels.labelled[s, ed] else None
        for s in range(labels.stack.n_slices)
    ]
    refined = [
        float(overlap(square, truth))
        for square, truth in zip(prediction.rois.squares_mm, truths, strict=True)
        if truth is not None
    ]
    report: dict[str, Any] = {
        "n_slices": len(refined),
        "n_slices_right": sum(iou >= RIGHT_IOU for iou in refined),
    }
    truth = truths[z]
    if truth is None:
        return report
    proposals, scored = _proposed(labels, model, z)
    overlaps = overlap(proposals, truth) if len(proposals) else np.zeros(1)
    return {
        **report,
        "proposals": len(proposals),
        "proposed_iou": float(overlaps.max()),
        "classified_iou": float(overlaps[np.argmax(scored)]) if len(proposals) else 0.0,
        "refined_iou": float(overlap(prediction.rois.squares_mm[z], truth)),
    }


def _proposed(labels: LabelledStack, model: Model, z: int) -> tuple[Squares, Float64]:
    """Return the proposals in a slice and the classifier's scores."""
    proposals = CascadeProposer(model.detector)(labels.stack.images[z])
    if not len(proposals):
        return proposals, np.zeros(0)
    return proposals, WindowScorer(labels.stack, model.roi_classifier)(z, proposals)


def scores(judged: Judged) -> dict[str, Any]:
    """Return true volumes, and the score of each phase by standard deviation (paper, Fig. 9)."""
    joint = judged.calibration.joint(judged.row.features)
    found: dict[str, Any] = {
        "true_edv_ml": judged.row.edv_ml,
        "true_esv_ml": judged.row.esv_ml,
    }
    for name, mean, claimed, true in (
        ("edv", joint.edv_ml, joint.edv_sigma_ml, judged.row.edv_ml),
        ("esv", joint.esv_ml, joint.esv_sigma_ml, judged.row.esv_ml),
    ):
        known = best_sigma_ml(mean - true, volume_ml=true)
        found[f"{name}_sigma_ml"] = claimed
        for kind, sigma in (("none", 0.0), ("claimed", claimed), ("known", known)):
            score = competition_crps(gaussian_cdf(mean, sigma), true)
            found[f"{name}_crps_{kind}"] = float(score)
    return found


def outlines(labels: LabelledStack, model: Model) -> dict[str, Any]:
    """Return contours of P and of the masks in slices spread evenly over those drawn at ED."""
    prediction = _predict(labels, model)
    assert labels.phases is not None
    ed, es = labels.phases
    drawn = np.flatnonzero(labels.labelled[:, ed] & labels.masks[:, ed].any(axis=(1, 2)))
    chosen = drawn[np.unique(np.linspace(0, len(drawn) - 1, N_DRAWN).round().astype(int))]
    volumes = labels.phase_volumes_ml
    return {
        "patient": labels.patient,
        "volumes_ml": [prediction.edv_ml, prediction.esv_ml],
        "true_volumes_ml": list(volumes) if volumes else None,
        "slices": [
            {
                "slice": int(z),
                "square_mm": prediction.rois.squares_mm[z].round(_DIGITS).tolist(),
                **{
                    name: {
                        "ours": _ours(prediction, int(z), phase),
                        "mask": _masks_path(labels.masks[z, phase])
                        if labels.labelled[z, phase]
                        else None,
                        "o_mm2": float(prediction.areas_mm2[z, phase]),
                        "drawn_mm2": float(labels.masks[z, phase].sum()),
                    }
                    for name, phase in (("ed", ed), ("es", es))
                },
            }
            for z in chosen
        ],
    }


def steps(labels: LabelledStack, model: Model) -> dict[str, Any]:
    """Return the squares of each step of the search in one patient."""
    prediction = _predict(labels, model)
    assert labels.phases is not None
    ed, z = labels.phases[0], labels.stack.n_slices // 2
    proposals, scored = _proposed(labels, model, z)
    order = np.argsort(-scored, kind="stable")
    return {
        "middle_slice": z,
        "middle_mask": _masks_path(labels.masks[z, ed]),
        "image_mm": list(labels.stack.images.shape[2:]),
        "proposals_mm": proposals[order].round(_DIGITS).tolist(),
        "scores": [round(float(score), 3) for score in scored[order]],
        "refined_mm": prediction.rois.squares_mm[z].round(_DIGITS).tolist(),
    }


def _ours(prediction: Prediction, z: int, phase: int) -> str:
    maps = np.ascontiguousarray(prediction.lv_probability[z, phase][None])
    return path_of(find_contours(maps, prediction.rois.squares_mm[z][None])[0])


def _masks_path(mask: Bool) -> str:
    """Return the outline of a mask on pixels of 1 mm."""
    rows, columns = mask.shape
    side = max(rows, columns)
    square = np.zeros((1, side, side), np.float32)
    square[0, :rows, :columns] = mask
    return path_of(find_contours(square, np.array([[0.0, 0.0, float(side)]]))[0])


def path_of(polygons: list[Float64]) -> str:
    """Return polygons in mm as a path of SVG, x before y.

    Examples
    --------
    >>> path_of([np.array([[1.0, 2.0], [1.0, 3.0], [2.0, 3.0]])])
    'M2.0 1.0L3.0 1.0L3.0 2.0Z'
    """
    paths = []
    for polygon in polygons:
        kept = polygon[::_THINNED] if len(polygon) > 12 * _THINNED else polygon
        points = "L".join(f"{x:.{_DIGITS}f} {y:.{_DIGITS}f}" for y, x in kept)
        paths.append(f"M{points}Z")
    return "".join(paths)


if __name__ == "__main__":
    run(main, __doc__, "DSB2_PNG", "RUN", results="paper")
