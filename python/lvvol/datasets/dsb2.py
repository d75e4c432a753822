"""DSB2 as the competition published it: whole cines as DICOM, with two volumes a patient.

A study is ``ID/study/sax_5/IM-4562-0001.dcm``; ``train.csv`` or ``validate.csv`` lies beside the
numbered folders or one folder above them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.labelled import LabelledStack, no_masks
from lvvol.datasets.volumes import read_volumes
from lvvol.dicom import load_study
from lvvol.errors import DatasetError
from lvvol.preprocess import to_working_stack

TABLES = ("train.csv", "validate.csv", "volumes.csv")


def open_dsb2(folder: Path) -> Dataset:
    """Find the studies of a folder.

    Parameters
    ----------
    folder : Path
        Holds the numbered studies, or folders of them such as ``train`` and ``validate``.

    Returns
    -------
    Dataset
        Patients ``dsb2/NNNN``, whole cines without masks and without known phases, and with
        volumes where a table has them.

    Raises
    ------
    DatasetError
        If there is no study, a table is damaged, or two tables contradict each other. On reading a
        patient: if `lvvol.load_study` refuses the study.
    """
    studies = dict(_studies(folder))
    if not studies:
        raise DatasetError(f"{folder}: expected studies ID/study/sax_N, got none")
    volumes: dict[int, tuple[float, float]] = {}
    places = {folder, folder.absolute().parent, *(path.parent for path in studies.values())}
    for table in (place / name for place in sorted(places) for name in TABLES):
        if table.is_file():
            for number, pair in read_volumes(table).items():
                if volumes.setdefault(number, pair) != pair:
                    raise DatasetError(
                        f"{table}: expected one EDV and ESV of patient {number}, got two"
                    )
    patients = []
    for number, path in sorted(studies.items()):
        name, known = f"dsb2/{number:04d}", volumes.get(number)
        patients.append(
            Patient(name, (path,), partial(_read_patient, name, path, known), settings=str(known))
        )
    return Dataset(str(folder), tuple(patients))


def _studies(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the number and folder of each study."""
    if not folder.is_dir():
        return
    found: set[int] = set()
    for place in (folder, *sorted(p for p in folder.iterdir() if p.is_dir())):
        for path in sorted(place.iterdir()):
            if path.name.isascii() and path.name.isdigit() and (path / "study").is_dir():
                number = int(path.name)
                if number in found:
                    raise DatasetError(f"{path}: expected each patient once, got {number} twice")
                found.add(number)
                yield number, path


def _read_patient(name: str, path: Path, volumes: tuple[float, float] | None) -> LabelledStack:
    stack = to_working_stack(load_study(path))
    esv_ml, edv_ml = volumes or (None, None)
    return LabelledStack(
        patient=name,
        stack=stack,
        masks=no_masks(stack),
        labelled=np.zeros(stack.images.shape[:2], dtype=bool),
        edv_ml=edv_ml,
        esv_ml=esv_ml,
    )
