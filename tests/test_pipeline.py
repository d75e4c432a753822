"""The whole road on studies nobody trained on, and on phantoms."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lvvol import pipeline
from lvvol.volume import cone_volume_ml


def volumes_of(real_data: Path) -> dict[str, tuple[float, float]]:
    """EDV and ESV in mL as labelled by the competition."""
    with (real_data / "dsb2_dicom" / "volumes.csv").open(newline="") as table:
        return {r["Id"]: (float(r["Diastole"]), float(r["Systole"])) for r in csv.DictReader(table)}


@pytest.mark.real_data
@pytest.mark.parametrize("study", ["1", "501"])
def test_dsb2_study_left_out_of_training_is_near_its_label(real_data, study):
    edv_ml, esv_ml = volumes_of(real_data)[study]
    prediction = pipeline.predict(real_data / "dsb2_dicom" / study)
    assert prediction.edv_ml == pytest.approx(edv_ml, rel=0.12)
    assert prediction.esv_ml == pytest.approx(esv_ml, rel=0.15)


def shoelace_mm2(path: Path, spacing_mm: tuple[float, float]) -> float:
    """Area of a contour file, by the shoelace formula."""
    x, y = np.loadtxt(path).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 * spacing_mm[0] * spacing_mm[1])


def contoured(real_data: Path, study: str, contours: str) -> dict[str, float]:
    """SOP instance UID to endocardial area in mm2 of every contoured image."""
    drawn = {
        int(re.findall(r"IM-0001-(\d+)-icontour", path.name)[0]): path
        for path in (real_data / "sunnybrook" / "SCD_ManualContours" / contours).rglob(
            "*-icontour-manual.txt"
        )
    }
    areas_mm2 = {}
    for path in (real_data / "sunnybrook" / "SCD_IMAGES_01" / study).rglob("*.dcm"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        if int(header.InstanceNumber) in drawn:
            areas_mm2[str(header.SOPInstanceUID)] = shoelace_mm2(
                drawn[int(header.InstanceNumber)], tuple(map(float, header.PixelSpacing))
            )
    return areas_mm2


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize(
    ("study", "contours"),
    [("SCD0000101", "SC-HF-I-01"), ("SCD0000201", "SC-HF-I-02"), ("SCD0000301", "SC-HF-I-04")],
)
def test_sunnybrook_study_left_out_of_training_is_near_its_contours(real_data, study, contours):
    prediction = pipeline.predict(real_data / "sunnybrook" / "SCD_IMAGES_01" / study)
    drawn = contoured(real_data, study, contours)
    uids = prediction.stack.sop_instance_uids
    found = np.array([[drawn.get(uid, np.nan) for uid in row] for row in uids])
    phases = np.flatnonzero(~np.isnan(found).all(axis=0))
    assert len(phases) == 2
    by_volume = []
    for phase in phases:
        z = np.flatnonzero(~np.isnan(found[:, phase]))
        by_volume.append((cone_volume_ml(found[z, phase], prediction.stack.positions_mm[z]), z))
    (esv_ml, es_slices), (edv_ml, ed_slices) = sorted(by_volume, key=lambda pair: pair[0])
    measured = [
        cone_volume_ml(prediction.areas_mm2[z, phase], prediction.stack.positions_mm[z])
        for z, phase in ((ed_slices, prediction.ed_phase), (es_slices, prediction.es_phase))
    ]
    assert measured[0] == pytest.approx(edv_ml, rel=0.12)
    assert measured[1] == pytest.approx(esv_ml, rel=0.12)
