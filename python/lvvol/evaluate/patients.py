"""Patients of a dataset, measured and compared with their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lvvol.datasets import (
    ALL,
    SHIPPED,
    Dataset,
    LabelledStack,
    Part,
    Split,
    open_dataset,
    read_split,
)
from lvvol.errors import RoiNotFoundError
from lvvol.evaluate.figures import agreement, dice
from lvvol.model import Model, load_model
from lvvol.planes import resample
from lvvol.prediction import Prediction
from lvvol.roi.square import labelled_square, overlap
from lvvol.typing import Bool, Float64, StrPath
from lvvol.volume import cone_volume_ml, ejection_fraction_percent


@dataclass(frozen=True)
class PatientResult:
    """The measurement and labels of one patient; NaN where there is no label.

    Parameters
    ----------
    patient : str
        Source and patient.
    dice_ed, dice_es : float
        Dice coefficient of P >= 0.5 over all labelled slices together, 0 to 1.
    roi_overlap : float
        IoU of the first ROI with the square of its mask at ED, 0 to 1; 0 where that mask is empty.
    edv_ml, esv_ml : float
        Measured volumes, from O.
    probability_edv_ml, probability_esv_ml : float
        Volumes from binarised P, at the same phases.
    labelled_edv_ml, labelled_esv_ml : float
        Volumes of the dataset.
    """

    patient: str
    dice_ed: float
    dice_es: float
    roi_overlap: float
    edv_ml: float
    esv_ml: float
    probability_edv_ml: float
    probability_esv_ml: float
    labelled_edv_ml: float
    labelled_esv_ml: float


def evaluate(
    dataset: StrPath,
    part: str | None = None,
    weights: StrPath | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    split: Split | None = None,
) -> tuple[list[PatientResult], list[str]]:
    """Measure every patient of a dataset or of a part of it, with automatic ROIs.

    Parameters
    ----------
    dataset : str or path-like
        As in `lvvol.datasets.open_dataset`.
    part : str, optional
        A part of the split, as in `lvvol.datasets.Split.has`. By default ``validation``, or all
        patients where no split is given and that of the shipped model lists none of them.
    weights : str or path-like, optional
        Folder of a training run; the shipped weights by default.
    progress : callable, optional
        Called with "evaluate", the patients done and the number of patients.
    split : Split, optional
        The split that `part` refers to; by default the one the shipped model was trained on.

    Returns
    -------
    results : list of PatientResult
        One per measured patient.
    refused : list of str
        Patients without an ROI, with the reason.

    Raises
    ------
    DatasetError
        If the dataset cannot be read, or the split does not list one of its patients.
    WeightsError
        If the weights are missing or damaged.
    """
    model = load_model(weights)
    stacks = _chosen(open_dataset(dataset), part, split)
    results, refused = [], []
    for number in range(len(stacks)):
        if progress:
            progress("evaluate", number, len(stacks))
        labels = stacks[number]
        try:
            results.append(_measure_patient(labels, model))
        except RoiNotFoundError as error:
            refused.append(f"{labels.patient}: {error}")
    if progress:
        progress("evaluate", len(stacks), len(stacks))
    return results, refused


def _chosen(dataset: Dataset, part: str | None, split: Split | None) -> Dataset:
    """Return the patients to measure: never, unasked, those the shipped model learned from."""
    shipped = read_split(SHIPPED)
    if part is None:
        known = split is not None or any(map(shipped.lists, dataset.names))
        part = Part.VALIDATION if known else ALL
    return dataset.part(split or shipped, part)


def summarise(results: Sequence[PatientResult]) -> dict[str, Any]:
    """Return the figures over all patients: Dice, ROI overlap, and agreement of EDV, ESV and EF.

    Parameters
    ----------
    results : sequence of PatientResult
        At least one.

    Returns
    -------
    dict
        Plain numbers; volumes in mL, EF in percent points. ``probability_`` marks figures of
        binarised P. Patients without labelled volumes count only for Dice and overlap.

    Raises
    ------
    ValueError
        If `results` is empty.
    """
    if not results:
        raise ValueError("results: expected at least one patient, got none")
    columns = {
        name: np.array([getattr(r, name) for r in results], dtype=np.float64)
        for name in PatientResult.__dataclass_fields__
        if name != "patient"
    }
    overlaps = columns["roi_overlap"]
    found = np.where(np.isnan(overlaps), np.nan, overlaps >= 0.5)
    summary: dict[str, Any] = {
        "patients": len(results),
        "dice_ed_mean": _mean_of_known(columns["dice_ed"]),
        "dice_es_mean": _mean_of_known(columns["dice_es"]),
        "roi_found_percent": 100 * _mean_of_known(found),
    }
    known = ~np.isnan(columns["labelled_edv_ml"])
    if known.any():
        true_edv, true_esv = columns["labelled_edv_ml"][known], columns["labelled_esv_ml"][known]
        for prefix in ("", "probability_"):
            edv, esv = columns[f"{prefix}edv_ml"][known], columns[f"{prefix}esv_ml"][known]
            summary[f"{prefix}edv_ml"] = agreement(edv, true_edv)
            summary[f"{prefix}esv_ml"] = agreement(esv, true_esv)
            summary[f"{prefix}ef_percent"] = agreement(
                ejection_fraction_percent(edv, esv),
                ejection_fraction_percent(true_edv, true_esv),
            )
    return summary


def _mean_of_known(values: Float64) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _measure_patient(labels: LabelledStack, model: Model) -> PatientResult:
    measured = model.predict_working_stack(labels.stack)
    probability_ml = cone_volume_ml(measured.probability_areas_mm2.T, labels.stack.positions_mm)
    masks = _masks(measured, labels.stack.images.shape[2:])
    dices = [
        dice(masks[drawn, t], labels.masks[drawn, t])
        for t, drawn in ((t, labels.labelled[:, t]) for t in labels.phases or ())
    ]
    dice_ed, dice_es = dices or (float("nan"), float("nan"))
    return PatientResult(
        patient=labels.patient,
        dice_ed=dice_ed,
        dice_es=dice_es,
        roi_overlap=_roi_overlap(labels, measured),
        edv_ml=measured.edv_ml,
        esv_ml=measured.esv_ml,
        probability_edv_ml=float(probability_ml[measured.ed_phase]),
        probability_esv_ml=float(probability_ml[measured.es_phase]),
        labelled_edv_ml=float("nan") if labels.edv_ml is None else labels.edv_ml,
        labelled_esv_ml=float("nan") if labels.esv_ml is None else labels.esv_ml,
    )


def _roi_overlap(labels: LabelledStack, measured: Prediction) -> float:
    start, ed = measured.rois.start, labels.ed_phase
    if ed is None or not labels.labelled[start, ed]:
        return float("nan")
    truth = labelled_square(labels.masks[start, ed])
    return 0.0 if truth is None else float(overlap(measured.rois.squares_mm[start], truth))


def _masks(measured: Prediction, shape: tuple[int, int]) -> Bool:
    """Resample P >= 0.5 of every patch onto the working stack's pixels."""
    n_slices, n_phases, size, _ = measured.lv_probability.shape
    matrices = np.zeros((n_slices, 2, 3))
    # Pixel centre of the stack to pixel centre of the patch, by way of their edges.
    steps = size / measured.rois.squares_mm[:, 2]
    matrices[:, 0, 0] = matrices[:, 1, 1] = steps
    matrices[:, :, 2] = (0.5 - measured.rois.squares_mm[:, :2]) * steps[:, None] - 0.5
    laid = resample(
        measured.lv_probability.reshape(-1, size, size),
        np.repeat(matrices, n_phases, axis=0),
        shape,
        edge="zero",
    )
    masks: Bool = laid.reshape(n_slices, n_phases, *shape) >= 0.5
    return masks
