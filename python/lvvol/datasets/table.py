"""Any hospital's studies: a CSV that names DICOM studies, their volumes and perhaps masks."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lvvol.cine import CineStack
from lvvol.datasets.contours import draw_contours, drawn_phases, find_contours
from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.labelled import LabelledStack, no_masks
from lvvol.datasets.nifti_files import lay_masks
from lvvol.dicom import load_study
from lvvol.errors import DatasetError
from lvvol.preprocess import to_working_stack
from lvvol.typing import Bool

CAVITY = frozenset({1})

_REQUIRED = ("path", "edv_ml", "esv_ml")
_OPTIONAL = ("id", "masks")


class _Row(NamedTuple):
    patient: str
    study: Path
    edv_ml: float | None
    esv_ml: float | None
    masks: Path | None


def open_table(table: Path, cavity: frozenset[int] = CAVITY) -> Dataset:
    """Read the rows of a table, but no study.

    Parameters
    ----------
    table : Path
        CSV with columns ``path`` (a DICOM study: folder, zip or tar), ``edv_ml`` and ``esv_ml``
        (both, or both empty), and optionally ``id`` and ``masks``. Masks are a folder of contours
        as in `lvvol.datasets.contours`, or a NIfTI label map of as many phases as the study.
        Relative paths start at the table. Other columns are ignored.
    cavity : frozenset of int
        Labels that make up the LV cavity in label maps.

    Returns
    -------
    Dataset
        Patients ``TABLE/ID``, named after the table and their ``id`` or else their path. ED and ES
        are known where masks are drawn at two phases.

    Raises
    ------
    DatasetError
        If a column is missing or a value is wrong. On reading a patient: if `lvvol.load_study`
        refuses the study, or masks are damaged or belong elsewhere.
    """
    rows = _rows(table)
    if not rows:
        raise DatasetError(f"{table}: expected a row for each study, got none")
    return Dataset(
        str(table),
        tuple(
            Patient(
                row.patient,
                (row.study,) if row.masks is None else (row.study, row.masks),
                partial(_read_patient, row, cavity),
                settings=f"{row.edv_ml} {row.esv_ml} {sorted(cavity) if row.masks else ''}",
            )
            for row in sorted(rows)
        ),
    )


def _rows(table: Path) -> list[_Row]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            if missing := set(_REQUIRED) - set(reader.fieldnames or ()):
                raise DatasetError(
                    f"{table}: expected columns {', '.join(_REQUIRED)} and perhaps "
                    f"{', '.join(_OPTIONAL)}, got no {', '.join(sorted(missing))}"
                )
            return [_row(table, reader.line_num, values) for values in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{table}: expected a CSV file, got {error}") from error


def _row(table: Path, line: int, values: dict[str, str | None]) -> _Row:
    text = {key: (value or "").strip() for key, value in values.items() if isinstance(key, str)}
    where = f"{table}, line {line}"
    if not text["path"]:
        raise DatasetError(f"{where}: expected the path of a study, got nothing")
    edv_ml = esv_ml = None
    if text["edv_ml"] or text["esv_ml"]:
        try:
            edv_ml, esv_ml = float(text["edv_ml"]), float(text["esv_ml"])
        except ValueError as error:
            raise DatasetError(f"{where}: expected edv_ml and esv_ml in mL, got {error}") from error
        if not 0 <= esv_ml <= edv_ml < float("inf"):
            raise DatasetError(
                f"{where}: expected 0 <= esv_ml <= edv_ml, got {esv_ml} and {edv_ml}"
            )
    study = table.parent / text["path"]
    masks = table.parent / text["masks"] if text.get("masks") else None
    return _Row(f"{table.stem}/{text.get('id') or text['path']}", study, edv_ml, esv_ml, masks)


def _read_patient(row: _Row, cavity: frozenset[int]) -> LabelledStack:
    stack = to_working_stack(load_study(row.study))
    masks, labelled = _masks(row, cavity, stack)
    phases = drawn_phases(masks, labelled) if labelled.any() else (None, None)
    return LabelledStack(row.patient, stack, masks, labelled, row.edv_ml, row.esv_ml, 0.0, *phases)


def _masks(row: _Row, cavity: frozenset[int], stack: CineStack) -> tuple[Bool, Bool]:
    if row.masks is None:
        return no_masks(stack), no_masks(stack)[:, :, 0, 0]
    if row.masks.is_file():
        masks, labelled = lay_masks(row.masks, cavity, stack)
        if masks.shape[1] != stack.n_phases:
            raise DatasetError(f"{row.masks}: expected {stack.n_phases} phases, got 1")
        return masks, labelled
    files = find_contours(row.masks)
    if not files:
        raise DatasetError(f"{row.masks}: expected files *-icontour-manual.txt, got none")
    return draw_contours(files, row.study, stack)
