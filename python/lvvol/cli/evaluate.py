"""`lvvol evaluate`: measure labelled patients and compare."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from lvvol.cli.options import PATH, json_option, part_option, split_option, weights_option

# Patients of the remaining part, broken, have labels that contradict their images.
_SHIPPED_PARTS = ("train", "calibration", "validation", "test", "left_out", "all")


@click.command()
@click.argument("dataset", type=PATH)
@split_option
@part_option
@weights_option
@json_option("Print one JSON object, with every patient.")
def evaluate(
    dataset: Path, split: str | None, part: str | None, weights: Path | None, as_json: bool
) -> None:
    """Compare measurements with a dataset's labels.

    Measures the labelled patients of DATASET as lvvol predict would. Prints Dice of P at ED and ES,
    how often the first ROI overlaps the labelled one by half, and the agreement of EDV, ESV and EF,
    from O and from binarised P. DATASET is as in lvvol prepare.

    Without --part these are the validation patients of the split or, where the split of the shipped
    model lists none of the patients, all of them.

    \b
    Examples:
      lvvol evaluate dsb2_png --part test
      lvvol evaluate dsb2_png --weights run --json > run/validation.json
      lvvol evaluate cache --split split.json --part fold:2 --weights run
    """  # noqa: D301 - click reads the backspace
    from lvvol import evaluate as evaluation
    from lvvol.cli.progress import progress_bars
    from lvvol.datasets import read_split
    from lvvol.errors import DatasetError
    from lvvol.report.figures import format_figures
    from lvvol.report.result_json import to_json

    if split is None and part not in (None, *_SHIPPED_PARTS):
        raise click.BadParameter(
            f"{part!r}: expected one of {', '.join(_SHIPPED_PARTS)} without --split",
            param_hint="'--part'",
        )
    chosen = None if split is None else read_split(split)
    with progress_bars() as progress:
        results, refused = evaluation.evaluate(dataset, part, weights, progress, chosen)
    if not results:
        raise DatasetError(
            f"{dataset}: no {part or ''} patient could be measured".replace("  ", " ")
        )
    summary = evaluation.summarise(results)
    if as_json:
        patients = [dataclasses.asdict(result) for result in results]
        click.echo(to_json({**summary, "refused": refused, "each": patients}))
        return
    click.echo(format_figures(summary, refused))
