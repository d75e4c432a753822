"""The check of `make viewers` as far as this machine has the programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.viewers import archive

ROOT = Path(__file__).resolve().parents[2]
OHIF = Path(os.environ.get("LVVOL_OHIF") or ROOT / "build" / "ohif" / "package" / "dist")


def lacking():
    """Return why the check cannot run here."""
    if missing := archive.missing():
        return f"not installed: {', '.join(missing)}"
    if shutil.which("unshare") is None:
        return "unshare is not installed"
    alone = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "" if alone.returncode == 0 else "no network namespaces here"


def run(*options):
    done = subprocess.run(
        [sys.executable, "-m", "tests.viewers", *options],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_an_archive_keeps_and_returns_seg_and_sr():
    """Seconds: a phantom is measured, and an archive started."""
    if reason := lacking():
        pytest.skip(reason)
    run()


def test_a_viewer_moves_the_contour_with_the_phases():
    """A minute or more: a browser without a graphics card draws."""
    reason = lacking() or ("" if shutil.which("chromium") else "Chromium is not installed")
    reason = reason or ("" if OHIF.is_dir() else f"no OHIF in {OHIF} (make viewers)")
    if reason:
        pytest.skip(reason)
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    run("--ohif", str(OHIF))
