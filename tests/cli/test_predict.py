import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lvvol import errors, model
from tests.support.discs import disc_prediction


@pytest.fixture
def measured(monkeypatch):
    """Stand in for the pipeline; what it was called with is in the dictionary."""
    called = {}

    def predict(study, **options):
        called.update(options, study=study)
        return disc_prediction(sentences=["few slices"])

    monkeypatch.setattr(model, "predict", predict)
    return called


def test_the_table_is_printed_and_nothing_written(run, measured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("predict", "study")
    assert (code, err) == (0, "")
    for line in (
        "  EDV     54.3 mL   phase 1 of 5",
        "  ESV     13.6 mL   phase 4 of 5",
        "  SV      40.7 mL",
        "  EF      75.0 %",
        "Status: review",
        "  - few slices [few_slices]",
    ):
        assert line in out.splitlines()
    assert list(tmp_path.iterdir()) == []
    assert measured["study"] == Path("study")
    assert measured["progress"] is None


def test_json_is_one_object_and_nothing_else(run, measured, tmp_path):
    code, out, err = run("predict", "study", "--json", "-o", tmp_path / "result")
    assert (code, err) == (0, "")
    result = json.loads(out)  # fails on anything after the object
    assert result["edv_ml"] == pytest.approx(np.pi * 24**2 * 30 / 1000)
    assert (result["ed_phase"], result["es_phase"]) == (0, 3)
    assert result == json.loads((tmp_path / "result" / "result.json").read_text())


def test_output_is_written_and_named(run, measured, tmp_path):
    code, out, _ = run("predict", "study", "-o", tmp_path / "result")
    assert code == 0
    names = ["manifest.json", "overlay.png", "report.html", "result.json"]
    assert sorted(p.name for p in (tmp_path / "result").iterdir()) == names
    assert out.splitlines()[-1] == (
        f"Wrote {tmp_path / 'result' / 'result.json'}, {tmp_path / 'result' / 'overlay.png'} and "
        f"{tmp_path / 'result' / 'report.html'}"
    )


def test_options_reach_the_pipeline(run, measured):
    assert run("predict", "study", "--threads", "2", "--weights", "run")[0] == 0
    assert measured["threads"] == 2
    assert measured["weights"] == Path("run")


def test_output_that_cannot_be_written_is_said_before_the_work(run, measured, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = run("predict", "study", "-o", tmp_path / "file")
    assert (code, out) == (errors.OutputError.exit_code, "")
    assert err.startswith("lvvol: error: ")
    assert measured == {}


def test_stages_are_shown_on_a_terminal_only(run, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def predict(study, *, progress, **options):
        progress("read", 0, 2)
        progress("read", 2, 2)
        progress("resample", 0, 0)
        progress("segment", 1, 4)
        return disc_prediction()

    terminal = Terminal()
    monkeypatch.setattr(model, "predict", predict)
    monkeypatch.setattr(sys, "stderr", terminal)
    code, out, _ = run("predict", "study", "--json")
    assert code == 0
    json.loads(out)
    shown = terminal.getvalue()
    assert [stage for stage in ("read", "resample", "segment") if stage in shown] == [
        "read",
        "resample",
        "segment",
    ]
    assert "2/2" in shown
    assert "1/4" in shown
    assert shown.endswith("\n\x1b[?25h") or shown.endswith("\n")


def test_write_chooses_the_files(run, measured, tmp_path):
    folder = tmp_path / "result"
    code, out, err = run("predict", "study", "-o", folder, "--write", "contours, json")
    assert (code, err) == (0, "")
    assert sorted(p.name for p in folder.iterdir()) == [
        "contours.json",
        "manifest.json",
        "result.json",
    ]
    assert out.splitlines()[-1] == f"Wrote {folder / 'result.json'} and {folder / 'contours.json'}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--write", "json,pdf", "-o", "out"], "expected some of json, overlay"),
        (["--write", ",", "-o", "out"], "got nothing"),
        (["--write", "json"], "-o OUT"),
    ],
)
def test_unknown_files_are_a_usage_error(run, measured, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("predict", "study", *options)
    assert (code, out) == (2, "")
    assert said in err
    assert measured == {}
    assert list(tmp_path.iterdir()) == []


def test_slices_are_left_out_by_the_numbers_that_people_see(run, measured):
    assert run("predict", "study", "--exclude-slices", "1, 3")[0] == 0
    assert measured["excluded"] == (0, 2)
    code, _, err = run("predict", "study", "--exclude-slices", "1;3")
    assert code == 2
    assert "expected numbers of slices, such as 1,2" in err


def test_nifti_files_are_named_for_a_subject_of_bids(run, measured, tmp_path):
    args = ("predict", "study", "--write", "nifti", "-o", tmp_path / "out", "--bids-subject")
    assert run(*args, "01")[0] == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "sub-01_acq-shortaxis_cine.nii.gz" in names
    code, _, err = run(*args, "a b")
    assert code == 2
    assert "expected letters and digits, got 'a b'" in err


def test_volumes_without_papillary_muscles_where_asked_for(run, measured):
    """The discs hold none, so that the estimate is near the volumes."""
    asked = ("predict", "study", "--convention", "papillary-excluded")
    code, table, _ = run(*asked)
    assert code == 0
    (line,) = (line for line in table.splitlines() if "Without papillary muscles" in line)
    assert "an estimate by grey values: EDV 54." in line
    blood = json.loads(run(*asked, "--json")[1])["without_papillary_muscles"]
    assert blood["edv_ml"] == pytest.approx(54.3, rel=0.01)
    assert blood["ef_percent"] == pytest.approx(75, abs=0.5)
    assert json.loads(run("predict", "study", "--json")[1])["without_papillary_muscles"] is None


def test_the_device_reaches_the_pipeline(run, measured):
    assert run("predict", "study", "--device", "cpu")[0] == 0
    assert measured["device"] == "cpu"
    assert run("predict", "study")[0] == 0
    assert measured["device"] == "auto"
    assert run("predict", "study", "--device", "tpu")[0] == 2


@pytest.mark.parametrize("study", [["study"], ["a", "b", "-o", "out"]])
def test_without_a_gpu_cuda_is_one_line_and_not_the_cpu(run, monkeypatch, tmp_path, study):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in study[:2]:
        (tmp_path / name).mkdir(exist_ok=True)
    code, out, err = run("predict", *study, "--device", "cuda")
    assert (code, out) == (errors.DeviceError.exit_code, "")
    assert err.startswith("lvvol: error: device: expected a CUDA GPU that torch can use")
    assert err.count("\n") == 1


def test_dask_and_a_gpu_do_not_go_together(run, tmp_path):
    code, _, err = run("predict", "a", "-o", tmp_path, "--dask", "local", "--device", "cuda")
    assert code == 2
    assert "--device cuda and --dask do not go together" in err
