"""Sunnybrook in the layout of the Cardiac Atlas Project: DICOM and expert contours.

Images are ``SCD_IMAGES_01/SCD0000101/CINESAX_300/IM-0001-0048.dcm``, contours
``SCD_ManualContours/SC-HF-I-01/contours-manual/IRCCI-expert/IM-0001-0048-icontour-manual.txt``, and
``scd_patientdata.csv`` says which folders belong together.
"""

from __future__ import annotations

import csv
import re
from functools import partial
from pathlib import Path

from lvvol.datasets.contours import draw_contours, drawn_phases, find_contours
from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.labelled import LabelledStack
from lvvol.dicom import load_study
from lvvol.errors import DatasetError
from lvvol.preprocess import to_working_stack

TABLE = "scd_patientdata.csv"

_STUDY = re.compile(r"SCD\d+")
_DRAWN = re.compile(r"(?P<group>SC-[A-Z]+(?:-[A-Z]+)?)-(?P<number>\d+)")


def open_sunnybrook(folder: Path) -> Dataset:
    """Find the patients of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``scd_patientdata.csv`` and, at any depth, the folders of studies and contours.

    Returns
    -------
    Dataset
        Patients ``sunnybrook/SC-...``, whole cines drawn at ED and ES, without volumes. A patient
        of the table without images or contours is left out.

    Raises
    ------
    DatasetError
        If the table is missing or damaged, or names no patient who is there. On reading a patient:
        if `lvvol.load_study` refuses the study, a contour is damaged or has no image in the stack,
        or fewer than two phases are drawn.
    """
    patients = []
    for name, (study, drawn) in sorted(match_contours(folder).items()):
        patient = f"sunnybrook/{name}"
        files = find_contours(drawn)
        if files:
            read = partial(_read_patient, patient, study, files)
            patients.append(Patient(patient, (study, *files), read))
    if not patients:
        raise DatasetError(f"{folder}: expected studies and contours as in {TABLE}, got none")
    return Dataset(str(folder), tuple(patients))


def match_contours(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Match studies and contours by the table.

    Returns
    -------
    dict of str to (Path, Path)
        Folders of the study and of the contours by the patient's name, such as ``SC-HF-I-04``.

    Raises
    ------
    DatasetError
        If the table is missing or damaged.
    """
    table = folder / TABLE
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if missing := {"PatientID", "OriginalID"} - set(rows.fieldnames or ()):
                raise ValueError(f"no {', '.join(sorted(missing))}")
            names = {row["PatientID"]: _full_name(row["OriginalID"]) for row in rows}
    except (OSError, TypeError, ValueError, csv.Error) as error:
        raise DatasetError(
            f"{table}: expected columns PatientID, OriginalID, got {error}"
        ) from error
    studies, drawn = {}, {}
    for path in sorted(folder.glob("*/")) + sorted(folder.glob("*/*/")):
        if _STUDY.fullmatch(path.name):
            studies[path.name] = path
        elif _DRAWN.fullmatch(path.name):
            drawn[_full_name(path.name)] = path
    return {
        name: (studies[study], drawn[name])
        for study, name in names.items()
        if study in studies and name in drawn
    }


def _full_name(name: str) -> str:
    """Return a patient's name with two digits: the table writes some with one."""
    found = _DRAWN.fullmatch(name.strip())
    if found is None:
        raise ValueError(f"name {name!r}")
    return f"{found['group']}-{int(found['number']):02d}"


def _read_patient(patient: str, study: Path, files: tuple[Path, ...]) -> LabelledStack:
    stack = to_working_stack(load_study(study))
    masks, labelled = draw_contours(files, study, stack)
    ed_phase, es_phase = drawn_phases(masks, labelled)
    return LabelledStack(patient, stack, masks, labelled, ed_phase=ed_phase, es_phase=es_phase)
