"""`prepare`: datasets read once, by several processes, into a cache."""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lvvol.datasets.cache import (
    prepared_hash,
    remove_patient,
    source_hash,
    write_index,
    write_patient,
)
from lvvol.datasets.dataset import Dataset, Patient
from lvvol.datasets.kinds import open_dataset
from lvvol.errors import DatasetError
from lvvol.output import write_file
from lvvol.typing import Progress, StrPath

DROPPED = "dropped.csv"


@dataclass(frozen=True)
class Dropped:
    """A patient that could not be prepared, and why."""

    patient: str
    why: str


@dataclass(frozen=True)
class Preparation:
    """What became of the patients.

    Parameters
    ----------
    read : tuple of str
        Patients that were read and written.
    kept : tuple of str
        Patients that the cache already had, from the same files.
    dropped : tuple of Dropped
        Patients that cannot be read.
    """

    read: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: tuple[Dropped, ...]


def prepare(
    places: Sequence[StrPath],
    cache: StrPath,
    *,
    cavity: Collection[int] = (),
    jobs: int = 0,
    progress: Progress | None = None,
) -> Preparation:
    """Read datasets into a cache; patients that it already has are left alone.

    Parameters
    ----------
    places : sequence of str or path-like
        Datasets, as in `lvvol.datasets.open_dataset`.
    cache : str or path-like
        A missing or empty folder, or a cache to complete.
    cavity : collection of int
        Labels of the LV cavity in label maps, as in `lvvol.datasets.open_dataset`.
    jobs : int
        Number of processes; 0 for one per core.
    progress : callable, optional
        Called with "prepare", the patients done and the number of patients.

    Returns
    -------
    Preparation
        Also written to ``dropped.csv`` in the cache, as far as patients were dropped.

    Raises
    ------
    DatasetError
        If a dataset cannot be opened, a patient is in two of them, the folder is no cache, or a
        process was killed.
    OutputError
        If the cache cannot be written.

    Notes
    -----
    Each patient appears in the cache at once when it is whole. An interruption loses at most the
    patients being read, and the next call goes on. A patient is read again where the name, size or
    time of one of its files, or its volume in a table, is no longer what it was; one that can no
    longer be read leaves the cache. With more than one job, processes are spawned.
    """
    cache = Path(cache)
    patients = _all_patients([open_dataset(place, cavity) for place in places])
    write_index(cache)
    report: Progress = progress or (lambda stage, done, total: None)
    kept: list[str] = []
    read: list[str] = []
    dropped: list[Dropped] = []
    report("prepare", 0, len(patients))
    for name, why in _outcomes(cache, patients, jobs):
        if why is None:
            read.append(name)
        elif why == "":
            kept.append(name)
        else:
            dropped.append(Dropped(name, why))
        report("prepare", len(read) + len(kept) + len(dropped), len(patients))
    dropped.sort(key=lambda entry: entry.patient)
    _write_dropped(cache / DROPPED, dropped)
    return Preparation(tuple(sorted(read)), tuple(sorted(kept)), tuple(dropped))


def _all_patients(datasets: Sequence[Dataset]) -> list[tuple[str, Patient]]:
    """Return the patients of all datasets, each with the place of its dataset."""
    place_of: dict[str, str] = {}
    patients = []
    for dataset in datasets:
        for patient in dataset.patients:
            if patient.name in place_of:
                raise DatasetError(
                    f"{dataset.place}: {patient.name}: expected each patient in one dataset, got "
                    f"it also in {place_of[patient.name]}"
                )
            place_of[patient.name] = dataset.place
            patients.append((dataset.place, patient))
    return patients


def _outcomes(
    cache: Path, patients: Iterable[tuple[str, Patient]], jobs: int
) -> Iterator[tuple[str, str | None]]:
    """Yield each patient with None where it was read, "" where it was there, or why it was not."""
    changed = []
    for place, patient in patients:
        try:
            source = source_hash(patient)
        except OSError as error:
            remove_patient(cache, patient.name)
            yield patient.name, f"{place}: {patient.name}: {error}"
            continue
        if prepared_hash(cache, patient.name) == source:
            yield patient.name, ""
        else:
            changed.append((cache, place, patient, source))
    jobs = min(jobs or os.cpu_count() or 1, len(changed))
    if jobs <= 1:
        yield from (_prepare_patient(*task) for task in changed)
        return
    tasks = iter(changed)
    # A fresh interpreter: forks of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_worker)
    try:
        # Few at a time, so that an interruption waits for few.
        pending: set[Future[tuple[str, str | None]]] = {
            pool.submit(_prepare_patient, *task) for task in islice(tasks, 2 * jobs)
        }
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            pending |= {pool.submit(_prepare_patient, *task) for task in islice(tasks, len(done))}
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise DatasetError(
            f"{cache}: a process was killed while it read patients, perhaps for want of memory; "
            "run again, with fewer jobs"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the main process, and end with it even where it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _prepare_patient(
    cache: Path, place: str, patient: Patient, source: str
) -> tuple[str, str | None]:
    """Read a patient into the cache; return its name, and why where it cannot be read."""
    try:
        labels = Dataset(place, (patient,))[0]
    except DatasetError as error:
        remove_patient(cache, patient.name)
        return patient.name, str(error)
    write_patient(cache, labels, source)
    return patient.name, None


def _write_dropped(path: Path, dropped: Sequence[Dropped]) -> None:
    """Write the table of dropped patients, or remove an older one."""
    if not dropped:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["patient", "why"])
    table.writerows((entry.patient, entry.why) for entry in dropped)
    write_file(path, text.getvalue().encode())
