import shutil

import pytest

from lvvol import errors
from lvvol.datasets import open_dataset
from tests.support.synthetic_datasets import write_dsb2_patient, write_volumes


@pytest.fixture
def dsb2(tmp_path):
    folder = tmp_path / "dsb2"
    for patient in (4, 5):
        write_dsb2_patient(folder, patient, [(20, 10), (15, 8)])
    write_volumes(folder, {})
    return folder


def damage(folder, patient):
    next(folder.glob(f"{patient:04d}_*_o.png")).write_bytes(b"no image")


def test_says_what_became_of_the_patients(run, dsb2, tmp_path):
    cache = tmp_path / "cache"
    args = ("prepare", dsb2, "-o", cache, "--jobs", "1")
    assert run(*args) == (0, f"{cache}: 2 patients read, 0 already there, 0 dropped\n", "")
    damage(dsb2, 5)
    code, out, err = run(*args)
    assert (code, err) == (0, "")
    dropped, summary = out.splitlines()
    assert dropped.startswith(f"dropped: {dsb2}: dsb2/0005: ")
    assert summary == f"{cache}: 0 patients read, 1 already there, 1 dropped"
    assert open_dataset(cache).names == ("dsb2/0004",)


def test_only_if_all_are_dropped_it_is_an_error(run, dsb2, tmp_path):
    damage(dsb2, 4)
    damage(dsb2, 5)
    code, out, err = run("prepare", dsb2, "-o", tmp_path / "cache", "--jobs", "1")
    assert code == errors.DatasetError.exit_code
    assert out.count("dropped: ") == 2
    assert err == f"lvvol: error: {tmp_path / 'cache'}: none of 2 patients could be prepared\n"


def test_a_cache_may_be_evaluated_and_split(run, dsb2, tmp_path):
    cache, split = tmp_path / "cache", tmp_path / "split.json"
    run("prepare", dsb2, "-o", cache, "--jobs", "1")
    code, out, _ = run("split", cache, "--folds", "2", "-o", split)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines()] == ["fold", "fold"]
    code, _, err = run("evaluate", cache, "--split", split, "--part", "fold:3")
    assert code == errors.DatasetError.exit_code
    assert "expected part all, fold:1, fold:2 or not-fold:N, got fold:3" in err


def test_a_kind_may_be_said(run, dsb2, tmp_path):
    args = ("-o", tmp_path / "cache", "--jobs", "1")
    assert run("prepare", f"dsb2_png:{dsb2}", *args)[0] == 0
    code, _, err = run("prepare", f"sunnybrook:{dsb2}", *args)
    assert code == errors.DatasetError.exit_code
    assert f"{dsb2}/scd_patientdata.csv: expected columns" in err


def test_nowhere_to_write_is_said_before_reading(run, dsb2, tmp_path):
    (tmp_path / "file").touch()
    code, _, err = run("prepare", dsb2, "-o", tmp_path / "file")
    assert code == errors.OutputError.exit_code
    assert str(tmp_path / "file") in err


@pytest.mark.parametrize("args", [(), ("data",), ("data", "-o", "c", "--jobs", "0")])
def test_wrong_usage(run, args):
    assert run("prepare", *args)[0] == 2


def test_split_keeps_whom_it_has_assigned(run, dsb2, tmp_path):
    file = tmp_path / "split.json"
    run("split", dsb2, "--folds", "2", "-o", file)
    before = file.read_text()
    assert run("split", dsb2, "--folds", "2", "-o", file)[0] == 0
    assert file.read_text() == before
    shutil.rmtree(dsb2)
    for patient in range(10, 30):
        write_dsb2_patient(dsb2, patient, [(20, 10), (15, 8)])
    write_volumes(dsb2, {})
    code, out, _ = run("split", dsb2, "--folds", "2", "-o", file)
    assert code == 0
    assert sum(int(line.split()[1]) for line in out.splitlines()) == 22
    assert run("split", dsb2, "--folds", "3", "-o", file)[0] == errors.DatasetError.exit_code


@pytest.mark.parametrize("args", [("data",), ("data", "--folds", "1", "-o", "f"), ("--folds", "2")])
def test_wrong_usage_of_split(run, args):
    assert run("split", *args)[0] == 2
