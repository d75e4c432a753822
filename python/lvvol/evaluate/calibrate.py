"""A site's own labelled studies, turned into a calibration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from lvvol.datasets import ALL, Dataset, LabelledStack, Split, open_dataset
from lvvol.errors import CalibrationError, LvvolError
from lvvol.model import Model, load_model
from lvvol.prediction import Prediction
from lvvol.typing import Progress, StrPath
from lvvol.uncertainty import (
    Calibration,
    Coverage,
    Row,
    Settings,
    coverage,
    coverage_left_out,
    features,
    fit,
)
from lvvol.uncertainty.area_error import AreaError

_FEWEST_SLICES = 200
"""Drawn slices of each phase from which variances of areas are fitted."""

_MOST_FOLDS = 20


@dataclass(frozen=True)
class Collected:
    """Labelled patients as measured.

    Parameters
    ----------
    rows : list of Row
        One for each patient measured who has volumes.
    names : list of str
        Their names.
    refused : list of str
        Patients who cannot be measured, with the reason.
    shares : dict of int to list of (float, float)
        At ED (0) and ES (1), the predicted and the drawn share of the ROI that is LV cavity, of
        every slice with a label.
    """

    rows: list[Row] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    shares: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: {0: [], 1: []})

    def area_error(self) -> AreaError | None:
        """Return the variances of areas; None where too few slices are drawn."""
        if min(map(len, self.shares.values())) < _FEWEST_SLICES:
            return None
        ed, es = (np.array(self.shares[phase]).T for phase in (0, 1))
        return AreaError.fit(ed[0], ed[1], es[0], es[1])


@dataclass(frozen=True)
class Calibrated:
    """A new calibration and what it is worth.

    Parameters
    ----------
    calibration : Calibration
        Fitted to all patients.
    before : Coverage or None
        Of the calibration that it started from; None without one.
    after : Coverage
        Of calibrations fitted without the patients that they are judged by.
    refused : list of str
        Patients who cannot be measured, with the reason.
    """

    calibration: Calibration
    before: Coverage | None
    after: Coverage
    refused: list[str]


def calibrate(
    dataset: StrPath,
    source: str,
    *,
    part: str = ALL,
    split: Split | None = None,
    weights: StrPath | None = None,
    from_scratch: bool = False,
    keep_volumes: bool = False,
    progress: Progress | None = None,
) -> Calibrated:
    """Fit a calibration to labelled studies that the networks have not been trained on.

    Parameters
    ----------
    dataset : str or path-like
        As in `lvvol.datasets.open_dataset`.
    source : str
        Name of the calibration, such as the hospital's.
    part : str
        A part of the split; everybody by default.
    split : Split, optional
        The split that `part` refers to.
    weights : str or path-like, optional
        Folder of a training run; the shipped weights by default.
    from_scratch : bool
        Whether not to start from the shipped calibration, towards which few patients shrink.
    keep_volumes : bool
        Whether to fit no bias: volumes stay as they are drawn.
    progress : callable, optional
        Called with "measure", the patients done and the number of patients.

    Returns
    -------
    Calibrated
        The calibration, and its coverage on patients left out.

    Raises
    ------
    DatasetError
        If the dataset cannot be read.
    WeightsError
        If the weights are missing or damaged.
    CalibrationError
        If too few patients have volumes and can be measured.
    """
    model = load_model(weights)
    found = collect(open_dataset(dataset).part(split, part), model, progress)
    prior = None if from_scratch else model.calibration
    settings = Settings(
        source=source,
        weights_sha256=model.weights_sha256,
        prior=prior,
        area_error=found.area_error(),
        fix_bias=keep_volumes,
    )
    if len(found.rows) < 2:
        raise CalibrationError(
            f"{dataset}: expected at least 2 patients with volumes who can be measured, "
            f"got {len(found.rows)}"
        )
    n_folds = min(len(found.rows), _MOST_FOLDS)
    return Calibrated(
        fit(found.rows, settings),
        coverage(found.rows, prior) if prior else None,
        coverage_left_out(found.rows, settings, n_folds),
        found.refused,
    )


def collect(dataset: Dataset, model: Model, progress: Progress | None = None) -> Collected:
    """Measure labelled patients.

    Parameters
    ----------
    dataset : Dataset
        Patients that the networks have not been trained on.
    model : Model
        Measures them.
    progress : callable, optional
        Called with "measure", the patients done and the number of patients.

    Returns
    -------
    Collected
        Patients without volumes count for the shares only.
    """
    found = Collected()
    uncalibrated = replace(model, calibration=None)
    for number in range(len(dataset)):
        if progress:
            progress("measure", number, len(dataset))
        labels = dataset[number]
        try:
            prediction = uncalibrated.predict_working_stack(labels.stack)
        except LvvolError as error:
            found.refused.append(f"{labels.patient}: {error}")
            continue
        for phase, pairs in enumerate(_shares(labels, prediction)):
            found.shares[phase] += pairs
        if (volumes_ml := labels.phase_volumes_ml) is not None:
            found.rows.append(Row(features(prediction), *volumes_ml))
            found.names.append(labels.patient)
    if progress:
        progress("measure", len(dataset), len(dataset))
    return found


def _shares(
    labels: LabelledStack, prediction: Prediction
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return predicted and drawn shares at ED and ES."""
    pairs: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    squares_mm2 = prediction.rois.squares_mm[:, 2] ** 2
    for into, phase in zip(pairs, labels.phases or (), strict=False):
        for z in np.flatnonzero(labels.labelled[:, phase]):
            drawn_mm2 = float(labels.masks[z, phase].sum())  # pixels of 1 mm
            into.append(
                (
                    float(prediction.areas_mm2[z, phase] / squares_mm2[z]),
                    drawn_mm2 / float(squares_mm2[z]),
                )
            )
    return pairs
