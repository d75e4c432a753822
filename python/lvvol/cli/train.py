"""`lvvol train`: a recipe and datasets to weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lvvol.cli.options import (
    PATH,
    output_option,
    part_option,
    recipe_option,
    resume_option,
    several_paths_option,
    split_option,
)
from lvvol.cli.several_values import SeveralValuesGroup
from lvvol.cli.train_detector import detector

if TYPE_CHECKING:
    from lvvol.train import BlockReport, DeviceName

_DETECTOR, _CLASSIFIER, _HFCN = STAGES = ("detector", "classifier", "hfcn")


class _Stages(SeveralValuesGroup):
    """Takes stages before the options; `detector` alone is a command with options of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn leading stages into options."""
        first_option = next((i for i, arg in enumerate(args) if arg.startswith("-")), len(args))
        leading = args[:first_option]
        if leading not in ([], [_DETECTOR]) and set(leading) <= set(STAGES):
            spelled_out = [word for stage in leading for word in ("--stage", stage)]
            return super().parse_args(ctx, [*spelled_out, *args[first_option:]])
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say where stages belong."""
        if args[0] in STAGES and args[0] not in self.commands:
            raise click.UsageError(f"{args[0]}: expected stages before the options.", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Stages,
    invoke_without_command=True,
    subcommand_metavar="",
    options_metavar="[STAGE]... [OPTIONS]",
)
@click.option("--stage", "stages", multiple=True, type=click.Choice(STAGES), hidden=True)
@click.option(
    "--alternate",
    is_flag=True,
    help="Train the ROI classifier, then HFCN alternately on segmentation and volumes; needs --seg "
    "and --vol.",
)
@several_paths_option("--seg", "DATASET", "Datasets with masks to learn from.")
@several_paths_option("--vol", "DATASET", "Datasets with volumes to learn from.")
@several_paths_option(
    "--surroundings", "STUDY", "With the stage detector: see lvvol train detector --help."
)
@output_option(
    "RUN", "Folder for weights, checkpoints and history, created if missing.  [required]"
)
@recipe_option("TOML file with the settings of the training; see recipes/.")
@split_option
@part_option
@click.option(
    "--validation",
    metavar="PART",
    help="Part of the split to measure after each block, such as validation or fold:2. The best "
    "block's weights are kept.",
)
@click.option(
    "--init", metavar="RUN", type=PATH, help="Folder of a run whose weights to begin with."
)
@click.option(
    "--repick",
    is_flag=True,
    help="Train HFCN twice: the second time with the phases of largest and smallest volume that "
    "the first model measures in whole cines.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to train; auto takes a GPU if there is one.",
)
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard's event files to RUN too.")
@resume_option("Continue the run in RUN where it stopped.")
@click.pass_context
def train(
    ctx: click.Context,
    stages: tuple[str, ...],
    alternate: bool,
    seg: tuple[Path, ...],
    vol: tuple[Path, ...],
    surroundings: tuple[Path, ...],
    output: Path | None,
    recipe: Path | None,
    split: str | None,
    part: str | None,
    validation: str | None,
    init: Path | None,
    repick: bool,
    device: DeviceName,
    tensorboard: bool,
    resume: bool,
) -> None:
    """Train the networks, or the detector, on labelled datasets.

    A DATASET is a folder whose contents tell its kind, or KIND:FOLDER, or a cache of `lvvol
    prepare`. All its patients are learned from; with --split those of its part train, unless --part
    says another.

    STAGEs are detector, classifier and hfcn. Without any, --alternate trains classifier and hfcn,
    --seg alone trains hfcn on masks, and --vol alone, with --init RUN, on volumes. Where a dataset
    has no masks, the classifier and the detector in RUN find the ventricle; those of --init, or the
    shipped ones, take the place of any that are not trained. --resume continues a stopped run.
    Several processes train together when torchrun starts them, as in `torchrun --nproc-per-node 2
    -m lvvol train ...`.

    \b
    Examples:
      lvvol train --alternate --seg dsb2_png sunnybrook_png --vol dsb2_png -o run --split shipped
      lvvol train --alternate --seg dsb2_png --vol dsb2_png -o run --split shipped --resume
      lvvol train --seg cache -o run --split folds.json --part not-fold:2 --validation fold:2
      lvvol train --vol dsb2 --init run -o finer --repick
      lvvol train detector classifier hfcn --alternate --seg cache --vol cache -o run
      lvvol train detector --seg dsb2_png sunnybrook_png -o run --split shipped
      lvvol predict study/ --weights run        measure with the new weights
    """  # noqa: D301 - click reads the backspace
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    chosen = _chosen(ctx, stages, init)
    assert output is not None
    from lvvol import train as training
    from lvvol.cli.interrupts import interrupted_by_sigterm
    from lvvol.cli.progress import print_line, progress_bars
    from lvvol.train.device import Compute, choose_device
    from lvvol.train.distributed import local_rank

    try:
        chosen_device = choose_device(device, local_rank())
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    settings = training.read_recipe(recipe) if recipe is not None else None
    selection = training.Selection(split, part, validation)
    prints = os.environ.get("RANK", "0") == "0"  # of the processes of torchrun

    def on_block(block: BlockReport) -> None:
        if prints:
            print_line(block.line())

    if prints and settings and Compute(chosen_device, settings.bfloat16).slow:
        print_line(
            "note: this processor has no bfloat16 instructions, so bfloat16 = true takes about ten "
            "times as long; set it to false in the recipe"
        )

    with interrupted_by_sigterm(), progress_bars(prints) as progress:
        if _DETECTOR in chosen and prints:
            training.train_detector(
                seg,
                surroundings,
                output,
                settings,
                selection=selection,
                resume=resume,
                progress=progress,
            )
        if networks := [stage for stage in chosen if stage != _DETECTOR]:
            training.train_networks(
                seg,
                vol,
                output,
                settings,
                stages=networks,
                selection=selection,
                init=init,
                repick=repick,
                device=device,
                tensorboard=tensorboard,
                resume=resume,
                progress=progress,
                on_block=on_block,
            )
    if prints:
        click.echo(f"Wrote weights to {click.format_filename(output)}")


