import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import lvvol
from lvvol.report.survey_json import format_survey_json
from lvvol.status import Code, Reason
from lvvol.survey import View
from tests.support.discs import disc_stack
from tests.support.surveys import DECISIONS, a_series, a_survey, a_survey_without_stack

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "inspect.md"


def formatted(survey, path="study"):
    """Parse the output as strict JSON, without NaN and Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(format_survey_json(survey, Path(path)), parse_constant=refuse)


def test_stack():
    result = formatted(a_survey())
    assert result["stack"] == {
        "n_slices": 4,
        "n_phases": 5,
        "rows": 160,
        "columns": 152,
        "pixel_spacing_mm": [1.5, 1.25],
        "positions_mm": [-15.0, -5.0, 15.0, 25.0],
        "slice_gaps_mm": [10.0, 20.0, 10.0],
        "apex": "last",
        "series": [{"number": 5 + z, "uid": f"1.2.3.{5 + z}"} for z in range(4)],
        "times_ms": [[0.0, 30.0, 60.0, 90.0, 120.0]] * 4,
    }
    assert result["error"] is None
    assert result["version"] == lvvol.__version__
    assert result["path"] == "study"
    assert result["warnings"] == ["Slices are unevenly spaced."]


def test_series_and_decisions_are_complete():
    result = formatted(a_survey())
    assert [series["number"] for series in result["series"]] == [5, 6, 7, 8, 20]
    assert result["series"][4] == {
        "number": 20,
        "uid": "1.2.3.20",
        "description": "4ch",
        "folder": "sax_20",
        "views": ["long axis"],
        "n_files": 5,
        "n_images": 5,
        "n_planes": 1,
        "n_phases": [5, 5],
        "rows": 160,
        "columns": 152,
        "pixel_spacing_mm": [1.5, 1.5],
        "n_slices_used": 0,
        "why": "it is tilted",
    }
    assert [decision["files"] for decision in result["decisions"]] == [
        list(decision.files) for decision in DECISIONS
    ]
    assert result["decisions"][0]["what"] == "Excluded series 20 (4ch)."
    assert result["decisions"][0]["why"] == "Its plane is tilted."


def test_missing_stack_is_null_with_an_error():
    result = formatted(a_survey_without_stack())
    assert result["stack"] is None
    assert result["error"] == {
        "type": "TooFewSlicesError",
        "message": "study: expected 3 slices, found 1",
        "exit_code": 15,
    }
    assert len(result["series"]) == 5


def test_unknown_values_are_null():
    stack = disc_stack(3, 5)
    stack.times_ms[1, 2] = np.nan
    result = formatted(a_survey(stack=stack, series=(a_series(None, uid=""),)))
    assert result["stack"]["apex"] is None
    assert result["stack"]["series"] == [{"number": None, "uid": ""}] * 3
    assert result["stack"]["times_ms"][1] == [0.0, 30.0, None, 90.0, 120.0]
    assert result["series"][0]["number"] is None


def test_control_characters_round_trip_as_escapes():
    evil = "Ca\xf1\x1b[2J\x9b31m\r\n\u202e\u5fc3"
    reasons = (Reason(Code.GAP, evil),)
    survey = a_survey(series=(a_series(description=evil, why=evil),), reasons=reasons)
    text = format_survey_json(survey, Path("study"))
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    result = json.loads(text)
    assert (result["series"][0]["description"], result["warnings"]) == (evil, [evil])


def test_output_is_reproducible_with_fixed_keys():
    assert format_survey_json(a_survey(), Path("a")) == format_survey_json(a_survey(), Path("a"))
    keys = list(formatted(a_survey()))
    assert keys == [
        "schema_version",
        "version",
        "path",
        "stack",
        "error",
        "series",
        "decisions",
        "reasons",
        "warnings",
    ]
    assert list(formatted(a_survey_without_stack())) == keys


@pytest.mark.parametrize("part", ["whole", "stack", "series", "decisions", "error"])
def test_every_key_is_documented(part):
    result = formatted(a_survey())
    result["error"] = formatted(a_survey_without_stack())["error"]
    keys = result if part == "whole" else result[part]
    keys = keys[0] if isinstance(keys, list) else keys
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [key for key in keys if f"`{key}`" not in text] == []


def test_every_view_is_documented():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [view for view in get_args(View) if f"\n| {view} | " not in text] == []
