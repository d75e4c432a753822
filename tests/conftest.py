"""Fixtures shared by all tests."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest

from tests.support.opencv4 import OpenCV4
from tests.support.real_studies import STUDIES
from tests.support.studies import Study

REPOSITORY = Path(__file__).resolve().parents[1]

# Where processes share the cores (make test), threads of torch would only wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test fails because a machine is busy.
hypothesis.settings.register_profile("lvvol", deadline=None)
hypothesis.settings.load_profile("lvvol")


@pytest.fixture(scope="session")
def data_source() -> Path:
    """Return the folder that holds real data as it came; skip where there is none.

    It is LVVOL_DATA, else ``../shared/data`` beside the checkout. With LVVOL_REQUIRE_DATA=1 missing
    data is a failure.
    """
    source = Path(os.environ.get("LVVOL_DATA") or REPOSITORY.parent / "shared" / "data").resolve()
    if not source.is_dir():
        do_without(f"no real studies: {source} does not exist (set LVVOL_DATA)")
    return source


@pytest.fixture(scope="session")
def real_data(data_source: Path) -> Path:
    """Return the folder with the real studies, unpacked; skip where there are none.

    Zipped studies are unpacked once, into ``data/`` in the checkout, which git ignores.
    """
    if not _missing(data_source):
        return data_source
    if not (data_source / "unpack").is_file():
        do_without(
            f"no real studies: {data_source} lacks {_missing(data_source)[0]} and an unpack script"
        )
    unpacked = REPOSITORY / "data"
    unpacked.mkdir(exist_ok=True)
    # One process unpacks, others wait for it.
    with (unpacked / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _missing(unpacked):
            command = [sys.executable, str(data_source / "unpack"), str(unpacked)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0 or _missing(unpacked):
                pytest.fail(f"{data_source / 'unpack'} did not unpack every study: {done.stderr}")
    return unpacked


@pytest.fixture(scope="session")
def cascades(data_source: Path) -> list[Path]:
    """Return the cascades by opencv_traincascade; skip where there are none."""
    found = sorted((data_source / "cascades").glob("*.xml"))
    if not found:
        do_without(f"no cascades in {data_source}")
    return found


@pytest.fixture(scope="session")
def opencv4() -> Iterator[OpenCV4]:
    """Return OpenCV 4 in a process of its own; skip where it is not installed."""
    if not OpenCV4.FOLDER.is_dir():
        do_without(f"no OpenCV 4: {OpenCV4.FOLDER} does not exist (make setup installs it)")
    with OpenCV4() as opencv:
        yield opencv


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """An empty study in a folder of its own."""
    folder = tmp_path / "study"
    folder.mkdir()
    return Study(folder)


@pytest.fixture
def new_study(tmp_path: Path) -> Callable[[str], Study]:
    """Make further studies by name."""

    def make(name: str) -> Study:
        folder = tmp_path / name
        folder.mkdir()
        return Study(folder)

    return make


def _missing(folder: Path) -> list[str]:
    """Return the studies that are not in `folder`."""
    return [study for study in STUDIES if not (folder / study).is_dir()]


def do_without(reason: str) -> NoReturn:
    """Skip, or fail where the data must be there."""
    if os.environ.get("LVVOL_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
