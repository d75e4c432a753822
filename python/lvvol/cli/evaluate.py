"""`lvvol evaluate`: measure labelled patients, or read predictions, and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lvvol.cli.options import (
    PATH,
    calibration_option,
    json_option,
    output_option,
    part_option,
    split_option,
    weights_option,
)

# Patients of the remaining part, broken, have labels that contradict their images.
_SHIPPED_PARTS = ("train", "calibration", "validation", "test", "left_out", "all")


@click.command()
@click.argument("dataset", type=PATH, required=False)
@click.option(
    "--predictions",
    metavar="FILE",
    type=PATH,
    help="Score these predictions, of any program, instead of measuring.",
)
@click.option(
    "--labels", metavar="FILE", type=PATH, help="True volumes of the studies in --predictions."
)
@split_option
@part_option
@weights_option
@calibration_option
@output_option(
    "OUT",
    "Write JSON, tables (CSV, Markdown), figures and index.html into this folder; needs "
    "matplotlib.",
)
@json_option("Print one JSON object, with every patient.")
def evaluate(
    dataset: Path | None,
    predictions: Path | None,
    labels: Path | None,
    split: str | None,
    part: str | None,
    weights: Path | None,
    calibration: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Compare measurements, or others' predictions, with labels.

    Measures the labelled patients of DATASET as lvvol predict would, and prints how masks, ROIs,
    areas, volumes, intervals and status agree with the labels, with bootstrap intervals, and the
    worst patients. DATASET is as in lvvol prepare.

    Without --part these are the validation patients of the split or, where the split of the shipped
    model lists none of the patients, all of them.

    With --predictions and --labels nothing is measured: a CSV file of the Second Annual Data
    Science Bowl (Id, P0 to P599), or of columns id, edv_ml, esv_ml and perhaps edv_sigma_ml,
    esv_sigma_ml, is scored by a CSV file of columns Id, Systole, Diastole, or id, edv_ml, esv_ml.

    \b
    Examples:
      lvvol evaluate dsb2_png --part test --calibration dsb2
      lvvol evaluate dsb2_png --weights run --json > run/validation.json
      lvvol evaluate cache --split split.json --part fold:2 --weights run
      lvvol evaluate --predictions submission.csv --labels labels.csv -o scores
    """  # noqa: D301 - click reads the backspace
    from lvvol import evaluate as evaluation
    from lvvol.evaluate.peer import score_predictions
    from lvvol.output import check_folder
    from lvvol.report.figures import format_figures
    from lvvol.report.result_json import to_json

    if output is not None:
        import lvvol.report.evaluation.plots  # noqa: F401 - names the extra before the long work

        check_folder(output)
    if predictions is not None or labels is not None:
        given = {
            "DATASET": dataset,
            "--split": split,
            "--part": part,
            "--weights": weights,
            "--calibration": None if calibration == "none" else calibration,
        }
        unused = [name for name, value in given.items() if value is not None]
        if predictions is None or labels is None or unused:
            raise click.UsageError(
                "--predictions and --labels belong together, without DATASET and its options"
                + (f": got {', '.join(unused)}" if unused else "")
            )
        results, refused = score_predictions(predictions, labels)
        summary = evaluation.summarise(results, refused)
    elif dataset is None:
        raise click.UsageError("expected DATASET, or --predictions and --labels")
    else:
        results, refused, summary = _measure(dataset, split, part, weights, calibration)
    patients = [result.to_dict() for result in results]
    written = []
    if output is not None:
        from lvvol.report.evaluation.write import write_evaluation

        written = write_evaluation(summary, refused, patients, output)
    if as_json:
        click.echo(to_json({**summary, "refused": refused, "each": patients}))
        return
    click.echo(format_figures(summary, refused))
    if written:
        click.echo(f"\nWrote {click.format_filename(written[-1])} and {len(written) - 1} more")


def _measure(
    dataset: Path,
    split: str | None,
    part: str | None,
    weights: Path | None,
    calibration: str,
) -> tuple[list[Any], list[str], dict[str, Any]]:
    """Measure patients; return their results, those refused and the figures."""
    from lvvol import evaluate as evaluation
    from lvvol.cli.progress import progress_bars
    from lvvol.datasets import SHIPPED, Part, read_split
    from lvvol.errors import DatasetError

    if split is None and part not in (None, *_SHIPPED_PARTS):
        raise click.BadParameter(
            f"{part!r}: expected one of {', '.join(_SHIPPED_PARTS)} without --split",
            param_hint="'--part'",
        )
    chosen = None if split is None else read_split(split)
    with progress_bars() as progress:
        results, refused = evaluation.evaluate(
            dataset, part, weights, progress, chosen, calibration
        )
    if not results:
        raise DatasetError(
            f"{dataset}: no {part or ''} patient could be measured".replace("  ", " ")
        )
    summary = evaluation.summarise(results, refused)
    shipped = read_split(SHIPPED)
    summary["broken"] = [
        result.patient
        for result in results
        if shipped.lists(result.patient) and shipped.part_of(result.patient) == Part.BROKEN
    ]
    return results, refused, summary
