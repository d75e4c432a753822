"""`lvvol inspect`: list the series of a study and show which are used, and why."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from lvvol.cli.options import PATH, json_option, series_option, study_argument, study_uid_option


@click.command()
@study_argument
@series_option
@study_uid_option
@json_option("Print one JSON object instead of tables.")
@click.option(
    "--png",
    metavar="FILE",
    type=PATH,
    help="Write a contact sheet of the stack: one row per slice, up to 12 phases across.",
)
def inspect(
    study: Path,
    series: tuple[str | int, ...],
    study_uid: str | None,
    as_json: bool,
    png: Path | None,
) -> None:
    """Show the contents of a study before measuring it.

    STUDY is a folder (searched with its subfolders), a zip or a tar of DICOM files.

    Prints all series (view, slices, phases, pixel size, whether used and why), the slices of the
    short-axis cine stack with their distances, warnings, and every decision with its reason. A
    study without such a stack is shown too, followed by the error. The tables and the sheet count
    phases and slices from 1, JSON from 0.

    \b
    Examples:
      lvvol inspect study/                         print the tables
      lvvol inspect study/ --png sheet.png         also draw every slice
      lvvol inspect study/ --series 5 --series 9   prefer series 5 and 9
      lvvol inspect study/ --json | jq .stack      the stack for a script

    Exit codes are those of lvvol predict: see docs/exit-codes.md. Research use only; not a medical
    device.
    """  # noqa: D301 - click reads the backspace
    from lvvol.cli.progress import progress_bars
    from lvvol.output import check_file, write_files
    from lvvol.report.survey import format_survey
    from lvvol.report.survey_json import format_survey_json

    if png is not None:
        check_file(png)

    from lvvol import dicom

    with progress_bars() as progress:
        survey = dicom.survey_study(
            study,
            series=series,
            progress=partial(progress, "read") if progress else None,
            study_uid=study_uid,
        )
    click.echo(format_survey_json(survey, study) if as_json else format_survey(survey))
    if survey.stack is None:
        assert survey.error is not None  # a survey has one or the other
        raise survey.error
    if png is None:
        return

    from lvvol.report.contact_sheet import draw_contact_sheet
    from lvvol.report.picture import encode_png

    write_files({png: encode_png(draw_contact_sheet(survey.stack))})
    if not as_json:
        click.echo(f"\nWrote {click.format_filename(png)}")
