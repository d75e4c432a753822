"""JSON output of `lvvol inspect`; docs/inspect.md documents the keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lvvol
from lvvol.cine import CineStack
from lvvol.errors import LvvolError
from lvvol.report.result_json import to_json
from lvvol.survey import Series, Survey
from lvvol.typing import StrPath

SCHEMA_VERSION = 1


def format_survey_json(survey: Survey, path: StrPath) -> str:
    """Format a survey as a JSON object; slices and phases count from 0.

    Parameters
    ----------
    survey : Survey
        From `lvvol.survey_study`.
    path : str or path-like
        Path of the study, as given.

    Returns
    -------
    str
        JSON with exactly one of `stack` and `error` null; NaN becomes null.
    """
    path = Path(path)
    return to_json(
        {
            "schema_version": SCHEMA_VERSION,
            "version": lvvol.__version__,
            "path": str(path),
            "stack": None if survey.stack is None else _stack(survey.stack),
            "error": None if survey.error is None else _error(survey.error),
            "series": [_series(series) for series in survey.series],
            "decisions": [
                {"what": d.what, "why": d.why, "files": list(d.files)} for d in survey.decisions
            ],
            "reasons": [reason.to_dict() for reason in survey.reasons],
            "warnings": list(survey.warnings),
        }
    )


def _stack(stack: CineStack) -> dict[str, Any]:
    rows, columns = stack.images.shape[2:]
    numbers = stack.series_numbers or (None,) * stack.n_slices
    uids = stack.series_uids or ("",) * stack.n_slices
    return {
        "n_slices": stack.n_slices,
        "n_phases": stack.n_phases,
        "rows": rows,
        "columns": columns,
        "pixel_spacing_mm": list(stack.pixel_spacing_mm),
        "positions_mm": stack.positions_mm.tolist(),
        "slice_gaps_mm": stack.slice_gaps_mm.tolist(),
        "apex": stack.apex,
        "series": [
            {"number": number, "uid": uid} for number, uid in zip(numbers, uids, strict=True)
        ],
        "times_ms": stack.times_ms.tolist(),
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "number": series.number,
        "uid": series.uid,
        "description": series.description,
        "folder": series.folder,
        "views": list(series.views),
        "n_files": series.n_files,
        "n_images": series.n_images,
        "n_planes": series.n_planes,
        "n_phases": list(series.n_phases),
        "rows": series.rows,
        "columns": series.columns,
        "pixel_spacing_mm": list(series.pixel_spacing_mm),
        "n_slices_used": series.n_slices_used,
        "why": series.why,
    }


def _error(error: LvvolError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": str(error),
        "exit_code": error.exit_code,
    }
