"""The tables and the page of a cohort, made of the records in its folder."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lvvol.cohort.item import FAILURES, SUMMARY
from lvvol.cohort.page import write_cohort_page
from lvvol.cohort.record import FAILED, QUANTITIES, Record, studies_of
from lvvol.output import check_folder, writing_text
from lvvol.report.files import REPORT

_NUMBERS = tuple(
    column
    for stem, unit in (name.rsplit("_", 1) for name in QUANTITIES)
    for column in (f"{stem}_{unit}", f"{stem}_low_{unit}", f"{stem}_high_{unit}")
)
COLUMNS = (
    *("id", "status", *_NUMBERS, "level", "calibration", "reasons", "error", "exit_code"),
    *("slices", "phases", "read_s", "measure_s", "write_s", "finished"),
    *("study", "part", "study_uid", "report", "lvvol", "weights_sha256"),
)
"""Columns of ``summary.csv``."""

FAILURE_COLUMNS = ("id", "error", "exit_code", "reason", "study", "part")
"""Columns of ``failures.csv``."""

_DECIMALS = 2


@dataclass(frozen=True)
class Summary:
    """The tables of a cohort, as written.

    Parameters
    ----------
    files : tuple of Path
        The tables and the page.
    by_status : Counter
        Number of studies by status.
    """

    files: tuple[Path, ...]
    by_status: Counter[str]


def summarise(out: Path) -> Summary:
    """Write ``summary.csv``, ``failures.csv`` and ``summary.html`` of all records in a folder.

    Parameters
    ----------
    out : Path
        Folder of a cohort, also of one still running or of several shards.

    Returns
    -------
    Summary
        What was written.

    Raises
    ------
    ResultError
        If the folder holds no record.
    OutputError
        If a file cannot be written.
    """
    records = studies_of(out)
    check_folder(out)
    by_status: Counter[str] = Counter()
    with ExitStack() as files:
        summary, failures = (
            csv.writer(files.enter_context(writing_text(out / name)), lineterminator="\n")
            for name in (SUMMARY, FAILURES)
        )
        summary.writerow(COLUMNS)
        failures.writerow(FAILURE_COLUMNS)
        for record in records:
            by_status[record.status] += 1
            row = row_of(record)
            summary.writerow([row[column] for column in COLUMNS])
            if record.status == FAILED:
                row = {**row, "reason": record.message}
                failures.writerow([row[column] for column in FAILURE_COLUMNS])
    page = write_cohort_page(out)
    return Summary((out / SUMMARY, out / FAILURES, page), by_status)


def row_of(record: Record) -> dict[str, str]:
    """Return a study's row of ``summary.csv``; empty where a value is not known.

    Examples
    --------
    >>> row = row_of(Record("p1", "/d/p1", "", {}, "ok", numbers={"edv_ml": 120.25}))
    >>> row["id"], row["edv_ml"], row["esv_ml"]
    ('p1', '120.25', '')
    """
    timings_s = record.timings_s
    return {
        "id": record.id,
        "status": record.status,
        **{name: _number(record.numbers.get(name)) for name in _NUMBERS},
        "level": "" if record.level is None else f"{record.level:g}",
        "calibration": str(record.key.get("calibration", "")),
        "reasons": " ".join(record.reasons),
        "error": record.error,
        "exit_code": str(record.exit_code),
        "slices": str(record.n_slices or ""),
        "phases": str(record.n_phases or ""),
        **{f"{name}_s": _seconds(timings_s, name) for name in ("read", "measure", "write")},
        "finished": record.finished,
        "study": record.study,
        "part": record.part,
        "study_uid": record.study_uid,
        "report": f"{record.id}/{REPORT}" if REPORT in record.files else "",
        "lvvol": str(record.key.get("lvvol", "")),
        "weights_sha256": str(record.key.get("weights_sha256", "")),
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{_DECIMALS}f}"


def _seconds(timings_s: Mapping[str, float], name: str) -> str:
    return f"{timings_s[name]:.3f}" if name in timings_s else ""
