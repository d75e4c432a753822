"""Predictions of others, scored like our own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from lvvol.errors import PredictionsError
from lvvol.evaluate.judge import (
    cdf_intervals,
    cdf_quantile,
    normal_intervals,
    score,
    score_certain,
)
from lvvol.evaluate.result import WRONG_LEVEL, PatientResult
from lvvol.evaluate.table_rows import Problems, read_rows
from lvvol.typing import Float64, StrPath
from lvvol.uncertainty import Quantity
from lvvol.uncertainty.crps import N_VALUES, gaussian_cdf

Volumes = tuple[float, float]
"""EDV and ESV in mL."""

_ROW_NAME = re.compile(r"(.+)_(Diastole|Systole)")
_ENDS = {
    Quantity.EDV: ("edv_low_ml", "edv_high_ml"),
    Quantity.ESV: ("esv_low_ml", "esv_high_ml"),
    Quantity.SV: ("sv_low_ml", "sv_high_ml"),
    Quantity.EF: ("ef_low_percent", "ef_high_percent"),
}
"""Columns of 90 % intervals."""

_SIGMAS = ("edv_sigma_ml", "esv_sigma_ml")


def score_predictions(
    predictions: StrPath, labels: StrPath
) -> tuple[list[PatientResult], list[str]]:
    """Score a file of predicted volumes or distributions.

    Parameters
    ----------
    predictions : str or path-like
        CSV in the form of the Second Annual Data Science Bowl, ``Id,P0...P599`` with rows
        ``<id>_Diastole`` and ``<id>_Systole``; or of columns ``id,edv_ml,esv_ml``, and perhaps
        ``edv_sigma_ml,esv_sigma_ml``, or 90 % intervals such as ``edv_low_ml,edv_high_ml``.
        A study whose ``edv_ml`` and ``esv_ml`` are empty failed. Other columns are ignored.
    labels : str or path-like
        CSV with columns ``Id,Systole,Diastole`` or ``id,edv_ml,esv_ml``, in mL.

    Returns
    -------
    results : list of PatientResult
        One per predicted study, in the order of the labels. Of a distribution, the volume is the
        median.
    failed : list of str
        Studies without volumes.

    Raises
    ------
    PredictionsError
        If a file is malformed, or the two do not name the same studies. It names the first
        problems by their lines.
    """
    truth = read_labels(labels)
    path = Path(predictions)
    problems = Problems(path)
    header, rows = read_rows(path, problems)
    make: Callable[[list[str], list[tuple[int, list[str]]], Mapping[str, Volumes], Problems], Found]
    if header[:2] == ["Id", "P0"]:
        make = _read_distributions
    elif {"id", "edv_ml", "esv_ml"} <= set(header):
        make = _read_columns
    else:
        raise PredictionsError(
            f"{path}: expected columns Id, P0 to P{N_VALUES - 1}, or id, edv_ml, esv_ml, "
            f"got {', '.join(header[:8])}"
        )
    found = make(header, rows, truth, problems)
    problems.refuse()
    results = [result for name in truth if (result := found[name]) is not None]
    if not results:
        raise PredictionsError(f"{path}: expected volumes of at least one study, got none")
    return results, [f"{name}: no volumes" for name in truth if found[name] is None]


Found = dict[str, PatientResult | None]
"""Studies by their id; None for one that failed."""


def read_labels(labels: StrPath) -> dict[str, Volumes]:
    """Read true volumes.

    Parameters
    ----------
    labels : str or path-like
        As in `score_predictions`.

    Returns
    -------
    dict of str to (float, float)
        EDV and ESV in mL by id.

    Raises
    ------
    PredictionsError
        If the file is malformed.
    """
    path = Path(labels)
    problems = Problems(path)
    header, rows = read_rows(path, problems)
    for names in (("Id", "Diastole", "Systole"), ("id", "edv_ml", "esv_ml")):
        if set(names) <= set(header):
            break
    else:
        raise PredictionsError(
            f"{path}: expected columns Id, Systole, Diastole, or id, edv_ml, esv_ml, "
            f"got {', '.join(header[:8])}"
        )
    at = [header.index(name) for name in names]
    lines: dict[str, int] = {}
    truth: dict[str, Volumes] = {}
    for line, row in rows:
        patient = row[at[0]]
        if _is_new(patient, line, lines, problems):
            edv_ml, esv_ml = (problems.number(row[i], header[i], line) for i in at[1:])
            if not 0 <= esv_ml <= edv_ml and not math.isnan(edv_ml + esv_ml):
                problems.add(f"expected 0 <= ESV <= EDV, got {esv_ml:g} and {edv_ml:g}", line)
            truth[patient] = edv_ml, esv_ml
    problems.refuse()
    if not truth:
        raise PredictionsError(f"{path}: expected a row for each study, got none")
    return truth


def _read_distributions(
    header: list[str],
    rows: list[tuple[int, list[str]]],
    truth: Mapping[str, Volumes],
    problems: Problems,
) -> Found:
    """Read rows of the competition's form."""
    expected = ["Id", *(f"P{n}" for n in range(N_VALUES))]
    if header != expected:
        where = next(
            (i for i, pair in enumerate(zip(header, expected, strict=False)) if len({*pair}) > 1),
            min(len(header), len(expected)),
        )
        got = header[where] if where < len(header) else "nothing"
        wanted = expected[where] if where < len(expected) else "nothing"
        raise PredictionsError(
            f"{problems.path}: line 1: column {where + 1}: expected {wanted}, got {got}"
        )
    lines: dict[str, int] = {}
    found: dict[str, Float64] = {}
    for line, (name, *texts) in rows:
        parts = _ROW_NAME.fullmatch(name)
        if parts is None:
            problems.add(f"expected <id>_Diastole or <id>_Systole, got {name!r}", line)
        elif _is_new(name, line, lines, problems) and _is_known(parts[1], line, truth, problems):
            values = _read_values(texts, line, problems)
            if values is not None:
                found[name] = values
    _name_missing(
        (f"{patient}_{phase}" for patient in truth for phase in ("Diastole", "Systole")),
        lines,
        problems,
    )
    problems.refuse()
    return {
        patient: _of_distribution(
            patient, np.array([found[f"{patient}_Diastole"], found[f"{patient}_Systole"]]), volumes
        )
        for patient, volumes in truth.items()
    }


