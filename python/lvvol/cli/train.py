"""`lvvol train`: a recipe and datasets to weights."""

from __future__ import annotations

from pathlib import Path

import click

_TAKES_SEVERAL = ("--seg", "--vol")


class _SeveralValues(click.Command):
    """Lets `--seg A B` say what click would want as `--seg A --seg B`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each of its values, then parse."""
        spelled_out: list[str] = []
        option, n_values = "", 0
        for argument in [*args, "--"]:
            if argument.startswith("-"):
                if option and not n_values:
                    raise click.BadOptionUsage(option, f"Option {option!r} requires an argument.")
                option, n_values = (argument, 0) if argument in _TAKES_SEVERAL else ("", 0)
            elif option:
                if n_values:
                    spelled_out.append(option)
                n_values += 1
            spelled_out.append(argument)
        return super().parse_args(ctx, spelled_out)


@click.command(cls=_SeveralValues)
@click.option(
    "--alternate",
    is_flag=True,
    help="Train the ROI classifier, then HFCN in turn on segmentation and volumes.",
)
@click.option(
    "--seg",
    metavar="DATASET...",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="Datasets whose masks are learned from.",
)
@click.option(
    "--vol",
    metavar="DATASET...",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="Datasets whose volumes are learned from.",
)
@click.option(
    "-o",
    "--output",
    metavar="RUN",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="Folder for weights, checkpoints and history, made if missing.",
)
@click.option(
    "--recipe",
    metavar="FILE",
    type=click.Path(path_type=Path, readable=False),
    help="TOML file that says how to train; see recipes/.",
)
@click.option("--resume", is_flag=True, help="Go on where the run in RUN was stopped.")
def train(
    alternate: bool,
    seg: tuple[Path, ...],
    vol: tuple[Path, ...],
    output: Path,
    recipe: Path | None,
    resume: bool,
) -> None:
    """Train the networks on labelled datasets.

    A DATASET is a folder of DSB2 image pairs (train_validate.csv beside them) or of Sunnybrook as
    PNG (Images and Labels); which, is told from what it holds. Only the training patients of the
    committed split are learned from. A run that was stopped goes on with --resume.

    \b
    Examples:
      lvvol train --alternate --seg dsb2_png sunnybrook_png --vol dsb2_png -o run
      lvvol train --alternate --seg dsb2_png --vol dsb2_png -o run --resume
      lvvol predict study/ --weights run        measure with what was learned
    """  # noqa: D301 - click reads the backspace
    if not alternate:
        raise click.UsageError("Say what to train: --alternate.")
    from lvvol import train as training
    from lvvol.cli.progress import progress_bars

    settings = training.read_recipe(recipe) if recipe is not None else None
    with progress_bars() as progress:
        training.run(seg, vol, output, settings, resume=resume, progress=progress)
    click.echo(f"Wrote weights to {click.format_filename(output)}")
