"""`lvvol phantom`."""

from __future__ import annotations

import json

import pytest

from lvvol.cli.phantom import FAULT_NAMES, LAYOUT_NAMES, _fault_names
from lvvol.errors import OutputError
from lvvol.phantom import FAULTS, LAYOUTS


def test_writes_a_study_and_says_its_volumes(tmp_path, run):
    out = tmp_path / "study"
    options = ["--seed", "3", "--slices", "3", "--phases", "2"]
    result = run("phantom", str(out), *options)
    assert result[0] == 0, result
    truth = json.loads((out / "truth.json").read_text())
    assert f"EDV {truth['edv_ml']:.1f} mL" in result[1]
    assert "3 slices x 2 phases" in result[1]
    # Three localisers, one or two long-axis cines, and the truth.
    assert len(list(out.iterdir())) in (6 + 3 + 2 + 1, 6 + 3 + 4 + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_study_i_of_seed_s_is_the_study_of_seed_s_plus_i(tmp_path, run):
    options = ["--slices", "3", "--phases", "2"]
    many = run("phantom", str(tmp_path / "many"), "--n", "2", "--seed", "6", *options)
    assert many[0] == 0, many
    one = run("phantom", str(tmp_path / "one"), "--seed", "7", *options)
    assert one[0] == 0, one
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["6", "7"]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / "7" / path.name).read_bytes()
    assert many[1].count("EDV") == 2
    assert f"{tmp_path / 'many' / '6'}: 3 slices" in many[1]


def test_plants_faults_in_the_layout_asked_for(tmp_path, run):
    out = tmp_path / "out"
    options = ["--slices", "5", "--phases", "4", "--layout", "dsb2"]
    options += ["--faults", "missing-slice, foreign-files"]
    result = run("phantom", str(out), *options)
    assert result[0] == 0, result
    assert "4 slices x 4 phases" in result[1]
    truth = json.loads((out / "0" / "truth.json").read_text())
    assert [fault["name"] for fault in truth["faults"]] == ["missing-slice", "foreign-files"]
    assert (out / "train.csv").read_text().startswith("Id,Systole,Diastole\n0,")
    assert (out / "0" / "study" / "report.pdf").is_file()


def test_help_and_refusals_name_every_fault_and_layout(tmp_path, run):
    assert tuple(FAULTS) == FAULT_NAMES
    assert tuple(LAYOUTS) == LAYOUT_NAMES
    words = run("phantom", "--help")[1].split()
    for name in (*FAULT_NAMES, *LAYOUT_NAMES):
        assert any(name in word for word in words), name
    result = run("phantom", str(tmp_path / "out"), "--faults", "none-such")
    assert result[0] == 2
    assert "'none-such' is not a fault" in result[2]
    assert "rotated-slice" in result[2]


def test_all_stands_for_every_fault():
    assert _fault_names(None, None, "all") == FAULT_NAMES
    assert _fault_names(None, None, "") == _fault_names(None, None, None) == ()


@pytest.mark.parametrize("options", [["--slices", "4"], ["--phases", "3"]])
def test_refuses_stacks_too_small_for_faults(tmp_path, run, options):
    out = tmp_path / "out"
    result = run("phantom", str(out), *options, "--faults", "missing-slice")
    assert result[0] == 2
    assert "--faults needs at least" in result[2]
    assert not out.exists()


def test_refuses_a_folder_with_content(tmp_path, run):
    (tmp_path / "mine.txt").touch()
    result = run("phantom", str(tmp_path))
    assert result[0] == OutputError.exit_code
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "options",
    [["--slices", "2"], ["--phases", "1"], ["--seed", "-1"], ["--seed", "x"], ["--n", "0"]],
)
def test_refuses_options_out_of_range(tmp_path, run, options):
    result = run("phantom", str(tmp_path / "study"), *options)
    assert result[0] == 2
    assert options[0] in result[2]
    assert not (tmp_path / "study").exists()
