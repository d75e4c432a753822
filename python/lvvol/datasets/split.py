"""The committed split by patient."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from importlib import resources

from lvvol.errors import DatasetError


class Part(StrEnum):
    """Use of a patient.

    Training learns from TRAIN and makes choices on VALIDATION; TEST and LEFT_OUT are only measured.
    BROKEN labels contradict their own images and are never used.
    """

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    LEFT_OUT = "left_out"
    BROKEN = "broken"


@cache
def _parts() -> dict[str, Part]:
    text = resources.files("lvvol.datasets").joinpath("split.json").read_text(encoding="utf-8")
    return {
        patient: Part(part) for part, patients in json.loads(text).items() for patient in patients
    }


def part_of(patient: str) -> Part:
    """Return the part of a patient.

    Parameters
    ----------
    patient : str
        Source and patient, such as ``dsb2/0042``.

    Raises
    ------
    DatasetError
        If the split does not list the patient: unassigned patients are never trained on.

    Examples
    --------
    >>> part_of("dsb2/0001").value
    'left_out'
    """
    try:
        return _parts()[patient]
    except KeyError:
        raise DatasetError(
            f"{patient}: expected a patient of lvvol/datasets/split.json, which does not list it"
        ) from None
