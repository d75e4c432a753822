"""`lvvol phantom`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from lvvol.cli.phantom import phantom
from lvvol.errors import OutputError


def test_writes_a_study_and_says_its_volumes(tmp_path):
    out = tmp_path / "study"
    options = ["--seed", "3", "--slices", "3", "--phases", "2"]
    result = CliRunner().invoke(phantom, [str(out), *options])
    assert result.exit_code == 0, result.output
    truth = json.loads((out / "truth.json").read_text())
    assert f"EDV {truth['edv_ml']:.1f} mL" in result.output
    assert "3 slices x 2 phases" in result.output
    assert len(list(out.glob("sax_*/*.dcm"))) == 6
    assert len(list(out.glob("2ch_*/*.dcm"))) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_refuses_a_folder_with_content(tmp_path):
    (tmp_path / "mine.txt").touch()
    result = CliRunner().invoke(phantom, [str(tmp_path)])
    assert isinstance(result.exception, OutputError)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "options", [["--slices", "2"], ["--phases", "1"], ["--seed", "-1"], ["--seed", "x"]]
)
def test_refuses_options_out_of_range(tmp_path, options):
    result = CliRunner().invoke(phantom, [str(tmp_path / "study"), *options])
    assert result.exit_code == 2
    assert options[0] in result.output
    assert not (tmp_path / "study").exists()
