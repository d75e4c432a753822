"""Patients as training sees them: two phases and a square in each slice."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import overload

import numpy as np

from lvvol.datasets import Dataset, LabelledStack, Patient, Split, fingerprint, open_dataset
from lvvol.errors import DatasetError
from lvvol.roi.square import Squares
from lvvol.train.sampling import propagated_squares
from lvvol.typing import Progress, StrPath


@dataclass(frozen=True, eq=False)
class Example:
    """Two phases of a patient, ED then ES, and where the LV is.

    Parameters
    ----------
    labels : LabelledStack
        Of two phases.
    squares : ndarray, shape (slice, 3)
        The LV's square in each slice.
    """

    labels: LabelledStack
    squares: Squares


@dataclass(frozen=True, eq=False)
class Entry:
    """A patient who may become an `Example`.

    Parameters
    ----------
    dataset : Dataset
        Reads the patient.
    index : int
        The patient's place there.
    fingerprint : str
        Of all that is labelled.
    has_volumes : bool
        Whether EDV and ESV are labelled.
    phases : (int, int) or None
        ED and ES; None until they are picked.
    squares : ndarray or None
        Squares, from the masks at ED; None until they are found.
    picked, phases_picked : bool
        Whether the squares, or the phases too, were found in the images rather than labelled.
    n_images, n_slices_at_ed : int
        Labelled images of the two phases, and those at ED; 0 where squares are not from masks.
    kept : LabelledStack or None
        The two phases, where reading them again would take long.
    """

    dataset: Dataset
    index: int
    fingerprint: str
    has_volumes: bool
    phases: tuple[int, int] | None = None
    squares: Squares | None = None
    picked: bool = False
    phases_picked: bool = False
    n_images: int = 0
    n_slices_at_ed: int = 0
    kept: LabelledStack | None = None

    @property
    def name(self) -> str:
        """The patient's name."""
        return self.dataset.names[self.index]

    @property
    def drawn(self) -> bool:
        """Whether there are masks at ED to learn from."""
        return self.n_slices_at_ed > 0

    @property
    def complete(self) -> bool:
        """Whether phases and squares are known."""
        return self.phases is not None and self.squares is not None

    def with_picks(self, squares: Squares, phases: tuple[int, int]) -> Entry:
        """Return the patient with squares, and perhaps phases, found in the images."""
        found = replace(
            self,
            squares=squares,
            phases=phases,
            picked=True,
            phases_picked=self.phases_picked or self.phases is None,
            kept=None,
        )
        if self.dataset.patients[self.index].facts is not None:
            return found
        return replace(found, kept=found.read())

    def read(self) -> LabelledStack:
        """Return the two phases."""
        if self.kept is not None:
            return self.kept
        assert self.phases is not None
        return _in_order(self.dataset.pair(self.index, *self.phases))


class Examples(Sequence[Example]):
    """Patients to learn from, read when they are needed.

    Parameters
    ----------
    entries : iterable of Entry
        With phases and squares.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> Examples: ...

    def __getitem__(self, index: int | slice) -> Example | Examples:
        if isinstance(index, slice):
            return Examples(self.entries[index])
        entry = self.entries[index]
        assert entry.squares is not None
        return Example(entry.read(), entry.squares)

    @property
    def n_images(self) -> int:
        """Number of labelled images."""
        return sum(entry.n_images for entry in self.entries)

    @property
    def n_slices_at_ed(self) -> int:
        """Number of images labelled at ED."""
        return sum(entry.n_slices_at_ed for entry in self.entries)

    def fingerprint(self) -> str:
        """Return a hash of all that training takes from these patients, in their order."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(entry.fingerprint.encode())
            if entry.picked:
                assert entry.squares is not None
                digest.update(f"{entry.phases}".encode() + entry.squares.tobytes())
        return digest.hexdigest()


@dataclass
class TrainingData:
    """What a run learns from.

    Parameters
    ----------
    seg, vol, held_out : list of Entry
        Patients with masks, patients with volumes, and those left out for validation.
    dropped : dict of str
        Why each other patient is not used.
    """

    seg: list[Entry]
    vol: list[Entry]
    held_out: list[Entry]
    dropped: dict[str, str]

    def dropped_csv(self) -> bytes:
        """Return the table of patients that are not used."""
        return to_csv(("patient", "reason"), self.dropped.items())


