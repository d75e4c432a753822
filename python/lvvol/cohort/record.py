"""`Record`: what is kept of one study of a cohort; written last, it says what is finished."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from lvvol.errors import ResultError
from lvvol.output import remove_parts, write_file
from lvvol.prediction import Interval, Prediction

RECORD = "record.json"
SCHEMA_VERSION = 1
FAILED, SPLIT = "failed", "split"

# Errors that may pass: bugs and unknown errors of libraries, memory, access, a disk, a worker or a
# server.
_MAY_PASS = {1, 5, 11, 22, 34, 35}


@dataclass(frozen=True)
class Record:
    """One study of a cohort, measured or failed.

    Parameters
    ----------
    id : str
        Its ID, the name of its folder.
    study : str
        The path that was read.
    part : str
        Which study there, where the path holds several.
    key : mapping
        What the result depends on: the files, the weights, the version and the options.
    status : str
        ``ok``, ``review``, ``failed``; or ``split`` for a place of several studies, whose IDs are
        in `parts`.
    study_uid : str
        Study Instance UID; empty where unknown.
    n_slices, n_phases : int
        Size of the stack; 0 if the study was not measured.
    numbers : mapping of str to float or None
        Volumes in mL, EF in percent, and their intervals.
    level : float or None
        How often intervals hold the true value.
    reasons : tuple of str
        Codes of the reasons to review, each once.
    error : str
        Name of the error of a failed study.
    exit_code : int
        With which ``lvvol predict`` of this study alone would end.
    message : str
        The error, in one line.
    timings_s : mapping of str to float
        Seconds of reading, measuring and writing.
    files : mapping of str to int
        Size of each file of the result, in bytes.
    parts : tuple of str
        IDs of the studies of a ``split`` place.
    finished : str
        When, in UTC.
    """

    id: str
    study: str
    part: str
    key: Mapping[str, Any]
    status: str
    study_uid: str = ""
    n_slices: int = 0
    n_phases: int = 0
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    level: float | None = None
    reasons: tuple[str, ...] = ()
    error: str = ""
    exit_code: int = 0
    message: str = ""
    timings_s: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    finished: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """As `Item.place`."""
        return self.study, self.part

    @property
    def may_pass(self) -> bool:
        """Whether the same study may be measured another time although it failed."""
        return self.status == FAILED and self.exit_code in _MAY_PASS


QUANTITIES = ("edv_ml", "esv_ml", "sv_ml", "ef_percent")


def numbers_of(prediction: Prediction) -> dict[str, float | None]:
    """Return volumes and EF with their intervals, by the names of the summary's columns."""
    p = prediction
    intervals = (p.edv_interval_ml, p.esv_interval_ml, p.sv_interval_ml, p.ef_interval_percent)
    numbers: dict[str, float | None] = {}
    for name, interval in zip(QUANTITIES, intervals, strict=True):
        numbers[name] = getattr(p, name)
        low, high = _ends(interval)
        stem, _, unit = name.rpartition("_")
        numbers[f"{stem}_low_{unit}"], numbers[f"{stem}_high_{unit}"] = low, high
    return numbers


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return interval if interval is not None else (None, None)


def write_record(out: Path, record: Record) -> None:
    """Write a record into the folder of its study.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    content = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(record)}, indent=1)
    remove_parts(out / record.id, [RECORD])
    write_file(out / record.id / RECORD, (content + "\n").encode("utf-8", "backslashreplace"))


def read_record(folder: Path) -> Record | None:
    """Return the record of a folder; None if it has no record that this version reads."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        facts = json.loads((folder / RECORD).read_bytes())
        if facts.pop("schema_version") == SCHEMA_VERSION and facts["id"] == folder.name:
            for name in ("reasons", "parts"):
                facts[name] = tuple(facts[name])
            return Record(**facts)
    return None


def read_records(out: Path) -> Iterator[Record]:
    """Read the records below a folder, sorted by ID, one at a time."""
    with suppress(FileNotFoundError):
        for name in sorted(os.listdir(out)):  # noqa: PTH208 - names alone are needed
            record = read_record(out / name) if not name.startswith(".") else None
            if record is not None:
                yield record


def studies_of(out: Path) -> Iterator[Record]:
    """Return the records of studies, without those of places that hold several.

    Raises
    ------
    ResultError
        If the folder holds no record of a study.
    """
    records = (record for record in read_records(out) if record.status != SPLIT)
    first = next(records, None)
    if first is None:
        raise ResultError(f"{out}: expected the results of several studies, found none")
    return chain([first], records)


def is_finished(out: Path, item_id: str, key: Mapping[str, Any]) -> Record | None:
    """Return the record of a study that need not be measured again, else None.

    Parameters
    ----------
    out : Path
        Folder of the cohort.
    item_id : str
        ID of the study.
    key : mapping
        What its result would depend on now.

    Returns
    -------
    Record or None
        Of the same key, with all its files there in their size, and no error that may pass; of a
        split place, with all its parts there.
    """
    record = read_record(out / item_id)
    if record is None or record.key != key or record.may_pass or not key["input"]:
        return None
    try:
        sizes = {name: (out / item_id / name).stat().st_size for name in record.files}
    except OSError:
        return None
    return record if sizes == record.files else None
