"""`lvvol predict` of several studies, and the commands that join and repeat them."""

import json
import shutil
import sys

import pytest

from lvvol import errors, model
from lvvol.cli.many_bar import bar
from lvvol.cohort.run import Tally
from tests.support.cohorts import DiscModel, rows, studies


@pytest.fixture
def discs(monkeypatch):
    """Stand in for the pipeline; the dictionary has what it was loaded with."""
    loaded = {}

    def load_model(weights, **options):
        loaded.update(options, weights=weights, model=DiscModel())
        return loaded["model"]

    monkeypatch.setattr(model, "load_model", load_model)
    return loaded


def test_several_studies_go_to_folders_and_tables(run, discs, tmp_path):
    studies(tmp_path, "a", "b")
    out = tmp_path / "out"
    options = ["-o", out, "--write", "json", "--calibration", "dsb2", "--weights", "run"]
    code, said, err = run("predict", tmp_path / "a", tmp_path / "b", *options)
    assert (code, err) == (0, "")
    assert said.splitlines() == [
        "2 studies: 2 ok, 0 review, 0 failed",
        f"Wrote {out / 'summary.csv'}, {out / 'failures.csv'} and {out / 'summary.html'}",
    ]
    assert sorted(p.name for p in out.iterdir()) == [
        *("a", "b", "failures.csv"),
        *("summary.csv", "summary.html"),
    ]
    assert (str(discs["weights"]), discs["calibration"]) == ("run", "dsb2")
    code, said, _ = run("predict", tmp_path / "a", tmp_path / "b", *options)
    assert code == 0
    assert said.startswith("2 studies: 2 ok, 0 review, 0 failed; 2 of them finished earlier\n")


def test_each_and_list_name_studies_too(run, discs, tmp_path):
    studies(tmp_path / "root", "a", "b")
    studies(tmp_path / "more", "c")
    (tmp_path / "list.csv").write_text("study,id\nmore/c,third\n")
    out = tmp_path / "root" / "out"  # which is not searched
    command = ["predict", "--each", tmp_path / "root", "--list", tmp_path / "list.csv"]
    for _ in range(2):
        code, said, _ = run(*command, "-o", out, "--write", "json", "--json")
        assert code == 0
        assert json.loads(said)["studies"] == 3
    assert [row["id"] for row in rows(out / "summary.csv")] == ["a", "b", "third"]
    assert json.loads(said)["finished_earlier"] == 3


def test_one_study_of_a_root_is_a_cohort_too(run, discs, tmp_path):
    studies(tmp_path / "root", "a")
    code, _, _ = run("predict", "--each", tmp_path / "root", "-o", tmp_path / "out")
    assert code == 0
    assert (tmp_path / "out" / "a" / "report.html").is_file()


def test_some_failed_has_an_exit_code_of_its_own(run, discs, tmp_path):
    studies(tmp_path, "a")
    out = tmp_path / "out"
    code, said, err = run("predict", tmp_path / "a", tmp_path / "gone", "-o", out)
    assert code == errors.SomeFailedError.exit_code
    assert said.startswith("2 studies: 1 ok, 0 review, 1 failed\n")
    assert err == f"lvvol: error: 1 of 2 studies failed; {out / 'failures.csv'} says why\n"


def test_shards_are_joined_by_summarise(run, discs, tmp_path):
    studies(tmp_path / "root", *"abc")
    out = tmp_path / "out"
    for index in (1, 2):
        code, said, _ = run(
            "predict", "--each", tmp_path / "root", "-o", out, "--shard", f"{index}/2"
        )
        assert code == 0
        assert said.splitlines()[-1] == f"When all parts are done: lvvol summarise {out}"
        assert not (out / "summary.csv").exists()
    assert len(discs["model"].measured) == 1  # of the second shard
    code, said, err = run("summarise", out)
    assert (code, err) == (0, "")
    assert said.startswith("3 studies: 3 ok, 0 review, 0 failed\nWrote ")
    assert [row["id"] for row in rows(out / "summary.csv")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["a", "b"], "Several studies need a folder"),
        (["a", "b", "-o", "out", "--study", "1.2"], "--study belongs to one study"),
        (["a", "b", "-o", "out", "--height-cm", "170"], "--height-cm belongs to one study"),
        (["--each", "a", "-o", "out", "--shard", "3/2"], "expected I/N"),
        (["--each", "a", "-o", "out", "--shard", "0/2"], "expected I/N"),
        (["-o", "out"], "Missing argument 'STUDY'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(run, discs, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("predict", *options)
    assert (code, out) == (2, "")
    assert said in err
    assert discs == {}
    assert list(tmp_path.iterdir()) == []


def test_no_study_at_all_has_its_code(run, discs, tmp_path):
    (tmp_path / "root").mkdir()
    code, _, err = run("predict", "--each", tmp_path / "root", "-o", tmp_path / "out")
    assert code == errors.CohortError.exit_code
    assert "found none below" in err
    assert not (tmp_path / "out").exists()


def test_the_page_can_be_made_alone(run, discs, tmp_path):
    studies(tmp_path, "a")
    out = tmp_path / "out"
    run("predict", "--each", tmp_path, "-o", out, "--shard", "1/1")
    code, said, err = run("cohort-report", out)
    assert (code, err, said) == (0, "", f"Wrote {out / 'summary.html'}\n")
    assert "a/report.html" in (out / "summary.html").read_text()
    assert not (out / "summary.csv").exists()


@pytest.mark.parametrize("command", ["summarise", "cohort-report"])
def test_a_folder_of_something_else_is_refused(run, tmp_path, command):
    code, _, err = run(command, tmp_path)
    assert code == errors.ResultError.exit_code
    assert "found none" in err


def test_the_results_of_a_longer_list_keep_the_ids_of_a_shorter_one(run, discs, tmp_path):
    studies(tmp_path, "a/cine", "b/other")
    out = tmp_path / "out"
    folders = [tmp_path / "a" / "cine", tmp_path / "b" / "other"]
    run("predict", *folders, "-o", out, "--write", "json")
    studies(tmp_path, "c/cine")
    run("predict", *folders, tmp_path / "c" / "cine", "-o", out, "--write", "json")
    assert [row["id"] for row in rows(out / "summary.csv")] == ["c", "cine", "other"]
    assert len(discs["model"].measured) == 1


def test_the_bar_counts_and_is_silent_without_a_terminal(monkeypatch):
    pytest.importorskip("rich", reason="rich draws the bar")
    with bar(3) as show:
        assert show is None

    class Terminal:
        encoding = "utf-8"
        text = ""

        def isatty(self):
            return True

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    tally = Tally(3)
    tally.by_status.update({"review": 2, "failed": 1})
    with bar(3) as show:
        show(tally)
    assert "3/3" in terminal.text
    assert "2 review, 1 failed" in terminal.text


def test_a_missing_folder_of_results_is_begun_again(run, discs, tmp_path):
    studies(tmp_path, "a", "b")
    out = tmp_path / "out"
    for _ in range(2):
        assert run("predict", tmp_path / "a", tmp_path / "b", "-o", out)[0] == 0
        shutil.rmtree(out)
