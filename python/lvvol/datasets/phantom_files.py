"""Studies that `lvvol phantom` wrote, in any layout, with the volumes and phases of their truth."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lvvol.datasets.contours import draw_contours, find_contours
from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.labelled import LabelledStack
from lvvol.datasets.sunnybrook import TABLE, match_contours
from lvvol.dicom import load_study
from lvvol.errors import DatasetError
from lvvol.preprocess import to_working_stack

TRUTH = "truth.json"


class _Truth(NamedTuple):
    seed: int
    edv_ml: float
    esv_ml: float
    ed_phase: int
    es_phase: int
    n_phases: int


def open_phantom_files(folder: Path) -> Dataset:
    """Find the phantoms of a folder.

    Parameters
    ----------
    folder : Path
        What `lvvol phantom` wrote, one study or several, in any layout.

    Returns
    -------
    Dataset
        Patients ``phantom/SEED``: whole cines with their exact volumes, phases of ED and ES and, in
        the layout of Sunnybrook, masks.

    Raises
    ------
    DatasetError
        If there is no ``truth.json`` or one is damaged. On reading a patient: if
        `lvvol.load_study` refuses the study, or finds another number of phases.
    """
    contours: dict[Path, tuple[Path, ...]] = {}
    if (folder / TABLE).is_file():
        matched = match_contours(folder).values()
        contours = {study: find_contours(drawn) for study, drawn in matched}
    patients = []
    for path in _truths(folder):
        truth, study = _read_truth(path), path.parent
        name, files = f"phantom/{truth.seed}", contours.get(study, ())
        read = partial(_read_patient, name, study, files, truth)
        patients.append((truth.seed, Patient(name, (study, *files), read)))
    if not patients:
        raise DatasetError(f"{folder}: expected phantoms with {TRUTH}, got none")
    return Dataset(str(folder), tuple(patient for _, patient in sorted(patients, key=_seed)))


def _seed(entry: tuple[int, Patient]) -> int:
    return entry[0]


def _truths(folder: Path) -> list[Path]:
    """Return the truths of a single study, or of those one or two folders below."""
    for pattern in (TRUTH, f"*/{TRUTH}", f"*/*/{TRUTH}"):
        if found := sorted(folder.glob(pattern)):
            return found
    return []


def _read_truth(path: Path) -> _Truth:
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
        return _Truth(
            int(truth["seed"]),
            float(truth["edv_ml"]),
            float(truth["esv_ml"]),
            int(truth["ed_phase"]),
            int(truth["es_phase"]),
            int(truth["reading"]["n_phases"]),
        )
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DatasetError(f"{path}: expected the truth of a phantom, got {error!r}") from error


def _read_patient(name: str, study: Path, files: tuple[Path, ...], truth: _Truth) -> LabelledStack:
    stack = to_working_stack(load_study(study))
    if stack.n_phases != truth.n_phases:
        raise DatasetError(
            f"{study}: expected {truth.n_phases} phases as in {TRUTH}, got {stack.n_phases}"
        )
    masks, labelled = draw_contours(files, study, stack)
    return LabelledStack(
        name,
        stack,
        masks,
        labelled,
        edv_ml=truth.edv_ml,
        esv_ml=truth.esv_ml,
        ed_phase=truth.ed_phase,
        es_phase=truth.es_phase,
    )
