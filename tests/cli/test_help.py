import statistics
import subprocess
import sys
import time

import pytest

HEAVY = {"torch", "cv2", "pydicom", "numpy"}


def lvvol(*args):
    return subprocess.run(
        [sys.executable, "-m", "lvvol", *args], capture_output=True, text=True, check=False
    )


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from lvvol.cli import main; code = main(['--help']);"
        f"print(code, *sorted({HEAVY!r} & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["0"]


def test_help_takes_little_longer_than_python_and_click():
    def seconds(*command):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start

    ours = (sys.executable, "-m", "lvvol", "--help")
    bare = (sys.executable, "-c", "import click")
    # Alternately, as another process may take the core at any time. The ratio is about 1.6; NumPy
    # alone would make it 3.
    ratios = [seconds(*ours) / seconds(*bare) for _ in range(7)]
    assert statistics.median(ratios) < 2.2


def test_help_lists_the_commands_with_a_line_each(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    listed = out.split("Commands:")[1].split("\n")
    assert [line.split()[0] for line in listed if line] == [
        "predict",
        "summarise",
        "cohort-report",
        "inspect",
        "measure",
        "phantom",
        "prepare",
        "split",
        "train",
        "evaluate",
        "compare",
        "calibrate",
        "bench",
    ]
    assert not any(line.endswith("...") for line in listed)


@pytest.mark.parametrize(
    "command",
    [
        *("predict", "inspect", "measure", "phantom"),
        *("prepare", "split", "train", "evaluate", "compare", "calibrate", "bench"),
    ],
)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_teaches_by_examples(run, command, option):
    code, out, err = run(command, option)
    assert (code, err) == (0, "")
    examples = out.split("Examples:\n")[1].split("\n\n")[0].splitlines()
    assert len(examples) >= 2
    assert all(line.strip().startswith("lvvol ") for line in examples)


def test_version_is_that_of_the_package(run):
    import lvvol

    assert run("--version") == (0, f"lvvol {lvvol.__version__}\n", "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["weigh"], "No such command"),
        (["predict"], "Missing argument 'STUDY'"),
        (["predict", "study", "--threads", "0"], "--threads"),
        (["predict", "study", "--fast"], "No such option"),
    ],
)
def test_wrong_usage_is_exit_code_2(run, args, message):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_no_command_shows_the_help():
    done = lvvol()
    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr
