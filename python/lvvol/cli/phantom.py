"""`lvvol phantom`: write synthetic studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvvol.cli.options import PATH
from lvvol.cli.progress import progress_bars

if TYPE_CHECKING:
    from lvvol.phantom import PhantomStudy

# Repeated here so that --help need not load NumPy; a test compares them.
LAYOUT_NAMES = ("flat", "dsb2", "sunnybrook")
FAULT_NAMES = (
    "missing-slice",
    "interspersed-slice",
    "outlying-position",
    "rotated-slice",
    "other-spacing",
    "other-matrix",
    "repeated-stack",
    "repeated-slice",
    "missing-phases",
    "truncated-file",
    "foreign-files",
)


def _fault_names(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[str, ...]:
    """Split a comma-separated list of names."""
    if value == "all":
        return FAULT_NAMES
    names = tuple(name.strip() for name in value.split(",")) if value else ()
    for name in names:
        if name not in FAULT_NAMES:
            raise click.BadParameter(
                f"{name!r} is not a fault; expected all, or {', '.join(FAULT_NAMES)}"
            )
    return names


@click.command(
    epilog="Faults, for --faults: "
    + ", ".join(FAULT_NAMES)
    + ". docs/phantom.md says what each is."
)
@click.argument("out", type=PATH)
@click.option(
    "--n",
    "number",
    metavar="N",
    type=click.IntRange(1, 100_000),
    default=1,
    show_default=True,
    help="How many studies, of seeds S, S + 1, and so on.",
)
@click.option(
    "--seed",
    metavar="S",
    type=click.IntRange(0, 2**62),
    default=0,
    show_default=True,
    help="Seed of the heart, chest, pose and scanner.",
)
@click.option(
    "--layout",
    type=click.Choice(LAYOUT_NAMES),
    default="flat",
    show_default=True,
    help="Folders, file names, headers and labels: those of a scanner's export or of a dataset.",
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
@click.option(
    "--faults",
    metavar="LIST",
    callback=_fault_names,
    help="Faults to plant in every study: comma-separated names, or all.",
)
def phantom(
    out: Path,
    number: int,
    seed: int,
    layout: str,
    slices: int | None,
    phases: int | None,
    faults: tuple[str, ...],
) -> None:
    """Write synthetic cine studies of beating hearts into OUT.

    OUT must be missing or empty. A study is a folder of DICOM files (localisers, long-axis cines,
    the short-axis stack) with truth.json: true volumes, areas, and the correct reading.

    \b
    --layout flat        all files of a study in OUT, or in OUT/<seed> where N > 1
    --layout dsb2        OUT/<seed>/study/sax_5/IM-1000-0001.dcm ..., OUT/train.csv
    --layout sunnybrook  OUT/SCD_IMAGES_01/SCD0000001/CINESAX_4/IM-0001-0001.dcm ...,
                         OUT/SCD_ManualContours/..., OUT/scd_patientdata.csv

    \b
    Examples:
      lvvol phantom study              the same heart every time
      lvvol phantom study2 --seed 2    another one
      lvvol phantom bowl --n 20 --layout dsb2
      lvvol phantom broken --faults rotated-slice,truncated-file
    """  # noqa: D301 - click reads the backspace
    from lvvol.phantom import make_phantom, plant, write_studies, write_study
    from lvvol.phantom.export.files import check_empty_folder
    from lvvol.phantom.export.layouts import LAYOUTS
    from lvvol.phantom.faults import MIN_PHASES, MIN_SLICES

    if faults and (slices or MIN_SLICES) < MIN_SLICES:
        raise click.UsageError(f"--faults needs at least --slices {MIN_SLICES}, got {slices}.")
    if faults and (phases or MIN_PHASES) < MIN_PHASES:
        raise click.UsageError(f"--faults needs at least --phases {MIN_PHASES}, got {phases}.")
    check_empty_folder(out)
    vendor = LAYOUTS[layout].vendor

    def drawn(seed: int) -> PhantomStudy:
        study = make_phantom(seed, n_slices=slices, n_phases=phases, vendor=vendor)
        return plant(study, faults) if faults else study

    lines: list[str] = []
    if number == 1:
        study = drawn(seed)
        lines.append(_summary(write_study(study, out, layout), study))
    else:
        with progress_bars() as show:

            def written(folder: Path, study: PhantomStudy) -> None:
                lines.append(_summary(folder, study))
                if show is not None:
                    show("phantoms", len(lines), number)

            write_studies(map(drawn, range(seed, seed + number)), out, layout, written)
    for line in lines:
        click.echo(line)


def _summary(folder: Path, study: PhantomStudy) -> str:
    """Return the folder of a study and its true volumes."""
    reading, truth = study.reading, study.truth
    return (
        f"{folder}: {len(reading.slices)} slices x {reading.n_phases} phases; "
        f"EDV {truth.edv_ml:.1f} mL, ESV {truth.esv_ml:.1f} mL, EF {truth.ef_percent:.1f} %"
    )
