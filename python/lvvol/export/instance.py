"""What DICOM results share: the patient and study of their source, UIDs, codes and bytes."""

from __future__ import annotations

import datetime
import hashlib
import re
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from lvvol.cine import CineStack
from lvvol.dicom.files.by_pydicom import QUIET
from lvvol.dicom.headers import read_headers
from lvvol.errors import OutputError
from lvvol.prediction import Prediction
from lvvol.provenance import Provenance

MANUFACTURER = MODEL = "lvvol"
RESEARCH = "Research use only; not a medical device"

# Of the source, as far as they are there and valid. Type 2 must be there, even if empty.
_PATIENT_AND_STUDY = (
    *("SpecificCharacterSet", "PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("PatientAge", "PatientSize", "PatientWeight", "IssuerOfPatientID", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber", "StudyDescription"),
)
_TYPE_2 = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber"),
)


@dataclass(frozen=True)
class SourceImage:
    """An image that a result refers to."""

    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    frame: int | None  # from 1; None for a file of one image


@dataclass(frozen=True, eq=False)
class Origin:
    """What the source of a measurement says beyond its pixels.

    Parameters
    ----------
    header : Dataset
        Of the first source image.
    study_uid, frame_of_reference_uid : str
        Those of the source, or made from its images where missing; then always the same.
    images : list of list of SourceImage
        By slice and phase.
    """

    header: FileDataset
    study_uid: str
    frame_of_reference_uid: str
    images: list[list[SourceImage]]


def read_origin(prediction: Prediction, provenance: Provenance) -> Origin:
    """Read what a DICOM result takes from its source.

    Parameters
    ----------
    prediction : Prediction
        Of a stack that was read from files.
    provenance : Provenance
        With its study.

    Returns
    -------
    Origin
        With UIDs for all.

    Raises
    ------
    OutputError
        If the measurement does not come from files, or these are no longer there.
    """
    stack = prediction.stack
    if provenance.study is None or not stack.files:
        raise OutputError("DICOM results: expected a measurement of files, got one of a bare stack")
    first = stack.files[0][0]
    header = read_headers(provenance.study, [first])[first]
    with QUIET:
        sop_class = str(header.get("SOPClassUID") or header.file_meta.MediaStorageSOPClassUID)
        several = int(header.get("NumberOfFrames") or 1) > 1
    return Origin(
        header,
        stack.study_uid or made_uid("study", stack),
        stack.frame_of_reference_uid or made_uid("frame of reference", stack),
        [
            [
                SourceImage(
                    sop_class,
                    stack.sop_instance_uids[z][t] or made_uid(f"image {z} {t}", stack),
                    stack.series_uids[z] or made_uid(f"series {stack.series_numbers[z]}", stack),
                    stack.frames[z][t] + 1 if several else None,
                )
                for t in range(stack.n_phases)
            ]
            for z in range(stack.n_slices)
        ],
    )


def made_uid(what: str, stack: CineStack) -> str:
    """Return a UID in place of a missing one, the same for the same images."""
    images = [*stack.sop_instance_uids, *stack.files]
    return _hashed_uid((what, images))


def run_uid(provenance: Provenance, what: str) -> str:
    """Return a UID for a part of this run's results, by which other parts can name it."""
    return _hashed_uid((provenance.run, what))


def _hashed_uid(facts: object) -> str:
    """Return a UID of the root for UUIDs, without a leading zero."""
    digest = hashlib.sha256(repr(facts).encode("utf-8", "backslashreplace")).digest()
    return f"2.25.{int.from_bytes(digest[:15]) | 1 << 120}"


def new_instance(
    origin: Origin, sop_class: UID, sop_instance_uid: str, series: Dataset
) -> FileDataset:
    """Return an instance with the modules that all results share.

    Parameters
    ----------
    origin : Origin
        Its source.
    sop_class : UID
        Its kind.
    sop_instance_uid : str
        Its UID.
    series : Dataset
        Modality, Series Instance UID, number and description.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    instance = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    copy_patient(origin.header, instance)
    instance.update(series)
    now = datetime.datetime.now()
    instance.SOPClassUID = sop_class
    instance.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    instance.StudyInstanceUID = origin.study_uid
    instance.InstanceNumber = 1
    instance.ContentDate = now.strftime("%Y%m%d")
    instance.ContentTime = now.strftime("%H%M%S.%f")
    instance.Manufacturer = MANUFACTURER
    instance.ManufacturerModelName = MODEL
    instance.DeviceSerialNumber = "none"
    instance.SoftwareVersions = version("lvvol")
    return instance


def copy_patient(header: Dataset, target: Dataset) -> None:
    """Copy patient and study; what the standard refuses, such as a date of zeros, becomes empty."""
    with QUIET:
        for keyword in _PATIENT_AND_STUDY:
            if keyword in header and _is_valid(keyword, str(header[keyword].value or "")):
                target[keyword] = header[keyword]
        for keyword in _TYPE_2:
            if keyword not in target:
                setattr(target, keyword, "")


def _is_valid(keyword: str, value: str) -> bool:
    """Whether a value may stand in a new file."""
    if keyword.endswith("Date") and value:
        try:
            datetime.datetime.strptime(value, "%Y%m%d")
        except ValueError:
            return False
    if keyword.endswith("Time") and value:
        return re.fullmatch(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", value) is not None
    if keyword == "PatientSex":
        return value in ("", "M", "F", "O")
    if keyword == "PatientAge":
        return re.fullmatch(r"\d{3}[DWMY]", value) is not None
    return True


def code(scheme: str, value: str, meaning: str) -> Dataset:
    """Return a code as an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def encode(instance: Dataset) -> bytes:
    """Return the file of an instance."""
    content = BytesIO()
    with QUIET:
        instance.save_as(content, enforce_file_format=True)
    return content.getvalue()
