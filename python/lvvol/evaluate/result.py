"""`PatientResult`: what was measured or predicted of one patient, beside the labels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lvvol.evaluate.judge import Intervals, Scores
from lvvol.status import Status
from lvvol.uncertainty import Quantity
from lvvol.uncertainty.joint import truths
from lvvol.volume import ejection_fraction_percent

NAN = float("nan")

WRONG_LEVEL = "90"
"""The intervals that say whether a measurement is wrong, by their level in percent."""


@dataclass(frozen=True)
class SliceArea:
    """The cavity's area in a labelled slice, measured and drawn.

    Parameters
    ----------
    slice, phase : int
        Place in the stack, from 0.
    at : {"ed", "es"}
        Which of the two the phase is.
    level : {"base", "mid", "apex"}
        Third of the drawn slices; see `lvvol.evaluate.slices.slice_areas`.
    measured_mm2, drawn_mm2 : float
        From O, and of the mask.
    """

    slice: int
    phase: int
    at: str
    level: str
    measured_mm2: float
    drawn_mm2: float


@dataclass(frozen=True)
class PatientResult:
    """The measurement and labels of one patient; NaN or empty where there is none.

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
    status : str
        ``ok`` or ``review``; empty for predictions of others.
    reasons : tuple of str
        Codes of the reasons to review.
    hausdorff95_ed_mm, hausdorff95_es_mm : float
        95 % Hausdorff distance of outlines; see `lvvol.evaluate.outlines.outline_distances`.
    surface_distance_ed_mm, surface_distance_es_mm : float
        Mean distance of outlines.
    slices : tuple of SliceArea
        Areas of every labelled slice.
    scores : mapping of str to mapping of str to float
        For each quantity the scores of its distribution; see `lvvol.evaluate.judge`.
    intervals : mapping of str to mapping of str to (float, float)
        For each level in percent the interval of each quantity.
    """

    patient: str
    dice_ed: float = NAN
    dice_es: float = NAN
    roi_overlap: float = NAN
    edv_ml: float = NAN
    esv_ml: float = NAN
    probability_edv_ml: float = NAN
    probability_esv_ml: float = NAN
    labelled_edv_ml: float = NAN
    labelled_esv_ml: float = NAN
    status: str = ""
    reasons: tuple[str, ...] = ()
    hausdorff95_ed_mm: float = NAN
    hausdorff95_es_mm: float = NAN
    surface_distance_ed_mm: float = NAN
    surface_distance_es_mm: float = NAN
    slices: tuple[SliceArea, ...] = ()
    scores: Scores = field(default_factory=dict)
    intervals: Intervals = field(default_factory=dict)

    @property
    def measured(self) -> dict[Quantity, float]:
        """Measured value of each quantity."""
        return truths(self.edv_ml, self.esv_ml)

    @property
    def labelled(self) -> dict[Quantity, float]:
        """Labelled value of each quantity."""
        return truths(self.labelled_edv_ml, self.labelled_esv_ml)

    def errors(self) -> dict[Quantity, float]:
        """Return measured - labelled of each quantity, in mL or points of EF."""
        labelled = self.labelled
        return {quantity: value - labelled[quantity] for quantity, value in self.measured.items()}

    def covered(self, level: str, quantity: Quantity) -> float:
        """Return 1 where the interval of a level holds the label, 0 where not; NaN without both."""
        ends = self.intervals.get(level, {}).get(str(quantity))
        label = self.labelled[quantity]
        if ends is None or math.isnan(label):
            return NAN
        return float(ends[0] <= label <= ends[1])

    @property
    def wrong_yet_ok(self) -> float:
        """1 where EDV or ESV `is_far_off` without a reason to review, 0 where not, else NaN."""
        ends = self.intervals.get(WRONG_LEVEL, {})
        errors = self.errors()
        known = [
            is_far_off(errors[quantity], ends[quantity])
            for quantity in (Quantity.EDV, Quantity.ESV)
            if quantity in ends and not math.isnan(errors[quantity])
        ]
        if not known or not self.status:
            return NAN
        return float(any(known) and self.status == Status.OK)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with SV and EF beside what they follow from."""
        return {
            **dataclasses.asdict(self),
            "sv_ml": self.edv_ml - self.esv_ml,
            "ef_percent": float(ejection_fraction_percent(self.edv_ml, self.esv_ml)),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PatientResult:
        """Return a result from the plain values of JSON, where null stands for NaN.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the values are not those of `to_dict`.
        """
        taken: dict[str, Any] = {}
        for name, kept in cls.__dataclass_fields__.items():
            value = values[name]
            taken[name] = _number(value) if kept.type == "float" else value
        if not isinstance(taken["patient"], str):
            raise TypeError(f"patient: expected a name, got {taken['patient']!r}")
        taken["reasons"] = tuple(taken["reasons"])
        taken["slices"] = tuple(SliceArea(**each) for each in taken["slices"])
        taken["scores"] = {
            quantity: {name: _number(value) for name, value in each.items()}
            for quantity, each in taken["scores"].items()
        }
        taken["intervals"] = {
            level: {quantity: (float(low), float(high)) for quantity, (low, high) in each.items()}
            for level, each in taken["intervals"].items()
        }
        return cls(**taken)


def is_far_off(error: float, interval: tuple[float, float]) -> bool:
    """Return whether an error exceeds twice the half-width of the 90 % interval."""
    return abs(error) > interval[1] - interval[0]


def column(results: list[PatientResult], name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return one field of all results, shape (patient,)."""
    return np.array([getattr(result, name) for result in results], dtype=np.float64)


def _number(value: float | None) -> float:
    return NAN if value is None else float(value)
