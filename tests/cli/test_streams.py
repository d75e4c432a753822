"""Closed or full streams, little memory and an early Ctrl-C: each has a code and line."""

import os
import resource
import signal
import subprocess
import sys

import pytest

from lvvol import errors, model
from lvvol.cli import OUT_OF_MEMORY_EXIT_CODE, memory
from tests.support.studies import good_study

LVVOL = f"{sys.executable} -m lvvol"


def shell(line, **options):
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False, timeout=120, **options
    )


@pytest.mark.parametrize("args", ["--version", "--help", "inspect STUDY"])
def test_a_full_stdout_is_an_output_error(tmp_path, args):
    good_study(tmp_path / "study")
    done = shell(f"{LVVOL} {args.replace('STUDY', str(tmp_path / 'study'))} > /dev/full")
    assert done.returncode == errors.OutputError.exit_code
    assert done.stderr == (
        "lvvol: error: standard output: cannot be written: No space left on device\n"
    )


@pytest.mark.parametrize("args", ["--help", "predict nowhere"])
def test_a_closed_stdout_is_an_output_error(args):
    done = shell(f"{LVVOL} {args} >&-")
    assert done.returncode == errors.OutputError.exit_code
    assert done.stderr.startswith("lvvol: error: standard output is closed")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_a_closed_or_full_stderr_changes_neither_result_nor_code(tmp_path, stderr):
    good_study(tmp_path / "study")
    done = shell(f"{LVVOL} inspect {tmp_path / 'study'} {stderr}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 slices" in done.stdout
    done = shell(f"{LVVOL} predict {tmp_path / 'nowhere'} {stderr}")
    assert (done.returncode, done.stdout) == (errors.StudyNotFoundError.exit_code, "")
    assert shell(f"{LVVOL} predict {stderr}").returncode == 2


def test_no_file_takes_the_descriptor_of_a_closed_stream(tmp_path):
    code = (
        "import os, sys\n"
        "from lvvol.cli.streams import prepare_streams\n"
        "prepare_streams()\n"
        "file = open(sys.argv[1], 'w')\n"
        "os.write(2, b'a message of a library')\n"
        "print(file.fileno() > 2)"
    )
    path = tmp_path / "result"
    done = shell(f'{sys.executable} -c "$CODE" {path} <&- 2>&-', env={**os.environ, "CODE": code})
    assert (done.returncode, done.stdout) == (0, "True\n")
    assert path.read_bytes() == b""


@pytest.mark.parametrize("threads", ["100000", "1025"])
def test_too_many_threads_are_a_usage_error(run, tmp_path, threads):
    code, out, err = run("predict", tmp_path, "--threads", threads)
    assert (code, out) == (2, "")
    assert "1<=x<=1024" in err


def test_little_memory_has_its_own_code(tmp_path):
    good_study(tmp_path / "study")

    def limit():
        # Between some 145 and 165 MB, OpenBLAS ends the process where it lacks its own buffers.
        resource.setrlimit(resource.RLIMIT_AS, (130 << 20, 130 << 20))

    done = subprocess.run(
        [sys.executable, "-m", "lvvol", "predict", str(tmp_path / "study")],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (OUT_OF_MEMORY_EXIT_CODE, "")
    assert done.stderr.splitlines()[-1].startswith("lvvol: error: not enough memory")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("std::bad_alloc"),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("lib.so: failed to map segment from shared object"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_lack_of_memory_is_recognised_in_its_forms(run, monkeypatch, error):
    def predict(study, **options):
        raise error

    monkeypatch.setattr(model, "predict", predict)
    code, out, err = run("predict", "study")
    assert (code, out) == (OUT_OF_MEMORY_EXIT_CODE, "")
    assert err.startswith("lvvol: error: not enough memory")


def test_the_cause_of_an_error_is_looked_at():
    error = ValueError("pixels")
    error.__cause__ = MemoryError()
    assert memory.lacks_memory(error)
    assert not memory.lacks_memory(ValueError("out of memory"))


@pytest.mark.parametrize("blocked", ["click", "lvvol.cli.predict"])
def test_an_interrupt_during_imports_is_130(blocked):
    """The import of `blocked` is interrupted, as by Ctrl-C at that moment."""
    code = (
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {blocked!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "sys.argv = ['lvvol', 'predict', 'nowhere']\n"
        "from lvvol.__main__ import main\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        # A shell that starts tests in the background ignores the signal for them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "lvvol: interrupted\n")
