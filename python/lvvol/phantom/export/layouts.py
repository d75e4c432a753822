"""Where a study's files and labels lie, in the manner of three sources of studies."""

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
    """All files in one folder under names that mean nothing, as scanners export to media.

    The other layouts say where they differ.
    """

    vendor: str | None = None
    """Whose scanner all studies come from; None for any."""
    anonymised: Mapping[str, str | None] = MappingProxyType({})
    """What anonymising made of elements, by keyword; None where it took them away."""
    table: str = ""
    """Path of the table of all studies; empty for none."""
    columns: str = ""
    """First line of that table."""
    images: str = ""
    """Folder that holds all images, from the study's; with a slash at its end, or empty."""

    def folder(self, study: PhantomStudy, *, alone: bool) -> str:
        """Return the folder to read as one study, from OUT; with a slash at its end, or empty."""
        return "" if alone else f"{study.seed}/"

    def patient(self, study: PhantomStudy) -> tuple[str, str]:
        """Return patient ID and name."""
        return f"phantom-{study.seed}", f"Phantom^{study.seed}"

    def file(self, study: PhantomStudy, scan: Scan, phase: int) -> str | None:
        """Return the path of one image from the study's folder; None where it is not kept."""
        # Eight characters are as many as DICOM media allow.
        digest = hashlib.sha256(study.uid(scan.name, phase).encode()).digest()
        return base64.b32encode(digest[:5]).decode()

    def row(self, study: PhantomStudy) -> str:
        """Return a study's line in the table."""
        return ""

    def labels(self, study: PhantomStudy) -> Iterator[tuple[str, bytes]]:
        """Yield the label files of one study, by path from OUT."""
        yield from ()


class Dsb2(Layout):
    """The Second Annual Data Science Bowl's: one folder a series, no UIDs above the image's."""

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
        """Return the number, and a name made of it."""
        return str(study.seed), f"NDSB_{study.seed}"

    def file(self, study: PhantomStudy, scan: Scan, phase: int) -> str | None:
        """Return series and file; localisers were not published."""
        if scan.view == LOCALISER:
            return None
        series = sorted({s.series for s in study.scans if s.view != LOCALISER})
        number = 1000 + study.seed * 17 % 8000 + series.index(scan.series)
        return f"{self.images}{scan.view}_{scan.series}/IM-{number:04d}-{phase + 1:04d}.dcm"

    def row(self, study: PhantomStudy) -> str:
        """Return number, ESV and EDV."""
        return f"{study.seed},{study.truth.esv_ml:.1f},{study.truth.edv_ml:.1f}"


class Sunnybrook(Layout):
    """The Sunnybrook Cardiac Data's: one series for the stack, and contours at ED and ES."""

    vendor = GE
    # Dates that are none, as the real ones have them.
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
        """Return the number that also names the folder."""
        return f"SCD{study.seed:05d}01", f"SCD{study.seed:05d}01"

    def file(self, study: PhantomStudy, scan: Scan, phase: int) -> str | None:
        """Return series and file, numbered as the image; localisers were not published."""
        if scan.view == LOCALISER:
            return None
        short_axis = scan.view == SHORT_AXIS
        name = "CINESAX" if short_axis else "CINELAX"
        return f"{name}_{scan.series}/{self._image(scan, phase)}.dcm"

    def row(self, study: PhantomStudy) -> str:
        """Return the patient's number and the name that contours go by."""
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
        """Return the diagnosis in Sunnybrook's words: normal, or failing without infarction."""
        return "SC-N" if study.truth.ef_percent >= 55 else "SC-HF-NI"


LAYOUTS: dict[str, Layout] = {"flat": Layout(), "dsb2": Dsb2(), "sunnybrook": Sunnybrook()}
"""The layouts by name."""
