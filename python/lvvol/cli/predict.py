"""`lvvol predict`: measure one study, or many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lvvol.cli.many import Wish, list_files, many_options, predict_many
from lvvol.cli.options import (
    bids_subject_option,
    calibration_option,
    convention_option,
    device_option,
    exclude_slices_option,
    height_option,
    identify_option,
    json_option,
    nifti_layout_option,
    output_option,
    series_option,
    studies_argument,
    study_uid_option,
    threads_option,
    weight_option,
    weights_option,
    write_option,
)

if TYPE_CHECKING:
    from lvvol.model import Device

MOST_NAMED = 6


@click.command()
@studies_argument
@output_option("OUT", "Write files and their manifest into this folder, created if missing.")
@write_option
@convention_option
@nifti_layout_option
@bids_subject_option
@height_option
@weight_option
@identify_option
@json_option("Print one JSON object instead of the table.")
@series_option
@study_uid_option
@exclude_slices_option
@threads_option
@device_option
@weights_option
@calibration_option
@click.option(
    "--level",
    metavar="SHARE",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="How often intervals hold the true value: 0.5, 0.8 or 0.9 in calibrations that ship.",
)
@many_options
def predict(
    studies: tuple[Path, ...],
    output: Path | None,
    names: tuple[str, ...] | None,
    convention: str,
    nifti_layout: str,
    bids_subject: str,
    height_cm: float | None,
    weight_kg: float | None,
    identify: bool,
    as_json: bool,
    series: tuple[str | int, ...],
    study_uid: str | None,
    excluded: tuple[int, ...],
    threads: int | None,
    device: Device,
    weights: Path | None,
    calibration: str,
    level: float,
    **many: Any,
) -> None:
    """Measure the left ventricle in one study, or in many.

    STUDY is a folder (searched with its subfolders), a zip or a tar of DICOM files. lvvol finds the
    short-axis cine stack in it and leaves other series out; lvvol inspect shows the choice.

    Prints EDV, ESV, SV and EF with intervals that hold the true value in 90 % of studies, the
    phases of ED and ES, the status with its reasons and the time of each stage. The table and the
    pictures count phases and slices from 1, JSON from 0. Writes no file without -o; with it,
    --write chooses which (docs/outputs.md).

    Several studies go to a folder each in OUT, named by the part of their paths that differs, and
    their results to summary.csv and failures.csv there. The same command again does what is left
    (docs/cohorts.md).

    \b
    Examples:
      lvvol predict study/                       print the table
      lvvol predict study.zip -o result          also write files
      lvvol predict study/ --json | jq .edv_ml   one number for a script
      lvvol predict a/ b/ c.zip -o results       several studies
      lvvol predict --each archive/ -o results   every study below a folder

    Each kind of bad input has its own exit code: see docs/exit-codes.md. Research use only; not a
    medical device.
    """  # noqa: D301 - click reads the backspace
    from lvvol.cli.progress import progress_bars
    from lvvol.provenance import NiftiForm
    from lvvol.report.files import DEFAULT, check_libraries, files_of
    from lvvol.report.manifest import check_result_folder
    from lvvol.report.result_json import format_json
    from lvvol.report.table import format_table

    if output is None and names is not None:
        raise click.UsageError("--write needs a folder to write to: -o OUT.")
    try:
        nifti = NiftiForm(nifti_layout, bids_subject)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error
    names = names or DEFAULT
    without_papillary_muscles = convention == "papillary-excluded"
    wish = Wish(**many)
    if len(studies) > 1 or wish.is_many:
        predict_many(
            wish,
            studies,
            output,
            names=names,
            series=series,
            weights=weights,
            calibration=calibration,
            level=level,
            threads=threads or 0,
            device=device,
            identify=identify,
            as_json=as_json,
            of_one={
                "--study": study_uid,
                "--height-cm": height_cm,
                "--weight-kg": weight_kg,
                "--exclude-slices": excluded or None,
                "--bids-subject": bids_subject or None,
                "--nifti-layout": None if nifti_layout == NiftiForm().layout else nifti_layout,
                "--convention": convention if without_papillary_muscles else None,
            },
        )
        return
    if not studies:
        raise click.UsageError("Missing argument 'STUDY'.")
    (study,) = studies
    if output is not None:
        check_result_folder(output, files_of(names))
        check_libraries(names)

    from lvvol import model

    with progress_bars() as progress:
        prediction = model.predict(
            study,
            series=series,
            weights=weights,
            calibration=calibration,
            level=level,
            threads=threads or 0,
            device=device,
            progress=progress,
            study_uid=study_uid,
            excluded=excluded,
        )
    if without_papillary_muscles:
        from lvvol.papillary import volumes_without_papillary_muscles

        prediction = replace(prediction, blood=volumes_without_papillary_muscles(prediction))
    written: tuple[Path, ...] = ()
    if output is not None:
        from lvvol.dicom.headers import read_patient
        from lvvol.provenance import Provenance
        from lvvol.report.write import write_result

        patient = read_patient(study, prediction.stack, identify=identify)
        provenance = Provenance(
            study=study,
            weights_sha256=model.hash_weights(weights),
            patient=patient.with_size(height_cm, weight_kg),
            nifti=nifti,
        )
        written = write_result(prediction, output, names, provenance)
    if as_json:
        click.echo(format_json(prediction))
        return
    click.echo(format_table(prediction))
    if written:
        click.echo(f"\nWrote {_listed(written)}")


def _listed(paths: Sequence[Path]) -> str:
    """Name a few files; count many, such as one a slice."""
    if len(paths) > MOST_NAMED:
        return f"{len(paths)} files in {click.format_filename(paths[0].parent)}"
    return list_files(paths)
