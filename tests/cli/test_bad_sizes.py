"""The cost of bad input: bytes read, memory and work stay small whatever sizes it declares."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lvvol import errors, load_study
from tests.support import hostile
from tests.support.studies import good_study


def bytes_read():
    """Return the number of bytes that this process has read."""
    path = Path("/proc/self/io")
    if not path.exists():
        pytest.skip("this system does not count bytes read")
    return int(path.read_text().split("rchar: ")[1].split("\n")[0])


@pytest.mark.parametrize("name", ["disk.img", "disk.zip", "disk.tar", "in/disk.img"])
def test_large_non_dicom_file_costs_one_small_read(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        file.write(b"\x7fELF")
        file.truncate(2 << 30)
    study = path if path.parent == tmp_path else path.parent
    before = bytes_read()
    with pytest.raises((errors.NotDicomError, errors.ArchiveError)):
        load_study(study)
    assert bytes_read() - before < 1 << 20


MEASURED = """
import json, resource, sys
from lvvol import load_study, errors
from lvvol.dicom import load
room = int(sys.argv[1])
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + room, size + room))
for path in sys.argv[2:]:
    try:
        load_study(path)
        outcome = ["none", ""]
    except errors.LvvolError as error:
        outcome = [type(error).__name__, str(error)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([*outcome, peak]), flush=True)
"""


def load_in_little_memory(paths, room):
    """Load each path in a process limited to `room` more bytes; return the outcomes."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system cannot limit memory")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(room), *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_bombs_are_refused_in_little_memory(tmp_path):
    for name, make in hostile.BOMBS.items():
        make(tmp_path / name)
    loaded = load_in_little_memory([tmp_path / name for name in hostile.BOMBS], 400 << 20)
    outcomes = {
        name: (kind, line) for name, (kind, line, _) in zip(hostile.BOMBS, loaded, strict=True)
    }
    # Only the declared 200 bytes of the understated member are read. An archive within an archive
    # is a non-DICOM file.
    not_dicom = {"understated.zip", "inner.zip"}
    for name, (kind, line) in outcomes.items():
        assert "\n" not in line
        assert (name, kind) == (name, "NotDicomError" if name in not_dicom else "ArchiveError")
    for name in ("zeros.zip", "zeros.tar.gz", "zeros.tar.bz2", "zeros.tar.xz", "names.tar.gz"):
        assert "at most 100 times its size" in outcomes[name][1]


def test_large_file_that_begins_like_dicom(tmp_path):
    path = tmp_path / "study"
    good_study(path)
    with next(path.iterdir()).open("r+b") as file:
        file.truncate(2 << 30)
    ((kind, _, _),) = load_in_little_memory([path], 1536 << 20)
    assert kind == "none"  # the other files form a stack


def test_work_is_linear_in_the_number_of_files(tmp_path):
    """Counts function calls, not seconds: twice the files, at most about twice the calls."""

    def calls(n):
        folder = tmp_path / str(n)
        folder.mkdir()
        for i in range(n):
            (folder / f"{i}.txt").write_bytes(b"tiny")
        count = 0

        def one_more(*_):
            nonlocal count
            count += 1

        sys.setprofile(one_more)
        try:
            with pytest.raises(errors.NotDicomError):
                load_study(folder)
        finally:
            sys.setprofile(None)
        return count

    calls(10)  # one-time work
    assert calls(2000) < 2.1 * calls(1000)
