"""`lvvol train detector`: datasets to the cascade that proposes squares."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import (
    output_option,
    part_option,
    recipe_option,
    resume_option,
    several_paths_option,
    split_option,
)
from lvvol.cli.several_values import SeveralValuesCommand


@click.command(cls=SeveralValuesCommand)
@several_paths_option(
    "--seg", "DATASET", "Datasets whose masks show where the LV is.", required=True
)
@several_paths_option(
    "--surroundings",
    "STUDY",
    "DICOM studies to learn from what lies around the heart, never from the heart itself.",
)
@output_option(
    "RUN", "Folder for detector.xml and a checkpoint, created if missing.", required=True
)
@recipe_option("TOML file with a table [detector]; see recipes/.")
@split_option
@part_option
@resume_option("Continue the run in RUN after its last stage.")
def detector(
    seg: tuple[Path, ...],
    surroundings: tuple[Path, ...],
    output: Path,
    recipe: Path | None,
    split: str | None,
    part: str | None,
    resume: bool,
) -> None:
    """Train the LBP cascade that proposes where the LV is.

    Positives are the labelled squares of the patients of each DATASET. Negatives are the
    rest of their slices, whole fields of view of synthetic studies, and the surroundings of the
    heart in each STUDY: a cascade that has seen only hearts takes a liver for one. DATASET is as in
    `lvvol train`. RUN may be the folder of such a run: `lvvol predict --weights RUN`
    needs the networks beside the detector.

    \b
    Examples:
      lvvol train detector --seg dsb2_png sunnybrook_png -o run --split shipped
      lvvol train detector --seg dsb2_png --surroundings study_1 study_2 -o run
      lvvol train detector --seg dsb2_png -o run --resume
    """  # noqa: D301 - click reads the backspace
    from lvvol import train as training
    from lvvol.cli.progress import progress_bars

    settings = training.read_recipe(recipe) if recipe is not None else None
    with progress_bars() as progress:
        training.train_detector(
            seg,
            surroundings,
            output,
            settings,
            selection=training.Selection(split, part),
            resume=resume,
            progress=progress,
        )
    click.echo(f"Wrote the detector to {click.format_filename(output)}")
