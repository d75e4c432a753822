import hashlib
import json
import os

import numpy as np
import pytest

from lvvol import load_study
from lvvol.errors import MissingExtraError, OutputError
from lvvol.provenance import Provenance
from lvvol.report import files, overlay
from lvvol.report.files import CONTOURS, WRITERS, Writer, check_names
from lvvol.report.manifest import read_result
from lvvol.report.picture import encode_png
from lvvol.report.result_json import format_json, to_json
from lvvol.report.write import write_result
from tests.support.discs import disc_prediction
from tests.support.measured import measured

KEYS = {
    "edv_ml",
    "esv_ml",
    "sv_ml",
    "ef_percent",
    "ed_phase",
    "es_phase",
    "warnings",
    "engine",
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


def test_the_files_are_written_and_nothing_else(tmp_path):
    folder = tmp_path / "a" / "b"
    written = write_result(disc_prediction(), folder)
    assert written == (folder / "result.json", folder / "overlay.png", folder / "report.html")
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


def test_every_json_says_which_schema_it_follows(tmp_path):
    write_result(disc_prediction(), tmp_path, ["json", "contours"])
    found = {path.name: json.loads(path.read_bytes()) for path in tmp_path.glob("*.json")}
    assert found.keys() == {"result.json", "contours.json", "manifest.json"}
    assert all(isinstance(value["schema_version"], int) for value in found.values())


def test_only_the_files_named_are_written(tmp_path):
    assert write_result(disc_prediction(), tmp_path, ["contours"]) == (tmp_path / CONTOURS,)
    assert sorted(p.name for p in tmp_path.iterdir()) == [CONTOURS, "manifest.json"]


def test_files_of_an_earlier_result_go_unless_somebody_changed_them(tmp_path):
    names = ["json", "overlay", "contours"]
    write_result(disc_prediction(), tmp_path, names)
    (tmp_path / CONTOURS).write_text("edited")
    (tmp_path / "notes.txt").write_text("mine")
    write_result(disc_prediction(n_phases=6), tmp_path, ["json"])
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert kept == [CONTOURS, "manifest.json", "notes.txt", "result.json"]
    assert read_result(tmp_path)["edv_ml"] > 0


def test_a_manifest_removes_no_file_elsewhere(tmp_path):
    outside, folder = tmp_path / "kept.txt", tmp_path / "result"
    outside.write_text("kept")
    write_result(disc_prediction(), folder, ["json"])
    manifest = json.loads((folder / "manifest.json").read_bytes())
    digest = hashlib.sha256(b"kept").hexdigest()
    manifest["files"]["../kept.txt"] = {"bytes": 4, "sha256": digest}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_result(disc_prediction(), folder, ["json"])
    assert outside.read_text() == "kept"


def test_names_are_taken_once_and_in_order():
    assert check_names(["overlay", "json", "overlay"]) == ("json", "overlay")


@pytest.mark.parametrize(("names", "got"), [(["json", "pdf"], "'pdf'"), ([], "nothing")])
def test_unknown_names_and_none_are_refused_with_the_choices(names, got):
    with pytest.raises(ValueError, match=f"expected some of json, overlay.*, got {got}"):
        check_names(names)


def test_a_missing_library_is_named_before_anything_is_made(tmp_path, monkeypatch):
    def fail(prediction, provenance):
        raise AssertionError("made")

    writer = Writer(fail, ("x",), "nothing", libraries=("no_such_library",))
    monkeypatch.setattr(files, "WRITERS", {**WRITERS, "json": writer})
    with pytest.raises(MissingExtraError, match=r"no_such_library.*lvvol\[export\]"):
        write_result(disc_prediction(), tmp_path, ["json"])


def test_the_manifest_names_the_weights(tmp_path):
    write_result(disc_prediction(), tmp_path, provenance=Provenance(weights_sha256="ab" * 32))
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert manifest["weights_sha256"] == "ab" * 32


@pytest.mark.parametrize("name", WRITERS)
def test_writers_write_the_files_that_they_declare(study, tmp_path, name):
    for z in range(4):
        study.slice(z)
    prediction = measured(load_study(study.folder))
    written = write_result(prediction, tmp_path / "result", [name], Provenance(study=study.folder))
    assert {path.name for path in written} <= set(WRITERS[name].files)
    assert all(path.stat().st_size for path in written)