def to_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def read_training_data(
    seg: Sequence[StrPath],
    vol: Sequence[StrPath],
    report: Progress,
    split: Split | None = None,
    part: str = "all",
    held_out: str | None = None,
) -> TrainingData:
    """Open datasets and find what can be learned from each patient.

    Parameters
    ----------
    seg, vol : sequence of str or path-like
        Datasets with masks, and datasets with volumes; one may be in both.
    report : callable
        Called with "read", the patients done and their number.
    split : Split, optional
        By patient.
    part : str
        Which patients to learn from.
    held_out : str, optional
        Which patients to leave out for validation.

    Returns
    -------
    TrainingData

    Raises
    ------
    DatasetError
        If a dataset cannot be read, a patient is not in the split or in both parts, or there is
        nobody to learn from.
    """
    places = dict.fromkeys([*map(str, seg), *map(str, vol)])
    opened = {place: open_dataset(place) for place in places}
    to_read = {place: dataset.part(split, part) for place, dataset in opened.items()}
    to_check = {
        place: dataset.part(split, held_out) if held_out is not None else dataset[:0]
        for place, dataset in opened.items()
    }
    for place in places:
        if both := set(to_read[place].names) & set(to_check[place].names):
            raise DatasetError(
                f"{place}: {min(both)}: expected patients for validation that are not learned "
                f"from, got one in {part} and in {held_out}"
            )
    total = sum(len(dataset) for some in (to_read, to_check) for dataset in some.values())
    data = TrainingData([], [], [], {})
    done = 0

    def read(datasets: Mapping[str, Dataset]) -> dict[str, list[Entry]]:
        nonlocal done
        entries: dict[str, list[Entry]] = {}
        for place, dataset in datasets.items():
            entries[place] = []
            for index in range(len(dataset)):
                report("read", done, total)
                entry = _entry(dataset, index)
                if entry is None:
                    data.dropped[dataset.names[index]] = "no cavity is drawn at ED"
                else:
                    entries[place].append(entry)
                done += 1
        return entries

    learned = read(to_read)
    data.held_out = [entry for entries in read(to_check).values() for entry in entries]
    report("read", total, total)
    data.seg = [e for place in dict.fromkeys(map(str, seg)) for e in learned[place] if e.drawn]
    data.vol = [
        e for place in dict.fromkeys(map(str, vol)) for e in learned[place] if e.has_volumes
    ]
    used = {entry.name for entry in (*data.seg, *data.vol)}
    for entries in learned.values():
        for entry in entries:
            if entry.name not in used:
                data.dropped[entry.name] = "neither masks nor volumes that this training uses"
    for name, asked, found in (("seg", seg, data.seg), ("vol", vol, data.vol)):
        if asked and not found:
            raise DatasetError(f"{name}: expected training patients, got none")
    if held_out is not None and not data.held_out:
        raise DatasetError(f"{held_out}: expected patients for validation, got none")
    return data


def _entry(dataset: Dataset, index: int) -> Entry | None:
    """Read a patient; None where masks say that there is no cavity at ED."""
    facts = dataset.patients[index].facts
    if facts is None:
        labels = dataset[index]
        entry = Entry(dataset, index, fingerprint(labels), labels.phase_volumes_ml is not None)
        if labels.phases is None:
            return entry
        pair = labels if labels.stack.n_phases == 2 else _in_order(labels.at(*labels.phases))
        entry = replace(entry, phases=labels.phases, kept=pair)
    else:
        has_volumes = facts.edv_ml is not None and facts.esv_ml is not None
        entry = Entry(dataset, index, facts.fingerprint, has_volumes)
        if facts.ed_phase is None or facts.es_phase is None:
            return entry
        entry = replace(entry, phases=(facts.ed_phase, facts.es_phase))
        pair = entry.read()
    if not pair.labelled[:, 0].any():
        return entry
    if not pair.masks[:, 0].any():
        return None
    return replace(
        entry,
        squares=propagated_squares(pair),
        n_images=int(pair.labelled.sum()),
        n_slices_at_ed=int(pair.labelled[:, 0].sum()),
    )


def _in_order(pair: LabelledStack) -> LabelledStack:
    """Return a pair with planes in a row in memory, as windows are cut from them."""
    stack = replace(pair.stack, images=np.ascontiguousarray(pair.stack.images))
    return replace(pair, stack=stack, masks=np.ascontiguousarray(pair.masks))


def examples_of(stacks: Iterable[LabelledStack]) -> Examples:
    """Return examples of pairs in memory, each with masks at ED."""
    patients = tuple(
        Patient(f"{labels.patient} {number}", (), partial(_same, labels))
        for number, labels in enumerate(stacks)
    )
    dataset = Dataset("memory", patients)
    entries = [_entry(dataset, index) for index in range(len(dataset))]
    return Examples(entry for entry in entries if entry is not None)


def _same(labels: LabelledStack) -> LabelledStack:
    return labels
