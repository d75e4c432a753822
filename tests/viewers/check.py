"""The check: a phantom's images and results stored, found, read back and looked at."""

import io
import json
import re
import subprocess
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom

from lvvol import predict
from lvvol.export.masks import masks_of
from lvvol.phantom import make_phantom, write_study
from lvvol.provenance import Provenance
from lvvol.report.write import write_result
from tests.viewers import archive, site

PAGE = Path(__file__).resolve().parents[2] / "docs" / "viewers.md"
RESULTS = {"SEG": "seg_cine.dcm", "SR": "sr.dcm"}
MAX_AWAY = 0.03
"""How far the coloured area may be from the mask's, both relative to ED: neighbouring phases of the
phantom differ by up to 0.16."""


def run(folder, dist=None):
    """Run the check in a network of its own.

    Parameters
    ----------
    folder : Path
        An empty folder to work in.
    dist : Path, optional
        OHIF; without it the results are stored and read back only.

    Returns
    -------
    dict
        What was found.

    Raises
    ------
    AssertionError
        If a result comes back changed, or the contour does not follow the phases.
    """
    # GE, as it has all slices in one series, which the viewer opens with the segmentation.
    phantom = make_phantom(8, n_slices=6, n_phases=6, rows=160, vendor="GE MEDICAL SYSTEMS")
    study = write_study(phantom, folder / "study")
    prediction = predict(study)
    result = folder / "result"
    write_result(prediction, result, ("seg", "sr"), Provenance(study=study))
    files = [path.read_bytes() for path in sorted(study.rglob("*")) if path.is_file()]
    images = [content for content in files if content[128:132] == b"DICM"]
    contents = {kind: (result / name).read_bytes() for kind, name in RESULTS.items()}
    with archive.running(folder):
        archive.store([*images, *contents.values()])
        study_uid = prediction.stack.study_uid
        counted = archive.modalities(study_uid)
        assert (counted["SEG"], counted["SR"]) == (1, 1), counted
        for kind, content in contents.items():
            _came_back(study_uid, content, kind)
        found = {"versions": versions(dist), "images": counted["MR"], "phases": []}
        with site.serving(dist) if dist else nullcontext() as address:
            if address is not None:
                found["phases"] = _look(address, prediction, folder / "pictures")
    return found


def _came_back(study_uid, content, kind):
    """Compare a result with what the archive returns."""
    stored = pydicom.dcmread(io.BytesIO(content))
    returned = archive.retrieve(study_uid, stored.SeriesInstanceUID, stored.SOPInstanceUID)
    again = pydicom.dcmread(io.BytesIO(returned))
    assert again == stored, f"{kind} came back changed"


def _look(address, prediction, folder):
    """Compare the coloured area that the viewer shows at each phase with the mask."""
    from tests.viewers import ohif  # needs playwright

    folder.mkdir()
    z = prediction.stack.n_slices // 2
    covered = masks_of(prediction)[z].sum(axis=(1, 2))
    with ohif.opened(address, prediction.stack.study_uid) as page:
        page.screenshot(path=folder / "opened.png")
        try:
            ohif.load_segmentation(page)
            seen = ohif.look_at(page, prediction.stack.sop_instance_uids[z], folder)
        finally:
            page.screenshot(path=folder / "loaded.png")
    coloured = np.array([one.coloured for one in seen], dtype=float)
    ed = int(covered.argmax())
    shares = coloured / max(coloured[ed], 1)
    expected = covered / covered[ed]
    rows = [
        {
            "phase": t + 1,
            "mask_percent_of_ed": round(100 * float(expected[t]), 1),
            "viewer_percent_of_ed": round(100 * float(shares[t]), 1),
            "by_wheel": seen[t].by_wheel,
        }
        for t in range(len(seen))
    ]
    assert coloured[ed] > 0, "the viewer shows no segmentation"
    assert np.ptp(shares) > 0.2, f"the contour does not move: {rows}"
    np.testing.assert_allclose(shares, expected, atol=MAX_AWAY, err_msg=str(rows))
    return rows


def versions(dist):
    """Return the versions of the programs that took part."""
    found = {"lvvol": version("lvvol"), "Orthanc": _said("Orthanc", "--version")}
    if dist is not None:
        found["OHIF"] = json.loads((dist.parent / "package.json").read_text())["version"]
        found["Chromium"] = _said("chromium", "--version")
    return found


def _said(*command):
    """Return the version in what a program says of itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    numbers = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return numbers[0] if numbers else "unknown"


def write_page(found):
    """Write docs/viewers.md from what was found."""
    programs = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    n_wheel = sum(row["by_wheel"] for row in found["phases"])
    rows = [
        f"| {row['phase']} | {row['mask_percent_of_ed']} | {row['viewer_percent_of_ed']} |"
        for row in found["phases"]
    ]
    lines = [
        "# Results in an archive and a viewer",
        "",
        "`make viewers` stores a phantom with its `seg_cine.dcm` and `sr.dcm` in Orthanc by "
        "STOW-RS, finds them by QIDO-RS and reads them back by WADO-RS, unchanged. It opens the "
        "study in OHIF in a headless browser, loads the segmentation by a double click on its "
        "thumbnail, and goes through the phases of the middle slice. At each it counts the "
        f"coloured pixels; relative to ED they must be within {100 * MAX_AWAY:.0f} points of "
        "those of the mask. It writes this page, and the screenshots to `build/viewers`.",
        "",
        "It needs Debian's `orthanc-dicomweb` and `chromium`, `npm`, which fetches OHIF into "
        "`build`, and the right to make a network namespace: Orthanc listens on every address, so "
        "it gets a network of its own. `tests/viewers` runs the same where the programs are "
        "there, and skips with the reason where not.",
        "",
        f"The last run, with {programs}, stored {found['images']} images:",
        "",
        "| phase | mask, % of ED | coloured in OHIF, % of ED |",
        "|---|---|---|",
        *rows,
        "",
        f"The mouse wheel led to {n_wheel} of the {len(rows)} phases; the others were gone to by "
        "the viewer's own function.",
        "",
        "Where every slice is a series of its own, as scanners of some vendors write them, OHIF "
        "opens the segmentation on one of the series, and shows that slice with its contour; "
        "ways to lay it over the others were not tried.",
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