def _read_values(texts: list[str], line: int, problems: Problems) -> Float64 | None:
    """Return the values of a row; None, with one problem, where one of them is wrong."""
    before = 0.0
    values = np.empty(len(texts))
    for n, text in enumerate(texts):
        values[n] = now = problems.number(text, f"P{n}", line)
        if math.isnan(now):
            return None
        if not 0 <= now <= 1:
            problems.add(f"P{n}: expected 0 to 1, got {now:g}", line)
            return None
        if now < before:
            problems.add(f"P{n}: expected at least P{n - 1}, {before:g}, got {now:g}", line)
            return None
        before = now
    return values


def _of_distribution(patient: str, cdf: Float64, volumes: Volumes) -> PatientResult:
    return PatientResult(
        patient,
        edv_ml=cdf_quantile(cdf[0], 0.5),
        esv_ml=cdf_quantile(cdf[1], 0.5),
        labelled_edv_ml=volumes[0],
        labelled_esv_ml=volumes[1],
        scores=score(cdf, *volumes),
        intervals=cdf_intervals(cdf),
    )


def _read_columns(
    header: list[str],
    rows: list[tuple[int, list[str]]],
    truth: Mapping[str, Volumes],
    problems: Problems,
) -> Found:
    """Read rows of plain columns."""
    of_header = Problems(problems.path)
    if len(set(header)) < len(header):
        of_header.add("expected each column once", 1)
    for pair in (_SIGMAS, *_ENDS.values()):
        if len(given := set(pair) & set(header)) == 1:
            (missing,) = set(pair) - given
            of_header.add(f"expected {missing} beside {given.pop()}", 1)
    of_header.refuse()
    lines: dict[str, int] = {}
    found: Found = {}
    for line, row in rows:
        values = dict(zip(header, row, strict=True))
        patient = values["id"]
        if _is_new(patient, line, lines, problems) and _is_known(patient, line, truth, problems):
            found[patient] = _of_columns(patient, values, line, truth[patient], problems)
    _name_missing(truth, lines, problems)
    return found


def _of_columns(
    patient: str, values: dict[str, str], line: int, volumes: Volumes, problems: Problems
) -> PatientResult | None:
    """Return one row as a result; None for one that failed, or is wrong."""
    if not values["edv_ml"] and not values["esv_ml"]:
        return None

    def number(name: str) -> float:
        value = problems.number(values[name], name, line)
        if value < 0 and name != "ef_low_percent":
            problems.add(f"{name}: expected at least 0, got {value:g}", line)
        return value

    means = np.array([number(name) for name in ("edv_ml", "esv_ml")])
    sigmas = np.array([number(name) for name in _SIGMAS if name in values])
    given = {}
    for quantity, (low_name, high_name) in _ENDS.items():
        if low_name in values:
            low, high = number(low_name), number(high_name)
            if low > high:
                problems.add(f"{high_name}: expected at least {low:g}, got {high:g}", line)
            given[str(quantity)] = (low, high)
    if not (np.isfinite(means).all() and (sigmas >= 0).all()):
        return None  # with a problem
    intervals = dict(normal_intervals(means, sigmas)) if len(sigmas) else {}
    if given:
        intervals[WRONG_LEVEL] = {**intervals.get(WRONG_LEVEL, {}), **given}
    return PatientResult(
        patient,
        edv_ml=float(means[0]),
        esv_ml=float(means[1]),
        labelled_edv_ml=volumes[0],
        labelled_esv_ml=volumes[1],
        scores=score(gaussian_cdf(means, sigmas), *volumes)
        if len(sigmas)
        else score_certain((float(means[0]), float(means[1])), *volumes),
        intervals=intervals,
    )


def _is_new(name: str, line: int, lines: dict[str, int], problems: Problems) -> bool:
    """Note the line of a name; whether it is a name, and the first time."""
    if not name:
        problems.add("expected an id, got nothing", line)
        return False
    if name in lines:
        problems.add(f"{name}: already in line {lines[name]}", line)
        return False
    lines[name] = line
    return True


def _is_known(patient: str, line: int, truth: Mapping[str, Volumes], problems: Problems) -> bool:
    if patient not in truth:
        problems.add(f"{patient}: unknown id, which has no label", line)
    return patient in truth


def _name_missing(names: Iterable[str], lines: Mapping[str, int], problems: Problems) -> None:
    for name in names:
        if name not in lines:
            problems.add(f"expected a row {name}, got none")
