"""The real labelled datasets."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("dsb2_png", "sunnybrook_png")


@pytest.fixture(scope="session")
def real_labels(real_data):
    """Return the folder with dsb2_png/ and sunnybrook_png/, beside the real studies."""
    source = Path(os.environ.get("LVVOL_DATA") or REPOSITORY.parent / "shared" / "data").resolve()
    missing = [name for name in FOLDERS if not (source / name).is_dir()]
    if missing and os.environ.get("LVVOL_REQUIRE_DATA") == "1":
        pytest.fail(f"no labelled data: {source} lacks {missing}")
    if missing:
        pytest.skip(f"no labelled data: {source} lacks {missing}")
    return source
