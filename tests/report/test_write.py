import json
import os

import numpy as np
import pytest

from lvvol.errors import OutputError
from lvvol.report import overlay
from lvvol.report.picture import encode_png
from lvvol.report.write import (
    format_json,
    to_json,
    write_result,
)
from tests.support.discs import disc_prediction

KEYS = {
    "edv_ml",
    "esv_ml",
    "sv_ml",
    "ef_percent",
    "ed_phase",
    "es_phase",
    "warnings",
    "timings_s",
}


def strict_loads(text):
    """JSON without the NaN and Infinity that Python accepts beyond it."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_holds_the_measurement():
    result = strict_loads(format_json(disc_prediction(sentences=["few slices"])))
    assert result.keys() >= KEYS
    assert result["edv_ml"] == pytest.approx(np.pi * 24**2 * 30 / 1000)
    assert result["ef_percent"] == pytest.approx(75)
    assert (result["ed_phase"], result["es_phase"]) == (0, 3)
    assert result["status"] == "review"
    assert result["reasons"] == [{"code": "few_slices", "sentence": "few slices"}]
    assert result["warnings"] == ["few slices"]
    assert list(result["timings_s"]) == ["read", "resample", "roi", "segment", "volume"]
    assert result["decisions"][0]["files"] == ["2ch/a", "4ch/b"]


def test_nan_and_infinity_become_null_at_any_depth():
    prediction = disc_prediction()
    prediction.volumes_ml[:] = 0
    prediction.areas_mm2[1, 2] = np.nan
    prediction.rois.scores[0] = np.inf
    result = strict_loads(format_json(prediction))
    assert result["ef_percent"] is None
    assert result["areas_mm2"][1][2] is None
    assert result["areas_mm2"][1][1] is not None
    assert result["roi_scores"][0] is None


def test_both_files_are_written_and_nothing_else(tmp_path):
    folder = tmp_path / "a" / "b"
    written = write_result(disc_prediction(), folder)
    assert written == (folder / "result.json", folder / "overlay.png")
    assert sorted(folder.iterdir()) == sorted([*written, folder / "manifest.json"])
    assert strict_loads((folder / "result.json").read_text()).keys() >= KEYS
    assert (folder / "overlay.png").read_bytes() == encode_png(
        overlay.draw_overlay(disc_prediction())
    )


def test_older_results_are_replaced(tmp_path):
    old = json.dumps({"edv_ml": 1.0, "esv_ml": 0.5, "areas_mm2": []})
    (tmp_path / "result.json").write_text(old)
    (tmp_path / "kept.txt").write_text("kept")
    write_result(disc_prediction(), tmp_path)
    assert strict_loads((tmp_path / "result.json").read_text()).keys() >= KEYS
    assert (tmp_path / "kept.txt").read_text() == "kept"


def test_a_drawing_that_fails_leaves_the_older_result(tmp_path, monkeypatch):
    def fail(prediction):
        raise RuntimeError("no ink")

    (tmp_path / "result.json").write_text("old")
    monkeypatch.setattr(overlay, "draw_overlay", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        write_result(disc_prediction(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert (tmp_path / "result.json").read_text() == "old"


def test_a_folder_in_a_file_s_place_is_an_output_error(tmp_path):
    write_result(disc_prediction(), tmp_path)
    (tmp_path / "overlay.png").unlink()
    (tmp_path / "overlay.png").mkdir()
    with pytest.raises(OutputError, match=r"overlay\.png: cannot be written"):
        write_result(disc_prediction(), tmp_path)
    assert not list(tmp_path.glob("*.part"))


def test_writing_below_a_file_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_result(disc_prediction(), tmp_path / "file")
    with pytest.raises(OutputError):
        write_result(disc_prediction(), tmp_path / "file" / "below")


def test_json_is_safe_on_a_terminal_and_for_strict_readers():
    # Control characters of both kinds, a file name whose bytes are no UTF-8, a tuple.
    value = {"name": "a\x1b[31m\x9b\u202e\xe9", "file": os.fsdecode(b"a\xff"), "pair": (1, 2)}
    text = to_json(value)
    assert text.replace("\n", "").isprintable()
    assert text.isascii()
    assert strict_loads(text) == {"name": value["name"], "file": "a\\udcff", "pair": [1, 2]}
