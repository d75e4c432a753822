"""`Dataset`: patients that are known by name and read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from lvvol.datasets.facts import Facts, facts_of
from lvvol.datasets.labelled import LabelledStack
from lvvol.datasets.split import ALL, Split
from lvvol.errors import DatasetError, LvvolError, MissingExtraError


@dataclass(frozen=True)
class Patient:
    """A patient of a dataset, before any pixel is read.

    Parameters
    ----------
    name : str
        Source and patient, such as ``dsb2/0042``; the unit of splits.
    sources : tuple of Path
        Files, and folders with all they hold, that the patient's pixels and contours come from.
    read : callable
        Reads the patient. It can be pickled, so that other processes can read.
    settings : str
        What else decides the result, such as the volumes that a table gives for the patient.
    read_pair : callable, optional
        Reads ED and ES, given both phases, where that costs less than reading all phases.
    facts : Facts, optional
        What is known without reading.
    """

    name: str
    sources: tuple[Path, ...]
    read: Callable[[], LabelledStack]
    settings: str = ""
    read_pair: Callable[[int, int], LabelledStack] | None = None
    facts: Facts | None = None


@dataclass(frozen=True)
class Dataset(Sequence[LabelledStack]):
    """Labelled patients; an index or a loop reads them one at a time.

    Parameters
    ----------
    place : str
        Where the dataset is, for messages.
    patients : tuple of Patient
        In the order of their names.

    Raises
    ------
    DatasetError
        If two patients have one name.
    """

    place: str
    patients: tuple[Patient, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise DatasetError(f"{self.place}: expected each patient once, got {name} twice")
            seen.add(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the patients."""
        return tuple(patient.name for patient in self.patients)

    def __len__(self) -> int:
        return len(self.patients)

    @overload
    def __getitem__(self, index: int) -> LabelledStack: ...

    @overload
    def __getitem__(self, index: slice) -> Dataset: ...

    def __getitem__(self, index: int | slice) -> LabelledStack | Dataset:
        if isinstance(index, slice):
            return Dataset(self.place, self.patients[index])
        return self._read(self.patients[index], self.patients[index].read)

    def __iter__(self) -> Iterator[LabelledStack]:
        return (self[index] for index in range(len(self)))

    def pair(self, index: int, ed_phase: int, es_phase: int) -> LabelledStack:
        """Read two phases of a patient; see `LabelledStack.at`.

        Parameters
        ----------
        index : int
            The patient.
        ed_phase, es_phase : int
            Phases to take for ED and ES.

        Returns
        -------
        LabelledStack
            Of two phases. A cache reads no others.

        Raises
        ------
        DatasetError
            If the patient cannot be read.
        """
        patient = self.patients[index]
        read_pair = patient.read_pair
        if read_pair is not None:
            return self._read(patient, lambda: read_pair(ed_phase, es_phase))
        return self[index].at(ed_phase, es_phase)

    def facts(self, index: int) -> Facts:
        """Return shape, labels and fingerprint of a patient; only a cache knows them unread."""
        known = self.patients[index].facts
        return facts_of(self[index]) if known is None else known

    def select(self, wanted: Callable[[str], bool]) -> Dataset:
        """Return the patients whose names are wanted, unread."""
        return Dataset(self.place, tuple(p for p in self.patients if wanted(p.name)))

    def part(self, split: Split | None, part: str = ALL) -> Dataset:
        """Return the patients of a part of a split, unread.

        Parameters
        ----------
        split : Split or None
            None only for all patients.
        part : str
            As in `Split.has`.

        Raises
        ------
        DatasetError
            If the split has no such part or does not list one of the patients.
        """
        if split is None:
            if part != ALL:
                raise DatasetError(f"{self.place}: expected a split for part {part}, got none")
            return self
        try:
            return self.select(lambda name: split.has(name, part))
        except DatasetError as error:
            raise DatasetError(f"{self.place}: {error}") from error

    def _read(self, patient: Patient, read: Callable[[], LabelledStack]) -> LabelledStack:
        try:
            return read()
        except MissingExtraError:  # says nothing about the patient
            raise
        except (LvvolError, OSError) as error:
            raise DatasetError(f"{self.place}: {patient.name}: {error}") from error
