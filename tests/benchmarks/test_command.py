"""Benchmarks as commands: help, arguments and result files."""

import ast
import math
import os
import re
import runpy
import sys
from pathlib import Path

import pytest

import benchmarks
from benchmarks import command, machine
from benchmarks.command import call_apart

FOLDER = Path(benchmarks.__file__).parent
COMMANDS = {
    ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts).removesuffix(".__main__"): path
    for path in sorted(FOLDER.glob("*/*.py"))
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
}


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a benchmark as ``python -m`` does; return its exit code and output."""

    def run(path, *arguments):
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def as_command(monkeypatch):
    """Run a function as the benchmark ``speed/some.py``."""

    def call(main, *arguments, names=(), **options):
        monkeypatch.setattr(sys, "argv", [str(FOLDER / "speed" / "some.py"), *arguments])
        command.run(main, "What it does.", *names, **options)

    return call


@pytest.mark.parametrize("name", COMMANDS)
def test_every_benchmark_documents_its_arguments(run, name):
    if name.startswith("benchmarks.gpu"):
        pytest.importorskip("triton")
    path = COMMANDS[name]
    code, out, _ = run(path, "--help")
    usage = f"python -m {name}"
    assert code == 0
    assert out.startswith(f"usage: {usage} ")
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) in out
    # The arguments in the docstring are those it takes.
    documented = re.search(rf"``{usage}([^`]*)``", out)[1]
    documented = re.sub(r"\.\.\.|[\[\]]", "", documented).split()
    taken = out.partition("positional arguments:")[2].partition("options:")[0].split()
    assert taken == documented
    code, out, err = run(path, "--no-such-option")
    assert (code, out) == (2, "")
    assert err.startswith(f"usage: {usage} ")


def test_a_path_that_does_not_exist_is_an_error_before_anything_is_measured(run, tmp_path):
    path = COMMANDS["benchmarks.accuracy.patients"]
    code, _, err = run(path, tmp_path, tmp_path / "data")
    assert code == 2
    assert f"expected a path that exists, got {tmp_path / 'data'}\n" in err


def test_uncommitted_code_is_an_error_before_anything_is_measured(as_command, monkeypatch, capsys):
    monkeypatch.setattr(machine, "uncommitted_files", lambda: ["python/a.py"])
    with pytest.raises(SystemExit) as ended:
        as_command(lambda: pytest.fail("measured"), results="some")
    assert ended.value.code == 2
    assert "got changes to python/a.py (commit, or pass --allow-dirty)" in capsys.readouterr().err


def test_uncommitted_code_may_be_allowed(as_command, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(machine, "uncommitted_files", lambda: ["python/a.py"])
    monkeypatch.setattr(machine, "RESULTS", tmp_path)
    as_command(lambda: {"figure": 1}, "--allow-dirty", results="some")
    assert capsys.readouterr().out == f"{tmp_path / 'some.json'}\n"
    assert '"figure": 1' in (tmp_path / "some.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (("ONE", "TWO"), ("a", "b"), (["a", "b"], {})),
        (("MANY...",), ("a", "b", "c"), (["a", "b", "c"], {})),
        (("[MAYBE]",), (), ([], {})),
        (("[MAYBE]",), ("a",), (["a"], {})),
        (("ONE", "--only"), ("a", "--only", "some text"), (["a"], {"only": "some text"})),
    ],
)
def test_paths_come_in_order_and_options_by_name(
    as_command, monkeypatch, tmp_path, names, given, expected
):
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        (tmp_path / name).touch()
    calls = []
    as_command(
        lambda *paths, **options: calls.append(([path.name for path in paths], options)),
        *given,
        names=names,
    )
    assert calls == [expected]


def test_call_apart_calls_in_another_process():
    assert call_apart(math.hypot, 3, 4) == 5
    assert call_apart(os.getpid) != os.getpid()
