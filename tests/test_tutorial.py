"""The tutorial's console and Python blocks, run in order; "..." stands for any output."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "tutorial.md"
FLAGS = doctest.ELLIPSIS | doctest.REPORT_NDIFF


def blocks(language):
    text = DOCUMENT.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands():
    """Yield every command with the output that is shown."""
    for block in blocks("console"):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = entry.partition("\n")
            yield command, shown


def run(command, folder):
    """Run a command line in a folder; returns stdout and stderr together."""
    here = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("LVVOL_DEBUG", None)
    return subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


def test_the_tutorial_is_true(tmp_path, monkeypatch):
    checker = doctest.OutputChecker()
    for command, shown in commands():
        printed = run(command, tmp_path)
        example = doctest.Example(command, shown)
        assert checker.check_output(shown, printed, FLAGS), checker.output_difference(
            example, printed, FLAGS
        )
    assert {"sheet.png", "result/overlay.png", "result/result.json"} <= {
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")
    }

    monkeypatch.chdir(tmp_path)
    parser, names, failures = doctest.DocTestParser(), {}, []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for i, block in enumerate(blocks("pycon")):
        test = parser.get_doctest(block, names, f"Python block {i + 1}", str(DOCUMENT), 0)
        runner.run(test, out=failures.append, clear_globs=False)
        names = test.globs
    assert failures == []
