"""`lvvol bench`: how fast this machine is."""

from __future__ import annotations

import click

from lvvol.cli.options import json_option, threads_option
from lvvol.cli.progress import progress_bars


@click.command()
@click.option(
    "--repeats",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Measurements that are timed, after one that is not.",
)
@click.option(
    "--phases",
    metavar="N",
    type=click.IntRange(2, 60),
    help="Phases of the phantom; 30 by default.",
)
@threads_option
@json_option("Print one JSON object instead of the table.")
def bench(repeats: int, phases: int | None, threads: int | None, as_json: bool) -> None:
    """Time every stage on this machine.

    Makes a phantom, measures it several times with the shipped weights, and prints the time of each
    stage (medians), studies per minute, and the largest memory. The volumes must be those of the
    phantom, and the same every time.

    \b
    Examples:
      lvvol bench
      lvvol bench --threads 1 --json
    """  # noqa: D301 - click reads the backspace
    from lvvol.bench import bench as measure
    from lvvol.report.result_json import to_json
    from lvvol.report.speed import format_speed

    with progress_bars(not as_json) as show:
        measured = measure(repeats=repeats, threads=threads or 0, phases=phases, progress=show)
    click.echo(to_json(measured) if as_json else format_speed(measured))
