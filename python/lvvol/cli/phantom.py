"""`lvvol phantom`: write a synthetic study."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("out", type=click.Path(path_type=Path, readable=False))
@click.option(
    "--seed",
    metavar="S",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Draw another heart, pose and scanner.",
)
@click.option(
    "--slices",
    metavar="N",
    type=click.IntRange(3, 30),
    help="Short-axis slices; by default as many as cover the left ventricle, 9 to 12.",
)
@click.option(
    "--phases",
    metavar="N",
    type=click.IntRange(2, 60),
    help="Phases of the cycle; by default 20, 25 or 30.",
)
def phantom(out: Path, seed: int, slices: int | None, phases: int | None) -> None:
    """Write a synthetic cine study of a beating heart into OUT.

    OUT must be missing or empty. It gets one folder of DICOM files a series (short-axis slices and
    a two-chamber view) and truth.json: true volumes of every phase and areas of every slice.

    \b
    Examples:
      lvvol phantom study              the same heart every time
      lvvol phantom study2 --seed 2    another one
    """  # noqa: D301 - click reads the backspace
    from lvvol.phantom import make_phantom, write_study
    from lvvol.phantom.files import check_folder

    check_folder(out)
    study = make_phantom(seed, n_slices=slices, n_phases=phases)
    write_study(study, out)
    n_slices, n_phases = study.images.shape[:2]
    truth = study.truth
    click.echo(
        f"{out}: {n_slices} slices x {n_phases} phases; "
        f"EDV {truth.edv_ml:.1f} mL, ESV {truth.esv_ml:.1f} mL, EF {truth.ef_percent:.1f} %"
    )
