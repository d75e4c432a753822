"""Labelled studies from several sources in one form, read one patient at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.facts import Facts, fingerprint
from lvvol.datasets.kinds import KINDS, open_dataset
from lvvol.datasets.labelled import LabelledStack
from lvvol.datasets.split import ALL, SHIPPED, Part, Split, read_split
from lvvol.typing import StrPath

__all__ = [
    "ALL",
    "KINDS",
    "SHIPPED",
    "Dataset",
    "Facts",
    "LabelledStack",
    "Part",
    "Patient",
    "Split",
    "fingerprint",
    "open_dataset",
    "read_dataset",
    "read_split",
]


def read_dataset(place: StrPath, parts: Collection[Part]) -> Iterator[LabelledStack]:
    """Read the patients of a dataset that belong to some parts of the committed split.

    Parameters
    ----------
    place : str or path-like
        As in `open_dataset`.
    parts : collection of Part
        Parts to read.

    Yields
    ------
    LabelledStack
        In the order of patient names.

    Raises
    ------
    DatasetError
        If there is no dataset or it is damaged, or the split does not list one of its patients.
    """
    split = read_split(SHIPPED)
    yield from open_dataset(place).select(lambda patient: split.part_of(patient) in parts)
