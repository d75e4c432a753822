"""Headers of the files behind a stack, read again for what results say beyond measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset

from lvvol.cine import CineStack
from lvvol.dicom.files.by_pydicom import QUIET
from lvvol.errors import StudyNotFoundError
from lvvol.provenance import Patient
from lvvol.sources.archive import Source, open_source
from lvvol.typing import StrPath

# Beyond these an entry is in another unit or an error of typing.
PLAUSIBLE_HEIGHT_CM = (30.0, 250.0)
PLAUSIBLE_WEIGHT_KG = (1.0, 400.0)


def read_headers(study: StrPath | Source, files: Iterable[str]) -> dict[str, FileDataset]:
    """Read the headers of some files of a study, without pixels.

    Parameters
    ----------
    study : str, path-like or Source
        As in `lvvol.load_study`.
    files : iterable of str
        Names relative to the study, as in `CineStack.files`.

    Returns
    -------
    dict of str to pydicom.FileDataset
        By name.

    Raises
    ------
    StudyNotFoundError
        If a file is no longer there.
    LvvolError
        As `lvvol.load_study`, if the study cannot be opened.
    """
    wanted, found = set(files), {}
    opened = study if isinstance(study, Source) else Path(study)
    with open_source(opened) as source, QUIET:
        for name in source.names:  # in this order: a compressed tar is read forwards
            if name in wanted:
                with source.open(name) as file:
                    content = BytesIO(file.read())
                found[name] = pydicom.dcmread(content, stop_before_pixels=True, force=True)
    if missing := sorted(wanted - found.keys()):
        raise StudyNotFoundError(f"{source.place / missing[0]}: expected the file read before")
    return found


def read_patient(study: StrPath | Source, stack: CineStack, *, identify: bool = False) -> Patient:
    """Read height and weight, and who the patient is if asked.

    Parameters
    ----------
    study : str, path-like or Source
        The study that `stack` was read from.
    stack : CineStack
        The stack.
    identify : bool
        Whether to read name, ID and dates.

    Returns
    -------
    Patient
        Of the first image of the stack; implausible values of height and weight are left out.
    """
    if not stack.files:
        return Patient()
    name = stack.files[0][0]
    header = read_headers(study, [name])[name]
    with QUIET:
        identity = {
            "name": str(header.get("PatientName", "")).replace("^", " ").strip(),
            "patient_id": str(header.get("PatientID", "")),
            "birth_date": str(header.get("PatientBirthDate", "")),
            "study_date": str(header.get("StudyDate", "")),
        }
        return Patient(
            height_cm=_within(_number(header.get("PatientSize")) * 100, PLAUSIBLE_HEIGHT_CM),
            weight_kg=_within(_number(header.get("PatientWeight")), PLAUSIBLE_WEIGHT_KG),
            **(identity if identify else {}),
        )


def _number(value: object) -> float:
    """Return a value of a header as a number; NaN if it is not one."""
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _within(value: float, limits: tuple[float, float]) -> float | None:
    """Return a value that lies within limits, or None."""
    return value if limits[0] <= value <= limits[1] else None
