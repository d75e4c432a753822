"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
STUDIES = (
    "dsb2_dicom/1",
    "dsb2_dicom/501",
    "sunnybrook/SCD_IMAGES_01/SCD0000101",
    "sunnybrook/SCD_IMAGES_01/SCD0000201",
    "sunnybrook/SCD_IMAGES_01/SCD0000301",
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder with the real studies, unpacked; skip where there are none.

    It is LVVOL_DATA, else ``../shared/data`` beside the checkout. Zipped studies are unpacked once,
    into ``data/`` in the checkout, which git ignores. With LVVOL_REQUIRE_DATA=1 missing
    data is a failure.
    """
    source = Path(os.environ.get("LVVOL_DATA") or REPOSITORY.parent / "shared" / "data").resolve()
    if not source.is_dir():
        _do_without(f"no real studies: {source} does not exist (set LVVOL_DATA)")
    if not _missing(source):
        return source
    if not (source / "unpack").is_file():
        _do_without(f"no real studies: {source} lacks {_missing(source)[0]} and an unpack script")
    unpacked = REPOSITORY / "data"
    if _missing(unpacked):
        command = [sys.executable, str(source / "unpack"), str(unpacked)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or _missing(unpacked):
            pytest.fail(f"{source / 'unpack'} did not unpack every study: {done.stderr}")
    return unpacked


def _missing(folder: Path) -> list[str]:
    """Return the studies that are not in `folder`."""
    return [study for study in STUDIES if not (folder / study).is_dir()]


def _do_without(reason: str) -> NoReturn:
    """Skip, or fail where the data must be there."""
    if os.environ.get("LVVOL_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
