"""CSV files, read back as a spreadsheet would."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from lvvol.cli import main
from lvvol.export.tables import format_areas, format_distribution, format_volumes
from lvvol.uncertainty import intervals
from tests.support.discs import disc_prediction
from tests.support.labelled_rows import calibration


def rows_of(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_volumes_have_times_and_marks():
    rows = rows_of(format_volumes(disc_prediction()))
    assert [row["phase"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [row["time_ms"] for row in rows] == ["0.000", "30.000", "60.000", "90.000", "120.000"]
    assert [row["mark"] for row in rows] == ["ED", "", "", "ES", ""]
    assert float(rows[0]["volume_ml"]) == pytest.approx(np.pi * 24**2 * 30 / 1000, abs=1e-3)


def test_ed_and_es_have_what_is_stated_with_its_interval():
    prediction = disc_prediction()
    (ed, _, _, es, _) = rows_of(format_volumes(prediction))
    assert (float(ed["stated_ml"]), ed["low_ml"], ed["high_ml"]) == (
        pytest.approx(prediction.edv_ml, abs=1e-3),
        "",
        "",
    )
    known = replace(prediction, intervals=intervals(prediction, calibration(), 0.9))
    ed, other, _, es, _ = rows_of(format_volumes(known))
    for row, volume_ml, ends_ml in (
        (ed, known.edv_ml, known.edv_interval_ml),
        (es, known.esv_ml, known.esv_interval_ml),
    ):
        assert float(row["stated_ml"]) == pytest.approx(volume_ml, abs=1e-3)
        assert (float(row["low_ml"]), float(row["high_ml"])) == pytest.approx(ends_ml, abs=1e-3)
    assert (other["stated_ml"], other["low_ml"], other["high_ml"]) == ("", "", "")


def test_unknown_times_are_empty():
    prediction = disc_prediction()
    unknown = replace(prediction.stack, times_ms=np.full((4, 5), np.nan))
    rows = rows_of(format_volumes(replace(prediction, stack=unknown)))
    assert {row["time_ms"] for row in rows} == {""}


def test_a_distribution_is_read_by_evaluate(tmp_path):
    prediction = disc_prediction()
    assert format_distribution(prediction) is None
    known = replace(prediction, intervals=intervals(prediction, calibration(), 0.9))
    rows = rows_of(format_distribution(known))
    assert [row["Id"] for row in rows] == ["study_Diastole", "study_Systole"]
    below, above = (float(rows[0][f"P{round(known.edv_ml) + step}"]) for step in (-1, 1))
    assert below < 0.5 < above
    predictions, labels = tmp_path / "distribution.csv", tmp_path / "labels.csv"
    predictions.write_bytes(format_distribution(known))
    labels.write_text(f"id,edv_ml,esv_ml\nstudy,{known.edv_ml},{known.esv_ml}\n")
    assert main(["evaluate", "--predictions", str(predictions), "--labels", str(labels)]) == 0


def test_areas_are_those_of_every_slice_and_phase():
    prediction = disc_prediction()
    prediction.areas_mm2[2, 3] = 17.25
    rows = rows_of(format_areas(prediction))
    assert [row["position_mm"] for row in rows] == ["-15.000", "-5.000", "5.000", "15.000"]
    assert rows[2]["slice"] == "3"
    assert rows[2]["phase_4_mm2"] == "17.250"
    assert len(rows[0]) == 2 + 5
