"""The tables of a cohort: what each column says."""

import json

import pytest

from lvvol.cohort.record import Record, numbers_of, read_record, read_records, write_record
from lvvol.cohort.summary import COLUMNS, row_of, summarise
from lvvol.errors import ResultError
from tests.support.cohorts import rows
from tests.support.discs import disc_prediction


def test_a_row_has_the_numbers_of_its_study(tmp_path):
    record = Record(
        id="a",
        study="/d/a",
        part="",
        key={"calibration": "dsb2", "lvvol": "1.0", "weights_sha256": "abc"},
        status="review",
        numbers={"edv_ml": 100.0, "edv_low_ml": 90.126, "edv_high_ml": 110.0, "ef_percent": None},
        level=0.9,
        reasons=("gap", "noisy"),
        timings_s={"read": 0.5},
        files={"report.html": 10},
    )
    row = row_of(record)
    assert tuple(row) == tuple(dict.fromkeys(row))
    assert set(COLUMNS) == set(row)
    wanted = {
        **{"edv_ml": "100.00", "edv_low_ml": "90.13", "ef_percent": "", "level": "0.9"},
        **{"reasons": "gap noisy", "read_s": "0.500", "write_s": "", "exit_code": "0"},
        **{"report": "a/report.html", "calibration": "dsb2"},
    }
    assert {key: row[key] for key in wanted} == wanted


def test_numbers_have_no_interval_without_a_calibration():
    numbers = numbers_of(disc_prediction())
    assert numbers["edv_ml"] == pytest.approx(54.287, abs=0.001)
    assert numbers["ef_percent"] == pytest.approx(75)
    assert numbers["ef_low_percent"] is None
    assert len(numbers) == 12


def test_tables_are_sorted_and_quote_what_reasons_hold(tmp_path):
    for name in ("b", "a"):
        message = f'{name}: expected "DICOM", got\ttext, or none'
        failed = Record(name, name, "", {}, "failed", error="E", exit_code=13, message=message)
        write_record(tmp_path, failed)
    summary = summarise(tmp_path)
    assert summary.by_status == {"failed": 2}
    failures = rows(tmp_path / "failures.csv")
    assert [row["id"] for row in failures] == ["a", "b"]
    assert failures[0]["reason"] == 'a: expected "DICOM", got\ttext, or none'


def test_records_survive_what_is_no_record(tmp_path):
    write_record(tmp_path, Record("a", "/a", "", {}, "ok"))
    (tmp_path / "b").mkdir()
    for name, text in (("c", "{"), ("d", "[]"), ("e", json.dumps({"schema_version": 99}))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(text)
    (tmp_path / "f").symlink_to(tmp_path / "a")  # a folder that was renamed
    assert [record.id for record in read_records(tmp_path)] == ["a"]
    assert read_record(tmp_path / "a").place == ("/a", "")


@pytest.mark.parametrize("name", ["", "gone"])
def test_a_folder_without_results_is_refused(tmp_path, name):
    with pytest.raises(ResultError, match="found none"):
        summarise(tmp_path / name)
    assert not list(tmp_path.glob("*.csv"))


def test_a_record_replaces_what_a_killed_run_left_of_it(tmp_path):
    (tmp_path / "a").mkdir()
    left = tmp_path / "a" / ".record.json-0123456789abcdef.part"
    left.write_text("{")
    write_record(tmp_path, Record("a", "/a", "", {}, "ok"))
    assert not left.exists()
    assert read_record(tmp_path / "a").status == "ok"
