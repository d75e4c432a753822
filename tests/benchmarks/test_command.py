"""Benchmarks as commands: what they say of themselves, and what they are given."""

import ast
import math
import os
import re
import runpy
import sys
from pathlib import Path

import pytest

import benchmarks
from benchmarks.command import call_apart

FOLDER = Path(benchmarks.__file__).parent
COMMANDS = sorted(
    path
    for room in ("accuracy", "speed")
    for path in (FOLDER / room).glob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a benchmark as ``python -m`` does; return its exit code and what it said."""

    def run(path, *arguments):
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_every_benchmark_says_what_it_does_and_takes(run, path):
    code, told, _ = run(path, "--help")
    usage = f"python -m benchmarks.{path.parent.name}.{path.stem}"
    assert code == 0
    assert told.startswith(f"usage: {usage} ")
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) in told
    # What stands behind its name in the docstring is what it takes.
    promised = re.search(rf"``{usage}([^`]*)``", told)[1]
    promised = re.sub(r"\.\.\.|[\[\]]", "", promised).split()
    asked = told.partition("positional arguments:")[2].partition("options:")[0].split()
    assert asked == promised
    code, out, err = run(path, "--no-such-option")
    assert (code, out) == (2, "")
    assert err.startswith(f"usage: {usage} ")


def test_a_path_that_does_not_exist_is_told_before_anything_is_measured(run, tmp_path):
    code, _, err = run(FOLDER / "accuracy" / "patients.py", tmp_path, tmp_path / "data")
    assert code == 2
    assert f"expected a path that exists, got {tmp_path / 'data'}\n" in err


def test_work_apart_is_done_in_another_process():
    assert call_apart(math.hypot, 3, 4) == 5
    assert call_apart(os.getpid) != os.getpid()
