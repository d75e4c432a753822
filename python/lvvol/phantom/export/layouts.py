"""Folder layouts and labels of three sources of studies."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from lvvol.phantom.export.contours import contour_files
from lvvol.phantom.scanner.plan import GE, SIEMENS
from lvvol.phantom.scanner.scan import LOCALISER, SHORT_AXIS, Scan
from lvvol.phantom.study import PhantomStudy


class Layout:
    """All files in one folder under arbitrary names, as in a scanner's media export.

    Base class of the other layouts.
    """

    vendor: str | None = None
    """Manufacturer of all studies; None for any."""
    anonymised: Mapping[str, str | None] = MappingProxyType({})
    """Values of anonymised elements by keyword; None if deleted."""
    table: str = ""
    """Path of the table of all studies; empty if there is none."""
    columns: str = ""
    """Header line of that table."""
    images: str = ""
    """Image folder relative to the study's; empty, or with a trailing slash."""

    def folder(self, study: PhantomStudy, *, alone: bool) -> str:
        """Return the study's folder relative to OUT; empty, or with a trailing slash."""
        return "" if alone else f"{study.seed}/"

    def patient(self, study: PhantomStudy) -> tuple[str, str]:
        """Return patient ID and name."""
        return f"phantom-{study.seed}", f"Phantom^{study.seed}"

    def file(self, study: PhantomStudy, scan: Scan, phase: int) -> str | None:
        """Return the path of an image relative to the study's folder; None if not exported."""
        # DICOM media allow at most eight characters.
        digest = hashlib.sha256(study.uid(scan.name, phase).encode()).digest()
        return base64.b32encode(digest[:5]).decode()

    def row(self, study: PhantomStudy) -> str:
        """Return a study's line in the table."""
        return ""

    def labels(self, study: PhantomStudy) -> Iterator[tuple[str, bytes]]:
        """Yield the label files of a study, with paths relative to OUT."""
        yield from ()


class Dsb2(Layout):
    """The Second Annual Data Science Bowl: one folder per series, no UIDs above the image's."""

    vendor = SIEMENS
    anonymised = MappingProxyType(
        dict.fromkeys(
            [
                "StudyInstanceUID",
                "SeriesInstanceUID",
                "FrameOfReferenceUID",
                "StudyDate",
                "SeriesDate",
                "AcquisitionDate",
                "ContentDate",
                "ContentTime",
                "AccessionNumber",
                "ReferringPhysicianName",
                "StudyID",
                "ReferencedSOPInstanceUID",
            ]
        )
    )
    table = "train.csv"
    columns = "Id,Systole,Diastole"
    images = "study/"

    def folder(self, study: PhantomStudy, *, alone: bool) -> str:
        """Return the study's number."""
        return f"{study.seed}/"

    def patient(self, study: PhantomStudy) -> tuple[str, str]:
        """Return the study's number and a name derived from it."""
        return str(study.seed), f"NDSB_{study.seed}"

    def file(self, study: PhantomStudy, scan: Scan, phase: int) -> str | None:
        """Return series folder and file; localisers were not published."""
        if scan.view == LOCALISER:
            return None
        series = sorted({s.series for s in study.scans if s.view != LOCALISER})
        number = 1000 + study.seed * 17 % 8000 + series.index(scan.series)
        return f"{self.images}{scan.view}_{scan.series}/IM-{number:04d}-{phase + 1:04d}.dcm"

    def row(self, study: PhantomStudy) -> str:
        """Return number, ESV and EDV."""
        return f"{study.seed},{study.truth.esv_ml:.1f},{study.truth.edv_ml:.1f}"


class Sunnybrook(Layout):
    """The Sunnybrook Cardiac Data: one series for the stack, contours at ED and ES."""

    vendor = GE
    # Invalid dates, as in the real data.
    anonymised = MappingProxyType(
        {
            "StudyDate": "20120000",
            "SeriesDate": "20120000",
            "AcquisitionDate": "20120000",
            "ContentDate": "20120000",
            "PatientBirthDate": "00000000",
            "PatientSex": "",
            "StudyID": "",
            "SeriesDescription": "",
            "ReferringPhysicianName": None,
        }
    )
    table = "scd_patientdata.csv"
    columns = "PatientID,OriginalID"

    def folder(self, study: PhantomStudy, *, alone: bool) -> str:
        """Return the patient's folder."""
        return f"SCD_IMAGES_01/{self.patient(study)[0]}/"

    def patient(self, study: PhantomStudy) -> tuple[str, str]:
        """Return the number in the folder's name."""
        return f"SCD{study.seed:05d}01", f"SCD{study.seed:05d}01"

    def file(self, study: PhantomStudy, scan: Scan, phase: int) -> str | None:
        """Return series folder and file, with the image's number; localisers were not published."""
        if scan.view == LOCALISER:
            return None
        short_axis = scan.view == SHORT_AXIS
        name = "CINESAX" if short_axis else "CINELAX"
        return f"{name}_{scan.series}/{self._image(scan, phase)}.dcm"

    def row(self, study: PhantomStudy) -> str:
        """Return the patient's number and the name used for contours."""
        return f"{self.patient(study)[0]},{self._group(study)}-{study.seed}"

    def labels(self, study: PhantomStudy) -> Iterator[tuple[str, bytes]]:
        """Yield contours of every slice that shows the LV cavity at ED or ES."""
        folder = f"SCD_ManualContours/{self._group(study)}-{study.seed:02d}/contours-manual"
        for scan, phase, kind, text in contour_files(study):
            name = f"{self._image(scan, phase)}-{kind}-manual.txt"
            yield f"{folder}/IRCCI-expert/{name}", text

    def _image(self, scan: Scan, phase: int) -> str:
        return f"IM-{1 if scan.view == SHORT_AXIS else 2:04d}-{scan.first_instance + phase:04d}"

    def _group(self, study: PhantomStudy) -> str:
        """Return Sunnybrook's diagnosis code: normal, or heart failure without infarction."""
        return "SC-N" if study.truth.ef_percent >= 55 else "SC-HF-NI"


LAYOUTS: dict[str, Layout] = {"flat": Layout(), "dsb2": Dsb2(), "sunnybrook": Sunnybrook()}
"""Layouts by name."""
