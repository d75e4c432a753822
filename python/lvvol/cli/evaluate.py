"""`lvvol evaluate`: measure labelled patients and compare."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from lvvol.cli.options import PATH, json_option, weights_option


@click.command()
@click.argument("dataset", type=PATH)
@click.option(
    "--part",
    type=click.Choice(["train", "validation", "test", "left_out"]),
    default="validation",
    show_default=True,
    help="Which patients, by the committed split.",
)
@weights_option
@json_option("Print one JSON object, with every patient.")
def evaluate(dataset: Path, part: str, weights: Path | None, as_json: bool) -> None:
    """Compare measurements with a dataset's labels.

    Measures the labelled patients of DATASET as lvvol predict would. Prints Dice of P at ED and ES,
    how often the first ROI overlaps the labelled one by half, and the agreement of EDV, ESV and EF,
    from O and from binarised P.

    \b
    Examples:
      lvvol evaluate dsb2_png --part test
      lvvol evaluate dsb2_png --weights run --json > run/validation.json
    """  # noqa: D301 - click reads the backspace
    from lvvol import evaluate as evaluation
    from lvvol.cli.progress import progress_bars
    from lvvol.errors import DatasetError
    from lvvol.report.figures import format_figures
    from lvvol.report.write import to_json

    with progress_bars() as progress:
        results, refused = evaluation.evaluate(dataset, evaluation.Part(part), weights, progress)
    if not results:
        raise DatasetError(f"{dataset}: no {part} patient could be measured")
    summary = evaluation.summarise(results)
    if as_json:
        patients = [dataclasses.asdict(result) for result in results]
        click.echo(to_json({**summary, "refused": refused, "each": patients}))
        return
    click.echo(format_figures(summary, refused))
