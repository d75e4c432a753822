"""`Prediction`, what lvvol says of one study, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lvvol.cine import CineStack
from lvvol.typing import Float32, Float64
from lvvol.volume import ejection_fraction_percent


@dataclass(frozen=True)
class Prediction:
    """Volumes of one study with all that led to them.

    Parameters
    ----------
    stack : CineStack
        The study as read.
    volumes_ml : ndarray of float64, shape (phase,)
        LV cavity volume at every phase.
    areas_mm2 : ndarray of float64, shape (slice, phase)
        LV cavity area of every slice at every phase.
    squares : ndarray of float64, shape (slice, 3)
        ROI of each slice: top edge, left edge and side in mm from the outer corner of pixel (0, 0);
        pixel i spans i to i + 1 times `pixel_spacing_mm`.
    roi_scores : ndarray of float64, shape (slice,)
        Classifier's probability that the ROI holds an LV, 0 to 1.
    roi_start : int
        Slice the search for the ROIs began in, from 0.
    roi_found_by : str
        What proposed the ROI of that slice: ``"detector"``, or ``"dense scan"`` where nothing that
        the detector proposed was believed.
    lv_probability : ndarray of float32, shape (slice, phase, 48, 48)
        P, the likelihood of LV cavity over each ROI.
    ed_phase, es_phase : int
        Phases of largest and smallest volume, from 0.
    warnings : tuple of str
        Reading's warnings and those of the measurement.
    timings_s : mapping of str to float
        Seconds each stage took, in the order they ran.
    """

    stack: CineStack
    volumes_ml: Float64
    areas_mm2: Float64
    squares: Float64
    roi_scores: Float64
    roi_start: int
    roi_found_by: str
    lv_probability: Float32
    ed_phase: int
    es_phase: int
    warnings: tuple[str, ...]
    timings_s: Mapping[str, float]

    @property
    def edv_ml(self) -> float:
        """End-diastolic volume."""
        return float(self.volumes_ml[self.ed_phase])

    @property
    def esv_ml(self) -> float:
        """End-systolic volume."""
        return float(self.volumes_ml[self.es_phase])

    @property
    def sv_ml(self) -> float:
        """Stroke volume, EDV - ESV."""
        return self.edv_ml - self.esv_ml

    @property
    def ef_percent(self) -> float:
        """Ejection fraction, 100 (EDV - ESV) / EDV; NaN where EDV is 0."""
        return float(ejection_fraction_percent(self.edv_ml, self.esv_ml))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain numbers and lists, ready for JSON."""
        return {
            "edv_ml": self.edv_ml,
            "esv_ml": self.esv_ml,
            "sv_ml": self.sv_ml,
            "ef_percent": self.ef_percent,
            "ed_phase": self.ed_phase,
            "es_phase": self.es_phase,
            "warnings": list(self.warnings),
            "timings_s": dict(self.timings_s),
            "volumes_ml": self.volumes_ml.tolist(),
            "areas_mm2": self.areas_mm2.tolist(),
            "positions_mm": self.stack.positions_mm.tolist(),
            "roi_scores": self.roi_scores.tolist(),
            "roi_start": self.roi_start,
            "roi_found_by": self.roi_found_by,
            "squares_mm": self.squares.tolist(),
            "decisions": [
                {"what": d.what, "why": d.why, "files": list(d.files)} for d in self.stack.decisions
            ],
        }
