"""`lvvol train`: a recipe and datasets to weights."""

from __future__ import annotations

from pathlib import Path

import click

from lvvol.cli.options import (
    output_option,
    recipe_option,
    resume_option,
    several_paths_option,
)
from lvvol.cli.several_values import SeveralValuesGroup
from lvvol.cli.train_detector import detector


@click.group(cls=SeveralValuesGroup, invoke_without_command=True)
@click.option(
    "--alternate",
    is_flag=True,
    help="Train the ROI classifier, then HFCN alternately on segmentation and volumes.",
)
@several_paths_option("--seg", "DATASET", "Datasets with masks to learn from.  [required]")
@several_paths_option("--vol", "DATASET", "Datasets with volumes to learn from.  [required]")
@output_option(
    "RUN", "Folder for weights, checkpoints and history, created if missing.  [required]"
)
@recipe_option("TOML file with the settings of the training; see recipes/.")
@resume_option("Continue the run in RUN where it stopped.")
@click.pass_context
def train(
    ctx: click.Context,
    alternate: bool,
    seg: tuple[Path, ...],
    vol: tuple[Path, ...],
    output: Path | None,
    recipe: Path | None,
    resume: bool,
) -> None:
    """Train the networks, or the detector, on labelled datasets.

    A DATASET is a folder of DSB2 image pairs (train_validate.csv beside them) or of Sunnybrook as
    PNG (Images and Labels); its contents decide. Training uses only the training patients of the
    committed split. --resume continues a stopped run.

    \b
    Examples:
      lvvol train --alternate --seg dsb2_png sunnybrook_png --vol dsb2_png -o run
      lvvol train --alternate --seg dsb2_png --vol dsb2_png -o run --resume
      lvvol train detector --seg dsb2_png sunnybrook_png -o run
      lvvol predict study/ --weights run        measure with the new weights
    """  # noqa: D301 - click reads the backspace
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    if not alternate:
        raise click.UsageError("Choose what to train: --alternate, or detector.")
    # Required by this command only: click would require them for `detector` too.
    given = {"seg": seg, "vol": vol, "output": output}
    for parameter in ctx.command.params:
        if parameter.name in given and not given[parameter.name]:
            raise click.MissingParameter(ctx=ctx, param=parameter)
    assert output is not None
    from lvvol import train as training
    from lvvol.cli.progress import progress_bars

    settings = training.read_recipe(recipe) if recipe is not None else None
    with progress_bars() as progress:
        training.train_networks(seg, vol, output, settings, resume=resume, progress=progress)
    click.echo(f"Wrote weights to {click.format_filename(output)}")


def _refuse_options(ctx: click.Context) -> None:
    """Refuse options before a subcommand's name, which would have no effect."""
    for parameter in ctx.command.params:
        if parameter.name is not None and ctx.params.get(parameter.name):
            raise click.UsageError(
                f"{parameter.opts[-1]}: expected the options of {ctx.invoked_subcommand} after its "
                "name, got one before it"
            )


train.add_command(detector)