def _chosen(ctx: click.Context, stages: Sequence[str], init: Path | None) -> list[str]:
    """Return the stages to train, in their order, if the options go together."""
    given = {name: bool(value) for name, value in ctx.params.items()}
    if stages:
        chosen = [stage for stage in STAGES if stage in stages]
    elif given["alternate"]:
        chosen = [_CLASSIFIER, _HFCN]
    elif given["seg"] or given["vol"]:
        chosen = [_HFCN]
    else:
        raise click.UsageError(
            "Choose what to train: --seg for masks, --vol with --init for volumes, both with "
            "--alternate, or detector."
        )
    if _HFCN in chosen:
        if given["alternate"]:
            _require(ctx, "seg", "vol")
        elif given["seg"] and given["vol"]:
            raise click.UsageError(
                "--seg, --vol: expected one of them, or both with --alternate, to train HFCN"
            )
        elif not given["seg"] and not given["vol"]:
            _require(ctx, "seg")
        elif not given["seg"] and init is None:
            raise click.UsageError(
                "--vol: expected --init RUN, a run trained on masks, as volumes alone do not teach "
                "where the cavity is; or --seg too, with --alternate"
            )
    for name in ("alternate", "vol", "repick"):
        if given[name] and _HFCN not in chosen:
            raise click.UsageError(f"--{name}: expected the stage hfcn, which it is for")
    if given["repick"] and not given["vol"]:
        raise click.UsageError("--repick: expected --vol, datasets whose phases to pick again")
    if given["surroundings"] and _DETECTOR not in chosen:
        raise click.UsageError("--surroundings: expected the stage detector, which it is for")
    _require(ctx, *["seg"] * (chosen != [_HFCN]), "output")
    return chosen


def _require(ctx: click.Context, *names: str) -> None:
    """Refuse missing options: click would require them for `detector` alone too."""
    for parameter in ctx.command.params:
        if parameter.name in names and not ctx.params.get(parameter.name):
            raise click.MissingParameter(ctx=ctx, param=parameter)


def _refuse_options(ctx: click.Context) -> None:
    """Refuse options before a subcommand's name, which would have no effect."""
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[-1]}: expected the options of {ctx.invoked_subcommand} after its "
                "name, got one before it"
            )


train.add_command(detector)
