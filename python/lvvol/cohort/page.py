"""`summary.html` of the records in a cohort's folder."""

from __future__ import annotations

from pathlib import Path

from lvvol.cohort.item import PAGE
from lvvol.cohort.record import Record, studies_of
from lvvol.output import check_folder, write_file
from lvvol.prediction import Interval
from lvvol.report.cohort.page import Line, make_cohort_page
from lvvol.report.files import REPORT


def write_cohort_page(out: Path) -> Path:
    """Write ``summary.html`` into the folder of a cohort.

    Parameters
    ----------
    out : Path
        Folder of a cohort, also of one still running or of several shards.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ResultError
        If the folder holds no record.
    OutputError
        If it cannot be written.
    """
    records = studies_of(out)
    check_folder(out)
    page = make_cohort_page(map(line_of, records), out.absolute().name)
    write_file(out / PAGE, page.encode("utf-8", "backslashreplace"))
    return out / PAGE


def line_of(record: Record) -> Line:
    """Return what the page shows of a record."""
    numbers = record.numbers
    return Line(
        id=record.id,
        status=record.status,
        edv_ml=numbers.get("edv_ml"),
        esv_ml=numbers.get("esv_ml"),
        ef_percent=numbers.get("ef_percent"),
        edv_interval_ml=_interval(record, "edv", "ml"),
        esv_interval_ml=_interval(record, "esv", "ml"),
        ef_interval_percent=_interval(record, "ef", "percent"),
        reasons=record.reasons,
        error=record.error,
        message=record.message,
        report=f"{record.id}/{REPORT}" if REPORT in record.files else "",
        timings_s=record.timings_s,
        finished=record.finished,
    )


def _interval(record: Record, stem: str, unit: str) -> Interval | None:
    low, high = (record.numbers.get(f"{stem}_{end}_{unit}") for end in ("low", "high"))
    return None if low is None or high is None else (low, high)
