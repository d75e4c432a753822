"""`lvvol prepare`: read datasets once, into a cache."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import PATH, output_option


@click.command()
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True, type=PATH)
@output_option("CACHE", "Folder to write, or an earlier cache to complete.", required=True)
@click.option(
    "--lv-label",
    "cavity",
    metavar="N",
    multiple=True,
    type=click.IntRange(1, 65535),
    help="Label of the LV cavity in label maps; repeat for several. By default 3 in NIfTI as in "
    "ACDC, 1 in those of a table.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 1024),
    help="Number of processes that read; one per core by default.",
)
def prepare(
    datasets: tuple[Path, ...], output: Path, cavity: tuple[int, ...], jobs: int | None
) -> None:
    """Read datasets once, for training and evaluation.

    A DATASET is a folder or table whose contents tell its kind, or KIND:DATASET to say it. Kinds
    are cache, dsb2, dsb2_png, nifti, phantom, sunnybrook, sunnybrook_png and table;
    docs/datasets.md describes each. The CACHE is taken wherever a DATASET is, and reading it costs
    little time and memory.

    A second call goes on where the first was stopped, and reads again what has changed. Patients
    that cannot be read are listed with the reason, also in CACHE/dropped.csv.

    \b
    Examples:
      lvvol prepare dsb2/train sunnybrook -o cache
      lvvol prepare acdc/training --lv-label 3 -o cache
      lvvol prepare studies.csv -o cache --jobs 8
    """  # noqa: D301 - click reads the backspace
    from lvvol.cli.progress import progress_bars
    from lvvol.datasets.prepare import prepare as prepare_datasets
    from lvvol.errors import DatasetError
    from lvvol.report.text import one_line

    with progress_bars() as progress:
        done = prepare_datasets(datasets, output, cavity=cavity, jobs=jobs or 0, progress=progress)
    for entry in done.dropped:
        click.echo(one_line(f"dropped: {entry.why}"))
    if not done.read and not done.kept:
        raise DatasetError(
            f"{output}: none of {len(done.dropped)} patients could be prepared"
            if done.dropped
            else f"{', '.join(map(str, datasets))}: expected patients, got none"
        )
    click.echo(
        f"{click.format_filename(output)}: {len(done.read)} patients read, "
        f"{len(done.kept)} already there, {len(done.dropped)} dropped"
    )
