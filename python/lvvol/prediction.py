"""`Prediction`: the volumes of one study, and the evidence for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lvvol.cine import CineStack
from lvvol.contours import areas_in_contours_mm2
from lvvol.slice_choice import kept_slices
from lvvol.status import Reason, Status
from lvvol.typing import Float32, Float64
from lvvol.volume import (
    BloodVolumes,
    cone_volume_ml,
    ejection_fraction_percent,
    tapered_areas_mm2,
)

if TYPE_CHECKING:
    from lvvol.roi import Rois
    from lvvol.uncertainty import Intervals

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The measurement of one study.

    It stores what was measured: ROIs, P and areas. Volumes, ED, ES and EF follow from the areas,
    and with a calibration from `intervals`.

    Parameters
    ----------
    stack : CineStack
        The images that were measured, as read.
    rois : Rois
        ROI of each slice.
    lv_probability : ndarray of float32, shape (slice, phase, 48, 48)
        P, the probability of LV cavity over each ROI, 0 to 1.
    areas_mm2 : ndarray of float64, shape (slice, phase)
        LV cavity area of every slice at every phase, from O, at least 0 (Liao et al. 2017, eq. 7).
    reasons : tuple of Reason
        Reasons to review the measurement: those of `stack`, then those of the checks.
    timings_s : mapping of str to float
        Seconds each stage took, in the order they ran.
    excluded : tuple of int
        Slices that the reader left out, from 0: without area and P, and no part of the volume. That
        between their neighbours is one cone, and nothing is added beyond new ends.
    intervals : Intervals, optional
        Calibrated volumes and how sure they are; None where no calibration knows the errors of the
        weights in use.
    engine : str
        Device and path of the networks, such as ``cpu: core`` or ``cuda: triton``.
    blood : BloodVolumes, optional
        Estimated volumes without papillary muscles, where asked for; see `lvvol.papillary`.
    """

    stack: CineStack
    rois: Rois
    lv_probability: Float32
    areas_mm2: Float64
    reasons: tuple[Reason, ...] = ()
    timings_s: Mapping[str, float] = field(default_factory=dict)
    excluded: tuple[int, ...] = ()
    blood: BloodVolumes | None = None
    intervals: Intervals | None = None
    engine: str = "cpu: core"

    def __repr__(self) -> str:
        codes = ", ".join(dict.fromkeys(str(reason.code) for reason in self.reasons))
        return (
            f"Prediction(EDV {self.edv_ml:.0f} mL, ESV {self.esv_ml:.0f} mL, "
            f"EF {self.ef_percent:.0f} %, {self.status}{': ' * bool(codes)}{codes})"
        )

    @property
    def status(self) -> Status:
        """REVIEW if there is a reason to review the measurement, else OK."""
        return Status.REVIEW if self.reasons else Status.OK

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences of `reasons`."""
        return tuple(reason.sentence for reason in self.reasons)

    @cached_property
    def volumes_ml(self) -> Float64:
        """LV cavity volume, shape (phase,) (Liao et al. 2017, eqs. 3 and 4).

        Of areas that taper (`tapered_areas_mm2`); the checks see them as they are.
        """
        kept = self.kept_slices
        areas_mm2 = tapered_areas_mm2(self.areas_mm2[kept])
        return cone_volume_ml(areas_mm2.T, self.stack.positions_mm[kept])

    @property
    def kept_slices(self) -> list[int]:
        """Slices that make the volume: all but `excluded`, from 0."""
        return kept_slices(self.excluded, self.stack.n_slices)

    @property
    def ed_phase(self) -> int:
        """Phase of largest volume, from 0."""
        return int(self.volumes_ml.argmax())

    @property
    def es_phase(self) -> int:
        """Phase of smallest volume, from 0."""
        return int(self.volumes_ml.argmin())

    @property
    def edv_uncalibrated_ml(self) -> float:
        """Largest of `volumes_ml`."""
        return float(self.volumes_ml[self.ed_phase])

    @property
    def esv_uncalibrated_ml(self) -> float:
        """Smallest of `volumes_ml`."""
        return float(self.volumes_ml[self.es_phase])

    @property
    def edv_ml(self) -> float:
        """End-diastolic volume."""
        return self.intervals.edv_ml if self.intervals else self.edv_uncalibrated_ml

    @property
    def esv_ml(self) -> float:
        """End-systolic volume."""
        return self.intervals.esv_ml if self.intervals else self.esv_uncalibrated_ml

    @property
    def sv_ml(self) -> float:
        """Stroke volume, EDV - ESV."""
        return self.edv_ml - self.esv_ml

    @property
    def ef_percent(self) -> float:
        """Ejection fraction, 100 (EDV - ESV) / EDV; NaN where EDV is 0."""
        return float(ejection_fraction_percent(self.edv_ml, self.esv_ml))

    @property
    def edv_interval_ml(self) -> Interval | None:
        """Interval that holds EDV as often as `Intervals.level` says."""
        return self.intervals.edv_interval_ml if self.intervals else None

    @property
    def esv_interval_ml(self) -> Interval | None:
        """Interval of ESV."""
        return self.intervals.esv_interval_ml if self.intervals else None

    @property
    def sv_interval_ml(self) -> Interval | None:
        """Interval of SV."""
        return self.intervals.sv_interval_ml if self.intervals else None

    @property
    def ef_interval_percent(self) -> Interval | None:
        """Interval of EF."""
        return self.intervals.ef_interval_percent if self.intervals else None

    @property
    def edv_sigma_ml(self) -> float | None:
        """Standard deviation of EDV."""
        return self.intervals.joint.edv_sigma_ml if self.intervals else None

    @property
    def esv_sigma_ml(self) -> float | None:
        """Standard deviation of ESV."""
        return self.intervals.joint.esv_sigma_ml if self.intervals else None

    def distribution(self) -> Float64 | None:
        """Return P(n) for n = 0 to 599 mL of EDV and of ESV, shape (2, 600) (eq. 9)."""
        return self.intervals.distribution() if self.intervals else None

    @cached_property
    def probability_areas_mm2(self) -> Float64:
        """Area inside the contours of P, shape (slice, phase); see `lvvol.contours`.

        A second estimate by the same network. Volumes come from `areas_mm2`.
        """
        phases = range(self.stack.n_phases)
        return np.stack([self.probability_areas_at(t) for t in phases], axis=1)

    def probability_areas_at(self, phase: int) -> Float64:
        """Return one column of `probability_areas_mm2`.

        Parameters
        ----------
        phase : int
            Phase, from 0.

        Returns
        -------
        ndarray of float64, shape (slice,)
        """
        maps = np.ascontiguousarray(self.lv_probability[:, phase])
        return areas_in_contours_mm2(maps, self.rois.squares_mm)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain numbers and lists, ready for JSON."""
        return {
            "edv_ml": self.edv_ml,
            "esv_ml": self.esv_ml,
            "sv_ml": self.sv_ml,
            "ef_percent": self.ef_percent,
            **self._doubt(),
            "ed_phase": self.ed_phase,
            "es_phase": self.es_phase,
            "status": str(self.status),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "warnings": list(self.warnings),
            "engine": self.engine,
            "timings_s": dict(self.timings_s),
            "volumes_ml": self.volumes_ml.tolist(),
            "areas_mm2": self.areas_mm2.tolist(),
            "positions_mm": self.stack.positions_mm.tolist(),
            "excluded_slices": list(self.excluded),
            "without_papillary_muscles": self.blood.to_dict() if self.blood else None,
            "roi_scores": self.rois.scores.tolist(),
            "roi_start": self.rois.start,
            "roi_found_by": str(self.rois.found_by),
            "squares_mm": self.rois.squares_mm.tolist(),
            "decisions": [
                {"what": d.what, "why": d.why, "files": list(d.files)} for d in self.stack.decisions
            ],
        }

    def _doubt(self) -> dict[str, Any]:
        """Return the intervals, or None for each without a calibration."""
        found = self.intervals
        return {
            "edv_uncalibrated_ml": self.edv_uncalibrated_ml,
            "esv_uncalibrated_ml": self.esv_uncalibrated_ml,
            "calibration": found.source if found else None,
            "level": found.level if found else None,
            "edv_interval_ml": self.edv_interval_ml,
            "esv_interval_ml": self.esv_interval_ml,
            "sv_interval_ml": self.sv_interval_ml,
            "ef_interval_percent": self.ef_interval_percent,
            "edv_sigma_ml": self.edv_sigma_ml,
            "esv_sigma_ml": self.esv_sigma_ml,
        }
