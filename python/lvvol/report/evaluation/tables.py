"""Tables of an evaluation, as CSV and Markdown."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lvvol.report.text import one_line

_PATIENT = (
    *("patient", "status", "reasons", "edv_ml", "esv_ml", "sv_ml", "ef_percent"),
    *("labelled_edv_ml", "labelled_esv_ml", "probability_edv_ml", "probability_esv_ml"),
    *("dice_ed", "dice_es", "hausdorff95_ed_mm", "hausdorff95_es_mm"),
    *("surface_distance_ed_mm", "surface_distance_es_mm", "roi_overlap"),
)
_SLICE = ("slice", "phase", "at", "level", "measured_mm2", "drawn_mm2")
_ENDS = {
    "edv": ("edv_low_ml", "edv_high_ml"),
    "esv": ("esv_low_ml", "esv_high_ml"),
    "sv": ("sv_low_ml", "sv_high_ml"),
    "ef": ("ef_low_percent", "ef_high_percent"),
}
LEVEL = "90"
"""Intervals in the table of patients, in percent."""


class Figure(NamedTuple):
    """One figure with its bootstrap interval; None where unknown."""

    name: str
    value: float | None
    low: float | None
    high: float | None


def figures_of(summary: Mapping[str, Any]) -> list[Figure]:
    """Return every figure that has an interval, groups joined by dots: ``edv_ml.rmse``."""
    return list(_flat(summary, summary["interval_95"], ""))


def _flat(values: Mapping[str, Any], intervals: Mapping[str, Any], before: str) -> Iterator[Figure]:
    for name, ends in intervals.items():
        if isinstance(ends, Mapping):
            yield from _flat(values[name], ends, f"{before}{name}.")
        else:
            low, high = ends or (None, None)
            yield Figure(f"{before}{name}", known(values[name]), low, high)


def known(value: float | None) -> float | None:
    """Return a number, None for NaN."""
    return None if value is None or math.isnan(value) else value


def figures_csv(summary: Mapping[str, Any]) -> bytes:
    """Return a table with a row per figure: name, value and both ends of its interval."""
    return _csv(("figure", "value", "low_95", "high_95"), figures_of(summary))


def patients_csv(patients: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a table with a row per patient measured, and the ends of the 90 % intervals."""
    ends = [name for pair in _ENDS.values() for name in pair]
    return _csv((*_PATIENT, "edv_crps", "esv_crps", *ends), map(_patient_row, patients))


def slices_csv(patients: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a table with a row per labelled slice at ED and ES."""
    return _csv(
        ("patient", *_SLICE),
        (
            [p["patient"], *(each[name] for name in _SLICE)]
            for p in patients
            for each in p["slices"]
        ),
    )


def _patient_row(patient: Mapping[str, Any]) -> list[Any]:
    row = [patient[name] for name in _PATIENT]
    row[_PATIENT.index("reasons")] = " ".join(patient["reasons"])
    row += [patient["scores"].get(name, {}).get("crps") for name in ("edv", "esv")]
    intervals = patient["intervals"].get(LEVEL, {})
    for quantity in _ENDS:
        row += intervals.get(quantity, (None, None))
    return row


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return CSV in UTF-8; None and NaN are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def markdown(summary: Mapping[str, Any], refused: Sequence[str]) -> str:
    """Return the figures, the worst patients and those who failed as Markdown."""
    lines = [
        "# Evaluation",
        "",
        f"{summary['n_patients']} patients: {summary['n_failed']} failed, "
        f"{summary['n_review']} to review.",
        "",
        "| figure | value | 95 % interval |",
        "|---|---|---|",
    ]
    for figure in figures_of(summary):
        ends = "" if figure.low is None else f"{digits(figure.low)} to {digits(figure.high)}"
        lines.append(f"| `{figure.name}` | {digits(figure.value)} | {ends} |")
    if summary["worst"]:
        lines += ["", "## Worst patients", "", "| patient | EDV d, mL | ESV d, mL | EF d, points |"]
        lines += ["|---|---|---|---|"]
        lines += [
            f"| {_plain(each['patient'])} | {digits(each['edv_error_ml'])} | "
            f"{digits(each['esv_error_ml'])} | {digits(each['ef_error_percent'])} |"
            for each in summary["worst"]
        ]
    if refused:
        lines += ["", "## Failed", "", *(f"- {_plain(reason)}" for reason in refused)]
    return "\n".join(lines) + "\n"


def digits(value: float | None) -> str:
    """Return a number with four significant digits; a dash for None and NaN.

    Examples
    --------
    >>> digits(0.0067962), digits(-16.04961), digits(213.0)
    ('0.006796', '-16.05', '213.0')
    """
    return "-" if value is None or math.isnan(value) else f"{value:z#.4g}"


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\|*_`[]<>#" else c for c in one_line(text))
