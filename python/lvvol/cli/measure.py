"""`lvvol measure`: volumes of an edited mask."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import (
    PATH,
    exclude_slices_option,
    json_option,
    output_option,
    series_option,
    study_argument,
    study_uid_option,
)


@click.command()
@study_argument
@click.option(
    "--mask",
    metavar="FILE",
    required=True,
    type=PATH,
    help="The edited mask: contours.json, DICOM SEG, NIfTI or a folder of Sunnybrook contours.",
)
@output_option("OUT", "Write measured.json into this folder, created if missing.")
@json_option("Print one JSON object instead of the table.")
@exclude_slices_option
@click.option(
    "--compare",
    metavar="RESULT",
    type=PATH,
    help="A result.json of the same study: also show the difference of every slice.",
)
@series_option
@study_uid_option
def measure(
    study: Path,
    mask: Path,
    output: Path | None,
    as_json: bool,
    excluded: tuple[int, ...],
    compare: Path | None,
    series: tuple[str | int, ...],
    study_uid: str | None,
) -> None:
    """Measure a mask that was edited, without the networks.

    STUDY is the study that the mask was drawn on. Write a mask with lvvol predict --write contours,
    seg or nifti, change it in any program, and measure it by the same rules. A phase without any
    cavity counts as not drawn, so a mask of ED and ES is enough.

    \b
    Examples:
      lvvol predict study -o result --write json,nifti
      lvvol measure study --mask edited.nii.gz --compare result/result.json -o edited
      lvvol measure SCD0000101 --mask contours-manual/IRCCI-expert

    Research use only; not a medical device.
    """  # noqa: D301 - click reads the backspace
    from lvvol.output import check_folder, write_file
    from lvvol.report.edited import describe_edit, format_edit
    from lvvol.report.result_json import to_json

    if output is not None:
        check_folder(output)

    from lvvol.dicom import load_study
    from lvvol.measure import measure_mask

    stack = load_study(study, series=series, study_uid=study_uid)
    measured = measure_mask(mask, stack, excluded, study=study)
    document = describe_edit(measured, mask, stack, compare)
    if output is not None:
        write_file(output / "measured.json", (to_json(document) + "\n").encode())
    if as_json:
        click.echo(to_json(document))
        return
    click.echo(format_edit(measured, document))
    if output is not None:
        click.echo(f"\nWrote {click.format_filename(output / 'measured.json')}")
