"""`lvvol split`: assign patients to folds."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import PATH


@click.command()
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True, type=PATH)
@click.option(
    "--folds", metavar="K", required=True, type=click.IntRange(2, 1000), help="Number of folds."
)
@click.option(
    "--seed",
    metavar="S",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Another seed gives another assignment.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    required=True,
    type=PATH,
    help="JSON file to write. Patients that it already lists stay in their folds.",
)
def split(datasets: tuple[Path, ...], folds: int, seed: int, output: Path) -> None:
    """Assign the patients of datasets to folds.

    A patient's fold follows from a hash of the name, so it does not change when patients are added;
    folds are equal in size only on average. Other commands take FILE as --split: with it, --part
    fold:2 are the patients of fold 2, --part not-fold:2 all others.

    DATASET is as in lvvol prepare. A FILE may also be written by hand, with parts of any name:
    {"train": ["dsb2/0004"], "validation": ["dsb2/0012"]}.

    \b
    Examples:
      lvvol split cache --folds 5 -o split.json
      lvvol split dsb2/train sunnybrook --folds 4 --seed 7 -o split.json
    """  # noqa: D301 - click reads the backspace
    from lvvol.datasets import open_dataset, read_split
    from lvvol.datasets.split import make_folds
    from lvvol.output import check_file, write_file

    check_file(output)
    known = read_split(output) if output.exists() else None
    names = [name for place in datasets for name in open_dataset(place).names]
    assigned = make_folds(str(output), names, folds, seed, known)
    write_file(output, assigned.to_json().encode())
    for part, patients in assigned.parts.items():
        click.echo(f"{part}: {len(patients)} patients")
