"""``docs/results.md``: the paper's tables and figures with ours beside them.

``python -m benchmarks.pages.results [PNG] [DATA]`` writes the page, its figures and the figures
that other documents quote, from the files in ``benchmarks/results`` alone. With PNG, which holds
``dsb2_png`` and ``sunnybrook_png``, and DATA, the whole DICOM studies, unpacked, it first repeats
the measurements that were made with other weights than the committed ones.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.command import run
from benchmarks.machine import CHECKOUT, RESULTS
from benchmarks.pages import drawings, tables
from benchmarks.pages.figures import draw_all
from benchmarks.pages.files import MissingFigureError, filled, read_results
from benchmarks.pages.quoted import mend
from lvvol.model import hash_weights
from lvvol.networks.configs import RoiClassifierConfig
from lvvol.networks.files import ROI_CLASSIFIER_FILE, SHIPPED, read_weights

PAGE = CHECKOUT / "docs" / "results.md"
FIGURES = CHECKOUT / "docs" / "results"
MEASURED = {
    "accuracy": ("benchmarks.accuracy.patients", "dsb2", "data"),
    "trust": ("benchmarks.accuracy.trust", "dsb2"),
    "rois": ("benchmarks.accuracy.rois", "png"),
    "review": ("benchmarks.accuracy.review", "dsb2", "sunnybrook"),
    "phantoms": ("benchmarks.accuracy.phantoms", "dsb2"),
}
"""Result files that depend on the weights: the benchmark that writes each, and its arguments.

Those measured out of fold, by a run that is not committed, are repeated by hand."""


def stale(folder: Path = RESULTS) -> list[str]:
    """Return the result files that the committed weights have not made."""
    return [name for name in MEASURED if not _is_fresh(name, folder)]


def _is_fresh(name: str, folder: Path) -> bool:
    try:
        return bool(read_results(name, folder).get("weights_sha256") == hash_weights())
    except MissingFigureError:
        return False


def measure(png: Path, data: Path) -> None:
    """Repeat what was measured with other weights, each in its own process."""
    places = {"dsb2": png / "dsb2_png", "sunnybrook": png / "sunnybrook_png"}
    places |= {"png": png, "data": data}
    for name in stale():
        module, *arguments = MEASURED[name]
        print(f"{name}: python -m {module}", flush=True)
        command = [sys.executable, "-m", module, *(str(places[each]) for each in arguments)]
        subprocess.run(command, cwd=CHECKOUT, check=True)


def blocks() -> dict[str, str]:
    """Return the written parts of the page by name."""
    accuracy, trust, paper = (read_results(name) for name in ("accuracy", "trust", "paper"))
    config = read_weights(SHIPPED / ROI_CLASSIFIER_FILE, RoiClassifierConfig)[0]
    assert isinstance(config, RoiClassifierConfig)
    return {
        "agreement": tables.agreement(accuracy),
        "probability": tables.agreement(accuracy, "probability_"),
        "left-out": tables.left_out(accuracy),
        "table-1": tables.table_1(config),
        "table-2": tables.table_2(accuracy, trust, paper),
        "table-3": tables.table_3(trust),
        "steps": tables.steps(paper),
        "areas": tables.areas(paper),
        "against": tables.against(accuracy),
        "phantoms": tables.phantoms(read_results("phantoms")),
    }


def pictures() -> dict[str, str]:
    """Return the SVG of every figure by name."""
    accuracy, paper = read_results("accuracy"), read_results("paper")
    return {
        "fig3": drawings.search(paper["typical"]),
        "fig6": drawings.stacks([paper["typical"]]),
        "worst": drawings.stacks(paper["worst"]),
        **draw_all(accuracy, paper),
    }


def write() -> list[Path]:
    """Write the page, its figures and the quoted figures; return the files that changed."""
    FIGURES.mkdir(exist_ok=True)
    contents: dict[Path, str] = {FIGURES / f"{name}.svg": svg for name, svg in pictures().items()}
    contents[PAGE] = filled(PAGE.read_text(encoding="utf-8"), blocks())
    changed = []
    for path, content in contents.items():
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            changed.append(path)
    return [*changed, *(CHECKOUT / document for document in mend())]


def main(png: Path | None = None, data: Path | None = None) -> dict[str, Any]:
    """Measure what is stale, if the data are given, and write."""
    if png is not None and data is not None:
        measure(png, data)
    elif old := stale():
        print(f"not measured with the committed weights: {', '.join(old)}")
    for path in write():
        print(path)
    return {}


if __name__ == "__main__":
    run(main, __doc__, "[PNG]", "[DATA]")
