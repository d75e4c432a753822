"""`lvvol phantom`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lvvol.cli.phantom import FAULT_NAMES, LAYOUT_NAMES, _fault_names, phantom
from lvvol.errors import OutputError
from lvvol.phantom import FAULTS, LAYOUTS


def test_writes_a_study_and_says_its_volumes(tmp_path):
    out = tmp_path / "study"
    options = ["--seed", "3", "--slices", "3", "--phases", "2"]
    result = CliRunner().invoke(phantom, [str(out), *options])
    assert result.exit_code == 0, result.output
    truth = json.loads((out / "truth.json").read_text())
    assert f"EDV {truth['edv_ml']:.1f} mL" in result.output
    assert "3 slices x 2 phases" in result.output
    # Three localisers, one or two long-axis cines, and the truth.
    assert len(list(out.iterdir())) in (6 + 3 + 2 + 1, 6 + 3 + 4 + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_study_i_of_seed_s_is_the_study_of_seed_s_plus_i(tmp_path):
    options = ["--slices", "3", "--phases", "2"]
    many = CliRunner().invoke(
        phantom, [str(tmp_path / "many"), "--n", "2", "--seed", "6", *options]
    )
    assert many.exit_code == 0, many.output
    one = CliRunner().invoke(phantom, [str(tmp_path / "one"), "--seed", "7", *options])
    assert one.exit_code == 0, one.output
    assert sorted(path.name for path in (tmp_path / "many").iterdir()) == ["6", "7"]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "many" / "7" / path.name).read_bytes()
    assert many.output.count("EDV") == 2
    assert f"{tmp_path / 'many' / '6'}: 3 slices" in many.output


def test_plants_faults_in_the_layout_asked_for(tmp_path):
    out = tmp_path / "out"
    options = ["--slices", "5", "--phases", "4", "--layout", "dsb2"]
    options += ["--faults", "missing-slice, foreign-files"]
    result = CliRunner().invoke(phantom, [str(out), *options])
    assert result.exit_code == 0, result.output
    assert "4 slices x 4 phases" in result.output
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
    result = CliRunner().invoke(phantom, [str(tmp_path / "out"), "--faults", "none-such"])
    assert result.exit_code == 2
    assert "'none-such' is no fault" in result.output
    assert "rotated-slice" in result.output


def test_all_stands_for_every_fault():
    assert _fault_names(None, None, "all") == FAULT_NAMES
    assert _fault_names(None, None, "") == _fault_names(None, None, None) == ()


@pytest.mark.parametrize("options", [["--slices", "4"], ["--phases", "3"]])
def test_refuses_stacks_too_small_for_faults(tmp_path, options):
    out = tmp_path / "out"
    result = CliRunner().invoke(phantom, [str(out), *options, "--faults", "missing-slice"])
    assert result.exit_code == 2
    assert "--faults needs at least" in result.output
    assert not out.exists()


def test_refuses_a_folder_with_content(tmp_path):
    (tmp_path / "mine.txt").touch()
    result = CliRunner().invoke(phantom, [str(tmp_path)])
    assert isinstance(result.exception, OutputError)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "options",
    [["--slices", "2"], ["--phases", "1"], ["--seed", "-1"], ["--seed", "x"], ["--n", "0"]],
)
def test_refuses_options_out_of_range(tmp_path, options):
    result = CliRunner().invoke(phantom, [str(tmp_path / "study"), *options])
    assert result.exit_code == 2
    assert options[0] in result.output
    assert not (tmp_path / "study").exists()
