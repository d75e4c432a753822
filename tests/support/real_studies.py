"""The five whole DICOM studies: their names, folders and contours."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom

DSB2 = ("1", "501")
# Folder of the images: name of the contours.
SUNNYBROOK = {"SCD0000101": "SC-HF-I-01", "SCD0000201": "SC-HF-I-02", "SCD0000301": "SC-HF-I-04"}

STUDIES = (
    *(f"dsb2_dicom/{study}" for study in DSB2),
    *(f"sunnybrook/SCD_IMAGES_01/{study}" for study in SUNNYBROOK),
)
"""Their folders in the data folder."""


def read_contours(sunnybrook: Path, study: str) -> dict[str, npt.NDArray[np.float64]]:
    """Return the endocardial contours of a Sunnybrook study by SOP Instance UID.

    A contour is an array of shape (point, 2): row and column in mm from the outer top left corner
    of the image. In the files it is x and y in pixels; the first pixel's centre is at 1.
    """
    contours = sunnybrook / "SCD_ManualContours" / SUNNYBROOK[study]
    drawn = {
        int(re.findall(r"IM-0001-(\d+)-icontour", path.name)[0]): path
        for path in contours.rglob("*-icontour-manual.txt")
    }
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of invalid UIDs in these files
        for path in (sunnybrook / "SCD_IMAGES_01" / study).rglob("*.dcm"):
            header = pydicom.dcmread(path, stop_before_pixels=True)
            if int(header.InstanceNumber) in drawn:
                pixels = np.loadtxt(drawn[int(header.InstanceNumber)])[:, ::-1] - 0.5
                found[str(header.SOPInstanceUID)] = pixels * np.array(
                    header.PixelSpacing, dtype=float
                )
    return found
