"""Splits by patient, and the committed one of the shipped model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path

from lvvol.errors import DatasetError
from lvvol.typing import StrPath

ALL = "all"
"""The part of everybody, listed in a split or not."""

SHIPPED = "shipped"
"""Name of the committed split."""

_FOLD = re.compile(r"fold:([1-9]\d*)")


class Part(StrEnum):
    """Use of a patient in the committed split.

    Training learns from TRAIN and makes choices on VALIDATION; intervals are fitted to the
    errors on CALIBRATION, which training never sees; TEST and LEFT_OUT are only measured. BROKEN
    labels contradict their own images and are never used.
    """

    TRAIN = "train"
    CALIBRATION = "calibration"
    VALIDATION = "validation"
    TEST = "test"
    LEFT_OUT = "left_out"
    BROKEN = "broken"


@dataclass(frozen=True)
class Split:
    """Patients in parts: ``train``, ``validation`` and others, or ``fold:1`` to ``fold:K``.

    Parameters
    ----------
    place : str
        The file, for messages.
    parts : mapping of str to tuple of str
        Patients of each part.

    Raises
    ------
    DatasetError
        If a patient is in two parts.

    Examples
    --------
    >>> split = Split("split.json", {"fold:1": ("a",), "fold:2": ("b",), "fold:3": ("c",)})
    >>> [name for name in "abc" if split.has(name, "not-fold:2")]
    ['a', 'c']
    """

    place: str
    parts: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for part, patients in self.parts.items():
            for patient in patients:
                if patient in seen:
                    raise DatasetError(
                        f"{self.place}: expected each patient once, got {patient} in "
                        f"{seen[patient]} and {part}"
                    )
                seen[patient] = part
        object.__setattr__(self, "_part_of", seen)

    def part_of(self, patient: str) -> str:
        """Return the part of a patient.

        Parameters
        ----------
        patient : str
            Source and patient, such as ``dsb2/0004``.

        Raises
        ------
        DatasetError
            If the split does not list the patient, who is then neither trained on nor measured.

        Examples
        --------
        >>> read_split("shipped").part_of("dsb2/0001")
        'left_out'
        """
        part_of: dict[str, str] = self.__dict__["_part_of"]
        try:
            return part_of[patient]
        except KeyError:
            raise DatasetError(
                f"{patient}: expected a patient of {self.place}, which does not list it"
            ) from None

    def has(self, patient: str, part: str) -> bool:
        """Return whether a patient is in a part.

        Parameters
        ----------
        patient : str
            Source and patient.
        part : str
            A part of the split; ``not-fold:N`` for all other folds; ``all`` for everybody, also
            those whom the split does not list.

        Raises
        ------
        DatasetError
            If the split has no such part, or does not list the patient.
        """
        if part == ALL:
            return True
        others = part.removeprefix("not-")
        name = others if _FOLD.fullmatch(others) else part
        if name not in self.parts:
            raise DatasetError(
                f"{self.place}: expected part {ALL}, {', '.join(self.parts)}"
                f"{' or not-fold:N' if self.n_folds else ''}, got {part}"
            )
        return (self.part_of(patient) == name) == (name == part)

    def lists(self, patient: str) -> bool:
        """Return whether a patient is in any part."""
        return patient in self.__dict__["_part_of"]

    @property
    def n_folds(self) -> int:
        """Number of folds; 0 for a split into named parts."""
        return sum(_FOLD.fullmatch(part) is not None for part in self.parts)

    def to_json(self) -> str:
        """Return the text of the split's file."""
        parts = {part: list(patients) for part, patients in self.parts.items()}
        return json.dumps(parts, indent=1) + "\n"


def read_split(place: StrPath) -> Split:
    """Read a split.

    Parameters
    ----------
    place : str or path-like
        A JSON file, an object of part names with lists of patients, or ``shipped`` for the split
        that the shipped model was trained on.

    Returns
    -------
    Split

    Raises
    ------
    DatasetError
        If the file cannot be read or is no split.
    """
    if str(place) == SHIPPED:
        return _shipped()
    path = Path(place)
    try:
        return _parse(str(path), path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: expected a split, got {error.strerror or error}") from error


@cache
def _shipped() -> Split:
    content = resources.files("lvvol.datasets").joinpath("split.json").read_bytes()
    return _parse("lvvol/datasets/split.json", content)


def _parse(place: str, content: bytes) -> Split:
    try:
        parts = json.loads(content)
        if not isinstance(parts, dict) or not all(
            isinstance(names, list) and all(isinstance(name, str) for name in names)
            for names in parts.values()
        ):
            raise ValueError("another structure")
    except (ValueError, RecursionError) as error:
        raise DatasetError(
            f'{place}: expected JSON like {{"train": ["dsb2/0004"], "validation": []}}, got {error}'
        ) from error
    return Split(place, {part: tuple(names) for part, names in parts.items()})


def make_folds(
    place: str, patients: Iterable[str], folds: int, seed: int = 0, known: Split | None = None
) -> Split:
    """Assign patients to folds by a hash of their names.

    Parameters
    ----------
    place : str
        The split's file, for messages.
    patients : iterable of str
        Patients to assign.
    folds : int
        Number of folds, at least 2.
    seed : int
        Another seed gives another assignment.
    known : Split, optional
        An earlier split whose patients stay where they are, also those not in `patients`.

    Returns
    -------
    Split
        Parts ``fold:1`` to ``fold:K``. A patient's fold follows from the name alone, so it stays
        when patients are added; folds are therefore equal in size only on average. Only a fold that
        would be empty takes a patient from the largest.

    Raises
    ------
    ValueError
        If there are fewer than 2 folds.
    DatasetError
        If `known` has another number of folds, or there are too few new patients to fill each fold.
    """
    if folds < 2:
        raise ValueError(f"folds: expected at least 2, got {folds}")
    names = [f"fold:{number}" for number in range(1, folds + 1)]
    if known is not None and set(known.parts) != set(names):
        raise DatasetError(
            f"{known.place}: expected {folds} folds, got {', '.join(known.parts) or 'no part'}; "
            "assignments never change, so write another split to another file"
        )
    listed = {name: list(known.parts[name]) if known is not None else [] for name in names}
    everyone = {patient for assigned in listed.values() for patient in assigned}
    new: dict[str, list[str]] = {name: [] for name in names}
    for patient in sorted(set(patients) - everyone):
        digest = hashlib.sha256(f"{seed} {patient}".encode()).digest()
        new[names[int.from_bytes(digest[:8]) % folds]].append(patient)
    for name in names:
        if not listed[name] and not new[name]:
            largest = max(names, key=lambda other: len(new[other]))
            if len(listed[largest]) + len(new[largest]) < 2 or not new[largest]:
                raise DatasetError(
                    f"{place}: expected a patient for each of {folds} folds, got too few"
                )
            new[name].append(new[largest].pop())
    return Split(place, {name: tuple(sorted(listed[name] + new[name])) for name in names})
