"""`lvvol summarise`: the tables of a cohort, made anew from its folder."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.many import describe_counts, list_files
from lvvol.cli.options import PATH


@click.command()
@click.argument("out", type=PATH)
def summarise(out: Path) -> None:
    """Write the tables of many studies.

    OUT is the folder of lvvol predict with several studies, of one run or of several shards, also
    while they run. Writes summary.csv, one row a study, failures.csv, with the reasons, and the
    page summary.html.

    \b
    Examples:
      lvvol predict --each archive/ -o results --shard 1/2   on one machine
      lvvol predict --each archive/ -o results --shard 2/2   on another
      lvvol summarise results                                then, anywhere
    """  # noqa: D301 - click reads the backspace
    from lvvol.cohort import summary

    written = summary.summarise(out)
    click.echo(describe_counts(written.by_status))
    click.echo(f"Wrote {list_files(written.files)}")
