"""`lvvol compare`: what differs between two evaluations."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import PATH, json_option


@click.command()
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@json_option("Print one JSON object, with every figure.")
def compare(a: Path, b: Path, as_json: bool) -> None:
    """Compare two evaluations patient by patient.

    A and B are files by lvvol evaluate --json, or folders by lvvol evaluate -o, of the same
    patients: two networks, or lvvol and another program. Prints each figure, the difference B - A
    with its bootstrap interval of 95 %, patients drawn in pairs, and which is better where that
    interval excludes 0.

    \b
    Examples:
      lvvol compare before.json after.json
      lvvol compare peer/ ours/ --json
    """  # noqa: D301 - click reads the backspace
    import dataclasses

    from lvvol.evaluate.compare import compare as compare_evaluations
    from lvvol.report.comparison import format_comparison
    from lvvol.report.result_json import to_json

    comparison = dataclasses.asdict(compare_evaluations(a, b))
    if as_json:
        click.echo(to_json({"schema_version": 1, **comparison}))
    else:
        click.echo(format_comparison(comparison))
