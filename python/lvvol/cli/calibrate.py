"""`lvvol calibrate`: fit intervals and bias to a site's own labelled studies."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import PATH, json_option, part_option, split_option, weights_option


@click.command()
@click.argument("dataset", type=PATH)
@click.option(
    "-o", "--output", metavar="FILE", required=True, type=PATH, help="Calibration to write, JSON."
)
@click.option("--source", metavar="NAME", help="Name of the calibration; that of FILE by default.")
@split_option
@part_option
@weights_option
@click.option(
    "--from-scratch",
    is_flag=True,
    help="Do not start from the shipped calibration, which steadies a fit to few patients.",
)
@click.option(
    "--keep-volumes", is_flag=True, help="Correct no bias: volumes stay as they are drawn."
)
@json_option("Print one JSON object instead of the table.")
def calibrate(
    dataset: Path,
    output: Path,
    source: str | None,
    split: str | None,
    part: str | None,
    weights: Path | None,
    from_scratch: bool,
    keep_volumes: bool,
    as_json: bool,
) -> None:
    """Fit a calibration to labelled studies of your own.

    Readers differ in where they put the base and in papillary muscles, and scanners in what they
    show. Twenty studies with known volumes tell how. DATASET is as in lvvol prepare; the simplest
    is a CSV with a study, edv_ml and esv_ml in each row. The networks must not have been trained on
    these patients.

    Prints how often intervals held the true volumes before and after, each patient judged by a fit
    to the others. lvvol predict --calibration FILE then uses the calibration, with the same weights
    only.

    \b
    Examples:
      lvvol calibrate studies.csv -o our_hospital.json
      lvvol predict study/ --calibration our_hospital.json
      lvvol calibrate cache --split split.json --part fold:2 --weights run -o run.json
    """  # noqa: D301 - click reads the backspace
    from lvvol.cli.progress import progress_bars
    from lvvol.datasets import ALL, read_split
    from lvvol.evaluate.calibrate import calibrate as fit_calibration
    from lvvol.output import check_file
    from lvvol.report.coverage import coverage_dict, format_coverage
    from lvvol.report.result_json import to_json
    from lvvol.uncertainty import write_calibration

    check_file(output)
    with progress_bars() as progress:
        found = fit_calibration(
            dataset,
            source or output.stem,
            part=part or ALL,
            split=None if split is None else read_split(split),
            weights=weights,
            from_scratch=from_scratch,
            keep_volumes=keep_volumes,
            progress=progress,
        )
    write_calibration(found.calibration, output)
    if as_json:
        before, after = coverage_dict(found.before), coverage_dict(found.after)
        click.echo(to_json({"before": before, "after": after, "refused": found.refused}))
        return
    click.echo(format_coverage(found.calibration, found.before, found.after, found.refused))
    click.echo(f"\nWrote {click.format_filename(output)}")
