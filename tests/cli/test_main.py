"""How the command line ends when something goes wrong."""

import os
import re
import subprocess
import sys
import warnings

import pytest

from lvvol import errors, model

ALL_ERRORS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.LvvolError)
]


@pytest.fixture(autouse=True)
def no_debugging(monkeypatch):
    monkeypatch.delenv("LVVOL_DEBUG", raising=False)


def raising(error):
    def predict(study, **options):
        raise error

    return predict


@pytest.mark.parametrize("kind", ALL_ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_one_line_and_its_code(run, monkeypatch, kind):
    monkeypatch.setattr(model, "predict", raising(kind("study/a.dcm: expected this, got that")))
    assert run("predict", "study") == (
        kind.exit_code,
        "",
        "lvvol: error: study/a.dcm: expected this, got that\n",
    )


def test_line_breaks_and_terminal_codes_in_a_message_stay_off_the_terminal(run, monkeypatch):
    error = errors.NotDicomError("a\nb\r\x1b[31m\u202ec")
    monkeypatch.setattr(model, "predict", raising(error))
    code, out, err = run("predict", "study")
    assert (code, out) == (13, "")
    assert err == "lvvol: error: a\\nb\\r\\x1b[31m\\u202ec\n"


def test_a_bug_is_one_line_with_a_hint(run, monkeypatch):
    monkeypatch.setattr(model, "predict", raising(ZeroDivisionError("division by zero")))
    code, out, err = run("predict", "study")
    assert (code, out) == (1, "")
    assert re.fullmatch(
        r"lvvol: error: .*ZeroDivisionError: division by zero.*LVVOL_DEBUG.*\n", err
    )


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), errors.NotCineError("x")])
def test_debugging_shows_the_traceback(run, monkeypatch, error):
    monkeypatch.setenv("LVVOL_DEBUG", "1")
    monkeypatch.setattr(model, "predict", raising(error))
    code, _, err = run("predict", "study")
    assert code == getattr(error, "exit_code", 1)
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("lvvol: error: ")


def test_interrupting_is_130(run, monkeypatch):
    monkeypatch.setattr(model, "predict", raising(KeyboardInterrupt()))
    assert run("predict", "study") == (130, "", "lvvol: interrupted\n")


def test_warnings_of_libraries_stay_off_the_terminal(run, monkeypatch):
    def warn(study, **options):
        warnings.warn("Invalid value for VR UI", stacklevel=1)
        raise errors.NotCineError("one phase")

    monkeypatch.setattr(model, "predict", warn)
    assert run("predict", "study") == (16, "", "lvvol: error: one phase\n")


@pytest.mark.parametrize("args", [["--help"], ["predict", "--help"]])
def test_a_reader_that_left_is_no_error_to_speak_of(args):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "lvvol", *args],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_the_installed_command_returns_the_code(tmp_path):
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "lvvol", "predict", str(tmp_path / "empty")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == errors.EmptyStudyError.exit_code
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
