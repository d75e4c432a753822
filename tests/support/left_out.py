"""The five whole DICOM studies left out of training, compared with their labels.

`data` is the folder that holds ``dsb2_dicom`` and ``sunnybrook``, unpacked.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lvvol import predict
from lvvol.prediction import Prediction
from lvvol.volume import cone_volume_ml
from tests.support.real_studies import DSB2, SUNNYBROOK, read_contours


@dataclass(frozen=True)
class Comparison:
    """Measured and labelled volumes of one study, mL."""

    study: str
    edv_ml: float
    esv_ml: float
    labelled_edv_ml: float
    labelled_esv_ml: float

    @property
    def edv_error_percent(self) -> float:
        """Error of EDV, in percent of the label."""
        return 100 * (self.edv_ml / self.labelled_edv_ml - 1)

    @property
    def esv_error_percent(self) -> float:
        """Error of ESV, in percent of the label."""
        return 100 * (self.esv_ml / self.labelled_esv_ml - 1)


def compare_dsb2(data: Path, study: str) -> Comparison:
    """Compare a DSB2 study with the volumes of the competition."""
    with (data / "dsb2_dicom" / "volumes.csv").open(newline="") as table:
        label = next(row for row in csv.DictReader(table) if row["Id"] == study)
    measured = predict(data / "dsb2_dicom" / study)
    return Comparison(
        f"DSB2 {study}",
        measured.edv_ml,
        measured.esv_ml,
        float(label["Diastole"]),
        float(label["Systole"]),
    )


def compare_sunnybrook(data: Path, study: str) -> Comparison:
    """Compare a Sunnybrook study with its expert contours.

    Both volumes come from Eq. 3 over the slices that have contours. The measured ones are at the
    measured ED and ES phases, which may differ from the labelled phases.
    """
    measured = predict(data / "sunnybrook" / "SCD_IMAGES_01" / study)
    drawn = contour_areas_mm2(data / "sunnybrook", study)
    uids = measured.stack.sop_instance_uids
    areas_mm2 = np.array([[drawn.get(uid, np.nan) for uid in row] for row in uids])
    phases = np.flatnonzero(~np.isnan(areas_mm2).all(axis=0))
    labelled = sorted(_drawn_volume(measured, areas_mm2, phase) for phase in phases)
    (esv_ml, es_slices), (edv_ml, ed_slices) = labelled
    return Comparison(
        SUNNYBROOK[study],
        _volume_ml(measured, list(ed_slices), measured.ed_phase),
        _volume_ml(measured, list(es_slices), measured.es_phase),
        edv_ml,
        esv_ml,
    )


def _drawn_volume(
    measured: Prediction, areas_mm2: np.ndarray, phase: int
) -> tuple[float, tuple[int, ...]]:
    slices = np.flatnonzero(~np.isnan(areas_mm2[:, phase]))
    volume_ml = cone_volume_ml(areas_mm2[slices, phase], measured.stack.positions_mm[slices])
    return float(volume_ml), tuple(slices)


def _volume_ml(measured: Prediction, slices: list[int], phase: int) -> float:
    areas_mm2 = measured.areas_mm2[slices, phase]
    return float(cone_volume_ml(areas_mm2, measured.stack.positions_mm[slices]))


def contour_areas_mm2(sunnybrook: Path, study: str) -> dict[str, float]:
    """Return endocardial areas by SOP Instance UID, from contours by the shoelace formula."""
    return {
        uid: float(abs(row @ np.roll(column, -1) - column @ np.roll(row, -1)) / 2)
        for uid, (row, column) in (
            (uid, points.T) for uid, points in read_contours(sunnybrook, study).items()
        )
    }


def compare_all(data: Path) -> list[Comparison]:
    """Compare all five studies."""
    return [compare_dsb2(data, study) for study in DSB2] + [
        compare_sunnybrook(data, study) for study in SUNNYBROOK
    ]
