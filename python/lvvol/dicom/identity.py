"""Of which study files are, from their headers alone, to tell studies in one place apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO

import pydicom

from lvvol.dicom.files.by_pydicom import QUIET
from lvvol.sources.archive import Source

# Long enough for the elements before the private ones and the pixels of nearly every file.
_HEAD_BYTES = 64 << 10
_TAGS = ["PatientID", "StudyInstanceUID", "StudyDate", "ImagePositionPatient", "NumberOfFrames"]


@dataclass(frozen=True)
class Identity:
    """What tells the studies in one place apart.

    Parameters
    ----------
    patient_id : str
        Patient ID.
    study_uid : str
        Study Instance UID; empty where missing.
    study_date : str
        Study Date where the UID is missing, else empty.
    """

    patient_id: str = ""
    study_uid: str = ""
    study_date: str = ""

    @property
    def part(self) -> str:
        """Eight hexadecimal digits that name the study without naming the patient.

        Examples
        --------
        >>> Identity("1").part
        '5e9da77a'
        """
        facts = "\0".join((self.patient_id, self.study_uid, self.study_date))
        return hashlib.sha256(facts.encode("utf-8", "backslashreplace")).hexdigest()[:8]


@dataclass(frozen=True)
class Glance:
    """What the beginning of a file says.

    Parameters
    ----------
    identity : Identity
        The study.
    position : str
        Image Position (Patient) as text; empty where missing.
    n_frames : int
        Images in the file.
    """

    identity: Identity
    position: str
    n_frames: int


def glance(source: Source, name: str) -> Glance | None:
    """Read the beginning of a file.

    Parameters
    ----------
    source : Source
        The files of one or more studies.
    name : str
        One of its names.

    Returns
    -------
    Glance or None
        None if the file is not DICOM or cannot be read.
    """
    try:
        with source.open(name) as file, QUIET:
            head = file.read(_HEAD_BYTES)
            if head[128:132] != b"DICM" and head[:2] not in (b"\x02\x00", b"\x08\x00"):
                return None
            header = pydicom.dcmread(
                BytesIO(head), stop_before_pixels=True, force=True, specific_tags=[*_TAGS]
            )
            if not len(header):
                return None
            uid = str(header.get("StudyInstanceUID") or "").strip()
            date = str(header.get("StudyDate") or "").strip()
            return Glance(
                Identity(str(header.get("PatientID") or "").strip(), uid, "" if uid else date),
                str(header.get("ImagePositionPatient") or ""),
                int(header.get("NumberOfFrames") or 1),
            )
    except MemoryError:  # says nothing about the file
        raise
    except Exception:  # a corrupt header can fail anywhere in pydicom, with errors of any type
        return None


def split_by_study(source: Source) -> dict[Identity, list[str]]:
    """Group the files of a source by study.

    Parameters
    ----------
    source : Source
        The files.

    Returns
    -------
    dict of Identity to list of str
        Names of the files of each study, in the order of the source; files that are not DICOM are
        left out.
    """
    groups: dict[Identity, list[str]] = {}
    for name in source.names:
        seen = glance(source, name)
        if seen is not None:
            groups.setdefault(seen.identity, []).append(name)
    return groups
