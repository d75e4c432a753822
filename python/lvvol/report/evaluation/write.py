"""Write the folder of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2

from lvvol.output import write_files
from lvvol.report.evaluation.plots import draw_figures
from lvvol.report.evaluation.tables import (
    digits,
    figures_csv,
    figures_of,
    markdown,
    patients_csv,
    slices_csv,
)
from lvvol.report.result_json import to_json
from lvvol.report.text import one_line

RESULT = "evaluation.json"

_CAPTIONS = {
    "volumes": "Measured over labelled values. Thin lines are 90 % intervals.",
    "agreement": "Differences over means of both, with mean and limits of agreement.",
    "doubt": "How often intervals hold the label, with bootstrap intervals, and in which tenth of "
    "their distributions labels lie: even where the distributions are right.",
    "images": "Masks of P, distances of outlines, and errors of the areas from O by level.",
}


def write_evaluation(
    summary: Mapping[str, Any], refused: Sequence[str], each: Sequence[dict[str, Any]], folder: Path
) -> list[Path]:
    """Write JSON, tables, figures and a page.

    Parameters
    ----------
    summary : mapping
        From `lvvol.evaluate.summarise`.
    refused : sequence of str
        Patients who could not be measured, with the reason.
    each : sequence of dict
        Results of the patients measured, as plain values.
    folder : Path
        Where to write, made if missing; earlier files of these names are replaced.

    Returns
    -------
    list of Path
        The files: ``index.html``, ``evaluation.json`` and ``.md``, ``figures.csv``,
        ``patients.csv``, ``slices.csv`` where masks are labelled, and figures as PNG and SVG.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    pictures = draw_figures(summary, each)
    contents = {
        RESULT: f"{to_json({**summary, 'refused': refused, 'each': each})}\n".encode(),
        "evaluation.md": markdown(summary, refused).encode(),
        "figures.csv": figures_csv(summary),
        "patients.csv": patients_csv(each),
        **({"slices.csv": slices_csv(each)} if any(p["slices"] for p in each) else {}),
        **pictures,
    }
    names = [name.removesuffix(".svg") for name in pictures if name.endswith(".svg")]
    page = _page(summary, refused, names, [*contents])
    contents["index.html"] = page.encode("utf-8", "backslashreplace")
    write_files({folder / name: content for name, content in contents.items()})
    return [folder / name for name in contents]


def _page(
    summary: Mapping[str, Any], refused: Sequence[str], pictures: list[str], files: list[str]
) -> str:
    """Return the page, which shows the figures that lie beside it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["digits"] = digits
    environment.filters["line"] = one_line
    return environment.get_template("index.html").render(
        summary=summary,
        figures=figures_of(summary),
        refused=refused,
        pictures=[(name, _CAPTIONS[name]) for name in pictures],
        files=files,
        version=version("lvvol"),
    )
