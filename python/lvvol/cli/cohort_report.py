"""`lvvol cohort-report`: one page on many studies."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import PATH


@click.command("cohort-report")
@click.argument("out", type=PATH)
def cohort_report(out: Path) -> None:
    """Write a page on many studies.

    OUT is the folder of lvvol predict with several studies, also while it runs. Writes
    summary.html: how many are ok, to review or failed and why, the distributions of EDV, ESV and
    EF, times, and a table with filters and links to each study's report, the widest intervals
    first. The page loads nothing and names no patient.

    \b
    Example:
      lvvol cohort-report results
    """  # noqa: D301 - click reads the backspace
    from lvvol.cohort.page import write_cohort_page

    click.echo(f"Wrote {click.format_filename(write_cohort_page(out))}")
