"""Patients of a dataset, measured and compared with their labels."""

from __future__ import annotations

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
from lvvol.errors import LvvolError, MissingExtraError
from lvvol.evaluate.figures import dice
from lvvol.evaluate.judge import Scores, joint_intervals, score_certain, score_joint
from lvvol.evaluate.outlines import outline_distances
from lvvol.evaluate.result import NAN, PatientResult
from lvvol.evaluate.slices import slice_areas
from lvvol.model import NO_CORRECTION, Model, load_model
from lvvol.planes import resample
from lvvol.prediction import Prediction
from lvvol.roi.square import labelled_square, overlap
from lvvol.typing import Bool, Progress, StrPath
from lvvol.uncertainty import Joint
from lvvol.volume import cone_volume_ml


def evaluate(
    dataset: StrPath,
    part: str | None = None,
    weights: StrPath | None = None,
    progress: Progress | None = None,
    split: Split | None = None,
    calibration: StrPath = NO_CORRECTION,
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
    calibration : str or path-like
        As in `lvvol.load_model`; it decides the volumes and gives them intervals.

    Returns
    -------
    results : list of PatientResult
        One per measured patient.
    refused : list of str
        Patients who could not be read or measured, with the reason.

    Raises
    ------
    DatasetError
        If there is no dataset, or the split does not list one of its patients.
    WeightsError
        If the weights are missing or damaged.
    CalibrationError
        If the calibration is damaged or was fitted for other weights.
    """
    model = load_model(weights, calibration=calibration)
    stacks = _chosen(open_dataset(dataset), part, split)
    results, refused = [], []
    for number in range(len(stacks)):
        if progress:
            progress("evaluate", number, len(stacks))
        try:
            results.append(_measure_patient(stacks[number], model))
        except MissingExtraError:  # says nothing about the patient
            raise
        except LvvolError as error:
            name = stacks.names[number]
            # An error of reading names dataset and patient already.
            refused.append(f"{name}: {str(error).removeprefix(f'{stacks.place}: {name}: ')}")
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


def _measure_patient(labels: LabelledStack, model: Model) -> PatientResult:
    measured = model.predict_working_stack(labels.stack)
    probability_ml = cone_volume_ml(measured.probability_areas_mm2.T, labels.stack.positions_mm)
    masks = _masks(measured, labels.stack.images.shape[2:])
    dices, distances = [NAN, NAN], [(NAN, NAN), (NAN, NAN)]
    for i, t in enumerate(labels.phases or ()):
        drawn = labels.labelled[:, t]
        dices[i] = dice(masks[drawn, t], labels.masks[drawn, t])
        distances[i] = outline_distances(masks[drawn, t], labels.masks[drawn, t])
    edv_ml = NAN if labels.edv_ml is None else labels.edv_ml
    esv_ml = NAN if labels.esv_ml is None else labels.esv_ml
    joint = _joint(measured, labels, model)
    return PatientResult(
        patient=labels.patient,
        dice_ed=dices[0],
        dice_es=dices[1],
        roi_overlap=_roi_overlap(labels, measured),
        edv_ml=joint.edv_ml if joint else measured.edv_ml,
        esv_ml=joint.esv_ml if joint else measured.esv_ml,
        probability_edv_ml=float(probability_ml[measured.ed_phase]),
        probability_esv_ml=float(probability_ml[measured.es_phase]),
        labelled_edv_ml=edv_ml,
        labelled_esv_ml=esv_ml,
        status=str(measured.status),
        reasons=tuple(dict.fromkeys(str(reason.code) for reason in measured.reasons)),
        hausdorff95_ed_mm=distances[0][0],
        hausdorff95_es_mm=distances[1][0],
        surface_distance_ed_mm=distances[0][1],
        surface_distance_es_mm=distances[1][1],
        slices=slice_areas(labels, measured.areas_mm2),
        scores=_scores(joint, measured, edv_ml, esv_ml),
        intervals=joint_intervals(model.calibration, joint) if joint and model.calibration else {},
    )


def _joint(measured: Prediction, labels: LabelledStack, model: Model) -> Joint | None:
    """Return the distribution over the volumes that are labelled; None without a calibration.

    What readers would have stated at ES is not what a phase beside it shows. Volumes as they are
    drawn stay those of the images.
    """
    if measured.intervals is None or model.calibration is None:
        return None
    joint = measured.intervals.joint
    as_stated = model.calibration.source != NO_CORRECTION
    return joint.without_excess(labels.systolic_excess) if as_stated else joint


def _scores(joint: Joint | None, measured: Prediction, edv_ml: float, esv_ml: float) -> Scores:
    """Return what the distribution is worth; without one the volumes count as certain."""
    if np.isnan(edv_ml) or np.isnan(esv_ml):
        return {}
    if joint is None:
        return score_certain((measured.edv_ml, measured.esv_ml), edv_ml, esv_ml)
    return score_joint(joint, edv_ml, esv_ml)


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
